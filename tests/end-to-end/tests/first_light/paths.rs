use velum_end_to_end::stage::{Stage, problem};

#[tokio::test]
async fn a_path_that_could_mean_another_is_refused_where_an_action_reviews() {
    let stage = Stage::with_patients().await;
    for path in [
        "/Patient/%24purge",
        "//Patient/p1",
        "/Patient//p1",
        "/Patient/p1;x=1",
        "/Patient/%2570",
        "/Patient/a%2fb",
        "/Patient/a%5cb",
        "/Patient/%00",
    ] {
        let answer = stage.agent("GET", path).send().await.expect("an answer");
        assert_eq!(problem(&answer), (400, "ambiguous-path".into()), "{path}");
    }
    assert!(
        stage.upstream.received().is_empty(),
        "the upstream saw none of them"
    );
    let plain = stage
        .agent("GET", "/Patient/p1?name=a%20b")
        .send()
        .await
        .expect("an answer");
    assert_eq!(plain.status, 200);
}

#[tokio::test]
async fn another_spelling_of_a_reviewed_path_is_reviewed() {
    let stage = Stage::with_patients().await;
    for path in ["/x/../bulk/Patient.ndjson", "/./bulk/Patient.ndjson"] {
        let answer = stage.agent("GET", path).send().await.expect("an answer");
        let (status, code) = problem(&answer);
        let refused = (status, code.as_str()) == (400, "ambiguous-path");
        assert!(
            refused || (status, code.as_str()) == (403, "approval-required"),
            "{path}: {code}"
        );
    }
    assert!(stage.upstream.received().is_empty());
}

#[tokio::test]
async fn a_method_override_does_not_slip_past_a_review() {
    let stage = Stage::with_patients().await;
    let answer = stage
        .agent("GET", "/Patient/p1")
        .header("x-http-method-override", "DELETE");
    let answer = answer.send().await.expect("an answer");
    assert_eq!(problem(&answer), (400, "method-override".into()));
    assert!(stage.upstream.received().is_empty());
}
