//! Deciding: what is clicked is what happens, and nothing else does.

use velum_end_to_end::stage::problem;
use velum_harness::{Browser, BrowserOptions, Key};

use crate::kit::{assert_quiet, held, signed_in, stage, vote, waiting};

#[tokio::test]
async fn a_held_request_appears_by_itself_and_the_caller_gets_exactly_what_was_approved() {
    let stage = stage(1).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    browser
        .wait_until("!document.getElementById('live').hidden")
        .await
        .expect("a stream");
    assert_eq!(browser.count("article.card").await.unwrap(), 0);
    let call = held(&stage, "name,date");
    browser
        .wait_for("article.card")
        .await
        .expect("it appears by itself");
    let card = browser.text("article.card").await.unwrap();
    for part in [
        "read",
        "triage-bot",
        "dr-jones",
        "GET",
        "discharge summary",
        "name",
        "date",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
    browser.click("article.card h2 a").await.unwrap();
    browser.wait_for("#sheet").await.unwrap();
    browser.click("details:has(#less) summary").await.unwrap();
    browser.click("#less input[value=date]").await.unwrap();
    browser.click("#less button").await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    assert!(!answer.text().contains("1971-04-09"), "{}", answer.text());
    browser
        .wait_until("document.body.textContent.includes('used the grant for the caller')")
        .await
        .unwrap();
    assert_quiet(&browser).await;
}

#[tokio::test]
async fn one_click_on_the_list_approves_all_that_was_asked() {
    let stage = stage(1).await;
    let call = held(&stage, "name,date");
    let id = waiting(&stage).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    browser.click("article.card button.primary").await.unwrap();
    let answer = call.await.unwrap();
    assert!(answer.text().contains("Thistlewood") && answer.text().contains("1971-04-09"));
    browser.wait_for(".notice.good").await.unwrap();
    assert!(
        browser
            .url()
            .await
            .unwrap()
            .ends_with(&format!("/?done={id}"))
    );
    assert_eq!(browser.count("article.card").await.unwrap(), 0);
    assert_quiet(&browser).await;
}

#[tokio::test]
async fn a_denial_tells_the_caller_what_was_chosen_and_added() {
    let stage = stage(1).await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    // The list's own link opens the form.
    browser.click("article.card [data-key=d]").await.unwrap();
    browser
        .wait_until("document.querySelector('details:has(#deny)')?.open")
        .await
        .unwrap();
    browser.click("#deny option:nth-child(2)").await.unwrap();
    browser
        .fill("#deny textarea", "Two would do.\nThanks")
        .await
        .unwrap();
    browser.click("#deny button").await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(problem(&answer), (403, "approval-denied".to_owned()));
    let told = "Ask for fewer classes: this is more than the task needs. Two would do. Thanks";
    assert!(answer.text().contains(told), "{}", answer.text());
    browser.wait_for(".state.denied").await.unwrap();
    assert!(
        browser
            .url()
            .await
            .unwrap()
            .ends_with(&format!("/approvals/{id}"))
    );
    assert_quiet(&browser).await;
}

#[tokio::test]
async fn a_stale_page_decides_nothing_and_says_what_is_new() {
    let stage = stage(2).await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    let path = format!("{}/approvals/{id}", stage.service.url());
    // Live, the page itself takes its buttons away.
    browser.open(&path).await.unwrap();
    browser
        .wait_until("!document.getElementById('live').hidden")
        .await
        .unwrap();
    vote(&stage, "omar", &id, "approve").await;
    browser
        .wait_until("document.querySelector('#approve button').disabled")
        .await
        .unwrap();
    browser
        .wait_until("!document.getElementById('news').hidden")
        .await
        .unwrap();
    // Without that, the server refuses.
    browser
        .run("document.querySelector('#approve button').disabled = false")
        .await
        .unwrap();
    browser.click("#approve button").await.unwrap();
    browser.wait_for(".notice.bad").await.unwrap();
    let new = browser.text(".story .new").await.unwrap();
    assert!(new.contains("omar approved"), "{new}");
    assert_eq!(
        stage.reviewer("grace").show(&id).await.unwrap().body["state"],
        "pending"
    );
    // What is shown now can be decided.
    browser.click("#approve button").await.unwrap();
    assert!(call.await.unwrap().text().contains("Thistlewood"));
}

#[tokio::test]
async fn two_people_have_to_agree_and_one_may_take_it_back() {
    let stage = stage(2).await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    let path = format!("{}/approvals/{id}", stage.service.url());
    for _ in 0..2 {
        browser.open(&path).await.unwrap();
        browser.click("#approve button").await.unwrap();
        browser.wait_for("form[action$=take-back]").await.unwrap();
        let verdict = browser.text(".verdict").await.unwrap();
        assert!(
            verdict.contains("1 of 2 different people agreed"),
            "{verdict}"
        );
        browser
            .click("form[action$=take-back] button")
            .await
            .unwrap();
        browser.wait_for("#approve").await.unwrap();
    }
    browser.click("#approve button").await.unwrap();
    browser.wait_for("form[action$=take-back]").await.unwrap();
    vote(&stage, "omar", &id, "approve").await;
    assert!(call.await.unwrap().text().contains("Thistlewood"));
}

#[tokio::test]
async fn two_reviewers_agree_each_on_their_own_page() {
    let stage = stage(2).await;
    let call = held(&stage, "name,date");
    let id = waiting(&stage).await;
    let grace = signed_in(&stage, "grace", BrowserOptions::default()).await;
    let omar = signed_in(&stage, "omar", BrowserOptions::default()).await;
    grace.click("article.card button.primary").await.unwrap();
    grace.wait_for(".notice.good").await.unwrap();
    assert_eq!(
        stage.reviewer("grace").show(&id).await.unwrap().body["state"],
        "pending"
    );
    // What he had before him is not what is there now: he looks again, and agrees to less.
    omar.wait_for("article.card.stale").await.unwrap();
    omar.click("article.card .changed a").await.unwrap();
    let verdict = omar.text(".verdict").await.unwrap();
    assert!(
        verdict.contains("1 of 2 different people agreed"),
        "{verdict}"
    );
    omar.click("details:has(#less) summary").await.unwrap();
    omar.click("#less input[value=date]").await.unwrap();
    omar.click("#less button").await.unwrap();
    // What both agreed to, and no more.
    let answer = call.await.unwrap();
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    assert!(!answer.text().contains("1971-04-09"), "{}", answer.text());
    let path = format!("{}/approvals/{id}", stage.service.url());
    grace.open(&path).await.unwrap();
    grace
        .wait_until("document.body.textContent.includes('used the grant for the caller')")
        .await
        .unwrap();
    for browser in [&grace, &omar] {
        assert_quiet(browser).await;
    }
}

#[tokio::test]
async fn who_is_behind_a_request_sees_it_and_cannot_decide() {
    let stage = stage(1).await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = signed_in(&stage, "dr-jones", BrowserOptions::default()).await;
    assert_eq!(browser.count("article.card").await.unwrap(), 0);
    browser.click(".tabs li:nth-child(2) a").await.unwrap();
    browser.wait_for("article.card").await.unwrap();
    assert_eq!(browser.count("article.card button").await.unwrap(), 0);
    browser.click("article.card h2 a").await.unwrap();
    let verdict = browser.text(".verdict").await.unwrap();
    assert!(verdict.contains("You are behind this request"), "{verdict}");
    // Stopping whoever asks is anybody's.
    let forms = ".verdict form:not(#stop)";
    assert_eq!(browser.count(forms).await.unwrap(), 0);
    // A form of another's page, sent with the own session.
    let sent = browser
        .run_to_the_end(&format!(
            "const done = arguments[0];
             const body = new URLSearchParams({{version: '1', form_token:
                 document.querySelector('[name=form_token]').value}});
             fetch('/approvals/{id}/approve', {{method: 'POST', body}}).then((it) => done(it.status))"
        ))
        .await
        .unwrap();
    assert_eq!(sent, 403);
    vote(&stage, "grace", &id, "approve").await;
    assert_eq!(call.await.unwrap().status, 200);
}

#[tokio::test]
async fn the_keyboard_alone_decides() {
    let stage = stage(1).await;
    let call = held(&stage, "name");
    waiting(&stage).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    browser.keys("?").await.unwrap();
    browser
        .wait_until("document.getElementById('keys').open")
        .await
        .unwrap();
    browser.press(Key::Escape).await.unwrap();
    browser
        .wait_until("!document.getElementById('keys').open")
        .await
        .unwrap();
    browser.keys("j").await.unwrap();
    browser.press(Key::Enter).await.unwrap();
    browser.wait_for("#sheet").await.unwrap();
    browser.keys("a").await.unwrap();
    browser.press(Key::Enter).await.unwrap();
    assert!(call.await.unwrap().text().contains("Thistlewood"));
    assert_quiet(&browser).await;
}

/// Goes on by `Tab` until this has the focus.
async fn tab_to(browser: &Browser, selector: &str) {
    for _ in 0..60 {
        browser.press(Key::Tab).await.unwrap();
        let is_there = format!("return document.activeElement.matches({selector:?})");
        if browser.run(&is_there).await.unwrap() == true {
            return;
        }
    }
    panic!("{selector} cannot be reached by the keyboard");
}

#[tokio::test]
async fn a_whole_decision_needs_no_pointer_from_signing_in_to_signing_out() {
    let stage = stage(1).await;
    let call = held(&stage, "name,date");
    let id = waiting(&stage).await;
    let browser = Browser::start(BrowserOptions::default()).await.unwrap();
    browser
        .open(stage.service.link("grace").unwrap())
        .await
        .unwrap();
    tab_to(&browser, "form button").await;
    browser.press(Key::Enter).await.unwrap();
    browser.wait_for("#queue").await.unwrap();
    tab_to(&browser, "article.card h2 a").await;
    browser.press(Key::Enter).await.unwrap();
    browser.wait_for("#sheet").await.unwrap();
    // What is folded away opens, and what is ticked is not ticked any more.
    tab_to(&browser, "details:has(#less) summary").await;
    browser.keys(" ").await.unwrap();
    tab_to(&browser, "#less input[value=date]").await;
    browser.keys(" ").await.unwrap();
    tab_to(&browser, "#less button").await;
    browser.press(Key::Enter).await.unwrap();
    let answer = call.await.unwrap();
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    assert!(!answer.text().contains("1971-04-09"), "{}", answer.text());
    // The next one is denied, by the keys of the page.
    let call = held(&stage, "name");
    let next = waiting(&stage).await;
    assert_ne!(next, id);
    browser.keys("u").await.unwrap();
    browser.wait_for("article.card").await.unwrap();
    browser.keys("jd").await.unwrap();
    browser.wait_for("#deny").await.unwrap();
    browser.keys("d").await.unwrap();
    let is_at_form = "document.activeElement.closest('#deny')";
    browser.wait_until(is_at_form).await.unwrap();
    tab_to(&browser, "#deny textarea").await;
    browser.keys("Not now").await.unwrap();
    tab_to(&browser, "#deny button").await;
    browser.press(Key::Enter).await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(problem(&answer), (403, "approval-denied".to_owned()));
    assert!(answer.text().contains("Not now"), "{}", answer.text());
    browser.wait_for(".state.denied").await.unwrap();
    tab_to(&browser, "form[action='/sign-out'] button").await;
    browser.press(Key::Enter).await.unwrap();
    browser
        .wait_until("document.body.textContent.includes('You have signed out')")
        .await
        .unwrap();
}

#[tokio::test]
async fn denying_and_taking_back_need_no_script() {
    let stage = stage(2).await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let options = BrowserOptions {
        scripts: false,
        ..BrowserOptions::default()
    };
    let browser = signed_in(&stage, "grace", options).await;
    browser.click("article.card button.primary").await.unwrap();
    browser.wait_for(".notice.good a").await.unwrap();
    browser.click(".notice.good a").await.unwrap();
    browser
        .click("form[action$=take-back] button")
        .await
        .unwrap();
    browser.wait_for("#approve").await.unwrap();
    browser.click("details:has(#deny) summary").await.unwrap();
    browser
        .fill("#deny textarea", "Two would do.")
        .await
        .unwrap();
    browser.click("#deny button").await.unwrap();
    browser.wait_for(".state.denied").await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(problem(&answer), (403, "approval-denied".to_owned()));
    assert!(answer.text().contains("Two would do."), "{}", answer.text());
    let shown = stage.reviewer("grace").show(&id).await.unwrap().body;
    assert_eq!(shown["votes"].as_array().map(Vec::len), Some(3), "{shown}");
}

#[tokio::test]
async fn deciding_needs_no_script() {
    let stage = stage(1).await;
    let call = held(&stage, "name,date");
    waiting(&stage).await;
    let options = BrowserOptions {
        scripts: false,
        ..BrowserOptions::default()
    };
    let browser = signed_in(&stage, "grace", options).await;
    browser.click("article.card h2 a").await.unwrap();
    browser.wait_for("#sheet").await.unwrap();
    browser.click("details:has(#less) summary").await.unwrap();
    browser.click("#less input[value=name]").await.unwrap();
    browser.click("#less button").await.unwrap();
    let answer = call.await.unwrap();
    assert!(!answer.text().contains("Thistlewood"), "{}", answer.text());
    assert!(answer.text().contains("1971-04-09"), "{}", answer.text());
}
