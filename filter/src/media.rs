//! Which bodies can be inspected, told by `content-type` and `content-encoding`.

use velum_engine::Framing;

use crate::host::{Header, values};

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

/// Tells what a body is. No content type or two, any encoding, JSON in another charset than UTF-8:
/// unreadable.
pub(crate) fn of(headers: &[Header<'_>]) -> Media {
    let mut given = values(headers, "content-type");
    let (Some(value), None) = (given.next(), given.next()) else {
        return Media::Unreadable;
    };
    let Ok(value) = std::str::from_utf8(value) else {
        return Media::Unreadable;
    };
    let value = value.to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if is_encoded(headers) || !is_one_type(essence) {
        return Media::Unreadable;
    }
    let Some(framing) = framing(essence) else {
        return Media::Other;
    };
    if parts.all(is_harmless) {
        Media::Json(framing)
    } else {
        Media::Unreadable
    }
}

fn framing(essence: &str) -> Option<Framing> {
    match essence {
        "application/json" | "text/json" => Some(Framing::Document),
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/fhir+ndjson" => Some(Framing::Lines),
        "text/event-stream" => Some(Framing::Events),
        "application/json-seq" => Some(Framing::Sequence),
        "application/stream+json" | "application/x-json-stream" => Some(Framing::Concatenated),
        _ if essence.ends_with("+json-seq") => Some(Framing::Sequence),
        _ => essence.ends_with("+json").then_some(Framing::Document),
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
        Some(("charset", charset)) => matches!(charset.trim_matches('"'), "utf-8" | "utf8"),
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
            ("application/json, text/html", Media::Unreadable),
            ("text/html; charset=utf-8", Media::Other),
            ("+json", Media::Unreadable),
            ("", Media::Unreadable),
        ] {
            assert_eq!(media(content_type), expected, "{content_type}");
        }
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
