//! The catalogue of events: what it says is what records hold, and no code is given twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use velum_approval::record::{EventKind, MEMBERS};

use crate::cast::leaf;
use crate::records::records_with;

/// The members of every record.
const COMMON: [&str; 4] = ["code", "outcome", "seq", "v"];

#[test]
fn a_code_is_never_given_to_another_event() {
    // Whatever was ever written stays here, also what no longer is: a line is added, and none changed.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/event-codes.txt");
    let golden = std::fs::read_to_string(&file).unwrap();
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for line in golden.lines() {
        let (code, name) = line.split_once(' ').unwrap();
        assert_eq!(known.insert(code, name), None, "{code} stands twice");
    }
    let types: BTreeSet<_> = known.values().collect();
    assert_eq!(types.len(), known.len(), "a type stands twice");
    let mut written = golden.clone();
    for kind in EventKind::ALL {
        match known.get(kind.code()) {
            Some(name) => assert_eq!(*name, kind.event_type(), "{} is another's", kind.code()),
            None => writeln!(written, "{} {}", kind.code(), kind.event_type()).unwrap(),
        }
    }
    crate::golden::compare("event-codes.txt", &golden, &written);
}

#[test]
fn the_catalogue_says_what_each_record_holds() {
    let mut held: BTreeMap<EventKind, BTreeSet<String>> = BTreeMap::new();
    for record in records_with("canary") {
        let data = leaf(&record)["data"].as_object().unwrap().clone();
        held.entry(record.kind()).or_default().extend(
            data.into_iter()
                .map(|(member, _)| member)
                .filter(|member| !COMMON.contains(&member.as_str())),
        );
    }
    let explained: BTreeSet<_> = MEMBERS.iter().map(|(member, _)| *member).collect();
    for kind in EventKind::ALL {
        let said: BTreeSet<_> = kind.holds().iter().map(ToString::to_string).collect();
        assert_eq!(said, held[kind], "{kind:?}");
        for member in kind.holds() {
            assert!(explained.contains(member), "{member}");
        }
        for sentence in [kind.when(), kind.why()] {
            assert!(
                sentence.ends_with('.') && !sentence.contains('|'),
                "{sentence}"
            );
        }
    }
    let all = EventKind::ALL.iter().flat_map(|kind| kind.holds());
    let used: BTreeSet<_> = all.chain(&COMMON).copied().collect();
    assert_eq!(explained, used, "no member is explained that no record has");
}

#[test]
fn the_document_is_the_catalogue() {
    let mut text = String::from(
        "# The events of the audit log\n\n\
         Every kind of record that there is: when it is written, why, and what it holds. The codes are stable:\n\
         none is given to another event. `I` at the end of a code: it went as asked, `W`: it did not, or it\n\
         wants looking at. `velum audit events` prints the same. What the log is, and how to verify it:\n\
         [audit.md](audit.md).\n\n\
         <!-- Generated: VELUM_WRITE_DOCS=1 cargo test -p velum-approval -->\n\n\
         | code | type | when it is written | why it is logged | `data` holds |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for kind in EventKind::ALL {
        let holds: Vec<_> = kind.holds().iter().map(|it| format!("`{it}`")).collect();
        let (code, name) = (kind.code(), kind.event_type());
        let (when, why, holds) = (kind.when(), kind.why(), holds.join(", "));
        writeln!(text, "| {code} | `{name}` | {when} | {why} | {holds} |").unwrap();
    }
    text.push_str("\n## Members of `data`\n\n| member | holds |\n| --- | --- |\n");
    for (member, holds) in MEMBERS {
        writeln!(text, "| `{member}` | {holds} |").unwrap();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/audit-events.md");
    if std::env::var_os("VELUM_WRITE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&file, &text).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == text,
        "docs/audit-events.md is out of date: VELUM_WRITE_DOCS=1 cargo test -p velum-approval"
    );
}
