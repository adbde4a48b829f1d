//! Actions that ask for a security key, or for signing in anew: a log in which that is not so is found.

use std::collections::BTreeSet;

use serde_json::json;
use velum_approval::record::{CredentialEvent, SessionEvent};
use velum_approval::replay::Kind;
use velum_approval::{
    Approval, Ask, Assertion, Commitment, Credential, Event, Record, StepUp, Timestamp, transition,
};

use super::log::{Log, kinds};
use crate::cast::{START, ask, check, evidence, gateway, jwt, later, opening, panel, person, yes};
use crate::security_keys::{Ceremony, SoftKey, added, approving, credential, sign, voted};

/// A request that asks for this, its evidence, a key of ann's, her yes, its use; and what her key is.
fn log(step_up: StepUp) -> (Log, Approval, Credential) {
    let (key, check, panel) = (SoftKey::p256(1), check(), panel(1));
    let anns = credential(&key, "ann", START);
    let asking = velum_approval::Opening {
        step_up: Some(step_up),
        reason: Some(Commitment::to("why", &[1; 32])),
        collecting: Some(std::time::Duration::from_mins(1)),
        ..opening(&check, &panel)
    };
    let (approval, requested) = Approval::open(asking, START).unwrap();
    let event = Event::Evidence {
        gateway: &gateway(),
        evidence: &evidence(),
    };
    let (approval, collected) = transition(&approval, &event, later(1)).unwrap();
    let shown = approval.clone();
    let (ann, verdict) = (person("ann"), yes("name"));
    let assertion = (step_up == StepUp::Webauthn).then(|| {
        let what = approving(&shown, &ann, &verdict, later(2));
        sign(&key, &what, &Ceremony::default()).unwrap()
    });
    let (approval, vote) = voted(&approval, "ann", assertion, 1, later(3));
    let used = used(&approval, later(4));
    let records = [
        (later(0), added(&anns)),
        (later(0), requested),
        (later(1), collected),
        (later(2), confirmed()),
        (later(3), vote),
        (later(4), used),
    ];
    (Log::of(records), shown, anns)
}

fn confirmed() -> Record {
    Record::Session(Box::new(SessionEvent::Confirmed {
        person: person("ann"),
        approval: Some(crate::cast::approval_id()),
    }))
}

fn used(approval: &Approval, now: Timestamp) -> Record {
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let event = Event::Consume {
        ask: Ask {
            ..ask(&gateway, &bot)
        },
        uses: &[],
        panel: &panel(1),
    };
    transition(approval, &event, now).unwrap().1
}

fn failures(log: &Log) -> BTreeSet<Kind> {
    let report = log.begun().replay();
    kinds(&report)
        .into_iter()
        .filter(|kind| *kind != Kind::OutcomeMissing)
        .collect()
}

#[test]
fn a_yes_that_a_security_key_has_signed_is_one() {
    for step_up in [StepUp::Webauthn, StepUp::FreshLogin] {
        let (mut log, ..) = log(step_up);
        assert_eq!(failures(&log), BTreeSet::new());
        let requested = log.data("VA1001I", 0);
        assert_eq!(requested["step_up"], step_up.name());
        let length = log.leaves().iter().map(Vec::len).max().unwrap();
        assert!(length < 2048, "{length}");
    }
}

#[test]
fn whatever_is_changed_of_what_was_signed_is_found() {
    let proven = |log: &Log| {
        let found = failures(log);
        found.contains(&Kind::VoteNotProven) && found.contains(&Kind::ApproverNotProven)
    };
    let changed = |pointer: &str, code: &str, value: serde_json::Value| {
        let (mut log, ..) = log(StepUp::Webauthn);
        *log.data(code, 0).pointer_mut(pointer).expect(pointer) = value;
        log
    };
    let word = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let vote = "VA1111I";
    for (pointer, value) in [
        ("/vote/assertion/at", json!(later(1).to_string())),
        ("/vote/assertion/client", json!("short")),
        ("/vote/assertion/count", json!(8)),
        ("/vote/assertion/credential", word.clone()),
        ("/vote/assertion/flags", json!(1)),
        ("/vote/assertion/flags", json!(0x1d)),
        ("/vote/assertion/nonce", word.clone()),
        ("/vote/assertion/signature", json!("AAAA")),
        ("/vote/assertion/version", json!(1)),
        ("/vote/scope/classes", json!(["date", "name"])),
    ] {
        assert!(proven(&changed(pointer, vote, value)), "{pointer}");
    }
    let others = failures(&changed("/actor/id", vote, json!("bob")));
    assert!(others.is_superset(&[Kind::VoteNotProven, Kind::NotAnApprover].into()));
    // What was asked, seen and said for it.
    for (pointer, code, value) in [
        ("/request/fingerprint_mac", "VA1001I", word.clone()),
        ("/request/policy", "VA1001I", word.clone()),
        ("/request/action", "VA1001I", json!("purge")),
        ("/request/reason_commitment", "VA1001I", word.clone()),
        (
            "/request/classes",
            "VA1001I",
            json!(["date", "mrn", "name", "ssn"]),
        ),
        ("/uses", "VA1001I", json!(100)),
        ("/evidence/tags", "VA1003I", word.clone()),
        ("/evidence/shape", "VA1003I", word.clone()),
        // Whose key it is, where it is good, and which.
        ("/actor/id", "VA1901I", json!("bob")),
        (
            "/credential/origin",
            "VA1901I",
            json!("https://evil.example"),
        ),
        ("/credential/key/x", "VA1901I", word.clone()),
        ("/credential/from", "VA1901I", json!(later(9).to_string())),
        ("/credential/id", "VA1901I", word.clone()),
        ("/credential/flags", "VA1901I", json!(8)),
    ] {
        assert!(proven(&changed(pointer, code, value)), "{pointer}");
    }
    let (mut without, ..) = log(StepUp::Webauthn);
    let vote = without.data(vote, 0)["vote"].as_object_mut().unwrap();
    vote.remove("assertion").unwrap();
    assert!(proven(&without));
    // That a weaker proof was given in its place changes nothing.
    assert_eq!(without.places("VA1804I").len(), 1);
    // A key that nobody added, one that was removed, and one that was added later.
    let (mut unknown, ..) = log(StepUp::Webauthn);
    unknown.0.remove(0);
    unknown.number();
    assert!(proven(&unknown));
    let (mut later_added, ..) = log(StepUp::Webauthn);
    let record = later_added.0.remove(0);
    later_added.0.push(record);
    later_added.number();
    assert!(proven(&later_added));
}

#[test]
fn a_key_that_was_removed_signs_nothing_and_what_it_signed_is_not_used() {
    let removed = |who: &str, id| {
        Record::Credential(Box::new(CredentialEvent::Removed {
            person: person(who),
            id,
        }))
    };
    let (log, _, anns) = log(StepUp::Webauthn);
    let at = |place: usize, record: &Record| {
        let mut log = log.clone();
        log.insert(place, record);
        log.number();
        failures(&log)
    };
    let both = [Kind::VoteNotProven, Kind::ApproverNotProven];
    assert_eq!(at(4, &removed("ann", anns.id)), both.into());
    assert_eq!(
        at(5, &removed("ann", anns.id)),
        [Kind::ApproverNotProven].into()
    );
    assert_eq!(
        at(5, &removed("bob", anns.id)),
        [Kind::KeyUnknown, Kind::ApproverNotProven].into()
    );
    let other = credential(&SoftKey::p256(3), "bob", START).id;
    assert_eq!(at(5, &removed("bob", other)), [Kind::KeyUnknown].into());
    assert_eq!(
        at(4, &added(&anns)),
        [Kind::Contradiction, Kind::KeyTwice].into()
    );
}

#[test]
fn a_counter_that_goes_back_is_found() {
    let (mut log, shown, anns) = log(StepUp::Webauthn);
    let (key, ann, verdict) = (SoftKey::p256(1), person("ann"), yes("name"));
    let second = Approval {
        id: velum_approval::ApprovalId::new("second").unwrap(),
        ..shown
    };
    let (check, panel) = (check(), panel(1));
    let asking = velum_approval::Opening {
        id: second.id.clone(),
        step_up: Some(StepUp::Webauthn),
        reason: second.reason,
        ..opening(&check, &panel)
    };
    let (second, requested) = Approval::open(asking, later(5)).unwrap();
    log.push(later(5), &requested);
    let what = approving(&second, &ann, &verdict, later(6));
    for (count, is_good) in [(8, true), (7, false), (6, false)] {
        let ceremony = Ceremony {
            count,
            ..Ceremony::default()
        };
        let assertion: Assertion = sign(&key, &what, &ceremony).unwrap();
        assert_eq!(anns.verify(&assertion, &what), Ok(()));
        let mut log = log.clone();
        log.push(
            later(7),
            &voted(&second, "ann", Some(assertion), 1, later(7)).1,
        );
        assert_eq!(failures(&log).is_empty(), is_good, "{count}");
    }
}

#[test]
fn an_answer_that_comes_too_late_is_found() {
    let (key, ann, verdict) = (SoftKey::ed(1), person("ann"), yes("name"));
    let anns = credential(&key, "ann", START);
    let (check, panel) = (check(), panel(1));
    let asking = velum_approval::Opening {
        step_up: Some(StepUp::Webauthn),
        ..opening(&check, &panel)
    };
    let (approval, requested) = Approval::open(asking, START).unwrap();
    let what = approving(&approval, &ann, &verdict, later(1));
    let assertion = sign(&key, &what, &Ceremony::default()).unwrap();
    for (second, is_good) in [(300, true), (301, false)] {
        let (_, vote) = voted(&approval, "ann", Some(assertion.clone()), 1, later(second));
        let records = [
            (START, added(&anns)),
            (START, requested.clone()),
            (later(second), vote),
        ];
        let found = failures(&Log::of(records));
        assert_eq!(found.is_empty(), is_good, "{second}: {found:?}");
    }
}

#[test]
fn signing_in_anew_is_once_for_each_yes() {
    let (log, ..) = log(StepUp::FreshLogin);
    let mut without = log.clone();
    without.0.remove(3);
    without.number();
    assert_eq!(failures(&without), [Kind::VoteNotProven].into());
    let mut others = log;
    others.0[3]["data"]["actor"]["id"] = json!("bob");
    assert_eq!(failures(&others), [Kind::VoteNotProven].into());
}
