//! What others wrote, made fit for a terminal.

use std::path::Path;

use serde_json::Value;

/// The text with control, bidirectional and other invisible characters as escapes, so that it
/// cannot move the cursor, hide itself, or pass for something of ours.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let is_hidden = character.is_control()
            || matches!(character,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}');
        if is_hidden {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A file's name.
pub(crate) fn path(path: &Path) -> String {
    plain(&path.to_string_lossy())
}

/// A member's text; `-` where there is none.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => plain(text),
        Value::Number(number) => number.to_string(),
        _ => "-".to_owned(),
    }
}

/// The items of a list of words; `-` where there are none.
pub(crate) fn words(value: &Value) -> String {
    let words: Vec<String> = value.as_array().into_iter().flatten().map(text).collect();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(",")
    }
}

/// `subject (kind, issuer)`: names alone prove nothing.
pub(crate) fn identity(value: &Value) -> String {
    format!(
        "{} ({}, {})",
        text(&value["subject"]),
        text(&value["kind"]),
        text(&value["issuer"])
    )
}

/// A moment, given in milliseconds since 1970.
pub(crate) fn moment(value: &Value) -> String {
    value
        .as_i64()
        .and_then(|milliseconds| jiff::Timestamp::from_millisecond(milliseconds).ok())
        .map_or_else(
            || "-".to_owned(),
            |moment| moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_is_not_seen() {
        for (text, shown) in [
            ("Müller & Ärzte", "Müller & Ärzte"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\nb\tc", "a\\u{a}b\\u{9}c"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }

    #[test]
    fn moments_are_utc() {
        assert_eq!(
            moment(&Value::from(1_795_464_104_123_i64)),
            "2026-11-23 20:01:44Z"
        );
        assert_eq!(moment(&Value::Null), "-");
    }
}
