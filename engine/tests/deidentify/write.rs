//! Writes a document as JSON in one of many spellings that mean the same.

use serde_json::Value;

use crate::encode::escapes;
use crate::random::Random;

/// What is escaped in strings besides what must be.
#[derive(Clone, Copy, Debug)]
enum Escapes {
    None,
    NotAscii,
    /// Some letters at random, also of ASCII.
    Some,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    escapes: Escapes,
    is_indented: bool,
}

impl Style {
    pub(crate) fn new(random: &mut Random, on_one_line: bool) -> Self {
        let escapes = match random.below(4) {
            0 => Escapes::NotAscii,
            1 => Escapes::Some,
            _ => Escapes::None,
        };
        let is_indented = !on_one_line && random.chance(40);
        Self {
            escapes,
            is_indented,
        }
    }
}

/// Members come in any order, now and then with `resourceType` first.
pub(crate) fn write(value: &Value, style: Style, random: &mut Random) -> String {
    let mut out = String::new();
    write_value(value, style, 0, random, &mut out);
    out
}

fn write_value(value: &Value, style: Style, depth: usize, random: &mut Random, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            random.shuffle(&mut members);
            if random.chance(50) {
                members.sort_by_key(|(name, _)| *name != "resourceType");
            }
            out.push('{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                separate(index > 0, style, depth + 1, out);
                write_string(name, style, random, out);
                out.push_str(if style.is_indented { ": " } else { ":" });
                write_value(member, style, depth + 1, random, out);
            }
            separate(false, style, depth, out);
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                separate(index > 0, style, depth + 1, out);
                write_value(element, style, depth + 1, random, out);
            }
            separate(false, style, depth, out);
            out.push(']');
        }
        Value::String(text) => write_string(text, style, random, out),
        other => out.push_str(&other.to_string()),
    }
}

fn separate(is_next: bool, style: Style, depth: usize, out: &mut String) {
    if is_next {
        out.push(',');
    }
    if style.is_indented {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', 2 * depth));
    }
}

fn write_string(text: &str, style: Style, random: &mut Random, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        let is_escaped = match style.escapes {
            Escapes::None => false,
            Escapes::NotAscii => !letter.is_ascii(),
            Escapes::Some => random.chance(8),
        };
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            _ if is_escaped || letter < ' ' => {
                out.push_str(&escapes(letter.encode_utf8(&mut [0; 4]), '\0'));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

#[test]
fn whatever_the_spelling_it_means_the_same() {
    let value = serde_json::json!({
        "name": "Núñez \"王\" 😀\n\\", "list": [1, -2.50, null, {}, []], "é": {"a": true}
    });
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let style = Style::new(&mut random, false);
        let text = write(&value, style, &mut random);
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            value,
            "{text}"
        );
    }
}
