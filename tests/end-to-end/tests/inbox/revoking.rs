//! Taking back what is being released, from its page.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use velum_end_to_end::stage::patient;
use velum_harness::{BrowserOptions, Framing, Reply, ResponseStream, Step};

use crate::kit::{assert_quiet, signed_in, stage_of, waiting};

async fn read_line(stream: &mut ResponseStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.extend(stream.next().await.expect("a line"));
    }
    String::from_utf8(line).expect("text")
}

#[tokio::test]
async fn what_is_revoked_on_its_page_is_masked_from_then_on() {
    let second = Arc::new(Notify::new());
    let gate = Arc::clone(&second);
    let stage = stage_of(move |_| {
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
    .await;
    let call = stage
        .agent("GET", "/bulk/patients.ndjson")
        .header("velum-lift", "name")
        .header("prefer", "wait=60");
    let asking = tokio::spawn(call.stream());
    let id = waiting(&stage).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    let path = format!("{}/approvals/{id}", stage.service.url());
    browser.open(&path).await.unwrap();
    browser.click("#approve button").await.unwrap();
    let mut stream = asking.await.expect("a task").expect("an answer");
    let first = read_line(&mut stream).await;
    assert!(first.contains("Thistlewood"), "{first}");
    // The answer is on its way, and its page says that it can be taken back.
    browser.open(&path).await.unwrap();
    browser.click("details:has(#revoke) summary").await.unwrap();
    browser
        .fill("#revoke input[name=comment]", "the wrong ward")
        .await
        .unwrap();
    browser.click("#revoke button").await.unwrap();
    browser.wait_for(".state.revoked").await.unwrap();
    // The page of stops says when every worker keeps to it.
    let stops = format!("{}/stops", stage.service.url());
    let held = async {
        loop {
            browser.open(&stops).await.unwrap();
            if browser.count(".stop .ok").await.unwrap() > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let held = tokio::time::timeout(Duration::from_secs(15), held).await;
    held.expect("it holds within 10 seconds");
    second.notify_one();
    let rest = read_line(&mut stream).await;
    assert!(!rest.contains("Thistlewood"), "{rest}");
    serde_json::from_str::<serde_json::Value>(&rest).expect("still JSON");
    while stream.next().await.is_some() {}
    assert!(stream.complete, "the body is whole");
    assert_quiet(&browser).await;
}
