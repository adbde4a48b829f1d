//! Who people are by the word of a real OpenID provider, and what that takes from them.

use serde_json::{Value, json};
use velum_end_to_end::stage::{Stage, figure};
use velum_harness::{Browser, BrowserOptions, Lie};

use crate::doors::Doors;
use crate::filled::hinders_nobody;
use crate::kit::{assert_quiet, held, records, waiting};

/// The records of this kind.
async fn of_kind(stage: &Stage, kind: &str) -> Vec<Value> {
    let mut records = records(stage).await;
    let kind = format!("org.velum.{kind}.v1");
    records.retain(|record| record["leaf"]["type"] == json!(kind));
    records
}

#[tokio::test]
async fn who_signs_in_anew_for_it_approves_exactly_that() {
    let doors = Doors::open().await;
    let stage = doors.stage("quorum = 1\nstep_up = \"fresh-login\"").await;
    let call = held(&stage, "name,date");
    let id = waiting(&stage).await;
    let browser = doors.signed_in("grace").await;
    let page = doors.url(&format!("/approvals/{id}"));
    browser.open(&page).await.unwrap();
    browser.click("details:has(#less) summary").await.unwrap();
    browser.click("#less input[value=date]").await.unwrap();
    browser
        .fill("#less input[name=comment]", "the ward is known to me")
        .await
        .unwrap();
    browser.click("#less button").await.unwrap();
    // There, although she is signed in there too.
    browser.wait_for("input[name=login]").await.unwrap();
    assert!(
        browser
            .url()
            .await
            .unwrap()
            .starts_with(doors.provider.issuer())
    );
    doors.provider.log_in(&browser, "grace").await.unwrap();
    browser.wait_for("#again").await.unwrap();
    assert_eq!(browser.url().await.unwrap(), format!("{page}/again"));
    assert_eq!(of_kind(&stage, "session.confirmed").await.len(), 1);
    assert_eq!(of_kind(&stage, "grant.issued").await.len(), 0);
    let sheet = browser.text("#sheet").await.unwrap();
    for part in [
        "You approve name",
        "triage-bot",
        "the ward is known to me",
        "127.0.0.1/",
    ] {
        assert!(sheet.contains(part), "{part}: {sheet}");
    }
    hinders_nobody(&browser, "approving what was chosen").await;
    // More than what she has signed in for asks again.
    browser.open(&page).await.unwrap();
    browser.click("#approve button").await.unwrap();
    browser.wait_for("input[name=login]").await.unwrap();
    assert_eq!(of_kind(&stage, "grant.issued").await.len(), 0);
    // What she chose last is what she comes back to; exactly what she has signed in for asks no more.
    browser.open(&format!("{page}/again")).await.unwrap();
    let sheet = browser.text("#sheet").await.unwrap();
    assert!(sheet.contains("name, date, all that was asked"), "{sheet}");
    browser.open(&page).await.unwrap();
    browser.click("details:has(#less) summary").await.unwrap();
    browser.click("#less input[value=date]").await.unwrap();
    browser.click("#less button").await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    assert!(!answer.text().contains("1971-04-09"), "{}", answer.text());
    assert_eq!(of_kind(&stage, "grant.issued").await.len(), 1);
    assert_quiet(&browser).await;
}

#[tokio::test]
async fn who_signs_in_anew_chooses_once_and_approves_it_by_one_button() {
    let doors = Doors::open().await;
    let stage = doors.stage("quorum = 1\nstep_up = \"fresh-login\"").await;
    let call = held(&stage, "name,date");
    waiting(&stage).await;
    let browser = doors.signed_in("grace").await;
    // From the list, where it is one click without that.
    browser.click("article.card h2 a").await.unwrap();
    browser.click("details:has(#less) summary").await.unwrap();
    browser.click("#less input[value=date]").await.unwrap();
    browser.click("#less button").await.unwrap();
    browser.wait_for("input[name=login]").await.unwrap();
    doors.provider.log_in(&browser, "grace").await.unwrap();
    browser.click("#again button").await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    assert!(!answer.text().contains("1971-04-09"), "{}", answer.text());
    assert_eq!(of_kind(&stage, "session.confirmed").await.len(), 1);
}

#[tokio::test]
async fn another_who_signs_in_in_her_place_confirms_nothing() {
    let doors = Doors::open().await;
    let stage = doors.stage("quorum = 1\nstep_up = \"fresh-login\"").await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = doors.signed_in("grace").await;
    browser
        .open(&doors.url(&format!("/approvals/{id}")))
        .await
        .unwrap();
    browser.click("#approve button").await.unwrap();
    browser.wait_for("input[name=login]").await.unwrap();
    doors.provider.log_in(&browser, "omar").await.unwrap();
    let told = "document.body.textContent.includes('not whose session this is')";
    browser.wait_until(told).await.unwrap();
    assert_eq!(of_kind(&stage, "session.confirmed").await.len(), 0);
    let shown = stage.reviewer("grace").show(&id).await.unwrap();
    assert_eq!(shown.body["state"], "pending");
    // Denying needs nothing more.
    browser
        .open(&doors.url(&format!("/approvals/{id}")))
        .await
        .unwrap();
    browser.click("details:has(#deny) summary").await.unwrap();
    browser.click("#deny button").await.unwrap();
    assert_eq!(call.await.unwrap().status, 403);
}

#[tokio::test]
async fn who_was_taken_out_of_the_group_since_she_signed_in_decides_nothing() {
    let doors = Doors::open().await;
    // Of her alone the directory has it.
    let stage = doors.stage("quorum = 1\ngroups = [\"privacy\"]").await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = doors.signed_in("grace").await;
    let page = doors.url(&format!("/approvals/{id}"));
    browser.open(&page).await.unwrap();
    assert_eq!(browser.count("#approve button").await.unwrap(), 1);
    doors.provider.set_groups("grace", &[]).await.unwrap();
    // The page that she has before her still has its buttons.
    browser.click("#approve button").await.unwrap();
    browser.wait_for(".notice.bad").await.unwrap();
    let shown = stage.reviewer("grace").show(&id).await.unwrap();
    assert_eq!(shown.body["state"], "pending");
    assert_eq!(shown.body["votes"], json!([]));
    assert_eq!(of_kind(&stage, "grant.issued").await.len(), 0);
    assert_eq!(browser.count("#approve button").await.unwrap(), 0);
    // She is in it again.
    doors
        .provider
        .set_groups("grace", &["Velum Privacy"])
        .await
        .unwrap();
    browser.open(&doors.url("/session")).await.unwrap();
    browser
        .click("form[action='/session/groups'] button")
        .await
        .unwrap();
    browser.wait_for("#queue").await.unwrap();
    browser.open(&page).await.unwrap();
    browser.click("#approve button").await.unwrap();
    let answer = call.await.unwrap();
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    assert_quiet(&browser).await;
}

#[tokio::test]
async fn a_provider_of_which_anything_is_not_so_signs_nobody_in() {
    let doors = Doors::open_behind_a_liar().await;
    let stage = doors.stage("quorum = 1").await;
    let liar = doors.liar.as_ref().unwrap();
    for lie in Lie::ALL {
        liar.tell(Some(lie));
        let browser = Browser::start(BrowserOptions::default()).await.unwrap();
        browser.open(&doors.url("/")).await.unwrap();
        browser.click("main a").await.unwrap();
        doors.provider.log_in(&browser, "grace").await.unwrap();
        browser
            .wait_until(
                "document.querySelector('main h1')?.textContent === 'You are not signed in'",
            )
            .await
            .unwrap();
        let told = browser.text("main").await.unwrap();
        let why = if lie == Lie::State {
            "belongs to no sign-in that this browser has begun"
        } else {
            "What the provider said cannot be believed"
        };
        assert!(told.contains(why), "{lie:?}: {told}");
        hinders_nobody(&browser, &format!("{lie:?}")).await;
        assert!(browser.cookie("__Host-velum").await.is_err(), "{lie:?}");
        browser.open(&doors.url("/")).await.unwrap();
        assert_eq!(browser.count("#queue").await.unwrap(), 0, "{lie:?}");
        assert_eq!(of_kind(&stage, "session.begun").await.len(), 0, "{lie:?}");
    }
    // The same again within a while is counted only.
    assert!(!of_kind(&stage, "session.refused").await.is_empty());
    // The same step, as long as it says what is so.
    liar.tell(None);
    let browser = doors.signed_in("grace").await;
    assert!(browser.cookie("__Host-velum").await.is_ok());
    figure(
        "a_provider_of_which_anything_is_not_so_signs_nobody_in",
        &format!(
            "{} lies of a step before npm's oidc-provider, each refused on a page that says so",
            Lie::ALL.len()
        ),
    );
}
