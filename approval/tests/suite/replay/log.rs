//! A log whose leaves can be changed, and then be numbered so that only what they say is wrong.

use std::collections::{BTreeMap, BTreeSet};

use proptest::sample::Index;
use serde_json::Value;
use velum_approval::record::LogEvent;
use velum_approval::replay::{Kind, Replay, Report};
use velum_approval::{LogName, Record, RecordId, Timestamp};

pub(super) const SOURCE: &str = "urn:velum:audit.example/main/2026";

/// The leaves as JSON.
#[derive(Clone)]
pub(super) struct Log(pub(super) Vec<Value>);

/// An id as the service makes them: a UUID of version 7.
fn id(time: Timestamp, index: usize) -> RecordId {
    let millis = format!("{:012x}", time.as_millis());
    let (high, low) = millis.split_at(8);
    RecordId::new(format!("{high}-{low}-7000-8000-{index:012x}")).unwrap()
}

/// The first record of a log.
pub(super) fn beginning() -> Record {
    Record::Log(Box::new(LogEvent::Opened {
        name: LogName::new("audit.example/main/2026").unwrap(),
        key: [1; 32],
        previous: None,
        first: 0,
    }))
}

pub(super) fn kinds(report: &Report) -> BTreeSet<Kind> {
    report.findings.iter().map(|it| it.kind).collect()
}

impl Log {
    pub(super) fn of(records: impl IntoIterator<Item = (Timestamp, Record)>) -> Log {
        let mut log = Log(Vec::new());
        for (time, record) in records {
            log.push(time, &record);
        }
        log
    }

    pub(super) fn push(&mut self, time: Timestamp, record: &Record) -> u64 {
        let index = self.0.len();
        let seq = u64::try_from(index).unwrap();
        let leaf = record.to_leaf(seq, time, &id(time, index), SOURCE).unwrap();
        self.0.push(serde_json::from_slice(&leaf).unwrap());
        seq
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn leaves(&self) -> Vec<Vec<u8>> {
        let leaves = self.0.iter();
        // Sorted by bytes, which is the one form where keys are ASCII.
        leaves
            .map(|leaf| serde_json::to_vec(leaf).unwrap())
            .collect()
    }

    pub(super) fn replay(&self) -> Report {
        Self::replay_leaves(&self.leaves())
    }

    pub(super) fn replay_leaves(leaves: &[Vec<u8>]) -> Report {
        let mut replay = Replay::default();
        for (index, leaf) in (0..).zip(leaves) {
            replay.leaf(index, leaf);
        }
        replay.finish()
    }

    /// The place of the `nth` record of this code.
    pub(super) fn find(&self, code: &str, nth: usize) -> Option<usize> {
        let mut places = self.places(code).into_iter();
        places.nth(nth)
    }

    pub(super) fn places(&self, code: &str) -> Vec<usize> {
        let is_it = |index: &usize| self.0[*index]["data"]["code"] == code;
        (0..self.0.len()).filter(is_it).collect()
    }

    /// The data of the `nth` record of this code.
    pub(super) fn data(&mut self, code: &str, nth: usize) -> &mut Value {
        let place = self.find(code, nth).expect(code);
        &mut self.0[place]["data"]
    }

    /// The records that change this approval.
    pub(super) fn changes(&self, approval: &Value) -> Vec<usize> {
        let is_it = |index: &usize| {
            let told = &self.0[*index]["data"]["approval"];
            told["id"] == *approval && !told["version"].is_null()
        };
        (0..self.0.len()).filter(is_it).collect()
    }

    /// Inserts a record of this time before the one at `place`.
    pub(super) fn insert(&mut self, place: usize, record: &Record) {
        let time = self.0[place]["time"].clone();
        let mut one = Log(Vec::new());
        one.push(crate::cast::START, record);
        let mut leaf = one.0.remove(0);
        leaf["time"] = time;
        leaf["data"]["seq"] = Value::from(u64::MAX >> 20);
        self.0.insert(place, leaf);
    }

    /// The same behind the record with which a log begins.
    pub(super) fn begun(&self) -> Log {
        let mut log = self.clone();
        log.insert(0, &beginning());
        log.number();
        log
    }

    /// Numbers the records, and what refers to numbers, by their places.
    pub(super) fn number(&mut self) {
        let mut places = BTreeMap::new();
        for (index, leaf) in self.0.iter().enumerate() {
            places.entry(leaf["data"]["seq"].as_u64()).or_insert(index);
        }
        for (index, leaf) in self.0.iter_mut().enumerate() {
            leaf["data"]["seq"] = Value::from(index);
            let text = leaf["id"].as_str().unwrap();
            let id = format!("{}{index:012x}", &text[..24]);
            leaf["id"] = Value::from(id);
            if let Some(used_at) = leaf.pointer_mut("/data/release/used_at")
                && let Some(place) = places.get(&used_at.as_u64())
            {
                *used_at = Value::from(*place);
            }
        }
    }

    /// Numbers the versions of every approval.
    pub(super) fn number_versions(&mut self) {
        let mut versions = BTreeMap::new();
        for leaf in &mut self.0 {
            let id = leaf["data"]
                .get("approval")
                .map(|told| told["id"].to_string());
            if let Some(told) = leaf.pointer_mut("/data/approval/version") {
                let version = versions.entry(id).or_insert(0);
                *version += 1;
                *told = Value::from(*version);
            }
        }
    }

    /// Puts a value of the log in the place of another.
    pub(super) fn swap_values(&mut self, leaf: Index, from: Index, to: Index) {
        let mut pointers = Vec::new();
        for (index, leaf) in self.0.iter().enumerate() {
            pointers_of(leaf, &mut String::new(), &mut |pointer| {
                pointers.push((index, pointer));
            });
        }
        let (source, from) = from.get(&pointers).clone();
        let value = self.0[source].pointer(&from).unwrap().clone();
        let at = leaf.index(self.0.len());
        let own: Vec<_> = pointers.iter().filter(|(index, _)| *index == at).collect();
        // Half of the time the same member of another record.
        let own = match own.iter().find(|(_, pointer)| *pointer == from) {
            Some(same) if to.index(2) == 0 => *same,
            _ => *to.get(&own),
        };
        *self.0[at].pointer_mut(&own.1).unwrap() = value;
    }
}

fn pointers_of(value: &Value, at: &mut String, each: &mut dyn FnMut(String)) {
    let length = at.len();
    let mut within = |key: &str, value: &Value| {
        at.push('/');
        at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        each(at.clone());
        pointers_of(value, at, each);
        at.truncate(length);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| within(key, value)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                within(&index.to_string(), item);
            }
        }
        _ => {}
    }
}
