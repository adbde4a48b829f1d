//! The time behind a date.

use crate::detectors::cursor::Cursor;

/// Where the time ends that stands behind a date, if one does: `T09:30:00.123Z`, ` 9:30 AM`.
pub(super) fn time_end(bytes: &[u8], end: usize) -> usize {
    let mut cursor = Cursor::new(bytes, end);
    zone(&mut cursor);
    let zoned = cursor.at;
    time(Cursor::new(bytes, end)).unwrap_or(zoned)
}

fn time(mut cursor: Cursor<'_>) -> Option<usize> {
    cursor.byte(b',');
    let sign = cursor.one_of(b"Tt ")?;
    if let Some(digits) = [6, 4].into_iter().find_map(|length| cursor.digits(length)) {
        // Without colons only behind a `T`: `T0930`, `T093000`.
        let last = if digits > 9999 { digits / 100 } else { digits };
        (sign != b' ' && last / 100 < 24 && last % 100 < 60).then_some(())?;
    } else {
        let hour = cursor.one_or_two()?;
        cursor.byte(b':')?;
        let minute = cursor.digits(2)?;
        (hour <= 24 && minute < 60).then_some(())?;
        let mut seconds = cursor;
        if seconds.byte(b':').is_some() && seconds.digits(2).is_some_and(|second| second <= 60) {
            cursor = seconds;
        }
    }
    fraction(&mut cursor);
    half(&mut cursor);
    zone(&mut cursor);
    Some(cursor.at)
}

/// `.123`
pub(super) fn fraction(cursor: &mut Cursor<'_>) {
    let mut inside = *cursor;
    if inside.one_of(b".,").is_some() {
        let digits = inside.peek_digits(10).len();
        if (1..10).contains(&digits) {
            inside.at += digits;
            *cursor = inside;
        }
    }
}

/// ` AM`, `p.m.`
fn half(cursor: &mut Cursor<'_>) {
    let mut inside = *cursor;
    inside.spaces(1);
    for half in [&b"a.m."[..], b"p.m.", b"am", b"pm"] {
        let mut behind = inside;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric();
        if behind.text(half).is_some() && !behind.next().is_some_and(is_word) {
            *cursor = behind;
            return;
        }
    }
}

/// `Z`, `+02:00`, `-0500`
pub(super) fn zone(cursor: &mut Cursor<'_>) {
    let is_word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let mut inside = *cursor;
    match inside.one_of(b"Zz+-") {
        Some(b'Z' | b'z') if !is_word(inside.next()) => *cursor = inside,
        Some(b'Z' | b'z') | None => {}
        Some(_) => {
            let is_hour = |hour: u32| hour <= 14;
            let mut split = inside;
            let is_split = split.digits(2).is_some_and(is_hour)
                && split.byte(b':').is_some()
                && split.digits(2).is_some();
            if is_split {
                *cursor = split;
            } else if inside.digits(4).is_some_and(|zone| is_hour(zone / 100)) {
                *cursor = inside;
            }
        }
    }
}
