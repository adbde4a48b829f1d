//! What was masked or denied without any review, summed: one record for a minute and a gateway, however
//! many batches and requests there were.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use velum_engine::Class;

use super::canonical::{Object, Value};
use crate::keys::KeyedToken;
use crate::messages::{ClassCounts, EventOutcome, EventRow, Events};
use crate::words::{ActionName, GatewayId, Timestamp, WorkerId, base64url_encode};

/// The most rows of a record: those with the most requests. The others are summed.
const MOST_ROWS: usize = 64;
/// The most bytes that its rows take: with all the rest that stays below what a leaf may have.
const MOST_ROW_BYTES: usize = 9 * 1024;
/// The most gaps that a record names; all of them are counted.
const MOST_GAPS: usize = 16;
/// The most rows that are told apart while a minute is summed. Beyond them requests are counted as others.
const MOST_KNOWN: usize = 65_536;
/// The most that a number in a record can be; a sum beyond it stays there.
const MOST_COUNTED: u64 = (1 << 53) - 1;

/// What a minute's batches of a gateway add up to, of [`Record::Summarised`](super::Record::Summarised).
#[derive(Clone, Debug)]
pub struct Summary {
    gateway: GatewayId,
    minute: Timestamp,
    batches: u64,
    digest: Sha256,
    missing: u64,
    late: u64,
    lost: u64,
    gaps: Vec<Gap>,
    all: Sum,
    outcomes: BTreeMap<EventOutcome, u64>,
    rows: BTreeMap<Row, Sum>,
    /// What could not be told apart any more.
    others: Sum,
}

/// A batch with what was known of its worker when it was taken.
#[derive(Clone, Copy, Debug)]
pub struct Reception<'a> {
    /// The batch.
    pub events: &'a Events,
    /// The bytes that are kept of it.
    pub body: &'a [u8],
    /// How many batches of the worker were missing before it then.
    pub missing: u64,
    /// Whether it was missing itself, and came late.
    pub is_late: bool,
}

/// Batches of a worker that had not come when a later one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    worker: WorkerId,
    /// The number of the one that came.
    before: u64,
    batches: u64,
}

/// What requests have in common that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    action: Option<ActionName>,
    outcome: EventOutcome,
    principal: Option<KeyedToken>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    requests: u64,
    masked: ClassCounts,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.masked.add_all(&other.masked);
    }

    fn values(&self) -> u64 {
        let counts = self.masked.iter().map(|(_, count)| count);
        counts.fold(0, u64::saturating_add)
    }

    fn data(&self) -> Object {
        Object::new()
            .with("masked", counts(&self.masked))
            .with("requests", integer(self.requests))
    }
}

impl Summary {
    /// How long a summary is for.
    pub const PERIOD: Duration = Duration::from_mins(1);

    /// Of no batch yet. The minute is the one that has `within` in it.
    pub fn new(gateway: GatewayId, within: Timestamp) -> Self {
        Self {
            gateway,
            minute: Self::minute_of(within),
            batches: 0,
            digest: Sha256::new(),
            missing: 0,
            late: 0,
            lost: 0,
            gaps: Vec::new(),
            all: Sum::default(),
            outcomes: BTreeMap::new(),
            rows: BTreeMap::new(),
            others: Sum::default(),
        }
    }

    /// The beginning of the minute of this time.
    pub fn minute_of(time: Timestamp) -> Timestamp {
        let millis = time.as_millis();
        Timestamp::from_millis(millis - millis % 60_000)
    }

    /// The gateway.
    pub fn gateway(&self) -> &GatewayId {
        &self.gateway
    }

    /// When the minute begins.
    pub fn minute(&self) -> Timestamp {
        self.minute
    }

    /// How many batches are in it.
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// Adds a batch. They come in the order of their workers' ids and of their numbers: the digest in the
    /// record, SHA-256 over the SHA-256 of each, says which they were.
    pub fn add(&mut self, taken: &Reception<'_>) {
        let events = taken.events;
        self.batches = self.batches.saturating_add(1);
        self.digest.update(Sha256::digest(taken.body));
        self.missing = self.missing.saturating_add(taken.missing);
        self.late = self.late.saturating_add(u64::from(taken.is_late));
        self.lost = self.lost.saturating_add(events.lost);
        if taken.missing > 0 && self.gaps.len() < MOST_GAPS {
            self.gaps.push(Gap {
                worker: events.worker,
                before: events.sequence,
                batches: taken.missing,
            });
        }
        for row in &events.rows {
            self.count(row);
        }
    }

    fn count(&mut self, row: &EventRow) {
        let sum = Sum {
            requests: row.requests,
            masked: row.masked,
        };
        self.all.add(&sum);
        let outcome = self.outcomes.entry(row.outcome).or_default();
        *outcome = outcome.saturating_add(sum.requests);
        let row = Row {
            action: row.action.clone(),
            outcome: row.outcome,
            principal: row.principal,
        };
        let is_full = self.rows.len() >= MOST_KNOWN;
        match self.rows.get_mut(&row) {
            Some(known) => known.add(&sum),
            None if is_full => self.others.add(&sum),
            None => _ = self.rows.insert(row, sum),
        }
    }

    pub(super) fn data(&self) -> Object {
        let mut ranked: Vec<_> = self.rows.iter().collect();
        ranked.sort_by_key(|(row, sum)| {
            let most_first = (
                std::cmp::Reverse(sum.requests),
                std::cmp::Reverse(sum.values()),
            );
            (most_first, *row)
        });
        let mut others = self.others;
        let (mut rows, mut bytes) = (Vec::new(), 0_usize);
        for (row, sum) in ranked {
            let told = Value::Object(row.data(sum));
            let length = told.to_canonical().map_or(usize::MAX, |text| text.len());
            bytes = bytes.saturating_add(length);
            if rows.len() < MOST_ROWS && bytes <= MOST_ROW_BYTES {
                rows.push(told);
            } else {
                others.add(sum);
            }
        }
        let outcomes = self.outcomes.iter();
        let outcomes = outcomes.fold(Object::new(), |object, (outcome, count)| {
            object.with(outcome.name(), integer(*count))
        });
        let gaps = self.gaps.iter().map(|gap| {
            Object::new()
                .with("batches", integer(gap.batches))
                .with("before", integer(gap.before))
                .with("worker", gap.worker.to_string())
        });
        self.all
            .data()
            .with("batches", integer(self.batches))
            .with("digest", base64url_encode(&self.digest.clone().finalize()))
            .with("gaps", gaps.collect::<Value>())
            .with("late", integer(self.late))
            .with("lost", integer(self.lost))
            .with("minute", self.minute.to_string())
            .with("missing", integer(self.missing))
            .with_some("others", (others.requests > 0).then(|| others.data()))
            .with("outcomes", outcomes)
            .with("rows", rows.into_iter().collect::<Value>())
    }
}

impl PartialEq for Summary {
    /// Whether both say the same.
    fn eq(&self, other: &Self) -> bool {
        self.gateway == other.gateway && self.data() == other.data()
    }
}

impl Eq for Summary {}

impl Row {
    fn data(&self, sum: &Sum) -> Object {
        sum.data()
            .with_some("action", self.action.as_ref().map(ActionName::as_str))
            .with("outcome", self.outcome.name())
            .with_some("principal", self.principal.map(|token| token.to_string()))
    }
}

fn counts(masked: &ClassCounts) -> Object {
    let add =
        |object: Object, (class, count): (Class, u64)| object.with(class.name(), integer(count));
    masked.iter().fold(Object::new(), add)
}

fn integer(count: u64) -> Value {
    Value::Integer(i64::try_from(count.min(MOST_COUNTED)).unwrap_or(i64::MAX))
}
