//! Dates: all elements but the year are identifiers (45 CFR 164.514(b)(2)(i)(C)).
//!
//! Found are days of the calendar from 1800 to 2100, with the time behind them: ISO 8601 and the
//! FHIR types `date`, `dateTime` and `instant`; `M/D/Y` and `D.M.Y`, in either order of month and
//! day; days and months by name, with or without a year; and months of a year. A bare year or a
//! bare time is none. What is as often something else counts only behind a word like "DOB":
//! `YYYYMMDD` and the time stamps of HL7 v2 (2.A.22 DTM) outside of fields, two digits for a year but
//! with slashes, and days that the calendar does not have.

mod clock;
mod months;
mod named;

use std::ops::Range;

use super::cursor::{Cursor, number};
use super::{Detector, Found, Probe, Shapes, Strength, continues_at, continues_before, told};
use crate::Class;
use crate::operators::Date;
use named::{by_day, by_month, month_before};

pub(crate) const DATE: Detector = Detector {
    name: "date",
    class: Class::Date,
    shapes: Shapes::DATE
        .or(Shapes::PROSE)
        .or(Shapes::SEVEN)
        .or(Shapes::MIXED),
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "date",
    "dates",
    "dated",
    "dob",
    "dod",
    "dos",
    "birthdate",
    "birthday",
    "born",
    "died",
    "deceased",
    "admitted",
    "discharged",
    "datetime",
    "timestamp",
];

/// Near a value they say as much, but not as the name of a member.
const NEAR: &[&str] = &[
    "date",
    "dates",
    "dated",
    "dob",
    "dod",
    "dos",
    "birthdate",
    "birthday",
    "born",
    "died",
    "deceased",
    "admitted",
    "discharged",
    "datetime",
    "timestamp",
    "birth",
    "death",
    "admission",
    "discharge",
    "visit",
    "seen",
    "geboren",
    "geb",
    "nacimiento",
    "naissance",
];

/// What stands right before a day that is written as one number.
const BEFORE: &[&str] = &[
    "on",
    "since",
    "until",
    "till",
    "through",
    "from",
    "by",
    "effective",
    "expires",
    "exp",
];

/// What stands behind a number that is an amount, not a day or a year.
const UNITS: &[&str] = &[
    "mg", "mcg", "ug", "ml", "g", "kg", "mmol", "unt", "unit", "units", "hr", "hour", "hours",
    "minutes", "day", "days", "week", "weeks", "months", "years", "times", "tablet", "tablets",
    "patients", "doses", "percent",
];

const EARLIEST_YEAR: u32 = 1800;
const LATEST_YEAR: u32 = 2100;

/// How sure a date is by how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// A day of the calendar in a form that nothing else has.
    Sure,
    /// It looks like one.
    Likely,
    /// It counts only if a word says so.
    Told,
}

/// A date in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Written {
    start: usize,
    end: usize,
    /// Its year, where that is written with four digits.
    year: Option<Range<usize>>,
    how: How,
}

/// The year of a text that is one date, in any form that is found, with four digits for the year.
pub(crate) fn year_of(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let start = bytes.iter().position(u8::is_ascii_digit)?;
    let written = written(bytes, 0, start)?;
    let is_whole = written.start == 0 && clock::time_end(bytes, written.end) == bytes.len();
    let year = text.get(written.year?)?;
    (is_whole && is_plausible(number(year.as_bytes()))).then_some(year)
}

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut position, mut last_end) = (0, 0);
    while let Some(byte) = bytes.get(position) {
        if !byte.is_ascii_digit() {
            position += 1;
            continue;
        }
        if let Some((range, strength)) = date(probe, last_end, position) {
            position = range.end;
            last_end = range.end;
            found(range, strength);
            continue;
        }
        let run = bytes.get(position..).unwrap_or_default();
        position += run.iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
}

/// The date whose first digits are here; what is before `from` is another.
fn date(probe: &Probe<'_>, from: usize, at: usize) -> Option<(Range<usize>, Strength)> {
    let bytes = probe.bytes();
    let date = written(bytes, from, at)?;
    let before = bytes.get(from..).unwrap_or_default();
    let begins =
        !bytes.get(date.start)?.is_ascii_digit() || !continues_before(before, date.start - from);
    if !begins || !ends(bytes, date.end) {
        return None;
    }
    let range = date.start..clock::time_end(bytes, date.end);
    let strength = match date.how {
        How::Sure => Strength::Valid,
        How::Likely => Strength::Shape,
        How::Told => {
            let is_told = probe.is_labelled(&range, NEAR)
                || date.end - date.start >= 8
                    && bytes
                        .get(date.start..date.end)?
                        .iter()
                        .all(u8::is_ascii_digit)
                    && told::stands_behind(bytes, date.start, BEFORE, &[]);
            is_told.then_some(Strength::Labelled)?
        }
    };
    Some((range, strength))
}

/// Whether a date may end there: no longer number goes on, but perhaps the second date of a span.
fn ends(bytes: &[u8], end: usize) -> bool {
    let timed = clock::time_end(bytes, end);
    timed > end
        || !continues_at(bytes, end)
        || bytes.get(end) == Some(&b'-') && written(bytes, end + 1, end + 1).is_some()
}

/// What the digits here may be, and the name of a month before them.
fn written(bytes: &[u8], from: usize, at: usize) -> Option<Written> {
    let cursor = Cursor::new(bytes, at);
    let by_number = match cursor.peek_digits(15).len() {
        1 | 2 => parts(cursor),
        4 => by_year(cursor),
        8 | 12 | 14 => return in_a_row(cursor),
        _ => return None,
    };
    if matches!(&by_number, Some(date) if date.how == How::Sure) {
        return by_number;
    }
    month_before(bytes, from, at)
        .and_then(|month| by_month(cursor, month))
        .or_else(|| by_day(cursor))
        .or(by_number)
}

fn is_plausible(year: u32) -> bool {
    (EARLIEST_YEAR..=LATEST_YEAR).contains(&year)
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    is_plausible(year) && Date::new(year, month, day).is_some()
}

/// `2024-03-14`, `2024/3/14`, `2024-03`
fn by_year(mut cursor: Cursor<'_>) -> Option<Written> {
    let start = cursor.at;
    let year = cursor.digits(4)?;
    let sign = cursor.one_of(b"-/.")?;
    let part = |cursor: &mut Cursor<'_>| match sign {
        b'-' => cursor.digits(2),
        _ => cursor.one_or_two(),
    };
    let month = part(&mut cursor)?;
    let mut behind = cursor;
    let day = behind.byte(sign).and_then(|_| part(&mut behind));
    let how = if let Some(day) = day {
        cursor = behind;
        match sign {
            b'-' | b'/' if is_day(year, month, day) => How::Sure,
            _ => How::Told,
        }
    } else {
        let is_likely = sign == b'-' && is_plausible(year) && (1..=12).contains(&month);
        is_likely.then_some(())?;
        is_alone(cursor, start).then_some(())?;
        How::Likely
    };
    (sign != b'/' || is_no_path(cursor, start)).then_some(())?;
    Some(Written {
        start,
        end: cursor.at,
        year: Some(start..start + 4),
        how,
    })
}

/// `3/14/2024`, `14.3.2024`, `14-03-2024`, `3/14/24`, `03/2024`
fn parts(mut cursor: Cursor<'_>) -> Option<Written> {
    let start = cursor.at;
    let first_length = cursor.peek_digits(2).len();
    let first = cursor.one_or_two()?;
    let sign = cursor.one_of(b"/-.")?;
    if let Some(year) = cursor.digits(4) {
        let is_likely = sign == b'/'
            && first_length == 2
            && (1..=12).contains(&first)
            && (1900..=LATEST_YEAR).contains(&year)
            && is_no_path(cursor, start)
            && is_alone(cursor, start)
            && !is_amount(cursor);
        return is_likely.then(|| of_parts(start, cursor.at, true, How::Likely));
    }
    let second = cursor.one_or_two()?;
    cursor.byte(sign)?;
    let is_long = cursor.peek_digits(3).len() != 2;
    let year = cursor.digits(if is_long { 4 } else { 2 })?;
    let full = if is_long { year } else { 2000 + year };
    let is_real = is_day(full, first, second) || is_day(full, second, first);
    let how = match sign {
        _ if is_real && is_long => How::Sure,
        b'/' if is_real && is_alone(cursor, start) && !is_amount(cursor) => How::Likely,
        _ => How::Told,
    };
    (sign != b'/' || is_no_path(cursor, start)).then_some(())?;
    Some(of_parts(start, cursor.at, is_long, how))
}

fn of_parts(start: usize, end: usize, is_long: bool, how: How) -> Written {
    let year = is_long.then_some(end.saturating_sub(4)..end);
    Written {
        start,
        end,
        year,
        how,
    }
}

/// `20240314`, `20240314T093000`, `202403140930`, `20240314093000.123-0500`
fn in_a_row(mut cursor: Cursor<'_>) -> Option<Written> {
    let start = cursor.at;
    let digits = cursor.peek_digits(14);
    let part = |from: usize, length| digits.get(from..from + length).map(number);
    let is_time = part(8, 2).is_none_or(|hour| hour < 24)
        && part(10, 2).is_none_or(|minute| minute < 60)
        && part(12, 2).is_none_or(|second| second < 60);
    (is_time && is_day(part(0, 4)?, part(4, 2)?, part(6, 2)?)).then_some(())?;
    cursor.at += digits.len();
    let is_timed = digits.len() == 8
        && matches!(cursor.next(), Some(b'T' | b't'))
        && clock::time_end(cursor.rest(), 0) > 0;
    if digits.len() > 8 {
        clock::fraction(&mut cursor);
        clock::zone(&mut cursor);
    }
    let is_sign = |byte: Option<u8>| matches!(byte, Some(b'|' | b'^' | b'~'));
    let is_field = is_sign(cursor.before(start)) && is_sign(cursor.next());
    Some(Written {
        start,
        end: cursor.at,
        year: Some(start..start + 4),
        how: if is_timed || is_field {
            How::Sure
        } else {
            How::Told
        },
    })
}

/// Whether what stands here says that the number before is an amount.
fn is_amount(mut cursor: Cursor<'_>) -> bool {
    cursor.spaces(1);
    let word = cursor.word(9);
    cursor.next() == Some(b'%') && word.is_empty()
        || UNITS
            .iter()
            .any(|unit| word.eq_ignore_ascii_case(unit.as_bytes()))
}

/// Whether what begins there and ends here is no part of a longer word.
fn is_alone(end: Cursor<'_>, start: usize) -> bool {
    let is_word = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_'))
    };
    let joins = |near: Option<u8>, far| near == Some(b'-') && is_word(far);
    let before = end.before(start);
    let far = start.checked_sub(1).and_then(|start| end.before(start));
    let behind = end.rest().get(1).copied();
    !is_word(before) && !joins(before, far) && !is_word(end.next()) && !joins(end.next(), behind)
}

/// Whether what begins there and ends here is no part of a longer chain of slashes.
fn is_no_path(end: Cursor<'_>, start: usize) -> bool {
    let goes_on =
        end.next() == Some(b'/') && end.rest().get(1).is_some_and(u8::is_ascii_alphanumeric);
    end.before(start) != Some(b'/') && !goes_on
}

#[cfg(test)]
mod tests;
