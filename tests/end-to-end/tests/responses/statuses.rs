//! Answers without a body, parts of one, and what comes before the answer.

use std::time::Duration;

use velum_end_to_end::stage::{assert_masked, patient, problem};
use velum_harness::{Framing, Protocol, Received, Reply, Step};

use super::{CLOSE, both, decoding, raw, sent};

fn upstream(request: &Received) -> Reply {
    let json = |status| Reply::new(status).header("content-type", "application/fhir+json");
    let body = patient().to_string();
    match request.path.as_str() {
        "/204" => Reply::new(204).header("x-note", "SSN 000-12-3456"),
        "/205" => Reply::new(205),
        "/304" => json(304)
            .header("etag", "W/\"3\"")
            .header("x-note", "SSN 000-12-3456"),
        "/206" => json(206)
            .header("content-range", "bytes 0-9/400")
            .whole(&body.as_bytes()[..10]),
        "/parts" => Reply::new(206)
            .header("content-type", "multipart/byteranges; boundary=b")
            .whole(format!(
                "--b\r\ncontent-range: bytes 0-9/400\r\n\r\n{body}\r\n--b--"
            )),
        "/parts/200" => Reply::new(200)
            .header("content-type", "multipart/byteranges; boundary=b")
            .whole(body),
        "/416" => json(416)
            .header("content-range", "bytes */400")
            .whole(r#"{"issue":[{"diagnostics":"SSN 000-12-3456"}]}"#),
        // Behind the interim answer follows the final one, which the harness takes for its body.
        "/103" => Reply::new(103)
            .header("link", "</users/000-12-3456>; rel=preload")
            .script(
                Framing::UntilClose,
                [
                    Step::Wait(Duration::from_millis(50)),
                    Step::Data(
                        format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\n\
                             content-length: {}\r\n\r\n{body}",
                            body.len()
                        )
                        .into_bytes(),
                    ),
                ],
            ),
        _ => json(200).whole(body),
    }
}

#[tokio::test]
async fn a_head_tells_no_length_of_what_is_masked_and_its_connection_goes_on() {
    let stage = decoding(upstream).start().await;
    for call in [stage.agent("HEAD", "/p"), stage.agent("HEAD", "/p").http2()] {
        let answer = sent(call).await;
        assert_eq!(
            (answer.status, answer.header("content-length")),
            (200, None)
        );
        assert_eq!(answer.header("content-type"), Some("application/fhir+json"));
    }
    let answers = raw(&stage, &[("HEAD", "/p", ""), ("GET", "/p", CLOSE)]).await;
    let mut parts = answers.split("HTTP/1.1 200");
    assert_eq!(parts.clone().count(), 3, "{answers}");
    let head = parts.nth(1).expect("the answer to HEAD");
    assert!(head.ends_with("\r\n\r\n"), "no body follows: {head}");
    assert_masked(&answers);
    assert!(answers.contains("[masked:name]"), "{answers}");
}

#[tokio::test]
async fn answers_without_a_body_pass_with_masked_headers() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut setup = decoding(upstream);
        setup.protocol = protocol;
        let stage = setup.start().await;
        for (path, status) in [("/204", 204), ("/205", 205), ("/304", 304)] {
            for answer in both(&stage, path).await {
                assert_eq!((answer.status, answer.body.len()), (status, 0), "{path}");
                let note = answer.header("x-note");
                assert!(
                    note.is_none_or(|note| note == "SSN [masked:ssn]"),
                    "{note:?}"
                );
            }
        }
    }
    let stage = decoding(upstream).start().await;
    let answers = raw(
        &stage,
        &[
            ("GET", "/304", ""),
            ("GET", "/204", ""),
            ("GET", "/p", CLOSE),
        ],
    )
    .await;
    assert!(
        answers.contains("[masked:name]"),
        "the connection goes on: {answers}"
    );
    assert_masked(&answers);
}

#[tokio::test]
async fn conditions_and_ranges_do_not_reach_the_upstream_and_parts_are_refused() {
    let stage = decoding(upstream).start().await;
    for path in ["/206", "/parts", "/parts/200"] {
        for answer in both(&stage, path).await {
            assert_eq!(
                problem(&answer),
                (502, "response-not-maskable".into()),
                "{path}"
            );
        }
    }
    for answer in both(&stage, "/416").await {
        assert_eq!((answer.status, answer.header("content-range")), (416, None));
        assert_masked(&answer.text());
    }
    let call = stage
        .agent("GET", "/p")
        .header("range", "bytes=0-9")
        .header("if-range", "\"a\"")
        .header("if-none-match", "\"a\"")
        .header("if-modified-since", "Wed, 21 Oct 2026 07:28:00 GMT");
    assert_eq!(sent(call).await.status, 200);
    let received = stage.upstream.received().pop().expect("a request");
    for name in ["range", "if-range", "if-none-match", "if-modified-since"] {
        assert_eq!(received.header(name), None, "{name}");
    }
    assert_eq!(
        received.header("accept-encoding").as_deref(),
        Some("identity")
    );
}

#[tokio::test]
async fn an_interim_answer_does_no_harm() {
    let stage = decoding(upstream).start().await;
    let answer = raw(&stage, &[("GET", "/103", CLOSE)]).await;
    assert_masked(&answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("[masked:name]"), "{answer}");
}
