//! The messages byte for byte: a change here is a change for everyone who speaks them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use velum_approval::messages::{
    Answer, ApproveRequest, Check, ClassCounts, DenyCode, DenyRequest, Departure, EmergencyRequest,
    EventOutcome, EventRow, Events, MOST_ROWS, StatusAnswer, StatusQuery, StopRequest, Withdrawal,
};
use velum_approval::{
    ActionName, Allow, EmergencyId, End, Evidence, Found, LeaseRequest, Need, Notice,
    OutcomeReport, Reason, RuleName, SignedAllow, SignedNotice, SigningKey, State, StopScope, Vote,
    WorkerId, keyed_token,
};
use velum_engine::Class;

use crate::cast::{
    START, approval_id, check, classes, evidence, gateway, jwt, later, panel, pending, person,
    policy, use_key, yes,
};

fn reason(text: &str) -> Reason {
    Reason::new(text).unwrap()
}

/// What is written now is what the file has; with `VELUM_WRITE_GOLDEN` set, the file is made so.
pub(crate) fn compare(file: &str, golden: &str, written: &str) {
    if std::env::var_os("VELUM_WRITE_GOLDEN").is_some() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
        std::fs::write(format!("{folder}/{file}"), written).unwrap();
    }
    assert_eq!(
        written, golden,
        "{file}: VELUM_WRITE_GOLDEN=1 writes what it is now"
    );
}

/// The value is written as the file has it, and read from it.
fn assert_golden<T>(file: &str, golden: &str, value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let written = format!("{}\n", serde_json::to_string_pretty(value).unwrap());
    compare(file, golden, &written);
    assert_eq!(serde_json::from_str::<T>(golden).unwrap(), *value, "{file}");
}

macro_rules! golden {
    ($($file:literal $value:expr;)*) => {
        #[test]
        fn messages_are_what_their_golden_files_say() {
            $(assert_golden($file, include_str!(concat!("../golden/", $file)), &$value);)*
        }
    };
}

golden! {
    "check.json" check();
    "check-flagged.json" Check { found: Some(Found::new([(Class::Ssn, 2), (Class::Name, 1)])), reason: None, ..check() };
    "check-redeem.json" Check { reason: None, approval: Some(approval_id()), ..check() };
    "allow.json" crate::signatures::allow();
    "allow-with-evidence.json" Allow {
        tags: velum_approval::Tags::new([[0x3f; 8], [0x0c; 8]]),
        emergency: Some(EmergencyId::new("e1").unwrap()),
        ..crate::signatures::allow()
    };
    "answer-allow.json" Answer::Allow(SignedAllow::sign(
        &crate::signatures::allow(),
        &SigningKey::from_bytes(&[1; 32]),
    ));
    "answer-pending.json" Answer::Pending {
        approval: approval_id(),
        retry_after_seconds: 5,
        expires: later(900),
 evidence: false,
};
    "answer-deny.json" Answer::Deny {
        code: DenyCode::Denied,
        approval: Some(approval_id()),
        public_reason: Some(reason("Ask the ward")),
    };
    "answer-deny-without-approval.json" Answer::Deny {
        code: DenyCode::LineageUnknown,
        approval: None,
        public_reason: None,
    };
    "departure.json" Departure { use_key: check().use_key };
    "status-query.json" StatusQuery { principal: jwt("triage-bot") };
    "status-answer.json" StatusAnswer {
        state: State::Pending,
        retry_after_seconds: Some(5),
        public_reason: None,
        needs: Some(Need::Reason),
    };
    "approve-request.json" ApproveRequest {
        classes: Some(classes("name")),
        rules: Some([RuleName::new("ward").unwrap()].into()),
        records: Some(10),
        bytes: None,
        seconds: Some(60),
        unseen: true,
        version: Some(1),
        comment: Some(reason("Known to me")),
    };
    "deny-request.json" DenyRequest {
        public_reason: Some(reason("Ask the ward")),
        version: None,
        comment: None,
    };
    "evidence.json" evidence();
    "evidence-without-shape.json" Evidence { shape: None, ..evidence() };
    "outcome.json" OutcomeReport {
        approval: approval_id(),
        use_key: check().use_key,
        status: 200,
        records: 1,
        bytes: 300,
        lifted: Found::new([(Class::Name, 2)]),
        masked: Found::new([(Class::Name, 1), (Class::Ssn, 1)]),
        drift: Found::new([(Class::Name, 1)]),
        end: End::Complete,
    };
    "lease-request.json" LeaseRequest {
        worker: WorkerId::from_bytes([7; 16]),
        nonce: use_key(2),
        seen: 41,
    };
    "notice.json" notice();
    "signed-notice.json" SignedNotice::sign(&notice(), &SigningKey::from_bytes(&[1; 32]));
    "stop-request.json" StopRequest {
        scope: StopScope::Principal { identity: jwt("triage-bot") },
        comment: Some(reason("It asks too much")),
    };
    "emergency-request.json" EmergencyRequest {
        principal: jwt("triage-bot"),
        action: ActionName::new("read").unwrap(),
        reason: reason("Patient unconscious"),
        minutes: 15,
    };
    "withdrawal.json" Withdrawal { principal: jwt("triage-bot") };
    "events.json" events();
    "approval.json" pending(&panel(1));
    "vote.json" Vote { person: person("grace"), verdict: yes("name"), at: START, comment: None, assertion: None };
}

fn notice() -> Notice {
    Notice {
        gateway: gateway(),
        worker: WorkerId::from_bytes([7; 16]),
        nonce: use_key(2),
        version: 42,
        stops: vec![
            StopScope::Everything,
            StopScope::Gateway { id: gateway() },
            StopScope::Action {
                name: check().action,
            },
            StopScope::Principal {
                identity: jwt("triage-bot"),
            },
            StopScope::Approval { id: approval_id() },
            StopScope::Emergency {
                id: EmergencyId::new("e1").unwrap(),
            },
        ],
    }
}

fn events() -> Events {
    let mut masked = ClassCounts::default();
    masked.add(Class::Name, 3);
    masked.add(Class::Ssn, 1);
    let denied = EventRow {
        policy: policy(1),
        action: None,
        outcome: EventOutcome::Refused,
        principal: None,
        status: 400,
        requests: 1,
        masked: ClassCounts::default(),
    };
    let masked = EventRow {
        action: Some(ActionName::new("read").unwrap()),
        outcome: EventOutcome::Masked,
        principal: Some(keyed_token(&[1; 32], b"triage-bot")),
        status: 200,
        requests: 2,
        masked,
        ..denied.clone()
    };
    let unread = EventRow {
        outcome: EventOutcome::Unread,
        status: 200,
        ..denied.clone()
    };
    let left = EventRow {
        outcome: EventOutcome::Left,
        ..unread.clone()
    };
    Events {
        worker: WorkerId::from_bytes([7; 16]),
        sequence: 1,
        lost: 0,
        from: START,
        until: later(5),
        rows: vec![masked, denied, unread, left],
    }
}

#[test]
fn events_hold_no_free_text_and_no_empty_row() {
    let golden = include_str!("../golden/events.json");
    for (from, to) in [
        ("\"masked\": {", "\"masked\": {\"nobody\": 1,"),
        ("\"masked\": {", "\"masked\": {\"ssn\": 1,"),
        ("\"requests\": 2", "\"requests\": 0"),
        ("\"requests\": 2", "\"requests\": 1099511627777"),
        ("\"lost\": 0", "\"lost\": 1099511627777"),
        ("\"ssn\": 1", "\"ssn\": 1099511627777"),
        ("\"outcome\": \"refused\"", "\"outcome\": \"odd\""),
        ("\"lost\": 0", "\"lost\": 0, \"note\": \"x\""),
    ] {
        let changed = golden.replacen(from, to, 1);
        assert_ne!(changed, golden, "{from}");
        assert!(serde_json::from_str::<Events>(&changed).is_err(), "{to}");
    }
    let mut many = events();
    many.rows = vec![many.rows[0].clone(); MOST_ROWS + 1];
    let many = serde_json::to_string(&many).unwrap();
    assert!(serde_json::from_str::<Events>(&many).is_err());
}

#[test]
fn requests_refuse_what_they_do_not_know() {
    fn refused<T: DeserializeOwned>(json: &str) -> bool {
        serde_json::from_str::<T>(json).is_err()
    }
    let check = include_str!("../golden/check.json");
    assert!(!refused::<Check>(check));
    for (from, to) in [
        ("\"use_key\"", "\"force\": true, \"use_key\""),
        ("\"action\"", "\"action\": \"x\", \"action\""),
        ("\"GET\"", "\"\""),
        ("\"GET\"", "\"GET\\r\\nX: y\""),
        ("\"fhir.example\"", "\"\""),
        ("\"/Patient/{…}\"", "\"\""),
        ("\"read\"", "\"\""),
        ("\"name\"", "\"name\", \"name\""),
        ("\"name\"", "\"Name\""),
        ("\"Discharge summary\"", "\"\""),
        ("\"lineage\": [", "\"lineage\": [], \"x\": ["),
    ] {
        let changed = check.replacen(from, to, 1);
        assert_ne!(changed, check, "{from}");
        assert!(refused::<Check>(&changed), "{to}");
    }
    let long = check.replace("/Patient/", &format!("/{}/", "a".repeat(2048)));
    assert!(refused::<Check>(&long));
    let no_query = check.replace("_format={…}", "");
    assert!(!refused::<Check>(&no_query));
    assert!(refused::<StatusQuery>(r#"{"principal":null}"#));
    assert!(refused::<ApproveRequest>(r#"{"class":["name"]}"#));
    assert!(refused::<ApproveRequest>(r#"{"version":-1}"#));
    assert!(refused::<DenyRequest>(r#"{"classes":["name"]}"#));
    assert_eq!(
        serde_json::from_str::<ApproveRequest>("{}").unwrap(),
        ApproveRequest::default()
    );
}

#[test]
fn answers_may_say_more_but_not_something_else() {
    let pending = include_str!("../golden/answer-pending.json");
    let more = pending.replacen('{', "{\"position\": 3, ", 1);
    assert!(matches!(
        serde_json::from_str(&more),
        Ok(Answer::Pending { .. })
    ));
    for bad in [
        "{}".to_owned(),
        "[]".to_owned(),
        pending.replace("pending", "maybe"),
        pending.replacen('{', "{\"decision\": \"deny\", ", 1),
        include_str!("../golden/answer-deny.json").replace("\"denied\"", "\"nope\""),
        r#"{"decision":"allow"}"#.to_owned(),
        r#"{"decision":"allow","allow":{},"signature":""}"#.to_owned(),
    ] {
        assert!(serde_json::from_str::<Answer>(&bad).is_err(), "{bad}");
    }
}

#[test]
fn deny_codes_have_the_names_of_the_problem_types() {
    let names: Vec<_> = DenyCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(
        names,
        [
            "denied",
            "expired",
            "mismatch",
            "used",
            "superseded",
            "unknown-approval",
            "lineage-unknown",
            "no-reviewer",
            "policy-unknown",
            "action-unknown",
            "taken",
            "revoked",
            "cancelled",
            "rate-limited",
            "stopped",
        ]
    );
    for code in DenyCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.name());
    }
    assert!(DenyCode::Superseded.retryable() && !DenyCode::Denied.retryable());
}
