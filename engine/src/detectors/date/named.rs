//! Days by the names of their months: `14 March 2024`, `March 14`.

use std::ops::Range;

use super::months::{self, Month, month};
use super::{How, Written, is_alone, is_amount, is_day, is_plausible};
use crate::detectors::cursor::Cursor;

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
pub(super) fn by_day(mut cursor: Cursor<'_>) -> Option<Written> {
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
pub(super) fn by_month(
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
pub(super) fn month_before(
    bytes: &[u8],
    from: usize,
    at: usize,
) -> Option<(usize, Month, Option<u8>)> {
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
