//! Whatever happens, in whatever order: what an approval never does.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use velum_approval::{
    Approval, Ask, Ballot, Cause, Event, Opening, PersonId, State, Timestamp, Verdict, transition,
};
use velum_engine::{Class, ClassSet};

use crate::cast::{
    GRANT, START, check, gateway, jwt, leaf, mac, opening, panel, person, policy, use_key,
};

const PEOPLE: [&str; 6] = ["dr-jones", "grace", "bob", "ann", "cid", "stranger"];
/// Those of them who may vote on the bot's requests.
const MAY_VOTE: [&str; 3] = ["grace", "bob", "ann"];
const CLASSES: [Class; 4] = [Class::Name, Class::Date, Class::Mrn, Class::Ssn];

#[derive(Clone, Debug)]
enum Step {
    Collected,
    Vote {
        person: usize,
        classes: Option<u8>,
        take_back: bool,
        version: Option<u64>,
    },
    Consume {
        stream: u8,
        fingerprint: u8,
        policy: u8,
        requester: bool,
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
    let vote = (
        0..PEOPLE.len(),
        proptest::option::weighted(0.9, 0_u8..16),
        proptest::bool::weighted(0.1),
        proptest::option::weighted(0.2, 1_u64..6),
    );
    prop_oneof![
        2 => Just(Step::Collected),
        12 => vote.prop_map(|(person, classes, take_back, version)| {
            Step::Vote { person, classes, take_back, version }
        }),
        6 => (0_u8..4, mostly_one(), mostly_one(), mostly()).prop_map(
            |(stream, fingerprint, policy, requester)| {
                Step::Consume { stream, fingerprint, policy, requester }
            }
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
    /// Each voter's latest yes.
    yes: BTreeMap<PersonId, ClassSet>,
    uses: u32,
}

impl Watch {
    fn note(&mut self, step: &Step) {
        match step {
            Step::Vote {
                person: index,
                classes,
                take_back,
                ..
            } => {
                let voter = person(PEOPLE[*index]);
                match classes {
                    Some(bits) if !take_back => self.yes.insert(voter, class_set(*bits)),
                    _ => self.yes.remove(&voter),
                };
            }
            Step::Consume { .. } => self.uses += 1,
            _ => {}
        }
    }

    fn check(&self, quorum: u32, step: &Step, before: &Approval, after: &Approval, now: Timestamp) {
        assert!(
            !before.state.is_final(),
            "a final state changed: {before:?}"
        );
        assert_eq!(after.version, before.version + 1);
        assert!(after.granted.is_subset(after.classes), "wider than asked");
        assert!(self.uses <= 1, "used twice");
        if after.state == State::Approved {
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
                .fold(after.classes, |all, yes| all.intersection(*yes));
            assert_eq!(after.granted, agreed);
            assert!(
                !agreed.is_empty() || after.classes.is_empty(),
                "an empty grant"
            );
        }
        if after.state == State::Used {
            assert_eq!(before.state, State::Approved, "used without a grant");
            assert!(now < before.grant_expires.unwrap(), "used after its time");
            let honest = matches!(
                step,
                Step::Consume {
                    fingerprint: 1,
                    policy: 1,
                    requester: true,
                    ..
                }
            );
            assert!(honest, "released to another request: {step:?}");
        }
        if before.state == State::Collecting {
            assert_ne!(after.state, State::Approved, "approved unseen");
        }
    }
}

fn apply(
    approval: &Approval,
    step: &Step,
    quorum: u32,
    now: Timestamp,
) -> Option<(Approval, velum_approval::Record)> {
    let panel = panel(quorum);
    let (gateway, bot, other) = (gateway(), jwt("triage-bot"), jwt("grace"));
    let principal = |requester: bool| if requester { &bot } else { &other };
    let who = match step {
        Step::Vote { person: index, .. } | Step::Revoke { person: index } => PEOPLE[*index],
        _ => "grace",
    };
    let who = person(who);
    let event = match step {
        Step::Collected => Event::Collected,
        Step::Vote {
            classes,
            take_back,
            version,
            ..
        } => Event::Vote(Ballot {
            person: &who,
            verdict: match classes {
                _ if *take_back => Verdict::TakeBack,
                Some(bits) => Verdict::Approve {
                    classes: class_set(*bits),
                },
                None => Verdict::Deny,
            },
            version: *version,
            comment: None,
            public_reason: None,
            panel: &panel,
            grant_lifetime: GRANT,
        }),
        Step::Consume {
            stream,
            fingerprint,
            policy: digest,
            requester,
        } => Event::Consume {
            ask: Ask {
                gateway: &gateway,
                use_key: use_key(*stream),
                fingerprint_mac: mac(*fingerprint),
                principal: principal(*requester),
                policy: policy(*digest),
                waiting: false,
            },
            panel: &panel,
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

/// Runs a history and says in which state it ended.
fn run(asked: u8, quorum: u32, collecting: bool, steps: &[(Step, u64)]) -> State {
    let check = velum_approval::Check {
        classes: class_set(asked),
        ..check()
    };
    let panel = panel(quorum);
    let opening = Opening {
        collecting,
        ..opening(&check, &panel)
    };
    let (mut approval, _) = Approval::open(opening, START).unwrap();
    let mut now = START;
    let mut watch = Watch::default();
    for (step, seconds) in steps {
        now = now.after(Duration::from_secs(*seconds));
        let Some((next, record)) = apply(&approval, step, quorum, now) else {
            continue;
        };
        watch.note(step);
        watch.check(quorum, step, &approval, &next, now);
        let leaf = leaf(&record);
        assert_eq!(leaf["data"]["approval"]["id"], next.id.as_str());
        assert_eq!(leaf["data"]["approval"]["version"], next.version);
        assert_eq!(leaf["data"]["approval"]["state"], next.state.name());
        approval = next;
    }
    approval.state
}

fn history() -> impl Strategy<Value = (u8, u32, bool, Vec<(Step, u64)>)> {
    let seconds = prop_oneof![20 => 0_u64..20, 1 => 200_u64..1000];
    let steps = proptest::collection::vec((step(), seconds), 1..25);
    (0_u8..16, 1_u32..4, proptest::bool::weighted(0.2), steps)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn no_history_breaks_the_rules((asked, quorum, collecting, steps) in history()) {
        run(asked, quorum, collecting, &steps);
    }
}

#[test]
fn histories_reach_every_state() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = BTreeMap::new();
    for _ in 0..4000 {
        let (asked, quorum, collecting, steps) = history().new_tree(&mut runner).unwrap().current();
        *reached
            .entry(run(asked, quorum, collecting, &steps))
            .or_insert(0) += 1;
    }
    for state in State::ALL {
        assert!(
            reached.get(state).is_some_and(|count| *count >= 10),
            "{state:?}: {reached:?}"
        );
    }
}
