//! Pages about one requester: what they have asked, how they are stopped, and what is opened for them in an
//! emergency.

use std::time::Duration;

use serde_json::{Value, json};

use super::webhooks::one;
use crate::testing::browser::{Browser, Shown};
use crate::testing::provider::FakeProvider;
use crate::testing::{CONFIGURATION, Service, identity, with_alias};

const GLASS: &str =
    "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";

async fn signed_in(service: &Service, person: &str) -> Browser {
    let mut browser = Browser::new();
    let shown = browser.submit(&service.running.links[person], &[]).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    browser
}

async fn open(service: &Service, browser: &mut Browser, path: &str) -> Shown {
    let shown = browser.open(&service.url(path)).await;
    assert_eq!(shown.status, 200, "{path}: {}", shown.text);
    shown
}

async fn send(
    service: &Service,
    browser: &mut Browser,
    path: &str,
    fields: &[(&str, &str)],
) -> Shown {
    let token = open(service, browser, "/").await.form_token();
    let token = [("form_token", token.as_str())];
    let fields: Vec<_> = token.iter().chain(fields).copied().collect();
    browser.submit(&service.url(path), &fields).await
}

async fn emergencies(service: &Service) -> Value {
    service.get("grace", "/v1/emergencies?all=true").await.1["emergencies"].clone()
}

#[tokio::test]
async fn an_emergency_is_opened_for_a_request_and_reviewed_by_another_person() {
    let service = Service::with(&format!("{CONFIGURATION}{GLASS}")).await;
    let held = service.ask(1);
    let id = service.pending(&held).await;
    let mut omar = signed_in(&service, "omar").await;
    let page = open(&service, &mut omar, &format!("/approvals/{id}")).await;
    let path = format!("/emergencies?approval={id}");
    assert!(
        page.text.contains(&format!("href=\"{path}\"")),
        "{}",
        page.text
    );
    let page = open(&service, &mut omar, &path).await.text;
    assert!(
        page.contains("triage-bot") && page.contains("agent of"),
        "{page}"
    );
    let id = id.to_string();
    for (fields, status) in [
        // Why is missing; for how long is; more than there is; and what names two things.
        (
            &[
                ("approval", id.as_str()),
                ("reason", " "),
                ("minutes", "10"),
            ][..],
            400,
        ),
        (&[("approval", &id), ("reason", "unconscious")], 400),
        (
            &[
                ("approval", &id),
                ("reason", "unconscious"),
                ("minutes", "31"),
            ],
            400,
        ),
        (
            &[
                ("approval", &id),
                ("who", "dr-jones"),
                ("reason", "unconscious"),
                ("minutes", "10"),
            ],
            400,
        ),
        (
            &[
                ("who", "triage-bot"),
                ("reason", "unconscious"),
                ("minutes", "10"),
            ],
            400,
        ),
        (
            &[
                ("who", "nobody"),
                ("action", "read"),
                ("reason", "unconscious"),
                ("minutes", "10"),
            ],
            409,
        ),
    ] {
        let shown = send(&service, &mut omar, "/emergencies", fields).await;
        assert_eq!(shown.status, status, "{fields:?}: {}", shown.text);
        assert_eq!(emergencies(&service).await, json!([]), "{fields:?}");
    }
    let fields = [
        ("approval", id.as_str()),
        ("reason", "patient\nunconscious"),
        ("minutes", "10"),
    ];
    let shown = send(&service, &mut omar, "/emergencies", &fields).await;
    assert_eq!(
        (shown.status.as_u16(), shown.header("location")),
        (303, "/emergencies")
    );
    let opened = emergencies(&service).await;
    assert_eq!(opened[0]["opened_by"], "omar");
    assert_eq!(opened[0]["principal"], json!(identity("triage-bot")));
    assert_eq!(opened[0]["reason"], "patient unconscious");
    assert_eq!(service.check(&held).await["decision"], "allow");

    // Who opened it and who is behind it see it, and review nothing.
    let review = format!("/emergencies/{}/review", opened[0]["id"].as_str().unwrap());
    let jones = signed_in(&service, "dr-jones").await;
    for (person, mut browser, why) in [
        ("omar", omar, "You opened it"),
        ("dr-jones", jones, "You are behind"),
    ] {
        let page = open(&service, &mut browser, "/emergencies").await.text;
        assert!(
            page.contains(why) && !page.contains(&review),
            "{person}: {page}"
        );
        assert!(page.contains("patient unconscious"), "{person}");
        let pending = open(&service, &mut browser, "/").await.text;
        assert!(!pending.contains("for your review"), "{person}");
        let shown = send(&service, &mut browser, &review, &[("justified", "true")]).await;
        assert_eq!(shown.status, 403, "{person}");
    }
    let mut grace = signed_in(&service, "grace").await;
    let pending = open(&service, &mut grace, "/").await.text;
    assert!(
        pending.contains("An emergency access waits for your review"),
        "{pending}"
    );
    let page = open(&service, &mut grace, "/emergencies").await.text;
    assert!(
        page.contains(&review) && page.contains("1 request released"),
        "{page}"
    );
    // Whether it was justified has to be said.
    let shown = send(&service, &mut grace, &review, &[("comment", "seen")]).await;
    assert_eq!(shown.status, 400);
    let fields = [("justified", "false"), ("comment", "seen")];
    let shown = send(&service, &mut grace, &review, &fields).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    let reviewed = &emergencies(&service).await[0]["reviewed"];
    assert_eq!(
        (&reviewed["by"], &reviewed["justified"]),
        (&json!("grace"), &json!(false))
    );
    let page = open(&service, &mut grace, "/emergencies").await.text;
    assert!(
        page.contains("Not justified") && page.contains("seen"),
        "{page}"
    );
    let pending = open(&service, &mut grace, "/").await.text;
    assert!(!pending.contains("for your review"), "{pending}");
    assert_eq!(service.count("emergency.disputed").await, 1);
}

#[tokio::test]
async fn who_may_open_none_is_shown_no_form_and_opens_none() {
    let service = Service::with(&format!("{CONFIGURATION}{GLASS}")).await;
    let id = service.pending(&service.ask(1)).await;
    let mut purge = service.ask(2);
    purge.action = "purge".parse().unwrap();
    purge.method = "DELETE".to_owned();
    purge.classes = velum_engine::ClassSet::EMPTY;
    let purge = service.pending(&purge).await;
    // Of no group that may; and of the group, for an action that is not among those.
    for (person, approval) in [("nora", &id), ("omar", &purge)] {
        let mut browser = signed_in(&service, person).await;
        let page = open(&service, &mut browser, &format!("/approvals/{approval}")).await;
        assert!(!page.text.contains("/emergencies?approval="), "{person}");
        let path = format!("/emergencies?approval={approval}");
        let page = open(&service, &mut browser, &path).await.text;
        assert!(!page.contains("id=\"open\""), "{person}: {page}");
        let approval = approval.to_string();
        let fields = [
            ("approval", approval.as_str()),
            ("reason", "unconscious"),
            ("minutes", "10"),
        ];
        let shown = send(&service, &mut browser, "/emergencies", &fields).await;
        assert_eq!(shown.status, 403, "{person}: {}", shown.text);
    }
    assert_eq!(emergencies(&service).await, json!([]));
    assert_eq!(service.count("person.refused").await, 2);
    // Where there is none at all, that is said.
    let service = Service::start().await;
    let mut browser = signed_in(&service, "omar").await;
    let page = open(&service, &mut browser, "/emergencies").await.text;
    assert!(page.contains("no emergency access is configured"), "{page}");
}

#[tokio::test]
async fn a_name_that_is_several_identities_opens_nothing_and_a_subject_does() {
    let service = Service::with(&format!("{}{GLASS}", with_alias(CONFIGURATION))).await;
    let mut browser = signed_in(&service, "omar").await;
    let ask = |who| {
        [
            ("who", who),
            ("action", "read"),
            ("reason", "unconscious"),
            ("minutes", "5"),
        ]
    };
    let shown = send(&service, &mut browser, "/emergencies", &ask("triage-bot")).await;
    assert_eq!(shown.status, 409);
    assert!(shown.text.contains("Several identities"), "{}", shown.text);
    let shown = send(&service, &mut browser, "/emergencies", &ask("triage-bot-2")).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    let opened = emergencies(&service).await;
    assert_eq!(opened[0]["principal"], json!(identity("triage-bot-2")));
}

#[tokio::test]
async fn an_emergency_is_opened_also_while_the_provider_is_away_and_nothing_else_is_done() {
    let provider = FakeProvider::start().await;
    let further = "groups_claim = \"groups\"\ngroups = {\"Velum\" = \"clinical\"}";
    let service = Service::with(&format!("{}{GLASS}", provider.configuration(further))).await;
    provider.words().userinfo = Some(json!({"sub": "omar-sub", "groups": ["Velum"]}));
    let mut browser = Browser::new();
    let shown = provider.sign_in(&service, &mut browser, "omar-sub").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let id = service.pending(&service.ask(1)).await.to_string();
    provider.words().is_down = true;
    let deny = format!("/approvals/{id}/deny");
    let shown = send(&service, &mut browser, &deny, &[("version", "1")]).await;
    assert_eq!(shown.status, 403, "{}", shown.text);
    let fields = [
        ("approval", id.as_str()),
        ("reason", "unconscious"),
        ("minutes", "10"),
    ];
    let shown = send(&service, &mut browser, "/emergencies", &fields).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    assert_eq!(emergencies(&service).await[0]["opened_by"], "omar");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_is_told_at_once_to_pages_and_to_other_tools_and_so_is_each_use_and_its_review()
 {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    let service = Service::with(&format!("{configuration}{GLASS}")).await;
    let mut followed = service
        .request("GET", "/v1/approvals/events")
        .bearer_auth(service.reviewer("grace"))
        .send()
        .await
        .unwrap();
    let open = json!({
        "principal": identity("triage-bot"), "action": "read", "reason": "unconscious", "minutes": 10,
    });
    let (status, opened) = service.post("omar", "/v1/emergencies", &open).await;
    assert_eq!(status, 201, "{opened}");
    let id = opened["id"].as_str().unwrap();
    let check = service.ask(1);
    service.verified(&check, &service.check(&check).await);
    let path = format!("/v1/emergencies/{id}/review");
    let (status, reviewed) = service
        .post("grace", &path, &json!({"justified": false}))
        .await;
    assert!(status.is_success(), "{reviewed}");

    let told = async {
        let mut told = String::new();
        while !told.contains("\"disputed\"") {
            let chunk = followed.chunk().await.unwrap().expect("the stream goes on");
            told.push_str(&String::from_utf8_lossy(&chunk));
        }
        told
    };
    let told = tokio::time::timeout(Duration::from_secs(15), told).await;
    let told = told.expect("it is told");
    assert!(
        told.contains(&format!("{{\"became\":\"opened\",\"id\":\"{id}\"}}")),
        "{told}"
    );
    assert!(
        !told.contains("omar") && !told.contains("triage-bot"),
        "{told}"
    );
    let sent: Vec<_> = receiver
        .until(4)
        .await
        .iter()
        .map(|sent| sent.body["type"].clone())
        .collect();
    for expected in ["emergency.opened", "emergency.used", "emergency.disputed"] {
        assert!(sent.contains(&json!(expected)), "{expected}: {sent:?}");
    }
}

#[tokio::test]
async fn who_was_taken_out_of_the_group_opens_no_emergency_and_theirs_releases_nothing_more() {
    let provider = FakeProvider::start().await;
    let further = "groups_claim = \"groups\"\ngroups = {\"Velum\" = \"clinical\"}";
    let service = Service::with(&format!("{}{GLASS}", provider.configuration(further))).await;
    provider.words().userinfo = Some(json!({"sub": "omar-sub", "groups": ["Velum"]}));
    let mut browser = Browser::new();
    let shown = provider.sign_in(&service, &mut browser, "omar-sub").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let id = service.pending(&service.ask(1)).await.to_string();
    let fields = [
        ("approval", id.as_str()),
        ("reason", "unconscious"),
        ("minutes", "10"),
    ];
    let shown = send(&service, &mut browser, "/emergencies", &fields).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    assert_eq!(service.check(&service.ask(2)).await["decision"], "allow");

    provider.words().userinfo = Some(json!({"sub": "omar-sub", "groups": []}));
    let shown = send(&service, &mut browser, "/emergencies", &fields).await;
    assert_eq!(shown.status, 403, "{}", shown.text);
    assert!(shown.text.contains("no emergency access"), "{}", shown.text);
    // What they opened before that goes no further.
    assert_eq!(service.check(&service.ask(3)).await["decision"], "pending");
    // That the provider is away gives nobody back what it has taken.
    provider.words().is_down = true;
    let shown = send(&service, &mut browser, "/emergencies", &fields).await;
    assert_eq!(shown.status, 403, "{}", shown.text);
    assert_eq!(emergencies(&service).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_requester_is_stopped_from_the_page_of_a_request_under_every_name() {
    let service = Service::with(&with_alias(CONFIGURATION)).await;
    let first = service.ask(1);
    let id = service.pending(&first).await;
    let mut other = service.ask(2);
    other.principal = identity("triage-bot-2");
    other.lineage =
        velum_approval::Lineage::new(vec![identity("triage-bot-2"), identity("dr-jones")]).unwrap();
    service.pending(&other).await;
    let mut nora = signed_in(&service, "nora").await;
    let page = open(&service, &mut nora, &format!("/approvals/{id}"))
        .await
        .text;
    assert!(page.contains("Stop this requester"), "{page}");
    let id = id.to_string();
    let fields = [
        ("kind", "principal"),
        ("approval", id.as_str()),
        ("comment", "token is out"),
    ];
    let shown = send(&service, &mut nora, "/stops", &fields).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    for check in [&first, &other] {
        assert_eq!(service.check(check).await["code"], "stopped");
    }
    let mut grace = signed_in(&service, "grace").await;
    let page = open(&service, &mut grace, "/stops").await.text;
    assert!(
        page.contains("releases for triage-bot") && page.contains("token is out"),
        "{page}"
    );
}

#[tokio::test]
async fn an_agent_is_found_by_the_name_that_the_configuration_gives_it() {
    let text = CONFIGURATION.replace("id = \"triage-bot\"", "id = \"night-shift\"");
    assert_ne!(text, CONFIGURATION);
    let service = Service::with(&text).await;
    let id = service.pending(&service.ask(1)).await;
    let mut grace = signed_in(&service, "grace").await;
    for (who, is_found) in [("night-shift", true), ("day-shift", false)] {
        let page = open(&service, &mut grace, &format!("/history?who={who}")).await;
        let is_there = page.text.contains(&format!("/approvals/{id}"));
        assert_eq!(is_there, is_found, "{who}: {}", page.text);
    }
}

#[tokio::test]
async fn what_somebody_asked_is_found_by_their_name_and_page_by_page() {
    let service = Service::with(&with_alias(CONFIGURATION).replace(
        "pending_per_principal = 5",
        "pending_per_principal = 1000\npending_per_action = 1000",
    ))
    .await;
    let mut own = Vec::new();
    for number in 0..60_u8 {
        let mut ask = service.ask(number);
        // Under both of its names, and some of another's.
        let subject = ["triage-bot", "triage-bot-2", "dr-jones"][usize::from(number % 3)];
        ask.principal = identity(subject);
        ask.lineage = velum_approval::Lineage::new(vec![identity(subject), identity("dr-jones")])
            .unwrap_or_else(|_| velum_approval::Lineage::new(vec![identity(subject)]).unwrap());
        service
            .clock
            .advance(if number % 5 == 0 { 20_000 } else { 0 });
        let id = service.pending(&ask).await;
        if subject != "dr-jones" {
            own.push(id.to_string());
        }
    }
    let mut browser = signed_in(&service, "grace").await;
    let one = own[0].clone();
    for first in [
        "/history?who=triage-bot".to_owned(),
        format!("/history?of={one}"),
    ] {
        let mut path = first.clone();
        let mut found = Vec::new();
        loop {
            let page = open(&service, &mut browser, &path).await.text;
            let rows = page
                .split("<tr><td class=\"nowrap\"><a href=\"/approvals/")
                .skip(1);
            found.extend(rows.map(|rest| rest.split('"').next().unwrap().to_owned()));
            let Some((before, _)) = page.split_once("\" rel=\"next\">Earlier") else {
                break;
            };
            path = before
                .rsplit_once("href=\"")
                .unwrap()
                .1
                .replace("&#38;", "&")
                .replace("&amp;", "&");
            assert!(found.len() < 100, "{first}: it does not end");
        }
        let mut sorted = found.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), found.len(), "{first}: some came twice");
        let mut expected = own.clone();
        expected.sort();
        assert_eq!(sorted, expected, "{first}");
    }
    let none = open(&service, &mut browser, "/history?who=nobody")
        .await
        .text;
    assert!(
        none.contains("Nobody in the directory is called so"),
        "{none}"
    );
    let alone = open(
        &service,
        &mut browser,
        "/history?who=triage-bot-2&state=denied",
    )
    .await
    .text;
    assert!(alone.contains("Nothing of that kind was asked"), "{alone}");
    for path in [
        format!("/history?who=x&of={one}"),
        format!("/history?who={}", "x".repeat(600)),
        "/history?of=%20".to_owned(),
    ] {
        assert_eq!(
            browser.open(&service.url(&path)).await.status,
            400,
            "{path}"
        );
    }
    let gone = "/history?who=triage-bot&before=0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e";
    assert_eq!(browser.open(&service.url(gone)).await.status, 404);
}

#[tokio::test]
async fn who_signs_out_is_told_that_the_provider_has_them_still_and_where_to_leave_it() {
    for (endpoint, expected) in [
        (
            json!("{issuer}/end?realm=a"),
            Some("/end?realm=a&amp;client_id="),
        ),
        (json!("{issuer}/end"), Some("/end?client_id=")),
        (Value::Null, None),
        // Nobody is sent there.
        (json!("http://evil.example/end"), None),
        (json!("javascript:alert(1)"), None),
    ] {
        let provider = FakeProvider::start().await;
        if let Some(endpoint) = endpoint.as_str() {
            let endpoint = endpoint.replace("{issuer}", &provider.issuer);
            let metadata = &mut provider.words().metadata;
            metadata.insert("end_session_endpoint", json!(endpoint));
        }
        let service = Service::with(&provider.configuration("")).await;
        let mut browser = Browser::new();
        let shown = provider.sign_in(&service, &mut browser, "grace-sub").await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        let shown = send(&service, &mut browser, "/sign-out", &[]).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        assert!(
            shown
                .text
                .contains("You may still be signed in at 127.0.0.1"),
            "{}",
            shown.text
        );
        match expected {
            Some(expected) => {
                let link = format!("href=\"{}{expected}", provider.issuer);
                assert!(shown.text.contains(&link), "{}", shown.text);
            }
            None => assert!(!shown.text.contains("Sign out there"), "{}", shown.text),
        }
        assert_eq!(browser.open(&service.url("/session")).await.status, 303);
    }
}
