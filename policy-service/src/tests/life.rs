//! An approval from the ask to the release.

use std::time::{Duration, Instant};

use serde_json::json;
use velum_approval::ApprovalId;
use velum_engine::Class;

use crate::testing::{CONFIGURATION, Service, classes, identity, reason};

#[tokio::test]
async fn a_second_person_approves_less_and_the_waiting_request_goes_on() {
    let service = Service::start().await;
    let mut ask = service.ask(1);
    ask.reason = Some(reason("discharge summary"));
    let id = service.pending(&ask).await;

    let (status, body) = service.approve("dr-jones", &id, json!({})).await;
    assert_eq!(
        (status.as_u16(), &body["type"]),
        (403, &json!("https://velum.dev/problems/self-approval"))
    );

    let card = service.show(&id).await;
    assert_eq!(card["state"], "pending");
    assert_eq!(card["reason"], "discharge summary");
    assert_eq!(card["principal"]["subject"], "triage-bot");
    assert_eq!(card["classes"], json!(["name", "date"]));

    let waiting = async {
        let begun = Instant::now();
        let answer = service.check_waiting(&ask, 20).await;
        (answer, begun.elapsed())
    };
    let approving = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (status, body) = service
            .approve("grace", &id, json!({"classes": ["name"]}))
            .await;
        assert_eq!(status, 200, "{body}");
    };
    let ((answer, waited), ()) = tokio::join!(waiting, approving);
    assert!(
        waited < Duration::from_millis(1300),
        "woken after {waited:?}"
    );
    assert_eq!(
        (&answer["decision"], &answer["retry_after_seconds"]),
        (&json!("pending"), &json!(0)),
        "{answer}"
    );
    assert_eq!(service.show(&id).await["state"], "approved");
    let allow = service.verified(&ask, &service.check_waiting(&ask, 20).await);
    assert_eq!(allow.scope.classes, classes(&[Class::Name]));
    assert_eq!(allow.approval, id);
    assert_eq!(allow.gateway.as_str(), "edge");
    assert_eq!(service.show(&id).await["state"], "used");
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test]
async fn a_hold_that_runs_out_is_pending_and_sending_again_finds_it() {
    let service = Service::start().await;
    let ask = service.ask(1);
    let begun = Instant::now();
    let answer = service.check_waiting(&ask, 1).await;
    assert!(begun.elapsed() >= Duration::from_millis(900));
    assert_eq!(answer["decision"], "pending");
    assert!(answer["retry_after_seconds"].as_u64().unwrap() >= 1);
    let id = answer["approval"].as_str().unwrap().parse().unwrap();
    assert_eq!(service.pending(&service.ask(1)).await, id);
    assert_ne!(service.pending(&service.ask(2)).await, id);

    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let mut again = service.ask(1);
    again.approval = Some(id);
    let allow = service.verified(&again, &service.check(&again).await);
    assert_eq!(allow.scope.classes, classes(&[Class::Name, Class::Date]));
}

#[tokio::test]
async fn one_denial_ends_it_and_the_same_ask_is_not_shown_again() {
    let service = Service::start().await;
    let ask = service.ask(1);
    let id = service.pending(&ask).await;
    let body = json!({"public_reason": "ask the ward first"});
    assert_eq!(service.deny("grace", &id, body).await.0, 200);
    for _ in 0..2 {
        let answer = service.check(&service.ask(1)).await;
        assert_eq!(
            (&answer["decision"], &answer["code"]),
            (&json!("deny"), &json!("denied")),
            "{answer}"
        );
        assert_eq!(answer["approval"], id.as_str());
        assert_eq!(answer["public_reason"], "ask the ward first");
    }
    let (status, body) = service.approve("omar", &id, json!({})).await;
    assert_eq!(
        (status.as_u16(), &body["type"]),
        (409, &json!("https://velum.dev/problems/already-decided"))
    );
    service.clock.advance(15 * 60 * 1000 + 1);
    assert_ne!(service.pending(&service.ask(1)).await, id);
}

#[tokio::test]
async fn who_is_denied_thrice_does_not_get_through_with_a_detail_changed() {
    let service = Service::with(&crate::testing::with_alias(CONFIGURATION)).await;
    // The same resource and classes, and each time another query.
    let ask = |detail: u8| {
        let mut ask = service.ask(1);
        ask.fingerprint = velum_approval::Fingerprint::from_bytes([detail; 32]);
        ask
    };
    for detail in [1, 2, 6] {
        let id = service.pending(&ask(detail)).await;
        let body = json!({"public_reason": "ask the ward first"});
        assert_eq!(service.deny("grace", &id, body).await.0, 200);
    }
    let answer = service.check(&ask(3)).await;
    assert_eq!(answer["code"], "denied", "{answer}");
    assert_eq!(answer["public_reason"], "ask the ward first");
    // Nor with another of its names.
    let mut alias = ask(7);
    alias.principal = identity("triage-bot-2");
    alias.lineage = velum_approval::Lineage::new(vec![identity("triage-bot-2")]).unwrap();
    assert_eq!(service.check(&alias).await["code"], "denied");
    // Other classes, another resource, somebody else: that is another ask.
    let mut fewer = ask(4);
    fewer.classes = classes(&[Class::Name]);
    service.pending(&fewer).await;
    service.pending(&service.ask(9)).await;
    let mut of_another = ask(5);
    of_another.principal = identity("dr-jones");
    service.pending(&of_another).await;
    // That stands for a quarter of an hour; for an ask that was itself denied the third denial is a day.
    service.clock.advance(14 * 60_000);
    for detail in [1, 3] {
        assert_eq!(service.check(&ask(detail)).await["code"], "denied");
    }
    service.clock.advance(60_000);
    service.pending(&ask(3)).await;
    assert_eq!(service.check(&ask(6)).await["code"], "denied");
}

#[tokio::test]
async fn nobody_decides_in_time() {
    let service = Service::start().await;
    let ask = service.ask(1);
    let id = service.pending(&ask).await;
    let waiting = service.check_waiting(&ask, 20);
    let passing = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        service.clock.advance(15 * 60 * 1000);
    };
    let (answer, ()) = tokio::join!(waiting, passing);
    assert_eq!(
        (&answer["decision"], &answer["code"]),
        (&json!("deny"), &json!("expired")),
        "{answer}"
    );
    let (status, _) = service.approve("grace", &id, json!({})).await;
    assert_eq!(status, 409);
    assert_eq!(service.show(&id).await["state"], "expired");
    assert_eq!(service.count("approval.expired").await, 1);
    assert_ne!(service.pending(&service.ask(1)).await, id);
}

#[tokio::test]
async fn a_grant_that_nobody_used_in_time_is_gone() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    service.clock.advance(5 * 60 * 1000);
    let mut ask = service.ask(1);
    ask.approval = Some(id);
    let answer = service.check(&ask).await;
    assert_eq!(
        (&answer["decision"], &answer["code"]),
        (&json!("deny"), &json!("expired")),
        "{answer}"
    );
}

#[tokio::test]
async fn each_lifetime_is_as_long_as_the_configuration_says() {
    let short = CONFIGURATION.replace(
        "pending = \"15m\"\ngrant = \"5m\"",
        "pending = \"2m\"\ngrant = \"1m\"\nevidence = \"20s\"",
    );
    assert_ne!(short, CONFIGURATION);
    for (configuration, is_short) in [(CONFIGURATION, false), (short.as_str(), true)] {
        let service = Service::with(configuration).await;
        let mut seen = service.ask(1);
        seen.evidence = true;
        let collecting = service.pending(&seen).await;
        let asked = service.pending(&service.ask(2)).await;
        let granted = service.pending(&service.ask(3)).await;
        assert_eq!(service.approve("grace", &granted, json!({})).await.0, 200);
        service.clock.advance(21_000);
        let begun = Instant::now();
        while is_short && service.show(&collecting).await["state"] != "pending" {
            assert!(begun.elapsed() < Duration::from_secs(5), "it is collecting");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let state = if is_short { "pending" } else { "collecting" };
        assert_eq!(service.show(&collecting).await["state"], state);
        service.clock.advance(39_000);
        let mut redeem = service.ask(3);
        redeem.approval = Some(granted);
        let answer = service.check(&redeem).await;
        assert_eq!(answer["code"] == "expired", is_short, "{answer}");
        assert_eq!(answer["decision"] == "allow", !is_short, "{answer}");
        service.clock.advance(60_000);
        let again = service.pending(&service.ask(2)).await;
        assert_eq!(again != asked, is_short);
    }
}

#[tokio::test]
async fn a_grant_is_used_as_often_and_as_long_as_its_action_says() {
    let rule = "[actions.read]\nquorum = 1";
    let more = CONFIGURATION.replace(rule, &format!("{rule}\nuses = 2\ngrant = \"10m\""));
    assert_ne!(more, CONFIGURATION);
    for (configuration, most, is_long) in [(CONFIGURATION, 1, false), (more.as_str(), 2, true)] {
        let service = Service::with(configuration).await;
        let approved = async |request: u8| {
            let id = service.pending(&service.ask(request)).await;
            assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
            id
        };
        // By a stream of its own each time.
        let is_released = async |request: u8, id: &ApprovalId| {
            let mut redeem = service.ask(request);
            redeem.approval = Some(id.clone());
            service.check(&redeem).await["decision"] == "allow"
        };
        let id = approved(1).await;
        let mut used = 0;
        for _ in 0..3 {
            used += usize::from(is_released(1, &id).await);
        }
        assert_eq!(used, most);
        let id = approved(2).await;
        service.clock.advance(6 * 60 * 1000);
        assert_eq!(is_released(2, &id).await, is_long);
    }
}

#[tokio::test]
async fn two_of_two_have_to_approve_and_one_of_them_in_the_group() {
    let service = Service::start().await;
    let mut ask = service.ask(1);
    ask.principal = identity("dr-jones");
    ask.lineage = velum_approval::Lineage::new(vec![ask.principal.clone()]).unwrap();
    ask.action = "purge".parse().unwrap();
    ask.method = "DELETE".to_owned();
    ask.classes = classes(&[]);
    let id = service.pending(&ask).await;
    assert_eq!(service.approve("omar", &id, json!({})).await.0, 200);
    assert_eq!(service.approve("omar", &id, json!({})).await.0, 200);
    assert_eq!(service.check(&ask).await["decision"], "pending");
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let allow = service.verified(&ask, &service.check(&ask).await);
    assert_eq!(allow.scope.classes, classes(&[]));
}

#[tokio::test]
async fn a_vote_on_a_version_that_has_passed_is_refused() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    let version = service.show(&id).await["version"].as_u64().unwrap();
    let (status, body) = service
        .approve("grace", &id, json!({"version": version + 1}))
        .await;
    assert_eq!(
        (status.as_u16(), &body["type"]),
        (409, &json!("https://velum.dev/problems/stale-version"))
    );
    assert_eq!(
        service
            .approve("grace", &id, json!({"version": version}))
            .await
            .0,
        200
    );
}
