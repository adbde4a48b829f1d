//! What is done about one requester: released in an emergency, or stopped.

use velum_end_to_end::stage::problem;
use velum_harness::BrowserOptions;

use crate::filled::hinders_nobody;
use crate::kit::{assert_quiet, held, signed_in, stage, stage_with, waiting};

const GLASS: &str =
    "[break_glass]\ngroup = \"privacy\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";

#[tokio::test]
async fn what_is_held_is_released_in_an_emergency_and_another_person_reviews_that() {
    let stage = stage_with(1, GLASS).await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let grace = signed_in(&stage, "grace", BrowserOptions::default()).await;
    let page = format!("{}/approvals/{id}", stage.service.url());
    grace.open(&page).await.unwrap();
    grace
        .click(".verdict a[href^='/emergencies']")
        .await
        .unwrap();
    grace.wait_for("#open").await.unwrap();
    let form = grace.text("#open").await.unwrap();
    assert!(
        form.contains("triage-bot") && form.contains("read"),
        "{form}"
    );
    hinders_nobody(&grace, "opening an access").await;
    grace
        .fill("#open textarea", "unconscious, no relatives")
        .await
        .unwrap();
    grace.fill("#open input[name=minutes]", "5").await.unwrap();
    grace.click("#open button").await.unwrap();
    let answer = call.await.unwrap();
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    grace.wait_for(".stop").await.unwrap();
    assert_eq!(grace.count(".stop form").await.unwrap(), 0);

    let omar = signed_in(&stage, "omar", BrowserOptions::default()).await;
    omar.click(".notice.bad a").await.unwrap();
    omar.wait_for(".stop form").await.unwrap();
    let told = omar.text(".stop").await.unwrap();
    for part in [
        "triage-bot",
        "grace",
        "unconscious, no relatives",
        "1 request released",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    hinders_nobody(&omar, "reviewing an access").await;
    omar.click(".stop input[value=true]").await.unwrap();
    omar.click(".stop form button").await.unwrap();
    omar.wait_for(".stop p.ok").await.unwrap();
    let told = omar.text(".stop").await.unwrap();
    assert!(told.contains("Justified, reviewed by omar"), "{told}");
    for browser in [&grace, &omar] {
        assert_quiet(browser).await;
    }
}

#[tokio::test]
async fn a_requester_is_stopped_from_the_page_of_a_request() {
    let stage = stage(1).await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    let page = format!("{}/approvals/{id}", stage.service.url());
    browser.open(&page).await.unwrap();
    browser.click("details:has(#stop) summary").await.unwrap();
    browser
        .fill("#stop input[name=comment]", "its token is out")
        .await
        .unwrap();
    browser.click("#stop button").await.unwrap();
    browser.wait_for(".stop").await.unwrap();
    let told = browser.text(".stop").await.unwrap();
    assert!(
        told.contains("triage-bot") && told.contains("its token is out"),
        "{told}"
    );
    let answer = call.await.unwrap();
    assert_eq!(problem(&answer), (403, "releases-stopped".to_owned()));
    // What it has asked is a click away from what it asked now.
    browser.open(&page).await.unwrap();
    browser.click("a[href^='/history?of=']").await.unwrap();
    browser.wait_for("table a").await.unwrap();
    let told = browser.text("main").await.unwrap();
    assert!(told.contains("Only what triage-bot asked"), "{told}");
    assert_quiet(&browser).await;
}
