//! The path that decisions are made on, and the readings of it that an upstream may have.
//!
//! Envoy passes on what the caller wrote. Upstreams differ in how they read it: they decode once,
//! twice or not at all, resolve `..` before or after, cut `;` parameters, take `\` for `/`. So the
//! filter compares one canonical path, and says how far the raw path is from it ([`Spelling`]):
//! where an action reviews or denies, only a path that every upstream reads alike is let through.

use std::fmt;

use crate::condition::parameter::parameters;
use crate::text::{decode_hex, form_decode, percent_decode};

/// How the raw path relates to its canonical form (RFC 3986, sections 3.3 and 6.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spelling {
    /// Canonical but for one trailing `/` and for escapes that have to be there, or that clients
    /// set as they like: those of `! ' ( ) * + , : = @ &`.
    Plain,
    /// Well formed, but not the plain spelling: `.`, `..`, `//`, or an escaped letter, digit, `-`,
    /// `.`, `_`, `~` or `$`.
    Respelled,
    /// Read in different ways by different upstreams: an encoded `/`, `\`, `%`, `;`, `?`, `#` or
    /// control character, a raw `\`, `;`, `#` or control character, a broken escape, what is not
    /// UTF-8, a character that looks or folds like one of ASCII; or no path at all.
    Ambiguous,
}

/// The path of a request: percent-decoded once, `.`, `..` and `//` resolved, one trailing `/`
/// dropped. Its `Debug` form shows no value.
#[derive(Clone, PartialEq, Eq)]
pub struct CanonicalPath {
    text: String,
    undecoded: Option<String>,
    query: Vec<u8>,
    spelling: Spelling,
}

impl CanonicalPath {
    /// Reads a raw `:path`, with or without query.
    pub(crate) fn read(raw: &[u8]) -> Self {
        Self::read_canonical(raw).unwrap_or_else(|| Self::read_any(raw))
    }

    /// Reads a path that is its own canonical form, which most are: one look at each byte.
    fn read_canonical(raw: &[u8]) -> Option<Self> {
        let (path, query) = split_query(raw);
        let is_plain = |byte: &u8| {
            matches!(
                byte,
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'$' | b'='
            )
        };
        let mut before = 0;
        for byte in path {
            let is_canonical = match byte {
                // An empty segment, or one that may be `.` or `..`.
                b'/' | b'.' => before != b'/',
                _ => is_plain(byte),
            };
            if !is_canonical {
                return None;
            }
            before = *byte;
        }
        if path.first() != Some(&b'/') || before == b'/' || query.contains(&b'#') {
            return None;
        }
        Some(Self {
            text: std::str::from_utf8(path).ok()?.to_owned(),
            undecoded: None,
            query: query.to_vec(),
            spelling: Spelling::Plain,
        })
    }

    fn read_any(raw: &[u8]) -> Self {
        let (path, query) = split_query(raw);
        let mut spelling = Spelling::Plain;
        if raw.contains(&b'#') {
            spelling = Spelling::Ambiguous;
        }
        // The only request target without a leading slash that Envoy passes on (`OPTIONS *`).
        if path == b"*" {
            let text = "*".to_owned();
            return Self {
                text,
                undecoded: None,
                query: query.to_vec(),
                spelling,
            };
        }
        if path.first() != Some(&b'/') {
            spelling = Spelling::Ambiguous;
        }
        let raw_segments: Vec<&[u8]> = path
            .strip_prefix(b"/")
            .unwrap_or(path)
            .split(|&byte| byte == b'/')
            .collect();
        let mut segments: Vec<Segment> = Vec::new();
        let last = raw_segments.len().saturating_sub(1);
        for (index, raw_segment) in raw_segments.into_iter().enumerate() {
            let segment = Segment::read(raw_segment);
            spelling = spelling.max(segment.spelling);
            match segment.text.as_str() {
                // One trailing slash says nothing; any other empty segment is a `//`.
                "" if index == last => {}
                "" | "." => spelling = spelling.max(Spelling::Respelled),
                ".." => {
                    spelling = spelling.max(Spelling::Respelled);
                    segments.pop();
                }
                _ => segments.push(segment),
            }
        }
        let join = |part: fn(&Segment) -> &str| -> String {
            let joined: String = segments
                .iter()
                .flat_map(|segment| ["/", part(segment)])
                .collect();
            if joined.is_empty() {
                "/".to_owned()
            } else {
                joined
            }
        };
        let text = join(|segment| &segment.text);
        let undecoded = segments
            .iter()
            .any(|segment| segment.undecoded.is_some())
            .then(|| join(|segment| segment.undecoded.as_ref().unwrap_or(&segment.text)));
        Self {
            text,
            undecoded,
            query: query.to_vec(),
            spelling,
        }
    }

    /// The canonical path, percent-decoded. May be PHI.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The raw query, without `?`; empty where there is none. May be PHI.
    pub fn query(&self) -> &[u8] {
        &self.query
    }

    /// The decoded names of the query's parameters. May be PHI.
    pub fn parameter_names(&self) -> impl Iterator<Item = Vec<u8>> {
        parameters(&self.query, b"&;").map(|(name, _)| form_decode(name))
    }

    /// How the raw path relates to the canonical one.
    pub fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// The path as an upstream reads it that leaves needless escapes of `! ' ( ) * + , : = @ &`
    /// alone; `None` where there are none. Clients escape these as they like, so they are let
    /// through where both readings lead to the same decision.
    pub(crate) fn undecoded(&self) -> Option<&str> {
        self.undecoded.as_deref()
    }
}

impl fmt::Debug for CanonicalPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CanonicalPath")
            .field("spelling", &self.spelling)
            .finish_non_exhaustive()
    }
}

/// A raw `:path` without its query, and the query without `?`.
fn split_query(raw: &[u8]) -> (&[u8], &[u8]) {
    match raw.iter().position(|&byte| byte == b'?') {
        Some(at) => (
            raw.get(..at).unwrap_or(raw),
            raw.get(at + 1..).unwrap_or_default(),
        ),
        None => (raw, &[][..]),
    }
}

/// The segments of a canonical path; none for `/`.
pub(crate) fn segments_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Why a path of the policy can never equal a canonical path, with what to write instead.
pub(crate) fn literal_fault(literal: &str) -> Option<&'static str> {
    if literal.contains('%') {
        return Some("write the path decoded, without %: it is compared with the decoded path");
    }
    if literal.contains(['?', '#', ';', '\\']) {
        return Some("a path has no ? # ; or \\; conditions on the query go under `query`");
    }
    if literal
        .chars()
        .any(|character| character.is_control() || is_lookalike(character))
    {
        return Some("holds a character that is never in a canonical path");
    }
    if literal.contains("//")
        || literal
            .split('/')
            .any(|segment| matches!(segment, "." | ".."))
    {
        return Some("write the path resolved, without // . or .. segments");
    }
    None
}

struct Segment {
    text: String,
    undecoded: Option<String>,
    spelling: Spelling,
}

impl Segment {
    fn read(raw: &[u8]) -> Self {
        let mut spelling = Spelling::Plain;
        let mut undecoded = Vec::with_capacity(raw.len());
        let mut has_needless = false;
        let mut rest = raw;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if byte != b'%' {
                spelling = spelling.max(spelling_of_raw(byte));
                undecoded.push(byte);
                continue;
            }
            let Some(decoded) = decode_hex(after) else {
                spelling = Spelling::Ambiguous;
                undecoded.push(byte);
                continue;
            };
            rest = after.get(2..).unwrap_or_default();
            let escaped = spelling_of_escaped(decoded);
            spelling = spelling.max(escaped.unwrap_or(Spelling::Plain));
            if escaped.is_none() {
                has_needless = true;
                undecoded.extend_from_slice(format!("%{decoded:02X}").as_bytes());
            } else {
                undecoded.push(decoded);
            }
        }
        let text = match String::from_utf8(percent_decode(raw)) {
            Ok(text) => text,
            Err(error) => {
                spelling = Spelling::Ambiguous;
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
        };
        if text.chars().any(is_lookalike) {
            spelling = Spelling::Ambiguous;
        }
        let undecoded = has_needless.then(|| String::from_utf8_lossy(&undecoded).into_owned());
        Self {
            text,
            undecoded,
            spelling,
        }
    }
}

fn spelling_of_raw(byte: u8) -> Spelling {
    match byte {
        0..=b' ' | 0x7f | b'\\' | b';' | b'#' => Spelling::Ambiguous,
        _ => Spelling::Plain,
    }
}

/// What an escape of this byte makes of the path; `None` where readers may decode it or leave it.
fn spelling_of_escaped(byte: u8) -> Option<Spelling> {
    match byte {
        0..=0x1f | 0x7f | b'/' | b'\\' | b'%' | b';' | b'?' | b'#' => Some(Spelling::Ambiguous),
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'$' => {
            Some(Spelling::Respelled)
        }
        b'!' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b':' | b'=' | b'@' | b'&' => None,
        // Space, quotes, brackets and all beyond ASCII have to be escaped.
        _ => Some(Spelling::Plain),
    }
}

/// Characters that some upstreams turn into ASCII (by case folding, compatibility normalisation
/// or best-fit code pages) or drop: they could spell a literal of the policy in another way.
fn is_lookalike(character: char) -> bool {
    matches!(
        character,
        '\u{80}'..='\u{9f}'
            | '\u{a0}'
            | '\u{ad}'
            | '\u{17f}'
            | '\u{212a}'
            | '\u{2000}'..='\u{200f}'
            | '\u{2010}'..='\u{2015}'
            | '\u{2024}'..='\u{202f}'
            | '\u{2044}'
            | '\u{205f}'..='\u{206f}'
            | '\u{2212}'
            | '\u{2215}'
            | '\u{2216}'
            | '\u{29f5}'
            | '\u{29f8}'
            | '\u{29f9}'
            | '\u{3000}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{fe50}'..='\u{fe6f}'
            | '\u{feff}'
            | '\u{ff01}'..='\u{ff5e}'
            | '\u{fffd}'
            | '\u{1d400}'..='\u{1d7ff}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(raw: &str, canonical: &str, spelling: Spelling) {
        let path = CanonicalPath::read(raw.as_bytes());
        assert_eq!(
            (path.as_str(), path.spelling()),
            (canonical, spelling),
            "{raw}"
        );
    }

    #[test]
    fn plain_paths_are_themselves() {
        for (raw, canonical) in [
            ("/", "/"),
            ("*", "*"),
            ("/Patient/1", "/Patient/1"),
            ("/Patient/1/", "/Patient/1"),
            ("/Patient/$purge", "/Patient/$purge"),
            ("/a%20b", "/a b"),
            ("/%C3%BC", "/ü"),
            ("/%c3%bc", "/ü"),
            ("/ü", "/ü"),
            ("/a:b@c,d=e&f!g*h(i)'j+k", "/a:b@c,d=e&f!g*h(i)'j+k"),
            ("/urn%3auuid%3A1", "/urn:uuid:1"),
            ("/%22%3C%3E%5B%5D%5E%60%7B%7C%7D", "/\"<>[]^`{|}"),
            ("/a.b", "/a.b"),
            ("/...", "/..."),
        ] {
            check(raw, canonical, Spelling::Plain);
        }
    }

    #[test]
    fn respelled_paths_are_resolved_and_told() {
        for (raw, canonical) in [
            ("//", "/"),
            ("//a", "/a"),
            ("/a//b", "/a/b"),
            ("/a//", "/a"),
            ("/.", "/"),
            ("/./a", "/a"),
            ("/a/..", "/"),
            ("/a/../b", "/b"),
            ("/../../a", "/a"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/a/%2e", "/a"),
            ("/%41", "/A"),
            ("/Patient/%24purge", "/Patient/$purge"),
            ("/a%2Db%5fc%7Ed%30", "/a-b_c~d0"),
        ] {
            check(raw, canonical, Spelling::Respelled);
        }
    }

    #[test]
    fn ambiguous_paths_are_told() {
        for raw in [
            "",
            "a",
            "http://other.example/a",
            "?a",
            "/a%2Fb",
            "/a%2fb",
            "/a\\b",
            "/a%5Cb",
            "/a%00b",
            "/a%0Ab",
            "/a%1fb",
            "/a%7Fb",
            "/a\tb",
            "/a b",
            "/a\u{7f}",
            "/%2524purge",
            "/%25",
            "/100%25",
            "/%25%32%34",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%u002f",
            "/a;x=1",
            "/a;x=1/b",
            "/a%3Bx",
            "/a%3Fb",
            "/a%23b",
            "/a#b",
            "/a?b#c",
            "/%C0%AF",
            "/%c3",
            "/%FF",
            "/a\u{ff0f}b",
            "/a%EF%BC%8Fb",
            "/%E2%84%AA",
            "/a%C2%ADb",
            "/a%E2%80%8Bb",
            "/%EF%BB%BFa",
            "/a%C2%85b",
        ] {
            let path = CanonicalPath::read(raw.as_bytes());
            assert_eq!(path.spelling(), Spelling::Ambiguous, "{raw}");
        }
        assert_eq!(
            CanonicalPath::read(b"/\xff").spelling(),
            Spelling::Ambiguous
        );
    }

    /// Every escaped byte, and every raw one, has the spelling that RFC 3986 gives reason for.
    #[test]
    fn every_byte_has_a_spelling() {
        for byte in 0..=u8::MAX {
            let escaped = CanonicalPath::read(format!("/a%{byte:02x}").as_bytes());
            let raw = CanonicalPath::read(&[b'/', b'a', byte]);
            let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            let sub_delimiter = b"!$&'()*+,;=".contains(&byte);
            let pchar = unreserved || sub_delimiter || b":@".contains(&byte);
            let expected = match byte {
                0..=0x1f | 0x7f..=0xff | b'/' | b'\\' | b'%' | b';' | b'?' | b'#' => {
                    Spelling::Ambiguous
                }
                _ if unreserved || byte == b'$' => Spelling::Respelled,
                _ => Spelling::Plain,
            };
            assert_eq!(escaped.spelling(), expected, "%{byte:02x}");
            let needless = pchar && expected == Spelling::Plain;
            assert_eq!(escaped.undecoded().is_some(), needless, "%{byte:02x}");
            let raw_is_plain = (pchar && byte != b';') || b"/?\"<>[]^`{|}".contains(&byte);
            assert_eq!(
                raw.spelling() == Spelling::Plain,
                raw_is_plain,
                "{byte:02x}"
            );
        }
    }

    #[test]
    fn the_query_is_cut_at_the_first_question_mark_and_left_raw() {
        let path = CanonicalPath::read(b"/a?b=%2F?c");
        assert_eq!((path.as_str(), path.query()), ("/a", &b"b=%2F?c"[..]));
        assert_eq!(path.spelling(), Spelling::Plain);
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", CanonicalPath::read(b"/Patient/smith?name=smith"));
        assert!(!shown.contains("smith"), "{shown}");
    }

    proptest! {
        /// The short way says what the long one does.
        #[test]
        fn canonical_paths_are_read_alike(raw in "/?[a-cA-C0-9/.~$=_%;!é-]{0,24}([?][a#?=&]{0,4})?") {
            if let Some(short) = CanonicalPath::read_canonical(raw.as_bytes()) {
                prop_assert!(short == CanonicalPath::read_any(raw.as_bytes()));
            }
        }

        /// Escaping what has to be escaped and reading again gives the same path: reading is
        /// idempotent, and a canonical path has one plain meaning.
        #[test]
        fn reading_is_idempotent(raw in "/[ -~é/.%;]{0,24}") {
            let first = CanonicalPath::read(raw.as_bytes());
            let escaped: String = first.as_str().bytes().map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'$' | b'/' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            }).collect();
            let second = CanonicalPath::read(escaped.as_bytes());
            if first.spelling() != Spelling::Ambiguous {
                prop_assert_eq!(first.as_str(), second.as_str());
                prop_assert_eq!(second.spelling(), Spelling::Plain);
            }
        }

        /// No segment of a path that is let through is empty, `.` or `..`, or holds a delimiter.
        #[test]
        fn plain_paths_hold_no_structure(raw in "/[a-c/.%;\\\\2fFeE5cC?#]{0,16}") {
            let path = CanonicalPath::read(raw.as_bytes());
            prop_assert!(path.as_str().starts_with('/'));
            if path.spelling() != Spelling::Ambiguous {
                let inner = path.as_str().strip_prefix('/').unwrap_or_default();
                for segment in inner.split('/').filter(|_| !inner.is_empty()) {
                    prop_assert!(!matches!(segment, "" | "." | ".."));
                    prop_assert!(!segment.contains(['\\', ';', '?', '#', '%']));
                }
            }
        }
    }
}
