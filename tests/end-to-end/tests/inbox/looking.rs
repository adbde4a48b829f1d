//! What pages show: all that somebody else wrote, as text and as nothing else.

use serde_json::json;
use velum_end_to_end::stage::figure;
use velum_engine::Class;
use velum_harness::{Browser, BrowserOptions, Client};

use crate::filled::{Filled, SIZES, hinders_nobody};
use crate::kit::{Asked, asked, assert_quiet, signed_in, stage, stage_with, vote};

/// What has been written into other people's pages.
const CORPUS: &[&str] = &[
    "<script>hit()</script>",
    "\"><img src=x onerror=hit()>",
    "'-hit()-'",
    "javascript:hit()",
    "</title><script>hit()</script>",
    "</textarea></select><svg/onload=hit()>",
    "\"><a href=\"javascript:hit()\">open</a>",
    "\" autofocus onfocus=hit() x=\"",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button>Approve</button>",
    "<iframe srcdoc=\"<script>parent.hit()</script>\">",
    "<style>*{display:none}</style>",
    "<template><script>hit()</script></template>",
    "<!--",
    "-->",
    "<![CDATA[",
    "{{ shell.token() }}{% raw %}",
    "&lt;script&gt;hit()&lt;/script&gt;",
    "invoice\u{202e}fdp.exe",
    "\u{2066}approved by grace\u{2069}",
    "a\u{200b}b\u{feff}",
];

/// An ask that has this text in every field that a requester or a gateway writes.
fn written(number: u8, text: &str) -> Asked {
    let mut ask = Asked::new(number, &[Class::Name, Class::Date]);
    ask.method = text.chars().take(16).collect();
    text.clone_into(&mut ask.authority);
    ask.path = format!("/{text}");
    text.clone_into(&mut ask.query);
    ask.reason = Some(text.to_owned());
    ask
}

/// Elements that no page of ours has among what others wrote.
const FOREIGN: &str = "return document.querySelectorAll('main script:not([src^=\"/assets/\"]), main img, main iframe, \
     main :not(.chart) > svg, main style, main template, base, meta[http-equiv], main [autofocus], \
     main [onfocus], main a[href^=javascript], main form[action]:not([action^=\"/\"]), main form[action^=\"//\"]').length";

#[tokio::test]
async fn what_requesters_write_stays_text_in_every_field() {
    let stage = stage_with(
        1,
        "[limits]\npending_per_principal = 100\nasks_per_minute = 1000\n",
    )
    .await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    browser
        .wait_until("!document.getElementById('live').hidden")
        .await
        .unwrap();
    let mut ids = Vec::new();
    for (number, payload) in (1..).zip(CORPUS) {
        ids.push(asked(&stage, &written(number, payload)).await);
    }
    // Put in by the script first, and rendered by the server then.
    let all = format!(
        "document.querySelectorAll('article.card').length === {}",
        CORPUS.len()
    );
    browser.wait_until(&all).await.unwrap();
    for round in ["live", "loaded"] {
        assert_eq!(browser.run(FOREIGN).await.unwrap(), 0, "{round}");
        assert_quiet(&browser).await;
        browser.open(&stage.service.url()).await.unwrap();
    }
    for (payload, id) in CORPUS.iter().zip(&ids) {
        let page = format!("{}/approvals/{id}", stage.service.url());
        browser.open(&page).await.unwrap();
        assert_eq!(browser.run(FOREIGN).await.unwrap(), 0, "{payload}");
        // Of a route only what the policy names is kept; the reason is as it was written.
        let sheet = browser.text("#sheet").await.unwrap();
        assert!(
            !sheet.contains(['\u{202e}', '\u{2066}', '\u{200b}']),
            "{sheet}"
        );
        if payload.is_ascii() && !payload.contains("  ") {
            assert!(sheet.contains(payload), "{payload}: {sheet}");
        } else {
            assert!(sheet.contains("U+"), "{payload}: {sheet}");
        }
    }
    assert_quiet(&browser).await;
    figure(
        "what_requesters_write_stays_text_in_every_field",
        &format!(
            "{} strings in 5 fields, put in by the script and by the server: nothing ran, nothing was refused by a policy",
            CORPUS.len()
        ),
    );
}

#[tokio::test]
async fn what_has_no_room_on_a_card_is_approved_on_its_page_only() {
    let stage = stage(1).await;
    let long = "x".repeat(400);
    let mut ask = written(1, "discharge summary");
    ask.reason = Some(long.clone());
    let id = asked(&stage, &ask).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    assert_eq!(browser.count("article.card button").await.unwrap(), 0);
    let card = browser.text("article.card").await.unwrap();
    assert!(
        card.contains("… cut") && card.contains("Read all to approve"),
        "{card}"
    );
    browser.click("article.card [data-key=a]").await.unwrap();
    browser.wait_for("#approve").await.unwrap();
    assert!(browser.url().await.unwrap().contains(&id));
    let sheet = browser.text("#sheet").await.unwrap();
    assert!(sheet.contains(&long) && !sheet.contains("… cut"), "{sheet}");
}

#[tokio::test]
async fn a_client_without_a_session_sees_no_page() {
    let stage = stage(1).await;
    let id = asked(&stage, &written(1, "heliotrope")).await;
    let client = Client::new(stage.service.address());
    let bearer = stage.service.reviewer_token("grace").expect("a token");
    for path in ["/", "/inbox/changes", &format!("/approvals/{id}")] {
        for call in [client.get(path), client.get(path).bearer(bearer)] {
            let answer = call.send().await.expect("an answer");
            assert_eq!(answer.status, 303, "{path}");
            let location = answer.header("location").unwrap_or_default();
            assert!(location.starts_with("/sign-in?next="), "{location}");
            assert!(!answer.text().contains("heliotrope"), "{path}");
        }
    }
    // A form without one is refused, and so is one by GET.
    let path = format!("/approvals/{id}/approve");
    let posted = client
        .call("POST", &path)
        .bearer(bearer)
        .json(&json!({"version": 1}));
    assert_eq!(posted.send().await.expect("an answer").status, 401);
    let got = client.get(&format!("{path}?version=1")).bearer(bearer);
    assert_eq!(got.send().await.expect("an answer").status, 405);
    assert_eq!(
        stage.reviewer("grace").show(&id).await.unwrap().body["state"],
        "pending"
    );
}

/// Whether a text stands in another as it is: the browser's own text has no two spaces beside one another.
fn is_shown(text: &str) -> bool {
    text.is_ascii() && !text.contains("  ")
}

#[tokio::test]
async fn whatever_stands_in_the_store_stays_text_on_every_page() {
    let mut filled = Filled::with(CORPUS).await;
    filled.overwrite().await;
    let browser = signed_in(&filled.stage, "grace", BrowserOptions::default()).await;
    let stranger = Browser::start(BrowserOptions::default()).await.unwrap();
    let mut looked_at = 0;
    for (browser, access) in [(&browser, "session"), (&stranger, "public")] {
        for address in filled.addresses(access) {
            browser.open(&address).await.unwrap();
            assert_eq!(browser.run(FOREIGN).await.unwrap(), 0, "{address}");
            let complaints = browser.complaints().await.unwrap();
            assert_eq!(complaints, Vec::<String>::new(), "{address}");
            looked_at += 1;
        }
    }
    let url = filled.stage.service.url();
    for (text, id) in &filled.written {
        browser
            .open(&format!("{url}/approvals/{id}"))
            .await
            .unwrap();
        let sheet = browser.text("#sheet").await.unwrap();
        assert!(
            !sheet.contains(['\u{202e}', '\u{2066}', '\u{200b}']),
            "{sheet}"
        );
        // Method, authority, path, query and reason at least.
        let times = sheet.matches(text.as_str()).count();
        assert!(
            !is_shown(text) || times >= 5,
            "{times} times {text}: {sheet}"
        );
        assert!(is_shown(text) || sheet.contains("U+"), "{text}: {sheet}");
    }
    // What was written for others has come to where it is read.
    for (path, least) in [("/stops", CORPUS.len()), ("/emergencies", CORPUS.len() / 2)] {
        browser.open(&format!("{url}{path}")).await.unwrap();
        let page = browser.text("main").await.unwrap();
        let shown = CORPUS.iter().filter(|text| is_shown(text));
        let shown = shown.filter(|text| page.contains(**text)).count();
        assert!(shown >= least.min(10), "{path}: {shown}");
    }
    figure(
        "whatever_stands_in_the_store_stays_text_on_every_page",
        &format!(
            "{} strings in the columns and fields of others, {looked_at} addresses of every page: nothing ran, \
             nothing was refused by a policy",
            CORPUS.len()
        ),
    );
}

/// What people write when they mean no harm.
const PLAIN: &[&str] = &[
    "discharge summary for the transfer to ward 4",
    "weekly list of open follow-ups; names and birth dates are needed to call people back",
    "reconcile lab results with the registry",
    "known to me: the night shift has asked for it",
    "\u{202e}ecnalubma rof\u{202c} handover of the night shift",
    "two of them would do",
    "a referral that somebody waits for",
    "the ward's own list",
];

#[tokio::test]
async fn no_page_hinders_anybody() {
    let filled = Filled::with(PLAIN).await;
    let grace = signed_in(&filled.stage, "grace", BrowserOptions::default()).await;
    let nora = signed_in(&filled.stage, "nora", BrowserOptions::default()).await;
    let stranger = Browser::start(BrowserOptions::default()).await.unwrap();
    let url = filled.stage.service.url();
    let withheld = filled.addresses("session").into_iter();
    let withheld: Vec<_> = withheld
        .filter(|it| it.starts_with(&format!("{url}/approvals/")) || it.ends_with("?others=true"))
        .take(4)
        .collect();
    let mut looked_at = 0;
    for (browser, addresses) in [
        (&grace, filled.addresses("session")),
        (&nora, withheld),
        (&stranger, filled.addresses("public")),
    ] {
        for address in addresses {
            browser.open(&address).await.unwrap();
            hinders_nobody(browser, &address).await;
            looked_at += 1;
        }
    }
    // What is there is there: approved too fast, an access and a stop that are open.
    for (path, selector) in [
        ("/activity", "[aria-label='Approved too fast']"),
        ("/stops", ".stop .ok, .stop .warn"),
        ("/emergencies", ".stop .warn"),
        ("/grants", "main table tbody tr"),
    ] {
        grace.open(&format!("{url}{path}")).await.unwrap();
        assert!(
            grace.count(selector).await.unwrap() > 0,
            "{path} {selector}"
        );
    }
    // What only comes of a form: a yes that came too late, and the end.
    let page = format!("{url}/approvals/{}", filled.waits);
    grace.open(&page).await.unwrap();
    grace
        .wait_until("!document.getElementById('live').hidden")
        .await
        .unwrap();
    vote(&filled.stage, "omar", &filled.waits, "question").await;
    grace
        .wait_until("!document.getElementById('news').hidden")
        .await
        .unwrap();
    grace
        .run("document.querySelector('#approve button').disabled = false")
        .await
        .unwrap();
    grace.click("#approve button").await.unwrap();
    grace.wait_for(".notice.bad").await.unwrap();
    hinders_nobody(&grace, "a form that was too late").await;
    grace
        .click("form[action='/sign-out'] button")
        .await
        .unwrap();
    grace
        .wait_until("document.body.textContent.includes('You have signed out')")
        .await
        .unwrap();
    hinders_nobody(&grace, "the end").await;
    figure(
        "no_page_hinders_anybody",
        &format!(
            "{} views of every page, {} widths, 2 themes: 0 violations",
            looked_at + 2,
            SIZES.len()
        ),
    );
}
