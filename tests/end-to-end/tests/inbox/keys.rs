//! Security keys, with Chromium's own virtual authenticator: what is approved is signed.

use serde_json::json;
use velum_harness::{Authenticator, Browser, BrowserOptions};

use crate::filled::hinders_nobody;
use crate::kit::{Asked, asked, assert_quiet, held, keyed_stage, signed_in, waiting};
use velum_end_to_end::stage::{Stage, problem};
use velum_engine::Class;

/// The page of this path, by the name to which keys are bound.
fn page(stage: &Stage, path: &str) -> String {
    let port = stage.service.address().port();
    format!("http://localhost:{port}{path}")
}

/// Adds a key by the pages' own buttons.
async fn add_key(stage: &Stage, browser: &Browser) -> Authenticator {
    let authenticator = browser.add_authenticator().await.expect("an authenticator");
    browser.open(&page(stage, "/keys")).await.unwrap();
    browser
        .click("form[action='/keys/new'] button")
        .await
        .unwrap();
    browser.wait_for("#use-key:not([hidden])").await.unwrap();
    hinders_nobody(browser, "adding a key").await;
    browser.click("#use-key").await.unwrap();
    browser.wait_for("main table tbody tr").await.unwrap();
    authenticator
}

#[tokio::test]
async fn a_key_is_added_and_signs_what_is_approved() {
    let stage = keyed_stage().await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    let authenticator = add_key(&stage, &browser).await;
    let call = held(&stage, "name,date");
    let id = waiting(&stage).await;
    browser.open(&page(&stage, "/")).await.unwrap();
    browser.click("article.card button.primary").await.unwrap();
    browser.wait_for("#use-key:not([hidden])").await.unwrap();
    let asked = browser.text("#sheet").await.unwrap();
    assert!(asked.contains("name, date, all that was asked"), "{asked}");
    // All that is signed, and nothing that would have to be looked up elsewhere.
    for part in [
        "triage-bot",
        "dr-jones",
        "GET 127.0.0.1/",
        "/{…}/{…}",
        "discharge summary",
        "grace",
    ] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    hinders_nobody(&browser, "signing").await;
    // A key that cannot make sure who is there signs nothing.
    authenticator.set_verified(&browser, false).await.unwrap();
    browser.click("#use-key").await.unwrap();
    browser.wait_for("#key-fault:not([hidden])").await.unwrap();
    assert_eq!(
        stage.reviewer("grace").show(&id).await.unwrap().body["state"],
        "pending"
    );
    authenticator.set_verified(&browser, true).await.unwrap();
    browser.click("#use-key").await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("Thistlewood") && answer.text().contains("1971-04-09"));
    browser.wait_for(".notice.good").await.unwrap();
    let log = stage
        .reviewer("grace")
        .get("/v1/audit?limit=1000")
        .await
        .unwrap()
        .body;
    let leaves = log["entries"].as_array().unwrap();
    let of = |code: &str| {
        let found = leaves
            .iter()
            .find(|entry| entry["leaf"]["data"]["code"] == code);
        found.unwrap_or_else(|| panic!("{code}: {log}"))["leaf"]["data"].clone()
    };
    let (added, voted) = (of("VA1901I"), of("VA1111I"));
    assert_eq!(added["credential"]["origin"], json!(page(&stage, "")));
    assert_eq!(
        voted["vote"]["assertion"]["credential"],
        added["credential"]["id"]
    );
    // Read again from its first record on, the log verifies what Chromium has signed.
    let mut replay = velum_approval::replay::Replay::default();
    for (index, entry) in (0..).zip(leaves) {
        replay.leaf(index, &serde_json::to_vec(&entry["leaf"]).unwrap());
    }
    let report = replay.finish();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_quiet(&browser).await;
}

#[tokio::test]
async fn what_changes_between_the_challenge_and_the_answer_is_not_approved() {
    let stage = keyed_stage().await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    add_key(&stage, &browser).await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    browser
        .open(&page(&stage, &format!("/approvals/{id}")))
        .await
        .unwrap();
    browser.click("#approve button").await.unwrap();
    browser.wait_for("#use-key:not([hidden])").await.unwrap();
    // Nothing tells this page that the approval has changed; its script misses what is taken from it for that.
    browser.expect("reading 'dataset'");
    browser
        .command(
            "Network.setBlockedURLs",
            &json!({"urls": ["*/inbox/changes"]}),
        )
        .await
        .unwrap();
    browser.command("Network.enable", &json!({})).await.unwrap();
    browser
        .run("document.getElementById('sheet').removeAttribute('data-id'); document.getElementById('sheet').id = 'gone'")
        .await
        .unwrap();
    let path = format!("/v1/approvals/{id}/question");
    let asked = stage
        .reviewer("omar")
        .post(&path, &json!({}))
        .await
        .unwrap();
    assert_eq!(asked.status, 200, "{}", asked.body);
    browser.click("#use-key").await.unwrap();
    browser
        .wait_until("document.querySelector('.notice.bad')?.textContent.includes('has changed')")
        .await
        .unwrap();
    let shown = stage.reviewer("grace").show(&id).await.unwrap().body;
    assert_eq!(
        (&shown["state"], &shown["votes"]),
        (&json!("pending"), &json!([]))
    );
    let denied = stage
        .reviewer("omar")
        .post(&format!("/v1/approvals/{id}/deny"), &json!({}))
        .await;
    assert_eq!(denied.unwrap().status, 200);
    assert_eq!(
        problem(&call.await.unwrap()),
        (403, "approval-denied".to_owned())
    );
}

#[tokio::test]
async fn without_script_such_an_action_is_denied_but_not_approved() {
    let stage = keyed_stage().await;
    let options = BrowserOptions {
        scripts: false,
        ..BrowserOptions::default()
    };
    let id = asked(&stage, &Asked::new(1, &[Class::Name])).await;
    let browser = signed_in(&stage, "grace", options).await;
    browser
        .open(&page(&stage, &format!("/approvals/{id}")))
        .await
        .unwrap();
    browser.click("#approve button").await.unwrap();
    browser.wait_for("[aria-label=Signature]").await.unwrap();
    let text = browser.text("main").await.unwrap();
    assert!(text.contains("You have no security key"), "{text}");
    browser.open(&page(&stage, "/keys")).await.unwrap();
    browser
        .click("form[action='/keys/new'] button")
        .await
        .unwrap();
    browser.wait_for("#key").await.unwrap();
    let text = browser.text("main").await.unwrap();
    assert!(text.contains("Here scripts are off"), "{text}");
    browser
        .open(&page(&stage, &format!("/approvals/{id}")))
        .await
        .unwrap();
    browser.click("details:has(#deny) summary").await.unwrap();
    browser.click("#deny button").await.unwrap();
    browser.wait_for(".state.denied").await.unwrap();
}

#[tokio::test]
async fn the_page_of_keys_hinders_nobody() {
    let stage = keyed_stage().await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    add_key(&stage, &browser).await;
    browser.open(&page(&stage, "/keys")).await.unwrap();
    hinders_nobody(&browser, "keys").await;
    assert_quiet(&browser).await;
}
