//! Deciding: what is clicked is what happens, and nothing else does.

use serde_json::json;
use velum_end_to_end::stage::problem;
use velum_engine::Class;
use velum_harness::{Browser, BrowserOptions, Key};

use crate::doors::Doors;
use crate::kit::{Asked, ask_all, assert_quiet, held, signed_in, stage, stage_with, vote, waiting};

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
async fn among_forty_that_wait_the_one_whose_caller_waits_now_is_seen_at_once() {
    let limits = "[limits]\npending_per_principal = 100\nasks_per_minute = 1000\n";
    let stage = stage_with(1, limits).await;
    let mut ask = Asked::new(9, &[Class::Name]);
    ask.reason = Some("weekly list of open follow-ups".to_owned());
    ask_all(&stage, &ask, 40).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    browser
        .wait_until("!document.getElementById('live').hidden")
        .await
        .unwrap();
    assert_eq!(browser.count("article.card").await.unwrap(), 30);
    assert_eq!(browser.text("#more").await.unwrap(), "10");
    let call = held(&stage, "name,date");
    // The page is full, and it comes all the same; what was there stays as it is.
    browser
        .wait_for("article.card.arrived .waits")
        .await
        .unwrap();
    assert_eq!(browser.count("article.card").await.unwrap(), 31);
    assert_eq!(browser.count("article.card.stale").await.unwrap(), 0);
    assert_eq!(browser.text("#more").await.unwrap(), "10");
    assert_eq!(browser.text(".tabs b").await.unwrap(), "41");
    browser.open(&stage.service.url()).await.unwrap();
    assert_eq!(browser.count("li:first-child .waits").await.unwrap(), 1);
    assert_eq!(browser.text("#more").await.unwrap(), "11");
    browser
        .click("li:first-child button.primary")
        .await
        .unwrap();
    let answer = call.await.unwrap();
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
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
    let doors = Doors::open().await;
    let stage = doors.stage("quorum = 2").await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = doors.signed_in("grace").await;
    let path = doors.url(&format!("/approvals/{id}"));
    // Live, the page itself takes its buttons away.
    browser.open(&path).await.unwrap();
    browser
        .wait_until("!document.getElementById('live').hidden")
        .await
        .unwrap();
    // What a token says counts while the provider has just said in which groups he is.
    let _omar = doors.signed_in("omar").await;
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
    let doors = Doors::open().await;
    let stage = doors.stage("quorum = 2").await;
    let call = held(&stage, "name,date");
    let id = waiting(&stage).await;
    let grace = doors.signed_in("grace").await;
    let omar = doors.signed_in("omar").await;
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
    let path = doors.url(&format!("/approvals/{id}"));
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
    let doors = Doors::open().await;
    let stage = doors.stage("quorum = 1").await;
    let call = held(&stage, "name");
    let id = waiting(&stage).await;
    let browser = doors.signed_in("dr-jones").await;
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
    // A form that the page does not have, sent by the page's own script with the session's own token: it is refused
    // for who sends it, and not as a form of somebody else.
    let sent = browser
        .run_to_the_end(&format!(
            "const done = arguments[0];
             const body = new URLSearchParams({{version: '1', form_token:
                 document.querySelector('[name=form_token]').value}});
             fetch('/approvals/{id}/approve', {{method: 'POST', body}})
                 .then(async (it) => done([it.status, await it.text()]))"
        ))
        .await
        .unwrap();
    assert_eq!(sent[0], 403);
    let page = sent[1].as_str().unwrap();
    let why = "You are behind this request. Another person has to decide.";
    assert!(page.contains(why), "{page}");
    assert!(!page.contains("That form was not ours"), "{page}");
    let shown = stage.reviewer("grace").show(&id).await.unwrap().body;
    assert_eq!(
        (&shown["state"], &shown["votes"]),
        (&json!("pending"), &json!([]))
    );
    let _grace = doors.signed_in("grace").await;
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
    // The answer can be there before the page that says so: a key would meet the one that goes.
    let is_decided = "document.readyState === 'complete' && document.querySelector('#sheet')
                      && !document.querySelector('#less')";
    browser.wait_until(is_decided).await.unwrap();
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
