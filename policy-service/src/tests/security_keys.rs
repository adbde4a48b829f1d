//! Actions for which a security key signs what is approved.

use std::time::Duration;

use serde_json::{Value, json};
use velum_approval::ApprovalId;
use velum_approval::replay::{Kind, Replay};

use crate::clock::Clock as _;
use crate::store::{Operation, StoreError, Transaction};
use crate::testing::browser::{Browser, Shown};
use crate::testing::provider::FakeProvider;
use crate::testing::soft_key::{
    ORIGIN, SoftKey, begin, sign_in_for_key, sign_in_for_key_by, submit, value,
};
use crate::testing::{CONFIGURATION, Service};

const MINUTE: i64 = 60_000;

fn configuration(provider: &FakeProvider, quorum: u32, keys: &str) -> String {
    let rule = format!("[actions.read]\nquorum = {quorum}\nstep_up = \"webauthn\"");
    let further = format!("[inbox.keys]\n{keys}\n");
    provider
        .configuration(&further)
        .replace("[actions.read]\nquorum = 1", &rule)
        .replace("http://127.0.0.1:1", ORIGIN)
        .replace("pending_per_principal = 5", "pending_per_principal = 50")
}

/// A provider, a service whose keys count at once, and grace's browser with a key of hers.
async fn start() -> (FakeProvider, Service, Browser, SoftKey) {
    let provider = FakeProvider::start().await;
    let service = Service::with(&configuration(&provider, 1, "age = \"0s\"")).await;
    let mut browser = Browser::new();
    provider.sign_in(&service, &mut browser, "grace-sub").await;
    let key = SoftKey::new(1);
    let shown = key
        .add((&provider, &service), &mut browser, "grace-sub")
        .await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    service.clock.advance(1);
    (provider, service, browser, key)
}

/// The page that asks for a signature of a yes with these fields.
async fn ask(
    service: &Service,
    browser: &mut Browser,
    id: &ApprovalId,
    fields: &[(&'static str, &str)],
) -> Shown {
    let token = browser.open(&service.url("/keys")).await.form_token();
    let mut all = vec![("form_token", token)];
    all.extend(
        fields
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    submit(service, browser, &format!("/approvals/{id}/approve"), &all).await
}

/// Sends a yes with what a key has signed of the page's challenge.
async fn answer(
    service: &Service,
    browser: &mut Browser,
    id: &ApprovalId,
    (page, key, fields): (&str, &SoftKey, &[(&'static str, &str)]),
) -> Shown {
    let token = value(page, "name=\"form_token\" value=\"").to_owned();
    let mut all = vec![("form_token", token)];
    all.extend(
        fields
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    all.extend(key.assertion(page));
    submit(service, browser, &format!("/approvals/{id}/approve"), &all).await
}

const FIRST: &[(&str, &str)] = &[("version", "1")];

async fn last(service: &Service, code: &str) -> Value {
    let log = service.log().await;
    let found = log
        .iter()
        .rev()
        .find(|record| record["data"]["code"] == code);
    found.unwrap_or_else(|| panic!("{code}"))["data"].clone()
}

/// What reading the log again finds, beside outcomes that nobody has told.
async fn findings(service: &Service) -> Vec<Kind> {
    let mut replay = Replay::default();
    for (index, leaf) in (0..).zip(service.log().await) {
        replay.leaf(index, &serde_json::to_vec(&leaf).unwrap());
    }
    let findings = replay.finish().findings.into_iter();
    let kinds = findings.map(|finding| finding.kind);
    kinds.filter(|kind| *kind != Kind::OutcomeMissing).collect()
}

#[tokio::test]
async fn a_key_signs_what_is_approved_and_the_log_holds_what_verifies_it() {
    let (_provider, service, mut browser, mut key) = start().await;
    let added = last(&service, "VA1901I").await;
    assert_eq!(added["actor"], json!({"kind": "person", "id": "grace"}));
    assert_eq!(added["credential"]["id"], key.id());
    assert_eq!(
        added["credential"]["key"],
        json!({"alg": "EdDSA", "x": key.public()})
    );
    assert_eq!(added["credential"]["origin"], ORIGIN);
    let confirmed = last(&service, "VA1804I").await;
    assert_eq!(confirmed.get("approval"), None);
    let check = service.ask(1);
    let id = service.pending(&check).await;
    assert_eq!(last(&service, "VA1001I").await["step_up"], "webauthn");
    assert_eq!(service.show(&id).await["step_up"], "webauthn");
    // A token approves nothing; denying would need no key.
    let (status, body) = service.approve("grace", &id, json!({"version": 1})).await;
    let kind = "https://velum.dev/problems/security-key-needed";
    assert_eq!((status.as_u16(), body["type"].as_str()), (403, Some(kind)));
    let less = [
        ("version", "1"),
        ("less", "true"),
        ("classes", "name"),
        ("minutes", "2"),
        ("comment", "known to me"),
    ];
    let page = ask(&service, &mut browser, &id, &less).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("name, for 120 s"), "{}", page.text);
    assert!(page.text.contains("<noscript>"), "{}", page.text);
    for (name, value) in less {
        let field = format!("name=\"{name}\" value=\"{value}\"");
        assert!(page.text.contains(&field), "{field}: {}", page.text);
    }
    key.count += 1;
    let shown = answer(&service, &mut browser, &id, (&page.text, &key, &less)).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    let voted = last(&service, "VA1111I").await;
    assert_eq!(voted["vote"]["assertion"]["credential"], key.id());
    assert_eq!(voted["vote"]["assertion"]["count"], 2);
    assert_eq!(voted["vote"]["assertion"]["version"], 1);
    service.verified(&check, &service.check(&check).await);
    assert_eq!(findings(&service).await, []);
    let keys = browser.open(&service.url("/keys")).await;
    assert!(keys.text.contains("stays in its device"), "{}", keys.text);
    let pending = browser.open(&service.url("/")).await;
    assert!(
        pending.text.contains("A security key was added for you"),
        "{}",
        pending.text
    );
    service.clock.advance(25 * 60 * MINUTE);
}

#[tokio::test]
async fn what_is_not_signed_for_exactly_this_is_refused_and_recorded() {
    let (_provider, service, mut browser, mut key) = start().await;
    let id = service.pending(&service.ask(1)).await;
    let other = service.pending(&service.ask(2)).await;
    key.count += 1;
    let good = key.clone();
    let bad = |change: fn(&mut SoftKey)| {
        let mut key = good.clone();
        change(&mut key);
        key
    };
    let wider: &[(&str, &str)] = &[("version", "1"), ("less", "true"), ("classes", "name")];
    for (what, approval, fields, key, code) in [
        (
            "another approval",
            &other,
            FIRST,
            good.clone(),
            "not-proven",
        ),
        ("another scope", &id, wider, good.clone(), "not-proven"),
        (
            "not verified",
            &id,
            FIRST,
            bad(|key| key.flags = 0x01),
            "not-proven",
        ),
        (
            "another origin",
            &id,
            FIRST,
            bad(|key| key.origin = "https://evil.example"),
            "not-proven",
        ),
        (
            "another party",
            &id,
            FIRST,
            bad(|key| key.party = "evil.example"),
            "not-proven",
        ),
        (
            "another key",
            &id,
            FIRST,
            {
                let mut key = SoftKey::new(2);
                key.raw_id = good.raw_id.clone();
                key
            },
            "not-proven",
        ),
        ("a key of nobody", &id, FIRST, SoftKey::new(2), "not-proven"),
        (
            "a copy that counts less",
            &id,
            FIRST,
            bad(|key| key.count = 1),
            "key-copied",
        ),
    ] {
        let page = ask(&service, &mut browser, &id, FIRST).await;
        let shown = answer(&service, &mut browser, approval, (&page.text, &key, fields)).await;
        assert_eq!(shown.status, 403, "{what}: {}", shown.text);
        // One that is the same again is counted.
        service.clock.advance(11 * MINUTE / 60);
        let refused = last(&service, "VA1104W").await;
        if what == "another approval" || what == "a copy that counts less" {
            assert_eq!(refused["refused"], code, "{what}");
            assert_eq!(refused["actor"]["id"], "grace");
        }
    }
    // What was changed on its way, and a field too few.
    let page = ask(&service, &mut browser, &id, FIRST).await;
    let token = value(&page.text, "name=\"form_token\" value=\"").to_owned();
    let mut fields = vec![("form_token", token), ("version", "1".to_owned())];
    fields.extend(good.assertion(&page.text));
    fields.retain(|(name, _)| *name != "signature");
    let shown = submit(
        &service,
        &mut browser,
        &format!("/approvals/{id}/approve"),
        &fields,
    )
    .await;
    assert_eq!(shown.status, 400, "{}", shown.text);
    // Too late.
    service.clock.advance(5 * MINUTE);
    let shown = answer(&service, &mut browser, &id, (&page.text, &good, FIRST)).await;
    assert_eq!(shown.status, 403, "{}", shown.text);
    assert_eq!(service.show(&id).await["version"], 1);
    assert_eq!(service.show(&id).await["votes"], json!([]));
    assert_eq!(findings(&service).await, []);
}

#[tokio::test]
async fn a_challenge_is_good_once_in_its_session_and_for_what_was_shown() {
    let (provider, service, mut browser, mut key) = start().await;
    let id = service.pending(&service.ask(1)).await;
    let page = ask(&service, &mut browser, &id, FIRST).await;
    key.count += 1;
    // In another session.
    let mut elsewhere = Browser::new();
    provider
        .sign_in(&service, &mut elsewhere, "grace-sub")
        .await;
    let token = elsewhere.open(&service.url("/keys")).await.form_token();
    let mut fields = vec![("form_token", token), ("version", "1".to_owned())];
    fields.extend(key.assertion(&page.text));
    let path = format!("/approvals/{id}/approve");
    let shown = submit(&service, &mut elsewhere, &path, &fields).await;
    assert_eq!(shown.status, 403, "{}", shown.text);
    // By another person with their own key.
    let mut omars = Browser::new();
    provider.sign_in(&service, &mut omars, "omar-sub").await;
    let omar = SoftKey::new(3);
    let shown = omar
        .add((&provider, &service), &mut omars, "omar-sub")
        .await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    let theirs = ask(&service, &mut omars, &id, FIRST).await;
    let shown = answer(&service, &mut omars, &id, (&theirs.text, &key, FIRST)).await;
    assert_eq!(shown.status, 403, "another's credential: {}", shown.text);
    // It has changed between the challenge and the answer.
    let (status, _) = service
        .post("omar", &format!("/v1/approvals/{id}/question"), &json!({}))
        .await;
    assert_eq!(status, 200);
    let shown = answer(&service, &mut browser, &id, (&page.text, &key, FIRST)).await;
    assert_eq!(shown.status, 409, "{}", shown.text);
    assert!(
        shown.text.contains("What is new is marked below"),
        "{}",
        shown.text
    );
    let second: &[(&str, &str)] = &[("version", "2")];
    // What was signed for what was shown before is nothing now.
    let shown = answer(&service, &mut browser, &id, (&page.text, &key, second)).await;
    assert_eq!(shown.status, 403, "{}", shown.text);
    let page = ask(&service, &mut browser, &id, second).await;
    let shown = answer(&service, &mut browser, &id, (&page.text, &key, second)).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    // The same again is a vote on what is decided; and where it were not, the challenge is used up.
    let shown = answer(&service, &mut browser, &id, (&page.text, &key, second)).await;
    assert_eq!(shown.status, 409, "{}", shown.text);
    assert_eq!(findings(&service).await, []);
}

#[tokio::test]
async fn a_key_is_added_by_who_has_just_signed_in_anew_and_by_nobody_else() {
    let (provider, service, mut browser, key) = start().await;
    // The session alone.
    let shown = begin(&service, &mut browser).await;
    assert_eq!(
        (shown.status.as_u16(), shown.header("location")),
        (303, "/confirm-key?next=%2Fkeys")
    );
    // A link elsewhere leads nobody there.
    let shown = browser
        .arrive(&service.url("/confirm-key?next=%2Fkeys"))
        .await;
    assert_eq!(shown.status, 404, "{}", shown.text);
    // Somebody else's login.
    let shown = sign_in_for_key((&provider, &service), &mut browser, "omar-sub").await;
    assert_eq!(shown.status, 403, "{}", shown.text);
    // It is good in that session, once, and for five minutes.
    let shown = sign_in_for_key((&provider, &service), &mut browser, "grace-sub").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let mut elsewhere = Browser::new();
    provider
        .sign_in(&service, &mut elsewhere, "grace-sub")
        .await;
    assert_eq!(begin(&service, &mut elsewhere).await.status, 303);
    let page = begin(&service, &mut browser).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(begin(&service, &mut browser).await.status, 303);
    // A key that is known, one at another place, one that does not make sure who, and another challenge's.
    let second = SoftKey::new(2);
    for (what, bad) in [
        (
            "another origin",
            SoftKey {
                origin: "https://evil.example",
                ..second.clone()
            },
        ),
        (
            "another party",
            SoftKey {
                party: "evil.example",
                ..second.clone()
            },
        ),
        (
            "not verified",
            SoftKey {
                flags: 0x01,
                ..second.clone()
            },
        ),
        ("known", key.clone()),
    ] {
        let shown = submit(
            &service,
            &mut browser,
            "/keys",
            &bad.registration(&page.text),
        )
        .await;
        assert_eq!(shown.status, 400, "{what}: {}", shown.text);
    }
    let mut other = second.registration(&page.text);
    other[1].1 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let shown = submit(&service, &mut browser, "/keys", &other).await;
    assert_eq!(shown.status, 400, "{}", shown.text);
    let shown = submit(
        &service,
        &mut browser,
        "/keys",
        &second.registration(&page.text),
    )
    .await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    let shown = submit(
        &service,
        &mut browser,
        "/keys",
        &second.registration(&page.text),
    )
    .await;
    assert_eq!(shown.status, 400, "twice: {}", shown.text);
    sign_in_for_key((&provider, &service), &mut browser, "grace-sub").await;
    service.clock.advance(5 * MINUTE);
    assert_eq!(begin(&service, &mut browser).await.status, 303);
    assert_eq!(service.count("credential.added").await, 2);
    assert_eq!(findings(&service).await, []);
}

#[tokio::test]
async fn a_key_is_added_by_who_signs_in_in_one_of_the_ways_that_are_configured() {
    let provider = FakeProvider::start().await;
    let keys = "age = \"0s\"\nacr = [\"phr\"]";
    let service = Service::with(&configuration(&provider, 1, keys)).await;
    let mut browser = Browser::new();
    provider.sign_in(&service, &mut browser, "grace-sub").await;
    let both = (&provider, &service);
    // Nobody says how.
    let shown = sign_in_for_key(both, &mut browser, "grace-sub").await;
    assert_eq!(shown.status, 403, "{}", shown.text);
    assert_eq!(begin(&service, &mut browser).await.status, 303);
    let shown = sign_in_for_key_by(both, &mut browser, "grace-sub", Some("phr")).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let page = begin(&service, &mut browser).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let key = SoftKey::new(1).registration(&page.text);
    let shown = submit(&service, &mut browser, "/keys", &key).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
}

#[tokio::test]
async fn a_key_counts_after_its_time_and_not_once_it_is_removed() {
    let provider = FakeProvider::start().await;
    let service = Service::with(&configuration(&provider, 1, "")).await;
    let mut browser = Browser::new();
    provider.sign_in(&service, &mut browser, "grace-sub").await;
    let mut key = SoftKey::new(1);
    key.add((&provider, &service), &mut browser, "grace-sub")
        .await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    let page = ask(&service, &mut browser, &id, FIRST).await;
    assert!(page.text.contains("too new to count"), "{}", page.text);
    // An hour, in which the session is kept.
    for _ in 0..5 {
        service.clock.advance(12 * MINUTE);
        browser.open(&service.url("/keys")).await;
    }
    let check = service.ask(2);
    let id = service.pending(&check).await;
    let page = ask(&service, &mut browser, &id, FIRST).await;
    key.count += 1;
    let shown = answer(&service, &mut browser, &id, (&page.text, &key, FIRST)).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    assert_eq!(service.show(&id).await["state"], "approved");
    // Nobody removes another's; what a removed one has signed is not used.
    let mut omars = Browser::new();
    provider.sign_in(&service, &mut omars, "omar-sub").await;
    let path = format!("/keys/{}/remove", key.id());
    for (person, status) in [(&mut omars, 404), (&mut browser, 303)] {
        let token = person.open(&service.url("/keys")).await.form_token();
        let shown = submit(&service, person, &path, &[("form_token", token)]).await;
        assert_eq!(shown.status.as_u16(), status, "{}", shown.text);
    }
    let answered = service.check(&check).await;
    assert_eq!(
        (&answered["decision"], &answered["code"]),
        (&json!("pending"), &Value::Null)
    );
    assert_eq!(last(&service, "VA1303W").await["cause"], "reviewers");
    assert_eq!(service.show(&id).await["state"], "superseded");
    assert_eq!(
        last(&service, "VA1902I").await["credential"],
        json!({"id": key.id()})
    );
    assert_eq!(findings(&service).await, []);
}

/// Runs SQL as somebody would who can write the database.
struct Tamper(String);

impl Operation for Tamper {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction
            .execute(Box::leak(self.0.clone().into_boxed_str()))
            .await
    }
}

async fn tamper(service: &Service, statement: String) {
    service
        .running
        .store
        .write(Tamper(statement))
        .await
        .unwrap();
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The approval as it would be if this were so too.
async fn body(service: &Service, id: &ApprovalId, further: &Value) -> String {
    let stored = service.running.app.store().approval(id).await.unwrap();
    let mut body = serde_json::to_value(&stored.unwrap().approval).unwrap();
    for (member, value) in further.as_object().unwrap() {
        body[member] = value.clone();
    }
    body.to_string()
}

#[tokio::test]
async fn whoever_writes_the_database_releases_nothing() {
    let (_provider, service, mut browser, mut key) = start().await;
    let now = service.clock.now().as_millis();
    let expires = now + 4 * MINUTE;
    let granted = json!({"classes": ["date", "name"]});
    let approved =
        json!({"state": "approved", "version": 2, "granted": granted, "grant_expires": expires});
    let vote = json!({
        "person": "grace", "at": now, "comment": null,
        "verdict": {"kind": "approve", "scope": granted},
    });
    // A state, with a vote that nobody cast.
    let check = service.ask(1);
    let id = service.pending(&check).await;
    let forged = body(&service, &id, &approved).await;
    let put = |id: &ApprovalId, body: &str, state: &str| {
        format!(
            "UPDATE approval SET state = '{state}', version = 2, body = '{body}' WHERE id = '{id}'"
        )
    };
    tamper(&service, put(&id, &forged, "approved")).await;
    tamper(&service, format!("INSERT INTO vote (approval, number, person, body) VALUES ('{id}', 1, 'grace', '{vote}')")).await;
    assert_eq!(service.check(&check).await["decision"], "pending");
    assert_eq!(service.show(&id).await["state"], "superseded");
    // The same where the case says that nothing is asked for beside: the configuration asks all the same.
    let check = service.ask(2);
    let id = service.pending(&check).await;
    let mut without = approved.clone();
    without["step_up"] = Value::Null;
    let forged = body(&service, &id, &without).await;
    tamper(&service, put(&id, &forged, "approved")).await;
    tamper(&service, format!("INSERT INTO vote (approval, number, person, body) VALUES ('{id}', 1, 'grace', '{vote}')")).await;
    assert_eq!(service.check(&check).await["decision"], "pending");
    assert_eq!(service.count("grant.used").await, 0);
    // What a key has signed, moved to more, for longer, more often, or to another request.
    for (number, change) in [
        (3, json!({"classes": ["date", "mrn", "name"]})),
        (4, json!({})),
        (8, json!({"uses": 50})),
        (
            5,
            json!({"reason": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
        ),
        (6, json!({"grant_expires": now + 60 * MINUTE})),
        (7, json!({})),
    ] {
        let check = service.ask(number);
        let id = service.pending(&check).await;
        let page = ask(&service, &mut browser, &id, FIRST).await;
        key.count += 1;
        let shown = answer(&service, &mut browser, &id, (&page.text, &key, FIRST)).await;
        assert_eq!(shown.status, 303, "{}", shown.text);
        let forged = body(&service, &id, &change).await;
        tamper(&service, put(&id, &forged, "approved")).await;
        if number == 4 {
            // A use that was never made, by a stream of the intruder's own.
            let made = format!(
                "INSERT INTO grant_use (approval, gateway, use_key, idx, at_ms, scope, is_seen, expires_ms, lifts_until_ms) \
                 VALUES ('{id}', 'edge', x'{}', 3, {now}, '{{\"classes\":[\"date\",\"name\"]}}', 0, {expires}, {expires})",
                hex(check.use_key.as_bytes())
            );
            tamper(&service, made).await;
            assert_eq!(service.check(&check).await["decision"], "deny");
            continue;
        }
        let answered = service.check(&check).await;
        let expected = if number == 7 { "allow" } else { "pending" };
        assert_eq!(answered["decision"], expected, "{change}");
    }
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test]
async fn a_key_that_somebody_wrote_into_the_database_is_none() {
    let (provider, service, mut browser, mut key) = start().await;
    // A key of another person, made grace's.
    let mut omars = Browser::new();
    provider.sign_in(&service, &mut omars, "omar-sub").await;
    let mut intruder = SoftKey::new(9);
    intruder
        .add((&provider, &service), &mut omars, "omar-sub")
        .await;
    service.clock.advance(1);
    tamper(
        &service,
        "UPDATE security_key SET person = 'grace', body = replace(body, '\"omar\"', '\"grace\"') WHERE person = 'omar'".to_owned(),
    )
    .await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    let page = ask(&service, &mut browser, &id, FIRST).await;
    intruder.count += 1;
    let shown = answer(&service, &mut browser, &id, (&page.text, &intruder, FIRST)).await;
    assert_eq!(shown.status, 403, "{}", shown.text);
    // Neither does a row say that somebody has signed in anew.
    let session = "(SELECT id FROM session WHERE person = 'grace' LIMIT 1)";
    tamper(&service, format!("INSERT INTO confirmation (session, what, acr, at_ms) SELECT {session}, what, NULL, at_ms FROM confirmation WHERE false")).await;
    assert_eq!(begin(&service, &mut browser).await.status, 303);
    key.count += 1;
    let page = ask(&service, &mut browser, &id, FIRST).await;
    let shown = answer(&service, &mut browser, &id, (&page.text, &key, FIRST)).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    service.verified(&check, &service.check(&check).await);
}

#[tokio::test]
async fn the_stronger_is_never_replaced_by_the_weaker() {
    let (provider, service, mut browser, _) = start().await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    // Signing in anew is nothing that it asks for.
    let stored = service
        .running
        .app
        .store()
        .approval(&id)
        .await
        .unwrap()
        .unwrap();
    let yes = serde_json::from_value(json!({"version": 1})).unwrap();
    let what = crate::inbox::step_up::what(&stored.approval, &yes).unwrap();
    let path = crate::inbox::step_up::path(&id, &what, "/");
    let ours = [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
    ];
    let shown = browser
        .send(reqwest::Method::GET, &service.url(&path), &ours, None)
        .await;
    assert_eq!(shown.status, 404, "{}", shown.text);
    // What was asked under it stays so when the configuration asks for less.
    for rule in ["step_up = \"fresh-login\"", ""] {
        let weaker =
            configuration(&provider, 1, "age = \"0s\"").replace("step_up = \"webauthn\"", rule);
        let service = Service::beside(&service, &weaker).await;
        let id = service.pending(&service.ask(2)).await;
        assert_ne!(service.show(&id).await["step_up"], "webauthn");
        drop(service);
    }
    let weaker = configuration(&provider, 1, "age = \"0s\"").replace("step_up = \"webauthn\"", "");
    let service = service.restart_with(&weaker).await;
    assert_eq!(service.show(&id).await["step_up"], "webauthn");
    let (status, body) = service.approve("grace", &id, json!({"version": 1})).await;
    assert_eq!(status, 403, "{body}");
    let kind = body["type"].as_str().unwrap().to_owned();
    assert!(kind.ends_with("security-key-needed"), "{kind}");
    // Other asks go by what is configured now.
    let other = service.pending(&service.ask(3)).await;
    assert_eq!(service.approve("grace", &other, json!({})).await.0, 200);
    // And where more is asked now, that is needed.
    let third = service.pending(&service.ask(4)).await;
    let service = service
        .restart_with(&configuration(&provider, 1, "age = \"0s\""))
        .await;
    assert_eq!(service.approve("grace", &third, json!({})).await.0, 403);
    let answered = service.check(&service.ask(3)).await;
    assert_eq!(answered["decision"], "pending", "{answered}");
}

#[tokio::test]
async fn two_people_sign_each_with_their_own_key() {
    let provider = FakeProvider::start().await;
    let service = Service::with(&configuration(&provider, 2, "age = \"0s\"")).await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    for (seed, subject, version) in [(1, "grace-sub", "1"), (2, "omar-sub", "2")] {
        let mut browser = Browser::new();
        provider.sign_in(&service, &mut browser, subject).await;
        let mut key = SoftKey::new(seed);
        key.add((&provider, &service), &mut browser, subject).await;
        let fields: &[(&str, &str)] = &[("version", version)];
        let page = ask(&service, &mut browser, &id, fields).await;
        key.count += 1;
        let shown = answer(&service, &mut browser, &id, (&page.text, &key, fields)).await;
        assert_eq!(shown.status, 303, "{}", shown.text);
        assert!(service.check(&check).await["decision"] == "pending" || version == "2");
    }
    service.clock.advance(1);
    assert_eq!(findings(&service).await, []);
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test]
async fn an_action_that_asks_for_keys_where_none_are_good_is_refused() {
    let with = |inbox: &str| {
        let rule = "[actions.read]\nquorum = 1\nstep_up = \"webauthn\"";
        let text = CONFIGURATION.replace("[actions.read]\nquorum = 1", rule);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), crate::testing::POLICY).unwrap();
        let read = crate::Config::from_toml(&format!("{text}\n{inbox}"), folder.path());
        read.map(|_| ()).map_err(|error| error.to_string())
    };
    for (inbox, expected) in [
        (
            "",
            "actions.read.step_up: nobody could ever approve it: there is no [inbox]",
        ),
        (
            "[inbox]\nurl = \"https://192.0.2.1\"",
            "actions.read.step_up: nobody could ever approve it: security keys",
        ),
        (
            "[inbox]\nurl = \"http://127.0.0.1:8470\"",
            "actions.read.step_up: nobody could ever approve it: security keys",
        ),
        (
            "[inbox]\nurl = \"https://a.example\"\n[inbox.keys]\nage = \"1 h\"",
            "a duration",
        ),
        (
            "[inbox]\nurl = \"https://a.example\"\n[inbox.keys]\nages = \"1h\"",
            "unknown field",
        ),
    ] {
        let error = with(inbox).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(with("[inbox]\nurl = \"https://a.example\""), Ok(()));
    assert_eq!(
        with(
            "[inbox]\nurl = \"http://localhost:8470\"\n[inbox.keys]\nage = \"0s\"\nacr = [\"phr\"]"
        ),
        Ok(())
    );
}

#[tokio::test]
async fn with_try_a_key_is_added_within_five_minutes_of_the_link() {
    let text = CONFIGURATION.replace(
        "[actions.read]\nquorum = 1",
        "[actions.read]\nquorum = 1\nstep_up = \"webauthn\"",
    );
    let text = format!("{text}\n[inbox]\nurl = \"{ORIGIN}\"\n");
    let service = Service::with(&text).await;
    let mut browser = Browser::new();
    let link = service.running.links["grace"].replace(ORIGIN, &service.url(""));
    let shown = browser.submit(&link, &[]).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    let page = begin(&service, &mut browser).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let key = SoftKey::new(1);
    let shown = submit(
        &service,
        &mut browser,
        "/keys",
        &key.registration(&page.text),
    )
    .await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    service
        .clock
        .advance(i64::try_from(Duration::from_mins(5).as_millis()).unwrap());
    let shown = begin(&service, &mut browser).await;
    assert_eq!(shown.status, 403, "{}", shown.text);
}
