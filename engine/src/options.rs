//! How a body is read, and within which limits.

use std::sync::Arc;

use crate::{ClassSet, Keyring, Limits, Terms};

/// How JSON texts are laid out in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// One JSON text; nothing but white space may follow it.
    #[default]
    Document,
    /// NDJSON: one JSON text a line, no line break inside a text, blank lines allowed.
    Lines,
    /// JSON text sequences (RFC 7464, `application/json-seq`): a record separator (U+001E) before each
    /// text, a line feed behind it. Several separators in a row are one. Where the RFC lets a reader
    /// skip a text that is incomplete, the body is refused; a number or literal must have white space
    /// behind it.
    Sequence,
    /// One JSON text after the other, with or without white space between them; behind a number or
    /// literal there must be some. Only where the media type says so: a second text in a body of
    /// one is a sign of a confused reader.
    Concatenated,
    /// Server-sent events (`text/event-stream`): the data of each event is one JSON text, in one
    /// `data` line or several. Data that is `[DONE]` or nothing but white space passes.
    ///
    /// Events are masked each on their own, and each leaves with its last byte. The output differs
    /// from the input in more than masked values where comments have a text (they come out as `:`),
    /// where a line is no field that clients know (dropped) or is none of data but stands between
    /// those or behind them (it comes behind them all), and where the `data` lines of one event
    /// begin or end in different ways (all are written like the first).
    Events,
}

impl Framing {
    /// How JSON is laid out in a body of this media type, by its type and subtype in lower case, without
    /// parameters. `None`: it is no JSON that can be read.
    ///
    /// ```
    /// use velum_engine::Framing;
    /// assert_eq!(Framing::of_media_type("application/fhir+json"), Some(Framing::Document));
    /// assert_eq!(Framing::of_media_type("application/x-ndjson"), Some(Framing::Lines));
    /// assert_eq!(Framing::of_media_type("application/grpc+json"), None);
    /// ```
    pub fn of_media_type(essence: &str) -> Option<Self> {
        match essence {
            "application/json" | "text/json" => Some(Self::Document),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/fhir+ndjson" => Some(Self::Lines),
            "text/event-stream" => Some(Self::Events),
            "application/json-seq" => Some(Self::Sequence),
            "application/stream+json" | "application/x-json-stream" => Some(Self::Concatenated),
            // Its messages stand in frames of their own.
            _ if essence.starts_with("application/grpc") => None,
            _ if essence.ends_with("+json-seq") => Some(Self::Sequence),
            _ => essence.ends_with("+json").then_some(Self::Document),
        }
    }
}

/// What one [`Masker`](crate::Masker) is told besides its rules.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where one JSON text ends and another begins.
    pub framing: Framing,
    /// Bounds on what a body may hold, and on memory.
    pub limits: Limits,
    /// Classes whose values come out as they are, but for what detectors find in them of other classes.
    /// [`Class::Credential`] is ignored here.
    ///
    /// [`Class::Credential`]: crate::Class::Credential
    pub lift: ClassSet,
    /// Which of their values, and what is told of others; `None`: all of them, and nothing.
    pub terms: Option<Arc<Terms>>,
    /// What operators that need a key work with; without a key they redact.
    pub keys: Keyring,
    /// The present year, by which a year of birth tells an age: see [`year_at`]. It counts as
    /// [`Options::EARLIEST_YEAR`] at least, which is the default.
    pub year: u16,
}

impl Options {
    /// The year in which this was written: no body is masked in an earlier one.
    pub const EARLIEST_YEAR: u16 = 2026;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            framing: Framing::default(),
            limits: Limits::default(),
            lift: ClassSet::EMPTY,
            terms: None,
            keys: Keyring::default(),
            year: Self::EARLIEST_YEAR,
        }
    }
}

/// The year, of the Gregorian calendar and UTC, at so many seconds from the beginning of 1970.
///
/// ```
/// use velum_engine::year_at;
/// assert_eq!([0, 1_798_761_599, 1_798_761_600].map(year_at), [1970, 2026, 2027]);
/// ```
pub fn year_at(seconds: u64) -> u16 {
    // Years that begin in March, and cycles of 400 of them, from the year 0 on: leap days come last
    // (howardhinnant.github.io/date_algorithms.html, `civil_from_days`).
    const CYCLE: u64 = 146_097;
    const BEFORE_1970: u64 = 719_468;
    let days = seconds / 86_400 + BEFORE_1970;
    let (cycles, day) = (days / CYCLE, days % CYCLE);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // January and February.
    let is_behind = day_of_year >= 306;
    u16::try_from(cycles * 400 + year + u64::from(is_behind)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::year_at;

    #[test]
    fn years_begin_and_end_at_midnight() {
        let mut begins: u64 = 0;
        for year in 1970_u16..2800 {
            let is_leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
            let ends = begins + (365 + u64::from(is_leap)) * 86_400;
            assert_eq!((year_at(begins), year_at(ends - 1)), (year, year));
            begins = ends;
        }
    }
}
