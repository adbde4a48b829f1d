//! What agents speak: JSON-RPC, MCP, and streams of chat completions.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use velum_end_to_end::stage::{SECRETS, Setup, assert_masked, patient};
use velum_harness::{Framing, Protocol, Received, Reply, Step};

use super::{decoding, sent};

/// Results as MCP has them.
fn messages() -> Vec<Value> {
    let text = patient().to_string();
    let note = "Orla wrote from orla@example.org; SSN 000-12-3456, call 555-0142.";
    let result = |id: u32, result: Value| json!({"jsonrpc": "2.0", "id": id, "result": result});
    vec![
        result(
            1,
            json!({"content": [{"type": "text", "text": text}], "isError": false}),
        ),
        result(
            2,
            json!({
                "content": [{"type": "text", "text": text}],
                "structuredContent": {"patient": patient()},
            }),
        ),
        result(
            3,
            json!({"contents": [
                {"uri": "fhir://Patient/p1", "mimeType": "application/fhir+json", "text": text},
            ]}),
        ),
        result(
            4,
            json!({"content": [
                {"type": "resource", "resource": {"uri": "fhir://Patient/p1", "text": text}},
            ]}),
        ),
        json!({"jsonrpc": "2.0", "id": 5, "error": {
            "code": -32000,
            "message": "no patient with SSN 000-12-3456",
            "data": {"patient": patient(), "text": text},
        }}),
        json!({"jsonrpc": "2.0", "method": "notifications/message",
               "params": {"level": "info", "data": {"birthDate": "1971-04-09", "patient": text}}}),
        json!([
            result(6, patient()),
            result(
                7,
                json!({"content": [{"type": "text", "text": note.replace("Orla", "She")}]})
            ),
        ]),
    ]
}

fn upstream(request: &Received) -> Reply {
    let path = request.path.as_str();
    let number = path
        .rsplit('/')
        .next()
        .and_then(|number| number.parse::<usize>().ok());
    match (path.split('/').nth(1), number) {
        (Some("json"), Some(number)) => Reply::json(&messages()[number]),
        (Some("events"), _) => {
            let events = messages().into_iter();
            let events = events.map(|message| format!("event: message\ndata: {message}\n\n"));
            Reply::new(200)
                .header("content-type", "text/event-stream")
                .header("mcp-session-id", "1868a90c-7f2e-4c3a-9d2b-0b9a3b8e2b3c")
                .chunks(events.collect::<Vec<_>>())
        }
        _ => {
            let delta = |text: &str| {
                let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
                let chunk = json!({"object": "chat.completion.chunk", "choices": [choice]});
                format!("data: {chunk}\n\n")
            };
            let mut events = vec![
                delta("The SSN is 000-12-3456, "),
                delta("mail orla@example.org, "),
                delta("that is all."),
            ];
            events.push("data: [DONE]\n\n".to_owned());
            Reply::new(200)
                .header("content-type", "text/event-stream; charset=utf-8")
                .chunks(events)
        }
    }
}

#[tokio::test]
async fn results_errors_and_batches_are_masked_wherever_the_value_stands() {
    let stage = decoding(upstream).start().await;
    for (number, message) in messages().into_iter().enumerate() {
        let request = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call"});
        let call = stage
            .agent("POST", &format!("/json/{number}"))
            .json(&request);
        for call in [call.clone(), call.http2()] {
            let answer = sent(call).await;
            assert_eq!((answer.status, answer.complete), (200, true));
            assert_masked(&answer.text());
            assert!(answer.text().contains("[masked:"), "{message}");
            assert_eq!(answer.json()["id"], message["id"]);
            assert_eq!(answer.json()["error"]["code"], message["error"]["code"]);
        }
    }
}

#[tokio::test]
async fn text_that_is_json_is_json_afterwards() {
    let stage = decoding(upstream).start().await;
    let answer = sent(stage.agent("GET", "/json/1")).await.json();
    let result = &answer["result"];
    let texts = [
        result["content"][0]["text"].clone(),
        sent(stage.agent("GET", "/json/2")).await.json()["result"]["contents"][0]["text"].clone(),
        sent(stage.agent("GET", "/json/3")).await.json()["result"]["content"][0]["resource"]
            ["text"]
            .clone(),
    ];
    let inside = texts.map(|text| {
        let text = text.as_str().expect("a text").to_owned();
        serde_json::from_str::<Value>(&text).expect("JSON")
    });
    for patient in inside
        .iter()
        .chain([&result["structuredContent"]["patient"]])
    {
        assert_eq!(patient["name"][0]["family"], "[masked:name]");
        assert_eq!(patient["resourceType"], "Patient");
        assert_eq!(patient["birthDate"], "1971");
    }
}

#[tokio::test]
async fn mcp_over_events_is_masked_event_by_event() {
    let stage = decoding(upstream).start().await;
    let mut stream = stage
        .agent("GET", "/events")
        .stream()
        .await
        .expect("an answer");
    assert_eq!(
        stream.header("mcp-session-id"),
        Some("1868a90c-7f2e-4c3a-9d2b-0b9a3b8e2b3c"),
        "the client sends it back"
    );
    let mut text = Vec::new();
    while let Some(bytes) = stream.next().await {
        text.extend(bytes);
    }
    let text = String::from_utf8(text).expect("UTF-8");
    assert!(stream.complete);
    assert_masked(&text);
    assert_eq!(text.matches("event: message\n").count(), messages().len());
}

#[tokio::test]
async fn an_event_arrives_before_the_upstream_has_sent_the_next() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let next = Arc::new(Notify::new());
        let gate = Arc::clone(&next);
        let events = move |_: &Received| {
            let event = |message: &Value| {
                Step::Data(format!("event: message\ndata: {message}\n\n").into_bytes())
            };
            let messages = messages();
            let steps = [
                event(&messages[0]),
                Step::Until(Arc::clone(&gate)),
                event(&messages[4]),
                Step::Until(Arc::clone(&gate)),
            ];
            Reply::new(200)
                .header("content-type", "text/event-stream")
                .script(Framing::Chunked, steps)
        };
        let mut setup = Setup::new(events);
        setup.protocol = protocol;
        let stage = setup.start().await;
        for http2 in [false, true] {
            let call = stage.agent("GET", "/events");
            let call = if http2 { call.http2() } else { call };
            let mut stream = call.stream().await.expect("an answer");
            for id in [1, 5] {
                let mut event = Vec::new();
                while !event.ends_with(b"\n\n") {
                    let bytes = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
                    event.extend(bytes.expect("in time").expect("an event"));
                }
                let event = String::from_utf8(event).expect("UTF-8");
                assert_masked(&event);
                assert!(event.starts_with("event: message\ndata: {"), "{event}");
                assert_eq!(event.matches("data: ").count(), 1, "one: {event}");
                assert!(event.contains(&format!("\"id\":{id}")), "{event}");
                next.notify_one();
            }
            while let Some(bytes) = stream.next().await {
                assert!(bytes.is_empty(), "nothing comes behind them");
            }
            assert!(stream.complete);
        }
    }
}

#[tokio::test]
async fn deltas_of_a_chat_are_masked_and_its_end_passes() {
    let stage = decoding(upstream).start().await;
    for call in [
        stage.agent("POST", "/chat"),
        stage.agent("POST", "/chat").http2(),
    ] {
        let answer = sent(call.json(&json!({"stream": true}))).await;
        let text = answer.text();
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert!(
            answer.complete && text.ends_with("data: [DONE]\n\n"),
            "{text}"
        );
        assert_eq!(text.matches("data: ").count(), 4);
        assert!(text.contains("The SSN is [masked:ssn], "), "{text}");
    }
}
