use velum_harness::Protocol;

use velum_end_to_end::stage::{Setup, assert_masked, figure, patients};

#[tokio::test]
async fn single_and_list_over_both_protocols_chunked_and_by_length() {
    let mut answers = 0;
    for upstream in [Protocol::Http1, Protocol::Http2] {
        let mut setup = Setup::new(patients);
        setup.protocol = upstream;
        let stage = setup.start().await;
        for path in [
            "/Patient/p1",
            "/Patient/p1?chunked",
            "/Patient",
            "/Patient?chunked",
        ] {
            for http2 in [false, true] {
                let call = stage.agent("GET", path);
                let call = if http2 { call.http2() } else { call };
                let answer = call.send().await.expect("an answer");
                let place = format!("{upstream:?} {path} h2={http2}");
                assert_eq!((answer.status, answer.complete), (200, true), "{place}");
                assert_masked(&answer.text());
                let body = answer.json();
                let patient = body.pointer("/entry/19/resource").unwrap_or(&body);
                assert_eq!(patient["resourceType"], "Patient", "{place}");
                assert_eq!(patient["gender"], "female", "{place}");
                assert_eq!(
                    patient["identifier"][0]["type"]["coding"][0]["code"], "MR",
                    "{place}"
                );
                assert_eq!(
                    patient["maritalStatus"]["coding"][0]["display"], "Married",
                    "{place}"
                );
                assert_eq!(patient["name"][0]["family"], "[masked:name]", "{place}");
                answers += 1;
            }
        }
    }
    figure(
        "single_and_list_over_both_protocols_chunked_and_by_length",
        &format!("{answers} answers"),
    );
}

#[tokio::test]
async fn headers_that_the_change_made_false_are_put_right() {
    let stage = Setup::new(|request| {
        patients(request)
            .header("etag", "\"strong\"")
            .header("digest", "sha-256=x")
            .header("accept-ranges", "bytes")
            .header("velum-lifted", "name")
    })
    .start()
    .await;
    let call = stage
        .agent("GET", "/Patient/p1")
        .header("accept-encoding", "gzip")
        .header("accept-encoding", "br");
    let call = call
        .header("range", "bytes=0-9")
        .header("velum-x", "1")
        .header("velum_y", "1");
    let answer = call.send().await.expect("an answer");
    assert_masked(&answer.text());
    for name in [
        "content-length",
        "etag",
        "digest",
        "accept-ranges",
        "velum-lifted",
    ] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    let seen = stage.upstream.received().remove(0);
    assert_eq!(seen.header("accept-encoding").as_deref(), Some("identity"));
    for name in ["range", "velum-x", "velum_y"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_head_request_and_an_empty_answer_pass_and_a_passed_route_is_not_inspected() {
    let stage = Setup::new(|request| match request.path.as_str() {
        "/healthz" => velum_harness::Reply::new(200)
            .header("content-type", "text/plain")
            .whole("ok"),
        "/nothing" => velum_harness::Reply::new(204),
        _ => patients(request),
    })
    .start()
    .await;
    let head = stage
        .agent("HEAD", "/Patient/p1")
        .send()
        .await
        .expect("an answer");
    assert_eq!((head.status, head.body.len()), (200, 0));
    let nothing = stage
        .agent("GET", "/nothing")
        .send()
        .await
        .expect("an answer");
    assert_eq!(nothing.status, 204);
    let health = stage
        .agent("GET", "/healthz")
        .send()
        .await
        .expect("an answer");
    assert_eq!((health.status, health.text().as_str()), (200, "ok"));
}
