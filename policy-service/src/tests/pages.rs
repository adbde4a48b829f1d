//! The inbox's pages, as a browser without scripts gets them.

use std::time::{Duration, Instant};

use serde_json::json;
use velum_approval::{
    ApprovalId, Check, Evidence, FieldPath, Found, MaskedBy, Shape, ShapeField, Tags,
};
use velum_engine::Class;

use crate::testing::browser::{Browser, Shown};
use crate::testing::{CONFIGURATION, POLICY, Service, Stopped, figure, identity, reason};

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

/// Sends a form of the approval's page.
async fn send(
    service: &Service,
    browser: &mut Browser,
    id: &ApprovalId,
    verb: &str,
    fields: &[(&str, &str)],
) -> Shown {
    let token = open(service, browser, "/").await.form_token();
    let token = [("form_token", token.as_str())];
    let fields: Vec<_> = token.iter().chain(fields).copied().collect();
    let url = service.url(&format!("/approvals/{id}/{verb}"));
    browser.submit(&url, &fields).await
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[tokio::test]
async fn what_waits_is_divided_into_what_the_reader_may_decide_and_the_rest() {
    let service = Service::start().await;
    let mut ask = service.ask(1);
    ask.reason = Some(reason("discharge summary"));
    let read = service.pending(&ask).await;
    let mut ask = service.ask(2);
    ask.action = "purge".parse().unwrap();
    ask.method = "DELETE".to_owned();
    ask.classes = velum_engine::ClassSet::EMPTY;
    let purge = service.pending(&ask).await;
    for (person, own, others) in [
        ("grace", vec![&read, &purge], vec![]),
        // In none of the groups of the other action.
        ("nora", vec![&read], vec![&purge]),
        // Behind both.
        ("dr-jones", vec![], vec![&read, &purge]),
    ] {
        let mut browser = signed_in(&service, person).await;
        for (path, expected) in [("/", &own), ("/?others=true", &others)] {
            let page = open(&service, &mut browser, path).await.text;
            assert_eq!(count(&page, "<article"), expected.len(), "{person} {path}");
            for id in expected {
                assert!(page.contains(&format!("id=\"a-{id}\"")), "{person} {path}");
            }
            let decides = if path == "/" { expected.len() } else { 0 };
            assert_eq!(
                count(&page, ">Approve</button>"),
                decides,
                "{person} {path}"
            );
        }
    }
}

#[tokio::test]
async fn a_form_does_what_it_says_with_the_version_that_it_was_shown_for() {
    let service = Service::start().await;
    let mut browser = signed_in(&service, "grace").await;
    let less = service.pending(&service.ask(1)).await;
    let fields = [
        ("version", "1"),
        ("less", "true"),
        ("classes", "name"),
        ("records", "3"),
        ("kibibytes", ""),
        ("minutes", "2"),
        ("comment", "for the\nward"),
    ];
    let shown = send(&service, &mut browser, &less, "approve", &fields).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    assert_eq!(shown.header("location"), format!("/approvals/{less}"));
    let card = service.show(&less).await;
    let granted = json!({"classes": ["name"], "limits": {"records": 3, "bytes": null}});
    assert_eq!(card["granted"], granted, "{card}");
    assert_eq!(card["votes"][0]["comment"], "for the ward");
    assert_eq!(card["votes"][0]["seconds"], 120);

    let all = service.pending(&service.ask(2)).await;
    let fields = [("version", "1"), ("listed", "true")];
    let shown = send(&service, &mut browser, &all, "approve", &fields).await;
    assert_eq!(shown.header("location"), format!("/?done={all}"));
    assert_eq!(service.show(&all).await["state"], "approved");
    let shown = send(&service, &mut browser, &all, "revoke", &[("version", "2")]).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    assert_eq!(service.show(&all).await["state"], "revoked");

    let denied = service.pending(&service.ask(3)).await;
    let fields = [
        ("version", "1"),
        ("told", "Not now."),
        ("more", "\r\nLater"),
    ];
    let shown = send(&service, &mut browser, &denied, "deny", &fields).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    assert_eq!(
        service.show(&denied).await["public_reason"],
        "Not now. Later"
    );

    // Classes of nobody's, nothing at all, fields that there are not.
    let open = service.pending(&service.ask(4)).await;
    for fields in [
        &[("version", "1"), ("less", "true"), ("classes", "nmae")][..],
        &[("version", "1"), ("less", "true")],
        &[("version", "1"), ("classes", "ssn"), ("less", "true")],
        &[("version", "1"), ("sure", "true")],
        &[],
        &[("version", "one")],
    ] {
        let shown = send(&service, &mut browser, &open, "approve", fields).await;
        assert_eq!(shown.status, 400, "{fields:?}: {}", shown.text);
    }
    assert_eq!(service.show(&open).await["votes"], json!([]));
}

#[tokio::test]
async fn a_stale_form_does_nothing_and_what_is_new_is_marked() {
    let two = CONFIGURATION.replace("[actions.read]\nquorum = 1", "[actions.read]\nquorum = 2");
    let service = Service::with(&two).await;
    let mut browser = signed_in(&service, "grace").await;
    let id = service.pending(&service.ask(1)).await;
    assert_eq!(service.approve("omar", &id, json!({})).await.0, 200);
    for verb in ["approve", "deny", "question"] {
        let shown = send(&service, &mut browser, &id, verb, &[("version", "1")]).await;
        assert_eq!(shown.status, 409, "{verb}");
        assert!(
            shown.text.contains("has changed since you read it"),
            "{verb}"
        );
        assert_eq!(
            count(&shown.text, "new to you"),
            1,
            "{verb}: {}",
            shown.text
        );
        assert!(
            shown.text.contains("name=\"version\" value=\"2\""),
            "{verb}"
        );
    }
    assert_eq!(service.show(&id).await["version"], 2);
    let shown = send(&service, &mut browser, &id, "approve", &[("version", "2")]).await;
    assert_eq!(shown.status, 303);
    assert_eq!(service.show(&id).await["state"], "approved");
}

#[tokio::test]
async fn who_is_behind_a_request_decides_nothing_by_a_form() {
    let service = Service::start().await;
    let mut browser = signed_in(&service, "dr-jones").await;
    let id = service.pending(&service.ask(1)).await;
    for verb in ["approve", "deny", "question"] {
        let shown = send(&service, &mut browser, &id, verb, &[("version", "1")]).await;
        assert_eq!(shown.status, 403, "{verb}");
        assert!(shown.text.contains("You are behind this request"), "{verb}");
    }
    assert_eq!(service.show(&id).await["version"], 1);
}

#[tokio::test]
async fn every_page_is_there_and_only_what_is_there_is_linked() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let denied = service.pending(&service.ask(2)).await;
    assert_eq!(service.deny("omar", &denied, json!({})).await.0, 200);
    let waits = service.pending(&service.ask(3)).await;
    let mut browser = signed_in(&service, "grace").await;
    let mut open_paths = vec!["/".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = open_paths.pop() {
        if !seen.insert(path.clone()) || seen.len() > 200 {
            continue;
        }
        let page = open(&service, &mut browser, &path).await.text;
        for attribute in ["href=\"", "src=\""] {
            let links = page.split(attribute).skip(1);
            let links = links.map(|rest| rest.split('"').next().unwrap());
            let local = links.filter(|link| link.starts_with('/'));
            let local = local.map(|link| link.split('#').next().unwrap());
            open_paths.extend(local.map(|link| link.replace("&amp;", "&")));
        }
    }
    for path in [
        format!("/approvals/{id}"),
        format!("/approvals/{denied}"),
        format!("/approvals/{waits}"),
        "/history".to_owned(),
        "/grants".to_owned(),
        "/stops".to_owned(),
        "/policy".to_owned(),
        "/activity".to_owned(),
        "/audit".to_owned(),
        "/audit/0".to_owned(),
    ] {
        assert!(seen.contains(&path), "{path} is not linked");
    }
}

#[tokio::test]
async fn history_and_the_log_are_searched_from_their_ends() {
    let service = Service::start().await;
    let mut browser = signed_in(&service, "grace").await;
    let id = service.pending(&service.ask(1)).await;
    assert_eq!(service.deny("grace", &id, json!({})).await.0, 200);
    service.clock.advance(60_000);
    let other = service.pending(&service.ask(2)).await;
    let denied = open(&service, &mut browser, "/history?state=denied&action=")
        .await
        .text;
    assert!(denied.contains(id.as_str()) && !denied.contains(other.as_str()));
    let before = format!("/history?before={other}");
    let before = open(&service, &mut browser, &before).await.text;
    assert!(before.contains(id.as_str()) && !before.contains(other.as_str()));
    let kind = open(&service, &mut browser, "/audit?kind=VA1102I")
        .await
        .text;
    assert_eq!(count(&kind, "<tr><td"), 1, "{kind}");
    let about = format!("/audit?approval={id}");
    let about = open(&service, &mut browser, &about).await.text;
    assert_eq!(count(&about, "<tr><td"), 2, "{about}");
    // Up to the minute in which the first was decided.
    let until = open(&service, &mut browser, "/audit?until=2026-11-23T20:01")
        .await
        .text;
    assert!(until.contains(id.as_str()) && !until.contains(other.as_str()));
    for path in [
        "/history?state=open",
        "/audit?kind=x",
        "/audit?before=-1",
        "/activity?period=year",
    ] {
        assert_eq!(browser.open(&service.url(path)).await.status, 400, "{path}");
    }
    assert_eq!(browser.open(&service.url("/audit/999")).await.status, 404);
}

#[tokio::test]
async fn a_stop_is_made_and_another_person_resumes_it() {
    let service = Service::start().await;
    let mut grace = signed_in(&service, "grace").await;
    let token = open(&service, &mut grace, "/stops").await.form_token();
    let fields = [
        ("form_token", token.as_str()),
        ("kind", "action"),
        ("action", "read"),
        ("gateway", ""),
        ("comment", "drill"),
    ];
    let shown = grace.submit(&service.url("/stops"), &fields).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    let (_, stops) = service.get("grace", "/v1/stops").await;
    let id = stops["stops"][0]["id"].as_str().unwrap();
    assert_eq!(
        stops["stops"][0]["scope"],
        json!({"kind": "action", "name": "read"})
    );
    let path = service.url(&format!("/stops/{id}/resume"));
    let shown = grace.submit(&path, &[("form_token", &token)]).await;
    assert_eq!(shown.status, 403, "the same person");
    let mut omar = signed_in(&service, "omar").await;
    let page = open(&service, &mut omar, "/stops").await;
    assert!(
        page.text.contains("drill") && page.text.contains(">Resume<"),
        "{}",
        page.text
    );
    let shown = omar
        .submit(&path, &[("form_token", &page.form_token())])
        .await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    assert!(
        open(&service, &mut omar, "/stops")
            .await
            .text
            .contains("Resumed by")
    );
}

#[tokio::test]
async fn what_the_pages_load_is_kept_by_browsers_for_good() {
    let service = Service::start().await;
    let mut browser = signed_in(&service, "grace").await;
    let page = open(&service, &mut browser, "/").await.text;
    for extension in [".css\"", ".js\"", ".svg\""] {
        let (before, _) = page.split_once(extension).unwrap();
        let (_, path) = before.rsplit_once('"').unwrap();
        let path = format!("{path}{}", extension.trim_end_matches('"'));
        let shown = Browser::new().open(&service.url(&path)).await;
        assert_eq!(shown.status, 200, "{path}");
        let cache = shown.header("cache-control");
        assert!(cache.contains("immutable"), "{path}: {cache}");
        let tag = shown.header("etag").to_owned();
        let again = Browser::new()
            .send(
                reqwest::Method::GET,
                &service.url(&path),
                &[("if-none-match", &tag)],
                None,
            )
            .await;
        assert_eq!(again.status, 304, "{path}");
    }
}

#[tokio::test]
async fn only_a_records_page_runs_wasm_and_only_beside_the_playground() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<!doctype html>").unwrap();
    let beside = format!("playground = {:?}\n{CONFIGURATION}", folder.path());
    for (configuration, has_playground) in [(beside.as_str(), true), (CONFIGURATION, false)] {
        let service = Service::with(configuration).await;
        let mut browser = signed_in(&service, "grace").await;
        for (path, is_record) in [("/", false), ("/audit", false), ("/audit/0", true)] {
            let shown = open(&service, &mut browser, path).await;
            let policy = shown.header("content-security-policy");
            let runs = policy.contains("'wasm-unsafe-eval'");
            assert_eq!(runs, is_record && has_playground, "{path}: {policy}");
            let script = shown.text.contains("type=\"module\"");
            assert!(!script || runs, "{path}");
        }
    }
}

/// An ask whose answer was seen: names in these fields, each masked by a rule if it has one.
async fn seen(
    service: &Service,
    mut check: Check,
    fields: &[(&str, Option<&str>)],
    others: u64,
) -> ApprovalId {
    check.evidence = true;
    let id = service.pending(&check).await;
    let fields = fields.iter().map(|(path, rule)| ShapeField {
        path: FieldPath::new(*path).unwrap(),
        class: Class::Name,
        by: rule.map_or(MaskedBy::Profile, |_| MaskedBy::Rule),
        rule: rule.map(|rule| rule.parse().unwrap()),
        count: 1,
    });
    let shape = Shape::new(fields, Found::new([(Class::Name, others)]));
    let evidence = Evidence {
        use_key: check.use_key,
        found: shape.counts(),
        records: 1,
        bytes: 300,
        tags: Tags::new([[1; 8]]).unwrap(),
        complete: true,
        shape: Some(shape),
    };
    let path = format!("/v1/approvals/{id}/evidence");
    let body = serde_json::to_value(evidence).unwrap();
    let (status, answer) = service.call_gateway("POST", &path, &body).await;
    assert_eq!(status, 204, "{answer}");
    id
}

#[tokio::test]
async fn a_reader_sees_in_which_fields_it_stands_and_narrows_it_to_rules_that_occur() {
    let rules =
        "rules: [{name: wards, key: ward, class: name}, {name: beds, key: bed, class: name}]";
    let policy = POLICY.replace(
        "profiles: [fhir-r4]",
        &format!("profiles: [fhir-r4]\n  {rules}"),
    );
    assert_ne!(policy, POLICY);
    let service = Stopped::under(&policy).start(CONFIGURATION).await;
    let fields = [("$.name[*].family", None), ("$.*[*].ward", Some("wards"))];
    let whole = seen(&service, service.ask(1), &fields, 0).await;
    let cut = seen(&service, service.ask(2), &fields, 3).await;
    let mut browser = signed_in(&service, "grace").await;
    let list = open(&service, &mut browser, "/").await.text;
    assert_eq!(count(&list, "class=\"fields\""), 2, "{list}");
    assert_eq!(
        count(&list, "<li><code>name[*].family</code> name 1</li>"),
        2
    );
    let flagged = "flagged by <a href=\"/policy\">action 3 of the policy</a>";
    assert_eq!(count(&list, flagged), 2);
    // What was cut is not approved from the list.
    assert_eq!(count(&list, ">Approve</button>"), 1);
    assert_eq!(count(&list, "Read all to approve"), 1);
    assert_eq!(count(&list, "more fields than are told apart"), 1);

    for (id, cuts, offered) in [(&whole, 0, vec!["wards"]), (&cut, 1, vec!["beds", "wards"])] {
        let page = open(&service, &mut browser, &format!("/approvals/{id}"))
            .await
            .text;
        let line = "<code><span class=\"muted\">*[*].</span>ward</code></th><td>name</td><td>rule wards</td>";
        assert_eq!(count(&page, line), 1, "{page}");
        assert_eq!(count(&page, "3 name in more fields"), cuts);
        let boxes: Vec<_> = page
            .split("name=\"rules\" value=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert_eq!(boxes, offered);
    }
}

#[tokio::test]
async fn a_card_says_what_has_become_of_the_same_lately() {
    let service = Service::start().await;
    for number in [1_u8, 2] {
        let mut check = service.ask(1);
        check.fingerprint = velum_approval::Fingerprint::from_bytes([number; 32]);
        let id = service.pending(&check).await;
        if number == 1 {
            assert_eq!(service.deny("omar", &id, json!({})).await.0, 200);
        }
    }
    // Another resource is another thing.
    service.pending(&service.ask(7)).await;
    let mut browser = signed_in(&service, "grace").await;
    let list = open(&service, &mut browser, "/").await.text;
    assert_eq!(count(&list, "<article"), 2);
    assert_eq!(count(&list, "the same this week: 1 denied"), 1, "{list}");
    assert_eq!(count(&list, "the same this week"), 1);
}

#[tokio::test]
async fn whoever_waits_now_stands_first_and_every_ask_is_on_a_page() {
    let (before, rest) = CONFIGURATION.split_once("[limits]").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let limits = "[limits]\npending_per_principal = 100\nasks_per_minute = 1000\n";
    let service = Service::with(&format!("{before}{limits}\n{after}")).await;
    let mut ids = Vec::new();
    for number in 0..40_u8 {
        let mut check = service.ask(1);
        check.fingerprint = velum_approval::Fingerprint::from_bytes([number; 32]);
        ids.push(service.pending(&check).await.to_string());
    }
    // Those of one moment have no order but their ids.
    ids.sort();
    let app = &service.running.app;
    let wait = |number: usize, seconds: Option<u64>| {
        let key = velum_approval::UseKey::from_bytes([u8::try_from(number).unwrap(); 16]);
        let until = seconds.map(|seconds| app.now().after(Duration::from_secs(seconds)));
        let stream = (velum_approval::GatewayId::new("edge").unwrap(), key);
        app.parts()
            .streams
            .arrive(&ids[number].parse().unwrap(), stream, until)
    };
    let _waits = [
        wait(37, None),
        wait(35, Some(20)),
        wait(38, Some(9)),
        wait(2, None),
    ];
    let mut browser = signed_in(&service, "grace").await;
    let page = open(&service, &mut browser, "/").await.text;
    let shown = |page: &str| -> Vec<String> {
        let cards = page.split("data-id=\"").skip(1);
        cards
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect()
    };
    let first = shown(&page);
    assert_eq!(first.len(), 30);
    let expected = [38, 35, 2, 37, 0, 1, 3].map(|number: usize| ids[number].clone());
    assert_eq!(first[..7], expected);
    assert_eq!(count(&page, "caller waits"), 4);
    assert_eq!(count(&page, "caller waits, <time"), 2);
    assert_eq!(count(&page, "<b id=\"more\">10</b> more"), 1, "{page}");
    let next = page
        .split("href=\"")
        .find(|rest| rest.starts_with("/?after="));
    let next = next.unwrap().split('"').next().unwrap().to_owned();
    // Behind it is each that was not there; one whose caller waits may be there once more.
    let rest = shown(&open(&service, &mut browser, &next).await.text);
    let mut all: Vec<_> = first.iter().chain(&rest).cloned().collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 40);
}

/// As much as a card can have: every field path as long as it may be, a reason that fills its room, marks in it.
#[tokio::test]
async fn a_page_of_the_longest_cards_is_as_small_as_any_and_each_is_on_one() {
    let (before, rest) = CONFIGURATION.split_once("[limits]").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let limits = "[limits]\npending_per_principal = 100\nasks_per_minute = 1000\n";
    let service = Service::with(&format!("{before}{limits}\n{after}")).await;
    let marks = "\u{202e}".repeat(40);
    let long = format!("{marks}{}", "<w>".repeat(13));
    // Of keys that a profile names: every other is `*`.
    let tails = ["family", "given[*]", "text", "display"].map(|key| format!(".{key}"));
    let further = tails.clone().map(|key| format!(".subject{key}"));
    let way = format!("$.entry[*].resource{}", ".contact[*].name".repeat(7));
    let paths = tails.iter().chain(&further);
    let paths: Vec<_> = paths.map(|tail| format!("{way}{tail}")).collect();
    let fields: Vec<_> = paths.iter().map(|path| (path.as_str(), None)).collect();
    let mut ids = Vec::new();
    for number in 0..40_u8 {
        let mut check = service.ask(1);
        check.fingerprint = velum_approval::Fingerprint::from_bytes([number; 32]);
        check.use_key = velum_approval::UseKey::from_bytes([number; 16]);
        check.reason = Some(reason(&long));
        ids.push(seen(&service, check, &fields, 0).await.to_string());
    }
    ids.sort();
    let app = &service.running.app;
    let wait = |(number, id): (u8, &String)| {
        let key = velum_approval::UseKey::from_bytes([number; 16]);
        let stream = (velum_approval::GatewayId::new("edge").unwrap(), key);
        app.parts()
            .streams
            .arrive(&id.parse().unwrap(), stream, None)
    };
    let mut browser = signed_in(&service, "grace").await;
    for waits in [0, 40] {
        let _waits: Vec<_> = (0..40).zip(&ids).take(waits).map(wait).collect();
        let (mut path, mut seen, mut cards) = ("/".to_owned(), Vec::new(), Vec::new());
        loop {
            let page = open(&service, &mut browser, &path).await.text;
            assert!(page.len() < 76_000, "{} bytes", page.len());
            let shown = page.split("data-id=\"").skip(1);
            let before = seen.len();
            seen.extend(shown.map(|rest| rest.split('"').next().unwrap().to_owned()));
            cards.push(seen.len() - before);
            let next = page
                .split("href=\"")
                .find(|rest| rest.starts_with("/?after=") && rest.contains("rel=\"next\""));
            let Some(next) = next else { break };
            next.split('"').next().unwrap().clone_into(&mut path);
        }
        assert!(
            cards[0] < 30,
            "{cards:?}: there is less than the longest on these"
        );
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ids, "{waits} wait: {cards:?}");
    }
}

#[tokio::test]
async fn what_waits_is_shown_by_action_and_by_who_asks_and_so_are_its_pages() {
    let service = Service::start().await;
    let read = service.pending(&service.ask(1)).await;
    let mut ask = service.ask(2);
    ask.action = "purge".parse().unwrap();
    ask.method = "DELETE".to_owned();
    ask.classes = velum_engine::ClassSet::EMPTY;
    let purge = service.pending(&ask).await;
    let mut browser = signed_in(&service, "grace").await;
    for (query, ids, says) in [
        ("action=&who=", vec![&read, &purge], "To decide <b>2</b>"),
        ("action=purge", vec![&purge], "Only some of what waits"),
        (
            "action=read&who=triage-bot",
            vec![&read],
            "Only some of what waits",
        ),
        ("who=grace", vec![], "Nothing of that kind waits for you"),
        ("who=nobody", vec![], "Nobody in the directory is called so"),
    ] {
        let page = open(&service, &mut browser, &format!("/?{query}"))
            .await
            .text;
        assert_eq!(count(&page, "<article"), ids.len(), "{query}");
        for id in ids {
            assert!(page.contains(&format!("id=\"a-{id}\"")), "{query}");
        }
        assert!(page.contains(says), "{query}: {page}");
    }
    // What one tab leaves out, the other does too.
    let page = open(&service, &mut browser, "/?action=purge&who=triage-bot")
        .await
        .text;
    assert_eq!(
        count(
            &page,
            "href=\"/?others=true&#38;action=purge&#38;who=triage-bot\""
        ),
        1,
        "{page}"
    );
    let long = format!("who={}", "a".repeat(600));
    for query in [long.as_str(), "who=a&who=b", "unknown=1"] {
        let url = service.url(&format!("/?{query}"));
        assert_eq!(browser.open(&url).await.status, 400, "{query}");
    }
}

/// Where names stand in an answer of many.
const FIELDS: [&str; 5] = [
    "$.entry[*].resource.contact[*].name.family",
    "$.entry[*].resource.name[*].family",
    "$.entry[*].resource.name[*].given[*]",
    "$.entry[*].resource.name[*].text",
    "$.entry[*].resource.subject.display",
];

/// A thousand wait: the list is there soon, and not too large for a slow line.
#[tokio::test]
async fn a_thousand_that_wait_are_listed_soon() {
    let more = "[limits]\npending_per_principal = 2000\npending_per_action = 2000\npending = 2000\nasks_per_minute = 100000\n";
    let (before, rest) = CONFIGURATION.split_once("[limits]").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let service = Service::with(&format!("{before}{more}\n{after}")).await;
    for number in 0..1000_u32 {
        let mut check = service.ask(1);
        let mut fingerprint = [0; 32];
        fingerprint[..4].copy_from_slice(&number.to_be_bytes());
        check.fingerprint = velum_approval::Fingerprint::from_bytes(fingerprint);
        check.reason = Some(reason(
            "weekly list of open follow-ups; names are needed to call people back",
        ));
        if number < 30 {
            // The first page shows in which fields.
            seen(&service, check, &FIELDS.map(|path| (path, None)), 0).await;
        } else {
            service.pending(&check).await;
        }
    }
    let mut browser = signed_in(&service, "grace").await;
    let mut times = Vec::new();
    let mut size = 0;
    for _ in 0..100 {
        let begun = Instant::now();
        let page = open(&service, &mut browser, "/").await;
        times.push(begun.elapsed());
        size = page.text.len();
        assert_eq!(count(&page.text, "<article"), 30);
        assert!(page.text.contains("To decide <b>1000</b>"));
    }
    times.sort();
    let slowest = times[times.len() * 95 / 100 - 1];
    let line = format!(
        "{:.1} ms at p95 of {}, as its client has it; {size} bytes",
        slowest.as_secs_f64() * 1000.0,
        times.len()
    );
    figure("a_thousand_that_wait_are_listed_soon", &line);
    // A bound for what grows with all that waits, on whatever machine; the figure is for a quiet one.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    assert!(size < 70_000, "{size} bytes");
    // Every page of them leads to the next.
    let mut path = "/".to_owned();
    let mut shown = 0;
    loop {
        let page = open(&service, &mut browser, &path).await.text;
        shown += count(&page, "<article");
        let Some((_, rest)) = page.split_once("href=\"/?after=") else {
            break;
        };
        path = format!("/?after={}", rest.split('"').next().unwrap());
    }
    assert_eq!(shown, 1000);
}

/// Asked, granted, denied, lapsed, open, releases.
fn figures(text: &str) -> Vec<String> {
    let (_, rest) = text.split_once("<dl class=\"figures\">").unwrap();
    let (list, _) = rest.split_once("</dl>").unwrap();
    let numbers = list.split("<dd>").skip(1);
    numbers
        .map(|it| it.split('<').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_was_asked_and_what_left_are_counted_by_action_principal_and_class() {
    let service = Service::start().await;
    let mut browser = signed_in(&service, "grace").await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    // What leaves is counted when it does, whenever it was asked.
    service.clock.advance(2 * 60_000);
    service.verified(&check, &service.check(&check).await);
    let mut purge = service.ask(2);
    purge.principal = identity("nora");
    purge.lineage = velum_approval::Lineage::new(vec![identity("nora")]).unwrap();
    purge.action = "purge".parse().unwrap();
    purge.classes = velum_engine::ClassSet::EMPTY;
    let purged = service.pending(&purge).await;
    assert_eq!(service.deny("grace", &purged, json!({})).await.0, 200);
    for (path, expected) in [
        ("/activity", ["2", "1", "1", "0", "0", "1"]),
        ("/activity?action=read", ["1", "1", "0", "0", "0", "1"]),
        ("/activity?action=purge", ["1", "0", "1", "0", "0", "0"]),
        ("/activity?principal=nora", ["1", "0", "1", "0", "0", "0"]),
        ("/activity?class=name", ["1", "1", "0", "0", "0", "1"]),
        ("/activity?action=purge&class=name", ["0"; 6]),
    ] {
        let text = open(&service, &mut browser, path).await.text;
        assert_eq!(figures(&text), expected, "{path}");
    }
    // A release that is older than the period is none of it.
    service.clock.advance(25 * 60 * 60_000);
    let service = service.restart().await;
    let mut browser = signed_in(&service, "omar").await;
    let text = open(&service, &mut browser, "/activity?period=day")
        .await
        .text;
    assert_eq!(figures(&text), ["0"; 6]);
    let text = open(&service, &mut browser, "/activity?period=week")
        .await
        .text;
    assert_eq!(figures(&text), ["2", "1", "1", "0", "0", "1"]);
}

#[tokio::test]
async fn a_class_that_was_asked_and_not_granted_counts_as_asked_alone() {
    let service = Service::start().await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    let less = json!({"classes": ["name"]});
    assert_eq!(service.approve("grace", &id, less).await.0, 200);
    service.verified(&check, &service.check(&check).await);
    let mut browser = signed_in(&service, "grace").await;
    for (path, expected) in [
        ("/activity", ["1", "1", "0", "0", "0", "1"]),
        ("/activity?class=name", ["1", "1", "0", "0", "0", "1"]),
        ("/activity?class=date", ["1", "0", "0", "0", "0", "0"]),
    ] {
        let text = open(&service, &mut browser, path).await.text;
        assert_eq!(figures(&text), expected, "{path}");
    }
}

/// More than a page shows: a caller who asks again and again does not push out what comes after.
#[tokio::test]
async fn a_vote_is_on_the_page_however_many_refusals_came_before_it() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    for _ in 0..2 {
        // So many are recorded within a minute.
        for _ in 0..60 {
            let mut other = service.ask(2);
            other.approval = Some(id.clone());
            assert_eq!(service.check(&other).await["code"], "mismatch");
        }
        service.clock.advance(60_000);
    }
    let mut browser = signed_in(&service, "grace").await;
    let path = format!("/approvals/{id}");
    let page = open(&service, &mut browser, &path).await.text;
    assert_eq!(count(&page, "wanted to use the grant and may not"), 100);
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let page = open(&service, &mut browser, &path).await.text;
    assert_eq!(count(&page, "approved: enough have agreed"), 1, "{page}");
    assert_eq!(count(&page, "wanted to use the grant and may not"), 99);
    let all = format!("/audit?approval={id}");
    let says = format!("The latest 100 of more: <a href=\"{all}\">");
    assert_eq!(count(&page, &says), 1, "{page}");
    let all = open(&service, &mut browser, &all).await.text;
    assert_eq!(count(&all, "<tr><td"), 122);

    // The store gives all of them, from either end.
    let store = service.running.app.store();
    let whole = store.entries_about(&id, 1000).await.unwrap();
    let whole: Vec<_> = whole.iter().map(|entry| entry.index).collect();
    assert_eq!(whole.len(), 122);
    let first = store.entries_about(&id, 50).await.unwrap();
    let first: Vec<_> = first.iter().map(|entry| entry.index).collect();
    assert_eq!(first, whole[..50]);
    let (mut below, mut end) = (u64::MAX, whole.len());
    for size in [50, 50, 22, 0] {
        let page = store.latest_about(&id, below, 50).await.unwrap();
        let page: Vec<_> = page.iter().map(|entry| entry.index).collect();
        assert_eq!(page, whole[end - size..end]);
        end -= size;
        below = page.first().copied().unwrap_or(0);
    }

    // Where nothing is left out, nothing is said of it.
    let other = service.pending(&service.ask(3)).await;
    let path = format!("/approvals/{other}");
    let page = open(&service, &mut browser, &path).await.text;
    assert_eq!(count(&page, "of more"), 0, "{page}");
}

#[tokio::test]
async fn a_page_is_headed_by_who_asks_for_what_and_content_that_nobody_saw_is_a_warning() {
    let service = Service::start().await;
    let read = service.pending(&service.ask(1)).await;
    let mut ask = service.ask(2);
    ask.action = "purge".parse().unwrap();
    ask.method = "DELETE".to_owned();
    ask.classes = velum_engine::ClassSet::EMPTY;
    let purge = service.pending(&ask).await;
    let mut browser = signed_in(&service, "grace").await;
    let list = open(&service, &mut browser, "/").await.text;
    assert_eq!(count(&list, "<p class=\"warn\">content not seen</p>"), 2);
    for (id, heading, action, usable) in [
        (&read, "asks to read name, date", "read", "name, date"),
        (
            &purge,
            "asks to have a request let through",
            "purge",
            "The request, once",
        ),
    ] {
        let page = open(&service, &mut browser, &format!("/approvals/{id}")).await;
        let page = page.text;
        let heading = format!("</span> <bdi>triage-bot</bdi> {heading}</h1>");
        assert_eq!(count(&page, &heading), 1, "{page}");
        let action = format!("Action <bdi>{action}</bdi>");
        assert_eq!(count(&page, &action), 1, "{page}");
        let usable = format!("{usable}, usable for 5 min");
        assert_eq!(count(&page, &usable), 1, "{page}");
    }
    assert_eq!(service.deny("grace", &read, json!({})).await.0, 200);
    let path = format!("/approvals/{read}");
    let page = open(&service, &mut browser, &path).await.text;
    assert_eq!(count(&page, "</bdi> asked to read name, date</h1>"), 1);
}

/// What is written with a vote is for nobody behind the request; what is written with a stop is for all.
#[tokio::test]
async fn a_form_says_who_reads_the_comment() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    let mut grace = signed_in(&service, "grace").await;
    let path = format!("/approvals/{id}");
    let form = |page: &str, name: &str| {
        let (_, rest) = page.split_once(&format!("id=\"{name}\"")).unwrap();
        rest.split("</form>").next().unwrap().to_owned()
    };
    let some = "For colleagues and the auditor";
    let every = "For every reviewer and the auditor";
    let page = open(&service, &mut grace, &path).await.text;
    assert_eq!(count(&form(&page, "deny"), some), 1, "{page}");
    assert_eq!(count(&form(&page, "stop"), every), 1, "{page}");
    let vote = json!({"comment": "with a vote"});
    assert_eq!(service.approve("grace", &id, vote).await.0, 200);
    let page = open(&service, &mut grace, &path).await.text;
    assert_eq!(count(&form(&page, "revoke"), every), 1, "{page}");
    let fields = [("version", "2"), ("comment", "with a revocation")];
    let shown = send(&service, &mut grace, &id, "revoke", &fields).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    // Who is behind the request.
    let mut jones = signed_in(&service, "dr-jones").await;
    let page = open(&service, &mut jones, &path).await.text;
    assert_eq!(count(&page, "with a vote"), 0, "{page}");
    let stops = open(&service, &mut jones, "/stops").await.text;
    assert_eq!(count(&stops, "with a revocation"), 1, "{stops}");
    assert_eq!(count(&stops, every), 1, "{stops}");
}
