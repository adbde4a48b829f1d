//! The audit log read again: a good one has no finding, and whatever is changed in it is found.

mod corruptions;
mod keys;
mod log;
mod recovered;
mod tale;
mod tampering;
mod years;

use std::collections::BTreeSet;

use proptest::prelude::*;
use velum_approval::record::{LogEvent, PreviousLog, SessionEvent, SignInRefused};
use velum_approval::replay::{Kind, Releases, Replay, Severity};
use velum_approval::{DenyCode, EmergencyRefused, LogName, Record, Refused, ResumeRefused, State};

use self::log::{Log, kinds};
use crate::cast::{START, approval_id, gateway, later, person};
use crate::properties::{emergency, history, run};

#[test]
fn a_good_log_has_no_finding() {
    let log = tale::log();
    let report = log.replay();
    assert_eq!(report.findings, []);
    assert!(report.is_sound());
    assert_eq!(report.leaves, log.len() as u64);
    let told: BTreeSet<_> = report.counts.keys().copied().collect();
    let mut all: BTreeSet<_> = Record::CATALOGUE.iter().map(|(_, name)| *name).collect();
    // So begins a log that was lost: see the tests of it.
    all.remove("org.velum.log.recovered.v1");
    assert_eq!(told, all, "the tale has every event of the catalogue");
    assert_eq!(
        report.releases,
        Releases {
            approved: 4,
            in_emergency: 1,
            told: 5,
            resting: 0
        }
    );
}

/// Leaves stay what they were: an earlier service kept what its gateways said of a path and a query.
#[test]
fn what_an_earlier_version_kept_of_a_path_is_no_finding() {
    let mut log = tale::log();
    let mut changed = 0;
    for leaf in &mut log.0 {
        if let Some(request) = leaf.pointer_mut("/data/request") {
            request["path"] = "/Patient/{…}/Observation".into();
            request["query"] = "_count&{…}".into();
            changed += 1;
        }
    }
    assert!(changed > 3, "{changed}");
    assert_eq!(log.replay().findings, []);
}

/// A leaf of a log that is named like this.
fn leaf_of(name: &str, index: u64, record: &Record) -> Vec<u8> {
    let id = velum_approval::RecordId::new(format!("r{index}")).unwrap();
    let source = format!("urn:velum:{name}");
    record.to_leaf(index, START, &id, &source).unwrap()
}

#[test]
fn a_log_begins_with_its_own_name_and_one_that_was_recovered_ends_what_was_open() {
    let (old, name) = ("log.example/2026", "log.example/2026-r1");
    let recovered = |name: &str, restored| {
        Record::Log(Box::new(LogEvent::Recovered {
            name: LogName::new(name).unwrap(),
            key: [1; 32],
            previous: PreviousLog {
                name: LogName::new(old).unwrap(),
                size: 7,
                root: [2; 32],
            },
            restored,
            unsigned: 0,
            first: 7,
            by: person("grace"),
            reason: velum_approval::Commitment::to("", &[1; 32]),
        }))
    };
    let opened = Record::Log(Box::new(LogEvent::Opened {
        name: LogName::new(name).unwrap(),
        key: [1; 32],
        previous: None,
        first: 0,
    }));
    let ended = {
        let approval = crate::cast::pending(&crate::cast::panel(1));
        let event = velum_approval::Event::Supersede(velum_approval::Cause::Recovery);
        velum_approval::transition(&approval, &event, START)
            .unwrap()
            .1
    };
    for (leaves, is_sound) in [
        (vec![&recovered(name, 5), &ended], true),
        (vec![&opened], true),
        // Without it nobody asked for what ends here.
        (vec![&opened, &ended], false),
        (vec![&ended, &recovered(name, 5)], false),
        (vec![&opened, &opened], false),
        // Under another's name, or with more records than there were.
        (vec![&recovered(old, 5)], false),
        (vec![&recovered(name, 8)], false),
    ] {
        let mut replay = Replay::default();
        for (index, record) in (0..).zip(&leaves) {
            replay.leaf(index, &leaf_of(name, index, record));
        }
        let report = replay.finish();
        assert_eq!(report.is_sound(), is_sound, "{leaves:?}: {report:?}");
    }
}

#[test]
fn the_golden_leaves_are_read() {
    for (index, leaf) in [
        (0, include_str!("../golden/leaf-requested.json")),
        (1, include_str!("../golden/leaf-issued.json")),
        (2, include_str!("../golden/leaf-used.json")),
        (3, include_str!("../golden/leaf-reported.json")),
        (3, include_str!("../golden/leaf-summarised.json")),
        (4, include_str!("../golden/leaf-stopped.json")),
    ] {
        let mut replay = Replay::default();
        replay.leaf(index, leaf.trim_end().as_bytes());
        let report = replay.finish();
        assert_eq!(report.counts.len(), 1, "{leaf}: {report:?}");
        assert!(!kinds(&report).contains(&Kind::Malformed), "{report:?}");
    }
}

#[test]
fn kinds_have_names_of_their_own() {
    let names: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    let notes = Kind::ALL
        .iter()
        .filter(|it| it.severity() == Severity::Note);
    let notes: Vec<_> = notes.map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "id-out-of-time",
            "silence",
            "log-recovered",
            "of-log-before",
            "configuration-changed",
            "route-not-template",
            "outcome-beyond-limits",
            "outcome-missing",
            "outcome-late",
            "events-missing"
        ]
    );
}

/// The next of them; a new one is a compile error here.
fn after(refused: Refused) -> Option<Refused> {
    Some(match refused {
        Refused::SelfApproval => Refused::NotAReviewer,
        Refused::NotAReviewer => Refused::StaleVersion,
        Refused::StaleVersion => Refused::AlreadyDecided(State::Used),
        Refused::AlreadyDecided(_) => Refused::Expired,
        Refused::Expired => Refused::NotDue,
        Refused::NotDue => Refused::NotShown,
        Refused::NotShown => Refused::NotApproved,
        Refused::NotApproved => Refused::Wider,
        Refused::Wider => Refused::Nothing,
        Refused::Nothing => Refused::Unseen,
        Refused::Unseen => Refused::UnknownRule,
        Refused::UnknownRule => Refused::TooManyRules,
        Refused::TooManyRules => Refused::NotTheStream,
        Refused::NotTheStream => Refused::NoEmergency,
        Refused::NoEmergency => Refused::NoVote,
        Refused::NoVote => Refused::NotTheRequester,
        Refused::NotTheRequester => Refused::Unchanged,
        Refused::Unchanged => Refused::NotProven,
        Refused::NotProven => Refused::KeyCopied,
        Refused::KeyCopied => return None,
        Refused::Use(code) => unreachable!("{code:?} is of a use"),
    })
}

#[test]
fn every_reason_of_a_refusal_is_read() {
    let votes = std::iter::successors(Some(Refused::SelfApproval), |it| after(*it));
    let votes = votes.map(|refused| Record::VoteRefused {
        approval: approval_id(),
        person: person("dr-jones"),
        refused,
    });
    let resumes = [
        ResumeRefused::SamePerson,
        ResumeRefused::Ended,
        ResumeRefused::Final,
    ]
    .map(ResumeRefused::name);
    let emergencies = [
        EmergencyRefused::NotAdmitted,
        EmergencyRefused::Unreviewed,
        EmergencyRefused::Lifetime,
        EmergencyRefused::NoReviewer,
        EmergencyRefused::SelfReview,
        EmergencyRefused::NotAReviewer,
        EmergencyRefused::Reviewed,
    ]
    .map(EmergencyRefused::name);
    let barred = resumes.into_iter().chain(emergencies);
    let barred = barred.map(|refused| Record::Barred {
        person: person("ann"),
        refused,
    });
    let uses = DenyCode::ALL.iter().flat_map(|code| {
        [
            Record::UseRefused {
                approval: approval_id(),
                gateway: gateway(),
                code: *code,
            },
            Record::RequestRefused {
                gateway: gateway(),
                action: None,
                code: *code,
            },
        ]
    });
    let sessions = SignInRefused::ALL.iter().map(|refused| {
        Record::Session(Box::new(SessionEvent::Refused {
            person: None,
            refused: *refused,
        }))
    });
    let records = votes.chain(barred).chain(uses).chain(sessions);
    let report = Log::of(records.map(|record| (START, record)))
        .begun()
        .replay();
    assert_eq!(report.findings, []);
    assert_eq!(report.leaves, 1 + 20 + 10 + 30 + 16);
}

#[test]
fn a_finding_says_where_and_what() {
    let mut log = tale::log();
    let place = log.find("VA1201I", 0).unwrap();
    log.0[place]["data"]["approved_by"] = serde_json::json!(["bob"]);
    let report = log.replay();
    let shown: Vec<_> = report.failures().map(ToString::to_string).collect();
    let sentence = "2 people are needed, 1 approved it.";
    assert_eq!(
        shown,
        [format!(
            "record {place}, approval two: too-few-approvers: {sentence}"
        )]
    );
    assert_eq!(report.notes().count(), 0);
}

/// Numbered anew, so that nothing else is wrong with it.
#[test]
fn a_log_without_its_first_records_is_found() {
    let mut log = tale::log();
    for gone in 1..4 {
        log.0.remove(0);
        log.number();
        let report = log.replay();
        let first = report.failures().next().unwrap();
        assert_eq!((first.index, first.kind), (0, Kind::NotBegun), "{gone}");
    }
    let begun = Log::of([(START, Record::Log(Box::new(LogEvent::Heartbeat)))]);
    assert_eq!(kinds(&begun.replay()), [Kind::NotBegun].into());
    assert_eq!(begun.begun().replay().findings, []);
}

#[test]
fn silence_beyond_the_heartbeat_is_noted_where_that_is_asked_for() {
    let beat = || Record::Log(Box::new(LogEvent::Heartbeat));
    let seconds = [0, 600, 1260, 1261, 90_000];
    let log = Log::of(seconds.map(|second| (later(second), beat()))).begun();
    let report = |longest: Option<u64>| {
        let mut replay = Replay::default();
        if let Some(longest) = longest {
            replay = replay.with_heartbeat(std::time::Duration::from_secs(longest));
        }
        for (index, leaf) in (0..).zip(&log.leaves()) {
            replay.leaf(index, leaf);
        }
        replay.finish()
    };
    assert_eq!(report(None).findings, []);
    for (longest, places) in [(660, vec![5]), (659, vec![3, 5]), (88_739, vec![])] {
        let report = report(Some(longest));
        assert!(report.is_sound());
        let silences = report.notes().map(|note| {
            assert_eq!(note.kind, Kind::Silence);
            note.index
        });
        assert_eq!(silences.collect::<Vec<_>>(), places, "{longest}");
    }
}

#[test]
fn a_path_that_is_no_template_is_noted_and_the_log_holds() {
    let mut log = tale::log();
    log.data("VA1001I", 0)["request"]["path"] = "/Patient/mrn-7712345".into();
    log.data("VA1001I", 1)["request"]["query"] = "name=Thistlewood".into();
    let report = log.replay();
    assert!(report.is_sound());
    let noted: Vec<_> = report.notes().map(|note| note.kind).collect();
    assert_eq!(noted, [Kind::RouteNotTemplate; 2]);
    assert!(!format!("{report:?}").contains("Thistlewood"), "{report:?}");
}

#[test]
fn findings_are_kept_up_to_a_bound_and_counted_beyond() {
    let mut replay = Replay::default();
    for index in 0..10_003 {
        replay.leaf(index, b"");
    }
    let report = replay.finish();
    assert_eq!((report.findings.len(), report.omitted), (10_000, 3));
    assert!(!report.is_sound());
}

/// The emergency access of the generator, and what the history recorded.
fn log_of(records: Vec<(velum_approval::Timestamp, Record)>) -> Log {
    let opened = (START, emergency().1);
    Log::of(std::iter::once(opened).chain(records))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    /// Whatever `transition` lets happen, rules that were written a second time find nothing wrong with:
    /// only that nobody told what left.
    #[test]
    fn every_history_replays_without_a_finding((start, steps) in history()) {
        let (state, records) = run(start, &steps);
        let used = records.iter().filter(|(_, record)| matches!(record, Record::Used(_))).count();
        let report = log_of(records).begun().replay();
        prop_assert!(report.is_sound(), "{:?}", report.findings);
        let untold = report.findings.iter().filter(|it| it.kind == Kind::OutcomeMissing).count();
        prop_assert_eq!((untold, report.findings.len()), (used, used));
        prop_assert!(state != State::Used || used > 0);
    }
}

proptest! {
    #[test]
    fn hostile_bytes_are_findings(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut replay = Replay::default();
        replay.leaf(0, &bytes);
        prop_assert!(!replay.finish().is_sound());
    }

    /// Bytes that are nearly a log: cut, repeated, changed.
    #[test]
    fn a_log_with_other_bytes_never_panics(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut leaves = tale::log().leaves();
        for (leaf, at, byte) in changes {
            let leaf = leaf.get_mut(&mut leaves[..]);
            if leaf.is_empty() {
                continue;
            }
            let at = at.index(leaf.len());
            match byte % 3 {
                0 => leaf[at] = byte,
                1 => leaf.truncate(at),
                _ => leaf.insert(at, byte),
            }
        }
        let report = Log::replay_leaves(&leaves);
        prop_assert_eq!(report.leaves, leaves.len() as u64);
    }

    /// Values that are nearly those of a log: members changed for others of the log.
    #[test]
    fn a_log_with_other_values_never_panics(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..20),
    ) {
        let mut log = tale::log();
        for (leaf, from, to) in changes {
            log.swap_values(leaf, from, to);
        }
        log.replay();
    }
}
