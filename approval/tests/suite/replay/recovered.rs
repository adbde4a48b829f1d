//! A log that was recovered, read together with the one before it: however much of that was lost, or is not
//! there, what an honest service writes then is found sound, and what nobody may do is still found.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use velum_approval::record::{LogEvent, PreviousLog};
use velum_approval::replay::{Finding, Kind, Replay, Report};
use velum_approval::{Commitment, LogName, Record, RecordId};

use super::log::kinds;
use super::tale;
use crate::cast::{START, person};

const OLD: &str = "audit.example/main/2026";
const NEW: &str = "audit.example/main/2026-r1";
const FIRST: u64 = 1_000_000;

/// How much of the tale there was, was left, and is read.
#[derive(Clone, Copy, Debug)]
struct Cut {
    known: usize,
    left: usize,
    unsigned: usize,
    read: usize,
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap()
}

fn first(cut: Cut) -> Value {
    let event = LogEvent::Recovered {
        name: LogName::new(NEW).unwrap(),
        key: [1; 32],
        previous: PreviousLog {
            name: LogName::new(OLD).unwrap(),
            size: number(cut.known),
            root: [2; 32],
        },
        restored: number(cut.left),
        unsigned: number(cut.unsigned),
        first: FIRST,
        by: person("grace"),
        reason: Commitment::to("", &[1; 32]),
    };
    let id = RecordId::new("first").unwrap();
    let leaf = Record::Log(Box::new(event)).to_leaf(0, START, &id, &format!("urn:velum:{NEW}"));
    serde_json::from_slice(&leaf.unwrap()).unwrap()
}

fn is_open(approval: &Value) -> bool {
    ["collecting", "pending", "approved"].contains(&approval["state"].as_str().unwrap())
}

/// What a service writes that has so much of the tale left: it ends all that is open, and then what stood in
/// the way is resumed and reviewed, and outcomes are told.
fn after(tale: &[Value], cut: Cut) -> Vec<Value> {
    let (there, later) = tale.split_at(cut.left);
    let code = |leaf: &Value, codes: &[&str]| {
        codes.contains(&leaf["data"]["code"].as_str().unwrap_or_default())
    };
    let mut leaves = vec![first(cut)];
    let mut cases: BTreeMap<String, Value> = BTreeMap::new();
    let mut begun = BTreeSet::new();
    for leaf in there {
        let approval = &leaf["data"]["approval"];
        if approval["state"].is_string() && approval["version"].is_u64() {
            let id = approval["id"].as_str().unwrap().to_owned();
            cases.insert(id, leaf.clone());
        }
        for about in ["/data/stop/id", "/data/emergency/id"] {
            begun.extend(leaf.pointer(about).map(Value::to_string));
        }
    }
    let template = tale.iter().find(|leaf| code(leaf, &["VA1303W"])).unwrap();
    for leaf in cases.values() {
        let approval = &leaf["data"]["approval"];
        if !is_open(approval) {
            continue;
        }
        let mut end = template.clone();
        end["subject"] = leaf["subject"].clone();
        end["time"] = json!(START.to_string());
        end["data"]["approval"]["id"] = approval["id"].clone();
        end["data"]["approval"]["version"] = json!(approval["version"].as_u64().unwrap() + 1);
        end["data"]["cause"] = json!("recovery");
        end["data"].as_object_mut().unwrap().remove("policy");
        leaves.push(end);
    }
    // Reviewed is what was there: of all that is known it is counted.
    let is_known = cut.read == cut.left && cut.left == cut.known;
    let is_counted = is_known && later.iter().any(|leaf| code(leaf, &["VA1203W"]));
    let goes_on = |leaf: &&Value| {
        let is_review = code(leaf, &["VA1602I", "VA1603W"]);
        let is_it = code(leaf, &["VA1502W", "VA1604W"]) || (is_review && !is_counted);
        let about = ["/data/stop/id", "/data/emergency/id"];
        let mut about = about.iter().filter_map(|place| leaf.pointer(place));
        let is_outcome = leaf["data"]["release"]["used_at"].as_u64() < Some(number(cut.left))
            && leaf["data"]["release"].is_object();
        (is_it && about.any(|id| begun.contains(&id.to_string()))) || is_outcome
    };
    leaves.extend(later.iter().filter(goes_on).cloned());
    let last = tale[..cut.left.max(cut.read)].last();
    let mut time = last.map_or(json!(START.to_string()), |leaf| leaf["time"].clone());
    for (seq, leaf) in leaves.iter_mut().enumerate() {
        if leaf["time"].as_str() > time.as_str() {
            time = leaf["time"].clone();
        }
        leaf["time"] = time.clone();
        leaf["id"] = json!(format!("n{seq}"));
        leaf["source"] = json!(format!("urn:velum:{NEW}"));
        leaf["data"]["seq"] = json!(seq);
        if code(leaf, &["VA1604W"]) {
            leaf["data"]["emergency"]["until"] = time.clone();
        }
    }
    leaves
}

fn feed(replay: &mut Replay, leaves: &[Value]) {
    for (index, leaf) in (0..).zip(leaves) {
        replay.leaf(index, &serde_json::to_vec(leaf).unwrap());
    }
}

fn together(old: &[Value], new: &[Value]) -> Report {
    let mut replay = Replay::default();
    feed(&mut replay, old);
    replay.begin_next();
    feed(&mut replay, new);
    replay.finish()
}

/// The tale without the end of its log.
fn tale() -> Vec<Value> {
    let mut leaves = tale::log().0;
    leaves.pop();
    leaves
}

#[test]
fn an_honest_log_holds_with_the_one_before_its_recovery_whatever_of_that_was_lost_or_is_not_there()
{
    let tale = tale();
    for left in 0..=tale.len() {
        let near = |read: &usize| read.abs_diff(left) < 4 || (read + left).is_multiple_of(17);
        for read in (1..=tale.len()).filter(near) {
            // A head was over so many; the rest was left and is under none, or was lost.
            let cut = Cut {
                known: left.max(read),
                left,
                unsigned: left.saturating_sub(read),
                read,
            };
            let report = together(&tale[..read], &after(&tale, cut));
            let failures: Vec<&Finding> = report.failures().collect();
            assert_eq!(failures, Vec::<&Finding>::new(), "{cut:?}");
            let notes: Vec<_> = report.notes().map(|note| note.kind).collect();
            let told = notes.iter().filter(|kind| **kind == Kind::LogRecovered);
            assert_eq!(told.count(), 1, "{cut:?}");
        }
    }
}

#[test]
fn who_recovered_a_log_and_how_much_of_it_there_was_is_told() {
    let tale = tale();
    let cut = Cut {
        known: 30,
        left: 20,
        unsigned: 0,
        read: 25,
    };
    let new = after(&tale, cut);
    let told = |report: Report| {
        let mut notes = report.notes();
        let note = notes.find(|note| note.kind == Kind::LogRecovered).unwrap();
        note.sentence.to_string()
    };
    let sentence = told(together(&tale[..25], &new));
    for part in ["grace", "30 records", OLD, "20 were left", "25 were read"] {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    let mut alone = Replay::default();
    feed(&mut alone, &new);
    let sentence = told(alone.finish());
    assert!(sentence.contains("was not read"), "{sentence}");
}

#[test]
fn records_that_were_left_at_a_recovery_and_are_not_there_are_missing() {
    let tale = tale();
    for (read, unsigned, is_missing) in [
        (20, 0, false),
        (19, 0, true),
        (19, 1, false),
        (17, 2, true),
        (25, 0, false),
    ] {
        let cut = Cut {
            known: 30,
            left: 20,
            unsigned,
            read,
        };
        let found = kinds(&together(&tale[..read], &after(&tale, cut)));
        assert_eq!(found.contains(&Kind::RecordsMissing), is_missing, "{cut:?}");
    }
    // More of them under no head than there are is no record.
    let cut = Cut {
        known: 30,
        left: 20,
        unsigned: 21,
        read: 20,
    };
    let found = kinds(&together(&tale[..20], &after(&tale, cut)));
    assert!(found.contains(&Kind::Contradiction), "{found:?}");
}

#[test]
fn nothing_of_before_is_released_after_a_recovery() {
    let tale = tale();
    let is_use = |leaf: &Value| leaf["type"] == "org.velum.grant.used.v1";
    for place in (0..tale.len()).filter(|place| is_use(&tale[*place])) {
        for read in [place - 1, place] {
            let cut = Cut {
                known: tale.len(),
                left: place,
                unsigned: place - read,
                read,
            };
            let mut new = after(&tale, cut);
            for at in [1, new.len()] {
                let mut changed = new.clone();
                changed.insert(at, tale[place].clone());
                for (seq, leaf) in changed.iter_mut().enumerate() {
                    leaf["source"] = new[0]["source"].clone();
                    leaf["data"]["seq"] = json!(seq);
                    leaf["id"] = json!(format!("m{seq}"));
                }
                let found = kinds(&together(&tale[..read], &changed));
                assert!(found.contains(&Kind::UseAfterEnd), "{cut:?}: {found:?}");
            }
            // Nor is what ended with it ended twice.
            let Some(end) = new
                .iter()
                .position(|leaf| leaf["data"]["code"] == "VA1303W")
            else {
                continue;
            };
            let mut again = new[end].clone();
            again["data"]["seq"] = json!(new.len());
            again["id"] = json!("again");
            new.push(again);
            let found = kinds(&together(&tale[..read], &new));
            assert!(found.contains(&Kind::IllegalChange), "{cut:?}: {found:?}");
        }
    }
}

#[test]
fn no_emergency_access_of_before_is_used_after_a_recovery() {
    let tale = tale();
    let is_used = |leaf: &Value| leaf["data"]["code"] == "VA1203W";
    let used = tale.iter().position(is_used).unwrap();
    let cut = Cut {
        known: used,
        left: used - 1,
        unsigned: 0,
        read: used - 1,
    };
    let mut new = after(&tale, cut);
    // Asked for anew, and released under the access that was opened before.
    new.splice(1..1, tale[used - 1..=used].iter().cloned());
    for seq in 0..new.len() {
        new[seq]["source"] = new[0]["source"].clone();
        new[seq]["data"]["seq"] = json!(seq);
        new[seq]["id"] = json!(format!("m{seq}"));
    }
    let found = kinds(&together(&tale[..used - 1], &new));
    assert!(found.contains(&Kind::EmergencyOver), "{found:?}");
}
