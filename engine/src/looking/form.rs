//! Forms in a string (`application/x-www-form-urlencoded`, url.spec.whatwg.org, section 5): two pairs or
//! more of names and values. Each value is masked as that of a member of this name would be.

use super::{json, whole};
use crate::decode::Text;
use crate::mask::{Context, inside};
use crate::operators::{placeholders, push_escaped};
use crate::tally::Tally;
use crate::{Masker, feed_in_pieces};

/// A form of more pairs is not looked into: each takes about a hundred bytes.
const MOST_PAIRS: usize = 10_000;
/// Nor is one that is longer as JSON: a control character is six times as long there.
const LONGEST: usize = 8 * 1024 * 1024;

/// A pair as it is written, and what it says.
struct Pair<'a> {
    source: &'a str,
    name_source: &'a str,
    name: String,
    value: String,
}

/// What a form becomes; `None`: it is none.
pub(super) fn masked(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    let pairs = pairs(text)?;
    let Some(body) = as_json(&pairs) else {
        return Some(whole(tally));
    };
    let masked = json(context, &body, tally)?;
    Some(as_form(&pairs, &masked).unwrap_or_else(|| whole(tally)))
}

/// Masks a body that is a form: each value as that of a member of this name of one object would be. The
/// masker has read nothing, takes one document, and has read that object afterwards.
/// What stays is written as it came. `None`: it is not a form in UTF-8, a name in it is itself to be
/// masked, it has more than 10,000 pairs, or a limit is exceeded; then it cannot be masked and stay one.
///
/// ```
/// use std::sync::Arc;
/// use velum_engine::{Masker, Options, Profile, Ruleset, mask_form};
/// let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build()?);
/// let mut masker = Masker::new(rules, Options::default());
/// let form = mask_form(&mut masker, "ssn=000-12-3456&n=%37").unwrap();
/// assert_eq!((form.as_str(), masker.report().masked_total()), ("ssn=[masked:ssn]&n=%37", 1));
/// # Ok::<(), velum_engine::RuleError>(())
/// ```
pub fn mask_form(masker: &mut Masker, form: &str) -> Option<String> {
    let pairs = sources(form).map(|source| {
        let (name_source, value) = source.split_once('=').unwrap_or((source, ""));
        Some(Pair {
            source,
            name_source,
            name: decoded(name_source)?,
            value: decoded(value)?,
        })
    });
    let pairs: Vec<Pair<'_>> = pairs.collect::<Option<_>>()?;
    let object = masked_object(masker, as_json(&pairs)?)?;
    as_form(&pairs, &object)
}

/// Masks values that have names, as the members of one object: the fields of `multipart/form-data`. One
/// that a rule removes comes out empty. The masker and `None`: as for [`mask_form`].
///
/// ```
/// use std::sync::Arc;
/// use velum_engine::{Masker, Options, Profile, Ruleset, mask_fields};
/// let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build()?);
/// let mut masker = Masker::new(rules, Options::default());
/// let fields = [("ssn".to_owned(), "000-12-3456".to_owned())];
/// assert_eq!(mask_fields(&mut masker, &fields).unwrap(), ["[masked:ssn]"]);
/// # Ok::<(), velum_engine::RuleError>(())
/// ```
pub fn mask_fields(masker: &mut Masker, fields: &[(String, String)]) -> Option<Vec<String>> {
    let pairs = fields.iter().map(|(name, value)| Pair {
        source: value,
        name_source: name,
        name: name.clone(),
        value: value.clone(),
    });
    let pairs: Vec<Pair<'_>> = pairs.collect();
    let object = masked_object(masker, as_json(&pairs)?)?;
    let values = values(&pairs, &object)?;
    Some(values.into_iter().map(Option::unwrap_or_default).collect())
}

fn masked_object(masker: &mut Masker, object: String) -> Option<String> {
    let mut out = Vec::new();
    feed_in_pieces(masker, object.as_bytes(), &mut out).ok()?;
    drop(object);
    masker.finish(&mut out).ok()?;
    String::from_utf8(out).ok()
}

fn pairs(text: &str) -> Option<Vec<Pair<'_>>> {
    memchr::memchr(b'&', text.as_bytes())?;
    let is_other = |byte: u8| byte <= b' ' || matches!(byte, b'"' | b'<' | b'>' | b'{' | b'}');
    if text.bytes().any(is_other) {
        return None;
    }
    sources(text).map(pair).collect()
}

/// What stands between the `&`: one more than may be at most.
fn sources(text: &str) -> impl Iterator<Item = &str> {
    text.split('&').take(MOST_PAIRS + 1)
}

fn pair(source: &str) -> Option<Pair<'_>> {
    let (name_source, value) = source.split_once('=')?;
    // An address that has a query of its own.
    let is_address = memchr::memchr(b'?', value.as_bytes()).is_some();
    (!is_address).then_some(())?;
    let name = decoded(name_source)?;
    let is_part = |letter: char| letter.is_alphanumeric() || "_-.[]$:".contains(letter);
    (!name.is_empty() && name.chars().all(is_part)).then_some(())?;
    Some(Pair {
        source,
        name_source,
        name,
        value: decoded(value)?,
    })
}

/// Without its percent-encoding; `None`: what is encoded is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The pairs as members of an object; `None`: they are too many, or it would be too long.
fn as_json(pairs: &[Pair<'_>]) -> Option<String> {
    let escaped = |byte| if byte < b' ' { 6 } else { 2 };
    let texts = pairs.iter().flat_map(|pair| [&pair.name, &pair.value]);
    let length: usize = texts.flat_map(|text| text.bytes()).map(escaped).sum();
    if pairs.len() > MOST_PAIRS || length > LONGEST {
        return None;
    }
    let mut body = vec![b'{'];
    body.try_reserve(length).ok()?;
    for pair in pairs {
        if body.len() > 1 {
            body.push(b',');
        }
        body.push(b'"');
        push_escaped(&pair.name, &mut body);
        body.extend_from_slice(b"\":\"");
        push_escaped(&pair.value, &mut body);
        body.push(b'"');
    }
    body.push(b'}');
    String::from_utf8(body).ok()
}

/// The form with the values of that object; `None`: it has other members.
fn as_form(pairs: &[Pair<'_>], object: &str) -> Option<String> {
    let mut form = String::new();
    for (index, (pair, value)) in pairs.iter().zip(values(pairs, object)?).enumerate() {
        // Of a value each byte may take three.
        let length = 3 * value.as_ref().map_or(0, String::len) + pair.source.len() + 2;
        form.try_reserve(length).ok()?;
        if index > 0 {
            form.push('&');
        }
        if value.as_ref() == Some(&pair.value) {
            form += pair.source;
        } else {
            form += pair.name_source;
            form.push('=');
            push_encoded(&value.unwrap_or_default(), &mut form);
        }
    }
    Some(form)
}

/// What the object has for each of these, in their order; one that is not there has been removed.
/// `None`: it has other members.
fn values(pairs: &[Pair<'_>], object: &str) -> Option<Vec<Option<String>>> {
    let mut members = members(object)?.into_iter().peekable();
    let values = pairs.iter().map(|pair| {
        let member = members.next_if(|(name, _)| *name == pair.name);
        member.map(|(_, value)| value)
    });
    let values: Vec<_> = values.collect();
    members.next().is_none().then_some(values)
}

/// Names and values of an object of scalars.
fn members(object: &str) -> Option<Vec<(String, String)>> {
    let mut rest = object.strip_prefix('{')?;
    let mut members = Vec::new();
    while let Some((name, behind)) = string(rest) {
        let behind = behind.strip_prefix(':')?;
        let (value, behind) = string(behind).or_else(|| {
            let (value, behind) = behind.split_at_checked(behind.find([',', '}'])?)?;
            Some((value.to_owned(), behind))
        })?;
        members.push((name, value));
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    (rest == "}").then_some(members)
}

/// The string that a text begins with, and what is behind it.
fn string(text: &str) -> Option<(String, &str)> {
    let bytes = text.as_bytes();
    (bytes.first() == Some(&b'"')).then_some(())?;
    let mut at = 1;
    while *bytes.get(at)? != b'"' {
        at += if bytes.get(at) == Some(&b'\\') { 2 } else { 1 };
    }
    let (source, behind) = text.split_at_checked(at + 1)?;
    let text = Text::decode(inside(source.as_bytes()));
    Some((text.as_str().to_owned(), behind))
}

/// Writes a value; placeholders stay as they are, by which they are known again.
fn push_encoded(value: &str, out: &mut String) {
    let mut copied = 0;
    for there in placeholders(value) {
        push_percent(value.get(copied..there.start).unwrap_or_default(), out);
        *out += value.get(there.clone()).unwrap_or_default();
        copied = there.end;
    }
    push_percent(value.get(copied..).unwrap_or_default(), out);
}

fn push_percent(value: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |digit: u8| char::from(DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0'));
    for byte in value.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => out.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Options, Ruleset};

    #[test]
    fn pairs_are_read_and_written() {
        let form = "a=1&b%5B0%5D=J%C3%B6rg+X&c=&a=%26";
        let pairs = pairs(form).unwrap();
        let object = as_json(&pairs).unwrap();
        assert_eq!(object, r#"{"a":"1","b[0]":"Jörg X","c":"","a":"&"}"#);
        assert_eq!(as_form(&pairs, &object).as_deref(), Some(form));
        for (object, expected) in [
            (
                r#"{"a":"1","b[0]":"x y/","c":"","a":"&"}"#,
                Some("a=1&b%5B0%5D=x+y%2F&c=&a=%26"),
            ),
            (
                r#"{"a":"[masked:name]","c":7,"a":null}"#,
                Some("a=[masked:name]&b%5B0%5D=&c=7&a=null"),
            ),
            (r#"{"a":"1","[masked:ssn]":"x"}"#, None),
            ("[masked:other]", None),
        ] {
            assert_eq!(as_form(&pairs, object).as_deref(), expected, "{object}");
        }
    }

    fn masked_body(form: &str) -> Option<String> {
        let rules = Ruleset::builder().profile(crate::Profile::Pii).build();
        let mut masker = Masker::new(Arc::new(rules.unwrap()), Options::default());
        mask_form(&mut masker, form)
    }

    #[test]
    fn a_body_that_says_it_is_a_form_is_read_as_one() {
        for (form, expected) in [
            ("", Some("")),
            ("ssn=000-12-3456", Some("ssn=[masked:ssn]")),
            ("%73sn=%3000-12-3456&", Some("%73sn=[masked:ssn]&")),
            (
                "ssn=000-12-3456&ssn=000-12-3457",
                Some("ssn=[masked:ssn]&ssn=[masked:ssn]"),
            ),
            (
                "note=write+to+a%40b.example%21&x",
                Some("note=write+to+[masked:email]%21&x"),
            ),
            (
                "u=https://h.example/p?q=1&&=%22{",
                Some("u=https://h.example/p?q=1&&=%22{"),
            ),
            // What is already masked stays.
            ("ssn=%5Bmasked:ssn%5D", Some("ssn=%5Bmasked:ssn%5D")),
            // A name that is an identifier, and what is no UTF-8.
            ("a@b.example=1", None),
            ("a=%ff", None),
            ("a=%", None),
        ] {
            assert_eq!(masked_body(form).as_deref(), expected, "{form}");
        }
    }

    #[test]
    fn a_form_of_too_many_pairs_or_signs_is_refused_before_it_takes_memory() {
        let pairs = |count: usize| vec!["a=1"; count].join("&");
        assert!(masked_body(&pairs(MOST_PAIRS)).is_some());
        for form in [
            pairs(MOST_PAIRS + 1),
            "&".repeat(1 << 20),
            "\u{1}".repeat(LONGEST / 6 + 1),
        ] {
            assert_eq!(masked_body(&form), None);
        }
        // In a string it is masked whole.
        let rules = Ruleset::builder().profile(crate::Profile::Pii).build();
        let mut masker = Masker::new(Arc::new(rules.unwrap()), Options::default());
        let mut out = Vec::new();
        let body = format!("[\"{}\"]", pairs(MOST_PAIRS + 1));
        masker.feed(body.as_bytes(), &mut out).unwrap();
        masker.finish(&mut out).unwrap();
        assert_eq!(out, b"[\"[masked:other]\"]");
    }

    #[test]
    fn other_texts_are_no_forms() {
        for text in [
            "a=1",
            "a&b=1",
            "=1&b=2",
            "a=1&b",
            "a = 1&b=2",
            "a=%zz&b=1",
            "a=%ff&b=1",
            "u=https://h/p?q=1&r=2",
            "AT&T=x y",
        ] {
            assert!(pairs(text).is_none(), "{text}");
        }
    }
}
