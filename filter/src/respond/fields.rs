//! Headers and trailers of an answer: they tell as much as a body. What says nothing about anybody
//! stays, what the change of the body made false goes, and everything else is masked.

use std::sync::Arc;

use serde_json::Value;
use velum_engine::{Framing, Masker, Options, Ruleset, mask_handle, mask_text};

use crate::host::{Edit, Edited, Host, HostError, Map};

/// What becomes of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    /// It holds no free text.
    Keep,
    /// It says something of the body that is no longer true, or invites to ask for parts of it.
    Drop,
    /// Dropped where it is a strong validator.
    Validator,
    /// A URL, or something with URLs in it: it is one afterwards too.
    Address,
    /// What a client has to send back as it came.
    Handle,
    /// Masked like a member of that name.
    Member,
}

const DROPPED: &[&str] = &[
    "accept-ranges",
    "content-digest",
    "content-md5",
    "content-range",
    "digest",
    "repr-digest",
    "signature",
    "signature-input",
    "x-content-sha256",
    "x-cos-hash-crc64ecma",
    "x-goog-hash",
    "x-goog-stored-content-length",
    "x-ms-blob-content-md5",
    "x-ms-content-crc64",
    "x-oss-hash-crc64ecma",
];
const ADDRESSES: &[&str] = &["content-location", "link", "location", "refresh"];
const HANDLES: &[&str] = &[
    "mcp-session-id",
    "proxy-authenticate",
    "set-cookie",
    "www-authenticate",
    "x-csrf-token",
    "x-xsrf-token",
];
/// `docs/responses.md` lists them.
const KEPT: &[&str] = &[
    ":status",
    "content-type",
    "content-length",
    "date",
    "server",
    "x-envoy-upstream-service-time",
    "last-modified",
    "cache-control",
    "vary",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "age",
    "allow",
    "alt-svc",
    "cf-ray",
    "connection",
    "content-encoding",
    "content-language",
    "content-security-policy",
    "deprecation",
    "expires",
    "keep-alive",
    "permissions-policy",
    "pragma",
    "referrer-policy",
    "retry-after",
    "strict-transport-security",
    "sunset",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "via",
    "x-amz-cf-id",
    "x-amz-id-2",
    "x-amz-request-id",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-content-type-options",
    "x-correlation-id",
    "x-frame-options",
    "x-powered-by",
    "x-request-id",
];

fn treatment(name: &[u8], value: &[u8]) -> Treatment {
    let is_one = |names: &[&str]| names.iter().any(|one| one.as_bytes() == name);
    let begins = |start: &str| name.starts_with(start.as_bytes());
    // The dates of interfaces look like others.
    if is_one(KEPT) || name.ends_with(b"-version") && is_version(value) {
        Treatment::Keep
    } else if is_one(DROPPED) || begins("x-amz-checksum-") || begins("x-checksum-") {
        Treatment::Drop
    } else if name == b"etag" {
        Treatment::Validator
    } else if is_one(ADDRESSES) {
        Treatment::Address
    } else if is_one(HANDLES) {
        Treatment::Handle
    } else {
        Treatment::Member
    }
}

/// Numbers with dots between them, or a day: as interfaces are numbered, and not what identifies people.
fn is_version(value: &[u8]) -> bool {
    let is_number =
        |part: &[u8], most| (1..=most).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
    let value = value.strip_prefix(b"v").unwrap_or(value);
    let day: Vec<&[u8]> = value.split(|byte| *byte == b'-').collect();
    let is_day = day.len() == 3 && day.iter().map(|part| part.len()).eq([4, 2, 2]);
    is_day && day.iter().all(|part| is_number(part, 4))
        || value.len() < 12
            && value
                .split(|byte| *byte == b'.')
                .all(|part| is_number(part, 3))
}

/// Masks headers and trailers by the rules of the policy.
pub(super) struct Fields<'a> {
    rules: &'a Arc<Ruleset>,
    options: &'a Options,
    masker: Option<Masker>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(rules: &'a Arc<Ruleset>, options: &'a Options) -> Self {
        Self {
            rules,
            options,
            masker: None,
        }
    }

    /// Edits all of them.
    pub(super) fn edit(&mut self, headers: &mut Edited<'_>) {
        headers.edit(|name, value| self.field(name, value));
    }

    /// The same of a whole map at the host, without what is ours to write.
    pub(super) fn edit_map(&mut self, host: &impl Host, map: Map) -> Result<(), HostError> {
        let bytes = host.headers(map)?;
        let mut headers = Edited::read(&bytes)?;
        headers.remove_ours();
        self.edit(&mut headers);
        headers.write(host, map)
    }

    fn field(&mut self, name: &[u8], value: &[u8]) -> Edit {
        let treatment = treatment(name, value);
        let is_weak = || value.starts_with(b"W/");
        match treatment {
            Treatment::Keep => return Edit::Keep,
            Treatment::Validator if is_weak() => {
                let text = std::str::from_utf8(value).ok();
                let is_clean = |text| mask_handle(self.rules, text).is_none_or(|it| it == text);
                return if text.is_some_and(is_clean) {
                    Edit::Keep
                } else {
                    Edit::Remove
                };
            }
            Treatment::Drop | Treatment::Validator => return Edit::Remove,
            Treatment::Address | Treatment::Handle | Treatment::Member => {}
        }
        if value.is_empty() {
            return Edit::Keep;
        }
        let (Ok(name), Ok(text)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            return Edit::Remove;
        };
        let masked = match treatment {
            Treatment::Handle => Some(handle(self.rules, text)),
            Treatment::Address => self.address(name, text),
            _ => self.member(name.strip_prefix("x-").unwrap_or(name), text),
        };
        match masked {
            Some(masked) if masked == text => Edit::Keep,
            // No operator makes such bytes of a value; one may be told to write them.
            Some(masked) if !masked.bytes().any(|byte| byte < b' ' || byte == 0x7f) => {
                Edit::Replace(masked.into_bytes())
            }
            _ => Edit::Remove,
        }
    }

    /// A value as a member of that name; `None`: nothing is left of it.
    fn member(&mut self, name: &str, text: &str) -> Option<String> {
        self.masked(&["{", &quoted(name), ":", &quoted(text), "}\n"], text)
    }

    fn address(&mut self, name: &str, text: &str) -> Option<String> {
        let is_location = name != "link" && name != "refresh";
        let value = quoted(text);
        let masked = if is_location && self.rules.makes_pseudonyms() {
            // As FHIR has it in an answer to a batch, so that ids in it are the same as elsewhere.
            let end = "}}],\"resourceType\":\"Bundle\"}\n";
            self.masked(
                &["{\"entry\":[{\"response\":{\"location\":", &value, end],
                text,
            )
        } else {
            self.masked(&[&value, "\n"], text)
        }?;
        Some(if masked == text { masked } else { url(&masked) })
    }

    /// What becomes of the text that is the first value in a line of JSON.
    fn masked(&mut self, line: &[&str], text: &str) -> Option<String> {
        let line = line.concat();
        let masker = self.masker.get_or_insert_with(|| {
            let options = Options {
                framing: Framing::Lines,
                lift: velum_engine::ClassSet::EMPTY,
                ..self.options.clone()
            };
            Masker::new(Arc::clone(self.rules), options)
        });
        let mut out = Vec::new();
        masker.feed(line.as_bytes(), &mut out).ok()?;
        let written = if out == line.as_bytes() {
            text.to_owned()
        } else {
            first(serde_json::from_slice(&out).ok()?)?
        };
        // Rules alone look at no text: then all detectors do, as everywhere.
        Some(if self.rules.has_detectors() {
            written
        } else {
            mask_text(self.rules, &written)
        })
    }
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The text of the first value, however deep it is.
pub(super) fn first(value: Value) -> Option<String> {
    match value {
        Value::Object(members) => first(members.into_iter().next()?.1),
        Value::Array(items) => first(items.into_iter().next()?),
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// A cookie, or another handle. What it is for stays; attributes that hold no free text too.
fn handle(rules: &Ruleset, text: &str) -> String {
    const FIXED: [&str; 4] = ["expires", "max-age", "samesite", "priority"];
    let mut out = String::new();
    for (index, part) in text.split(';').enumerate() {
        if index > 0 {
            out.push(';');
        }
        let name = part.split('=').next().unwrap_or_default().trim();
        // The first is the cookie's own name and value.
        let is_fixed = index > 0 && FIXED.iter().any(|fixed| name.eq_ignore_ascii_case(fixed));
        match mask_handle(rules, part) {
            Some(masked) if !is_fixed => out += &masked,
            _ => out += part,
        }
    }
    out
}

/// Placeholders, in a text that is to stay a URL.
fn url(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, behind) = rest.split_at(at);
        out += before;
        let end = behind.find(']').filter(|_| behind.starts_with("[masked:"));
        rest = if let Some(end) = end {
            out += "%5B";
            out += behind.get(1..end).unwrap_or_default();
            out += "%5D";
            behind.get(end + 1..).unwrap_or_default()
        } else {
            out.push('[');
            behind.get(1..).unwrap_or_default()
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use velum_engine::{Class, ClassSet, Ids, Keyring, Operator, Profile, Rule, Selector};

    use super::*;

    fn shipped() -> Arc<Ruleset> {
        let builder = Ruleset::builder()
            .profile(Profile::HipaaSafeHarbor)
            .profile(Profile::FhirR4)
            .profile(Profile::Credentials);
        Arc::new(builder.build().unwrap())
    }

    /// What is left of one header.
    fn left(rules: &Arc<Ruleset>, name: &str, value: &[u8]) -> Option<String> {
        let mut headers = Edited::from(vec![(name.as_bytes(), value.into())]);
        Fields::new(rules, &Options::default()).edit(&mut headers);
        let (_, value) = headers.first()?;
        Some(String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn no_header_that_stays_is_a_hiding_place() {
        let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build().unwrap());
        let options = Options::default();
        let mut fields = Fields::new(&rules, &options);
        for (name, value, kept) in [
            ("set-cookie", "Priority=000-12-3456; Priority=High", false),
            (
                "set-cookie",
                "sid=8f7d6e5c; Max-Age=31536000; Priority=High",
                true,
            ),
            ("x-ssn-version", "000-12-3456", false),
            ("x-api-version", "2026-11-26", true),
            ("x-api-version", "v1.12.3", true),
            (
                "www-authenticate",
                "Bearer error_description=\"no patient 000-12-3456\"",
                false,
            ),
            (
                "www-authenticate",
                "Bearer realm=\"api\", error=\"invalid_token\"",
                true,
            ),
            ("etag", "W/\"000-12-3456\"", false),
            ("etag", "W/\"3\"", true),
        ] {
            let edit = fields.field(name.as_bytes(), value.as_bytes());
            assert_eq!(matches!(edit, Edit::Keep), kept, "{name}: {value}");
            if let Edit::Replace(masked) = edit {
                assert!(!String::from_utf8(masked).unwrap().contains("000-12-3456"));
            }
        }
    }

    #[test]
    fn the_document_lists_every_header_that_is_told_apart() {
        let document = include_str!("../../../docs/responses.md");
        for name in [KEPT, DROPPED, ADDRESSES, HANDLES].concat() {
            let listed = if name.starts_with("access-control-") {
                "`access-control-*`".to_owned()
            } else {
                format!("`{name}`")
            };
            assert!(document.contains(&listed), "{name}");
        }
    }

    #[test]
    fn what_is_about_persons_is_masked_wherever_it_stands() {
        let rules = shipped();
        for (name, value, expected) in [
            ("x-patient-name", "Orla Thistlewood", "[masked:name]"),
            ("x-mrn", "12345678", "[masked:mrn]"),
            ("warning", "199 - \"000-12-3456\"", "199 - \"[masked:ssn]\""),
            (
                "x-context",
                r#"{"ssn":"000-12-3456"}"#,
                r#"{"ssn":"[masked:ssn]"}"#,
            ),
            (
                "content-disposition",
                "attachment; filename=\"000-12-3456.json\"",
                "attachment; filename=\"[masked:ssn].json\"",
            ),
            (
                "location",
                "https://ehr.example/a/000-12-3456?x=orla@example.org",
                "https://ehr.example/a/%5Bmasked:ssn%5D?x=%5Bmasked:email%5D",
            ),
            ("location", "/users/000-12-3456", "/users/%5Bmasked:ssn%5D"),
            (
                "link",
                "</users/000-12-3456>; rel=\"next\"",
                "</users/%5Bmasked:ssn%5D>; rel=\"next\"",
            ),
            (
                "refresh",
                "5; url=/users/000-12-3456",
                "5; url=/users/%5Bmasked:ssn%5D",
            ),
            (
                "set-cookie",
                "user=orla@example.org; Path=/000-12-3456; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
                "user=[masked:email]; Path=/[masked:ssn]; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
            ),
            (
                "grpc-message",
                "no patient 000-12-3456",
                "no patient [masked:ssn]",
            ),
        ] {
            assert_eq!(
                left(&rules, name, value.as_bytes()).as_deref(),
                Some(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_about_nobody_stays() {
        let rules = shipped();
        for (name, value) in [
            ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ("age", "95"),
            ("etag", "W/\"3\""),
            ("location", "/fhir/Patient/p1"),
            (
                "link",
                "<https://ehr.example/fhir/Patient?_page=2>; rel=\"next\"",
            ),
            (
                "set-cookie",
                "sid=8dhe8d9e8d9e8d98e9d8e9d8e9d89e8d; Path=/; HttpOnly; SameSite=Lax",
            ),
            (
                "set-cookie",
                "t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmxhIn0.c2lnbmF0dXJlc2lnbmF0dXJl",
            ),
            ("mcp-session-id", "1868a90c-7f2e-4c3a-9d2b-0b9a3b8e2b3c"),
            ("x-powered-by", "Express"),
            ("x-amzn-requestid", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
            ("server-timing", "db;dur=53.2, app;dur=47.2;desc=\"render\""),
            ("x-ratelimit-reset", "1700003600"),
            ("x-ms-version", "2024-02-01"),
            ("x-empty", ""),
        ] {
            assert_eq!(
                left(&rules, name, value.as_bytes()).as_deref(),
                Some(value),
                "{name}"
            );
        }
    }

    #[test]
    fn what_the_masked_body_makes_false_goes() {
        let rules = shipped();
        for (name, value) in [
            ("etag", "\"3\""),
            ("accept-ranges", "bytes"),
            ("content-range", "bytes */88"),
            ("content-digest", "sha-256=:x:"),
            ("content-md5", "x"),
            ("x-amz-checksum-crc32", "x"),
            ("x-goog-hash", "crc32c=x"),
            ("x-ms-content-crc64", "x"),
        ] {
            assert_eq!(left(&rules, name, value.as_bytes()), None, "{name}");
        }
        assert_eq!(left(&rules, "x-note", b"\xff\xfe"), None, "not UTF-8");
    }

    #[test]
    fn without_detectors_all_of_them_look() {
        let rules = Arc::new(Ruleset::builder().build().unwrap());
        let masked = left(&rules, "x-note", b"SSN 000-12-3456");
        assert_eq!(masked.as_deref(), Some("SSN [masked:ssn]"));
    }

    #[test]
    fn a_rule_that_removes_a_member_removes_the_header() {
        let rule = Rule {
            name: "ward".to_owned(),
            select: Selector::Keys(vec!["ward".to_owned()]),
            class: Class::Address,
            operator: Operator::Remove,
        };
        let rules = Arc::new(Ruleset::builder().rule(rule).build().unwrap());
        assert_eq!(left(&rules, "x-ward", b"Birch"), None);
        assert_eq!(left(&rules, "x-word", b"Birch").as_deref(), Some("Birch"));
    }

    #[test]
    fn a_grant_shows_no_header() {
        let rules = shipped();
        let options = Options {
            lift: [Class::Name].into_iter().collect::<ClassSet>(),
            ..Options::default()
        };
        let mut headers = Edited::from(vec![(&b"x-patient-name"[..], b"Orla"[..].into())]);
        Fields::new(&rules, &options).edit(&mut headers);
        assert_eq!(&*headers[0].1, b"[masked:name]");
    }

    #[test]
    fn where_ids_are_pseudonyms_locations_have_the_same() {
        let builder = Ruleset::builder()
            .profile(Profile::FhirR4)
            .ids(Ids::Pseudonym);
        let rules = Arc::new(builder.build().unwrap());
        let keys = Keyring::new(vec![("k1".to_owned(), vec![7; 32])]).unwrap();
        let options = Options {
            keys,
            ..Options::default()
        };
        let location = "https://ehr.example/fhir/Patient/p12345/_history/1";
        let mut headers = Edited::from(vec![(&b"location"[..], location.as_bytes().into())]);
        Fields::new(&rules, &options).edit(&mut headers);
        let shown = String::from_utf8(headers[0].1.to_vec()).unwrap();
        let mut whole = Masker::new(Arc::clone(&rules), options);
        let mut body = Vec::new();
        whole
            .feed(br#"{"resourceType":"Patient","id":"p12345"}"#, &mut body)
            .unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let id = body["id"].as_str().unwrap();
        assert_ne!(id, "p12345");
        assert_eq!(
            shown,
            format!("https://ehr.example/fhir/Patient/{id}/_history/1")
        );
    }
}
