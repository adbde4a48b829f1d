//! What was masked does not come back as data.

use serde_json::{Value, json};
use velum_end_to_end::stage::{Setup, Stage, problem};
use velum_harness::Reply;

use super::{MASKED, SSN, policy, setup};

async fn stage() -> Stage {
    let mut setup = Setup::new(|_| {
        Reply::json(&json!({"mrn": "88213", "id": "p1", "ssn": SSN, "note": "seen"}))
    });
    setup.policy = policy(
        &json!([{"name": "locked", "effect": "mask", "writes": "refuse",
        "when": {"path": {"prefix": "/locked/"}, "method": ["PUT", "PATCH", "GET"]}}]),
    );
    setup.policy["masking"]["rules"] = json!([
        {"key": "mrn", "class": "mrn", "operator": {"token": {"prefix": "MRN-"}}},
        {"path": "$.id", "class": "identifier", "operator": "pseudonym"}
    ]);
    setup.start().await
}

#[tokio::test]
async fn what_was_shown_is_refused_in_every_form_and_by_every_method() {
    let stage = stage().await;
    let shown = stage
        .agent("GET", "/r/1")
        .send()
        .await
        .expect("an answer")
        .json();
    let text = |key: &str| shown[key].as_str().expect("a text").to_owned();
    let (token, pseudonym) = (text("mrn"), text("id"));
    assert!(
        token.starts_with("MRN-") && pseudonym != "p1" && text("ssn") == MASKED,
        "{shown}"
    );
    stage.upstream.forget();
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    let multipart = "multipart/form-data; boundary=x";
    let part = |value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n{value}\r\n--x--\r\n")
    };
    let nested = json!({"a": json!({"b": token}).to_string()}).to_string();
    for (method, content_type, body) in [
        ("PUT", json, shown.to_string()),
        (
            "DELETE",
            json,
            format!(r#"{{"a":"\u004d{}"}}"#, &token[1..]),
        ),
        ("GET", json, format!(r#"["{pseudonym}"]"#)),
        ("POST", json, nested),
        (
            "PATCH",
            "application/merge-patch+json",
            format!(r#"{{"subject":"Patient/{pseudonym}"}}"#),
        ),
        (
            "PATCH",
            "application/json-patch+json",
            format!(r#"[{{"op":"replace","path":"/mrn","value":"{token}"}}]"#),
        ),
        (
            "POST",
            "application/x-ndjson",
            format!("{{}}\n\"{MASKED}\"\n"),
        ),
        ("POST", form, format!("a=b&mrn=%4D{}", &token[1..])),
        ("POST", form, "ssn=%5Bmasked%3Assn%5D".to_owned()),
        ("POST", multipart, part(&pseudonym)),
        ("POST", "text/plain", format!("Dear {token},")),
    ] {
        let call = stage
            .agent(method, "/r/1")
            .header("content-type", content_type);
        for http2 in [false, true] {
            let call = call.clone().body(body.clone());
            let call = if http2 { call.http2() } else { call };
            let answer = call.send().await.expect("an answer");
            assert_eq!(
                problem(&answer),
                (422, "masked-value".into()),
                "{method} {body}"
            );
        }
    }
    assert!(
        stage.upstream.received().is_empty(),
        "the upstream saw nothing of it"
    );
    // What only looks like it goes on as it came.
    let near = format!(
        "{{\"mrn\":\"{}a\",\"ssn\":\"[masked:\"}}",
        &token[..token.len() - 1]
    );
    let call = stage.agent("PUT", "/r/1").header("content-type", json);
    assert_eq!(
        call.body(near.clone())
            .send()
            .await
            .expect("an answer")
            .status,
        200
    );
    assert_eq!(stage.upstream.received()[0].body, near.into_bytes());
}

#[tokio::test]
async fn a_whole_replacement_is_refused_and_a_part_is_not() {
    let stage = stage().await;
    let patch = |path: &str| json!([{"op": "replace", "path": path, "value": {}}]);
    let send = async |method: &str, content_type: &str, body: &Value| {
        let call = stage
            .agent(method, "/locked/1")
            .header("content-type", content_type);
        call.body(body.to_string()).send().await.expect("an answer")
    };
    for (method, content_type, body) in [
        ("PUT", "application/json", json!({"a": 1})),
        ("PATCH", "application/json-patch+json", patch("")),
    ] {
        let answer = send(method, content_type, &body).await;
        assert_eq!(
            problem(&answer),
            (403, "replacement-refused".into()),
            "{body}"
        );
    }
    let overridden = stage
        .agent("PATCH", "/locked/1")
        .header("x-http-method-override", "PUT");
    let answer = overridden.json(&json!({})).send().await.expect("an answer");
    assert_eq!(problem(&answer), (400, "method-override".into()));
    assert!(stage.upstream.received().is_empty());
    let answer = send("PATCH", "application/json-patch+json", &patch("/a")).await;
    assert_eq!(answer.status, 200);
    let answer = send("PATCH", "application/merge-patch+json", &json!({"a": 1})).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn where_headers_cannot_be_held_nothing_of_it_goes_on_either() {
    let mut setup = setup(&json!([{"name": "all", "effect": "mask"}]));
    setup.policy["host"] = json!({"headers_stop_iteration": false});
    let stage = setup.start().await;
    let call = stage.agent("PUT", "/r/1").json(&json!({"ssn": MASKED}));
    let answer = call.send().await.expect("an answer");
    assert_eq!(problem(&answer), (422, "masked-value".into()));
    assert!(
        stage.upstream.received().is_empty(),
        "no whole request came"
    );
}
