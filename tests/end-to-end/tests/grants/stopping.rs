//! Taking back: what is being released is masked from then on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Notify;
use velum_end_to_end::stage::{PERSON, REVIEWER, Setup, Stage, figure, patient, problem, text};
use velum_harness::{Framing, Reply, ResponseStream, Step};

/// Files of two lines; the second comes when it is told to.
async fn stage() -> (Stage, Arc<Notify>) {
    let second = Arc::new(Notify::new());
    let gate = Arc::clone(&second);
    let stage = Setup::new(move |_| {
        let line = format!("{}\n", patient()).into_bytes();
        let steps = [
            Step::Data(line.clone()),
            Step::Until(Arc::clone(&gate)),
            Step::Data(line),
        ];
        Reply::new(200)
            .header("content-type", "application/fhir+ndjson")
            .script(Framing::Chunked, steps)
    })
    .start()
    .await;
    (stage, second)
}

/// A file that is being released: its first line is there, in clear.
async fn released(stage: &Stage) -> (ResponseStream, String) {
    let call = stage
        .agent("GET", "/bulk/patients.ndjson")
        .header("velum-lift", "name")
        .header("prefer", "wait=30");
    let asking = tokio::spawn(call.stream());
    let id = text(&stage.pending().await["id"]);
    let approved = stage.reviewer(REVIEWER).approve(&id, None).await;
    assert_eq!(approved.expect("an answer").status, 200);
    let mut stream = asking.await.expect("task").expect("an answer");
    let mut first = Vec::new();
    while !first.ends_with(b"\n") {
        first.extend(stream.next().await.expect("the first line"));
    }
    let first = String::from_utf8(first).expect("text");
    assert!(first.contains("Thistlewood"), "{first}");
    (stream, id)
}

async fn rest(mut stream: ResponseStream) -> String {
    let mut rest = Vec::new();
    while let Some(chunk) = stream.next().await {
        rest.extend(chunk);
    }
    assert!(stream.complete, "the body is whole");
    String::from_utf8(rest).expect("text")
}

/// With the line up every worker hears of a stop well before its lease is over, which is 10 s.
const CONFIRMED: u64 = 3_000;

/// Waits until every worker has confirmed the stop, and says after how many milliseconds the last one had.
async fn confirmed(stage: &Stage, stop: &Value) -> u64 {
    let path = format!("/v1/stops/{}", text(&stop["id"]));
    let mut shown = Value::Null;
    for _ in 0..150 {
        let reviewer = stage.reviewer(REVIEWER);
        shown = reviewer.get(&path).await.expect("shown").body;
        let workers = shown["workers"].as_array().expect("workers");
        let is_confirmed = |worker: &Value| worker["standing"] == "confirmed";
        if shown["holds"] == true && !workers.is_empty() && workers.iter().all(is_confirmed) {
            // `holds_after_ms` is never beyond a lease, whatever it was.
            return shown["confirmed_after_ms"].as_u64().expect("a number");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the stop does not hold: {shown}");
}

#[tokio::test]
async fn revoking_masks_the_rest_of_a_response() {
    let (stage, second) = stage().await;
    let (stream, id) = released(&stage).await;
    let reviewer = stage.reviewer(REVIEWER);
    let revoked = reviewer
        .post(&format!("/v1/approvals/{id}/revoke"), &json!({}))
        .await;
    assert_eq!(revoked.expect("an answer").status, 200);
    // Workers wait for news, so that they hear of it within a moment.
    tokio::time::sleep(Duration::from_secs(2)).await;
    second.notify_one();
    let rest = rest(stream).await;
    assert!(!rest.contains("Thistlewood"), "{rest}");
    serde_json::from_str::<Value>(&rest).expect("still JSON");
}

#[tokio::test]
async fn an_emergency_stop_holds_within_its_time_and_says_so() {
    let (stage, second) = stage().await;
    let (stream, _) = released(&stage).await;
    let reviewer = stage.reviewer(REVIEWER);
    let body = json!({"scope": {"kind": "everything"}, "comment": "somebody has the token"});
    let begun = Instant::now();
    let stop = reviewer.post("/v1/stops", &body).await.expect("an answer");
    assert_eq!(stop.status, 201, "{}", stop.body);
    let after = confirmed(&stage, &stop.body).await;
    assert!(begun.elapsed() < Duration::from_secs(11));
    assert!(after <= CONFIRMED, "{after} ms");
    figure(
        "an_emergency_stop_holds_within_its_time_and_says_so",
        &format!("every worker had confirmed it after {after} ms"),
    );
    second.notify_one();
    let rest = rest(stream).await;
    assert!(!rest.contains("Thistlewood"), "{rest}");

    // Nothing is asked or released meanwhile, and masked answers go on.
    let refused = stage.ask("/bulk/other.ndjson", "name", 5).send().await;
    assert_eq!(
        problem(&refused.expect("an answer")),
        (403, "releases-stopped".into())
    );
    // Another person resumes.
    let path = format!("/v1/stops/{}/resume", text(&stop.body["id"]));
    let same = reviewer.post(&path, &json!({})).await.expect("an answer");
    assert_eq!(same.status, 403);
    let other = stage.reviewer(PERSON).post(&path, &json!({})).await;
    assert_eq!(other.expect("an answer").status, 200);
    let (stream, _) = released(&stage).await;
    second.notify_one();
    assert!(self::rest(stream).await.contains("Thistlewood"));
}

#[tokio::test]
async fn without_the_service_a_release_ends_with_its_lease() {
    let (mut stage, second) = stage().await;
    let (stream, _) = released(&stage).await;
    stage.service.stop();
    tokio::time::sleep(Duration::from_secs(11)).await;
    second.notify_one();
    let rest = rest(stream).await;
    assert!(!rest.contains("Thistlewood"), "{rest}");
}

#[tokio::test]
async fn a_request_that_is_held_learns_of_the_stop() {
    let (stage, _) = stage().await;
    let call = stage
        .agent("GET", "/bulk/patients.ndjson")
        .header("prefer", "wait=30");
    let begun = Instant::now();
    let reviewer = stage.reviewer(REVIEWER);
    let answer = stage
        .while_waiting(call, |_| async move {
            let body = json!({"scope": {"kind": "action", "name": "bulk-file"}});
            let stop = reviewer.post("/v1/stops", &body).await.expect("an answer");
            assert_eq!(stop.status, 201, "{}", stop.body);
        })
        .await;
    assert_eq!(problem(&answer), (403, "releases-stopped".into()));
    assert!(begun.elapsed() < Duration::from_secs(10));
}
