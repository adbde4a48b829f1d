//! What pages show: all that somebody else wrote, as text and as nothing else.

use serde_json::json;
use velum_end_to_end::stage::figure;
use velum_engine::Class;
use velum_harness::{Browser, BrowserOptions, Client};

use crate::kit::{Asked, asked, assert_quiet, signed_in, stage, stage_with};

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
const FOREIGN: &str = "return document.querySelectorAll('main script, main img, main iframe, main svg, \
     main style, main template, base, meta[http-equiv], main [autofocus], main [onfocus], \
     main a[href^=javascript], main form:not([action^=\"/\"])').length";

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

#[tokio::test]
async fn no_page_hinders_anybody() {
    let stage = stage(1).await;
    let id = asked(&stage, &written(1, "discharge summary")).await;
    let browser = signed_in(&stage, "grace", BrowserOptions::default()).await;
    let approval = format!("/approvals/{id}");
    let pages = [
        "/",
        "/?others=true",
        &approval,
        "/history",
        "/grants",
        "/history?who=triage-bot&action=read",
        "/stops",
        "/emergencies",
        "/policy",
        "/activity",
        "/audit",
        "/audit/0",
        "/session",
        "/audit/9999",
    ];
    let sizes = [(1280, 800), (820, 1100), (390, 844)];
    for is_dark in [false, true] {
        browser.prefer_dark(is_dark).await.unwrap();
        for size in sizes {
            browser.resize(size).await.unwrap();
            for path in pages {
                browser
                    .open(&format!("{}{path}", stage.service.url()))
                    .await
                    .unwrap();
                let found = browser.hindrances().await.unwrap();
                assert_eq!(
                    found,
                    Vec::<String>::new(),
                    "{path} {size:?} dark: {is_dark}"
                );
                // Nothing is beyond the edge.
                let script = "return document.documentElement.scrollWidth <= innerWidth";
                assert_eq!(browser.run(script).await.unwrap(), true, "{path} {size:?}");
            }
        }
    }
    assert_quiet(&browser).await;
    // Where nobody is signed in yet.
    let link = stage.service.link("omar").expect("a link");
    let sign_in = format!("{}/sign-in", stage.service.url());
    let stranger = Browser::start(BrowserOptions::default()).await.unwrap();
    for is_dark in [false, true] {
        stranger.prefer_dark(is_dark).await.unwrap();
        for size in sizes {
            stranger.resize(size).await.unwrap();
            for url in [link, &sign_in] {
                stranger.open(url).await.unwrap();
                let found = stranger.hindrances().await.unwrap();
                assert_eq!(found, Vec::<String>::new(), "{size:?} dark: {is_dark}");
            }
        }
    }
    assert_quiet(&stranger).await;
    figure(
        "no_page_hinders_anybody",
        &format!(
            "{} pages, {} widths, 2 themes: 0 violations",
            pages.len() + 2,
            sizes.len()
        ),
    );
}
