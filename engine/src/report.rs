//! What was done to a body, in counts.

use crate::Class;

/// Counts of what was masked and lifted so far; never a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    masked: [u64; Class::COUNT],
    lifted: [u64; Class::COUNT],
    records: u64,
}

impl Report {
    /// How many values of the class were masked. A member that is removed counts once; a value
    /// found inside a longer text counts once each time it is found.
    pub fn masked(&self, class: Class) -> u64 {
        self.masked.get(class as usize).copied().unwrap_or_default()
    }

    /// How many values of the class came out as they are because the class was lifted.
    pub fn lifted(&self, class: Class) -> u64 {
        self.lifted.get(class as usize).copied().unwrap_or_default()
    }

    /// How many values were masked.
    pub fn masked_total(&self) -> u64 {
        self.masked.iter().sum()
    }

    /// How many values were lifted.
    pub fn lifted_total(&self) -> u64 {
        self.lifted.iter().sum()
    }

    /// How many records went by: NDJSON lines, events with JSON data, elements of
    /// `entry` of a FHIR Bundle, elements of a
    /// top-level array, else the body.
    pub fn records(&self) -> u64 {
        self.records
    }

    pub(crate) fn count(&mut self, class: Class, lifted: bool) {
        let counts = if lifted {
            &mut self.lifted
        } else {
            &mut self.masked
        };
        if let Some(count) = counts.get_mut(class as usize) {
            *count += 1;
        }
    }

    pub(crate) fn count_records(&mut self, records: u64) {
        self.records += records;
    }
}
