//! A log a year, one after the other: together they hold, a later one alone says what it rests on, and two
//! that do not belong together are found.

use std::time::Duration;

use serde_json::{Value, json};
use velum_approval::record::{LogEvent, PreviousLog};
use velum_approval::replay::{Finding, Kind, Replay, Report};
use velum_approval::{LogName, Record, RecordId, Timestamp};

use super::log::{Log, SOURCE, kinds};
use super::tale;
use crate::cast::{START, later};

const OLD: &str = "audit.example/main/2026";
const NEW: &str = "audit.example/main/2027";

fn name(name: &str) -> LogName {
    LogName::new(name).unwrap()
}

/// The leaves of a log of the old year and of one of the new, parted before the record at `place`.
struct Years {
    old: Vec<Value>,
    new: Vec<Value>,
}

impl Years {
    fn of(mut log: Log, place: usize) -> Years {
        let tail = log.0.split_off(place);
        let time: Value = tail
            .first()
            .or(log.0.last())
            .map(|leaf| leaf["time"].clone())
            .unwrap();
        let mut last = leaf(&LogEvent::Closed { next: name(NEW) }, SOURCE, log.len());
        last["time"] = time.clone();
        let mut old = log.0;
        old.push(last);
        let is_exchanged = |leaf: &Value| leaf["type"] == "org.velum.log.key-rotated.v1";
        let opened = LogEvent::Opened {
            name: name(NEW),
            key: if old.iter().any(is_exchanged) {
                [2; 32]
            } else {
                [1; 32]
            },
            previous: Some(PreviousLog {
                name: name(OLD),
                size: u64::try_from(old.len()).unwrap(),
                root: [2; 32],
            }),
            first: u64::try_from(old.len()).unwrap(),
        };
        let source = format!("urn:velum:{NEW}");
        let mut first = leaf(&opened, &source, old.len());
        first["time"] = time;
        let mut new = vec![first];
        new.extend(tail);
        for (seq, leaf) in new.iter_mut().enumerate() {
            leaf["source"] = json!(source);
            leaf["data"]["seq"] = json!(seq);
            // Behind the two records that are new.
            if let Some(used_at) = leaf.pointer_mut("/data/release/used_at")
                && used_at.as_u64() >= u64::try_from(place).ok()
            {
                *used_at = json!(used_at.as_u64().unwrap() + 2);
            }
        }
        Years { old, new }
    }

    fn replay(&self) -> Report {
        let mut replay = Replay::default();
        feed(&mut replay, &self.old);
        replay.begin_next();
        feed(&mut replay, &self.new);
        replay.finish()
    }

    fn replay_new(&self) -> Report {
        let mut replay = Replay::default();
        feed(&mut replay, &self.new);
        replay.finish()
    }
}

fn leaf(event: &LogEvent, source: &str, number: usize) -> Value {
    let record = Record::Log(Box::new(event.clone()));
    let id = RecordId::new(format!("y{number}-{}", record.code())).unwrap();
    let leaf = record.to_leaf(u64::try_from(number).unwrap(), START, &id, source);
    serde_json::from_slice(&leaf.unwrap()).unwrap()
}

fn feed(replay: &mut Replay, leaves: &[Value]) {
    for (index, leaf) in (0..).zip(leaves) {
        replay.leaf(index, &serde_json::to_vec(leaf).unwrap());
    }
}

/// The tale, which ends with the end of its log.
fn tale() -> Log {
    let mut log = tale::log();
    log.0.pop();
    log
}

#[test]
fn wherever_a_year_ends_its_log_and_the_next_hold_together_and_the_next_one_alone() {
    let mut rested = 0;
    for place in 1..=tale().len() {
        let years = Years::of(tale(), place);
        let together = years.replay();
        assert_eq!(together.findings, [], "parted at {place}");
        assert_eq!(together.rests_on, None);
        assert_eq!(together.releases, tale::log().replay().releases);
        let alone = years.replay_new();
        let failures: Vec<&Finding> = alone.failures().collect();
        assert_eq!(failures, Vec::<&Finding>::new(), "parted at {place}");
        let rests_on = alone.rests_on.unwrap();
        assert_eq!(rests_on.name.as_str(), OLD);
        assert_eq!(rests_on.size, u64::try_from(years.old.len()).unwrap());
        rested = alone.releases.resting.max(rested);
    }
    assert!(rested > 0, "some release was asked for in the year before");
}

#[test]
fn logs_that_do_not_belong_together_are_found() {
    type Change = fn(&mut Years);
    let changes: [(&str, Change); 7] = [
        ("another size", |years| {
            years.new[0]["data"]["log"]["previous"]["size"] = json!(3);
        }),
        ("another name", |years| {
            years.new[0]["data"]["log"]["previous"]["name"] = json!("audit.example/main/2025");
        }),
        ("not closed", |years| _ = years.old.pop()),
        ("closed for another", |years| {
            years.old.last_mut().unwrap()["data"]["log"]["next"] = json!("audit.example/main/2028");
        }),
        ("of nothing before", |years| {
            let log = years.new[0]["data"]["log"].as_object_mut().unwrap();
            log.remove("previous");
            log.remove("first");
        }),
        ("without a first record", |years| {
            years.new.remove(0);
            for (seq, leaf) in years.new.iter_mut().enumerate() {
                leaf["data"]["seq"] = json!(seq);
            }
        }),
        ("the last records cut off", |years| {
            let end = years.old.len();
            years.old.drain(end - 2..end - 1);
            years.old.last_mut().unwrap()["data"]["seq"] = json!(end - 2);
        }),
    ];
    for (what, change) in changes {
        let mut years = Years::of(tale(), tale().len() - 1);
        change(&mut years);
        let found = kinds(&years.replay());
        assert!(found.contains(&Kind::NotNext), "{what}: {found:?}");
    }
}

#[test]
fn a_closed_log_has_no_further_record() {
    let mut log = tale::log();
    log.push(later(100_000), &Record::Log(Box::new(LogEvent::Heartbeat)));
    assert_eq!(kinds(&log.replay()), [Kind::Contradiction].into());
}

#[test]
fn what_was_asked_for_in_the_year_before_is_over_two_days_later() {
    let mut years = Years::of(tale(), 2);
    let late = later(0).after(Duration::from_hours(51));
    let from = years
        .new
        .iter()
        .position(|leaf| leaf["data"]["code"] == "VA1201I");
    let used = from.unwrap();
    let offset = late.as_millis() - START.as_millis();
    for leaf in &mut years.new[used..] {
        let text = leaf["time"].as_str().unwrap();
        let seconds: i64 = seconds_of(text) * 1000;
        let millis = START.as_millis() + seconds + offset;
        leaf["time"] = json!(Timestamp::from_millis(millis).to_string());
    }
    let found = kinds(&years.replay_new());
    assert!(
        found.contains(&Kind::UseWithoutRequest) || found.contains(&Kind::UnknownApproval),
        "{found:?}"
    );
}

/// How many seconds after the start of the tale.
fn seconds_of(text: &str) -> i64 {
    let second = |number| later(number).to_string() == text;
    i64::try_from((0..100_000).find(|number| second(*number)).unwrap()).unwrap()
}
