//! ZIP codes of the US, five digits or five and four: behind a word like "ZIP", or behind a state.
//!
//! A city before the state is found with it (geography smaller than a state is an identifier, 45 CFR
//! 164.514(b)(2)(i)(B)): `Boston, MA 02115`. Without a comma between, or in small letters, the code
//! must be one of the state's.

mod states;

use super::cursor::{Cursor, number};
use super::{Detector, Found, Probe, Shapes, Strength, continues_at, continues_before, told};
use crate::Class;

pub(crate) const ZIP: Detector = Detector {
    name: "zip",
    class: Class::Address,
    shapes: Shapes::DATE.or(Shapes::PROSE).or(Shapes::QUOTED),
    words: &["zip", "zipcode", "postal code", "postcode", "postalcode"],
    find,
};

const WORDS: &[&str] = &[
    "zip",
    "zips",
    "zipcode",
    "postal",
    "postcode",
    "postalcode",
    "plz",
];
const NAMES: &[&str] = &["zip", "zip code", "postal code", "postcode", "plz"];
const FILLERS: &[&str] = &["code", "codes", "is", "was", "no", "number", "of"];

/// A city has so many words at most, of so many bytes together.
const MOST_WORDS: usize = 3;
const LONGEST_CITY: usize = 40;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut position, mut last_end) = (0, 0);
    while let Some(byte) = bytes.get(position) {
        if !byte.is_ascii_digit() {
            position += 1;
            continue;
        }
        let run = bytes.get(position..).unwrap_or_default();
        let length = run.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let before = bytes.get(last_end..).unwrap_or_default();
        let begins = length == 5 && !continues_before(before, position - last_end);
        let there = begins.then(|| code(probe, last_end, position)).flatten();
        position += length;
        if let Some((start, end, strength)) = there {
            found(start..end, strength);
            position = end;
            last_end = end;
        }
    }
}

/// Where the code begins, with the state and city before it, and where it ends.
fn code(probe: &Probe<'_>, from: usize, start: usize) -> Option<(usize, usize, Strength)> {
    let bytes = probe.bytes();
    let mut cursor = Cursor::new(bytes, start);
    let prefix = number(cursor.peek_digits(3));
    cursor.at += 5;
    let mut more = cursor;
    if more.byte(b'-').is_some() && more.digits(4).is_some() {
        cursor = more;
    }
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if continues_at(bytes, cursor.at) || cursor.next().is_some_and(is_word) {
        return None;
    }
    if let Some(start) = place(bytes, from, start, prefix) {
        return Some((start, cursor.at, Strength::Valid));
    }
    let is_apart = cursor
        .before(start)
        .is_none_or(|byte| is_word(byte) || b" \t\n:=\"'>|`".contains(&byte));
    let is_named = probe.named;
    let is_told = is_named
        || is_apart
            && (told::stands_behind(bytes, start, WORDS, FILLERS) || probe.tells(start, NAMES));
    is_told.then_some((start, cursor.at, Strength::Labelled))
}

/// Where the city, or else the state, begins that stands before a code.
fn place(bytes: &[u8], from: usize, at: usize, prefix: u32) -> Option<usize> {
    let before = bytes.get(from..at)?;
    let rest = before.trim_ascii_end();
    let gap = before.len() - rest.len();
    let rest = rest.strip_suffix(b",").unwrap_or(rest);
    let (start, state) = states::before(rest).filter(|_| (1..=2).contains(&gap))?;
    let rest = rest.get(..start)?;
    let is_small = bytes.get(from + start)?.is_ascii_lowercase();
    let trimmed = rest.trim_ascii_end();
    let is_state = state.has(prefix);
    match trimmed.strip_suffix(b",") {
        Some(rest) if is_state || !is_small => Some(from + city(rest, is_small).unwrap_or(start)),
        None if is_state && !is_small && trimmed.len() < rest.len() => {
            city(trimmed, false).map(|city| from + city)
        }
        None if is_state && !is_small && rest.is_empty() => Some(from + start),
        _ => None,
    }
}

/// Where the city begins that ends here: words with a capital letter, or one in small letters.
fn city(text: &[u8], is_small: bool) -> Option<usize> {
    let earliest = text.len().saturating_sub(LONGEST_CITY);
    let is_part = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80 || b"'-.".contains(&byte);
    let mut start = None;
    let mut end = text.len();
    for _ in 0..MOST_WORDS {
        let word = text.get(earliest..end)?;
        let length = word.iter().rev().take_while(|byte| is_part(**byte)).count();
        let quote = usize::from(text.get(end - length) == Some(&b'\'') && length > 1);
        let begin = end - length + quote;
        let first = text.get(begin).filter(|_| length > 0);
        // `ZIP: Boston, MA 02115`
        let is_label = WORDS.iter().chain(FILLERS).any(|one| {
            let word = text.get(begin..end).unwrap_or_default();
            word.eq_ignore_ascii_case(one.as_bytes())
        });
        let is_name =
            !is_label && first.is_some_and(|byte| byte.is_ascii_uppercase() || *byte >= 0x80);
        // A stop ends a sentence, but for that of `St.` and the like.
        let has_stop = start.is_some() && length > 4 && text.get(end - 1) == Some(&b'.');
        let is_cut = begin == earliest && earliest > 0;
        if !(is_name || is_small && start.is_none() && length > 1) || has_stop || is_cut {
            break;
        }
        start = Some(begin);
        if is_small || begin == 0 || quote > 0 || text.get(begin - 1) != Some(&b' ') {
            break;
        }
        end = begin - 1;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn codes_are_found() {
        for (text, expected) in [
            ("Boston, MA 02115", &["Boston, MA 02115"][..]),
            (
                "lives in New Bedford, MA 02740-1234.",
                &["New Bedford, MA 02740-1234"],
            ),
            ("Boston MA 02115", &["Boston MA 02115"]),
            ("'Salt Lake City, UT 84127'", &["Salt Lake City, UT 84127"]),
            ("ZIP Boston, MA 02115", &["Boston, MA 02115"]),
            ("zip code:\t02115-1234", &["02115-1234"]),
            ("boston, ma 02115", &["boston, ma 02115"]),
            ("ST. LOUIS, MO 63101", &["ST. LOUIS, MO 63101"]),
            ("O'Fallon, IL, 62269", &["O'Fallon, IL, 62269"]),
            (
                "Boston, Massachusetts 02115",
                &["Boston, Massachusetts 02115"],
            ),
            ("New York, New York 10001", &["New York, New York 10001"]),
            ("MA 02115", &["MA 02115"]),
            ("Nowhere, MA 99999", &["Nowhere, MA 99999"]),
            ("[masked:name], MA 02115", &["MA 02115"]),
            (
                "Salem, MA 01970; Salem, OR 97301",
                &["Salem, MA 01970", "Salem, OR 97301"],
            ),
            ("ZIP 02115", &["02115"]),
            ("zip code: 02115-1234", &["02115-1234"]),
            ("ZIP02115", &["02115"]),
            ("Postal Code is 02115", &["02115"]),
            ("zip=02115", &["02115"]),
            ("PLZ 80331", &["80331"]),
            ("zip ０２１１５", &["０２１１５"]),
        ] {
            assert_eq!(found(&ZIP, text), expected, "{text}");
        }
        assert_eq!(found_under(&ZIP, "zipCode", "02115"), ["02115"]);
        assert_eq!(
            found_under(&ZIP, "postalCode", "02115-1234"),
            ["02115-1234"]
        );
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "02115",
            "code 02115",
            "MA 021155",
            "CODE OR 12345",
            "seen in 46204",
            "take this or 97201",
            "IN 99999",
            "5 OR 97201",
            "zip file of 20480 bytes",
            "zip 2115",
            "zip 021-15",
            "unzip 02115",
            "[masked:address], 02115",
            "SNOMED 44054006, RxNorm 85352",
            "JAMA 02115",
            "2024-03-14T09:30:00Z",
            "8b0484cd-3dbd-8b8d-1b72-a32f74a12345",
            "12345.67",
            "1.12345",
        ] {
            assert_eq!(found(&ZIP, text), [""; 0], "{text}");
        }
        assert_eq!(found_under(&ZIP, "code", "02115"), [""; 0]);
    }
}
