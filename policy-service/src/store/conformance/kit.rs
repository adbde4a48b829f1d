//! Invented cases and the operations on them, as the service's own do it.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use velum_approval::{
    Approval, ApprovalId, Ask, Ballot, Check, Decision, Directory, Event, ExcludedPersons,
    FingerprintMac, GatewayId, Identity, IdentityKind, Opening, Panel, Party, PersonId, Reason,
    RecordId, ReviewRule, Reviewers, RouteTemplate, RouteWords, Timestamp, Use, UseKey, Verdict,
    decide, transition,
};
use velum_engine::{Profile, Ruleset};

use super::super::{
    Change, Granted, NewUse, Operation, Secret, Stamp, Store, StoreError, Transaction,
};
use super::Ground;
use crate::random::{self, Random};

/// What the checks work with; cheap to clone.
#[derive(Clone)]
pub(super) struct Kit(Arc<Parts>);

pub(super) struct Parts {
    pub(super) store: Store,
    pub(super) other: Store,
    pub(super) grants: usize,
    pub(super) now: Timestamp,
    pub(super) gateway: GatewayId,
    pub(super) random: Arc<dyn Random>,
    /// Both of whom review.
    pub(super) people: [PersonId; 2],
    pub(super) requester: Party,
    /// One of them has to agree.
    panel: Panel,
    /// Both of them have to.
    pair: Panel,
    pub(super) excluded: ExcludedPersons,
    pub(super) rules: Ruleset,
    /// Tells this run's cases from those that are there.
    run: [u8; 16],
    next: AtomicU64,
}

impl std::ops::Deref for Kit {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Kit {
    pub(super) fn new(ground: &Ground) -> Result<Kit, String> {
        let invented = |_| "an invented name is refused".to_owned();
        let person = |name: &str| PersonId::new(name).map_err(invented);
        let people = [person("grace")?, person("omar")?];
        let requester = PersonId::new("dr-jones").map_err(invented)?;
        let asks = identity().ok_or("an invented identity is refused")?;
        let directory = Directory::builder()
            .person(requester, [asks.clone()])
            .build()
            .map_err(|error| error.to_string())?;
        let party = directory.party(&asks).cloned();
        let rule = |quorum| ReviewRule::new(quorum, Vec::new()).map_err(|error| error.to_string());
        let excluded = directory
            .resolve_with(&asks, &lineage(&asks)?)
            .map_err(|_| "an invented lineage is unknown")?;
        let reviewers = people.clone().map(|person| (person, BTreeSet::default()));
        let reviewers = Reviewers::from(reviewers);
        let rules = Ruleset::builder().profile(Profile::Pii).build();
        Ok(Kit(Arc::new(Parts {
            store: ground.store.clone(),
            other: ground.other.clone(),
            grants: ground.grants,
            now: ground.now,
            gateway: GatewayId::new("edge").map_err(invented)?,
            random: ground.random.clone(),
            people,
            requester: party.ok_or("an invented party is unknown")?,
            panel: Panel::new(&rule(1)?, &reviewers, &excluded),
            pair: Panel::new(&rule(2)?, &reviewers, &excluded),
            excluded,
            rules: rules.map_err(|error| error.to_string())?,
            run: random::bytes(&*ground.random).map_err(|error| error.to_string())?,
            next: AtomicU64::new(0),
        })))
    }

    /// One of the two views, so that half of those who race come through each.
    pub(super) fn view(&self, number: usize) -> &Store {
        if number.is_multiple_of(2) {
            &self.store
        } else {
            &self.other
        }
    }

    /// A request that nobody has asked for yet.
    pub(super) fn new_check(&self) -> Result<Check, String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut fingerprint = [0; 32];
        let (run, rest) = fingerprint.split_at_mut(self.run.len());
        run.copy_from_slice(&self.run);
        for (to, from) in rest.iter_mut().zip(number.to_be_bytes()) {
            *to = from;
        }
        let asks = identity().ok_or("an invented identity is refused")?;
        let check = json!({
            "use_key": self.new_use_key()?,
            "principal": asks,
            "lineage": [asks],
            "action": "read",
            "method": "GET",
            "authority": "fhir.example",
            "path": "/Patient/{…}",
            "query": "",
            "resource": "AAAAAAAAAAAAAAAAAAAAAA",
            "fingerprint": velum_approval::Fingerprint::from_bytes(fingerprint),
            "policy": velum_approval::PolicyDigest::from_bytes([7; 32]),
            "classes": ["name"],
        });
        serde_json::from_value(check).map_err(|error| error.to_string())
    }

    pub(super) fn new_use_key(&self) -> Result<UseKey, String> {
        random::bytes(&*self.random)
            .map(UseKey::from_bytes)
            .map_err(|error| error.to_string())
    }

    /// The hash of something that nobody has.
    pub(super) fn new_hash(&self) -> Result<[u8; 32], String> {
        random::bytes(&*self.random).map_err(|error| error.to_string())
    }

    pub(super) fn stamp(&self) -> Result<Stamp, StoreError> {
        self.stamp_at(self.now)
    }

    pub(super) fn stamp_at(&self, now: Timestamp) -> Result<Stamp, StoreError> {
        let id = random::sortable_id(&*self.random, now)?.to_string();
        let record = RecordId::new(id).map_err(|_| StoreError::Refused("a record id"))?;
        Ok(Stamp { now, record })
    }

    /// An id that nothing has.
    pub(super) fn new_id<Id: FromStr>(&self) -> Result<Id, StoreError> {
        let id = random::sortable_id(&*self.random, self.now)?.to_string();
        id.parse().map_err(|_| StoreError::Refused("an id"))
    }

    /// Has an approval opened and granted.
    pub(super) async fn granted(&self, check: &Check) -> Result<ApprovalId, String> {
        self.granted_for(check, 1).await
    }

    /// The same, for so many uses.
    pub(super) async fn granted_for(&self, check: &Check, uses: u32) -> Result<ApprovalId, String> {
        let open = Open::new(self, check.clone()).with_uses(uses);
        let id = self.opened(open).await?;
        let approve = Approve::one(self, &id);
        patiently(|| self.store.write(approve.clone())).await?;
        Ok(id)
    }

    /// Has an approval opened, unless one is open for the same ask.
    pub(super) async fn asked(&self, check: &Check) -> Result<ApprovalId, String> {
        self.opened(Open::new(self, check.clone())).await
    }

    /// Has such an approval opened.
    pub(super) async fn opened(&self, open: Open) -> Result<ApprovalId, String> {
        let opened = patiently(|| self.store.write(open.clone())).await?;
        opened.ok_or_else(|| "an ask was refused".to_owned())
    }
}

fn identity() -> Option<Identity> {
    Identity::new(IdentityKind::Jwt, "https://idp.example", "dr-jones").ok()
}

fn lineage(identity: &Identity) -> Result<velum_approval::Lineage, String> {
    velum_approval::Lineage::new(vec![identity.clone()])
        .map_err(|_| "an invented lineage is refused".to_owned())
}

fn mac(check: &Check) -> FingerprintMac {
    FingerprintMac::of(&check.fingerprint, &[9; 32])
}

/// Tries again, as a gateway does, when others were in the way.
pub(super) async fn patiently<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, String>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut tries = 0;
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(
                StoreError::Conflict
                | StoreError::Unreachable
                | StoreError::OutcomeUnknown
                | StoreError::Database(_)
                | StoreError::Writer(_),
            ) if tries < 5 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Opens an approval, or finds the one that is open; `None` where the cap is reached.
#[derive(Clone)]
pub(super) struct Open {
    kit: Kit,
    check: Check,
    cap: u32,
    reason: Option<Reason>,
    uses: u32,
    panel: Panel,
}

impl Open {
    pub(super) fn new(kit: &Kit, check: Check) -> Open {
        Open {
            kit: kit.clone(),
            check,
            cap: u32::MAX,
            reason: None,
            uses: 1,
            panel: kit.panel.clone(),
        }
    }

    /// Its grant may be used so often.
    pub(super) fn with_uses(self, uses: u32) -> Open {
        Open { uses, ..self }
    }

    /// Both people have to approve it.
    pub(super) fn of_two(self) -> Open {
        let panel = self.kit.pair.clone();
        Open { panel, ..self }
    }

    pub(super) fn with_cap(self, cap: u32) -> Open {
        Open { cap, ..self }
    }

    pub(super) fn with_reason(self, reason: Reason) -> Open {
        Open {
            reason: Some(reason),
            ..self
        }
    }
}

impl Operation for Open {
    type Output = Option<ApprovalId>;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Output, StoreError> {
        let Open {
            kit, check, cap, ..
        } = self;
        let mac = mac(check);
        let known = transaction.approval_for_ask(&check.principal, &mac).await?;
        if let Some(known) = known.filter(|known| !known.state.is_final()) {
            return Ok(Some(known.id));
        }
        let (principal, action) = (&check.principal, &check.action);
        let load = transaction
            .load(&[principal], action, kit.now, kit.now)
            .await?;
        if load.of_principal >= u64::from(*cap) {
            return Ok(None);
        }
        let reason = self
            .reason
            .as_ref()
            .map(|reason| Secret::new(reason, &kit.rules, &*kit.random))
            .transpose()?;
        let words = RouteWords::new([(Some(0), "Patient")], []);
        let opening = Opening {
            id: kit.new_id()?,
            gateway: kit.gateway.clone(),
            check,
            route: RouteTemplate::again(&check.path, &check.query, &words),
            fingerprint_mac: mac,
            requester: kit.requester.clone(),
            panel: &self.panel,
            reason: reason.as_ref().map(|reason| reason.commitment),
            collecting: None,
            uses: self.uses,
            in_emergency: false,
            step_up: None,
            lifetime: Duration::from_mins(15),
        };
        let opened = Approval::open(opening, kit.now);
        let (approval, record) = opened.map_err(|_| StoreError::Refused("an invented case"))?;
        let change = Change::Open {
            approval: &approval,
            reason: reason.as_ref(),
        };
        transaction.apply(&change, &record, &kit.stamp()?).await?;
        Ok(Some(approval.id))
    }
}

/// A yes of one of the two people.
#[derive(Clone)]
pub(super) struct Approve {
    kit: Kit,
    id: ApprovalId,
    person: PersonId,
    panel: Panel,
}

impl Approve {
    /// The yes that grants it.
    pub(super) fn one(kit: &Kit, id: &ApprovalId) -> Approve {
        let [person, _] = kit.people.clone();
        Approve {
            kit: kit.clone(),
            id: id.clone(),
            person,
            panel: kit.panel.clone(),
        }
    }

    /// The two that together grant it.
    pub(super) fn two(kit: &Kit, id: &ApprovalId) -> [Approve; 2] {
        kit.people.clone().map(|person| Approve {
            kit: kit.clone(),
            id: id.clone(),
            person,
            panel: kit.pair.clone(),
        })
    }
}

impl Operation for Approve {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let Approve {
            kit,
            id,
            person,
            panel,
        } = self;
        let approval = transaction.approval(id).await?;
        let approval = approval.ok_or(StoreError::Refused("a vote on nothing"))?;
        let ballot = Ballot {
            person,
            verdict: Verdict::Approve {
                scope: approval.asked(),
                seconds: None,
                unseen: false,
            },
            version: None,
            comment: None,
            public_reason: None,
            assertion: None,
            panel,
            rules: &BTreeSet::new(),
            grant_lifetime: Duration::from_mins(5),
        };
        let Ok((approval, record)) = transition(&approval, &Event::Vote(ballot), kit.now) else {
            // It counted already, in a commit whose answer was lost.
            return Ok(());
        };
        let change = Change::Vote {
            approval: &approval,
            written: Vec::new(),
            signed: None,
        };
        transaction.apply(&change, &record, &kit.stamp()?).await?;
        Ok(())
    }
}

/// What a use came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Used {
    /// It is this stream's, at this index of the log.
    Mine(u64),
    /// Another stream's.
    Theirs,
}

/// Uses a grant.
#[derive(Clone)]
pub(super) struct Consume {
    pub(super) kit: Kit,
    pub(super) id: ApprovalId,
    pub(super) check: Check,
    pub(super) use_key: UseKey,
}

impl Operation for Consume {
    type Output = Used;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<Used, StoreError> {
        self.make(transaction, None).await
    }
}

impl Consume {
    /// Makes the use; where a second stream is given, it is made for that too, of the approval as it was before.
    pub(super) async fn make(
        &self,
        transaction: &mut Transaction,
        second: Option<UseKey>,
    ) -> Result<Used, StoreError> {
        let Consume {
            kit,
            id,
            check,
            use_key,
        } = self;
        let approval = transaction.approval(id).await?;
        let approval = approval.ok_or(StoreError::Refused("a use of nothing"))?;
        // What the service's own use reads and locks, in its order.
        let stops = transaction.stops(kit.now).await?;
        let uses = transaction.uses(id).await?;
        let made: Vec<Use> = uses.into_iter().map(|one| one.made).collect();
        let ask = Ask {
            gateway: &kit.gateway,
            use_key: *use_key,
            fingerprint_mac: mac(check),
            principal: &check.principal,
            policy: check.policy,
            waiting: false,
            stops: &stops,
        };
        let grant = match decide(&approval, &ask, &made, &kit.panel, kit.now) {
            Decision::Allow(grant) => grant,
            Decision::Replay(made) => return Ok(Used::Mine(made.index)),
            _ => return Ok(Used::Theirs),
        };
        transaction.lock_log().await?;
        let event = Event::Consume {
            ask,
            uses: &made,
            panel: &kit.panel,
        };
        let (next, record) = transition(&approval, &event, kit.now)
            .map_err(|_| StoreError::Refused("a use that was not decided"))?;
        let granted = Granted {
            scope: grant.scope,
            is_seen: grant.seen,
            lifts_until: grant.expires,
            expires: kit.now,
        };
        transaction.require_stops(&stops, kit.now).await?;
        let change = |use_key| Change::Use {
            made: NewUse {
                approval: &next,
                gateway: &kit.gateway,
                use_key,
                grant: &granted,
            },
            emergency: None,
        };
        let stamp = kit.stamp()?;
        let index = transaction
            .apply(&change(*use_key), &record, &stamp)
            .await?;
        if let Some(second) = second {
            let stamp = kit.stamp()?;
            transaction.apply(&change(second), &record, &stamp).await?;
        }
        Ok(Used::Mine(index))
    }
}
