//! Actions for which whoever approves has to sign in anew.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use velum_approval::messages::ApproveRequest;
use velum_approval::{Approval, ApprovalId};

use crate::auth::Reviewer;
use crate::clock::Clock as _;
use crate::http::vote::{Here, Says, Voice, vote};
use crate::inbox::session::{SessionId, id_of};
use crate::inbox::step_up;
use crate::testing::browser::{Browser, Shown};
use crate::testing::provider::FakeProvider;
use crate::testing::{CONFIGURATION, Service};

const MINUTE: i64 = 60_000;

async fn start(provider: &FakeProvider) -> Service {
    let configuration = provider.configuration("").replace(
        "[actions.read]\nquorum = 1",
        "[actions.read]\nquorum = 1\nstep_up = \"fresh-login\"\nstep_up_acr = [\"phr\"]",
    );
    Service::with(&configuration).await
}

fn request(text: Value) -> ApproveRequest {
    serde_json::from_value(text).unwrap()
}

/// What becomes of a yes that somebody says in a session, or without one.
async fn approve(
    service: &Service,
    session: Option<SessionId>,
    id: &ApprovalId,
    request: &ApproveRequest,
) -> Result<(), &'static str> {
    let voice = Voice {
        once: None,
        here: session.map(|session| Here {
            session,
            proof: None,
        }),
        version: request.version,
        comment: request.comment.clone(),
        public_reason: None,
        says: Says::Approve(Box::new(request.clone())),
    };
    let reviewer = Reviewer("grace".into());
    let voted = vote(service.running.app.clone(), reviewer, id.as_str(), voice).await;
    voted.map(|_| ()).map_err(|problem| problem.code())
}

async fn stored(service: &Service, id: &ApprovalId) -> Approval {
    let stored = service.running.app.store().approval(id).await.unwrap();
    stored.unwrap().approval
}

/// Leaves for the provider to sign in anew for this, and gives what it was asked.
async fn leave(
    service: &Service,
    browser: &mut Browser,
    id: &ApprovalId,
    request: &ApproveRequest,
) -> BTreeMap<String, String> {
    let what = step_up::what(&stored(service, id).await, request).unwrap();
    let path = step_up::path(id, &what, "/session?a=b");
    let ours = [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
    ];
    let shown = browser
        .send(reqwest::Method::GET, &service.url(&path), &ours, None)
        .await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let (_, address) = shown.text.split_once("content=\"0; url=").unwrap();
    let address = address.split('"').next().unwrap().replace("&amp;", "&");
    let (endpoint, query) = address.split_once('?').unwrap();
    assert!(endpoint.ends_with("/authorize"), "{endpoint}");
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// Comes back with a token that has these claims beside the usual ones.
async fn come_back(
    (provider, service): (&FakeProvider, &Service),
    browser: &mut Browser,
    asked: &BTreeMap<String, String>,
    (subject, further): (&str, Value),
) -> Shown {
    let mut claims = provider.claims(service, subject, &asked["nonce"]);
    for (name, value) in further.as_object().unwrap() {
        claims[name] = value.clone();
    }
    provider.words().id_token = provider.signed(&claims);
    let query = [
        ("code", "c"),
        ("state", &asked["state"]),
        ("iss", &provider.issuer),
    ];
    FakeProvider::come_back(service, browser, &query).await
}

#[tokio::test]
async fn a_token_cannot_approve_it_and_neither_can_a_session_alone() {
    let provider = FakeProvider::start().await;
    let service = start(&provider).await;
    let id = service.pending(&service.ask(1)).await;
    let (status, body) = service
        .approve("grace", &id, json!({"version": 1, "unseen": true}))
        .await;
    assert_eq!(
        (status.as_u16(), body["type"].as_str()),
        (403, Some("https://velum.dev/problems/step-up-needed"))
    );
    let mut browser = Browser::new();
    provider.sign_in(&service, &mut browser, "grace-sub").await;
    let session = Some(id_of(&browser.cookies["velum"]));
    let yes = request(json!({"version": 1, "unseen": true}));
    assert_eq!(
        approve(&service, session, &id, &yes).await,
        Err("step-up-needed")
    );
    assert_eq!(service.show(&id).await["version"], 1);
    // A no needs nothing more.
    let (status, body) = service.deny("grace", &id, json!({"version": 1})).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn who_signed_in_anew_for_it_approves_exactly_that_once_in_that_session_and_within_five_minutes()
 {
    let provider = FakeProvider::start().await;
    let service = start(&provider).await;
    let id = service.pending(&service.ask(1)).await;
    let (mut browser, mut other) = (Browser::new(), Browser::new());
    provider.sign_in(&service, &mut browser, "grace-sub").await;
    provider.sign_in(&service, &mut other, "grace-sub").await;
    let session = Some(id_of(&browser.cookies["velum"]));
    let other = Some(id_of(&other.cookies["velum"]));
    let yes = request(
        json!({"version": 1, "unseen": true, "classes": ["name"], "comment": "known to me"}),
    );
    let phr = || json!({"acr": "phr"});
    let asked = leave(&service, &mut browser, &id, &yes).await;
    for (name, value) in [("prompt", "login"), ("max_age", "0"), ("acr_values", "phr")] {
        assert_eq!(asked[name], value);
    }
    let shown = come_back(
        (&provider, &service),
        &mut browser,
        &asked,
        ("grace-sub", phr()),
    )
    .await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(
        shown.text.contains("content=\"0; url=/session?a=b\""),
        "{}",
        shown.text
    );
    // The session stays what it was.
    assert_eq!(session, Some(id_of(&browser.cookies["velum"])));
    for (what, session, scope) in [
        ("more", session, json!({"version": 1, "unseen": true})),
        (
            "longer",
            session,
            json!({"version": 1, "unseen": true, "classes": ["name"], "seconds": 200}),
        ),
        (
            "another session",
            other,
            json!({"version": 1, "unseen": true, "classes": ["name"]}),
        ),
        (
            "no session",
            None,
            json!({"version": 1, "unseen": true, "classes": ["name"]}),
        ),
    ] {
        let done = approve(&service, session, &id, &request(scope)).await;
        assert_eq!(done, Err("step-up-needed"), "{what}");
    }
    assert_eq!(approve(&service, session, &id, &yes).await, Ok(()));
    let log = service.log().await;
    let confirmed = log
        .iter()
        .position(|record| record["data"]["code"] == "VA1804I")
        .unwrap();
    assert_eq!(log[confirmed]["data"]["approval"], json!({"id": id}));
    assert_eq!(log[confirmed]["data"]["actor"]["id"], "grace");
    let voted = log
        .iter()
        .position(|record| record["data"]["code"] == "VA1111I")
        .unwrap();
    assert!(confirmed < voted);
    // Of another approval, and too late.
    let next = service.pending(&service.ask(2)).await;
    assert_eq!(
        approve(&service, session, &next, &yes).await,
        Err("step-up-needed")
    );
    let asked = leave(&service, &mut browser, &next, &yes).await;
    come_back(
        (&provider, &service),
        &mut browser,
        &asked,
        ("grace-sub", phr()),
    )
    .await;
    service.clock.advance(5 * MINUTE);
    assert_eq!(
        approve(&service, session, &next, &yes).await,
        Err("step-up-needed")
    );
}

#[tokio::test]
async fn what_was_chosen_is_there_again_in_that_session_alone_and_decides_nothing_by_itself() {
    let provider = FakeProvider::start().await;
    let service = start(&provider).await;
    let id = service.pending(&service.ask(1)).await;
    let (mut browser, mut other) = (Browser::new(), Browser::new());
    provider.sign_in(&service, &mut browser, "grace-sub").await;
    provider.sign_in(&service, &mut other, "omar-sub").await;
    let again = service.url(&format!("/approvals/{id}/again"));
    let page = format!("/approvals/{id}");
    // Nothing was chosen yet.
    let shown = browser.open(&again).await;
    assert_eq!(
        (shown.status.as_u16(), shown.header("location")),
        (303, &*page)
    );
    let token = browser.open(&service.url(&page)).await.form_token();
    let fields = [
        ("form_token", token.as_str()),
        ("version", "1"),
        ("less", "true"),
        ("classes", "name"),
        ("minutes", "2"),
        ("unseen", "true"),
        ("comment", "für den \"Nachtdienst\" <4>"),
    ];
    let approve = service.url(&format!("/approvals/{id}/approve"));
    let shown = browser.submit(&approve, &fields).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    let next = format!("next=%2Fapprovals%2F{id}%2Fagain");
    assert!(
        shown.header("location").contains(&next),
        "{}",
        shown.header("location")
    );
    let shown = browser.open(&again).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    for part in [
        "name, for 120 s",
        "für den &#34;Nachtdienst&#34; &#60;4&#62;",
        "triage-bot",
    ] {
        assert!(shown.text.contains(part), "{part}: {}", shown.text);
    }
    assert_eq!(service.show(&id).await["version"], 1);
    // Neither another session, nor a choice that somebody has changed.
    other.cookies.insert(
        "velum-choice".to_owned(),
        browser.cookies["velum-choice"].clone(),
    );
    assert_eq!(other.open(&again).await.status, 303);
    let mut changed = browser.clone();
    let choice = changed.cookies.get_mut("velum-choice").unwrap();
    choice.insert(choice.find('.').unwrap() + 2, 'A');
    assert_eq!(changed.open(&again).await.status, 303);
    // The button sends all of it, and counts for nothing until she has signed in anew.
    let hidden = shown
        .text
        .split("<input type=\"hidden\" name=\"")
        .skip(1)
        .filter_map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"")?;
            let value = rest
                .split('"')
                .next()?
                .replace("&#34;", "\"")
                .replace("&#60;", "<");
            Some((name.to_owned(), value.replace("&#62;", ">")))
        });
    // The first is the shell's, for signing out.
    let hidden: Vec<_> = hidden.skip(1).collect();
    let fields: Vec<_> = hidden
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let shown = browser.submit(&approve, &fields).await;
    assert!(
        shown.header("location").starts_with("/confirm/"),
        "{}",
        shown.text
    );
    let yes = request(json!({"version": 1, "unseen": true, "classes": ["name"], "seconds": 120}));
    let asked = leave(&service, &mut browser, &id, &yes).await;
    let fresh = ("grace-sub", json!({"acr": "phr"}));
    come_back((&provider, &service), &mut browser, &asked, fresh).await;
    let shown = browser.submit(&approve, &fields).await;
    assert_eq!(
        (shown.status.as_u16(), shown.header("location")),
        (303, &*page)
    );
    let shown = service.show(&id).await;
    assert_eq!(shown["state"], "approved", "{shown}");
    assert_eq!(shown["granted"]["classes"], json!(["name"]));
    assert_eq!(shown["votes"][0]["comment"], "für den \"Nachtdienst\" <4>");
    // Too late it is not there any more.
    service.clock.advance(15 * MINUTE);
    assert_ne!(browser.open(&again).await.status, 200);
}

#[tokio::test]
async fn an_older_login_a_weaker_one_or_another_persons_confirms_nothing() {
    let provider = FakeProvider::start().await;
    let service = start(&provider).await;
    let id = service.pending(&service.ask(1)).await;
    let mut browser = Browser::new();
    provider.sign_in(&service, &mut browser, "grace-sub").await;
    let session = Some(id_of(&browser.cookies["velum"]));
    let yes = request(json!({"version": 1, "unseen": true}));
    let now = service.clock.now().as_millis() / 1000;
    for (what, subject, claims, expected) in [
        (
            "an hour ago",
            "grace-sub",
            json!({"acr": "phr", "auth_time": now - 3600}),
            "not-fresh",
        ),
        (
            "a minute ago",
            "grace-sub",
            json!({"acr": "phr", "auth_time": now - 60}),
            "not-fresh",
        ),
        (
            "nobody says when",
            "grace-sub",
            json!({"acr": "phr", "auth_time": null}),
            "not-fresh",
        ),
        ("weaker", "grace-sub", json!({"acr": "0"}), "not-fresh"),
        ("nobody says how", "grace-sub", json!({}), "not-fresh"),
        (
            "another person",
            "omar-sub",
            json!({"acr": "phr"}),
            "other-person",
        ),
    ] {
        let asked = leave(&service, &mut browser, &id, &yes).await;
        let shown = come_back(
            (&provider, &service),
            &mut browser,
            &asked,
            (subject, claims),
        )
        .await;
        assert_eq!(shown.status, 403, "{what}");
        let log = service.log().await;
        let refusal = log
            .iter()
            .rev()
            .find(|record| record["data"]["code"] == "VA1802W")
            .unwrap();
        assert_eq!(refusal["data"]["refused"], expected, "{what}");
        assert_eq!(
            approve(&service, session, &id, &yes).await,
            Err("step-up-needed"),
            "{what}"
        );
    }
    // The same answer once more.
    let asked = leave(&service, &mut browser, &id, &yes).await;
    let mut again = browser.clone();
    let phr = || ("grace-sub", json!({"acr": "phr"}));
    assert_eq!(
        come_back((&provider, &service), &mut browser, &asked, phr())
            .await
            .status,
        200
    );
    assert_eq!(
        come_back((&provider, &service), &mut again, &asked, phr())
            .await
            .status,
        403
    );
    // What has changed since is another thing.
    let (status, _) = service
        .post("omar", &format!("/v1/approvals/{id}/question"), &json!({}))
        .await;
    assert_eq!(status, 200);
    let now_at = request(json!({"version": 2, "unseen": true}));
    assert_eq!(
        approve(&service, session, &id, &now_at).await,
        Err("step-up-needed")
    );
    let nothing = service.url("/confirm/none?what=AAAA");
    assert_eq!(browser.open(&nothing).await.status, 404);
    // A link elsewhere leads nobody to confirm what somebody else has chosen.
    let what = step_up::what(&stored(&service, &id).await, &yes).unwrap();
    let path = step_up::path(&id, &what, "/session");
    let shown = browser.arrive(&service.url(&path)).await;
    assert_eq!((shown.status.as_u16(), shown.header("location")), (404, ""));
    let shown = Browser::new().arrive(&service.url(&path)).await;
    assert_eq!(
        (shown.status.as_u16(), shown.header("location")),
        (303, "/sign-in")
    );
}

#[tokio::test]
async fn an_action_that_asks_for_it_where_nobody_can_sign_in_is_refused() {
    let with = |further: &str| {
        let rule = format!("[actions.read]\nquorum = 1\n{further}");
        CONFIGURATION.replace("[actions.read]\nquorum = 1", &rule)
    };
    for (further, expected) in [
        (
            "step_up = \"fresh-login\"",
            "actions.read.step_up: nobody could ever approve it",
        ),
        (
            "step_up_acr = [\"phr\"]",
            "actions.read.step_up_acr: needs step_up",
        ),
        (
            "step_up = \"webauthn\"\nstep_up_acr = [\"phr\"]",
            "actions.read.step_up_acr: needs step_up",
        ),
        ("step_up = \"link\"", "unknown variant `link`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), crate::testing::POLICY).unwrap();
        let error = crate::Config::from_toml(&with(further), folder.path()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
