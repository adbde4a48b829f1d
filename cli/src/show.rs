//! What others wrote, made fit for a terminal.

use std::path::Path;

use serde_json::Value;

use crate::clock;

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

/// How far a moment is from now: `in 4 min`, `2 h ago`; the day where that is far.
pub(crate) fn distance(value: &Value) -> String {
    let now = clock::since_epoch().and_then(|now| i64::try_from(now.as_millis()).ok());
    match (value.as_i64(), now) {
        (Some(moment), Some(now)) => between(now, moment),
        _ => moment(value),
    }
}

fn between(now: i64, then: i64) -> String {
    let seconds = then.saturating_sub(now) / 1000;
    let (amount, unit) = match seconds.unsigned_abs() {
        0 => return "now".to_owned(),
        seconds @ ..60 => (seconds, "s"),
        seconds @ ..3600 => (seconds / 60, "min"),
        seconds @ ..172_800 => (seconds / 3600, "h"),
        _ => return moment(&then.into()).chars().take(10).collect(),
    };
    if seconds > 0 {
        format!("in {amount} {unit}")
    } else {
        format!("{amount} {unit} ago")
    }
}

/// A moment, and how far it is.
pub(crate) fn moment_and_distance(value: &Value) -> String {
    if value.is_i64() {
        format!("{} ({})", moment(value), distance(value))
    } else {
        "-".to_owned()
    }
}

/// How much may be released: `name,date; rules ward; 10 records`.
pub(crate) fn scope(value: &Value) -> String {
    let mut parts = vec![words(&value["classes"])];
    if value["rules"].is_array() {
        parts.push(format!("rules {}", words(&value["rules"])));
    }
    for limit in ["records", "bytes"] {
        if let Some(most) = value["limits"][limit].as_u64() {
            parts.push(format!("{most} {limit}"));
        }
    }
    parts.join("; ")
}

/// Counts by class: `name 2, date 1`.
pub(crate) fn counts(value: &Value) -> String {
    let counts = value.as_object().into_iter().flatten();
    let counts: Vec<String> = counts
        .map(|(class, count)| format!("{} {}", plain(class), text(count)))
        .collect();
    if counts.is_empty() {
        "nothing".to_owned()
    } else {
        counts.join(", ")
    }
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

    #[test]
    fn distances_are_in_the_largest_unit_that_fits() {
        let now = 1_795_464_104_123;
        for (then, shown) in [
            (now, "now"),
            (now + 999, "now"),
            (now + 59_000, "in 59 s"),
            (now + 299_000, "in 4 min"),
            (now - 60_000, "1 min ago"),
            (now - 7_300_000, "2 h ago"),
            (now + 172_799_000, "in 47 h"),
            (now + 172_800_000, "2026-11-25"),
        ] {
            assert_eq!(between(now, then), shown);
        }
    }

    #[test]
    fn scopes_and_counts_are_read_whole() {
        let whole = serde_json::json!({
            "classes": ["name", "date"], "rules": ["ward"], "limits": {"records": 10, "bytes": 1000}
        });
        assert_eq!(
            scope(&whole),
            "name,date; rules ward; 10 records; 1000 bytes"
        );
        assert_eq!(scope(&serde_json::json!({"classes": []})), "-");
        let found = serde_json::json!({"date": 1, "name": 2});
        assert_eq!(counts(&found), "date 1, name 2");
        assert_eq!(counts(&Value::Null), "nothing");
    }
}
