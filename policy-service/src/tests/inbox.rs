//! Signing in at the inbox, and who gets at its pages.

use axum::routing::MethodFilter;
use reqwest::Method;
use serde_json::json;
use velum_harness::Postgres;

use crate::auth::Access;
use crate::inbox::PAGES;
use crate::testing::browser::{Browser, Shown};
use crate::testing::{CONFIGURATION, Service, Stopped, reply};

const MINUTE: i64 = 60_000;

/// Somebody who has followed their link.
async fn signed_in(service: &Service, person: &str) -> Browser {
    let mut browser = Browser::new();
    let shown = browser.submit(&service.running.links[person], &[]).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    browser
}

async fn session(service: &Service, browser: &mut Browser) -> Shown {
    browser.open(&service.url("/session")).await
}

/// The records of sessions: codes, who, and why not.
async fn records(service: &Service) -> Vec<(String, String, String)> {
    let log = service.log().await;
    let of_sessions = log.iter().filter(|record| {
        let code = record["data"]["code"].as_str().unwrap();
        code.starts_with("VA18")
    });
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    of_sessions
        .map(|record| {
            let data = &record["data"];
            (
                text(&data["code"]),
                text(&data["actor"]["id"]),
                text(&data["refused"]),
            )
        })
        .collect()
}

#[tokio::test]
async fn every_page_lets_in_who_has_signed_in_and_sends_every_other_to_where_they_do() {
    let service = Service::start().await;
    let bearer = format!("Bearer {}", service.reviewer("grace"));
    for page in PAGES {
        let is_get = page.method == MethodFilter::GET;
        let method = if is_get { Method::GET } else { Method::POST };
        let path = page.path.replace("{token}", "none").replace("{id}", "none");
        let url = service.url(&path);
        let place = format!("{method} {}", page.path);
        let ours: &[(&'static str, &str)] = &[("sec-fetch-site", "same-origin")];
        let fields = (!is_get).then_some(&[][..]);
        // Nobody, and somebody with a token for the API.
        for headers in [vec![], vec![("authorization", bearer.as_str())]] {
            let headers: Vec<_> = headers.into_iter().chain(ours.iter().copied()).collect();
            let shown = Browser::new()
                .send(method.clone(), &url, &headers, fields)
                .await;
            match page.access {
                Access::Session if is_get => {
                    assert_eq!(shown.status, 303, "{place}");
                    let mut expected = format!("/sign-in?next={}", path.replace('/', "%2F"));
                    if path.starts_with("/confirm") {
                        expected.truncate("/sign-in".len());
                    }
                    assert_eq!(shown.header("location"), expected, "{place}");
                }
                Access::Session => assert_eq!(shown.status, 401, "{place}"),
                _ => assert!(![401, 403].contains(&shown.status.as_u16()), "{place}"),
            }
        }
        if is_get {
            continue;
        }
        // A form of somewhere else, and one that has not the session's token.
        for (headers, fields) in [
            (&[("sec-fetch-site", "cross-site")][..], &[][..]),
            (&[("sec-fetch-site", "same-site")], &[]),
            (&[("origin", "https://evil.example")], &[]),
            (&[("origin", "null")], &[]),
            (&[], &[]),
        ] {
            let mut browser = signed_in_anew(&service).await;
            let shown = browser
                .send(Method::POST, &url, headers, Some(fields))
                .await;
            assert_eq!(shown.status, 403, "{place}: {headers:?}");
        }
        if page.access == Access::Session {
            let mut browser = signed_in_anew(&service).await;
            let other = [("form_token", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")];
            for fields in [&[][..], &other] {
                let shown = browser.submit(&url, fields).await;
                assert_eq!(shown.status, 403, "{place}: {fields:?}");
            }
            let shown = browser.send(Method::POST, &url, ours, None).await;
            assert_eq!(shown.status, 415, "{place}: no form");
        }
        // A link, a preview or an image does nothing.
        let has_page = PAGES
            .iter()
            .any(|other| other.path == page.path && other.method == MethodFilter::GET);
        if !has_page {
            let shown = signed_in_anew(&service).await.open(&url).await;
            assert_eq!(shown.status, 405, "{place}");
        }
    }
}

/// The tests in Chromium open every page: a new one is in their list, and they fail until they know how.
#[test]
fn every_page_is_in_the_list_that_the_tests_in_a_real_browser_go_by() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/end-to-end/tests/inbox/pages.txt");
    let shown = PAGES.iter().filter(|page| page.method == MethodFilter::GET);
    let lines = shown.map(|page| {
        let access = if page.access == Access::Session {
            "session"
        } else {
            "public"
        };
        format!("{access} {}\n", page.path)
    });
    let written: String = lines.collect();
    if std::env::var_os("VELUM_WRITE_GOLDEN").is_some() {
        std::fs::write(&file, &written).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        kept, written,
        "VELUM_WRITE_GOLDEN=1 writes what there is now"
    );
}

/// A session of a service's own making: links are good for once.
async fn signed_in_anew(service: &Service) -> Browser {
    use velum_approval::record::SignedInBy;
    let sign_in = crate::inbox::session::SignIn {
        person: "grace".parse().unwrap(),
        by: SignedInBy::Link,
        spends: None,
        instead: None,
        access: None,
        groups: None,
    };
    let token = sign_in.begin(&service.running.app).await.unwrap();
    let mut browser = Browser::new();
    browser.cookies.insert("velum".to_owned(), token);
    browser
}

#[tokio::test]
async fn no_cookie_is_read_below_v1_and_no_token_at_pages() {
    let service = Service::start().await;
    let mut browser = signed_in(&service, "grace").await;
    assert_eq!(session(&service, &mut browser).await.status, 200);
    let shown = browser.open(&service.url("/v1/approvals")).await;
    assert_eq!(shown.status, 401);
    let id = service.pending(&service.ask(1)).await;
    let url = service.url(&format!("/v1/approvals/{id}/approve"));
    assert_eq!(browser.submit(&url, &[]).await.status, 401);
}

#[tokio::test]
async fn a_link_signs_in_once_when_its_button_is_pressed_and_not_when_it_is_looked_at() {
    let service = Service::start().await;
    let link = service.running.links["grace"].clone();
    for _ in 0..3 {
        // A program that previews links.
        let shown = Browser::new().open(&link).await;
        assert_eq!(shown.status, 200);
        assert!(
            shown.text.contains("<form method=\"post\">"),
            "{}",
            shown.text
        );
        assert_eq!(shown.header("set-cookie"), "");
    }
    let mut browser = signed_in(&service, "grace").await;
    let shown = session(&service, &mut browser).await;
    assert!(shown.text.contains("You are grace"), "{}", shown.text);
    let again = Browser::new().submit(&link, &[]).await;
    assert_eq!(again.status, 410);
    assert_eq!(again.header("set-cookie"), "");
    // Of whoever else it is, nobody has used it.
    signed_in(&service, "omar").await;
    let restarted = service.restart().await;
    assert_ne!(restarted.running.links["grace"], link);
    restarted.clock.advance(10 * MINUTE);
    let late = Browser::new()
        .submit(&restarted.running.links["grace"], &[])
        .await;
    assert_eq!(late.status, 410);
    let expected = [
        ("VA1801I", "grace", ""),
        ("VA1802W", "", "link-over"),
        ("VA1801I", "omar", ""),
        ("VA1802W", "", "link-over"),
    ];
    let found = records(&restarted).await;
    let found: Vec<_> = found
        .iter()
        .map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_session_ends_when_nothing_is_done_and_after_a_working_day() {
    let service = Service::start().await;
    let mut idle = signed_in(&service, "grace").await;
    service.clock.advance(15 * MINUTE - 1);
    assert_eq!(session(&service, &mut idle).await.status, 200);
    service.clock.advance(15 * MINUTE);
    assert_eq!(session(&service, &mut idle).await.status, 303);
    let mut busy = signed_in_anew(&service).await;
    for _ in 0..8 * 6 - 1 {
        service.clock.advance(10 * MINUTE);
        assert_eq!(session(&service, &mut busy).await.status, 200);
    }
    service.clock.advance(10 * MINUTE);
    assert_eq!(session(&service, &mut busy).await.status, 303);
}

#[tokio::test]
async fn a_script_that_keeps_a_page_up_to_date_keeps_no_session() {
    let service = Service::start().await;
    let mut browser = signed_in(&service, "grace").await;
    let by_script = [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "cors"),
    ];
    let url = service.url("/session");
    for _ in 0..14 {
        service.clock.advance(MINUTE);
        let shown = browser.send(Method::GET, &url, &by_script, None).await;
        assert_eq!(shown.status, 200);
    }
    service.clock.advance(MINUTE);
    let shown = browser.send(Method::GET, &url, &by_script, None).await;
    assert_eq!(shown.status, 401, "a script is not sent to another page");
}

#[tokio::test]
async fn signing_in_gives_a_token_that_nobody_had_before_and_ends_the_one_before() {
    let service = Service::start().await;
    let mut browser = Browser::new();
    // Somebody else has put their own there.
    browser
        .cookies
        .insert("velum".to_owned(), "known-to-somebody-else".to_owned());
    let shown = browser.submit(&service.running.links["grace"], &[]).await;
    let cookie = shown.header("set-cookie").to_owned();
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    let first = browser.cookies["velum"].clone();
    assert_ne!(first, "known-to-somebody-else");
    assert_eq!(first.len(), 43, "256 bits");
    browser.submit(&service.running.links["omar"], &[]).await;
    assert_ne!(browser.cookies["velum"], first);
    let mut before = Browser::new();
    before.cookies.insert("velum".to_owned(), first.clone());
    assert_eq!(session(&service, &mut before).await.status, 303);
    assert_eq!(session(&service, &mut browser).await.status, 200);
    // The store knows it by its hash.
    let second = browser.cookies["velum"].clone();
    let stopped = service.stop().await;
    for file in std::fs::read_dir(stopped.data()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        for token in [&first, &second] {
            let found = bytes
                .windows(token.len())
                .any(|window| window == token.as_bytes());
            assert!(!found, "a session's token is stored");
        }
    }
}

#[tokio::test]
async fn signing_out_ends_it_here_or_everywhere() {
    let service = Service::start().await;
    let (mut one, mut two, mut three) = (
        signed_in(&service, "grace").await,
        signed_in_anew(&service).await,
        signed_in_anew(&service).await,
    );
    let mut other = signed_in(&service, "omar").await;
    let url = service.url("/sign-out");
    let token = session(&service, &mut one).await.form_token();
    // Another session's.
    assert_eq!(
        two.submit(&url, &[("form_token", &token)]).await.status,
        403
    );
    let cookie = one.cookies["velum"].clone();
    let shown = one.submit(&url, &[("form_token", &token)]).await;
    assert_eq!(shown.status, 200);
    assert!(one.cookies.is_empty());
    one.cookies.insert("velum".to_owned(), cookie);
    assert_eq!(session(&service, &mut one).await.status, 303);
    assert_eq!(session(&service, &mut three).await.status, 200);
    let token = session(&service, &mut two).await.form_token();
    let fields = [("form_token", token.as_str()), ("everywhere", "yes")];
    assert_eq!(two.submit(&url, &fields).await.status, 200);
    assert_eq!(session(&service, &mut three).await.status, 303);
    assert_eq!(session(&service, &mut other).await.status, 200);
    let left = records(&service).await;
    let left = left
        .iter()
        .filter(|(code, who, _)| code == "VA1803I" && who == "grace");
    assert_eq!(left.count(), 2);
}

#[tokio::test]
async fn every_page_keeps_the_browser_to_itself_whatever_it_answers() {
    let service = Service::start().await;
    let mut browser = signed_in(&service, "grace").await;
    // The stream of changes has no end that one could wait for.
    for page in PAGES.iter().filter(|page| page.path != "/inbox/changes") {
        let url = service.url(&page.path.replace("{token}", "none").replace("{id}", "none"));
        let mut pages = Vec::new();
        if page.method == MethodFilter::GET {
            pages.push(browser.open(&url).await);
            pages.push(Browser::new().open(&url).await);
        } else {
            pages.push(browser.submit(&url, &[]).await);
            pages.push(Browser::new().submit(&url, &[]).await);
        }
        for shown in pages {
            let place = format!("{}: {}", page.path, shown.status);
            let policy = shown.header("content-security-policy");
            for part in [
                "default-src 'none'",
                "frame-ancestors 'none'",
                "form-action 'self'",
                "base-uri 'none'",
                "require-trusted-types-for 'script'",
            ] {
                assert!(policy.contains(part), "{place}: {part}");
            }
            assert!(
                !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"),
                "{place}"
            );
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "same-origin"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("cache-control", "no-store"),
                // Loopback without TLS.
                ("strict-transport-security", ""),
            ] {
                assert_eq!(shown.header(name), value, "{place}: {name}");
            }
            assert!(
                !shown.text.contains("style=") && !shown.text.contains("<script>"),
                "{place}"
            );
        }
    }
}

#[tokio::test]
async fn who_comes_from_elsewhere_is_sent_on_by_a_page_of_ours_and_never_elsewhere() {
    let service = Service::start().await;
    let mut browser = signed_in(&service, "grace").await;
    // A strict cookie does not come along from another site, so the page is as nobody's.
    let shown = Browser::new().arrive(&service.url("/session")).await;
    assert_eq!(shown.header("location"), "/sign-in?next=%2Fsession");
    let shown = Browser::new()
        .arrive(&service.url("/sign-in?next=%2Fsession"))
        .await;
    assert_eq!(shown.status, 200);
    let again = "/sign-in?next=%2Fsession&amp;again=true";
    assert!(shown.text.contains(again), "{}", shown.text);
    let shown = browser
        .arrive(&service.url(&again.replace("&amp;", "&")))
        .await;
    assert_eq!(
        (shown.status.as_u16(), shown.header("location")),
        (303, "/session")
    );
    for next in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
    ] {
        let shown = browser
            .open(&service.url(&format!("/sign-in?next={next}")))
            .await;
        assert_eq!(
            (shown.status.as_u16(), shown.header("location")),
            (303, "/")
        );
    }
}

#[tokio::test]
async fn who_reviews_no_more_has_no_session() {
    let stopped = Stopped::new();
    let service = stopped.start(CONFIGURATION).await;
    let mut browser = signed_in(&service, "nora").await;
    assert_eq!(session(&service, &mut browser).await.status, 200);
    let without = CONFIGURATION.replace("[[reviewers]]\nperson = \"nora\"\n", "");
    assert_ne!(without, CONFIGURATION);
    let service = service.restart_with(&without).await;
    assert_eq!(session(&service, &mut browser).await.status, 303);
}

#[tokio::test]
async fn links_are_printed_only_where_the_inbox_stays_on_this_machine() {
    let with = |url: &str| format!("{CONFIGURATION}\n[inbox]\nurl = \"{url}\"\n");
    let refusal = Stopped::new()
        .refusal(&with("https://approvals.example.org"))
        .await;
    assert!(refusal.starts_with("inbox.url: --try"), "{refusal}");
    let service = Service::with(&with("http://localhost:1")).await;
    assert!(service.running.links["grace"].starts_with("http://localhost:1/link/"));
    // Beside the tokens of the API.
    let (status, _) = reply(
        service
            .request("GET", "/v1/approvals")
            .bearer_auth(service.reviewer("grace")),
    )
    .await;
    assert_eq!(status, 200);
    let said: serde_json::Value = serde_json::from_str(&service.running.announcement()).unwrap();
    assert_eq!(
        said["links"]["grace"],
        json!(service.running.links["grace"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_in_at_one_replica_is_signed_in_at_the_other_and_signs_out_of_both() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = super::replicas::two(&server).await;
    let mut browser = signed_in(&one, "grace").await;
    let shown = session(&other, &mut browser).await;
    assert!(shown.text.contains("You are grace"), "{}", shown.text);
    // What is done at one keeps it at the other.
    for service in [&one, &other, &one] {
        one.clock.advance(10 * MINUTE);
        other.clock.advance(10 * MINUTE);
        assert_eq!(session(service, &mut browser).await.status, 200);
    }
    let token = session(&one, &mut browser).await.form_token();
    let mut kept = browser.clone();
    let url = other.url("/sign-out");
    let shown = browser.submit(&url, &[("form_token", &token)]).await;
    assert_eq!(shown.status, 200);
    assert_eq!(session(&one, &mut kept).await.status, 303);
    // A link of one is none of the other's: they are for trying out.
    let link = one.running.links["omar"].replace(&one.url(""), &other.url(""));
    assert_eq!(Browser::new().submit(&link, &[]).await.status, 410);
}
