//! Which bodies can be inspected, told by `content-type` and `content-encoding`.

use velum_engine::Framing;

use crate::host::{Headers, header, values};

/// What a body is to the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// JSON, framed so.
    Json(Framing),
    /// Nothing that the filter can read.
    Opaque,
}

/// Tells what a body is. Two content types, another charset than UTF-8, any encoding: opaque.
pub(crate) fn of(headers: &Headers) -> Media {
    if is_encoded(headers) || values(headers, "content-type").nth(1).is_some() {
        return Media::Opaque;
    }
    let value = header(headers, "content-type").unwrap_or_default();
    let Ok(value) = std::str::from_utf8(value) else {
        return Media::Opaque;
    };
    let value = value.to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if parts.any(|parameter| !is_harmless(parameter)) {
        return Media::Opaque;
    }
    match essence {
        "application/json" | "text/json" => Media::Json(Framing::Document),
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/fhir+ndjson" => Media::Json(Framing::Lines),
        _ if essence.ends_with("+json") && essence.contains('/') => Media::Json(Framing::Document),
        _ => Media::Opaque,
    }
}

/// Whether the body is compressed or otherwise encoded.
pub(crate) fn is_encoded(headers: &Headers) -> bool {
    values(headers, "content-encoding")
        .any(|value| !value.is_empty() && !value.eq_ignore_ascii_case(b"identity"))
}

/// RFC 8259 knows no parameter; `charset=utf-8` and FHIR's `fhirVersion` say nothing new.
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
        of(&vec![(
            b"content-type".to_vec(),
            content_type.as_bytes().to_vec(),
        )])
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
            ("application/json; charset=utf-16", Media::Opaque),
            ("application/json, text/html", Media::Opaque),
            ("text/html", Media::Opaque),
            ("+json", Media::Opaque),
            ("", Media::Opaque),
        ] {
            assert_eq!(media(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn what_is_encoded_or_said_twice_is_opaque() {
        let json = (b"content-type".to_vec(), b"application/json".to_vec());
        let gzip = (b"content-encoding".to_vec(), b"gzip".to_vec());
        assert_eq!(of(&vec![json.clone(), gzip]), Media::Opaque);
        assert_eq!(of(&vec![json.clone(), json]), Media::Opaque);
        assert_eq!(of(&Headers::new()), Media::Opaque);
    }
}
