//! The answers that are no.

use serde_json::{Value, json};
use velum_approval::{Identity, IdentityKind, Lineage, PolicyDigest};

use crate::testing::{CONFIGURATION, POLICY, START, Service, identity, reply};

fn refused(answer: &Value) -> &str {
    assert_eq!(answer["decision"], "deny", "{answer}");
    answer["code"].as_str().unwrap()
}

#[tokio::test]
async fn a_grant_is_good_once_for_one_request_of_one_principal() {
    let service = Service::start().await;
    let first = service.ask(1);
    let id = service.pending(&first).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);

    let mut other_request = service.ask(2);
    other_request.approval = Some(id.clone());
    assert_eq!(refused(&service.check(&other_request).await), "mismatch");

    let mut other_principal = service.ask(1);
    other_principal.principal = identity("omar");
    other_principal.lineage = Lineage::new(vec![identity("omar")]).unwrap();
    other_principal.approval = Some(id.clone());
    let answer = service.check(&other_principal).await;
    assert_eq!(refused(&answer), "unknown-approval");
    assert_eq!(answer.get("approval"), None, "it says that there is one");

    let mut invented = service.ask(1);
    invented.approval = Some("0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e".parse().unwrap());
    assert_eq!(refused(&service.check(&invented).await), "unknown-approval");

    let mut used = service.ask(1);
    used.approval = Some(id.clone());
    let answer = service.check(&used).await;
    service.verified(&used, &answer);
    let mut again = service.ask(1);
    again.approval = Some(id);
    assert!(["used", "taken"].contains(&refused(&service.check(&again).await)));
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test]
async fn the_same_use_key_gets_the_same_answer_for_a_minute() {
    let service = Service::start().await;
    let ask = service.ask(1);
    let id = service.pending(&ask).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let answer = service.check(&ask).await;
    let allow = service.verified(&ask, &answer);
    let minute = START.after(std::time::Duration::from_mins(1));
    assert_eq!(allow.expires, minute, "no longer than it is answered again");
    service.clock.advance(30_000);
    assert_eq!(service.check(&ask).await, answer);
    assert_eq!(service.count("grant.used").await, 1);

    let (_, other) = service
        .check_as(&service.running.gateways["second-edge"], &ask, 0)
        .await;
    assert_eq!(
        other["decision"], "pending",
        "another gateway has keys of its own"
    );
    let mut mismatch = ask.clone();
    mismatch.fingerprint = service.ask(2).fingerprint;
    assert_ne!(service.check(&mismatch).await["decision"], "allow");

    service.clock.advance(40_000);
    assert_ne!(service.check(&ask).await["decision"], "allow");
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test]
async fn what_nobody_here_can_judge_is_refused() {
    let service = Service::start().await;
    let mut unknown_policy = service.ask(1);
    unknown_policy.policy = PolicyDigest::from_bytes([9; 32]);
    assert_eq!(
        refused(&service.check(&unknown_policy).await),
        "policy-unknown"
    );

    for action in ["no-such", "health"] {
        let mut unknown_action = service.ask(1);
        unknown_action.action = action.parse().unwrap();
        assert_eq!(
            refused(&service.check(&unknown_action).await),
            "action-unknown",
            "{action}"
        );
    }

    let mut stranger = service.ask(1);
    stranger.lineage = Lineage::new(vec![identity("triage-bot"), identity("stranger")]).unwrap();
    assert_eq!(refused(&service.check(&stranger).await), "lineage-unknown");

    let mut forgotten = service.ask(1);
    forgotten.lineage = Lineage::new(vec![identity("dr-jones")]).unwrap();
    forgotten.principal = identity("stranger");
    assert_eq!(refused(&service.check(&forgotten).await), "lineage-unknown");
    assert_eq!(
        service.get("grace", "/v1/approvals?state=pending").await.1["approvals"],
        json!([])
    );
}

#[tokio::test]
async fn an_identity_is_known_by_its_kind_its_issuer_and_its_subject() {
    let here = "https://idp.example";
    let written = |kind: &str, issuer: &str, subject: &str| {
        format!("{{kind = \"{kind}\", issuer = \"{issuer}\", subject = \"{subject}\"}}")
    };
    // An agent, and a person.
    for who in ["triage-bot", "omar"] {
        let usual = written("jwt", here, who);
        assert!(CONFIGURATION.contains(&usual));
        for (kind, issuer, subject) in [
            (IdentityKind::Header, here, who),
            (IdentityKind::Jwt, "https://other.example", who),
            (IdentityKind::Jwt, here, "somebody"),
        ] {
            let changed = written(kind.name(), issuer, subject);
            let service = Service::with(&CONFIGURATION.replace(&usual, &changed)).await;
            let ask_as = |identity: Identity| {
                let mut ask = service.ask(1);
                ask.lineage = Lineage::new(vec![identity.clone()]).unwrap();
                ask.principal = identity;
                ask
            };
            let before = service.check(&ask_as(identity(who))).await;
            assert_eq!(refused(&before), "lineage-unknown", "{changed}");
            let now = Identity::new(kind, issuer, subject).unwrap();
            service.pending(&ask_as(now)).await;
        }
    }
}

#[tokio::test]
async fn nobody_is_left_to_review() {
    let service = Service::start().await;
    let mut ask = service.ask(1);
    ask.action = "purge".parse().unwrap();
    ask.method = "DELETE".to_owned();
    ask.classes = velum_engine::ClassSet::EMPTY;
    // `privacy` has grace alone.
    ask.principal = identity("grace");
    ask.lineage = Lineage::new(vec![identity("grace")]).unwrap();
    assert_eq!(refused(&service.check(&ask).await), "no-reviewer");
}

#[tokio::test]
async fn a_principal_has_so_many_asks_open_and_no_more() {
    let limits = CONFIGURATION.replace("pending_per_principal = 5", "pending_per_principal = 2");
    let service = Service::with(&crate::testing::with_alias(&limits)).await;
    service.pending(&service.ask(1)).await;
    let second = service.pending(&service.ask(2)).await;
    assert_eq!(
        refused(&service.check(&service.ask(3)).await),
        "rate-limited"
    );
    assert_eq!(
        service.pending(&service.ask(2)).await,
        second,
        "asking again is no new ask"
    );
    // Another name of the same agent has no places of its own.
    let mut alias = service.ask(5);
    alias.principal = identity("triage-bot-2");
    alias.lineage = Lineage::new(vec![identity("triage-bot-2")]).unwrap();
    assert_eq!(refused(&service.check(&alias).await), "rate-limited");
    let mut other = service.ask(4);
    other.principal = identity("omar");
    other.lineage = Lineage::new(vec![identity("omar")]).unwrap();
    service.pending(&other).await;
    assert_eq!(service.deny("grace", &second, json!({})).await.0, 200);
    service.pending(&service.ask(3)).await;
}

#[tokio::test]
async fn classes_that_the_policy_does_not_offer_are_no_ask() {
    let service = Service::start().await;
    let mut ask = service.ask(1);
    ask.classes.insert(velum_engine::Class::Ssn);
    let (status, body) = service.check_as(service.gateway(), &ask, 0).await;
    assert_eq!(status, 400, "{body}");
}

#[tokio::test]
async fn the_requester_learns_the_state_and_others_learn_nothing() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    let status = |subject: &'static str| {
        let request = service
            .request("POST", &format!("/v1/approvals/{id}/status"))
            .bearer_auth(service.gateway())
            .json(&json!({"principal": identity(subject)}));
        reply(request)
    };
    let (code, body) = status("triage-bot").await;
    assert_eq!((code.as_u16(), &body["state"]), (200, &json!("pending")));
    assert!(body["retry_after_seconds"].as_u64().unwrap() >= 1);
    for subject in ["dr-jones", "omar", "stranger"] {
        assert_eq!(status(subject).await.0, 404, "{subject}");
    }
    assert_eq!(
        service
            .deny("grace", &id, json!({"public_reason": "no"}))
            .await
            .0,
        200
    );
    let (_, body) = status("triage-bot").await;
    assert_eq!(
        (&body["state"], &body["public_reason"]),
        (&json!("denied"), &json!("no"))
    );
}

#[tokio::test]
async fn a_change_of_policy_between_ask_and_use_ends_the_approval() {
    let configuration = CONFIGURATION.replace(
        "[\"policy.yaml\"]",
        "[\"policy.yaml\", \"next-policy.yaml\"]",
    );
    let service = Service::with(&configuration).await;
    let next = POLICY.replace("hold: 120s", "hold: 60s");
    let next = velum_policy::document::from_text(&next).unwrap().digest();
    for redeems in [true, false] {
        let old = service.pending(&service.ask(1)).await;
        assert_eq!(service.approve("grace", &old, json!({})).await.0, 200);
        let mut ask = service.ask(1);
        ask.policy = PolicyDigest::from_bytes(next);
        ask.approval = redeems.then(|| old.clone());
        let answer = service.check(&ask).await;
        if redeems {
            assert_eq!(refused(&answer), "superseded");
        } else {
            assert_eq!(answer["decision"], "pending");
            assert_ne!(answer["approval"], old.as_str());
        }
        assert_eq!(service.show(&old).await["state"], "superseded");
    }
    assert_eq!(service.count("grant.used").await, 0);
}

#[tokio::test]
async fn who_waits_for_an_approval_that_another_stream_ends_is_told() {
    let configuration = CONFIGURATION.replace(
        "[\"policy.yaml\"]",
        "[\"policy.yaml\", \"next-policy.yaml\"]",
    );
    let service = Service::with(&configuration).await;
    let next = POLICY.replace("hold: 120s", "hold: 60s");
    let next = velum_policy::document::from_text(&next).unwrap().digest();
    let ask = service.ask(1);
    let ending = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let mut under_next = service.ask(1);
        under_next.policy = PolicyDigest::from_bytes(next);
        assert_eq!(service.check(&under_next).await["decision"], "pending");
    };
    let begun = std::time::Instant::now();
    let (answer, ()) = tokio::join!(service.check_waiting(&ask, 20), ending);
    assert_eq!(refused(&answer), "superseded");
    assert!(begun.elapsed() < std::time::Duration::from_secs(2));
}

#[tokio::test]
async fn quorum_and_groups_are_those_of_the_time_of_use() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let stricter =
        CONFIGURATION.replace("[actions.read]\nquorum = 1", "[actions.read]\nquorum = 2");
    let service = service.restart_with(&stricter).await;
    let mut ask = service.ask(1);
    ask.approval = Some(id.clone());
    assert_eq!(refused(&service.check(&ask).await), "superseded");
    assert_eq!(service.show(&id).await["state"], "superseded");
}

#[tokio::test]
async fn the_owner_of_an_agent_is_looked_up_again_for_every_vote() {
    let service = Service::start().await;
    let mut ask = service.ask(1);
    ask.lineage = Lineage::new(vec![identity("triage-bot")]).unwrap();
    let id = service.pending(&ask).await;
    let sold = CONFIGURATION.replace("owner = \"dr-jones\"", "owner = \"grace\"");
    let service = service.restart_with(&sold).await;
    for person in ["grace", "dr-jones"] {
        let (status, body) = service.approve(person, &id, json!({})).await;
        assert_eq!(status, 403, "{person}: {body}");
    }
    assert_eq!(service.approve("omar", &id, json!({})).await.0, 200);
}

#[tokio::test]
async fn the_requester_can_wait_for_the_state_to_change() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    let request = service
        .request("POST", &format!("/v1/approvals/{id}/status"))
        .bearer_auth(service.gateway())
        .header("prefer", "wait=20")
        .json(&json!({"principal": identity("triage-bot")}));
    let deciding = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    };
    let begun = std::time::Instant::now();
    let ((_, body), ()) = tokio::join!(reply(request), deciding);
    assert_eq!(body["state"], "approved");
    assert!(begun.elapsed() < std::time::Duration::from_secs(2));
    assert_eq!(service.pending(&service.ask(2)).await.as_str().len(), 36);
}

#[tokio::test]
async fn a_host_is_shown_where_the_configuration_names_it() {
    for (named, shown) in [
        ("fhir.example", "fhir.example"),
        ("*.example", "{…}.example"),
        ("lab.example", "{…}"),
    ] {
        let configuration = CONFIGURATION.replace("[\"fhir.example\"]", &format!("[{named:?}]"));
        assert!(configuration.contains(named));
        let service = Service::with(&configuration).await;
        let id = service.pending(&service.ask(1)).await;
        assert_eq!(service.show(&id).await["authority"], shown);
    }
}
