//! Signing in by an OpenID provider: what is believed of it, and what is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use velum_harness::Authority;

use crate::clock::ManualClock;
use crate::testing::behind_tls::BehindTls;
use crate::testing::browser::Browser;
use crate::testing::provider::{FakeProvider, configuration, usual_metadata};
use crate::testing::{START, Service, figure};

const MINUTE: i64 = 60_000;

type Make = fn(&FakeProvider, Value) -> String;
/// What is changed, which claim, how the token is made, and why it is refused.
type Changed = (
    &'static str,
    Option<(&'static str, Value)>,
    Make,
    &'static str,
);

/// Why the last that was refused was refused, and who it was.
async fn last_refusal(service: &Service) -> (String, String) {
    let log = service.log().await;
    let mut refusals = log.iter().rev();
    let refusal = refusals.find(|record| record["data"]["code"] == "VA1802W");
    let data = &refusal.expect("nothing was refused")["data"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&data["refused"]), text(&data["actor"]["id"]))
}

async fn is_signed_in(service: &Service, browser: &mut Browser) -> bool {
    browser.open(&service.url("/session")).await.status == 200
}

#[tokio::test]
async fn somebody_whom_the_provider_vouches_for_is_signed_in_as_who_the_directory_says() {
    let provider = FakeProvider::start().await;
    let service = Service::with(&provider.configuration("")).await;
    let mut browser = Browser::new();
    let shown = browser.open(&service.url("/sign-in?next=%2Fsession")).await;
    assert!(
        shown.text.contains("/sign-in/provider?next=%2Fsession"),
        "{}",
        shown.text
    );
    let asked = provider.leave(&service, &mut browser).await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "velum-inbox"),
        ("redirect_uri", "http://127.0.0.1:1/sign-in/callback"),
        ("scope", "openid"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked[name], value, "{name}");
    }
    let shown = provider.sign_in(&service, &mut browser, "grace-sub").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    // No redirect: the cookie of the session is strict, and this comes from another site.
    assert!(
        shown.text.contains("content=\"0; url=/session?a=b\""),
        "{}",
        shown.text
    );
    assert!(
        !browser.cookies.contains_key("velum-hop"),
        "the way is over"
    );
    let shown = browser.open(&service.url("/session")).await;
    assert!(shown.text.contains("You are grace"), "{}", shown.text);
    let form = provider.words().redeemed.last().unwrap().clone();
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(
        (form["code"].as_str(), form["redirect_uri"].as_str()),
        ("c", asked["redirect_uri"].as_str())
    );
    let log = service.log().await;
    let record = log
        .iter()
        .find(|record| record["data"]["code"] == "VA1801I")
        .unwrap();
    assert_eq!(
        record["data"]["actor"],
        json!({"kind": "person", "id": "grace"})
    );
    assert_eq!(record["data"]["session"], json!({"by": "provider"}));
    assert!(!record.to_string().contains("grace-sub"));
}

#[tokio::test]
async fn a_token_that_is_not_the_providers_for_this_client_and_this_way_signs_nobody_in() {
    let provider = FakeProvider::start().await;
    let service = Service::with(&provider.configuration("")).await;
    let with = |name: &'static str, value: Value| (name, value);
    let now = |claims: &Value| claims["iat"].as_i64().unwrap();
    let good: Make = |provider, claims| provider.signed(&claims);
    let changes: Vec<Changed> = vec![
        (
            "another issuer",
            Some(with("iss", json!("https://evil.example"))),
            good,
            "other-issuer",
        ),
        (
            "an issuer with a slash",
            Some(with("iss", json!(format!("{}/", provider.issuer)))),
            good,
            "other-issuer",
        ),
        (
            "another audience",
            Some(with("aud", json!("other"))),
            good,
            "other-audience",
        ),
        (
            "two audiences",
            Some(with("aud", json!(["velum-inbox", "other"]))),
            good,
            "other-audience",
        ),
        (
            "no audience",
            Some(with("aud", json!([]))),
            good,
            "other-audience",
        ),
        (
            "given to another",
            Some(with("azp", json!("other"))),
            good,
            "other-audience",
        ),
        (
            "another nonce",
            Some(with("nonce", json!("other"))),
            good,
            "other-nonce",
        ),
        (
            "no nonce",
            Some(with("nonce", Value::Null)),
            good,
            "other-nonce",
        ),
        (
            "unsigned",
            None,
            |_, claims| FakeProvider::unsigned(&claims),
            "bad-signature",
        ),
        (
            "signed by the client's secret",
            None,
            |it, claims| it.signed_by_secret(&claims, false),
            "bad-signature",
        ),
        (
            "signed by the public key",
            None,
            |it, claims| it.signed_by_secret(&claims, true),
            "bad-signature",
        ),
        (
            "signed by another",
            None,
            |_, claims| FakeProvider::signed_by_another(&claims, "k1"),
            "bad-signature",
        ),
        (
            "signed by a key nobody shows",
            None,
            |_, claims| FakeProvider::signed_by_another(&claims, "k9"),
            "bad-signature",
        ),
        ("no token", None, |_, _| "a.b.c".to_owned(), "bad-token"),
        (
            "a signature of other claims",
            None,
            |it, claims| {
                let token = it.signed(&claims);
                let (head, signature) = token.rsplit_once('.').unwrap();
                let (header, _) = head.split_once('.').unwrap();
                let mut other = claims;
                other["sub"] = json!("omar-sub");
                let token = it.signed(&other);
                let body = token.split('.').nth(1).unwrap();
                format!("{header}.{body}.{signature}")
            },
            "bad-signature",
        ),
    ];
    let mut refused: Vec<&str> = changes.iter().map(|(what, ..)| *what).collect();
    for (what, change, make, expected) in changes {
        let mut browser = Browser::new();
        let asked = provider.leave(&service, &mut browser).await;
        let mut claims = provider.claims(&service, "grace-sub", &asked["nonce"]);
        if let Some((name, value)) = change {
            claims[name] = value;
        }
        provider.words().id_token = make(&provider, claims);
        let query = [
            ("code", "c"),
            ("state", &asked["state"]),
            ("iss", &provider.issuer),
        ];
        let shown = FakeProvider::come_back(&service, &mut browser, &query).await;
        assert_eq!(shown.status, 403, "{what}");
        assert!(!is_signed_in(&service, &mut browser).await, "{what}");
        assert_eq!(last_refusal(&service).await.0, expected, "{what}");
    }
    // Its time is over, or has not come, or it was made long ago.
    for (issued, expires) in [(-20, -31), (-600, 300), (60, 300)] {
        let mut browser = Browser::new();
        let asked = provider.leave(&service, &mut browser).await;
        let mut claims = provider.claims(&service, "grace-sub", &asked["nonce"]);
        let at = now(&claims);
        claims["iat"] = json!(at + issued);
        claims["exp"] = json!(at + expires);
        provider.words().id_token = provider.signed(&claims);
        let query = [
            ("code", "c"),
            ("state", &asked["state"]),
            ("iss", &provider.issuer),
        ];
        let shown = FakeProvider::come_back(&service, &mut browser, &query).await;
        assert_eq!(shown.status, 403, "{issued} {expires}");
        assert_eq!(
            last_refusal(&service).await.0,
            "token-over",
            "{issued} {expires}"
        );
    }
    refused.extend(["over", "made long ago", "not made yet"]);
    figure(
        "a_token_that_is_not_the_providers_for_this_client_and_this_way_signs_nobody_in",
        &format!("{} tokens refused: {}", refused.len(), refused.join(", ")),
    );
}

#[tokio::test]
async fn an_answer_of_another_way_another_provider_or_another_time_signs_nobody_in() {
    let provider = FakeProvider::start().await;
    let service = Service::with(&provider.configuration("")).await;
    let mut browser = Browser::new();
    let other = provider.leave(&service, &mut Browser::new()).await;
    let mut refused = vec!["begun before another", "the same again", "too late"];
    for (what, query, expected) in [
        (
            "another browser's state",
            json!({"code": "c", "state": other["state"], "iss": provider.issuer}),
            "other-state",
        ),
        (
            "no state",
            json!({"code": "c", "iss": provider.issuer}),
            "other-state",
        ),
        (
            "another provider",
            json!({"code": "c", "state": "own", "iss": "https://evil.example"}),
            "other-provider",
        ),
        (
            "no provider although it says its name",
            json!({"code": "c", "state": "own"}),
            "other-provider",
        ),
        (
            "refused there",
            json!({"error": "access_denied", "state": "own", "iss": provider.issuer}),
            "denied-by-provider",
        ),
        (
            "refused there, with a code",
            json!({"error": "x", "code": "c", "state": "own", "iss": provider.issuer}),
            "denied-by-provider",
        ),
        (
            "no code",
            json!({"state": "own", "iss": provider.issuer}),
            "denied-by-provider",
        ),
    ] {
        let asked = provider.leave(&service, &mut browser).await;
        let claims = provider.claims(&service, "grace-sub", &asked["nonce"]);
        provider.words().id_token = provider.signed(&claims);
        let query: Vec<_> = query
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| {
                let value = value.as_str().unwrap();
                (
                    name.as_str(),
                    if value == "own" {
                        asked["state"].as_str()
                    } else {
                        value
                    },
                )
            })
            .collect();
        let before = provider.words().redeemed.len();
        let shown = FakeProvider::come_back(&service, &mut browser, &query).await;
        assert_eq!(shown.status, 403, "{what}");
        assert_eq!(last_refusal(&service).await.0, expected, "{what}");
        assert_eq!(
            provider.words().redeemed.len(),
            before,
            "{what}: the code was sent on"
        );
        assert!(!is_signed_in(&service, &mut browser).await, "{what}");
        refused.push(what);
    }
    // The same again, by somebody who has kept all of it.
    provider.leave(&service, &mut browser).await;
    let kept = browser.clone();
    let asked = provider.leave(&service, &mut browser).await;
    let mut again = browser.clone();
    let claims = provider.claims(&service, "grace-sub", &asked["nonce"]);
    provider.words().id_token = provider.signed(&claims);
    let query = [
        ("code", "c"),
        ("state", &asked["state"]),
        ("iss", &provider.issuer),
    ];
    // Begun before this one: its cookie is another.
    let shown = FakeProvider::come_back(&service, &mut kept.clone(), &query).await;
    assert_eq!(shown.status, 403);
    let shown = FakeProvider::come_back(&service, &mut browser, &query).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let shown = FakeProvider::come_back(&service, &mut again, &query).await;
    assert_eq!(shown.status, 403);
    assert_eq!(last_refusal(&service).await.0, "repeated");
    // Too late.
    let mut late = Browser::new();
    let asked = provider.leave(&service, &mut late).await;
    service.clock.advance(10 * MINUTE);
    let claims = provider.claims(&service, "grace-sub", &asked["nonce"]);
    provider.words().id_token = provider.signed(&claims);
    let query = [
        ("code", "c"),
        ("state", &asked["state"]),
        ("iss", &provider.issuer),
    ];
    let shown = FakeProvider::come_back(&service, &mut late, &query).await;
    assert_eq!(shown.status, 403);
    assert_eq!(last_refusal(&service).await.0, "other-state");
    figure(
        "an_answer_of_another_way_another_provider_or_another_time_signs_nobody_in",
        &format!("{} answers refused: {}", refused.len(), refused.join(", ")),
    );
}

#[tokio::test]
async fn who_is_unknown_an_agent_or_no_reviewer_is_not_signed_in_and_the_log_says_so() {
    let provider = FakeProvider::start().await;
    let configuration = provider.configuration("");
    let without = configuration.replace("[[reviewers]]\nperson = \"nora\"\n", "");
    assert_ne!(without, configuration);
    let service = Service::with(&without).await;
    for (subject, refused, person) in [
        ("stranger", "identity-unknown", ""),
        // What the directory calls her under another issuer.
        ("grace", "identity-unknown", ""),
        ("triage-bot-sub", "identity-unknown", ""),
        ("nora-sub", "not-a-reviewer", "nora"),
    ] {
        let mut browser = Browser::new();
        let shown = provider.sign_in(&service, &mut browser, subject).await;
        assert_eq!(shown.status, 403, "{subject}");
        assert!(!shown.text.contains(subject), "{}", shown.text);
        let expected = (refused.to_owned(), person.to_owned());
        assert_eq!(last_refusal(&service).await, expected, "{subject}");
        assert!(!is_signed_in(&service, &mut browser).await, "{subject}");
    }
    let log = service.log().await;
    assert!(!json!(log).to_string().contains("stranger"));
}

#[tokio::test]
async fn keys_are_asked_for_anew_when_one_is_missing_and_not_more_than_once_a_minute() {
    let provider = FakeProvider::start().await;
    let service = Service::with(&provider.configuration("")).await;
    let mut browser = Browser::new();
    provider.sign_in(&service, &mut browser, "grace-sub").await;
    provider.sign_in(&service, &mut browser, "grace-sub").await;
    assert_eq!(provider.words().keys_asked, 1);
    let attempt = async |kid: &str| {
        let mut browser = Browser::new();
        let asked = provider.leave(&service, &mut browser).await;
        let claims = provider.claims(&service, "grace-sub", &asked["nonce"]);
        provider.words().id_token = FakeProvider::signed_by_another(&claims, kid);
        let query = [
            ("code", "c"),
            ("state", &asked["state"]),
            ("iss", &provider.issuer),
        ];
        FakeProvider::come_back(&service, &mut browser, &query)
            .await
            .status
            .as_u16()
    };
    service.clock.advance(MINUTE);
    for _ in 0..3 {
        assert_eq!(attempt("k2").await, 403);
    }
    assert_eq!(provider.words().keys_asked, 2);
    provider.show_another("k2");
    assert_eq!(attempt("k2").await, 403, "within the minute");
    service.clock.advance(MINUTE);
    assert_eq!(attempt("k2").await, 200);
    assert_eq!(provider.words().keys_asked, 3);
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_or_is_another_lets_nobody_in_and_ends_no_session() {
    let provider = FakeProvider::start().await;
    let service = Service::with(&provider.configuration("")).await;
    let mut signed_in = Browser::new();
    provider
        .sign_in(&service, &mut signed_in, "grace-sub")
        .await;
    let leave = service.url("/sign-in/provider");
    let fault = |metadata: Vec<(&'static str, Value)>| {
        provider.words().metadata = metadata.into_iter().collect();
    };
    for metadata in [
        vec![("issuer", json!(format!("{}/", provider.issuer)))],
        vec![("issuer", json!("https://evil.example"))],
        vec![("code_challenge_methods_supported", json!(["plain"]))],
        vec![("token_endpoint", json!("http://idp.example/token"))],
        vec![("authorization_endpoint", json!("javascript:alert(1)"))],
        vec![("jwks_uri", json!(1))],
    ] {
        service.clock.advance(11 * MINUTE);
        fault(metadata.clone());
        let shown = Browser::new().open(&leave).await;
        assert_eq!(shown.status, 503, "{metadata:?}");
        // Whoever has signed in already, stays so.
        assert!(is_signed_in(&service, &mut signed_in).await, "{metadata:?}");
    }
    fault(vec![]);
    service.clock.advance(11 * MINUTE);
    let mut browser = Browser::new();
    let asked = provider.leave(&service, &mut browser).await;
    provider.words().is_down = true;
    let query = [
        ("code", "c"),
        ("state", &asked["state"]),
        ("iss", &provider.issuer),
    ];
    let shown = FakeProvider::come_back(&service, &mut browser, &query).await;
    assert_eq!(shown.status, 403);
    assert_eq!(last_refusal(&service).await.0, "no-token");
}

/// A provider whose groups count, in a service where two groups have to approve what is purged.
async fn with_groups() -> (FakeProvider, Service) {
    let provider = FakeProvider::start().await;
    let further = "groups_claim = \"groups\"\n\
                   groups = {\"Velum Clinical\" = \"clinical\", \"Velum Privacy\" = \"privacy\"}";
    let mut configuration = provider.configuration(further);
    configuration = configuration.replace(
        "[actions.read]\nquorum = 1",
        "[actions.read]\nquorum = 1\ngroups = [\"privacy\"]",
    );
    let service = Service::with(&configuration).await;
    (provider, service)
}

/// Signs somebody in of whom the provider says that they are in these groups.
async fn member(
    provider: &FakeProvider,
    service: &Service,
    person: &str,
    groups: &[&str],
) -> Browser {
    let subject = format!("{person}-sub");
    provider.words().userinfo = Some(json!({"sub": subject, "groups": groups}));
    let mut browser = Browser::new();
    let shown = provider.sign_in(service, &mut browser, &subject).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    browser
}

#[tokio::test]
async fn who_was_taken_out_of_a_group_since_they_signed_in_decides_nothing() {
    let (provider, service) = with_groups().await;
    let approve = json!({"version": 1, "unseen": true});
    let id = service.pending(&service.ask(1)).await;
    // Nobody has asked the provider about her: a token says nothing of groups.
    let (status, body) = service.approve("grace", &id, approve.clone()).await;
    assert_eq!(
        (status.as_u16(), body["type"].as_str()),
        (403, Some("https://velum.dev/problems/groups-unread"))
    );
    member(
        &provider,
        &service,
        "grace",
        &["Velum Clinical", "Velum Privacy", "Other"],
    )
    .await;
    let (status, body) = service.approve("grace", &id, approve.clone()).await;
    assert_eq!(status, 200, "{body}");
    // What the provider says holds for five minutes.
    let id = service.pending(&service.ask(2)).await;
    service.clock.advance(5 * MINUTE);
    let (status, _) = service.approve("grace", &id, approve.clone()).await;
    assert_eq!(status, 403);
    member(&provider, &service, "grace", &["Velum Clinical"]).await;
    let (status, body) = service.approve("grace", &id, approve.clone()).await;
    assert_eq!(
        (status.as_u16(), body["type"].as_str()),
        (403, Some("https://velum.dev/problems/not-a-reviewer"))
    );
    // The provider gives nobody what the directory has not.
    member(
        &provider,
        &service,
        "omar",
        &["Velum Clinical", "Velum Privacy"],
    )
    .await;
    let (status, body) = service.approve("omar", &id, approve).await;
    assert_eq!(
        (status.as_u16(), body["type"].as_str()),
        (403, Some("https://velum.dev/problems/not-a-reviewer"))
    );
    assert_eq!(service.show(&id).await["version"], 1);
}

#[tokio::test]
async fn the_scopes_are_asked_for_and_the_claim_counts_that_are_configured() {
    let provider = FakeProvider::start().await;
    let further = "scopes = [\"roles\", \"profile\"]\ngroups_claim = \"roles\"\n\
                   groups = {\"Velum Clinical\" = \"clinical\"}";
    let service = Service::with(&provider.configuration(further)).await;
    let asked = provider.leave(&service, &mut Browser::new()).await;
    assert_eq!(asked["scope"], "openid profile roles");
    let id = service.pending(&service.ask(1)).await;
    let (in_it, in_another) = (["Velum Clinical"], ["Other"]);
    for (roles, groups, expected) in [(in_another, in_it, 403), (in_it, in_another, 200)] {
        let said = json!({"sub": "grace-sub", "roles": roles, "groups": groups});
        provider.words().userinfo = Some(said);
        let mut browser = Browser::new();
        let shown = provider.sign_in(&service, &mut browser, "grace-sub").await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        let yes = json!({"version": 1, "unseen": true});
        let (status, body) = service.approve("grace", &id, yes).await;
        assert_eq!(status, expected, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_is_asked_over_tls_and_only_where_it_is_believed() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = BehindTls::start(&authority, |issuer| {
        let metadata = usual_metadata(issuer);
        let said = move || async move { Json(metadata) };
        let keys = || async { Json(json!({"keys": []})) };
        Router::new()
            .route("/.well-known/openid-configuration", get(said))
            .route("/jwks", get(keys))
    })
    .await;
    let secret = server.file("secret", "a secret");
    for (ca, expected) in [
        (server.ca("ca.pem", &authority), 303),
        (server.ca("other.pem", &other), 503),
        (String::new(), 503),
    ] {
        let text = configuration(&server.url, &secret, &ca);
        let service = Service::with(&text).await;
        let shown = Browser::new().open(&service.url("/sign-in/provider")).await;
        assert_eq!(shown.status, expected, "{ca}: {}", shown.text);
    }
}

#[tokio::test]
async fn who_is_in_none_of_their_groups_any_more_reviews_nothing_and_ends_no_stop() {
    let provider = FakeProvider::start().await;
    let further = "groups_claim = \"groups\"\n\
                   groups = {\"Velum Clinical\" = \"clinical\", \"Velum Privacy\" = \"privacy\"}";
    // Reading asks for no group.
    let service = Service::with(&provider.configuration(further)).await;
    let id = service.pending(&service.ask(1)).await;
    let stop = json!({"scope": {"kind": "action", "name": "read"}});
    let (status, stop) = service.post("omar", "/v1/stops", &stop).await;
    assert_eq!(status, 201, "{stop}");
    let resume = format!("/v1/stops/{}/resume", stop["id"].as_str().unwrap());
    let problem = |(status, body): (reqwest::StatusCode, Value)| {
        let name = body["type"].as_str().unwrap_or_default();
        (status.as_u16(), name.rsplit('/').next().unwrap().to_owned())
    };
    let refused = |code: &str| (403, code.to_owned());
    let approve = json!({"version": 1, "unseen": true});
    let resumed = service.post("grace", &resume, &json!({})).await;
    assert_eq!(problem(resumed), refused("groups-unread"));
    member(&provider, &service, "grace", &["Other"]).await;
    let approved = service.approve("grace", &id, approve.clone()).await;
    assert_eq!(problem(approved), refused("not-a-reviewer"));
    let resumed = service.post("grace", &resume, &json!({})).await;
    assert_eq!(problem(resumed), refused("not-a-reviewer"));
    member(&provider, &service, "grace", &["Velum Clinical"]).await;
    let (status, body) = service.post("grace", &resume, &json!({})).await;
    assert_eq!(status, 200, "{body}");
    let (status, body) = service.approve("grace", &id, approve).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn what_only_closes_is_done_also_when_the_provider_is_away() {
    let (provider, service) = with_groups().await;
    let mut browser = member(&provider, &service, "grace", &["Velum Privacy"]).await;
    let form_token = browser.open(&service.url("/session")).await.form_token();
    let id = service.pending(&service.ask(1)).await;
    let (status, body) = service
        .approve("grace", &id, json!({"version": 1, "unseen": true}))
        .await;
    assert_eq!(status, 200, "{body}");
    provider.words().is_down = true;
    let press = async |browser: &mut Browser, path: &str, fields: &[(&str, &str)]| {
        let token = [("form_token", form_token.as_str())];
        let fields: Vec<_> = token.iter().chain(fields).copied().collect();
        browser
            .submit(&service.url(path), &fields)
            .await
            .status
            .as_u16()
    };
    let path = format!("/approvals/{id}/deny");
    assert_eq!(press(&mut browser, &path, &[("version", "2")]).await, 403);
    assert_eq!(
        press(&mut browser, "/stops", &[("kind", "everything")]).await,
        303
    );
    // Whatever version it was shown in.
    let path = format!("/approvals/{id}/revoke");
    assert_eq!(press(&mut browser, &path, &[("version", "1")]).await, 303);
    assert_eq!(service.show(&id).await["state"], "revoked");
}

#[tokio::test]
async fn a_form_of_another_page_keeps_no_session_and_asks_the_provider_nothing() {
    let (provider, service) = with_groups().await;
    let mut browser = member(&provider, &service, "grace", &["Velum Privacy"]).await;
    provider.words().refresh = Some("refresh".to_owned());
    provider.words().access = "another".to_owned();
    for headers in [
        [
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-mode", "navigate"),
        ],
        [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
        ],
    ] {
        service.clock.advance(7 * MINUTE);
        let url = service.url("/session/groups");
        let shown = browser
            .send(reqwest::Method::POST, &url, &headers, Some(&[]))
            .await;
        assert_eq!(shown.status, 403);
        assert!(
            shown.text.contains("That form was not ours"),
            "{}",
            shown.text
        );
    }
    assert_eq!(provider.words().refresh.as_deref(), Some("refresh"));
    service.clock.advance(2 * MINUTE);
    assert_eq!(browser.open(&service.url("/session")).await.status, 303);
}

#[tokio::test]
async fn a_grant_is_not_used_when_who_approved_it_was_taken_out_of_the_group_since() {
    let (provider, service) = with_groups().await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    member(&provider, &service, "grace", &["Velum Privacy"]).await;
    let (status, body) = service
        .approve("grace", &id, json!({"version": 1, "unseen": true}))
        .await;
    assert_eq!(status, 200, "{body}");
    member(&provider, &service, "grace", &["Velum Clinical"]).await;
    let answer = service.check(&check).await;
    assert_ne!(answer["decision"], "allow", "{answer}");
}

#[tokio::test]
async fn groups_are_read_again_whenever_something_is_done_and_where_they_cannot_be_nothing_is() {
    let (provider, service) = with_groups().await;
    let mut browser = member(&provider, &service, "grace", &["Velum Privacy"]).await;
    let form_token = browser.open(&service.url("/session")).await.form_token();
    // A form of any page reads them.
    let id = service.pending(&service.ask(1)).await;
    service.clock.advance(6 * MINUTE);
    provider.words().userinfo = Some(json!({"sub": "grace-sub", "groups": []}));
    let press = async |browser: &mut Browser| {
        let url = service.url("/session/groups");
        browser
            .submit(&url, &[("form_token", form_token.as_str())])
            .await
    };
    assert_eq!(press(&mut browser).await.status, 303);
    let (status, body) = service
        .approve("grace", &id, json!({"version": 1, "unseen": true}))
        .await;
    assert_eq!(
        (status.as_u16(), body["type"].as_str()),
        (403, Some("https://velum.dev/problems/not-a-reviewer"))
    );
    for said in [
        None,
        Some(json!({"sub": "omar-sub", "groups": ["Velum Privacy"]})),
        Some(json!({"groups": ["Velum Privacy"]})),
        Some(json!({"sub": "grace-sub", "groups": {"Velum Privacy": true}})),
    ] {
        provider.words().userinfo = said.clone();
        let shown = press(&mut browser).await;
        assert_eq!(shown.status, 403, "{said:?}");
        assert!(
            shown.text.contains("Your groups could not be read"),
            "{}",
            shown.text
        );
    }
    let url = service.url("/sign-out");
    let shown = browser
        .submit(&url, &[("form_token", form_token.as_str())])
        .await;
    assert_eq!(shown.status, 200, "who leaves needs nobody's word");
}

#[tokio::test]
async fn check_config_says_what_is_wrong_with_a_provider_and_finds_no_fault_in_one_that_is_away() {
    let provider = FakeProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), crate::testing::POLICY).unwrap();
    let file = folder.path().join("service.toml");
    let check = async |text: &str| -> Vec<String> {
        std::fs::write(&file, text).unwrap();
        let faults = crate::check_config(&file).await.err().unwrap_or_default();
        faults
            .into_iter()
            .filter(|fault| fault.contains("inbox") || fault.contains("reviewers"))
            .collect()
    };
    let good = provider.configuration("");
    // Reviewers need no token where they can sign in.
    assert_eq!(check(&good).await, [""; 0]);
    for (text, metadata, expected) in [
        (
            good.clone(),
            Some(("issuer", json!("https://evil.example"))),
            "names another issuer",
        ),
        (
            good.clone(),
            Some(("code_challenge_methods_supported", json!([]))),
            "PKCE",
        ),
        (
            good.clone(),
            Some(("token_endpoint", Value::Null)),
            "something is missing",
        ),
        (
            good.replace("/secret\"", "/none\""),
            None,
            "inbox.provider.client_secret",
        ),
        (
            format!("{good}groups_claim = \"groups\"\ngroups = {{a = \"privacy\"}}"),
            Some(("userinfo_endpoint", Value::Null)),
            "userinfo",
        ),
    ] {
        provider.words().metadata = metadata.into_iter().collect();
        let faults = check(&text).await;
        assert_eq!(faults.len(), 1, "{expected}: {faults:?}");
        assert!(faults[0].contains(expected), "{expected}: {faults:?}");
    }
    provider.words().metadata.clear();
    provider.words().is_down = true;
    assert_eq!(check(&good).await, [""; 0]);
}

#[tokio::test]
async fn behind_tls_cookies_are_this_hosts_alone_and_the_browser_stays_with_tls() {
    let provider = FakeProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), crate::testing::POLICY).unwrap();
    let mut text = provider.configuration("");
    text = text.replace("http://127.0.0.1:1\"", "https://approvals.example.org\"");
    for (digit, gateway) in [("1", "edge"), ("2", "second-edge")] {
        let one = format!("id = \"{gateway}\"");
        text = text.replace(
            &one,
            &format!("{one}\ntoken_sha256 = \"{}\"", digit.repeat(64)),
        );
    }
    let config = crate::Config::from_toml(&text, folder.path()).unwrap();
    let options = crate::Options {
        clock: Arc::new(ManualClock::new(START)),
        ..crate::Options::default()
    };
    // A proxy on this machine ends TLS.
    let running = crate::serve(config, options).await.unwrap();
    assert!(running.links.is_empty() && running.reviewers.is_empty());
    let url = |path: &str| format!("http://{}{path}", running.address);
    let mut browser = Browser::new();
    let shown = browser.open(&url("/sign-in/provider")).await;
    let hop = shown.header("set-cookie");
    assert!(hop.starts_with("__Host-velum-hop="), "{hop}");
    assert!(
        hop.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600"),
        "{hop}"
    );
    assert_eq!(
        shown.header("strict-transport-security"),
        "max-age=31536000"
    );
    let (_, query) = shown.header("location").split_once('?').unwrap();
    let asked: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(
        asked["redirect_uri"],
        "https://approvals.example.org/sign-in/callback"
    );
    let now = START.as_millis() / 1000;
    let claims = json!({
        "iss": provider.issuer, "sub": "grace-sub", "aud": "velum-inbox", "nonce": asked["nonce"],
        "iat": now, "exp": now + 60,
    });
    provider.words().id_token = provider.signed(&claims);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("code", "c"),
            ("state", &asked["state"]),
            ("iss", &provider.issuer),
        ])
        .finish();
    let shown = browser
        .arrive(&url(&format!("/sign-in/callback?{query}")))
        .await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let cookies: Vec<_> = shown.headers.get_all("set-cookie").iter().collect();
    let session = cookies.last().unwrap().to_str().unwrap();
    assert!(session.starts_with("__Host-velum="), "{session}");
    assert!(
        session.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"),
        "{session}"
    );
    assert_eq!(browser.open(&url("/session")).await.status, 200);
    // Plain text could have set this one.
    let mut plain = Browser::new();
    plain
        .cookies
        .insert("velum".to_owned(), browser.cookies["__Host-velum"].clone());
    assert_eq!(plain.open(&url("/session")).await.status, 303);
    running.stop().await;
}

#[tokio::test]
async fn an_access_token_that_is_over_is_renewed_and_one_that_was_taken_back_is_not() {
    let (provider, service) = with_groups().await;
    provider.words().refresh = Some("refresh".to_owned());
    let mut browser = member(&provider, &service, "grace", &["Velum Privacy"]).await;
    let form_token = browser.open(&service.url("/session")).await.form_token();
    let press = async |browser: &mut Browser| {
        let url = service.url("/session/groups");
        let fields = [("form_token", form_token.as_str())];
        browser.submit(&url, &fields).await.status.as_u16()
    };
    // Each time another one, and each refresh token is good for once.
    for _ in 0..3 {
        provider.words().access = "the next".to_owned();
        assert_eq!(press(&mut browser).await, 303);
    }
    assert_eq!(provider.words().refresh.as_deref(), Some("refresh+++"));
    assert_eq!(press(&mut browser).await, 303);
    assert_eq!(
        provider.words().refresh.as_deref(),
        Some("refresh+++"),
        "nothing was over"
    );
    // What was renewed is kept, whatever becomes of the question.
    let userinfo = provider.words().userinfo.take();
    provider.words().access = "the next".to_owned();
    assert_eq!(press(&mut browser).await, 403);
    assert_eq!(provider.words().refresh.as_deref(), Some("refresh++++"));
    provider.words().userinfo = userinfo;
    assert_eq!(press(&mut browser).await, 303);
    {
        let mut words = provider.words();
        words.access = "the next".to_owned();
        words.refresh = Some("of another session".to_owned());
    }
    assert_eq!(press(&mut browser).await, 403);
    // One that is away is not asked for another token.
    provider.words().is_down = true;
    assert_eq!(press(&mut browser).await, 403);
}
