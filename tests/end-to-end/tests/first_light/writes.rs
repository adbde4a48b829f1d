use serde_json::json;
use velum_harness::{Reply, Step};

use velum_end_to_end::stage::{Setup, Stage, patient, patients, problem};

#[tokio::test]
async fn a_masked_name_written_back_is_refused() {
    let stage = Stage::with_patients().await;
    let shown = stage
        .agent("GET", "/Patient/p1")
        .send()
        .await
        .expect("an answer")
        .json();
    stage.upstream.forget();
    for http2 in [false, true] {
        let call = stage
            .agent("PUT", "/Patient/p1")
            .header("content-type", "application/fhir+json");
        let call = call.body(shown.to_string());
        let call = if http2 { call.http2() } else { call };
        let answer = call.send().await.expect("an answer");
        assert_eq!(
            problem(&answer),
            (422, "masked-value".into()),
            "http2: {http2}"
        );
    }
    assert!(
        stage.upstream.received().is_empty(),
        "the upstream saw nothing of it"
    );
}

#[tokio::test]
async fn a_body_in_clear_reaches_the_upstream_as_it_was_sent() {
    let stage = Stage::with_patients().await;
    let call = stage
        .agent("PUT", "/Patient/p1")
        .header("content-type", "application/fhir+json");
    let answer = call
        .body(patient().to_string())
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(
        stage.upstream.received()[0].body,
        patient().to_string().into_bytes()
    );
}

#[tokio::test]
async fn a_body_larger_than_may_be_held_is_refused() {
    let stage = Stage::with_patients().await;
    let call = stage
        .agent("POST", "/Patient")
        .header("content-type", "application/json");
    let answer = call
        .body(json!({"note": "x".repeat(3_000_000)}).to_string())
        .send()
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 413);
    assert!(stage.upstream.received().is_empty());
}

#[tokio::test]
async fn a_delete_is_reviewed_whatever_it_asks_to_lift() {
    let stage = Stage::with_patients().await;
    let delete = stage
        .agent("DELETE", "/Patient/p1")
        .header("velum-lift", "name");
    let answer = delete
        .header("prefer", "wait=1")
        .send()
        .await
        .expect("an answer");
    assert_eq!(problem(&answer), (403, "approval-required".into()));
    assert!(stage.upstream.received().is_empty(), "nothing was deleted");
    let pending = stage.pending().await;
    assert_eq!(pending["action"], "purge", "{pending}");
}

#[tokio::test]
async fn a_released_delete_happens_once_although_the_route_retries() {
    let mut setup = Setup::new(|request| {
        if request.method == "DELETE" || request.path == "/fails" {
            Reply::new(500)
                .header("content-type", "application/json")
                .whole("{}")
        } else {
            patients(request)
        }
    });
    setup.change = |options| {
        options.retry = Some(json!({"retry_on": "5xx,reset,gateway-error", "num_retries": 3}));
    };
    let stage = setup.start().await;
    // The control: the route does retry what is not reviewed.
    stage
        .agent("GET", "/fails")
        .send()
        .await
        .expect("an answer");
    assert_eq!(stage.upstream.received().len(), 4);
    let delete = stage
        .agent("DELETE", "/Patient/p1")
        .header("prefer", "wait=30");
    let answer = stage.approved(delete, None).await;
    assert_eq!(answer.status, 500);
    let deletes = stage.upstream.received();
    assert_eq!(
        deletes
            .iter()
            .filter(|request| request.method == "DELETE")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_reviewed_body_is_what_the_reviewer_released() {
    let stage = Stage::with_patients().await;
    let delete = |body: &str| {
        let call = stage
            .agent("DELETE", "/Patient/p1")
            .header("content-type", "application/json");
        call.header("prefer", "wait=1").body(body)
    };
    let first = delete("{\"cascade\":false}")
        .send()
        .await
        .expect("an answer");
    let id = first
        .header("velum-approval")
        .expect("an approval id")
        .to_owned();
    stage
        .reviewer(velum_end_to_end::stage::REVIEWER)
        .approve(&id, None)
        .await
        .expect("approve");
    let other = delete("{\"cascade\":true}")
        .header("velum-approval", &id)
        .send()
        .await;
    assert_eq!(
        problem(&other.expect("an answer")),
        (409, "approval-mismatch".into())
    );
    let same = delete("{\"cascade\":false}")
        .header("velum-approval", &id)
        .send()
        .await;
    assert_eq!(same.expect("an answer").status, 200);
    assert_eq!(stage.upstream.received()[0].body, b"{\"cascade\":false}");
}

#[tokio::test]
async fn a_request_body_sent_slowly_is_still_inspected_whole() {
    // The upstream answers at once; the filter has held the request, so there is nothing to answer.
    let stage = Setup::new(|_| {
        Reply::json(&json!({})).script(
            velum_harness::Framing::Chunked,
            [Step::Data(b"{}".to_vec())],
        )
    })
    .start()
    .await;
    let body = json!({"pad": "x".repeat(200_000), "family": "[masked:name]"}).to_string();
    let call = stage
        .agent("PATCH", "/Patient/p1")
        .header("content-type", "application/json");
    let answer = call.body(body).send().await.expect("an answer");
    assert_eq!(problem(&answer), (422, "masked-value".into()));
    assert!(stage.upstream.received().is_empty());
}
