//! One spelling for what looks alike: the copy of a text that detectors read.
//!
//! Digits of every script and width become ASCII, dashes a hyphen, spaces a space; what has no width
//! is left out (Unicode 17, general categories Nd, Pd, Zs and Cf; NFKD for the rest). A map leads
//! back to the text.

use crate::mapped::Mapped;
use crate::unicode::decompose_compatible;

/// A text as detectors read it.
pub(crate) fn normal(text: &str) -> Mapped<'_> {
    if text.is_ascii() {
        return Mapped::same(text);
    }
    let mut mapped = Mapped::empty();
    let mut one = String::new();
    for (at, letter) in text.char_indices() {
        let there = at + letter.len_utf8();
        one.clear();
        push(letter, &mut one);
        match text.get(at..there) {
            Some(same) if same == one => mapped.push_same(same),
            _ => mapped.push_instead(&one, there),
        }
    }
    mapped
}

fn push(letter: char, out: &mut String) {
    if letter.is_ascii() {
        return out.push(letter);
    }
    if has_no_width(letter) {
        return;
    }
    if let Some(digit) = digit(letter) {
        return out.push(digit);
    }
    match letter {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{FE58}' | '\u{30FC}' => {
            out.push('-');
        }
        '\u{2018}' | '\u{2019}' | '\u{02BC}' => out.push('\''),
        // Quotation marks: no part of the words beside them.
        '\u{201C}'..='\u{201F}'
        | '\u{AB}'
        | '\u{BB}'
        | '\u{2039}'
        | '\u{203A}'
        | '\u{3008}'..='\u{3011}' => out.push('"'),
        _ if letter.is_whitespace() => out.push(' '),
        _ => {
            let begun = out.len();
            decompose_compatible(letter, |part| out.push(part));
            if !out.get(begun..).unwrap_or_default().is_ascii() {
                out.truncate(begun);
                out.push(letter);
            }
        }
    }
}

/// Soft hyphen, joiners, directions, variation selectors, byte order mark.
pub(crate) fn has_no_width(letter: char) -> bool {
    matches!(letter,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The decimal digits that NFKD leaves as they are: where each script's zero is.
const ZEROS: &[u32] = &[
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6,
    0xE50, 0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
    0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650,
    0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16A60, 0x16AC0,
    0x16B50, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E950, 0x1FBF0,
];

fn digit(letter: char) -> Option<char> {
    let code = u32::from(letter);
    let behind = ZEROS.partition_point(|zero| *zero <= code);
    let zero = ZEROS.get(behind.checked_sub(1)?)?;
    char::from_digit(code - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike_is_alike() {
        for (text, expected) in [
            ("１２３－４５－６７８９", "123-45-6789"),
            ("123\u{2011}45\u{2212}6789", "123-45-6789"),
            (
                "4111\u{A0}1111\u{2009}1111\u{202F}1111",
                "4111 1111 1111 1111",
            ),
            ("12\u{200B}3-4\u{AD}5-67\u{2060}89", "123-45-6789"),
            ("\u{661}\u{662}\u{663}", "123"),
            ("\u{1D7CF}\u{1D7D0}", "12"),
            ("a＠b．example", "a@b.example"),
            ("\u{201C}94\u{201D} \u{AB}a\u{BB}", "\"94\" \"a\""),
            ("José", "José"),
            ("plain", "plain"),
        ] {
            assert_eq!(normal(text).text, expected, "{text}");
        }
    }

    #[test]
    fn the_map_leads_back() {
        let text = "é 12\u{200B}3－45 ü";
        let normal = normal(text);
        assert_eq!(normal.text, "é 123-45 ü");
        let start = normal.text.find('1').unwrap();
        let end = normal.text.find("45").unwrap() + 2;
        assert_eq!(&text[normal.back(&(start..end))], "12\u{200B}3－45");
        assert_eq!(normal.back(&(0..normal.text.len())), 0..text.len());
    }

    #[test]
    fn zeros_are_in_order() {
        assert!(ZEROS.is_sorted());
        assert_eq!(digit('x'), None);
        assert_eq!(digit('\u{66A}'), None);
    }
}
