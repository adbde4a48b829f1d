//! Words that stand right before a value, for values that are too short to be told by a word that
//! only stands near.

/// So many bytes, and so many words, are read backwards.
const REACH: usize = 40;
const MOST_FILLERS: usize = 3;

/// Whether one of the words, in lower case, ends before the value, with nothing between but signs and
/// fillers: `zip code is: 02115`. The value may be glued to it.
pub(super) fn stands_behind(bytes: &[u8], start: usize, words: &[&str], fillers: &[&str]) -> bool {
    let before = bytes.get(..start).unwrap_or_default();
    let mut rest = before
        .get(start.saturating_sub(REACH)..)
        .unwrap_or_default();
    for _ in 0..=MOST_FILLERS {
        let is_sign = |byte: &u8| b" \t\r\n:=#\"'()-_>|`\\".contains(byte);
        rest = rest.get(..end_without(rest, is_sign)).unwrap_or_default();
        let word_start = end_without(rest, u8::is_ascii_alphabetic);
        let word_start = word_start.max(last_hump(rest));
        let (before, word) = rest.split_at_checked(word_start).unwrap_or_default();
        let is_part = before
            .last()
            .is_some_and(|byte| byte.is_ascii_digit() || *byte >= 0x80);
        let is_one_of = |words: &[&str]| {
            words
                .iter()
                .any(|one| word.eq_ignore_ascii_case(one.as_bytes()))
        };
        if word.is_empty() || is_part {
            return false;
        }
        if is_one_of(words) {
            return true;
        }
        if !is_one_of(fillers) {
            return false;
        }
        rest = before;
    }
    false
}

/// Where the last word of a name such as `patientAge` begins, if a text ends with one, or 0.
fn last_hump(text: &[u8]) -> usize {
    let small = end_without(text, u8::is_ascii_lowercase);
    match text.get(..small) {
        Some([.., a, b, capital])
            if a.is_ascii_lowercase() && b.is_ascii_lowercase() && capital.is_ascii_uppercase() =>
        {
            small - 1
        }
        _ => 0,
    }
}

/// Where what is of that kind begins at the end of a text.
fn end_without(text: &[u8], is: impl Fn(&u8) -> bool) -> usize {
    text.len() - text.iter().rev().take_while(|byte| is(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_right_before() {
        let stands = |text: &str| {
            stands_behind(
                text.as_bytes(),
                text.len(),
                &["zip", "age"],
                &["code", "is", "years"],
            )
        };
        for text in [
            "zip ",
            "ZIP: ",
            "zip code is: ",
            "age (years): ",
            "(zip",
            "zip",
            "age=\"",
            "patientAge: ",
            "zip_code\\\": \\\"",
            "<zip>",
            "homeZip|",
        ] {
            assert!(stands(text), "{text}");
        }
        for text in [
            "",
            "zip of ",
            "unzip ",
            "page ",
            "iAge ",
            "zip, ",
            "zip is is is is ",
            "\u{e9}age ",
        ] {
            assert!(!stands(text), "{text}");
        }
    }
}
