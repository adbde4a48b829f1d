//! What else is done to a store: what ends, stops, opens and tells, as the service's own do it.

use std::time::Duration;

use velum_approval::record::Released;
use velum_approval::{
    ApprovalId, DenyCode, Emergency, EmergencyOpening, EmergencyRefused, Event, Identity,
    OutcomeReport, Reason, Record, Stop, StopScope, Timestamp, WorkerId, transition,
};

use super::super::{Batch, Change, Once, Operation, Repeat, Secret, StoreError, Transaction};
use super::kit::Kit;

/// Ends an approval whose time has run out, `times` over from one reading; tells whether it did.
#[derive(Clone)]
pub(super) struct End {
    pub(super) kit: Kit,
    pub(super) id: ApprovalId,
    pub(super) times: usize,
    pub(super) fails: bool,
}

impl Operation for End {
    type Output = bool;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let approval = transaction.approval(&self.id).await?;
        let approval = approval.ok_or(StoreError::Refused("an end of nothing"))?;
        let late = self.kit.now.after(Duration::from_hours(1));
        let Ok((approval, record)) = transition(&approval, &Event::Expire, late) else {
            return Ok(false);
        };
        for _ in 0..self.times {
            let change = Change::Case {
                approval: &approval,
                written: None,
                evidence: None,
            };
            let stamp = self.kit.stamp()?;
            transaction.apply(&change, &record, &stamp).await?;
        }
        if self.fails {
            return Err(StoreError::Refused("on purpose"));
        }
        Ok(true)
    }
}

/// Ends an approval, and makes nothing of a statement that fails after that.
#[derive(Clone)]
pub(super) struct Stubborn(pub(super) End);

impl Operation for Stubborn {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        self.0.run(transaction).await?;
        let batch = Batch {
            gateway: self.0.kit.gateway.clone(),
            worker: WorkerId::from_bytes([7; 16]),
            sequence: 0,
            missing: 0,
            is_late: false,
            lost: 0,
            requests: 0,
            body: "{}".to_owned(),
        };
        let stamp = self.0.kit.stamp()?;
        // The schema has no batch of this number.
        let _ = transaction.keep(&batch, stamp.now).await;
        Ok(())
    }
}

/// A record and nothing else.
#[derive(Clone)]
pub(super) struct Note {
    pub(super) kit: Kit,
    pub(super) at: Timestamp,
}

impl Operation for Note {
    type Output = u64;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<u64, StoreError> {
        let record = Record::RequestRefused {
            gateway: self.kit.gateway.clone(),
            action: None,
            code: DenyCode::RateLimited,
        };
        let stamp = self.kit.stamp_at(self.at)?;
        transaction.apply(&Change::Nothing, &record, &stamp).await
    }
}

/// Stops an approval, and gives the index of the record that says so.
#[derive(Clone)]
pub(super) struct Halt {
    pub(super) kit: Kit,
    pub(super) id: ApprovalId,
}

impl Operation for Halt {
    type Output = u64;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<u64, StoreError> {
        let Halt { kit, id } = self;
        transaction.lock_log().await?;
        let scope = StopScope::Approval { id: id.clone() };
        let [person, _] = kit.people.clone();
        let (stop, record) = Stop::begin(kit.new_id()?, scope, None, person, kit.now);
        let change = Change::Stop {
            stop: &stop,
            comment: None,
        };
        transaction.apply(&change, &record, &kit.stamp()?).await
    }
}

/// Opens an emergency access for a principal, unless there is one that nobody has reviewed; tells whether it did.
#[derive(Clone)]
pub(super) struct BreakGlass {
    pub(super) kit: Kit,
    pub(super) principal: Identity,
}

impl Operation for BreakGlass {
    type Output = bool;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let BreakGlass { kit, principal } = self;
        let invented = |_| StoreError::Refused("an invented case");
        let reason = Reason::new("patient unconscious").map_err(invented)?;
        let action = "read".parse().map_err(invented)?;
        transaction.lock_log().await?;
        let earlier = transaction.unreviewed_emergencies().await?;
        let reason = Secret::new(&reason, &kit.rules, &*kit.random)?;
        let [person, _] = &kit.people;
        let opening = EmergencyOpening {
            id: kit.new_id()?,
            person,
            is_admitted: true,
            principal,
            requester: kit.requester.clone(),
            excluded: &kit.excluded,
            action: &action,
            reason: reason.commitment,
            lifetime: Duration::from_mins(10),
            most: Duration::from_mins(10),
            is_blocked: earlier.iter().any(|one| one.principal == *principal),
            is_reviewable: true,
        };
        let (emergency, record) = match Emergency::open(opening, kit.now) {
            Ok(opened) => opened,
            Err(EmergencyRefused::Unreviewed) => return Ok(false),
            Err(_) => return Err(StoreError::Refused("an invented case")),
        };
        let change = Change::Emergency {
            emergency: &emergency,
            written: Some(&reason),
        };
        transaction.apply(&change, &record, &kit.stamp()?).await?;
        Ok(true)
    }
}

/// A record under an idempotency key, and what came of it.
#[derive(Clone)]
pub(super) struct Keyed {
    pub(super) kit: Kit,
    pub(super) once: Once,
}

impl Operation for Keyed {
    type Output = String;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<String, StoreError> {
        let Keyed { kit, once } = self;
        match transaction.repeat(Some(once), kit.now).await? {
            Repeat::First => {}
            Repeat::Again(thing) => return Ok(thing),
            Repeat::Other => return Err(StoreError::Refused("a key of another request")),
        }
        let thing = kit.new_id::<ApprovalId>()?.to_string();
        transaction.lock_log().await?;
        let note = Note {
            kit: kit.clone(),
            at: kit.now,
        };
        note.run(transaction).await?;
        transaction.note(Some(once), &thing, kit.now).await?;
        Ok(thing)
    }
}

/// Notes what left under a use, unless that was done; tells whether it did.
#[derive(Clone)]
pub(super) struct Report {
    pub(super) kit: Kit,
    pub(super) report: OutcomeReport,
}

impl Operation for Report {
    type Output = bool;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let Report { kit, report } = self;
        transaction.approval(&report.approval).await?;
        let uses = transaction.uses(&report.approval).await?;
        let made = uses.iter().find(|one| one.made.use_key == report.use_key);
        let made = made.ok_or(StoreError::Refused("an outcome of nothing"))?;
        if transaction
            .has_outcome(&kit.gateway, report.use_key)
            .await?
        {
            return Ok(false);
        }
        transaction.lock_log().await?;
        let record = Record::Released(Box::new(Released {
            gateway: kit.gateway.clone(),
            report: report.clone(),
            used: made.made.index,
        }));
        let change = Change::Outcome {
            gateway: &kit.gateway,
            report,
        };
        transaction.apply(&change, &record, &kit.stamp()?).await?;
        Ok(true)
    }
}
