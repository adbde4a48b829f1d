//! What identifies a person in a URL (RFC 3986): user information, values of the query that are
//! identifiers or whose parameters are about persons, and parts of the path that are. The rest of
//! the URL stays, and so do URLs of vocabularies and plain addresses of sites.
//!
//! Relative references count where they are queries: the searches and conditional references of
//! FHIR (`Patient?identifier=system|value`; R4, "http", 3.1.0.5.3). In those the identifiers of
//! practitioners, organisations and places stay.

mod known;

use std::ops::Range;

use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;
use known::Says;

pub(crate) const URL: Detector = Detector {
    name: "url",
    class: Class::Url,
    shapes: Shapes::URL.or(Shapes::EQUALS),
    words: &[],
    find,
};

/// So many digits in a row are an identifier.
const LONG_NUMBER: usize = 7;
const LONGEST_SCHEME: usize = 16;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut position = 0;
    if is_query(bytes) {
        let token = 0..without_signs(bytes, 0, bytes.len());
        return Reader { bytes, found }.token(token);
    }
    while position < bytes.len() {
        let rest = bytes.get(position..).unwrap_or_default();
        let length = rest.iter().position(|byte| ends_url(*byte));
        let end = position + length.unwrap_or(rest.len());
        let token = position..without_signs(bytes, position, end);
        Reader { bytes, found }.token(token);
        position = end + 1;
    }
}

/// Whether the text is a relative reference with a query as a whole: a space in it is one that should
/// have been encoded.
fn is_query(bytes: &[u8]) -> bool {
    let mark = bytes
        .iter()
        .position(|byte| *byte == b'?' || ends_url(*byte));
    let (Some(mark), true) = (mark, bytes.contains(&b' ')) else {
        return false;
    };
    let (path, query) = bytes.split_at_checked(mark + 1).unwrap_or_default();
    let is_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_-.?".contains(byte);
    let name = query.iter().take_while(|byte| **byte != b'=').count();
    let name = query.get(..name).filter(|_| name < query.len());
    path.last() == Some(&b'?')
        && path.iter().all(is_path)
        && name.is_some_and(|name| !name.iter().any(|byte| ends_url(*byte)))
}

/// Whether a byte is in no URL.
fn ends_url(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'"' | b'<' | b'>' | b'`' | b'\\' | 0x7f)
}

/// The end without the signs that end a sentence or close a parenthesis.
fn without_signs(bytes: &[u8], start: usize, end: usize) -> usize {
    let token = bytes.get(start..end).unwrap_or_default();
    let is_sign = |byte: &&u8| b".,;:!?)'*".contains(byte);
    end - token.iter().rev().take_while(is_sign).count()
}

struct Reader<'a, 'f, 'g> {
    bytes: &'a [u8],
    found: &'f mut Found<'g>,
}

impl<'a> Reader<'a, '_, '_> {
    fn part(&self, range: &Range<usize>) -> &'a [u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// Where a byte is in a range.
    fn place(&self, range: &Range<usize>, is: impl Fn(u8) -> bool) -> Option<usize> {
        let at = self.part(range).iter().position(|byte| is(*byte))?;
        Some(range.start + at)
    }

    /// Reads what stands between two spaces: a URL, or a relative reference with a query.
    fn token(&mut self, token: Range<usize>) {
        let query = self.place(&token, |byte| byte == b'?');
        let path = token.start..query.unwrap_or(token.end);
        let colon = memchr::memmem::find(self.part(&path), b"://").map(|at| path.start + at);
        match (colon, query) {
            (Some(colon), _) if self.has_scheme(&token, colon) => {
                self.absolute(colon + 3..token.end);
            }
            (None, Some(query)) => {
                let before = self.part(&path).iter().rev();
                let is_path = |byte: &&u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(byte);
                let start = query - before.take_while(is_path).count();
                if start < query && self.part(&(query..token.end)).contains(&b'=') {
                    let is_about = self.path(start..query, None, true);
                    self.query(query + 1..token.end, is_about);
                }
            }
            _ => {}
        }
    }

    fn has_scheme(&self, token: &Range<usize>, colon: usize) -> bool {
        let before = self.part(&(token.start..colon)).iter().rev();
        let is_scheme = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        before.take(LONGEST_SCHEME).take_while(is_scheme).count() > 1
    }

    /// Reads what stands behind `://`.
    fn absolute(&mut self, url: Range<usize>) {
        let ends_host = |byte| matches!(byte, b'/' | b'?' | b'#' | b'|');
        let end = self.place(&url, ends_host).unwrap_or(url.end);
        let at = memchr::memrchr(b'@', self.part(&(url.start..end)));
        let host_start = at.map_or(url.start, |at| url.start + at + 1);
        if host_start > url.start + 1 {
            self.identifier(url.start..host_start - 1, Strength::Shape);
        }
        let host = self.part(&(host_start..end));
        let port = host.iter().position(|byte| *byte == b':');
        let host = host.get(..port.unwrap_or(host.len())).unwrap_or_default();
        if known::is_public_host(host) {
            return;
        }
        let ends_path = |byte| matches!(byte, b'?' | b'#');
        let path_end = self.place(&(end..url.end), ends_path).unwrap_or(url.end);
        let is_about = self.path(end..path_end, known::profile_word(host), false);
        // A fragment may be a query, too.
        self.query((path_end + 1).min(url.end)..url.end, is_about);
    }

    /// Reads a path, and tells what it is about.
    fn path(&mut self, path: Range<usize>, profile: Option<&str>, is_relative: bool) -> About {
        let mut about = About::Nothing;
        let mut names_someone = profile.is_some_and(str::is_empty);
        let mut start = path.start;
        while start < path.end {
            let slash = self.place(&(start..path.end), |byte| byte == b'/');
            let range = start..slash.unwrap_or(path.end);
            start = range.end + 1;
            let segment = self.part(&range);
            if segment.is_empty() {
                continue;
            }
            let is_name = names_someone && !known::is_nobody(segment);
            let is_home = segment.first() == Some(&b'~') && segment.len() > 1;
            if !is_relative && (is_name || is_home || is_identifier(segment)) {
                let strength = if is_name || is_home {
                    Strength::Labelled
                } else {
                    Strength::Shape
                };
                self.identifier(range, strength);
                names_someone = false;
                continue;
            }
            names_someone = known::is_people(segment)
                || profile.is_some_and(|word| segment.eq_ignore_ascii_case(word.as_bytes()));
            if names_someone {
                about = About::People;
            } else if known::is_public_resource(segment) {
                about = About::Public;
            } else if segment.first().is_some_and(u8::is_ascii_uppercase) {
                about = About::Nothing;
            }
        }
        about
    }

    fn query(&mut self, query: Range<usize>, about: About) {
        let mut start = query.start;
        while start < query.end {
            let ends = |byte| matches!(byte, b'&' | b';' | b'#');
            let end = self.place(&(start..query.end), ends).unwrap_or(query.end);
            if let Some(equals) = self.place(&(start..end), |byte| byte == b'=') {
                self.parameter(start..equals, equals + 1..end, about);
            }
            start = end + 1;
        }
    }

    fn parameter(&mut self, name: Range<usize>, value: Range<usize>, about: About) {
        let says = known::parameter(self.part(&name), about == About::People);
        let name = self.part(&name);
        if about == About::Public && name.starts_with(b"identifier") {
            return;
        }
        let range = self.without_system(value);
        let is_number = is_identifier(self.part(&range));
        match says {
            Says::Person => self.identifier(range, Strength::Labelled),
            Says::Nothing if is_number => self.identifier(range, Strength::Shape),
            Says::Nothing | Says::Nobody => {}
        }
    }

    /// A value without the system or the type of resource before it: `urn:x|1`, `Patient/1`.
    fn without_system(&self, value: Range<usize>) -> Range<usize> {
        let text = self.part(&value);
        let skipped = memchr::memchr(b'|', text)
            .map(|at| at + 1)
            .or_else(|| memchr::memmem::find(text, b"%7C").map(|at| at + 3))
            .or_else(|| memchr::memmem::find(text, b"%7c").map(|at| at + 3))
            .or_else(|| memchr::memrchr(b'/', text).map(|at| at + 1))
            .or_else(|| memchr::memmem::rfind(text, b"%2F").map(|at| at + 3));
        value.start + skipped.unwrap_or(0)..value.end
    }

    /// Calls back, but for what is nothing or has been masked.
    fn identifier(&mut self, range: Range<usize>, strength: Strength) {
        let part = self.part(&range);
        let is_masked = memchr::memmem::find(part, b"[masked:").is_some();
        let is_template = part.contains(&b'{') || matches!(part, [] | [b'$' | b'*', ..]);
        if !is_masked && !is_template {
            (self.found)(range, strength);
        }
    }
}

/// What a path is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Those who receive care, users and the like.
    People,
    /// Those who give care, and what concerns no one.
    Public,
    Nothing,
}

/// Whether a part of a URL has a long number in it, or is a UUID, an object id of 24 hexadecimal
/// digits or a code of 32.
fn is_identifier(part: &[u8]) -> bool {
    let mut run = 0;
    let has_long_number = part.iter().any(|byte| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        run >= LONG_NUMBER
    });
    let is_hex = |part: &[u8]| part.iter().all(u8::is_ascii_hexdigit);
    let is_code =
        matches!(part.len(), 24 | 32) && is_hex(part) && part.iter().any(u8::is_ascii_digit);
    has_long_number || is_code || is_uuid(part)
}

/// `8-4-4-4-12` hexadecimal digits, perhaps behind `urn:uuid:`.
pub(super) fn is_uuid(part: &[u8]) -> bool {
    let part = part.strip_prefix(b"urn:uuid:").unwrap_or(part);
    part.len() == 36
        && part.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::found;

    #[test]
    fn what_identifies_is_found() {
        for (text, expected) in [
            ("https://ann:secret@host.example/x", &["ann:secret"][..]),
            ("https://host.example/patients/jdoe/visits", &["jdoe"]),
            ("https://host.example/fhir/Patient/123/_history/2", &["123"]),
            ("(see https://host.example/users/ann.lee).", &["ann.lee"]),
            ("https://host.example/~jdoe/", &["~jdoe"]),
            ("https://www.linkedin.com/in/jane-doe-12", &["jane-doe-12"]),
            ("https://x.com/janedoe", &["janedoe"]),
            ("https://host.example/claims/20391827", &["20391827"]),
            (
                "https://host.example/r/8b0484cd-3dbd-8b8d-1b72-a32f74a5a846.",
                &["8b0484cd-3dbd-8b8d-1b72-a32f74a5a846"],
            ),
            (
                "https://host.example/o/507f1f77bcf86cd799439011",
                &["507f1f77bcf86cd799439011"],
            ),
            ("https://host.example/?mrn=A12&page=2", &["A12"]),
            (
                "https://host.example/find?last_name=Doe&dob=1936-08-18#top",
                &["Doe", "1936-08-18"],
            ),
            (
                "http://host.example/Observation?subject=Patient/12&code=1",
                &["12"],
            ),
            (
                "http://host.example/Observation?patient=Patient%2F12",
                &["12"],
            ),
            ("http://host.example/q?x=99912345678", &["99912345678"]),
            ("http://host.example/#user=ann", &["ann"]),
            ("file:///Users/ann/notes.txt", &["ann"]),
            (
                "https://host.example/users/ann, https://host.example/users/bob",
                &["ann", "bob"],
            ),
            (
                "Patient?identifier=http://hl7.org/fhir/sid/us-ssn|999-12-3456",
                &["999-12-3456"],
            ),
            ("Patient?identifier=urn%3Ax%7C12", &["12"]),
            (
                "GET /fhir/Patient?name=Doe&birthdate=1936-08-18",
                &["Doe", "1936-08-18"],
            ),
            ("Patient?_id=7", &["7"]),
            (
                "Observation?patient=12&code=http://loinc.org|1234-5",
                &["12"],
            ),
            ("Encounter?subject.identifier=x|12", &["12"]),
            ("https://h\u{f6}st.example/users/jos\u{e9}", &["jos\u{e9}"]),
        ] {
            assert_eq!(found(&URL, text), expected, "{text}");
        }
    }

    #[test]
    fn a_space_in_a_search_is_part_of_what_is_looked_for() {
        let text = "Patient?family=Pe\u{f1}a Qui\u{f1}ones&given=Ana Luz";
        assert_eq!(found(&URL, text), ["Pe\u{f1}a Qui\u{f1}ones", "Ana Luz"]);
    }

    #[test]
    fn what_identifies_nobody_is_left() {
        for text in [
            "https://host.example",
            "https://host.example/about/team?page=2&size=50",
            "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient",
            "http://hl7.org/fhir/Patient/example",
            "http://terminology.hl7.org/CodeSystem/v3-ActCode|1234567",
            "http://snomed.info/sct/731000124108/version/20230301",
            "http://loinc.org?code=12345678",
            "https://bluebutton.cms.gov/resources/variables/clm_id/12345678",
            "http://www.nlm.nih.gov/research/umls/rxnorm/12345678",
            "https://github.com/synthetichealth/synthea",
            "http://hospital.smarthealthit.org",
            "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999999999",
            "Organization?identifier=https://github.com/synthetichealth/synthea|8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
            "Location?identifier=x|8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
            "http://host.example/Practitioner?identifier=x|9999999999",
            "urn:uuid:8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
            "urn:oid:2.16.840.1.113883.4.3.25",
            "http://host.example/oid/2.16.840.1.113883.3.4",
            "https://host.example/patients/search",
            "https://host.example/Patient/$everything",
            "https://host.example/users/[masked:url]",
            "https://[masked:url]@host.example/",
            "https://host.example/?mrn=[masked:mrn]&dob=",
            "https://host.example/users/{id}?user={user}",
            "https://host.example/?t=1579613145&code=185345009",
            "https://host.example/v1.2.3/api?version=1234567",
            "a://b",
            "really? name=Ann",
            "why?",
            "?=",
            "x=1",
            "://",
        ] {
            assert_eq!(found(&URL, text), [""; 0], "{text}");
        }
    }
}
