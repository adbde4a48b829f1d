//! Texts, which detectors look at as a whole.

use velum_end_to_end::stage::{assert_masked, problem};
use velum_harness::{Framing, Protocol, Received, Reply, Step};

use super::{as_in_envoy_gateway, both, decoding, gzip, reading};

const NOTE: &str = "Call 555-0142 or orla@example.org, SSN 000-12-3456, MRN: MRN-88213.";
const PAGE: &str = "<html><body><p>SSN <b>000-12-3456</b>, orla@example.org</p></body></html>";

fn upstream(request: &Received) -> Reply {
    let text = |kind: &str| Reply::new(200).header("content-type", kind);
    let length = NOTE.len() as u64;
    let trailers = || Step::Trailers(vec![("x-note".to_owned(), "SSN 000-12-3456".to_owned())]);
    match request.path.as_str() {
        "/plain" => text("text/plain; charset=utf-8").whole(NOTE),
        "/page" => text("text/html").whole(PAGE),
        "/bytes" => text("text/plain").script(
            Framing::Length(length),
            NOTE.bytes()
                .map(|byte| Step::Data(vec![byte]))
                .collect::<Vec<_>>(),
        ),
        "/gzip" => text("text/plain")
            .header("content-encoding", "gzip")
            .whole(gzip(NOTE.as_bytes())),
        "/long" => text("text/plain").whole([NOTE, " "].concat().repeat(10_000)),
        "/nothing" => text("text/plain").whole(""),
        // From here on nothing may pass.
        "/chunked" => text("text/plain").chunks([NOTE]),
        "/chunked/trailers" => {
            text("text/plain").script(Framing::Chunked, [Step::Data(NOTE.into()), trailers()])
        }
        "/close" => text("text/plain").script(Framing::UntilClose, [Step::Data(NOTE.into())]),
        "/latin1" => text("text/plain; charset=iso-8859-1").whole(NOTE),
        "/bad" => text("text/plain").whole([NOTE.as_bytes(), b"\xff"].concat()),
        "/huge" => text("text/plain").whole(NOTE.repeat(20_000)),
        "/short" => text("text/plain").script(
            Framing::Length(length + 5),
            [Step::Data(NOTE.into()), Step::Abort],
        ),
        _ => text("text/csv").whole(NOTE),
    }
}

#[tokio::test]
async fn a_text_of_known_length_is_masked_by_detectors() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut setup = decoding(upstream);
        setup.protocol = protocol;
        let stage = setup.start().await;
        for path in ["/plain", "/page", "/bytes", "/gzip", "/long"] {
            for answer in both(&stage, path).await {
                let text = answer.text();
                assert_eq!(
                    (answer.status, answer.complete),
                    (200, true),
                    "{path}: {text}"
                );
                assert_masked(&text);
                assert!(text.contains("[masked:ssn]"), "{path}: {text}");
                assert!(text.contains("[masked:email]"), "{path}: {text}");
            }
        }
        for answer in both(&stage, "/nothing").await {
            assert_eq!((answer.status, answer.text().as_str()), (200, ""));
        }
    }
}

#[tokio::test]
async fn a_text_longer_than_envoy_buffers_under_envoy_gateway_is_masked_all_the_same() {
    let mut setup = decoding(upstream);
    setup.change = as_in_envoy_gateway;
    let stage = setup.start().await;
    for path in ["/plain", "/long"] {
        for answer in both(&stage, path).await {
            let text = answer.text();
            assert_eq!((answer.status, answer.complete), (200, true), "{path}");
            assert_masked(&text);
            assert!(text.contains("[masked:ssn]"), "{path}");
        }
    }
    // Longer than may be held.
    for answer in both(&stage, "/huge").await {
        let expected = (502, "response-not-maskable".into());
        assert_eq!(problem(&answer), expected);
    }
}

#[tokio::test]
async fn a_text_whose_end_length_or_charset_is_not_known_is_withheld() {
    let stage = decoding(upstream).start().await;
    for path in [
        "/chunked",
        "/chunked/trailers",
        "/close",
        "/latin1",
        "/bad",
        "/huge",
        "/short",
        "/csv",
    ] {
        for answer in both(&stage, path).await {
            assert_masked(&answer.text());
            assert!(answer.status >= 500, "{path}: {}", answer.status);
            if path != "/short" {
                assert_eq!(
                    problem(&answer),
                    (502, "response-not-maskable".into()),
                    "{path}"
                );
            }
        }
    }
}

#[tokio::test]
async fn where_the_policy_names_no_text_none_passes() {
    let stage = reading(serde_json::json!({"otherwise": "refuse"}), upstream)
        .start()
        .await;
    for path in ["/plain", "/page"] {
        for answer in both(&stage, path).await {
            assert_eq!(
                problem(&answer),
                (502, "response-not-maskable".into()),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn where_headers_do_not_wait_a_bad_text_is_cut() {
    let mut setup = decoding(upstream);
    setup.policy["host"] = serde_json::json!({"headers_stop_iteration": false});
    setup.policy["actions"] =
        serde_json::json!([{"name": "read", "when": {"method": "GET"}, "effect": "mask"}]);
    let stage = setup.start().await;
    for answer in both(&stage, "/plain").await {
        assert!(
            answer.complete && answer.text().contains("[masked:ssn]"),
            "{}",
            answer.text()
        );
        assert_masked(&answer.text());
    }
    for answer in both(&stage, "/bad").await {
        assert_masked(&answer.text());
        assert_eq!((answer.status, answer.complete), (200, false));
    }
}
