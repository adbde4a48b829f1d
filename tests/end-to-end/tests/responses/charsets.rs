//! JSON in UTF-8, with a byte-order mark or without, and in what is not UTF-8.

use velum_end_to_end::stage::{assert_masked, problem};
use velum_harness::{Protocol, Received, Reply};

use super::{both, decoding, gzip};

const DOCUMENT: &str = r#"{"name":"Thistlewood","note":"SSN 000-12-3456"}"#;
const MARK: &[u8] = b"\xef\xbb\xbf";

fn wide(mark: bool, big: bool) -> Vec<u8> {
    let mark = mark.then_some('\u{feff}');
    let text: String = mark.into_iter().chain(DOCUMENT.chars()).collect();
    let units = text.encode_utf16();
    units
        .flat_map(|unit| {
            if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        })
        .collect()
}

fn upstream(request: &Received) -> Reply {
    let of = |kind: &str| Reply::new(200).header("content-type", kind);
    let marked = |text: &str| [MARK, text.as_bytes()].concat();
    match request.path.as_str() {
        "/marked" => of("application/json").whole(marked(DOCUMENT)),
        "/marked/bytes" => {
            let bytes = marked(DOCUMENT).into_iter();
            of("application/json").chunks(bytes.map(|byte| vec![byte]))
        }
        "/marked/charset" => of("application/fhir+json; charset=\"UTF-8\"").whole(marked(DOCUMENT)),
        "/marked/gzip" => of("application/json")
            .header("content-encoding", "gzip")
            .whole(gzip(&marked(DOCUMENT))),
        "/marked/lines" => of("application/x-ndjson").whole(marked(&format!("{DOCUMENT}\n"))),
        "/marked/events" => {
            of("text/event-stream").chunks([marked(&format!("data: {DOCUMENT}\n\n"))])
        }
        // From here on nothing may pass.
        "/utf-16" => of("application/json; charset=utf-16").whole(wide(true, false)),
        "/utf-16/narrow" => of("application/json; charset=utf-16").whole(DOCUMENT),
        "/utf-16be" => of("application/fhir+json;charset=UTF-16BE").whole(wide(false, true)),
        "/utf-16/unsaid" => of("application/json").whole(wide(true, false)),
        "/utf-16be/unsaid" => of("application/json").whole(wide(false, true)),
        "/utf-16/as-utf-8" => of("application/json; charset=utf-8").whole(wide(false, false)),
        "/utf-32" => of("application/json; charset=utf-32").whole(DOCUMENT),
        "/latin-1" => of("application/json; charset=iso-8859-1").whole(DOCUMENT),
        "/latin-1/lines" => of("application/x-ndjson; charset=iso-8859-1").whole(DOCUMENT),
        "/utf-16/events" => of("text/event-stream; charset=utf-16").whole(DOCUMENT),
        "/two" => of("application/json; charset=utf-8; charset=utf-16").whole(wide(true, true)),
        // A mark is one only at the start, and once.
        "/marked/twice" => of("application/json").whole([MARK, &marked(DOCUMENT)].concat()),
        _ => of("application/json").whole([DOCUMENT.as_bytes(), MARK].concat()),
    }
}

#[tokio::test]
async fn a_byte_order_mark_keeps_nothing_from_being_masked() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut setup = decoding(upstream);
        setup.protocol = protocol;
        let stage = setup.start().await;
        for path in ["", "/bytes", "/charset", "/gzip", "/lines", "/events"] {
            for answer in both(&stage, &format!("/marked{path}")).await {
                let text = answer.text();
                assert_eq!(
                    (answer.status, answer.complete),
                    (200, true),
                    "{path}: {text}"
                );
                assert_masked(&text);
                assert!(
                    text.contains(r#""note":"SSN [masked:ssn]""#),
                    "{path}: {text}"
                );
            }
        }
    }
}

#[tokio::test]
async fn json_in_another_charset_is_withheld() {
    let stage = decoding(upstream).start().await;
    for path in [
        "/utf-16",
        "/utf-16/narrow",
        "/utf-16be",
        "/utf-16/unsaid",
        "/utf-16be/unsaid",
        "/utf-16/as-utf-8",
        "/utf-32",
        "/latin-1",
        "/latin-1/lines",
        "/utf-16/events",
        "/two",
        "/marked/twice",
    ] {
        for answer in both(&stage, path).await {
            assert!(
                !answer.text().replace('\0', "").contains("Thistlewood"),
                "{path}"
            );
            let expected = (502, "response-not-maskable".into());
            assert_eq!(problem(&answer), expected, "{path}");
        }
    }
    for answer in both(&stage, "/marked/behind").await {
        assert_masked(&answer.text());
        assert!(!answer.complete || answer.status == 502, "a mark behind it");
    }
}
