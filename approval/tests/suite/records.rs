//! What the audit log says, and what it never does.

use std::collections::BTreeSet;

use velum_approval::record::{
    Configuration, ConfigurationPart, CredentialEvent, LogEvent, Part, PreviousLog, ReaderRole,
    Reading, Released, SessionEvent, SignInRefused, SignedInBy,
};
use velum_approval::{
    ActionName, AgentId, Approval, ApprovalId, Ballot, Check, Commitment, DenyCode, Emergency,
    EmergencyId, EmergencyOpening, End, Event, Found, GatewayId, Identity, IdentityKind, LeafError,
    Lineage, LogName, MOST_EMERGENCY, Opening, OutcomeReport, Panel, Party, PersonId, Reason,
    Record, Refused, ReviewRule, RouteTemplate, RouteWords, Scope, StepUp, Stop, StopId, StopScope,
    Verdict, WorkerId,
    messages::{ClassCounts, EventOutcome, EventRow, Events},
    record::{Reception, Reported, Summary},
    transition,
};
use velum_engine::Class;

use crate::cast::{
    GRANT, PENDING, START, approval_id, ask, ballot, check, directory, evidence, gateway, jwt,
    later, leaf, mac, no_rules, opening, panel, pending, person, policy, record_id, reviewers,
    route, use_key, yes,
};
use crate::golden::compare;
use crate::security_keys::SoftKey;

const SOURCE: &str = "urn:velum:audit.example/main/2026";

/// Somebody has read the log, and the configuration is another.
pub(crate) fn read_and_configured() -> [Record; 2] {
    let reading = Reading {
        person: person("ivy"),
        role: ReaderRole::Auditor,
        since: START,
        counts: [(Part::Records, 3), (Part::Tile, 2)].into(),
    };
    let parts = ConfigurationPart::ALL.iter().map(|part| (*part, [7; 32]));
    let configuration = Configuration::after(parts.collect(), None);
    [
        Record::Read(Box::new(reading)),
        Record::Configured(Box::new(configuration)),
    ]
}

/// Opened, used, reviewed and disputed.
fn emergency_records(canary: &str, approval: &Approval) -> Vec<Record> {
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let requester = directory().party(&bot).unwrap().clone();
    let reason = Commitment::to(canary, &[6; 32]);
    let opening = EmergencyOpening {
        id: EmergencyId::new("e1").unwrap(),
        person: &person("ann"),
        is_admitted: true,
        principal: &bot,
        requester: requester.clone(),
        excluded: &approval.excluded,
        action: &approval.action,
        reason,
        lifetime: std::time::Duration::from_mins(10),
        most: MOST_EMERGENCY,
        is_blocked: false,
        is_reviewable: true,
    };
    let (emergency, opened) = Emergency::open(opening, START).unwrap();
    let event = Event::BreakGlass {
        ask: ask(&gateway, &bot),
        emergency: &emergency,
    };
    let (_, used) = transition(approval, &event, later(1)).unwrap();
    let (_, ended) = emergency.end(Some(requester.clone()), later(2)).unwrap();
    let review = |justified| {
        let requester = Some(requester.clone());
        let comment = Some(reason);
        let by = person("bob");
        let reviewed = emergency.used(&approval.excluded).review(
            &by,
            true,
            requester,
            justified,
            comment,
            later(2),
        );
        reviewed.unwrap().1
    };
    vec![opened, used, ended, review(true), review(false)]
}

/// A whole life with a canary wherever a person or a caller writes freely.
pub(crate) fn records_with(canary: &str) -> Vec<Record> {
    let panel = panel(2);
    let salt = [5; 32];
    let check = Check {
        reason: Some(Reason::new(canary).unwrap()),
        method: canary.to_uppercase().replace(' ', "-"),
        authority: format!("{canary}.example").replace(' ', "-"),
        ..check()
    };
    let reason = check
        .reason
        .as_ref()
        .map(|reason| Commitment::to(reason.as_str(), &salt));
    let opening = Opening {
        reason,
        ..opening(&check, &panel)
    };
    let (approval, requested) = Approval::open(opening, START).unwrap();
    let written = Some(Commitment::to(canary, &salt));
    let cast = |approval: &Approval, id: &str, verdict| {
        let event = Event::Vote(Ballot {
            person: &person(id),
            verdict,
            version: None,
            comment: written,
            public_reason: written,
            assertion: None,
            panel: &panel,
            rules: no_rules(),
            grant_lifetime: GRANT,
        });
        transition(approval, &event, later(1)).unwrap()
    };
    let (after_one, first) = cast(&approval, "grace", yes("name"));
    let (_, denied) = cast(&after_one, "bob", Verdict::Deny);
    let (_, taken_back) = cast(&after_one, "grace", Verdict::TakeBack);
    let (_, empty) = cast(&after_one, "bob", yes("date"));
    let (approved, issued) = cast(&after_one, "bob", yes("name date"));
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let consume = Event::Consume {
        ask: ask(&gateway, &bot),
        uses: &[],
        panel: &panel,
    };
    let (_, used) = transition(&approved, &consume, later(2)).unwrap();
    let mut records = vec![requested, first, denied, taken_back, empty, issued, used];
    for event in [
        Event::Withdraw { principal: &bot },
        Event::Supersede(velum_approval::Cause::Policy(policy(2))),
        Event::Revoke {
            person: &person("ann"),
        },
    ] {
        records.push(transition(&approved, &event, later(2)).unwrap().1);
    }
    records.push(
        transition(&approved, &Event::Expire, later(9999))
            .unwrap()
            .1,
    );
    let collecting = Opening {
        collecting: Some(std::time::Duration::from_mins(1)),
        step_up: Some(StepUp::Webauthn),
        ..crate::cast::opening(&check, &panel)
    };
    let (collecting, requested) = Approval::open(collecting, START).unwrap();
    records.push(requested);
    records.push(
        transition(&collecting, &Event::Unseen, later(60))
            .unwrap()
            .1,
    );
    let evidence = evidence();
    let seen = Event::Evidence {
        gateway: &gateway,
        evidence: &evidence,
    };
    let (seen, record) = transition(&collecting, &seen, later(1)).unwrap();
    records.push(record);
    let question = Event::Question {
        person: &person("grace"),
        version: None,
        comment: written,
        panel: &panel,
    };
    let (asked, record) = transition(&seen, &question, later(2)).unwrap();
    records.push(record);
    let name = || LogName::new("audit.example.org/velum/2026").unwrap();
    for event in [
        LogEvent::Opened {
            name: name(),
            key: [1; 32],
            previous: Some(PreviousLog {
                name: name(),
                size: 7,
                root: [2; 32],
            }),
            first: 7,
        },
        LogEvent::Recovered {
            name: name(),
            key: [1; 32],
            previous: PreviousLog {
                name: name(),
                size: 7,
                root: [2; 32],
            },
            restored: 5,
            unsigned: 0,
            first: 7,
            by: person("grace"),
            reason: Commitment::to(canary, &[9; 32]),
        },
        LogEvent::KeyRotated {
            old: [1; 32],
            new: [2; 32],
        },
        LogEvent::Heartbeat,
        LogEvent::Closed { next: name() },
        LogEvent::Pruned {
            pruned: PreviousLog {
                name: name(),
                size: 7,
                root: [2; 32],
            },
            by: person("grace"),
            reason: Commitment::to(canary, &[9; 32]),
        },
    ] {
        records.push(Record::Log(Box::new(event)));
    }
    records.extend(read_and_configured());
    let explain = Event::Explain {
        principal: &bot,
        reason: Commitment::to(canary, &salt),
    };
    records.push(transition(&asked, &explain, later(3)).unwrap().1);
    records.extend(emergency_records(canary, &approval));
    for (end, drift) in [
        (End::Complete, 0),
        (End::Complete, 1),
        (End::Stopped, 0),
        (End::Cut, 0),
    ] {
        records.push(Record::Released(Box::new(Released {
            gateway: gateway.clone(),
            report: OutcomeReport {
                approval: approval_id(),
                use_key: use_key(1),
                status: 200,
                records: 1,
                bytes: 300,
                lifted: Found::new([(Class::Name, 2)]),
                masked: Found::new([(Class::Date, 1)]),
                drift: Found::new([(Class::Name, drift)]),
                end,
            },
            used: 5,
        })));
    }
    let (id, by) = (StopId::new("s1").unwrap(), person("grace"));
    let identity = StopScope::Principal {
        identity: Identity::new(IdentityKind::Jwt, "https://idp.example", canary).unwrap(),
    };
    for scope in [StopScope::Everything, identity] {
        let (stop, record) = Stop::begin(id.clone(), scope, None, by.clone(), later(2));
        records.push(record);
        records.push(stop.resume(None, &person("ann"), later(3)).unwrap().1);
    }
    records.push(Record::Barred {
        person: by,
        refused: "same-person",
    });
    let person_of = person("ann");
    for event in [
        SessionEvent::SignedIn {
            person: person_of.clone(),
            by: SignedInBy::Provider,
        },
        SessionEvent::Refused {
            person: None,
            refused: SignInRefused::Nonce,
        },
        SessionEvent::Confirmed {
            person: person_of.clone(),
            approval: Some(approval_id()),
        },
        SessionEvent::Confirmed {
            person: person_of.clone(),
            approval: None,
        },
        SessionEvent::SignedOut {
            person: person_of,
            everywhere: true,
        },
    ] {
        records.push(Record::Session(Box::new(event)));
    }
    let key = crate::security_keys::credential(&SoftKey::p256(1), "ann", START);
    for event in [
        CredentialEvent::Added(key.clone()),
        CredentialEvent::Removed {
            person: key.person,
            id: key.id,
        },
    ] {
        records.push(Record::Credential(Box::new(event)));
    }
    records.push(Record::RequestRefused {
        gateway: gateway.clone(),
        action: Some(ActionName::new("read").unwrap()),
        code: DenyCode::LineageUnknown,
    });
    records.push(reported());
    records.push(summarised());
    records.push(Record::VoteRefused {
        approval: approval_id(),
        person: person("dr-jones"),
        refused: Refused::SelfApproval,
    });
    records.push(Record::UseRefused {
        approval: approval_id(),
        gateway,
        code: DenyCode::Mismatch,
    });
    records
}

#[test]
fn what_people_write_is_never_in_a_leaf() {
    for canary in ["Quibble 123-45-6789", "Zebulon Marrow"] {
        for record in records_with(canary) {
            let leaf = record.to_leaf(0, START, &record_id(), SOURCE).unwrap();
            let shown = format!("{} {record:?}", String::from_utf8(leaf).unwrap()).to_lowercase();
            for word in canary.to_lowercase().split(' ') {
                assert!(!shown.contains(word), "{word}: {shown}");
            }
        }
        let commitment = Commitment::to(canary, &[5; 32]).to_string();
        let records = records_with(canary);
        let first = leaf(&records[0]);
        assert_eq!(first["data"]["request"]["reason_commitment"], commitment);
        assert_eq!(first["data"]["request"]["method"], "OTHER");
        let denied = leaf(&records[2]);
        assert_eq!(denied["data"]["vote"]["comment_commitment"], commitment);
        assert_eq!(
            denied["data"]["vote"]["public_reason_commitment"],
            commitment
        );
    }
}

#[test]
fn every_code_of_the_catalogue_is_written_by_some_record() {
    let records = records_with("canary");
    let written: BTreeSet<_> = records
        .iter()
        .map(|record| (record.code(), record.event_type()))
        .collect();
    let catalogue: BTreeSet<_> = Record::CATALOGUE.iter().copied().collect();
    assert_eq!(written, catalogue);
    assert_eq!(catalogue.len(), Record::CATALOGUE.len());
    let types: BTreeSet<_> = catalogue.iter().map(|(_, name)| name).collect();
    assert_eq!(types.len(), catalogue.len());
}

#[test]
fn every_leaf_is_a_cloud_event_in_canonical_form() {
    for record in records_with("canary") {
        let bytes = record.to_leaf(7, START, &record_id(), SOURCE).unwrap();
        let value = leaf(&record);
        // Without floating-point numbers and with keys in ASCII, the canonical form is what a map
        // sorted by bytes writes.
        assert_eq!(serde_json::to_vec(&value).unwrap(), bytes);
        assert_eq!(value["specversion"], "1.0");
        assert_eq!(value["source"], SOURCE);
        assert_eq!(value["id"], record_id().as_str());
        assert_eq!(value["time"], "2026-11-23T20:01:44.123Z");
        assert_eq!(value["type"], record.event_type());
        assert_eq!(value["data"]["seq"], 7);
        assert_eq!(value["data"]["code"], record.code());
        let subject = record
            .approval()
            .map(|approval| format!("approval/{approval}"));
        assert_eq!(
            value.get("subject").and_then(|subject| subject.as_str()),
            subject.as_deref()
        );
    }
}

#[test]
fn a_leaf_says_who_what_and_why() {
    let panel = panel(1);
    let check = check();
    let reason = check
        .reason
        .as_ref()
        .map(|reason| Commitment::to(reason.as_str(), &[5; 32]));
    let (approval, requested) = Approval::open(
        Opening {
            reason,
            ..opening(&check, &panel)
        },
        START,
    )
    .unwrap();
    let grace = person("grace");
    let (approval, issued) =
        transition(&approval, &ballot(&grace, yes("name"), &panel), later(1)).unwrap();
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let consume = Event::Consume {
        ask: ask(&gateway, &bot),
        uses: &[],
        panel: &panel,
    };
    let (_, used) = transition(&approval, &consume, later(2)).unwrap();
    let (id, directory) = (StopId::new("s1").unwrap(), directory());
    let identity = bot.clone();
    let (_, stopped) = Stop::begin(
        id,
        StopScope::Principal { identity },
        directory.party(&bot),
        grace.clone(),
        later(4),
    );
    for (seq, file, golden, record) in [
        (
            0,
            "leaf-requested.json",
            include_str!("../golden/leaf-requested.json"),
            requested,
        ),
        (
            1,
            "leaf-issued.json",
            include_str!("../golden/leaf-issued.json"),
            issued,
        ),
        (
            2,
            "leaf-used.json",
            include_str!("../golden/leaf-used.json"),
            used,
        ),
        (
            3,
            "leaf-reported.json",
            include_str!("../golden/leaf-reported.json"),
            reported(),
        ),
        (
            3,
            "leaf-summarised.json",
            include_str!("../golden/leaf-summarised.json"),
            summarised(),
        ),
        (
            4,
            "leaf-stopped.json",
            include_str!("../golden/leaf-stopped.json"),
            stopped,
        ),
    ] {
        let leaf = record
            .to_leaf(seq, later(seq), &record_id(), SOURCE)
            .unwrap();
        compare(file, golden, &(String::from_utf8(leaf).unwrap() + "\n"));
    }
}

fn reported() -> Record {
    Record::Reported(Box::new(Reported {
        gateway: gateway(),
        worker: WorkerId::from_bytes([7; 16]),
        sequence: 4,
        missing: 1,
        lost: 12,
        requests: 300,
        masked: 4000,
        digest: [5; 32],
    }))
}

/// One row of a batch.
fn row(action: &str, outcome: EventOutcome, principal: u8, requests: u64) -> EventRow {
    let mut masked = ClassCounts::default();
    masked.add(Class::Name, 2 * requests);
    EventRow {
        policy: policy(1),
        action: Some(ActionName::new(action).unwrap()),
        outcome,
        principal: Some(velum_approval::keyed_token(&[1; 32], &[principal])),
        status: 200,
        requests,
        masked,
    }
}

fn batch(worker: u8, sequence: u64, lost: u64, rows: Vec<EventRow>) -> Events {
    Events {
        worker: WorkerId::from_bytes([worker; 16]),
        sequence,
        lost,
        from: START,
        until: START,
        rows,
    }
}

fn summary(batches: &[(Events, u64, bool)]) -> Summary {
    let mut summary = Summary::new(gateway(), START.before(Summary::PERIOD));
    for (events, missing, is_late) in batches {
        summary.add(&Reception {
            events,
            body: b"a batch",
            missing: *missing,
            is_late: *is_late,
        });
    }
    summary
}

fn summarised() -> Record {
    let (masked, denied) = (EventOutcome::Masked, EventOutcome::Denied);
    let batches = [
        (
            batch(
                1,
                1,
                0,
                vec![row("read", masked, 1, 3), row("read", masked, 2, 5)],
            ),
            0,
            false,
        ),
        (
            batch(
                1,
                4,
                7,
                vec![row("read", masked, 1, 4), row("purge", denied, 1, 1)],
            ),
            2,
            false,
        ),
        (batch(1, 3, 0, vec![]), 0, true),
    ];
    Record::Summarised(Box::new(summary(&batches)))
}

#[test]
fn a_summary_adds_up_what_is_alike_and_names_what_is_missing() {
    let leaf = leaf(&summarised());
    let told = &leaf["data"]["summary"];
    assert_eq!(told["requests"], 13);
    assert_eq!(told["masked"], serde_json::json!({"name": 26}));
    assert_eq!(
        told["outcomes"],
        serde_json::json!({"masked": 12, "denied": 1})
    );
    let rows: Vec<_> = told["rows"].as_array().unwrap().iter().collect();
    let requests: Vec<_> = rows
        .iter()
        .map(|row| row["requests"].as_u64().unwrap())
        .collect();
    assert_eq!(requests, [7, 5, 1], "{told}");
    assert_eq!(told["gaps"][0]["before"], 4);
    let figures = ["batches", "missing", "late", "lost"].map(|name| told[name].as_u64().unwrap());
    assert_eq!(figures, [3, 2, 1, 7]);
    assert!(told.get("others").is_none());
    assert_eq!(told["minute"], "2026-11-23T20:00:00.000Z");
}

#[test]
fn the_largest_summary_fits_and_loses_no_count() {
    let quote = |number: u64| format!("{number:04}{}", "\"".repeat(124));
    let mut all = ClassCounts::default();
    for class in Class::ALL {
        all.add(*class, 1 << 40);
    }
    let batches: Vec<_> = (1..=150)
        .map(|sequence| {
            let rows = (0..64).map(|number| EventRow {
                action: Some(ActionName::new(quote(sequence * 64 + number)).unwrap()),
                masked: all,
                requests: 1 << 40,
                ..row("read", EventOutcome::Withheld, 1, 1)
            });
            (batch(7, 2 * sequence, 1 << 40, rows.collect()), 1, false)
        })
        .collect();
    let mut largest = Summary::new(GatewayId::new("\"".repeat(128)).unwrap(), START);
    for (events, missing, is_late) in &batches {
        let (missing, is_late) = (*missing, *is_late);
        largest.add(&Reception {
            events,
            body: b"",
            missing,
            is_late,
        });
    }
    let record = Record::Summarised(Box::new(largest));
    let leaf = record
        .to_leaf(1 << 52, START, &record_id(), &"\"".repeat(200))
        .unwrap();
    assert!(leaf.len() > 11 * 1024, "{}", leaf.len());
    let leaf: serde_json::Value = serde_json::from_slice(&leaf).unwrap();
    let told = &leaf["data"]["summary"];
    assert_eq!(told["gaps"].as_array().unwrap().len(), 16);
    assert_eq!(
        (&told["missing"], &told["batches"]),
        (&150.into(), &150.into())
    );
    // What cannot be told as a number is the largest that can, everywhere alike.
    assert_eq!(told["requests"].as_u64(), Some((1 << 53) - 1));
    assert_eq!(told["others"]["requests"], told["requests"]);

    // Of many small rows those with the most requests are told, and the others are summed.
    let rows = (1..=64).map(|number| row("read", EventOutcome::Masked, number, u64::from(number)));
    let more =
        (65..=128).map(|number| row("read", EventOutcome::Masked, number, u64::from(number)));
    let (rows, more) = (rows.collect(), more.collect());
    let many = [
        (batch(1, 1, 0, rows), 0, false),
        (batch(1, 2, 0, more), 0, false),
    ];
    let leaf = crate::cast::leaf(&Record::Summarised(Box::new(summary(&many))));
    let told = &leaf["data"]["summary"];
    let rows = told["rows"].as_array().unwrap();
    assert_eq!(rows[0]["requests"], 128);
    assert!(rows.len() > 40, "{}", rows.len());
    let listed: u64 = rows
        .iter()
        .map(|row| row["requests"].as_u64().unwrap())
        .sum();
    assert_eq!(
        listed + told["others"]["requests"].as_u64().unwrap(),
        128 * 129 / 2
    );
    assert_eq!(told["requests"], 128 * 129 / 2);
}

#[test]
fn a_configuration_says_which_of_its_parts_are_others() {
    let (actions, limits) = (ConfigurationPart::Actions, ConfigurationPart::Limits);
    let before = [(actions, [1; 32]), (limits, [2; 32])].into();
    for (now, expected) in [
        (vec![(actions, [1; 32]), (limits, [2; 32])], vec![]),
        (vec![(actions, [3; 32]), (limits, [2; 32])], vec!["actions"]),
        // One that an earlier version did not know, or a later one does not.
        (vec![(actions, [1; 32])], vec!["limits"]),
    ] {
        let now = Configuration::after(now.into_iter().collect(), Some(&before));
        let leaf = leaf(&Record::Configured(Box::new(now)));
        let told = &leaf["data"]["configuration"];
        assert_eq!(told["changed"], serde_json::json!(expected), "{told}");
    }
    let first = Configuration::after(before, None);
    let leaf = leaf(&Record::Configured(Box::new(first)));
    let told = &leaf["data"]["configuration"];
    assert!(told.get("changed").is_none(), "{told}");
    assert_eq!(told["parts"].as_object().unwrap().len(), 2);
}

#[test]
fn the_longest_record_that_words_allow_fits() {
    let quote = |length| "\"".repeat(length);
    let owner = PersonId::new(quote(128)).unwrap();
    let bot = jwt("triage-bot");
    let mut directory = velum_approval::Directory::builder()
        .person(owner.clone(), [])
        .agent(
            AgentId::new(quote(128)).unwrap(),
            owner.clone(),
            [bot.clone()],
        );
    let mut lineage = vec![bot.clone()];
    for index in 1..Lineage::MOST {
        let id = format!("{}{index:02}", quote(126));
        let identity = Identity::new(IdentityKind::Header, "", id.clone()).unwrap();
        directory = directory.person(PersonId::new(id).unwrap(), [identity.clone()]);
        lineage.push(identity);
    }
    let directory = directory.build().unwrap();
    let lineage = Lineage::new(lineage).unwrap();
    let excluded = directory.resolve(&lineage).unwrap();
    assert_eq!(excluded.iter().count(), Lineage::MOST);
    let panel = Panel::new(
        &ReviewRule::new(1, vec![]).unwrap(),
        &reviewers(),
        &excluded,
    );
    let check = Check {
        lineage,
        action: ActionName::new(quote(128)).unwrap(),
        path: quote(2048),
        query: quote(2048),
        classes: Class::ALL.iter().copied().collect(),
        found: Some(Found::new(
            Class::ALL.iter().map(|class| (*class, (1 << 53) - 1)),
        )),
        ..check()
    };
    // The path and the query are as long as a check may be.
    let json = serde_json::to_string(&check).unwrap();
    assert!(serde_json::from_str::<Check>(&json).is_ok());
    let opening = Opening {
        id: ApprovalId::new("a".repeat(64)).unwrap(),
        gateway: GatewayId::new(quote(128)).unwrap(),
        check: &check,
        route: route(&check.path, &check.query),
        fingerprint_mac: mac(1),
        requester: directory.party(&bot).unwrap().clone(),
        panel: &panel,
        reason: Some(Commitment::to("", &[0; 32])),
        collecting: Some(std::time::Duration::from_mins(1)),
        uses: 100,
        in_emergency: false,
        step_up: None,
        lifetime: PENDING,
    };
    let (_, record) = Approval::open(opening, START).unwrap();
    let leaf = record
        .to_leaf(1 << 52, START, &record_id(), &quote(200))
        .unwrap();
    assert!(leaf.len() > 12 * 1024, "{}", leaf.len());
}

/// What a check says of path, query and method is in no record, unless it is a word of the policy.
#[test]
fn a_record_has_the_policys_words_of_a_route_and_no_others() {
    let check = Check {
        path: "/Patient/canary/$everything".to_owned(),
        query: "_since&canary".to_owned(),
        method: "canary".to_owned(),
        ..check()
    };
    let words = RouteWords::new([(Some(0), "Patient"), (Some(2), "$everything")], ["_since"]);
    let panel = panel(1);
    let opening = Opening {
        route: RouteTemplate::again(&check.path, &check.query, &words),
        ..opening(&check, &panel)
    };
    let (approval, record) = Approval::open(opening, START).unwrap();
    let request = &leaf(&record)["data"]["request"];
    assert_eq!(request["path"], "/Patient/{…}/$everything");
    assert_eq!(request["query"], "_since&{…}");
    assert_eq!(request["method"], "OTHER");
    assert!(!serde_json::to_string(&approval).unwrap().contains("canary"));
}

#[test]
fn a_leaf_that_is_too_long_or_not_canonical_is_refused() {
    let record = &records_with("canary")[0];
    let long = "x".repeat(Record::MOST_LEAF_BYTES);
    assert_eq!(
        record.to_leaf(0, START, &record_id(), &long),
        Err(LeafError::TooLong)
    );
    assert_eq!(
        record.to_leaf(1 << 53, START, &record_id(), SOURCE),
        Err(LeafError::Integer)
    );
    assert_eq!(
        record.to_leaf(u64::MAX, START, &record_id(), SOURCE),
        Err(LeafError::Integer)
    );
}

#[test]
fn the_requester_is_named_as_the_directory_does() {
    let panel = panel(1);
    let check = check();
    let by = |requester| {
        let opening = Opening {
            requester,
            ..opening(&check, &panel)
        };
        leaf(&Approval::open(opening, START).unwrap().1)["data"]["requester"].clone()
    };
    let bot = directory().party(&jwt("triage-bot")).unwrap().clone();
    assert_eq!(
        by(bot),
        serde_json::json!({"kind": "agent", "id": "triage-bot", "owner": "dr-jones"})
    );
    let jones = Party::Person {
        id: person("dr-jones"),
    };
    assert_eq!(
        by(jones),
        serde_json::json!({"kind": "person", "id": "dr-jones"})
    );
    assert_eq!(pending(&panel).granted, Scope::NONE);
}
