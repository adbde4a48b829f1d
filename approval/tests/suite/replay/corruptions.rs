//! Histories of the generator with one thing in them changed, and numbered again, so that only what they
//! say is wrong.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use velum_approval::replay::Kind;
use velum_approval::{Record, Stop, StopId, StopScope, Timestamp};
use velum_engine::Class;

use super::log::{Log, kinds};
use crate::cast::{START, approval_id, check, directory, gateway, jwt, later, person};
use crate::properties::{history, run};

/// A change of a history, and the kinds of which at least one has to be found then.
struct Corruption {
    what: &'static str,
    /// Makes it where it can be, and says whether it could. `seed`: which of several places.
    make: fn(&mut Log, seed: usize) -> bool,
    expected: &'static [Kind],
}

const CORRUPTIONS: &[Corruption] = &[
    Corruption {
        what: "the request is left out",
        make: |log, _| {
            let (place, is_last) = (1, log.len() == 2);
            log.0.remove(place);
            !is_last
        },
        expected: &[Kind::UnknownApproval, Kind::UseWithoutRequest],
    },
    Corruption {
        what: "a record in the middle is left out",
        make: |log, seed| {
            let middle = 2..log.len().saturating_sub(1);
            let Some(place) = nth(middle, seed) else {
                return false;
            };
            log.0.remove(place);
            true
        },
        expected: &[Kind::VersionGap],
    },
    Corruption {
        what: "two changes change places",
        make: |log, seed| {
            let Some(place) = nth(1..log.len() - 1, seed) else {
                return false;
            };
            let (one, other) = (
                log.0[place]["time"].clone(),
                log.0[place + 1]["time"].clone(),
            );
            log.0.swap(place, place + 1);
            log.0[place]["time"] = one;
            log.0[place + 1]["time"] = other;
            true
        },
        expected: &[
            Kind::VersionGap,
            Kind::UnknownApproval,
            Kind::UseWithoutRequest,
        ],
    },
    Corruption {
        what: "a change stands twice",
        make: |log, seed| {
            let Some(place) = nth(2..log.len(), seed) else {
                return false;
            };
            let again = log.0[place].clone();
            log.0.insert(place, again);
            true
        },
        expected: &[Kind::VersionGap, Kind::TooManyUses, Kind::VoteNotOpen],
    },
    Corruption {
        what: "who was counted never voted",
        make: |log, seed| {
            let Some(name) = of_several(log, seed) else {
                return false;
            };
            log.0
                .retain(|leaf| leaf["data"]["vote"].is_null() || by(leaf) != name);
            log.number_versions();
            true
        },
        expected: &[Kind::GrantWithoutVotes, Kind::Miscounted],
    },
    Corruption {
        what: "who was counted took it back",
        make: |log, seed| {
            let Some(name) = of_several(log, seed) else {
                return false;
            };
            let issued = log.find("VA1111I", 0).unwrap();
            let mut taken = log.0[issued].clone();
            let data = taken["data"].as_object_mut().unwrap();
            data.remove("grant");
            data["actor"]["id"] = json!(name);
            data["approval"]["state"] = json!("pending");
            data["vote"] = json!({"verdict": "take-back"});
            data["got"] = json!(0);
            data["code"] = json!("VA1103I");
            taken["type"] = json!("org.velum.vote.taken-back.v1");
            log.0.insert(issued, taken);
            log.number_versions();
            true
        },
        expected: &[Kind::GrantWithoutVotes],
    },
    Corruption {
        what: "those who were counted agreed to another reason",
        make: |log, seed| {
            if of_several(log, seed).is_none() {
                return false;
            }
            let issued = log.find("VA1111I", 0).unwrap();
            for (code, name, data) in [
                (
                    "VA1006I",
                    "org.velum.approval.explained.v1",
                    json!({"actor": {"kind": "requester"}, "reason_commitment": "A".repeat(43)}),
                ),
                (
                    "VA1005I",
                    "org.velum.approval.questioned.v1",
                    json!({"actor": {"kind": "person", "id": "grace"}}),
                ),
            ] {
                let mut leaf = log.0[issued].clone();
                leaf["type"] = json!(name);
                let approval = leaf["data"]["approval"].clone();
                leaf["data"] = data;
                leaf["data"]["approval"] = approval;
                leaf["data"]["approval"]["state"] = json!("pending");
                leaf["data"]["code"] = json!(code);
                leaf["data"]["outcome"] = json!("success");
                leaf["data"]["v"] = json!(1);
                leaf["data"]["seq"] = json!(9000);
                log.0.insert(issued, leaf);
            }
            log.number_versions();
            true
        },
        expected: &[Kind::GrantWithoutVotes],
    },
    Corruption {
        what: "who was counted is somebody else",
        make: |log, seed| {
            let Some(used) = nth(log.places("VA1201I"), seed) else {
                return false;
            };
            let name = log.0[used]["data"]["approved_by"][0].clone();
            let names = |leaf: &Value| !leaf["data"]["vote"].is_null() && by(leaf) == name;
            for leaf in log.0.iter_mut().filter(|leaf| names(leaf)) {
                leaf["data"]["actor"]["id"] = json!("zoe");
            }
            true
        },
        expected: &[Kind::NotAnApprover],
    },
    Corruption {
        what: "a voter is behind the request",
        make: |log, seed| {
            let votes = (0..log.len()).filter(|place| !log.0[*place]["data"]["vote"].is_null());
            let Some(place) = nth(votes.collect::<Vec<_>>(), seed) else {
                return false;
            };
            log.0[place]["data"]["actor"]["id"] = json!("dr-jones");
            true
        },
        expected: &[Kind::ExcludedVote],
    },
    Corruption {
        what: "an approver is behind the request",
        make: |log, seed| with_use(log, seed, |used| used["approved_by"][0] = json!("dr-jones")),
        expected: &[Kind::ExcludedApprover],
    },
    Corruption {
        what: "an approver never voted",
        make: |log, seed| with_use(log, seed, |used| used["approved_by"][0] = json!("zoe")),
        expected: &[Kind::NotAnApprover],
    },
    Corruption {
        what: "an approver is missing",
        make: |log, seed| {
            let needed = log.0[1]["data"]["needed"].clone();
            let Some(used) = nth(log.places("VA1201I"), seed) else {
                return false;
            };
            let people = log.0[used]["data"]["approved_by"].as_array_mut().unwrap();
            people.remove(0);
            needed.as_u64().unwrap() > people.len() as u64
        },
        expected: &[Kind::TooFewApprovers],
    },
    Corruption {
        what: "a use has a class more",
        make: |log, seed| {
            with_use(log, seed, |used| {
                used["use"]["scope"]["classes"] = json!(more(&used["use"]["scope"]));
            })
        },
        expected: &[Kind::UseWider],
    },
    Corruption {
        what: "a use has no bound",
        make: |log, seed| {
            let mut was_bound = false;
            let is_used = with_use(log, seed, |used| {
                let scope = used["use"]["scope"].as_object_mut().unwrap();
                was_bound = scope.remove("records").is_some();
            });
            is_used && was_bound
        },
        expected: &[Kind::UseWider],
    },
    Corruption {
        what: "a grant and its uses have a class more",
        make: |log, _| {
            if log.places("VA1111I").is_empty() {
                return false;
            }
            let classes = json!(more(&log.data("VA1111I", 0)["grant"]["scope"].clone()));
            log.data("VA1111I", 0)["grant"]["scope"]["classes"] = classes.clone();
            for place in log.places("VA1201I") {
                log.0[place]["data"]["use"]["scope"]["classes"] = classes.clone();
            }
            true
        },
        expected: &[Kind::GrantWider],
    },
    Corruption {
        what: "a grant outlasts what was said",
        make: |log, _| {
            let names_seconds = |leaf: &Value| leaf["data"]["vote"]["scope"]["seconds"].is_u64();
            let Some(issued) = log.find("VA1111I", 0) else {
                return false;
            };
            let late = json!(later(90_000).to_string());
            log.data("VA1111I", 0)["grant"]["expires"] = late;
            names_seconds(&log.0[issued])
        },
        expected: &[Kind::GrantTooLong],
    },
    Corruption {
        what: "a vote has a class more",
        make: |log, seed| {
            let yes = (0..log.len())
                .filter(|place| !log.0[*place]["data"]["vote"]["scope"]["classes"].is_null());
            let Some(place) = nth(yes.collect::<Vec<_>>(), seed) else {
                return false;
            };
            let asked = log.0[1]["data"]["request"].clone();
            let classes = json!(more(&asked));
            log.0[place]["data"]["vote"]["scope"]["classes"] = classes;
            true
        },
        expected: &[Kind::VoteWider],
    },
    Corruption {
        what: "a use too many",
        make: |log, _| {
            let Some(last) = log.places("VA1201I").pop() else {
                return false;
            };
            let mut again = log.0[last].clone();
            let used = &mut again["data"]["use"];
            used["key"] = json!("CQkJCQkJCQkJCQkJCQkJCQ");
            used["number"] = json!(used["number"].as_u64().unwrap() + 1);
            let is_over = log.0[last]["data"]["approval"]["state"] == "used";
            log.0.insert(last + 1, again);
            log.number_versions();
            is_over
        },
        expected: &[Kind::TooManyUses],
    },
    Corruption {
        what: "a stream used it twice",
        make: |log, _| {
            let uses = log.places("VA1201I");
            let [first, second, ..] = uses[..] else {
                return false;
            };
            let key = log.0[first]["data"]["use"]["key"].clone();
            log.0[second]["data"]["use"]["key"] = key;
            true
        },
        expected: &[Kind::StreamTwice],
    },
    Corruption {
        what: "a use comes too late",
        make: |log, seed| {
            let Some(used) = nth(log.places("VA1201I"), seed) else {
                return false;
            };
            for (place, leaf) in log.0.iter_mut().enumerate().skip(used) {
                leaf["time"] = json!(later(50_000 + place as u64).to_string());
            }
            true
        },
        expected: &[Kind::UseAfterExpiry],
    },
    Corruption {
        what: "a use is for another request",
        make: |log, seed| {
            with_use(log, seed, |used| {
                used["use"]["fingerprint_mac"] = json!("A".repeat(43));
            })
        },
        expected: &[Kind::OtherRequest],
    },
    Corruption {
        what: "a use is under another policy",
        make: |log, seed| {
            with_use(log, seed, |used| {
                used["use"]["policy"] = json!("A".repeat(43));
            })
        },
        expected: &[Kind::OtherRequest],
    },
    Corruption {
        what: "a use while it was stopped",
        make: |log, seed| {
            let Some(used) = nth(log.places("VA1201I"), seed) else {
                return false;
            };
            log.insert(used, &stopped(seed));
            true
        },
        expected: &[Kind::UsedWhileStopped],
    },
    Corruption {
        what: "a use after the requester withdrew it",
        make: |log, seed| {
            let Some(used) = nth(log.places("VA1201I"), seed) else {
                return false;
            };
            let mut ended = log.0[used].clone();
            let data = ended["data"].as_object_mut().unwrap();
            data.remove("use");
            data.remove("approved_by");
            data["actor"] = json!({"kind": "requester"});
            data["approval"]["state"] = json!("cancelled");
            data["code"] = json!("VA1302I");
            ended["type"] = json!("org.velum.approval.cancelled.v1");
            log.0.insert(used, ended);
            log.number_versions();
            true
        },
        expected: &[Kind::UseAfterEnd],
    },
    Corruption {
        what: "approved without saying that nobody has seen it",
        make: |log, _| {
            let mut is_changed = false;
            let is_unseen = !log.places("VA1004W").is_empty();
            for leaf in &mut log.0 {
                if let Some(scope) = leaf.pointer_mut("/data/vote/scope") {
                    is_changed |= scope.as_object_mut().unwrap().remove("unseen").is_some();
                }
            }
            is_unseen && is_changed
        },
        expected: &[Kind::UnseenApproved],
    },
    Corruption {
        what: "nobody opened the emergency access",
        make: |log, _| {
            log.0.remove(0);
            !log.places("VA1203W").is_empty()
        },
        expected: &[Kind::EmergencyUnknown],
    },
    Corruption {
        what: "the emergency access was for another action",
        make: |log, _| {
            log.0[0]["data"]["emergency"]["action"] = json!("purge");
            !log.places("VA1203W").is_empty()
        },
        expected: &[Kind::EmergencyOtherAction],
    },
    Corruption {
        what: "the emergency access was over",
        make: |log, _| {
            let soon = START.after(std::time::Duration::from_millis(1));
            log.0[0]["data"]["emergency"]["until"] = json!(soon.to_string());
            let Some(used) = log.find("VA1203W", 0) else {
                return false;
            };
            log.0[used]["time"] != json!(START.to_string())
        },
        expected: &[Kind::EmergencyOver],
    },
    Corruption {
        what: "time goes back",
        make: |log, seed| {
            let Some(place) = nth(1..log.len(), seed) else {
                return false;
            };
            let before = Timestamp::from_millis(START.as_millis() - 1);
            log.0[place]["time"] = json!(before.to_string());
            true
        },
        expected: &[Kind::TimeBack],
    },
];

fn nth(places: impl IntoIterator<Item = usize>, seed: usize) -> Option<usize> {
    let places: Vec<_> = places.into_iter().collect();
    places.get(seed.checked_rem(places.len())?).copied()
}

fn by(leaf: &Value) -> Value {
    leaf["data"]["actor"]["id"].clone()
}

fn with_use(log: &mut Log, seed: usize, change: impl FnOnce(&mut Value)) -> bool {
    let Some(place) = nth(log.places("VA1201I"), seed) else {
        return false;
    };
    change(&mut log.0[place]["data"]);
    true
}

/// The classes of a scope and one that it does not have.
fn more(scope: &Value) -> Vec<Value> {
    let mut classes = scope["classes"].as_array().unwrap().clone();
    let mut names = Class::ALL.iter().map(|class| json!(class.name()));
    let other = names.find(|name| !classes.contains(name));
    classes.push(other.unwrap());
    classes
}

/// Of those who were counted for a grant, and are as many as it needed, one who did not complete it.
fn of_several(log: &Log, seed: usize) -> Option<Value> {
    let issued = log.find("VA1111I", 0)?;
    let told = &log.0[issued]["data"];
    let mut others = Vec::new();
    for leaf in &log.0[..issued] {
        let data = &leaf["data"];
        if data["code"] == "VA1006I" {
            others.clear();
        }
        if let Some(vote) = data.get("vote") {
            others.retain(|name| *name != by(leaf));
            if vote["verdict"] == "approve" && by(leaf) != told["actor"]["id"] {
                others.push(by(leaf));
            }
        }
    }
    let name = others.get(seed.checked_rem(others.len())?)?;
    (told["got"] == told["needed"]).then(|| name.clone())
}

/// A stop that meets every release of the generator, each of its kinds in turn.
fn stopped(seed: usize) -> Record {
    let directory = directory();
    let principal = |subject: &str| StopScope::Principal {
        identity: jwt(subject),
    };
    let (scope, party) = match seed % 6 {
        0 => (StopScope::Everything, None),
        1 => (StopScope::Gateway { id: gateway() }, None),
        2 => (
            StopScope::Action {
                name: check().action,
            },
            None,
        ),
        3 => (StopScope::Approval { id: approval_id() }, None),
        4 => (
            principal("dr-jones"),
            directory.party(&jwt("jones@example.org")),
        ),
        _ => (principal("triage-bot"), directory.party(&jwt("triage-bot"))),
    };
    let id = StopId::new("s1").unwrap();
    Stop::begin(id, scope, party, person("ann"), START).1
}

/// How often each corruption is tried, at most; and at least, within so many histories.
const TRIED: u32 = 100;
const AT_LEAST: u32 = 20;
const HISTORIES: usize = 20_000;

#[test]
fn whatever_is_changed_in_any_history_is_found() {
    let mut runner = TestRunner::deterministic();
    let mut tried: Vec<_> = CORRUPTIONS.iter().map(|it| (it, 0)).collect();
    for seed in 0..HISTORIES {
        if tried.iter().all(|(_, times)| *times >= AT_LEAST) {
            return;
        }
        let (start, steps) = history().new_tree(&mut runner).unwrap().current();
        let good = super::log_of(run(start, &steps).1);
        for (corruption, times) in tried.iter_mut().filter(|(_, times)| *times < TRIED) {
            let mut log = good.clone();
            if (corruption.make)(&mut log, seed) {
                log.number();
                assert_found(corruption, &log);
                *times += 1;
            }
        }
    }
    let seldom = tried.iter().filter(|(_, times)| *times < AT_LEAST);
    let seldom: Vec<_> = seldom.map(|(it, times)| (it.what, times)).collect();
    panic!("too few histories for {seldom:?}");
}

fn assert_found(corruption: &Corruption, log: &Log) {
    let report = log.begun().replay();
    let found = kinds(&report);
    let Corruption { what, expected, .. } = corruption;
    assert!(
        expected.iter().any(|kind| found.contains(kind)) && !report.is_sound(),
        "{what}: {:#?} in {:#?}",
        report.findings,
        log.0
    );
}
