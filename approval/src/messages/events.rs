//! `POST /v1/events`: what a worker masked or denied without any review, in counts.

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use velum_engine::Class;

use crate::keys::KeyedToken;
use crate::words::{ActionName, PolicyDigest, Timestamp, WorkerId};

/// The most that a count of a batch may be, so that sums of them stay numbers.
const MOST_COUNTED: u64 = 1 << 40;

/// The most rows of one [`Events`]: a batch stays below the service's bound on bodies.
pub const MOST_ROWS: usize = 64;

/// One batch of a worker. It has ids, names of the policy, classes, keyed tokens and counts, and no
/// room for anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// The worker, random at its start.
    pub worker: WorkerId,
    /// Its batches are numbered from 1 without a gap; a batch that is sent again keeps its number.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 9_007_199_254_740_991_u64)
    )]
    pub sequence: u64,
    /// Requests since the batch before that are in no row, because there was no room for them or the
    /// batch that had them was refused; at most 2⁴⁰, as every count.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "openapi", schema(maximum = 1_099_511_627_776_u64))]
    pub lost: u64,
    /// When the first of them was counted.
    pub from: Timestamp,
    /// When the last was.
    pub until: Timestamp,
    /// At most [`MOST_ROWS`].
    #[serde(deserialize_with = "rows")]
    #[cfg_attr(feature = "openapi", schema(max_items = 64))]
    pub rows: Vec<EventRow>,
}

/// Requests that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EventRow {
    /// The policy that they met.
    pub policy: PolicyDigest,
    /// The action that they matched, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionName>,
    /// What became of them.
    pub outcome: EventOutcome,
    /// Who made them, for who holds the gateway's key; none without identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<KeyedToken>,
    /// The status that the caller saw; 0 where there was none.
    pub status: u16,
    /// How many they are, at least 1.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 1_099_511_627_776_u64)
    )]
    pub requests: u64,
    /// How many values were masked for them, by class.
    #[serde(default, skip_serializing_if = "ClassCounts::is_empty")]
    pub masked: ClassCounts,
}

/// What became of a request that nobody reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EventOutcome {
    /// It was answered, masked.
    Masked,
    /// A body passed without being looked into, as the policy says.
    Unread,
    /// The policy denies its action.
    Denied,
    /// It could not be taken as it was.
    Refused,
    /// The upstream's answer could not be masked.
    Withheld,
    /// The answer was cut, because its rest could not be masked.
    Cut,
    /// The caller left while the masked answer went out.
    Left,
}

impl EventOutcome {
    /// The name used in JSON and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Unread => "unread",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Withheld => "withheld",
            Self::Cut => "cut",
            Self::Left => "left",
        }
    }
}

/// Counts by class; classes that count nothing are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCounts([u64; Class::ALL.len()]);

impl Default for ClassCounts {
    // Derived, it would ask each element for its own.
    fn default() -> Self {
        Self([0; Class::ALL.len()])
    }
}

impl ClassCounts {
    /// The counts of all classes, in their order.
    pub fn of(counts: [u64; Class::ALL.len()]) -> Self {
        Self(counts)
    }

    /// Adds to the count of a class.
    pub fn add(&mut self, class: Class, count: u64) {
        if let Some(sum) = self.0.get_mut(class as usize) {
            *sum = sum.saturating_add(count);
        }
    }

    /// Adds all counts of another.
    pub fn add_all(&mut self, other: &Self) {
        for (class, count) in other.iter() {
            self.add(class, count);
        }
    }

    /// The classes that count something, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Class, u64)> {
        let counts = Class::ALL.iter().copied().zip(self.0);
        counts.filter(|(_, count)| *count > 0)
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl Serialize for ClassCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(class, count)| (class.name(), count)))
    }
}

impl<'de> Deserialize<'de> for ClassCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counts;

        impl<'de> Visitor<'de> for Counts {
            type Value = ClassCounts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("counts by class")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ClassCounts, M::Error> {
                let mut counts = ClassCounts::default();
                while let Some((name, Count(count))) = map.next_entry::<String, Count>()? {
                    let class = Class::from_name(&name);
                    let class = class.ok_or_else(|| M::Error::custom("unknown class"))?;
                    if counts.iter().any(|(counted, _)| counted == class) {
                        return Err(M::Error::custom("a class stands twice"));
                    }
                    counts.add(class, count);
                }
                Ok(counts)
            }
        }

        deserializer.deserialize_map(Counts)
    }
}

struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        count(deserializer).map(Self)
    }
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let count = u64::deserialize(deserializer)?;
    let is_sane = count <= MOST_COUNTED;
    let fault = || D::Error::custom("a count beyond what can be");
    is_sane.then_some(count).ok_or_else(fault)
}

fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EventRow>, D::Error> {
    let rows = Vec::<EventRow>::deserialize(deserializer)?;
    if rows.len() > MOST_ROWS || rows.iter().any(|row| row.requests == 0) {
        return Err(D::Error::custom("too many rows, or one of no request"));
    }
    Ok(rows)
}
