//! Bodies that cannot be masked: nothing of them leaves, and the client can tell.

use std::time::Duration;

use velum_harness::{Framing, Reply, Response, Step, gzip_stored};

use velum_end_to_end::stage::{Setup, Stage, assert_masked, patient, problem};

fn json() -> Reply {
    Reply::new(200).header("content-type", "application/fhir+json")
}

async fn stage(reply: fn() -> Reply) -> Stage {
    Setup::new(move |_| reply()).start().await
}

async fn both(stage: &Stage) -> [Response; 2] {
    [
        stage
            .agent("GET", "/Patient/p1")
            .send()
            .await
            .expect("an answer"),
        stage
            .agent("GET", "/Patient/p1")
            .http2()
            .send()
            .await
            .expect("an answer"),
    ]
}

#[tokio::test]
async fn invalid_from_the_start_is_a_clean_502() {
    let stage = stage(|| json().whole(format!("<html>{}", patient()))).await;
    for answer in both(&stage).await {
        assert_masked(&answer.text());
        assert_eq!(problem(&answer), (502, "response-not-maskable".into()));
    }
}

#[tokio::test]
async fn invalid_in_the_middle_cuts_the_body() {
    let stage = stage(|| {
        let good = format!("{{\"entry\":[{},", patient());
        json().script(
            Framing::Chunked,
            [
                Step::Data(good.into_bytes()),
                Step::Wait(Duration::from_millis(200)),
                Step::Data(format!("}}{}", patient()).into_bytes()),
                Step::Wait(Duration::from_millis(200)),
                Step::Data(patient().to_string().into_bytes()),
            ],
        )
    })
    .await;
    for answer in both(&stage).await {
        assert_masked(&answer.text());
        assert_eq!((answer.status, answer.complete), (200, false));
        assert!(
            answer.text().contains("[masked:name]"),
            "the first part had left"
        );
    }
}

#[tokio::test]
async fn an_upstream_that_breaks_off_leaves_an_incomplete_body() {
    let stage = stage(|| {
        let steps = [Step::Data(b"{\"name\":\"Thistle".to_vec()), Step::Abort];
        json().script(Framing::Chunked, steps)
    })
    .await;
    for answer in both(&stage).await {
        assert_masked(&answer.text());
        assert!(
            !answer.complete || answer.status >= 500,
            "status {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn a_document_that_ends_too_early_is_never_whole() {
    let stage = stage(|| json().whole(r#"{"name":[{"family":"Thistlewood"}]"#)).await;
    for answer in both(&stage).await {
        assert_masked(&answer.text());
        assert!(
            !answer.complete || answer.status == 502,
            "status {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn nesting_beyond_the_limit_lets_nothing_through() {
    let stage = stage(|| {
        let deep = format!("{}\"Thistlewood\"{}", "[".repeat(5_000), "]".repeat(5_000));
        json().whole(format!("{{\"name\":{deep}}}"))
    })
    .await;
    for answer in both(&stage).await {
        assert_masked(&answer.text());
        assert!(
            !answer.complete || answer.status == 502,
            "status {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn a_token_beyond_the_limit_is_masked_or_refused() {
    let stage = Setup::new(|request| {
        let long = "x".repeat(1_500_000);
        let body = match request.path.as_str() {
            "/text" => format!("{{\"note\":\"{long} 000-12-3456 {long}\"}}"),
            "/number" => format!(
                "{{\"name\":\"Thistlewood\",\"n\":{}}}",
                "7".repeat(1_500_000)
            ),
            _ => format!("{{\"name\":\"Thistlewood\",\"{long}Thistlewood\":1}}"),
        };
        json().chunks([body])
    })
    .start()
    .await;
    for path in ["/text", "/number", "/key"] {
        let answer = stage.agent("GET", path).send().await.expect("an answer");
        assert_masked(&answer.text());
        let whole = answer.complete && answer.status == 200;
        assert_eq!(whole, path == "/text", "{path}: {}", answer.status);
        assert!(!whole || answer.text().contains("[masked:"), "{path}");
    }
}

#[tokio::test]
async fn other_media_types_encodings_and_parts_are_refused() {
    let stage = Setup::new(|request| match request.path.as_str() {
        "/html" => Reply::new(200)
            .header("content-type", "text/html")
            .whole("Thistlewood"),
        "/none" => Reply::new(200).whole("Thistlewood"),
        "/gzip" => json()
            .header("content-encoding", "gzip")
            .whole(gzip_stored(patient().to_string().as_bytes())),
        "/part" => Reply::new(206)
            .header("content-type", "application/json")
            .header("content-range", "bytes 0-9/100")
            .whole("{\"name\":\"T"),
        _ => Reply::new(500)
            .header("content-type", "text/plain")
            .whole("trace: Thistlewood"),
    })
    .start()
    .await;
    for path in ["/html", "/none", "/gzip", "/part", "/fault"] {
        let answer = stage.agent("GET", path).send().await.expect("an answer");
        assert_masked(&answer.text());
        assert_eq!(
            problem(&answer),
            (502, "response-not-maskable".into()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_error_document_in_json_is_masked_too() {
    let stage = stage(|| {
        Reply::new(404)
            .header("content-type", "application/fhir+json")
            .whole(r#"{"issue":[{"diagnostics":"no patient with SSN 000-12-3456 or orla@example.org"}]}"#)
    })
    .await;
    let answer = stage
        .agent("GET", "/Patient/p1")
        .send()
        .await
        .expect("an answer");
    assert_masked(&answer.text());
    assert_eq!(answer.status, 404);
}

/// What a body may hide a value behind, and whether it is JSON all the same.
const CRAFTED: [(&[u8], bool); 22] = [
    // Not UTF-8 (RFC 3629): a lone byte, one cut short, two bytes for one of ASCII, a surrogate, beyond the last.
    (b"{\"name\":\"Thistlewood\xff\"}", false),
    (b"{\"name\":\"Thistlewood\xe2\x82\"}", false),
    (b"{\"name\":\"\xc1\x94histlewood Thistlewood\"}", false),
    (b"{\"name\":\"\xed\xa0\x80Thistlewood\"}", false),
    (b"{\"name\":\"\xf4\x90\x80\x80Thistlewood\"}", false),
    (b"{\"n\xff\":1,\"name\":\"Thistlewood\"}", false),
    // Escapes that there are not (RFC 8259, section 7).
    (b"{\"note\":\"\\x41\",\"name\":\"Thistlewood\"}", false),
    (b"{\"name\":\"\\u00g1 Thistlewood\"}", false),
    (b"{\"name\":\"Thistlewood\\u12\"}", false),
    (b"{\"na\\me\":\"Thistlewood\"}", false),
    (b"{\"name\":\"Thistlewood\\\"}", false),
    // Escapes that there are.
    (b"{\"\\u006eame\":\"\\u0054histlewood Thistlewood\"}", true),
    (b"{\"note\":\"\\u0030\\u0030\\u0030-12-345\\u0036 or 000-12-3456\"}", true),
    // Surrogates without their other half.
    (b"{\"name\":\"\\ud83dThistlewood\"}", false),
    (b"{\"name\":\"\\udc00\\ud800 Thistlewood\"}", false),
    (b"{\"note\":\"\\ud800 000-12-3456 \\udfff\"}", false),
    // One key, twice.
    (b"{\"name\":\"x\",\"name\":\"Thistlewood\",\"n\\u0061me\":\"Thistlewood\"}", true),
    (b"{\"resourceType\":\"Basic\",\"name\":[{\"family\":\"Thistlewood\"}],\"resourceType\":\"Patient\"}", true),
    // NUL, as it is and as an escape.
    (b"{\"name\":\"Thistle\0wood Thistlewood\"}", false),
    (b"{\"name\":\0\"Thistlewood\"}", false),
    (b"{\"na\\u0000me\":1,\"name\":\"\\u0000Thistlewood\"}", true),
    (b"{\"note\":\"\\u0000000-12-3456\\u0000\"}", true),
];

#[tokio::test]
async fn a_crafted_document_is_masked_or_refused_and_never_shows() {
    let stage = Setup::new(|request| {
        let mut parts = request.path.split('/').skip(1);
        let number = parts.next().and_then(|number| number.parse().ok());
        let (body, _) = CRAFTED[number.unwrap_or(0_usize)];
        match parts.next() {
            Some("bytes") => json().chunks(body.iter().map(|byte| vec![*byte])),
            _ => json().whole(body),
        }
    })
    .start()
    .await;
    for (number, (body, is_json)) in CRAFTED.iter().enumerate() {
        let shown = String::from_utf8_lossy(body);
        for path in [format!("/{number}/whole"), format!("/{number}/bytes")] {
            let call = stage.agent("GET", &path);
            for call in [call.clone(), call.http2()] {
                let answer = call.send().await.expect("an answer");
                assert_masked(&answer.text());
                let is_whole = answer.complete && answer.status == 200;
                assert!(
                    is_whole || answer.status == 502 || !answer.complete,
                    "{shown}"
                );
                assert_eq!(is_whole, *is_json, "{shown}: {}", answer.text());
                assert!(!is_whole || answer.text().contains("[masked:"), "{shown}");
            }
        }
    }
}
