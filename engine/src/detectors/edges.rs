//! Where an identifier ends: what stands beside it must not make it a part of something longer.

use std::ops::Range;

use super::{continues_at, continues_before};

/// So many letters may be glued to a number.
const LONGEST_WORD: usize = 24;

/// Whether no longer token of letters and digits begins before that place.
pub(super) fn token_starts(bytes: &[u8], at: usize) -> bool {
    let byte = |back: usize| at.checked_sub(back).and_then(|at| bytes.get(at));
    !is_token(byte(1), byte(2))
}

/// Whether no longer token of letters and digits goes on at that place.
pub(super) fn token_ends(bytes: &[u8], at: usize) -> bool {
    !is_token(bytes.get(at), bytes.get(at + 1))
}

/// A full stop joins digits alone: behind a word it ends a sentence.
fn is_token(near: Option<&u8>, far: Option<&u8>) -> bool {
    is_word(near)
        || match near {
            Some(b'-' | b'_') => is_word(far),
            Some(b'.') => far.is_some_and(u8::is_ascii_digit),
            _ => false,
        }
}

/// Whether a number stands for itself: words may be glued to it, but nothing in which there is
/// another digit, such as a hash; and it is no part of a UUID.
pub(super) fn number_stands(bytes: &[u8], number: &Range<usize>) -> bool {
    let before = bytes.get(..number.start).unwrap_or_default();
    let behind = bytes.get(number.end..).unwrap_or_default();
    !continues_before(bytes, number.start)
        && !continues_at(bytes, number.end)
        && is_plain_word(before.iter().rev())
        && is_plain_word(behind.iter())
        && !is_in_uuid(bytes, number)
}

/// The digits in a row, each run whole.
pub(super) fn digit_runs(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    runs(bytes, u8::is_ascii_digit)
}

/// The letters and digits in a row, each run whole.
pub(super) fn word_runs(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    runs(bytes, u8::is_ascii_alphanumeric)
}

fn runs(bytes: &[u8], counts: fn(&u8) -> bool) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(from..)?;
        let start = from + rest.iter().position(counts)?;
        let length = bytes.get(start..)?.iter().take_while(|byte| counts(byte));
        from = start + length.count();
        Some(start..from)
    })
}

/// Whether what is glued on are letters alone.
fn is_plain_word<'a>(glued: impl Iterator<Item = &'a u8>) -> bool {
    let mut first = glued
        .take(LONGEST_WORD)
        .skip_while(|byte| byte.is_ascii_alphabetic());
    !first.next().is_some_and(u8::is_ascii_digit)
}

/// Whether a part lies in a UUID: digits in it may look like anything.
pub(super) fn is_in_uuid(bytes: &[u8], part: &Range<usize>) -> bool {
    const LENGTH: usize = 36;
    let first = part.start.saturating_sub(LENGTH - 1);
    let around = bytes.get(first..).unwrap_or_default();
    let mut starts = around.windows(LENGTH).take(part.start + 1 - first);
    starts.any(|window| {
        window.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    })
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether what lies between two values lists them: what is said of the first holds for the next.
pub(super) fn is_listed(bytes: &[u8], between: Range<usize>) -> bool {
    const LISTS: [&[u8]; 12] = [
        b",", b", ", b";", b"; ", b"/", b" / ", b"|", b" and ", b", and ", b" or ", b", or ",
        b" & ",
    ];
    let between = bytes.get(between).unwrap_or_default();
    LISTS.contains(&between)
}

/// Whether it begins with a date of ISO 8601.
pub(super) fn is_iso_date(text: &[u8]) -> bool {
    let Some([date @ .., b'-', a, b]) = text.first_chunk::<10>() else {
        return false;
    };
    let [year @ .., dash, c, d] = date;
    *dash == b'-' && year.iter().chain([a, b, c, d]).all(u8::is_ascii_digit)
}
