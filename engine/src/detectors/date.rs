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

use std::ops::Range;

use super::cursor::{Cursor, number};
use super::{Detector, Found, Probe, Shapes, Strength, continues_at, continues_before, told};
use crate::Class;
use crate::operators::Date;
use months::{Month, month};

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

/// A day by the name of its month.
#[derive(Clone, Copy)]
struct Day {
    start: usize,
    number: u32,
    month: Month,
    is_ordinal: bool,
    has_stop: bool,
}

/// A year that is written with two or four digits.
struct Year {
    number: u32,
    /// Its place, if it has four.
    range: Option<Range<usize>>,
    end: usize,
}

/// `14 March 2024`, `14th of March`, `14-Mar-24`, `14MAR2024`, `14-16 March`
fn by_day(mut cursor: Cursor<'_>) -> Option<Written> {
    let start = cursor.at;
    let is_long = cursor.peek_digits(2).len() == 2;
    let number = cursor.one_or_two()?;
    let number = span(&mut cursor).unwrap_or(number);
    let is_ordinal = ordinal(&mut cursor);
    let has_stop = cursor.byte(b'.').is_some();
    let sign = if has_stop { None } else { cursor.one_of(b"-/") };
    let gap = if sign.is_none() { cursor.spaces(2) } else { 0 };
    if gap > 0 {
        link(&mut cursor);
    }
    let word = cursor.word(months::LONGEST + 1);
    let month = month(word)?;
    let is_glued = sign.is_none() && gap == 0 && !has_stop;
    (!is_glued || is_long && word.len() == 3).then_some(())?;
    let day = Day {
        start,
        number,
        month,
        is_ordinal,
        has_stop,
    };
    let year = match sign {
        Some(sign) => year_at(cursor, sign),
        None if is_glued => year(cursor).or_else(|| year_behind(cursor, false)),
        None => year_behind(cursor, !has_stop),
    };
    of_day(day, cursor, year, sign.is_some() || is_glued)
}

/// `March 14, 2024`, `Mar. 14th`, `March 2024`, `Mar-14-2024`
fn by_month(
    mut cursor: Cursor<'_>,
    (start, month, sign): (usize, Month, Option<u8>),
) -> Option<Written> {
    if let Some(year) = year(cursor).filter(|year| year.range.is_some()) {
        return (!month.is_vague).then_some(Written {
            start,
            end: year.end,
            year: year.range,
            how: How::Likely,
        });
    }
    let number = cursor.one_or_two()?;
    let is_ordinal = ordinal(&mut cursor);
    let last = if sign.is_none() {
        span(&mut cursor)
    } else {
        None
    };
    ordinal(&mut cursor);
    let day = Day {
        start,
        number: last.unwrap_or(number),
        month,
        is_ordinal,
        has_stop: false,
    };
    let year = match sign {
        Some(sign) => year_at(cursor, sign),
        None => year_behind(cursor, false),
    };
    if sign.is_some() && year.is_none() {
        return after_year(day, cursor);
    }
    of_day(day, cursor, year, sign.is_some())
}

/// `2024-Mar-14`
fn after_year(day: Day, end: Cursor<'_>) -> Option<Written> {
    let start = day.start.checked_sub(5)?;
    let year = end.back_to(start).digits(4)?;
    (end.before(day.start) == Some(b'-')).then_some(())?;
    is_day(year, day.month.number, day.number).then_some(Written {
        start,
        end: end.at,
        year: Some(start..start + 4),
        how: How::Sure,
    })
}

/// A day with its year, or one that ends at the cursor.
fn of_day(day: Day, end: Cursor<'_>, year: Option<Year>, needs_year: bool) -> Option<Written> {
    let month = day.month;
    if let Some(year) = year {
        let is_real = is_day(year.number, month.number, day.number);
        let how = match (is_real, &year.range) {
            (true, Some(_)) => How::Sure,
            (true, None) if !month.is_vague => How::Likely,
            _ => How::Told,
        };
        return Some(Written {
            start: day.start,
            end: year.end,
            year: year.range,
            how,
        });
    }
    let is_vague = month.is_vague && !day.is_ordinal || month.is_word && day.has_stop;
    // A year with a leap day.
    let is_real = is_day(2000, month.number, day.number);
    let is_likely = is_real && !is_vague && !needs_year && !is_amount(end);
    let is_alone = is_alone(end, day.start) && end.next() != Some(b':');
    (is_likely && is_alone).then_some(Written {
        start: day.start,
        end: end.at,
        year: None,
        how: How::Likely,
    })
}

/// The month whose name stands before a number, where the name begins, and the dash between.
fn month_before(bytes: &[u8], from: usize, at: usize) -> Option<(usize, Month, Option<u8>)> {
    let before = bytes.get(from..at)?;
    let (mut rest, sign) = match before.strip_suffix(b"-") {
        Some(rest) => (rest, Some(b'-')),
        None => (before.strip_suffix(b" ")?, None),
    };
    if sign.is_none() {
        rest = rest.strip_suffix(b" the").unwrap_or(rest);
        rest = rest.strip_suffix(b" ").unwrap_or(rest);
        rest = rest.strip_suffix(b".").unwrap_or(rest);
    }
    let is_letter = |byte: &&u8| byte.is_ascii_alphabetic() || **byte >= 0x80;
    let letters = rest.iter().rev().take(months::LONGEST + 1);
    let start = rest.len() - letters.take_while(is_letter).count();
    let month = month(rest.get(start..)?)?;
    Some((from + start, month, sign))
}

/// The last day of a span of days: `-16`, ` - 16`
fn span(cursor: &mut Cursor<'_>) -> Option<u32> {
    let mut inside = *cursor;
    inside.spaces(1);
    inside.byte(b'-')?;
    inside.spaces(1);
    let last = inside.one_or_two().filter(|day| (1..=31).contains(day))?;
    *cursor = inside;
    Some(last)
}

/// `st`, `nd`, `rd`, `th`, `er`
fn ordinal(cursor: &mut Cursor<'_>) -> bool {
    let mut inside = *cursor;
    let word = inside.word(3);
    let is_ordinal = [&b"st"[..], b"nd", b"rd", b"th", b"er"]
        .iter()
        .any(|ending| word.eq_ignore_ascii_case(ending));
    if is_ordinal {
        *cursor = inside;
    }
    is_ordinal
}

/// `of`, `de`, `di` and a space
fn link(cursor: &mut Cursor<'_>) {
    for link in [&b"of "[..], b"de ", b"di "] {
        if cursor.text(link).is_some() {
            return;
        }
    }
}

/// The year here.
fn year(mut cursor: Cursor<'_>) -> Option<Year> {
    let start = cursor.at;
    if let Some(number) = cursor.digits(4) {
        return is_plausible(number).then_some(Year {
            number,
            range: Some(start..cursor.at),
            end: cursor.at,
        });
    }
    let number = 2000 + cursor.digits(2)?;
    Some(Year {
        number,
        range: None,
        end: cursor.at,
    })
}

/// The year behind a sign.
fn year_at(mut cursor: Cursor<'_>, sign: u8) -> Option<Year> {
    cursor.byte(sign)?;
    year(cursor)
}

/// The year behind a day or month: `, 2024`, ` 2024`, ` '24`, and perhaps ` 24`
fn year_behind(mut cursor: Cursor<'_>, may_be_short: bool) -> Option<Year> {
    cursor.byte(b'.');
    let has_comma = cursor.byte(b',').is_some();
    (cursor.spaces(2) > 0).then_some(())?;
    link(&mut cursor);
    let is_marked = cursor.byte(b'\'').is_some();
    let year = year(cursor)?;
    cursor.at = year.end;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'.');
    let is_year = year.range.is_some()
        || is_marked
        || may_be_short && !has_comma && !cursor.next().is_some_and(is_word) && !is_amount(cursor);
    is_year.then_some(year)
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
