//! Every way to read a text: as it is, and decoded, up to three codings deep.

use crate::encode::{from_base64, from_percent};

const DEPTH: usize = 3;

/// A reading of a text.
pub(crate) struct View {
    pub(crate) text: String,
    /// The codings taken off, from the outside in.
    pub(crate) how: Vec<&'static str>,
    /// Not so where base64 gave something that is no text: a name of few letters in there is chance.
    pub(crate) is_sound: bool,
}

pub(crate) fn views(text: &str) -> Vec<View> {
    let mut found = vec![View {
        text: text.to_owned(),
        how: Vec::new(),
        is_sound: true,
    }];
    let mut next = 0;
    while next < found.len() {
        let view = &found[next];
        next += 1;
        if view.how.len() == DEPTH || !view.is_sound {
            continue;
        }
        let mut decoded = Vec::new();
        let text = &view.text;
        decoded.extend(from_percent(text).map(|text| ("percent", text, true)));
        decoded.extend(from_escapes(text).map(|text| ("escapes", text, true)));
        decoded.extend(from_entities(text).map(|text| ("entities", text, true)));
        decoded.extend(without_tags(text).map(|text| ("tags", text, true)));
        base64_parts(text, &mut decoded);
        let how = view.how.clone();
        for (coding, text, is_sound) in decoded {
            if found.iter().all(|view| view.text != text) {
                let how = how.iter().copied().chain([coding]).collect();
                found.push(View {
                    text,
                    how,
                    is_sound,
                });
            }
        }
    }
    found
}

/// `\u00f1` and the short escapes of JSON, in a text that holds JSON.
fn from_escapes(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return None;
    }
    let mut units: Vec<u16> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let code = rest.strip_prefix("\\u").and_then(|hex| hex.get(..4));
        if let Some(unit) = code.and_then(|hex| u16::from_str_radix(hex, 16).ok()) {
            units.push(unit);
            rest = &rest[6..];
            continue;
        }
        rest = &rest[first.len_utf8()..];
        let plain = match (first, rest.chars().next()) {
            ('\\', Some(second)) => {
                rest = &rest[second.len_utf8()..];
                if matches!(second, 'n' | 'r' | 't' | 'b' | 'f') {
                    ' '
                } else {
                    second
                }
            }
            _ => first,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
}

/// Those of XML, numbers, and the named ones of HTML that letters of names need.
const ENTITIES: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("rsquo", '’'),
    ("nbsp", ' '),
    ("shy", '\u{ad}'),
    ("ntilde", 'ñ'),
    ("Ntilde", 'Ñ'),
    ("aacute", 'á'),
    ("eacute", 'é'),
    ("iacute", 'í'),
    ("oacute", 'ó'),
    ("uacute", 'ú'),
    ("auml", 'ä'),
    ("ouml", 'ö'),
    ("uuml", 'ü'),
    ("szlig", 'ß'),
    ("egrave", 'è'),
    ("ccedil", 'ç'),
    ("oslash", 'ø'),
    ("aring", 'å'),
];

fn from_entities(text: &str) -> Option<String> {
    if !text.contains('&') {
        return None;
    }
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let decoded = part.split_once(';').and_then(|(name, rest)| {
            let number = name.strip_prefix("#x").or(name.strip_prefix("#X"));
            let code = match (number, name.strip_prefix('#')) {
                (Some(hex), _) => u32::from_str_radix(hex, 16).ok().and_then(char::from_u32),
                (None, Some(number)) => number.parse().ok().and_then(char::from_u32),
                (None, None) => {
                    let mut known = ENTITIES.iter();
                    known
                        .find(|(known, _)| *known == name)
                        .map(|(_, code)| *code)
                }
            };
            code.map(|code| (code, rest))
        });
        if let Some((code, rest)) = decoded {
            out.push(code);
            out.push_str(rest);
        } else {
            out.push('&');
            out.push_str(part);
        }
    }
    (out != text).then_some(out)
}

/// Markup inside of a word does not hide the word.
fn without_tags(text: &str) -> Option<String> {
    let mut rest = text;
    let mut out = String::new();
    while let Some((before, tag)) = rest.split_once('<') {
        out.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    (out != text).then_some(out)
}

/// Runs of letters of base64, whole and between slashes: a path may have one as a part.
fn base64_parts(text: &str, found: &mut Vec<(&'static str, String, bool)>) {
    const LEAST: usize = 8;
    if text.len() < LEAST {
        return;
    }
    let is_letter = |byte: char| byte.is_ascii_alphanumeric() || "+/-_=".contains(byte);
    if text.contains(['\n', ' ']) && text.chars().all(|c| is_letter(c) || c.is_whitespace()) {
        base64_part(text, found); // In lines.
    }
    for run in text.split(|byte: char| !is_letter(byte)) {
        if run.len() < LEAST {
            continue;
        }
        base64_part(run, found);
        if run.contains(['/', '=']) {
            for part in run.split(['/', '=']).filter(|part| part.len() >= LEAST) {
                base64_part(part, found);
            }
        }
    }
}

fn base64_part(text: &str, found: &mut Vec<(&'static str, String, bool)>) {
    /// What is no text must be as long as this to be looked at: a PDF is, a word is not.
    const LEAST_BINARY: usize = 48;
    let Some(bytes) = from_base64(text) else {
        return;
    };
    let is_plain = |text: &str| {
        text.chars()
            .all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
    };
    let bytes = match String::from_utf8(bytes) {
        Ok(text) if is_plain(&text) => {
            found.push(("base64", text, true));
            return;
        }
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    if bytes.len() < LEAST_BINARY {
        return;
    }
    let wide: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let latin = bytes.iter().map(|&byte| char::from(byte)).collect();
    for (coding, text) in [
        ("base64", String::from_utf8_lossy(&bytes).into_owned()),
        ("base64 of Latin-1", latin),
        ("base64 of UTF-16", String::from_utf16_lossy(&wide)),
    ] {
        found.push((coding, text, false));
    }
}

#[test]
fn texts_are_read_through_three_codings() {
    use crate::encode::{base64, percent};
    let twice = base64(base64("Frau Müller-Lüdenscheidt".as_bytes()).as_bytes());
    for (text, inner) in [
        (percent("Núñez"), "Núñez"),
        (percent(&base64("Łukasz Żak".as_bytes())), "Łukasz Żak"),
        (
            format!("data:text/plain;base64,{twice}"),
            "Frau Müller-Lüdenscheidt",
        ),
        (r#"{"a":"N\u00fa\u00f1ez"}"#.to_owned(), "Núñez"),
        ("N&#250;&ntilde;ez".to_owned(), "Núñez"),
        ("<b>N&#xfa;</b>ñez".to_owned(), "Núñez"),
        ("https://a.example/x/TsO6w7Fleg/y".to_owned(), "Núñez"),
    ] {
        assert!(
            views(&text).iter().any(|view| view.text.contains(inner)),
            "{text}"
        );
    }
}
