//! Street addresses by their shape: a number, the name of a street, and what kind of street it is,
//! as USPS Publication 28 (appendices B, C1 and C2) abbreviates them; post office boxes; and the
//! German, Dutch, French, Spanish, Portuguese and Italian ways to write them.
//!
//! A name is written with capital letters. Units and the like between number and kind make it
//! something else: `81 MG DR`, `2 MM ST`, `2010 Supreme Court`.

mod kinds;

use std::ops::Range;

use super::cursor::Cursor;
use super::{Detector, Found, Probe, Shapes, Strength, continues_before};
use crate::Class;
use kinds::is_one_of;

pub(crate) const STREET: Detector = Detector {
    name: "street",
    class: Class::Address,
    shapes: Shapes::PROSE,
    words: &[],
    find,
};

/// A name has so many words at most, the kind of street among them.
const MOST_WORDS: usize = 5;
const LONGEST_WORD: usize = 24;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut position, mut last_end) = (0, 0);
    while let Some(byte) = bytes.get(position) {
        if !byte.is_ascii_digit() {
            position += 1;
            continue;
        }
        let before = bytes.get(last_end..).unwrap_or_default();
        let begins = !continues_before(before, position - last_end);
        if let Some(range) = begins.then(|| address(bytes, last_end, position)).flatten() {
            position = range.end;
            last_end = range.end;
            found(range, Strength::Shape);
            continue;
        }
        let run = bytes.get(position..).unwrap_or_default();
        position += run.iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
}

/// The address whose number begins here; what is before `from` is another.
fn address(bytes: &[u8], from: usize, at: usize) -> Option<Range<usize>> {
    let behind = Cursor::new(bytes, at);
    if let Some(start) = street_before(bytes, from, at) {
        return Some(start..house_number(behind)?.at);
    }
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_$/-".contains(&byte);
    if behind.before(at).is_some_and(is_part) {
        return None;
    }
    let number = house_number(behind)?;
    let end = street_behind(number).or_else(|| rue_behind(number))?;
    Some(at..end)
}

/// `12`, `12a`, `12-14`, `12-B`, `12 1/2`
fn house_number(mut cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    let digits = cursor.peek_digits(7).len();
    (1..=6).contains(&digits).then_some(())?;
    cursor.at += digits;
    let mut more = cursor;
    if more.byte(b'-').is_some() {
        let length = more.peek_digits(6).len();
        more.at += length;
        if length == 0 && more.word(2).len() == 1 || (1..6).contains(&length) {
            cursor = more;
        }
    }
    let mut letter = cursor;
    if letter.word(2).len() == 1 {
        cursor = letter;
    }
    let mut half = cursor;
    if half.text(b" 1/2").is_some() {
        cursor = half;
    }
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    (!cursor.next().is_some_and(goes_on)).then_some(cursor)
}

/// Whether a byte may be in a word of a name, stops, dashes and apostrophes among them.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'\'' | b'-' | b'.')
}

/// So many bytes are a word; too many are none.
fn length_of<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    let length = bytes
        .take(LONGEST_WORD + 1)
        .take_while(|byte| is_part(**byte));
    Some(length.count())
        .filter(|length| *length <= LONGEST_WORD)
        .unwrap_or(0)
}

/// A word without the stop of an abbreviation, that of its sentence, and the quote that ends there.
fn without_stops(word: &[u8]) -> &[u8] {
    let is_stop = |byte: &&u8| matches!(byte, b'.' | b'\'');
    let stops = word.iter().rev().take_while(is_stop).count();
    word.get(..word.len() - stops).unwrap_or_default()
}

/// A word of a name.
fn name_word<'a>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    let rest = cursor.rest();
    let length = length_of(rest.iter());
    cursor.at += length;
    rest.get(..length).unwrap_or_default()
}

/// Whether a word is one of a name: with a capital letter, or `42nd`.
fn is_name(word: &[u8]) -> bool {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let first = word.first().copied().unwrap_or_default();
    first.is_ascii_uppercase() || first >= 0x80 || digits > 0 && word.len() == digits + 2
}

/// The word behind a place, without its stop.
fn peek_word(mut cursor: Cursor<'_>) -> &[u8] {
    cursor.spaces(1);
    let word = name_word(&mut cursor);
    without_stops(word)
}

/// The end of a street whose name stands behind the number, before its kind: `Main St`.
fn street_behind(number: Cursor<'_>) -> Option<usize> {
    let mut cursor = number;
    let mut last: &[u8] = b"";
    let mut end = None;
    for index in 0..MOST_WORDS {
        let before = cursor;
        if cursor.spaces(2) == 0 {
            break;
        }
        let word = name_word(&mut cursor);
        let bare = without_stops(word);
        let is_apart = index > 0;
        if let Some(end) = highway(cursor, bare) {
            return Some(with_unit(end).at);
        }
        if is_apart && is_one_of(bare, kinds::SURE_UNITS) {
            return unit(before).map(|end| end.at).or(end);
        }
        if bare.is_empty() || is_one_of(bare, kinds::OTHERS) {
            break;
        }
        let is_small = bare.iter().all(u8::is_ascii_lowercase);
        if is_small && index == 0 && bare.len() > 2 {
            last = bare;
            continue;
        }
        if is_small {
            // `123 main street`: one small word, and a kind that is plain.
            let is_plain = index == 1
                && last.iter().all(u8::is_ascii_lowercase)
                && !is_one_of(last, kinds::NO_NAMES)
                && is_one_of(bare, kinds::PLAIN);
            return is_plain.then(|| with_unit(cursor).at).or(end);
        }
        if last.first().is_some_and(u8::is_ascii_lowercase) || !is_name(word) {
            break;
        }
        let is_alone = bare == b"Broadway" && !is_apart;
        if is_alone || is_apart && kinds::is_kind(bare, last, peek_word(cursor)) {
            // The stop of `Street.` ends a sentence.
            let mut kind = cursor;
            let is_short = is_one_of(bare, kinds::SHORT) && word.get(bare.len()) == Some(&b'.');
            kind.at -= word.len() - bare.len() - usize::from(is_short);
            end = Some(with_unit(with_direction(kind)).at);
        }
        if word.len() > bare.len() && bare.len() > 3 {
            break;
        }
        last = bare;
    }
    end
}

/// The end of the number that names a road: `Highway 61`.
fn highway<'a>(mut cursor: Cursor<'a>, word: &[u8]) -> Option<Cursor<'a>> {
    let is_highway = is_name(word) && is_one_of(word, kinds::HIGHWAYS);
    (is_highway && cursor.spaces(1) > 0).then_some(())?;
    house_number(cursor)
}

/// Behind ` NW`, if that is here.
fn with_direction(cursor: Cursor<'_>) -> Cursor<'_> {
    let mut behind = cursor;
    behind.spaces(1);
    let word = name_word(&mut behind);
    let bare = without_stops(word);
    let is_direction =
        word.first().is_some_and(u8::is_ascii_uppercase) && is_one_of(bare, kinds::DIRECTIONS);
    if is_direction { behind } else { cursor }
}

/// Behind `, Apt. 5B`, if that is here.
fn with_unit(cursor: Cursor<'_>) -> Cursor<'_> {
    unit(cursor).unwrap_or(cursor)
}

fn unit(mut cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    cursor.byte(b',');
    (cursor.spaces(2) > 0).then_some(())?;
    if cursor.byte(b'#').is_none() {
        let word = name_word(&mut cursor);
        let bare = without_stops(word);
        is_one_of(bare, kinds::UNITS).then_some(())?;
        (cursor.spaces(1) > 0).then_some(())?;
        cursor.byte(b'#');
    }
    let name = cursor.rest().iter().take(6);
    let length = name.take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let name = cursor.rest().get(..length)?;
    let is_name = length == 1 || name.iter().any(u8::is_ascii_digit);
    cursor.at += length;
    is_name.then_some(cursor)
}

/// The end of a street in French: `12 rue de la Paix`, `12 bis, avenue Foch`.
fn rue_behind(mut cursor: Cursor<'_>) -> Option<usize> {
    for more in [&b" bis"[..], b" ter", b"bis", b"ter"] {
        if cursor.text(more).is_some() {
            break;
        }
    }
    cursor.byte(b',');
    (cursor.spaces(1) > 0).then_some(())?;
    let kind = name_word(&mut cursor);
    is_one_of(kind, kinds::RUES).then_some(())?;
    let (mut end, mut names) = (None, 0);
    let mut has_link = !is_one_of(kind, &["place"]);
    for _ in 0..2 * MOST_WORDS {
        let link = cursor;
        if cursor.spaces(1) == 0 && cursor.byte(b'\'').is_none() {
            break;
        }
        let word = cursor.word(LONGEST_WORD);
        if is_one_of(word, kinds::LINKS) {
            has_link = true;
        } else if is_name(word) && has_link && names < 3 {
            cursor.at = link.at + 1;
            let word = name_word(&mut cursor);
            cursor.at -= usize::from(word.ends_with(b"."));
            names += 1;
            end = Some(cursor.at);
        } else {
            break;
        }
    }
    end
}

/// The start of a street whose name stands before the number, or of a box: `Hauptstraße 12`,
/// `Calle Mayor, 5`, `P.O. Box 12`.
fn street_before(bytes: &[u8], from: usize, at: usize) -> Option<usize> {
    let before = bytes.get(from..at)?.strip_suffix(b" ")?;
    let name = before.strip_suffix(b",").unwrap_or(before);
    let start = if name.len() == before.len() {
        before_box(before)
            .or_else(|| before_strasse(before))
            .or_else(|| before_calle(name))
    } else {
        before_calle(name)
    };
    start.map(|start| from + start)
}

/// The last word of a text, and where it begins.
fn last_word(text: &[u8]) -> (usize, &[u8]) {
    let start = text.len() - length_of(text.iter().rev());
    (start, text.get(start..).unwrap_or_default())
}

/// The last word of what stands before a word, and where it begins.
fn word_before(text: &[u8], at: usize) -> Option<(usize, &[u8])> {
    let before = text.get(..at)?.strip_suffix(b" ")?;
    Some(last_word(before)).filter(|(_, word)| !word.is_empty())
}

fn before_box(text: &[u8]) -> Option<usize> {
    let (start, word) = last_word(text);
    if is_one_of(word, kinds::BOXES) {
        return Some(start);
    }
    is_one_of(word, &["box"]).then_some(())?;
    let (start, word) = word_before(text, start)?;
    if is_one_of(word, &["po", "p.o", "p.o."]) {
        return Some(start);
    }
    let first = match word {
        _ if is_one_of(word, &["office"]) => "post",
        _ if is_one_of(word, &["o."]) => "p.",
        _ => return None,
    };
    let (start, word) = word_before(text, start)?;
    is_one_of(word, &[first]).then_some(start)
}

fn before_strasse(text: &[u8]) -> Option<usize> {
    let (start, word) = last_word(text);
    let has_capital = is_name(word);
    let mut endings = kinds::ENDINGS.iter();
    let (ending, _) = endings.find(|(ending, needs_capital)| {
        let end = word.len().checked_sub(ending.len());
        let end = end.and_then(|end| word.get(end..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
            && (has_capital || !needs_capital)
    })?;
    if word.len() > ending.len() + 1 {
        return Some(start);
    }
    // `Berliner Straße 5`
    let (start, word) = word_before(text, start).filter(|(_, word)| is_name(word))?;
    (word.len() > 2 && !word.ends_with(b".")).then_some(start)
}

fn before_calle(text: &[u8]) -> Option<usize> {
    let (mut start, mut word) = last_word(text);
    let mut has_name = false;
    for _ in 0..MOST_WORDS {
        if word.is_empty() {
            return None;
        }
        if has_name && kinds::BEFORE.iter().any(|kind| kind.as_bytes() == word) {
            return Some(start);
        }
        let is_name = is_name(word);
        if !is_name && !is_one_of(word, kinds::LINKS) {
            return None;
        }
        has_name |= is_name;
        // `C/ Mayor 5`
        let before = text.get(..start)?.strip_suffix(b" ")?;
        if has_name && before.ends_with(b"C/") {
            return Some(before.len() - 2);
        }
        (start, word) = last_word(before);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::found;

    #[test]
    fn addresses_are_found() {
        for (text, expected) in [
            ("123 Main St", &["123 Main St"][..]),
            ("lives at 123 Main Street.", &["123 Main Street"]),
            (
                "'123 Main Street', '5 Elm Rd.'",
                &["123 Main Street", "5 Elm Rd."],
            ),
            ("123 Main St..", &["123 Main St."]),
            ("85 HERRICK STREET", &["85 HERRICK STREET"]),
            ("12 OAK CT, Salem", &["12 OAK CT"]),
            (
                "1600 Pennsylvania Ave NW, Apt. 5B",
                &["1600 Pennsylvania Ave NW, Apt. 5B"],
            ),
            ("123 main street", &["123 main street"]),
            ("12 W 42nd St", &["12 W 42nd St"]),
            (
                "5 Martin Luther King Jr. Blvd.",
                &["5 Martin Luther King Jr. Blvd."],
            ),
            ("10-14 Elm Rd #3", &["10-14 Elm Rd #3"]),
            ("12A St. Mary's Lane", &["12A St. Mary's Lane"]),
            ("12 1/2 Oak Ave", &["12 1/2 Oak Ave"]),
            ("4500 US Highway 61", &["4500 US Highway 61"]),
            ("77 State Route 9A", &["77 State Route 9A"]),
            ("1500 Broadway", &["1500 Broadway"]),
            (
                "1038 Hickle Knoll Suite 55",
                &["1038 Hickle Knoll Suite 55"],
            ),
            ("45 Elm Dr Apt 2", &["45 Elm Dr Apt 2"]),
            ("12 Oak St and 14 Elm St", &["12 Oak St", "14 Elm St"]),
            ("P.O. Box 123", &["P.O. Box 123"]),
            ("PO BOX 123, P. O. Box 4", &["PO BOX 123", "P. O. Box 4"]),
            ("Post Office Box 77", &["Post Office Box 77"]),
            ("Postfach 1234", &["Postfach 1234"]),
            ("Hauptstraße 12", &["Hauptstraße 12"]),
            ("in der Schillerstr. 12a, Berlin", &["Schillerstr. 12a"]),
            ("Berliner Straße 5", &["Berliner Straße 5"]),
            ("Lindenweg 3-5", &["Lindenweg 3-5"]),
            ("Kalverstraat 92", &["Kalverstraat 92"]),
            ("12 rue de la Paix, Paris", &["12 rue de la Paix"]),
            ("12 bis, avenue Foch", &["12 bis, avenue Foch"]),
            ("3, rue de l'Église", &["3, rue de l'Église"]),
            ("Calle Mayor 5", &["Calle Mayor 5"]),
            ("C/ Mayor, 5", &["C/ Mayor, 5"]),
            (
                "Avenida de la Constitución 12",
                &["Avenida de la Constitución 12"],
            ),
            ("Rua Augusta, 1500", &["Rua Augusta, 1500"]),
            ("\u{ff11}2 Main St", &["１2 Main St"]),
        ] {
            assert_eq!(found(&STREET, text), expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_left() {
        for text in [
            "325 MG Oral Tablet",
            "aspirin 81 MG DR Oral Tablet",
            "5 Dr",
            "5 Dr Smith",
            "seen by 2 Attending Dr Jones",
            "1 Day Course",
            "28 Day Pack",
            "2 MM ST elevation",
            "12 Lead ECG",
            "2014 Chest CT",
            "64 SLICE CT",
            "3 Axillary LN",
            "2010 Supreme Court ruling",
            "1 way street",
            "12 patients on the street",
            "3 hour drive",
            "25 Hydroxyvitamin D",
            "6 Minute Walk Test",
            "The 5 Street",
            "$5 Main St",
            "1.5 Main St",
            "2024-03-14 Main St",
            "12345678 Main St",
            "x12 Main St",
            "Box 12",
            "BP 123",
            "weg 12",
            "Norweg. 12",
            "During 12 months",
            "Str. 5",
            "12 rue",
            "2 place settings",
            "2 Place Holder",
            "la calle 5",
            "Mayor 5",
            "[masked:address] Main St",
            "。123-45-67892024éstraße 2",
            "éééééééééééééstraße 2",
            "185345009",
            "2010-05-16T04:15:28.343-04:00",
        ] {
            assert_eq!(found(&STREET, text), [""; 0], "{text}");
        }
    }
}
