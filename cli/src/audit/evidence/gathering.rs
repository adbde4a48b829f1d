//! What is counted in the first reading.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::audit::record;

/// How many gaps are listed.
const MOST: usize = 10_000;
/// A heartbeat may be this late, in seconds.
const LATE: i64 = 60;

/// From a moment on, until another.
#[derive(Clone, Copy)]
pub(super) struct Period {
    pub(super) from: jiff::Timestamp,
    pub(super) to: jiff::Timestamp,
}

impl Period {
    fn has(self, time: jiff::Timestamp) -> bool {
        self.from <= time && time < self.to
    }
}

/// What a period has.
pub(super) struct Gathered {
    period: Period,
    heartbeat: u32,
    /// The indices of the records of uses, in order.
    pub(super) releases: Vec<u64>,
    pub(super) in_emergency: u64,
    /// By person and verdict.
    pub(super) votes: BTreeMap<(String, String), u64>,
    /// How many records of each type.
    pub(super) events: BTreeMap<String, u64>,
    pub(super) batches: Vec<Value>,
    pub(super) silences: Vec<Value>,
    /// The configuration that was in force when the period begins, and each that came in it.
    pub(super) configurations: Vec<Value>,
    pub(super) omitted: u64,
    first: Option<jiff::Timestamp>,
    last: Option<(u64, jiff::Timestamp)>,
}

impl Gathered {
    pub(super) fn new(period: Period, heartbeat: u32) -> Self {
        Self {
            period,
            heartbeat,
            releases: Vec::new(),
            in_emergency: 0,
            votes: BTreeMap::new(),
            events: BTreeMap::new(),
            batches: Vec::new(),
            silences: Vec::new(),
            configurations: Vec::new(),
            omitted: 0,
            first: None,
            last: None,
        }
    }

    /// How long there may be no record, in seconds.
    pub(super) fn patience(&self) -> i64 {
        i64::from(self.heartbeat) * 60 + LATE
    }

    /// Whether the log has no records from the beginning of the period on.
    pub(super) fn begins_late(&self) -> bool {
        self.first.is_none_or(|first| first > self.period.from)
    }

    /// Whether the log has no records up to the end of the period.
    pub(super) fn ends_early(&self) -> bool {
        self.last.is_none_or(|(_, last)| {
            self.period.to.as_second().saturating_sub(last.as_second()) > self.patience()
        })
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, index: u64, leaf: &Value) {
        let Some(time) = record::time(leaf) else {
            return;
        };
        self.listen(index, time);
        self.configure(index, time, leaf);
        if !self.period.has(time) {
            return;
        }
        let kind = record::short_type(leaf["type"].as_str().unwrap_or_default());
        *self.events.entry(kind.to_owned()).or_default() += 1;
        let data = &leaf["data"];
        match kind {
            "grant.used" => self.releases.push(index),
            "emergency.used" => {
                self.releases.push(index);
                self.in_emergency += 1;
            }
            "events.reported" | "mask.summary" => self.report(index, data),
            _ => {}
        }
        if let Some(verdict) = data["vote"]["verdict"].as_str() {
            let vote = (record::actor(leaf).to_owned(), verdict.to_owned());
            *self.votes.entry(vote).or_default() += 1;
        }
    }

    fn listen(&mut self, index: u64, time: jiff::Timestamp) {
        self.first.get_or_insert(time);
        let before = self.last.replace((index, time));
        let Some((before, since)) = before else {
            return;
        };
        let seconds = time.as_second().saturating_sub(since.as_second());
        let is_within = since < self.period.to && time > self.period.from;
        if is_within && seconds > self.patience() {
            let silence = json!({
                "behind_record": before, "from": since.to_string(),
                "record": index, "to": time.to_string(), "seconds": seconds,
            });
            push(&mut self.silences, silence, &mut self.omitted);
        }
    }

    fn configure(&mut self, index: u64, time: jiff::Timestamp, leaf: &Value) {
        let kind = record::short_type(leaf["type"].as_str().unwrap_or_default());
        if kind != "config.changed" || time >= self.period.to {
            return;
        }
        let told = &leaf["data"]["configuration"];
        let configuration = json!({
            "index": index, "time": time.to_string(),
            "changed": told.get("changed"), "parts": told["parts"],
        });
        if time < self.period.from {
            // Only the last of them was in force.
            self.configurations.clear();
        }
        push(&mut self.configurations, configuration, &mut self.omitted);
    }

    fn report(&mut self, index: u64, data: &Value) {
        // Of a batch, as earlier versions recorded each, or of a minute.
        let events = data.get("summary").unwrap_or(&data["events"]);
        let count = |name: &str| events[name].as_u64().unwrap_or(0);
        if count("missing") > 0 || count("lost") > 0 {
            let mut batch = json!({
                "index": index, "gateway": data["actor"]["id"],
                "batches_missing": events["missing"], "requests_not_counted": events["lost"],
            });
            for name in ["worker", "minute", "gaps"] {
                if let Some(told) = events.get(name) {
                    batch[name] = told.clone();
                }
            }
            push(&mut self.batches, batch, &mut self.omitted);
        }
    }
}

fn push(list: &mut Vec<Value>, gap: Value, omitted: &mut u64) {
    if list.len() < MOST {
        list.push(gap);
    } else {
        *omitted += 1;
    }
}
