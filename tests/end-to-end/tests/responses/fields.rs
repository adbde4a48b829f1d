//! Headers and trailers of an answer.

use velum_end_to_end::stage::patient;
use velum_harness::{Framing, Protocol, Received, Reply, Step};

use super::{both, decoding, sent};

fn upstream(request: &Received) -> Reply {
    let body = patient().to_string();
    let reply = Reply::new(200).header("content-type", "application/fhir+json; charset=utf-8");
    match request.path.as_str() {
        "/values" => reply
            .header("x-patient-name", "Orla Thistlewood")
            .header("x-note", "SSN 000-12-3456")
            .header("x-context", r#"{"name":"Thistlewood"}"#)
            .header(
                "x-encoded",
                "eyJuYW1lIjoiT3JsYSBUaGlzdGxld29vZCIsInNzbiI6IjAwMC0xMi0zNDU2In0=",
            )
            .header("location", "/users/000-12-3456?mail=orla@example.org")
            .header("link", "</users/000-12-3456>; rel=\"next\"")
            .header("refresh", "5; url=/users/000-12-3456")
            .header(
                "content-disposition",
                "attachment; filename=\"000-12-3456.json\"",
            )
            .header(
                "set-cookie",
                "sid=8dhe8d9e8d9e8d98e9d8e9d8e9d89e8d; Path=/; HttpOnly",
            )
            .header(
                "set-cookie",
                "user=orla@example.org; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
            )
            .header("velum-lifted", "ssn")
            .header("velum_lifted", "ssn")
            .whole(body),
        "/false" => reply
            .header("etag", "\"strong\"")
            .header("accept-ranges", "bytes")
            .header("content-digest", "sha-256=:AAAA:")
            .header("repr-digest", "sha-256=:AAAA:")
            .header("digest", "sha-256=AAAA")
            .header("content-md5", "AAAA")
            .header("signature", "sig1=:AAAA:")
            .header("signature-input", "sig1=()")
            .header("x-amz-checksum-crc32", "AAAA")
            .header("x-goog-hash", "crc32c=AAAA")
            .header("x-ms-content-crc64", "AAAA")
            .whole(body),
        "/kept" => reply
            .header("etag", "W/\"3\"")
            .header("last-modified", "Wed, 21 Oct 2026 07:28:00 GMT")
            .header("cache-control", "private, max-age=60")
            .header("vary", "accept")
            .header("x-request-count", "12")
            .whole(body),
        _ => reply.script(
            Framing::Chunked,
            [
                Step::Data(body.into_bytes()),
                Step::Trailers(vec![
                    ("x-note".to_owned(), "SSN 000-12-3456".to_owned()),
                    ("x-kept".to_owned(), "1".to_owned()),
                    ("content-digest".to_owned(), "sha-256=:AAAA:".to_owned()),
                    ("velum-lifted".to_owned(), "ssn".to_owned()),
                ]),
            ],
        ),
    }
}

#[tokio::test]
async fn no_value_hides_in_a_header() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut setup = decoding(upstream);
        setup.protocol = protocol;
        let stage = setup.start().await;
        for answer in both(&stage, "/values").await {
            for (name, value) in &answer.headers {
                for secret in ["Thistlewood", "3456", "orla@", "VGhpc3RsZXdvb2"] {
                    assert!(!value.contains(secret), "{name}: {value}");
                }
                assert!(!name.starts_with("velum"), "{name}");
            }
            let find = |name| answer.header(name).expect(name);
            assert_eq!(find("x-patient-name"), "[masked:name]");
            let location = "/users/%5Bmasked:ssn%5D?mail=%5Bmasked:url%5D";
            assert_eq!(find("location"), location);
            assert_eq!(find("link"), "</users/%5Bmasked:ssn%5D>; rel=\"next\"");
            let cookies = answer
                .headers
                .iter()
                .filter(|(name, _)| name == "set-cookie");
            let cookies: Vec<&str> = cookies.map(|(_, value)| value.as_str()).collect();
            assert_eq!(
                cookies,
                [
                    "sid=8dhe8d9e8d9e8d98e9d8e9d8e9d89e8d; Path=/; HttpOnly",
                    "user=[masked:email]; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
                ]
            );
        }
    }
}

#[tokio::test]
async fn what_masking_made_false_is_dropped_and_the_rest_stays() {
    let stage = decoding(upstream).start().await;
    for answer in both(&stage, "/false").await {
        for name in [
            "etag",
            "accept-ranges",
            "content-digest",
            "repr-digest",
            "digest",
            "content-md5",
            "signature",
            "signature-input",
            "x-amz-checksum-crc32",
            "x-goog-hash",
            "x-ms-content-crc64",
            "content-length",
        ] {
            assert_eq!(answer.header(name), None, "{name}");
        }
    }
    for answer in both(&stage, "/kept").await {
        for (name, value) in [
            ("etag", "W/\"3\""),
            ("last-modified", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ("cache-control", "private, max-age=60"),
            ("vary", "accept"),
            ("x-request-count", "12"),
        ] {
            assert_eq!(answer.header(name), Some(value));
        }
    }
}

#[tokio::test]
async fn no_value_hides_in_a_trailer() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut setup = decoding(upstream);
        setup.protocol = protocol;
        setup.change = |options| {
            options.manager =
                serde_json::json!({"http_protocol_options": {"enable_trailers": true}});
        };
        let stage = setup.start().await;
        let mut answer = sent(stage.agent("GET", "/trailers").header("te", "trailers")).await;
        answer.trailers.sort();
        assert!(answer.complete && answer.status == 200);
        if protocol == Protocol::Http2 {
            assert_eq!(
                answer.trailers,
                [
                    ("x-kept".to_owned(), "1".to_owned()),
                    ("x-note".to_owned(), "SSN [masked:ssn]".to_owned()),
                ]
            );
        }
        for (name, value) in &answer.trailers {
            assert!(
                !value.contains("3456") && !name.starts_with("velum"),
                "{name}: {value}"
            );
        }
    }
}
