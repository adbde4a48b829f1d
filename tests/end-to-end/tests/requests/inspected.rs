//! Raw data posted to an outside endpoint leaves masked, is flagged, or does not leave.

use serde_json::{Value, json};
use velum_end_to_end::stage::{REVIEWER, Stage, problem};
use velum_harness::{Call, Protocol};

use super::{MASKED, SSN, raw, setup};

/// To the partner; the service's example knows who reviews `read`.
fn actions(requests: &Value) -> Value {
    json!([{"name": "read", "when": {"any": [{"authority": "partner.example"}, {"path": "/over-http2"}]}, "effect": "mask",
            "requests": requests}])
}

async fn stage(requests: &Value, protocol: Protocol) -> Stage {
    let mut setup = setup(&actions(requests));
    setup.protocol = protocol;
    setup.start().await
}

fn post(stage: &Stage, content_type: &str) -> Call {
    let call = stage
        .agent("POST", "/intake")
        .header("host", "partner.example");
    call.header("content-type", content_type)
}

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=x";

fn part(content: &str) -> String {
    format!("--x\r\ncontent-disposition: form-data; name=\"ssn\"\r\n\r\n{content}\r\n--x--\r\n")
}

#[tokio::test]
async fn raw_data_leaves_masked_whatever_the_protocol_and_the_media_type() {
    let record = |ssn: &str| format!("{{\"note\":\"of {ssn}\",\"n\":7}}");
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let stage = stage(&json!({"inspect": true}), protocol).await;
        for (content_type, body) in [
            ("application/json", &record as &dyn Fn(&str) -> String),
            ("application/fhir+json; charset=utf-8", &record),
            ("application/x-ndjson", &|ssn| {
                format!("{}\n{}\n", record(ssn), record(ssn))
            }),
            ("application/json-seq", &|ssn| {
                format!("\u{1e}{}\n", record(ssn))
            }),
            (FORM, &|ssn| format!("ssn={ssn}&b=%31")),
            (MULTIPART, &|ssn| part(ssn)),
        ] {
            for http2 in [false, true] {
                stage.upstream.forget();
                let call = if http2 {
                    stage.agent("POST", "/over-http2").http2()
                } else {
                    stage.agent("POST", "/").header("host", "partner.example")
                };
                let call = call
                    .header("content-type", content_type)
                    .header("content-digest", "sha-256=:AAAA:")
                    .body(body(SSN));
                let answer = call.send().await.expect("an answer");
                assert_eq!(answer.status, 200, "{content_type} {}", answer.text());
                let received = &stage.upstream.received()[0];
                let text = String::from_utf8_lossy(&received.body);
                assert_eq!(
                    text,
                    body(MASKED),
                    "{content_type} {protocol:?} http2: {http2}"
                );
                assert_eq!(received.header("content-digest"), None);
            }
        }
    }
}

#[tokio::test]
async fn a_body_longer_than_may_be_held_streams_through() {
    let stage = stage(&json!({"inspect": true}), Protocol::Http1).await;
    let lines = format!("{{\"note\":\"of {SSN}\"}}\n").repeat(200_000);
    let answer = post(&stage, "application/x-ndjson")
        .body(lines.clone())
        .send()
        .await;
    assert_eq!(answer.expect("an answer").status, 200);
    let received = stage.upstream.received();
    assert_eq!(received[0].body, lines.replace(SSN, MASKED).into_bytes());
}

#[tokio::test]
async fn a_body_that_turns_out_to_be_no_json_never_arrives_whole() {
    let stage = stage(&json!({"inspect": true}), Protocol::Http1).await;
    let begins_well = format!("[\"{SSN}\",{}", "1,".repeat(600_000));
    for body in ["{x}", "{\"a\":1", &begins_well] {
        let answer = post(&stage, "application/json").body(body).send().await;
        if let Ok(answer) = answer {
            assert_eq!(answer.status, 400, "{}", answer.text());
        }
    }
    assert!(stage.upstream.received().is_empty());
}

#[tokio::test]
async fn what_cannot_be_masked_is_refused_or_passes_as_the_policy_says() {
    for (otherwise, passes) in [("refuse", false), ("pass", true)] {
        let stage = stage(
            &json!({"inspect": true, "otherwise": otherwise}),
            Protocol::Http1,
        )
        .await;
        let file = "--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nx\r\n--x--\r\n";
        for (content_type, body, may_pass) in [
            ("image/png", "x", true),
            ("text/plain", "x", true),
            (MULTIPART, file, true),
            ("application/json; charset=utf-16", "{}", false),
            (MULTIPART, "no parts", false),
            (FORM, "a=%ff", false),
        ] {
            let answer = post(&stage, content_type)
                .body(body)
                .send()
                .await
                .expect("an answer");
            if passes && may_pass {
                assert_eq!(answer.status, 200, "{content_type}");
            } else {
                let expected = (415, "request-not-maskable".into());
                assert_eq!(problem(&answer), expected, "{content_type} {body}");
            }
        }
        let gzip = post(&stage, "application/json").header("content-encoding", "gzip");
        let answer = gzip.body("{}").send().await.expect("an answer");
        assert_eq!(problem(&answer), (415, "body-encoded".into()));
        assert_eq!(stage.upstream.received().len(), if passes { 3 } else { 0 });
    }
}

#[tokio::test]
async fn where_headers_cannot_be_held_bodies_are_masked_all_the_same() {
    let mut setup = setup(&actions(&json!({"inspect": true})));
    setup.policy["host"] = json!({"headers_stop_iteration": false});
    let stage = setup.start().await;
    for method in ["POST", "GET", "DELETE"] {
        stage.upstream.forget();
        let call = stage
            .agent(method, "/intake")
            .header("host", "partner.example");
        let answer = call
            .json(&json!({"ssn": SSN}))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(
            stage.upstream.received()[0].body,
            format!("{{\"ssn\":\"{MASKED}\"}}").into_bytes()
        );
    }
    let answer = post(&stage, FORM)
        .body(format!("ssn={SSN}"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(
        stage.upstream.received()[1].body,
        format!("ssn={MASKED}").into_bytes()
    );
}

fn flagging() -> Value {
    json!({"inspect": true, "flag_on": ["ssn", "mrn"], "hold": "30s"})
}

fn flagged_body(ssn: &str) -> Value {
    json!({"ssn": ssn, "phone": "555-0142"})
}

#[tokio::test]
async fn a_flagged_body_waits_and_arrives_with_what_was_released() {
    let stage = stage(&flagging(), Protocol::Http1).await;
    for (content_type, body) in [
        ("application/json", flagged_body(SSN).to_string()),
        (FORM, format!("ssn={SSN}&phone=555-0142")),
        (MULTIPART, part(SSN)),
    ] {
        for classes in [None, Some(&["ssn"][..])] {
            stage.upstream.forget();
            let body = if classes.is_some() {
                body.replace("3456", "3457")
            } else {
                body.clone()
            };
            let call = post(&stage, content_type).header("prefer", "wait=30");
            let answer = stage.approved(call.body(body.clone()), classes).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let received = stage.upstream.received();
            let text = String::from_utf8_lossy(&received[0].body);
            assert_eq!(
                text,
                body.replace("555-0142", "[masked:phone]"),
                "{content_type}"
            );
            assert_eq!(received[0].header("x-envoy-max-retries").as_deref(), None);
        }
    }
}

#[tokio::test]
async fn a_flagged_body_that_ends_with_trailers_waits_too() {
    let stage = stage(&flagging(), Protocol::Http1).await;
    let token = format!("Bearer {}", stage.jwt.agent("triage-bot", "dr-jones"));
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "partner.example"),
        (":path", "/intake"),
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
        ("prefer", "wait=30"),
    ];
    let body = flagged_body(SSN).to_string();
    let (first, second) = body.as_bytes().split_at(12);
    let data = [first, second];
    let sending = raw::http2(stage.envoy.address(), &headers, &data, &[("x-end", "1")]);
    let deciding = async {
        let id = stage.pending().await["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let answer = stage
            .reviewer(REVIEWER)
            .approve(&id, None)
            .await
            .expect("approve");
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    tokio::join!(sending, deciding);
    let received = stage.upstream.received();
    let text = String::from_utf8_lossy(&received[0].body).into_owned();
    assert_eq!(text, body.replace("555-0142", "[masked:phone]"));
}

#[tokio::test]
async fn reviewers_see_what_a_flagged_body_holds_in_counts() {
    let stage = stage(&flagging(), Protocol::Http1).await;
    let body = flagged_body(SSN).to_string();
    let answer = post(&stage, "application/json")
        .body(body.clone())
        .send()
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(problem(&answer), (403, "approval-required".into()));
    assert!(stage.upstream.received().is_empty());
    let card = stage.pending().await;
    assert_eq!(card["found"], json!({"phone": 1, "ssn": 1}), "{card}");
    assert_eq!(card["classes"], json!(["ssn"]), "{card}");
    assert!(!card.to_string().contains("000-12"), "{card}");

    // Approved, the identical request is released; another body is not.
    let id = card["id"].as_str().expect("an id");
    let decided = stage
        .reviewer(REVIEWER)
        .approve(id, None)
        .await
        .expect("approve");
    assert_eq!(decided.status, 200, "{}", decided.body);
    let redeem = |body: String| {
        let call = post(&stage, "application/json").header("velum-approval", id);
        call.body(body).send()
    };
    let other = redeem(body.replace("3456", "3457"))
        .await
        .expect("an answer");
    assert_eq!(problem(&other), (409, "approval-mismatch".into()));
    assert_eq!(redeem(body.clone()).await.expect("an answer").status, 200);
    let again = redeem(body.clone()).await.expect("an answer");
    assert_eq!(problem(&again), (403, "approval-used".into()));
    let received = stage.upstream.received();
    assert_eq!(received.len(), 1);
    assert!(String::from_utf8_lossy(&received[0].body).contains(SSN));
}

#[tokio::test]
async fn a_denied_body_never_leaves_and_one_without_a_find_waits_for_nobody() {
    let stage = stage(&flagging(), Protocol::Http1).await;
    let call = post(&stage, "application/json").header("prefer", "wait=30");
    let reviewer = stage.reviewer(REVIEWER);
    let answer = stage
        .while_waiting(call.body(flagged_body(SSN).to_string()), |id| async move {
            let answer = reviewer.deny(&id, None).await.expect("deny");
            assert_eq!(answer.status, 200, "{}", answer.body);
        })
        .await;
    assert_eq!(problem(&answer), (403, "approval-denied".into()));
    assert!(stage.upstream.received().is_empty());
    let body = flagged_body(MASKED).to_string();
    let answer = post(&stage, "application/json")
        .body(body.clone())
        .send()
        .await;
    assert_eq!(answer.expect("an answer").status, 200);
    let received = stage.upstream.received();
    assert_eq!(
        received[0].body,
        body.replace("555-0142", "[masked:phone]").into_bytes()
    );
}

#[tokio::test]
async fn a_flagged_body_is_refused_while_the_service_is_away() {
    let mut setup = setup(&actions(&flagging()));
    setup.service_address = Some("127.0.0.1:1".parse().expect("an address"));
    let stage = setup.start().await;
    let answer = post(&stage, "application/json")
        .body(flagged_body(SSN).to_string())
        .send()
        .await;
    assert_eq!(
        problem(&answer.expect("an answer")),
        (503, "approval-unavailable".into())
    );
    assert!(stage.upstream.received().is_empty());
}

#[tokio::test]
async fn a_query_with_what_would_be_masked_in_a_body_never_arrives() {
    for requests in [
        json!({"inspect": true}),
        json!({"inspect": true, "flag_on": ["ssn"], "hold": "30s"}),
    ] {
        let stage = stage(&requests, Protocol::Http1).await;
        let call = |method: &str, query: &str| {
            let call = stage.agent(method, &format!("/intake?{query}"));
            call.header("host", "partner.example")
        };
        for query in [
            "ssn=000-12-3456",
            "page=2&%73sn=%3000-12-3456",
            "note=call+000-12-3456",
            "q=%7B%22ssn%22%3A%22000-12-3456%22%7D",
            "page=%ff",
        ] {
            for method in ["GET", "POST"] {
                let answer = call(method, query).json(&json!({"n": 1})).send().await;
                let answer = answer.expect("an answer");
                let expected = (415, "request-not-maskable".into());
                assert_eq!(problem(&answer), expected, "{method} {query}");
                assert!(!answer.text().contains("000-12"), "{}", answer.text());
            }
        }
        assert!(stage.upstream.received().is_empty());
        let answer = call("POST", "page=2&sort=-date&flag").json(&json!({"n": 1}));
        assert_eq!(answer.send().await.expect("an answer").status, 200);
        assert_eq!(
            stage.upstream.received()[0].path,
            "/intake?page=2&sort=-date&flag"
        );
        assert!(!stage.envoy.log().contains("000-12-3456"));
    }
}
