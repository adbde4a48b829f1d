//! Which bodies can be inspected, told by `content-type` and `content-encoding`.

use velum_engine::Framing;

use crate::host::{Header, values};
use crate::respond::Coding;

/// What a body is to the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// JSON, framed so.
    Json(Framing),
    /// Plainly something else than JSON.
    Other,
    /// It cannot be told what it is, or it is JSON in a form that cannot be read.
    Unreadable,
}

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    /// In a way that can be decoded.
    Coded(Coding),
    /// In another, in several, or nobody can tell.
    Unreadable,
}

/// Tells what a body is. No content type or two, any encoding, JSON in another charset than UTF-8:
/// unreadable.
pub(crate) fn of(headers: &[Header<'_>]) -> Media {
    if is_encoded(headers) {
        Media::Unreadable
    } else {
        of_decoded(headers)
    }
}

/// The same of a body as it is without its encoding.
pub(crate) fn of_decoded(headers: &[Header<'_>]) -> Media {
    // What most bodies are said to be is told without taking it apart.
    if let Some(b"application/json" | b"application/fhir+json") = one_content_type(headers) {
        return Media::Json(Framing::Document);
    }
    let Some(value) = content_type(headers) else {
        return Media::Unreadable;
    };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if !is_one_type(essence) {
        return Media::Unreadable;
    }
    let Some(framing) = Framing::of_media_type(essence) else {
        return Media::Other;
    };
    if parts.all(is_harmless) {
        Media::Json(framing)
    } else {
        Media::Unreadable
    }
}

/// Whether a body is one of these texts, in UTF-8 as far as is said.
pub(crate) fn is_text(headers: &[Header<'_>], texts: &[&str]) -> bool {
    let Some(value) = content_type(headers).filter(|_| !texts.is_empty()) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    parts.next().is_some_and(|essence| texts.contains(&essence)) && parts.all(is_harmless)
}

/// Whether a body is of a protocol whose frames nobody here reads: gRPC, on whatever transport.
pub(crate) fn is_grpc(headers: &[Header<'_>]) -> bool {
    values(headers, "content-type").any(|value| {
        let start = value.get(..GRPC.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
    })
}

const GRPC: &[u8] = b"application/grpc";

fn content_type(headers: &[Header<'_>]) -> Option<String> {
    let value = one_content_type(headers)?;
    Some(std::str::from_utf8(value).ok()?.to_ascii_lowercase())
}

fn one_content_type<'a>(headers: &'a [Header<'_>]) -> Option<&'a [u8]> {
    let mut given = values(headers, "content-type");
    given.next().filter(|_| given.next().is_none())
}

/// Tells how a body is encoded.
pub(crate) fn encoding(headers: &[Header<'_>]) -> Encoding {
    let mut given = values(headers, "content-encoding");
    let (value, second) = (given.next(), given.next());
    let is = |name: &[u8]| value.is_some_and(|value| value.eq_ignore_ascii_case(name));
    match (value, second) {
        (None, _) => Encoding::Identity,
        (_, Some(_)) => Encoding::Unreadable,
        _ if is(b"") || is(b"identity") => Encoding::Identity,
        _ if is(b"gzip") || is(b"x-gzip") => Encoding::Coded(Coding::Gzip),
        _ if is(b"deflate") => Encoding::Coded(Coding::Deflate),
        _ => Encoding::Unreadable,
    }
}

fn is_one_type(essence: &str) -> bool {
    essence.split_once('/').is_some_and(|(kind, subtype)| {
        !kind.is_empty() && !subtype.is_empty() && !subtype.contains(['/', ',', ' '])
    })
}

/// Whether the body is compressed or otherwise encoded.
pub(crate) fn is_encoded(headers: &[Header<'_>]) -> bool {
    values(headers, "content-encoding")
        .any(|value| !value.is_empty() && !value.eq_ignore_ascii_case(b"identity"))
}

/// RFC 8259 knows no parameter, and event streams are UTF-8 whatever it says; `charset=utf-8` and FHIR's `fhirVersion` say nothing new.
fn is_harmless(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, charset)) if name.trim() == "charset" => {
            matches!(charset.trim().trim_matches('"'), "utf-8" | "utf8")
        }
        Some(_) => true,
        None => parameter.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(content_type: &str) -> Media {
        of(&[(b"content-type", content_type.as_bytes().into())])
    }

    #[test]
    fn json_is_told_by_its_media_type() {
        for (content_type, expected) in [
            ("application/json", Media::Json(Framing::Document)),
            (
                "Application/FHIR+JSON; charset=UTF-8",
                Media::Json(Framing::Document),
            ),
            (
                "application/fhir+json; fhirVersion=4.0",
                Media::Json(Framing::Document),
            ),
            ("application/x-ndjson", Media::Json(Framing::Lines)),
            ("application/fhir+ndjson", Media::Json(Framing::Lines)),
            ("text/event-stream", Media::Json(Framing::Events)),
            ("application/json-seq", Media::Json(Framing::Sequence)),
            ("application/geo+json-seq", Media::Json(Framing::Sequence)),
            (
                "application/stream+json;charset=UTF-8",
                Media::Json(Framing::Concatenated),
            ),
            (
                "application/x-json-stream",
                Media::Json(Framing::Concatenated),
            ),
            (
                "text/event-stream;charset=UTF-8",
                Media::Json(Framing::Events),
            ),
            ("text/event-stream; charset=latin1", Media::Unreadable),
            ("application/json; charset=utf-16", Media::Unreadable),
            ("application/json; charset = utf-16", Media::Unreadable),
            (
                "application/json; charset=utf-8; charset=utf-16",
                Media::Unreadable,
            ),
            ("application/grpc+json", Media::Other),
            ("application/json, text/html", Media::Unreadable),
            ("text/html; charset=utf-8", Media::Other),
            ("+json", Media::Unreadable),
            ("", Media::Unreadable),
        ] {
            assert_eq!(media(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn only_encodings_that_can_be_decoded_are_told_apart() {
        for (given, expected) in [
            (&[][..], Encoding::Identity),
            (&[""], Encoding::Identity),
            (&["Identity"], Encoding::Identity),
            (&["gzip"], Encoding::Coded(Coding::Gzip)),
            (&["X-GZIP"], Encoding::Coded(Coding::Gzip)),
            (&["deflate"], Encoding::Coded(Coding::Deflate)),
            (&["br"], Encoding::Unreadable),
            (&["zstd"], Encoding::Unreadable),
            (&["gzip, br"], Encoding::Unreadable),
            (&["gzip, gzip"], Encoding::Unreadable),
            (&["identity", "gzip"], Encoding::Unreadable),
        ] {
            let headers: Vec<Header<'_>> = given
                .iter()
                .map(|value| (&b"content-encoding"[..], value.as_bytes().into()))
                .collect();
            assert_eq!(encoding(&headers), expected, "{given:?}");
        }
    }

    #[test]
    fn texts_are_told_by_the_policy_and_in_utf_8_only() {
        let is = |content_type: &str, texts: &[&str]| {
            is_text(&[(b"content-type", content_type.as_bytes().into())], texts)
        };
        assert!(is("text/plain", &["text/plain"]));
        assert!(is(
            "Text/HTML; charset=\"UTF-8\"",
            &["text/plain", "text/html"]
        ));
        assert!(!is("text/html", &["text/plain"]));
        assert!(!is("text/plain", &[]));
        assert!(!is("text/plain; charset=iso-8859-1", &["text/plain"]));
    }

    #[test]
    fn what_is_encoded_or_said_twice_is_unreadable() {
        let json = || (&b"content-type"[..], b"application/json"[..].into());
        let gzip = (&b"content-encoding"[..], b"gzip"[..].into());
        assert_eq!(of(&[json(), gzip]), Media::Unreadable);
        assert_eq!(of(&[json(), json()]), Media::Unreadable);
        assert_eq!(of(&[]), Media::Unreadable);
    }
}
