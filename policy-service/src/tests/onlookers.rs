//! What a requester wrote is seen by those who decide, and by nobody else: canaries in every field, looked for in
//! every page, in what the API answers and in what other tools are told.

use std::fs;
use std::time::Duration;

use axum::routing::MethodFilter;
use reqwest::Method;
use serde_json::json;
use velum_approval::{ApprovalId, Check, Fingerprint, Lineage};

use super::webhooks::one;
use crate::inbox::PAGES;
use crate::testing::browser::Browser;
use crate::testing::{CONFIGURATION, Service, figure, identity, reason};

/// In every field that a requester writes, or that follows from what they send. The gateway leaves of a path
/// only what stands in the policy; here it leaves all of it.
const METHOD: &str = "QWERTYMETHOD";
const AUTHORITY: &str = "thistlewood-host.example";
const PATH: &str = "Thistlewood-path";
const QUERY: &str = "Thistlewood-query";
const REASON: &str = "Thistlewood-reason";
const AGAIN: &str = "Thistlewood-again";
const ALL: [&str; 6] = [METHOD, AUTHORITY, PATH, QUERY, REASON, AGAIN];
/// Those that are kept, for whoever decides.
const FREE: [&str; 2] = [REASON, AGAIN];

/// Which of these are in a text.
fn found(text: &str, canaries: &[&'static str]) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let found = canaries
        .iter()
        .filter(|it| text.contains(&it.to_lowercase()));
    found.copied().collect()
}

fn written(service: &Service, number: u8) -> Check {
    let mut check = service.ask(number);
    check.action = "purge".parse().unwrap();
    check.classes = velum_engine::ClassSet::EMPTY;
    check.method = METHOD.to_owned();
    check.authority = AUTHORITY.to_owned();
    check.path = format!("/{PATH}");
    check.query = format!("{QUERY}=1");
    check.reason = Some(reason(REASON));
    check
}

/// One of each that may become of an approval.
async fn lives(service: &Service) -> Vec<ApprovalId> {
    let mut check = written(service, 1);
    let explained = service.pending(&check).await;
    let path = format!("/v1/approvals/{explained}/question");
    assert_eq!(service.post("grace", &path, &json!({})).await.0, 200);
    check.reason = Some(reason(AGAIN));
    service.pending(&check).await;
    let mut ids = vec![explained];
    for number in 2..=4 {
        let check = written(service, number);
        let id = service.pending(&check).await;
        assert_eq!(service.approve("omar", &id, json!({})).await.0, 200);
        if number < 4 {
            assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        }
        match number {
            2 => drop(service.verified(&check, &service.check(&check).await)),
            4 => assert_eq!(service.deny("grace", &id, json!({})).await.0, 200),
            _ => {}
        }
        ids.push(id);
    }
    let withdrawn = service.pending(&written(service, 5)).await;
    let path = format!("/v1/approvals/{withdrawn}/withdrawal");
    let principal = json!({"principal": identity("triage-bot")});
    assert_eq!(service.call_gateway("POST", &path, &principal).await.0, 204);
    ids.push(withdrawn);
    ids
}

/// Every page that there is, of every approval and every record, with every way to search.
async fn pages(service: &Service, ids: &[ApprovalId]) -> Vec<String> {
    let mut paths = Vec::new();
    let records = service.log().await.len();
    for page in PAGES.iter().filter(|page| page.method == MethodFilter::GET) {
        match page.path.split_once("{id}") {
            None if page.path == "/inbox/changes" => {}
            None => paths.push(
                page.path
                    .replace("{token}", "none")
                    .replace("{name}", "none"),
            ),
            Some(("/audit/", rest)) => {
                paths.extend((0..records).map(|index| format!("/audit/{index}{rest}")));
            }
            Some((before, rest)) => {
                paths.extend(ids.iter().map(|id| format!("{before}{id}{rest}")));
            }
        }
    }
    paths.extend(
        [
            "/?others=true",
            "/history?action=purge",
            "/audit?kind=VA1001I",
        ]
        .map(str::to_owned),
    );
    paths.extend(ids.iter().map(|id| format!("/audit?approval={id}")));
    paths.extend(["day", "week", "month"].map(|period| format!("/activity?period={period}")));
    paths.extend(["", "index.html", "none"].map(|name| format!("/playground/{name}")));
    paths
}

async fn signed_in(service: &Service, person: &str) -> Browser {
    let mut browser = Browser::new();
    let shown = browser.submit(&service.running.links[person], &[]).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    browser
}

/// The first change that the pages' stream tells this browser of.
async fn change(service: &Service, browser: &Browser, number: u8) -> String {
    let cookies: Vec<_> = browser
        .cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .get(service.url("/inbox/changes"))
        .header("cookie", cookies.join("; "))
        .header("sec-fetch-site", "same-origin");
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let id = service.pending(&written(service, number)).await;
    let mut told = String::new();
    let come = async {
        while !told.contains(id.as_str()) {
            let chunk = response.chunk().await.unwrap().expect("the stream goes on");
            told.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    tokio::time::timeout(Duration::from_secs(15), come)
        .await
        .expect("a change");
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_requester_wrote_is_in_no_page_of_whoever_is_not_to_see_it_and_told_to_no_tool() {
    let folder = tempfile::tempdir().unwrap();
    let playground = folder.path().join("playground");
    fs::create_dir(&playground).unwrap();
    fs::write(playground.join("index.html"), "<!doctype html>").unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    let service = Service::with(&format!("playground = {playground:?}\n{configuration}")).await;
    let ids = lives(&service).await;
    let paths = pages(&service, &ids).await;
    assert!(paths.len() > 60, "{}", paths.len());

    // Who decides sees what is kept of it, or nothing below would show anything.
    let mut grace = signed_in(&service, "grace").await;
    let (mut seen, mut shown) = (Vec::new(), 0);
    for path in &paths {
        let page = grace.open(&service.url(path)).await;
        shown += usize::from(page.status == 200);
        seen.extend(found(&page.text, &ALL));
    }
    assert!(shown > 30, "{shown} pages");
    // Of a route only words of the policy are kept; a method that is none is not, nor a host that nobody has named.
    assert!(FREE.iter().all(|canary| seen.contains(canary)), "{seen:?}");
    assert!(seen.iter().all(|canary| FREE.contains(canary)), "{seen:?}");

    // Who reviews something else: of what is not in the log, nothing.
    let mut nora = signed_in(&service, "nora").await;
    let others = nora.open(&service.url("/?others=true")).await.text;
    assert!(
        others.contains(ids[0].as_str()),
        "nora is shown that it waits"
    );
    for path in &paths {
        let page = nora.open(&service.url(path)).await;
        assert_eq!(
            found(&page.text, &FREE),
            <[&str; 0]>::default(),
            "nora: {path}"
        );
    }
    let told = change(&service, &nora, 6).await;
    assert_eq!(found(&told, &ALL), <[&str; 0]>::default(), "{told}");
    let mut calls = vec!["/v1/approvals".to_owned(), "/v1/audit".to_owned()];
    for id in &ids {
        calls.push(format!("/v1/approvals/{id}"));
        calls.push(format!("/v1/approvals/{id}/receipt"));
    }
    let mut read = Vec::new();
    for path in &calls {
        let (status, answer) = service.get("nora", path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        assert_eq!(
            found(&answer.to_string(), &FREE),
            <[&str; 0]>::default(),
            "nora: {path}"
        );
        read.extend(found(
            &service.get("grace", path).await.1.to_string(),
            &FREE,
        ));
    }
    assert!(FREE.iter().all(|canary| read.contains(canary)), "{read:?}");

    // Who has not signed in, also with a token of the API.
    let bearer = format!("Bearer {}", service.reviewer("grace"));
    for path in &paths {
        for headers in [&[][..], &[("authorization", bearer.as_str())]] {
            let page = Browser::new()
                .send(Method::GET, &service.url(path), headers, None)
                .await;
            assert_eq!(
                found(&page.text, &ALL),
                <[&str; 0]>::default(),
                "nobody: {path}"
            );
        }
    }
    for path in &calls {
        let page = Browser::new().open(&service.url(path)).await;
        assert_eq!(page.status, 401, "{path}");
        assert_eq!(
            found(&page.text, &ALL),
            <[&str; 0]>::default(),
            "nobody: {path}"
        );
    }

    // Other tools: two of each approval at the least.
    let sent = receiver.until(2 * ids.len()).await;
    for sent in &sent {
        assert_eq!(
            found(&sent.raw, &ALL),
            <[&str; 0]>::default(),
            "{}",
            sent.raw
        );
    }
    figure(
        "what_a_requester_wrote_is_in_no_page_of_whoever_is_not_to_see_it_and_told_to_no_tool",
        &format!(
            "canaries in {} fields, of which {} are kept, for who decides, and {} are on no page of anybody's: none in \
             {} pages without a session, none in {} deliveries; those that are kept: none in these pages and {} answers \
             of the API to who reviews something else",
            ALL.len(),
            FREE.len(),
            ALL.len() - FREE.len(),
            paths.len(),
            sent.len(),
            calls.len()
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_behind_one_request_reads_no_reason_of_anothers_and_nothing_that_reviewers_wrote_for_each_other()
 {
    let both = "quorum = 2\ngroups = [\"clinical\", \"privacy\"]";
    assert!(CONFIGURATION.contains(both));
    let one = CONFIGURATION.replace(both, "quorum = 1\ngroups = [\"clinical\"]");
    let service = Service::with(&one).await;
    let of = |person, why| {
        let mut check = written(&service, 1);
        check.lineage = Lineage::new(vec![identity("triage-bot"), identity(person)]).unwrap();
        check.reason = Some(reason(why));
        check
    };
    service.pending(&of("omar", "Thistlewood-omar")).await;
    let mut own = of("nora", "Thistlewood-nora");
    own.fingerprint = Fingerprint::from_bytes([9; 32]);
    let own = service.pending(&own).await;
    let comment = json!({"comment": "Thistlewood-colleagues"});
    assert_eq!(service.approve("omar", &own, comment).await.0, 200);
    // One agent has asked the same for both, so each is listed beside the other.
    let canaries = [
        "Thistlewood-omar",
        "Thistlewood-nora",
        "Thistlewood-colleagues",
    ];
    for (person, expected) in [("nora", &canaries[1..2]), ("grace", &canaries[..])] {
        let mut browser = signed_in(&service, person).await;
        let page = browser
            .open(&service.url(&format!("/approvals/{own}")))
            .await;
        assert!(page.text.contains("The same was asked before"), "{person}");
        assert_eq!(found(&page.text, &canaries), expected, "{person}");
        for path in ["", "/receipt"] {
            let path = format!("/v1/approvals/{own}{path}");
            let told = service.get(person, &path).await.1.to_string();
            let expected: Vec<_> = expected
                .iter()
                .filter(|it| **it != canaries[0])
                .copied()
                .collect();
            assert_eq!(found(&told, &canaries), expected, "{person} {path}");
        }
    }
}
