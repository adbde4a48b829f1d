//! The situations in which approvals have been fooled elsewhere, each with the tests that show it does
//! not happen here; those that no other file shows are below.

use std::path::Path;

use serde_json::{Value, json};
use velum_approval::{Check, Lineage};

use super::named::is_test;
use crate::testing::{CONFIGURATION, Service, classes, identity};

/// Each situation, and the tests of it: the file, and the function's name.
const SITUATIONS: &[(&str, &[(&str, &str)])] = &[
    (
        "self",
        &[
            (
                HERE,
                "who_asks_never_approves_be_they_in_every_group_and_admitted_in_emergencies",
            ),
            (
                TRANSITIONS,
                "nobody_behind_the_request_votes_whatever_else_they_are",
            ),
        ],
    ),
    (
        "admin",
        &[
            (
                HERE,
                "who_asks_never_approves_be_they_in_every_group_and_admitted_in_emergencies",
            ),
            (APPROVALS, "nobody_behind_the_request_approves_it"),
        ],
    ),
    (
        "alias",
        &[
            (HERE, "another_name_of_the_same_person_is_the_same_person"),
            (
                "approval/src/directory.rs",
                "every_alias_and_every_owner_is_excluded",
            ),
        ],
    ),
    (
        "agent owner",
        &[(
            ANSWERS,
            "the_owner_of_an_agent_is_looked_up_again_for_every_vote",
        )],
    ),
    (
        "nested act",
        &[
            (
                HERE,
                "everyone_between_the_agent_and_the_person_it_acts_for_is_behind_the_request",
            ),
            (
                "tests/end-to-end/tests/first_light/identities.rs",
                "everyone_in_a_nested_act_chain_is_lineage",
            ),
        ],
    ),
    (
        "unknown identity",
        &[
            (ANSWERS, "what_nobody_here_can_judge_is_refused"),
            (
                HERE,
                "somebody_whom_the_directory_has_forgotten_since_stops_the_vote",
            ),
        ],
    ),
    (
        "several roles by one person",
        &[(HERE, "one_person_in_two_groups_stands_for_one_of_them")],
    ),
    (
        "duplicate approver",
        &[
            (
                LIFE,
                "two_of_two_have_to_approve_and_one_of_them_in_the_group",
            ),
            (TRANSITIONS, "the_grant_is_what_all_agree_to"),
        ],
    ),
    (
        "empty approver set",
        &[
            (ANSWERS, "nobody_is_left_to_review"),
            (TRANSITIONS, "what_nobody_could_approve_is_not_opened"),
            (
                "policy-service/src/config/document.rs",
                "what_cannot_be_kept_is_refused_with_its_place",
            ),
        ],
    ),
    (
        "mismatch that never falls back to a new approval",
        &[(HERE, "a_redemption_that_does_not_fit_asks_nobody_anew")],
    ),
    (
        "changed policy between approval and use",
        &[
            (
                ANSWERS,
                "a_change_of_policy_between_ask_and_use_ends_the_approval",
            ),
            (ANSWERS, "quorum_and_groups_are_those_of_the_time_of_use"),
        ],
    ),
    (
        "two-sided clock windows",
        &[
            (
                HERE,
                "a_grant_ends_to_the_millisecond_and_a_clock_set_back_gives_it_no_more_time",
            ),
            (
                ANSWERS,
                "the_same_use_key_gets_the_same_answer_for_a_minute",
            ),
            (
                TRANSITIONS,
                "what_has_run_out_is_expired_before_anything_else",
            ),
            (
                "policy-service/src/tests/restart.rs",
                "a_clock_set_back_over_a_restart_revives_nothing",
            ),
        ],
    ),
    (
        "restart with pending and approved",
        &[(
            "policy-service/src/tests/restart.rs",
            "approvals_grants_and_the_log_outlive_the_process",
        )],
    ),
    (
        "cancel after decision",
        &[
            (
                "policy-service/src/http/withdraw.rs",
                "only_the_requester_withdraws_and_a_decision_stands",
            ),
            (
                HERE,
                "a_used_grant_cannot_be_withdrawn_and_an_unused_one_can",
            ),
        ],
    ),
    ("double click", &[(HERE, "a_double_click_is_one_vote")]),
    (
        "stale version",
        &[(LIFE, "a_vote_on_a_version_that_has_passed_is_refused")],
    ),
];

const HERE: &str = "policy-service/src/tests/situations.rs";
const ANSWERS: &str = "policy-service/src/tests/answers.rs";
const LIFE: &str = "policy-service/src/tests/life.rs";
const TRANSITIONS: &str = "approval/tests/suite/transitions.rs";
const APPROVALS: &str = "tests/end-to-end/tests/first_light/approvals.rs";

#[test]
fn every_situation_has_tests_that_exist() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    assert_eq!(SITUATIONS.len(), 16);
    for (situation, tests) in SITUATIONS {
        assert!(!tests.is_empty(), "{situation}");
        for (file, name) in *tests {
            let text = std::fs::read_to_string(workspace.join(file)).unwrap();
            assert!(
                is_test(&text, name),
                "{situation}: {file} has no test {name}"
            );
        }
    }
}

const EMERGENCY: &str =
    "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";

/// An ask by one person, for themselves.
fn ask_of(service: &Service, person: &str) -> Check {
    let mut ask = service.ask(1);
    ask.principal = identity(person);
    ask.lineage = Lineage::new(vec![identity(person)]).unwrap();
    ask
}

/// The name of a problem's type.
fn problem(body: &Value) -> &str {
    let kind = body["type"].as_str().unwrap_or_default();
    kind.rsplit('/').next().unwrap_or_default()
}

#[tokio::test]
async fn who_asks_never_approves_be_they_in_every_group_and_admitted_in_emergencies() {
    let everything = CONFIGURATION.replace(
        "subject = \"dr-jones\"}]\ngroups = [\"clinical\"]",
        "subject = \"dr-jones\"}]\ngroups = [\"clinical\", \"privacy\"]",
    ) + EMERGENCY;
    let service = Service::with(&everything).await;
    let mut ask = ask_of(&service, "dr-jones");
    for action in ["read", "purge"] {
        if action == "purge" {
            ask = ask_of(&service, "dr-jones");
            ask.action = "purge".parse().unwrap();
            ask.method = "DELETE".to_owned();
            ask.classes = classes(&[]);
        }
        let id = service.pending(&ask).await;
        let (status, body) = service.approve("dr-jones", &id, json!({})).await;
        assert_eq!((status.as_u16(), problem(&body)), (403, "self-approval"));
        // Nor do they end it in any other way than by withdrawing it.
        let (status, body) = service.deny("dr-jones", &id, json!({})).await;
        assert_eq!((status.as_u16(), problem(&body)), (403, "self-approval"));
        assert_eq!(service.show(&id).await["votes"], json!([]));
        assert_eq!(service.check(&ask).await["decision"], "pending");
    }
    assert_eq!(service.count("vote.refused").await, 4);
}

#[tokio::test]
async fn another_name_of_the_same_person_is_the_same_person() {
    let aliases = CONFIGURATION.replace(
        "identities = [{kind = \"jwt\", issuer = \"https://idp.example\", subject = \"omar\"}]",
        "identities = [{kind = \"jwt\", issuer = \"https://idp.example\", subject = \"omar\"}, \
         {kind = \"certificate\", issuer = \"\", subject = \"spiffe://mesh/omars-laptop\"}]",
    );
    let service = Service::with(&aliases).await;
    let mut ask = service.ask(1);
    ask.principal = velum_approval::Identity::new(
        velum_approval::IdentityKind::Certificate,
        "",
        "spiffe://mesh/omars-laptop",
    )
    .unwrap();
    ask.lineage = Lineage::new(vec![ask.principal.clone()]).unwrap();
    let id = service.pending(&ask).await;
    assert_eq!(service.show(&id).await["excluded"], json!(["omar"]));
    let (status, body) = service.approve("omar", &id, json!({})).await;
    assert_eq!((status.as_u16(), problem(&body)), (403, "self-approval"));
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
}

#[tokio::test]
async fn everyone_between_the_agent_and_the_person_it_acts_for_is_behind_the_request() {
    let service = Service::start().await;
    let mut ask = service.ask(1);
    let chain = ["triage-bot", "nora", "omar"];
    ask.lineage = Lineage::new(chain.map(identity).to_vec()).unwrap();
    let id = service.pending(&ask).await;
    // The bot's owner too, although no token names them.
    for person in ["nora", "omar", "dr-jones"] {
        let (status, body) = service.approve(person, &id, json!({})).await;
        assert_eq!(
            (status.as_u16(), problem(&body)),
            (403, "self-approval"),
            "{person}"
        );
    }
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
}

#[tokio::test]
async fn somebody_whom_the_directory_has_forgotten_since_stops_the_vote() {
    let service = Service::start().await;
    let mut ask = service.ask(1);
    ask.lineage = Lineage::new(vec![identity("triage-bot"), identity("nora")]).unwrap();
    let id = service.pending(&ask).await;
    let without_nora = CONFIGURATION.replace(
        "identities = [{kind = \"jwt\", issuer = \"https://idp.example\", subject = \"nora\"}]\n",
        "",
    );
    let service = service.restart_with(&without_nora).await;
    let (status, body) = service.approve("grace", &id, json!({})).await;
    assert_eq!((status.as_u16(), problem(&body)), (403, "lineage-unknown"));
    assert_eq!(service.show(&id).await["state"], "pending");
    assert_eq!(service.check(&ask).await["code"], "lineage-unknown");
}

#[tokio::test]
async fn whoever_is_brought_in_after_it_was_asked_does_not_decide_on_it() {
    let service = Service::start().await;
    let read = service.pending(&service.ask(1)).await;
    let mut purge = ask_of(&service, "nora");
    purge.action = "purge".parse().unwrap();
    purge.method = "DELETE".to_owned();
    purge.classes = classes(&[]);
    let purged = service.pending(&purge).await;
    service.clock.advance(1000);
    let before = service.configuration().to_owned();
    let petra =
        "identities = [{kind = \"jwt\", issuer = \"https://idp.example\", subject = \"petra\"}]\n";
    let person = format!("[[people]]\nid = \"petra\"\ngroups = [\"privacy\"]\n{petra}");
    let omar = "subject = \"omar\"}]\ngroups = [\"clinical\"";
    assert!(before.contains(omar));
    let after = format!("{before}\n{person}\n[[reviewers]]\nperson = \"petra\"\n")
        .replace(omar, &format!("{omar}, \"privacy\""));
    let service = service.restart_with(&after).await;
    for id in [&read, &purged] {
        let (status, body) = service.approve("petra", id, json!({})).await;
        assert_eq!((status.as_u16(), problem(&body)), (403, "not-a-reviewer"));
        let (status, body) = service
            .post("petra", &format!("/v1/approvals/{id}/deny"), &json!({}))
            .await;
        assert_eq!((status.as_u16(), problem(&body)), (403, "not-a-reviewer"));
    }
    // Who was there is; in a group that they came into since, they do not stand.
    for person in ["omar", "dr-jones"] {
        assert_eq!(service.approve(person, &purged, json!({})).await.0, 200);
    }
    assert_eq!(service.show(&purged).await["state"], "pending");
    assert_eq!(service.approve("grace", &purged, json!({})).await.0, 200);
    service.verified(&purge, &service.check(&purge).await);
    assert_eq!(service.approve("omar", &read, json!({})).await.0, 200);
    // Of what is asked from now on they decide.
    let now = service.pending(&service.ask(2)).await;
    assert_eq!(service.approve("petra", &now, json!({})).await.0, 200);

    // Gone and back again, after something was asked.
    let service = service.restart_with(&before).await;
    let between = service.pending(&service.ask(3)).await;
    service.clock.advance(1000);
    let service = service.restart_with(&after).await;
    let (status, body) = service.approve("petra", &between, json!({})).await;
    assert_eq!((status.as_u16(), problem(&body)), (403, "not-a-reviewer"));
    // Nor does a yes count any more of somebody who has left since they said it: it is asked anew.
    let again = service.pending(&service.ask(2)).await;
    assert_ne!(again, now);
    assert_eq!(service.show(&now).await["state"], "superseded");
}

#[tokio::test]
async fn one_person_in_two_groups_stands_for_one_of_them() {
    let service = Service::start().await;
    let mut ask = ask_of(&service, "dr-jones");
    ask.action = "purge".parse().unwrap();
    ask.method = "DELETE".to_owned();
    ask.classes = classes(&[]);
    let id = service.pending(&ask).await;
    // Grace is in both of the groups that have to agree; with all she says she is one person.
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    assert_eq!(service.show(&id).await["state"], "pending");
    assert_eq!(service.check(&ask).await["decision"], "pending");
    assert_eq!(service.approve("omar", &id, json!({})).await.0, 200);
    service.verified(&ask, &service.check(&ask).await);
}

#[tokio::test]
async fn a_redemption_that_does_not_fit_asks_nobody_anew() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let asked = service.count("approval.requested").await;
    let mut other_request = service.ask(2);
    let mut other_classes = service.ask(3);
    other_classes.classes = classes(&[velum_engine::Class::Mrn]);
    let mut other_person = ask_of(&service, "nora");
    for (ask, code) in [
        (&mut other_request, "mismatch"),
        (&mut other_classes, "mismatch"),
        (&mut other_person, "unknown-approval"),
    ] {
        ask.approval = Some(id.clone());
        for seconds in [0, 1] {
            let answer = service.check_waiting(ask, seconds).await;
            assert_eq!(
                (&answer["decision"], &answer["code"]),
                (&json!("deny"), &json!(code))
            );
        }
    }
    assert_eq!(service.count("approval.requested").await, asked);
    let (_, page) = service.get("grace", "/v1/approvals?state=pending").await;
    assert_eq!(page["approvals"], json!([]));
    // And the grant is still there for the request that it is for.
    let right = service.ask(1);
    service.verified(&right, &service.check(&right).await);
}

#[tokio::test]
async fn a_grant_ends_to_the_millisecond_and_a_clock_set_back_gives_it_no_more_time() {
    let service = Service::start().await;
    for (request, late) in [(1, 0), (2, 1)] {
        let id = service.pending(&service.ask(request)).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let expires = service.show(&id).await["grant_expires"].as_i64().unwrap();
        let now = velum_approval::Timestamp::as_millis(crate::clock::Clock::now(&*service.clock));
        service.clock.advance(expires - now - 1 + late);
        let ask = service.ask(request);
        let mut redeeming = ask.clone();
        redeeming.approval = Some(id.clone());
        let answer = service.check(&redeeming).await;
        if late == 0 {
            service.verified(&redeeming, &answer);
        } else {
            assert_eq!(answer["code"], "expired");
            service.clock.advance(-60 * 60 * 1000);
            redeeming.use_key = crate::testing::use_key();
            assert_eq!(service.check(&redeeming).await["code"], "expired");
            assert_eq!(service.show(&id).await["state"], "expired");
        }
    }
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test]
async fn a_used_grant_cannot_be_withdrawn_and_an_unused_one_can() {
    let service = Service::start().await;
    for (request, is_used) in [(1, true), (2, false)] {
        let ask = service.ask(request);
        let id = service.pending(&ask).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        if is_used {
            service.verified(&ask, &service.check(&ask).await);
        }
        let path = format!("/v1/approvals/{id}/withdrawal");
        let body = json!({"principal": identity("triage-bot")});
        let (status, _) = service.call_gateway("POST", &path, &body).await;
        let (expected, state) = if is_used {
            (409, "used")
        } else {
            (204, "cancelled")
        };
        assert_eq!(status, expected);
        assert_eq!(service.show(&id).await["state"], state);
        let mut redeeming = service.ask(request);
        redeeming.approval = Some(id);
        assert_eq!(service.check(&redeeming).await["decision"], "deny");
    }
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_click_is_one_vote() {
    let two = CONFIGURATION.replace("[actions.read]\nquorum = 1", "[actions.read]\nquorum = 2");
    let service = Service::with(&two).await;
    let ask = service.ask(1);
    let id = service.pending(&ask).await;
    let click = || service.approve("grace", &id, json!({"version": 1}));
    let (one, other) = tokio::join!(click(), click());
    let mut told = [one, other].map(|(status, _)| status.as_u16());
    told.sort_unstable();
    assert_eq!(told, [200, 409], "the second is told to read it again");
    let card = service.show(&id).await;
    assert_eq!(
        (&card["state"], card["votes"].as_array().unwrap().len()),
        (&json!("pending"), 1)
    );
    // Where no version is said the second vote stands in for the first, and counts as little.
    let click = || service.approve("grace", &id, json!({}));
    let (one, other) = tokio::join!(click(), click());
    assert_eq!((one.0.as_u16(), other.0.as_u16()), (200, 200));
    assert_eq!(service.show(&id).await["state"], "pending");
    assert_eq!(service.check(&ask).await["decision"], "pending");
    let last = || service.approve("omar", &id, json!({}));
    let (one, other) = tokio::join!(last(), last());
    let mut told = [one, other].map(|(status, _)| status.as_u16());
    told.sort_unstable();
    assert_eq!(told, [200, 409]);
    service.verified(&ask, &service.check(&ask).await);
}
