//! Whatever happens, in whatever order: what an approval never does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use velum_approval::{
    Approval, Ask, Ballot, Cause, Emergency, EmergencyId, EmergencyOpening, Event, Evidence, Found,
    GrantLimits, Opening, Panel, PersonId, Record, Scope, State, StopScope, Tags, Timestamp, Use,
    Verdict, transition,
};
use velum_engine::{Class, ClassSet};

use crate::cast::{
    GRANT, START, check, directory, gateway, jwt, leaf, mac, no_rules, opening, panel, person,
    policy, use_key,
};

const PEOPLE: [&str; 6] = ["dr-jones", "grace", "bob", "ann", "cid", "stranger"];
/// Those of them who may vote on the bot's requests.
const MAY_VOTE: [&str; 3] = ["grace", "bob", "ann"];
const CLASSES: [Class; 4] = [Class::Name, Class::Date, Class::Mrn, Class::Ssn];

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Evidence {
        stream: u8,
    },
    Unseen,
    Vote {
        person: usize,
        classes: Option<u8>,
        /// Of the records, and of the grant's life; 0 names none.
        records: u64,
        seconds: u32,
        unseen: bool,
        take_back: bool,
        version: Option<u64>,
    },
    Question {
        person: usize,
    },
    Explain {
        requester: bool,
    },
    Consume {
        stream: u8,
        fingerprint: u8,
        policy: u8,
        requester: bool,
        stopped: bool,
    },
    BreakGlass {
        principal: bool,
        fingerprint: u8,
    },
    Withdraw {
        requester: bool,
    },
    Supersede {
        policy: u8,
    },
    Revoke {
        person: usize,
    },
    Expire,
}

/// Mostly what an honest party does, so that sequences reach a grant and its use.
fn step() -> impl Strategy<Value = Step> {
    let mostly_one = || prop_oneof![5 => Just(1_u8), 1 => Just(2_u8)];
    let mostly = || proptest::bool::weighted(0.8);
    let rarely = || proptest::bool::weighted(0.1);
    let vote = (
        0..PEOPLE.len(),
        proptest::option::weighted(0.9, 0_u8..16),
        prop_oneof![4 => Just(0_u64), 1 => 1_u64..4],
        prop_oneof![4 => Just(0_u32), 1 => 1_u32..600],
        mostly(),
        rarely(),
        proptest::option::weighted(0.2, 1_u64..6),
    );
    prop_oneof![
        1 => mostly_one().prop_map(|stream| Step::Evidence { stream }),
        1 => Just(Step::Unseen),
        12 => vote.prop_map(|(person, classes, records, seconds, unseen, take_back, version)| {
            Step::Vote { person, classes, records, seconds, unseen, take_back, version }
        }),
        1 => (0..PEOPLE.len()).prop_map(|person| Step::Question { person }),
        1 => mostly().prop_map(|requester| Step::Explain { requester }),
        6 => (0_u8..4, mostly_one(), mostly_one(), mostly(), rarely()).prop_map(
            |(stream, fingerprint, policy, requester, stopped)| {
                Step::Consume { stream, fingerprint, policy, requester, stopped }
            }
        ),
        1 => (rarely(), mostly_one()).prop_map(
            |(principal, fingerprint)| Step::BreakGlass { principal, fingerprint }
        ),
        1 => mostly().prop_map(|requester| Step::Withdraw { requester }),
        1 => mostly_one().prop_map(|policy| Step::Supersede { policy }),
        1 => (0..PEOPLE.len()).prop_map(|person| Step::Revoke { person }),
        1 => Just(Step::Expire),
    ]
}

fn class_set(bits: u8) -> ClassSet {
    let among = CLASSES
        .iter()
        .enumerate()
        .filter(|(bit, _)| bits >> bit & 1 == 1);
    among.map(|(_, class)| *class).collect()
}

/// What is true of an approval after any history; kept by rules of its own, not by `transition`'s.
#[derive(Default)]
struct Watch {
    /// Each voter's latest yes: classes, records, seconds.
    yes: BTreeMap<PersonId, (ClassSet, u64, u32)>,
    /// The uses that were made, as the store keeps them.
    uses: Vec<Use>,
}

impl Watch {
    fn note(&mut self, step: &Step, now: Timestamp) {
        match step {
            Step::Vote {
                person: index,
                classes,
                records,
                seconds,
                take_back,
                ..
            } => {
                let voter = person(PEOPLE[*index]);
                match classes {
                    Some(bits) if !take_back => self
                        .yes
                        .insert(voter, (class_set(*bits), *records, *seconds)),
                    _ => self.yes.remove(&voter),
                };
            }
            // They agreed to another reason.
            Step::Explain { .. } => self.yes.clear(),
            Step::Consume { stream, .. } => self.uses.push(Use {
                gateway: gateway(),
                use_key: use_key(*stream),
                at: now,
                index: 0,
            }),
            _ => {}
        }
    }

    fn check(&self, quorum: u32, step: &Step, before: &Approval, after: &Approval, now: Timestamp) {
        let is_recalled = before.state == State::Used && after.state == State::Revoked;
        assert!(
            !before.state.is_final() || is_recalled,
            "a final state changed: {before:?}"
        );
        assert_eq!(after.version, before.version + 1);
        assert!(after.granted.is_within(&after.asked()), "wider than asked");
        assert!(self.uses.len() <= after.uses as usize, "used too often");
        let streams: BTreeSet<_> = self.uses.iter().map(|made| made.use_key).collect();
        assert_eq!(streams.len(), self.uses.len(), "a stream used it twice");
        if after.state == State::Approved {
            self.check_grant(quorum, after);
        }
        let is_use = after.used > before.used;
        assert!(after.state != State::Used || is_use, "used without a use");
        if is_use {
            let honest = match step {
                Step::Consume {
                    fingerprint: 1,
                    policy: 1,
                    requester: true,
                    stopped: false,
                    ..
                } => {
                    assert_eq!(before.state, State::Approved, "used without a grant");
                    self.check_grant(quorum, before);
                    now < before.grant_expires.unwrap()
                }
                Step::BreakGlass {
                    principal: true,
                    fingerprint: 1,
                } => {
                    assert!(after.emergency.is_some() && now < emergency().0.until);
                    true
                }
                _ => false,
            };
            assert!(honest, "released to another request: {step:?}");
        }
        if let Step::Vote {
            unseen: false,
            classes: Some(_),
            take_back: false,
            ..
        } = step
        {
            assert!(!before.is_unseen, "approved unawares");
        }
        if before.state == State::Collecting {
            assert_ne!(after.state, State::Approved, "approved unseen");
        }
    }

    fn check_grant(&self, quorum: u32, after: &Approval) {
        assert!(
            self.yes.len() >= usize::try_from(quorum).unwrap(),
            "without its quorum"
        );
        assert!(
            self.yes
                .keys()
                .all(|voter| MAY_VOTE.contains(&voter.as_str()))
        );
        let agreed = self
            .yes
            .values()
            .fold(after.classes, |all, (yes, ..)| all.intersection(*yes));
        let records = self.yes.values().map(|(_, records, _)| *records);
        assert_eq!(after.granted.classes, agreed);
        assert_eq!(
            after.granted.limits.records,
            records.filter(|it| *it > 0).min()
        );
        assert!(
            !agreed.is_empty() || after.classes.is_empty(),
            "an empty grant"
        );
        let seconds = self.yes.values().map(|(.., seconds)| *seconds);
        let last = after.votes.last().unwrap().at;
        let lifetime = seconds.filter(|it| *it > 0).min().map(u64::from);
        let lifetime = lifetime.map_or(GRANT, Duration::from_secs).min(GRANT);
        assert_eq!(after.grant_expires, Some(last.after(lifetime)));
    }
}

/// The access that is there in every history, with the record that opens it.
pub(crate) fn emergency() -> (Emergency, Record) {
    let (bot, action) = (jwt("triage-bot"), check().action);
    let excluded = directory().resolve_with(&bot, &check().lineage).unwrap();
    let opening = EmergencyOpening {
        id: EmergencyId::new("e1").unwrap(),
        person: &person("ann"),
        is_admitted: true,
        principal: &bot,
        requester: directory().party(&bot).unwrap().clone(),
        excluded: &excluded,
        action: &action,
        reason: velum_approval::Commitment::to("", &[0; 32]),
        lifetime: Duration::from_mins(10),
        most: Duration::from_hours(1),
        is_blocked: false,
        is_reviewable: true,
    };
    Emergency::open(opening, START).unwrap()
}

fn apply(
    approval: &Approval,
    step: &Step,
    quorum: u32,
    uses: &[Use],
    now: Timestamp,
) -> Option<(Approval, Record)> {
    static CAST: LazyLock<([Panel; 3], Emergency)> =
        LazyLock::new(|| ([1, 2, 3].map(panel), emergency().0));
    let (panels, emergency) = &*CAST;
    let panel = &panels[quorum as usize - 1];
    let (gateway, bot, other) = (gateway(), jwt("triage-bot"), jwt("grace"));
    let principal = |requester: bool| if requester { &bot } else { &other };
    let who = match step {
        Step::Vote { person: index, .. }
        | Step::Question { person: index }
        | Step::Revoke { person: index } => PEOPLE[*index],
        _ => "grace",
    };
    let who = person(who);
    let stops = [StopScope::Everything];
    let ask = |stream: u8, fingerprint: u8, digest: u8, requester: bool, stopped: bool| Ask {
        gateway: &gateway,
        use_key: use_key(stream),
        fingerprint_mac: mac(fingerprint),
        principal: principal(requester),
        policy: policy(digest),
        waiting: false,
        stops: if stopped { &stops } else { &[] },
    };
    let evidence = |stream| Evidence {
        use_key: use_key(stream),
        found: Found::new([(Class::Name, 2)]),
        records: 1,
        bytes: 300,
        tags: Tags::new([[1; 8], [2; 8]]).unwrap(),
        complete: true,
        shape: None,
    };
    let shown;
    let event = match step {
        Step::Evidence { stream } => {
            shown = evidence(*stream);
            Event::Evidence {
                gateway: &gateway,
                evidence: &shown,
            }
        }
        Step::Unseen => Event::Unseen,
        Step::Vote {
            classes,
            records,
            seconds,
            unseen,
            take_back,
            version,
            ..
        } => Event::Vote(Ballot {
            person: &who,
            verdict: match classes {
                _ if *take_back => Verdict::TakeBack,
                Some(bits) => Verdict::Approve {
                    scope: Scope {
                        limits: GrantLimits {
                            records: Some(*records).filter(|it| *it > 0),
                            bytes: None,
                        },
                        ..Scope::of(class_set(*bits))
                    },
                    seconds: Some(*seconds).filter(|it| *it > 0),
                    unseen: *unseen,
                },
                None => Verdict::Deny,
            },
            version: *version,
            comment: None,
            public_reason: None,
            assertion: None,
            panel,
            rules: no_rules(),
            grant_lifetime: GRANT,
        }),
        Step::Question { .. } => Event::Question {
            person: &who,
            version: None,
            comment: None,
            panel,
        },
        Step::Explain { requester } => Event::Explain {
            principal: principal(*requester),
            reason: velum_approval::Commitment::to("", &[1; 32]),
        },
        Step::Consume {
            stream,
            fingerprint,
            policy: digest,
            requester,
            stopped,
        } => Event::Consume {
            ask: ask(*stream, *fingerprint, *digest, *requester, *stopped),
            uses,
            panel,
        },
        Step::BreakGlass {
            principal,
            fingerprint,
        } => Event::BreakGlass {
            ask: ask(9, *fingerprint, 1, *principal, false),
            emergency,
        },
        Step::Withdraw { requester } => Event::Withdraw {
            principal: principal(*requester),
        },
        Step::Supersede { policy: digest } => Event::Supersede(Cause::Policy(policy(*digest))),
        Step::Revoke { .. } => Event::Revoke { person: &who },
        Step::Expire => Event::Expire,
    };
    transition(approval, &event, now).ok()
}

/// What a history starts from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    asked: u8,
    quorum: u32,
    collecting: bool,
    uses: u32,
}

/// Runs a history, and says in which state it ended and what was recorded when.
pub(crate) fn run(start: Start, steps: &[(Step, u64)]) -> (State, Vec<(Timestamp, Record)>) {
    let check = velum_approval::Check {
        classes: class_set(start.asked),
        ..check()
    };
    let panel = panel(start.quorum);
    let opening = Opening {
        collecting: start.collecting.then_some(Duration::from_mins(1)),
        uses: start.uses,
        ..opening(&check, &panel)
    };
    let (mut approval, requested) = Approval::open(opening, START).unwrap();
    let mut records = vec![(START, requested)];
    let mut now = START;
    let mut watch = Watch::default();
    for (step, seconds) in steps {
        now = now.after(Duration::from_secs(*seconds));
        let made = apply(&approval, step, start.quorum, &watch.uses, now);
        let Some((next, record)) = made else {
            continue;
        };
        watch.note(step, now);
        watch.check(start.quorum, step, &approval, &next, now);
        let leaf = leaf(&record);
        assert_eq!(leaf["data"]["approval"]["id"], next.id.as_str());
        assert_eq!(leaf["data"]["approval"]["version"], next.version);
        assert_eq!(leaf["data"]["approval"]["state"], next.state.name());
        approval = next;
        records.push((now, record));
    }
    (approval.state, records)
}

pub(crate) fn history() -> impl Strategy<Value = (Start, Vec<(Step, u64)>)> {
    let seconds = prop_oneof![20 => 0_u64..20, 1 => 200_u64..1000];
    let steps = proptest::collection::vec((step(), seconds), 1..25);
    let uses = prop_oneof![3 => Just(1_u32), 1 => 2_u32..4];
    let start = (0_u8..16, 1_u32..4, proptest::bool::weighted(0.2), uses).prop_map(
        |(asked, quorum, collecting, uses)| Start {
            asked,
            quorum,
            collecting,
            uses,
        },
    );
    (start, steps)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn no_history_breaks_the_rules((start, steps) in history()) {
        run(start, &steps);
    }
}

#[test]
fn histories_reach_every_state() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = BTreeMap::new();
    for _ in 0..4000 {
        let (start, steps) = history().new_tree(&mut runner).unwrap().current();
        *reached.entry(run(start, &steps).0).or_insert(0) += 1;
    }
    for state in State::ALL {
        assert!(
            reached.get(state).is_some_and(|count| *count >= 10),
            "{state:?}: {reached:?}"
        );
    }
}
