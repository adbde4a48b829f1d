//! A text that refers to something by its id: a reference of FHIR (hl7.org/fhir/R4/references.html),
//! the URL of a resource, of a version or a search (hl7.org/fhir/R4/http.html).
//!
//! What is known of it stays: the types, a version, an operation, and of an absolute URL the host
//! and the words of its path before a type. The id becomes its pseudonym, a query a placeholder. Whatever has
//! another form is not written.

use super::Writer;
use super::types::is_resource_type;
use super::uuid;
use crate::operators::push_placeholder;

/// The most digits in a part of a path that is a word: `r4`, `v10`.
const MOST_DIGITS: usize = 2;
/// The most digits of a version that has nothing else, and the longest one.
const MOST_DIGITS_OF_VERSION: usize = 9;
const LONGEST_VERSION: usize = 36;
/// The most digits in a part of the name of a host: alone (`fhir-2`), and behind letters (`fhir2024`).
const MOST_DIGITS_OF_HOST: (usize, usize) = (2, 4);

/// Writes the reference with pseudonyms in it. `None`: its form is not known, and what has been
/// written is none.
pub(super) fn write(writer: &Writer<'_>, text: &str, out: &mut Vec<u8>) -> Option<()> {
    if let Some(id) = text.strip_prefix('#') {
        // `#` alone is the resource around a contained one.
        out.push(b'#');
        if !id.is_empty() {
            writer.id(id, out);
        }
        return Some(());
    }
    if let Some(id) = behind(text, "urn:uuid:") {
        out.extend_from_slice(b"urn:uuid:");
        writer.id(id, out);
        return Some(());
    }
    if let Some(id) = behind(text, "urn:oid:") {
        out.extend_from_slice(b"urn:uuid:");
        writer.uuid(id, out);
        return Some(());
    }
    let (place, query) = match text.split_once('?') {
        Some((place, _)) => (place, true),
        None => (text, false),
    };
    url(writer, place, out)?;
    if query {
        out.push(b'?');
        push_placeholder(writer.setting.class, out);
    }
    Some(())
}

/// What stands behind a prefix of any case, if anything does.
fn behind<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    (start.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some(rest)
}

/// Writes a URL without a query.
fn url(writer: &Writer<'_>, text: &str, out: &mut Vec<u8>) -> Option<()> {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| behind(text, scheme).is_some());
    let path = match scheme {
        Some(scheme) => {
            let rest = behind(text, scheme)?;
            let (host, path) = rest.split_once('/')?;
            is_host(host).then_some(())?;
            path
        }
        None => text,
    };
    let parts: Vec<&str> = path.split('/').collect();
    let named = Named::find(&parts, scheme.is_some())?;
    out.extend_from_slice(text.get(..text.len() - path.len())?.as_bytes());
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push(b'/');
        }
        let is_version = named.id.is_some_and(|id| at > id) && uuid::is_like_one(part);
        if named.id == Some(at) || is_version {
            writer.id(part, out);
        } else {
            out.extend_from_slice(part.as_bytes());
        }
    }
    Some(())
}

/// The parts of a path as FHIR names a resource or a type; all that is not the id may stay.
struct Named {
    /// Which part is the id; `None`: it is a type.
    id: Option<usize>,
}

impl Named {
    fn find(parts: &[&str], has_base: bool) -> Option<Self> {
        // Type, id, and at most two more: `_history` and a version.
        let first = if has_base {
            parts.len().saturating_sub(4)
        } else {
            0
        };
        let last = if has_base { parts.len() } else { 1 };
        let starts = || {
            let types = parts.iter().enumerate().take(last).skip(first);
            types.filter_map(|(at, part)| is_resource_type(part).then_some(at))
        };
        // What stands behind a type is an id, and no word of a base, but for another type.
        let is_base = |part: &&str| is_word(part) && !is_resource_type(part);
        let has_words = |at: &usize| {
            let words = parts.iter().take(at.saturating_sub(1)).all(is_base);
            words && parts.iter().take(*at).all(|part| is_word(part))
        };
        let behind = |at: usize| parts.get(at + 1..).unwrap_or_default();
        let is_resource = |at: &usize| match behind(*at) {
            [id, tail @ ..] => !id.is_empty() && !is_of_type(id) && is_tail(tail),
            [] => false,
        };
        // An id can look like a word, and must not be taken for one.
        if let Some(at) = starts().find(is_resource) {
            return has_words(&at).then_some(Self { id: Some(at + 1) });
        }
        let is_type = |at: &usize| match behind(*at) {
            [] => true,
            [part] => is_of_type(part),
            _ => false,
        };
        let found = starts().find(is_type).filter(has_words);
        found.map(|_| Self { id: None })
    }
}

/// Whether it is what can be done with a type: no id has these signs.
fn is_of_type(part: &str) -> bool {
    matches!(part, "_history" | "_search") || is_operation(part)
}

fn is_operation(part: &str) -> bool {
    let name = part.strip_prefix('$').unwrap_or_default();
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
}

/// What may stand behind an id.
fn is_tail(tail: &[&str]) -> bool {
    match tail {
        [] | ["_history"] => true,
        ["_history", version] => is_version(version),
        [part] => is_operation(part) || is_resource_type(part),
        _ => false,
    }
}

/// Whether it looks like a version, and not like a number of somebody. One that is a UUID is replaced.
fn is_version(part: &str) -> bool {
    let longest = if part.bytes().all(|byte| byte.is_ascii_digit()) {
        MOST_DIGITS_OF_VERSION
    } else {
        LONGEST_VERSION
    };
    let is_plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    uuid::is_like_one(part) || is_plain && (1..=longest).contains(&part.len())
}

/// Whether a part of a path looks like a word, and not like a number or code of something.
fn is_word(part: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    !part.is_empty() && part.bytes().all(is_sign) && digits <= MOST_DIGITS
}

/// Whether it is the name of a host, perhaps with a port: no address or number, and nobody's name before
/// it.
fn is_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let domain = name.rsplit('.').next().unwrap_or_default();
    name.bytes().all(is_sign)
        && name.split('.').all(is_label)
        && domain.starts_with(|first: char| first.is_ascii_alphabetic())
        && port.len() <= 5
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a label of a host looks like a name, and not like a number of somebody.
fn is_label(label: &str) -> bool {
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    let (alone, behind_letters) = MOST_DIGITS_OF_HOST;
    let is_name = |part: &str| {
        let letters = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
        digits(part) <= alone
            || letters.len() > 1 && digits(letters) == 0 && digits(part) <= behind_letters
    };
    let is_number = |part: &&str| !part.is_empty() && digits(part) == part.len();
    label.split('-').all(is_name) && label.split('-').filter(is_number).count() < 2
}
