//! What was masked, in counts.

use serde_json::{Value, json};

use crate::program::{self, Folder, velum};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write(
        "in/a.ndjson",
        "{\"ssn\":\"123-45-6789\"}\n{\"a\":\"a@b.example\"}\n",
    );
    folder.write("in/b.json", r#"{"ssn":"123-45-6789",}"#);
    folder.write("in/c.json", r#"{"ssn":"123-45-6789"}"#);
    folder
}

#[test]
fn a_table_is_for_people() {
    let outcome = program::with_input(
        &[
            "mask",
            "--profile",
            "pii",
            "--report",
            "--framing",
            "ndjson",
        ],
        "{\"ssn\":\"123-45-6789\"}\n{\"a\":\"a@b.example\"}\n",
    );
    assert_eq!(outcome.code, Some(0));
    let details = "         1                                            class email
         1                                            class ssn
         1                                            rule  pii keys: ssn
         1                                            rule  detector: email\n";
    assert_eq!(
        outcome.errors,
        format!(
            "    masked     records       scanned   not scanned  file
         2           2            42             0  -
{details}         2           2            42             0  total of 1 files\n{details}"
        )
    );
}

#[test]
fn json_is_for_programs_and_has_no_value() {
    let folder = folder();
    let arguments = [
        "mask",
        "--profile",
        "pii",
        "in",
        "--output",
        "out",
        "--report=json",
        "--report-to",
        "report.json",
    ];
    let outcome = folder.velum(&arguments);
    assert_eq!(outcome.code, Some(3));
    assert_eq!(outcome.output, "");
    let text = folder.read("report.json");
    assert!(!text.contains("123-45") && !text.contains("a@b"));
    let report: Value = serde_json::from_str(&text).unwrap();
    let ssn = "pii keys: ssn";
    let bytes =
        |scanned: u64| json!({"scanned": scanned, "not_scanned": {"exempt": 0, "too_long": 0}});
    assert_eq!(
        report,
        json!({
            "version": 1,
            "files": [
                {
                    "file": "in/a.ndjson", "records": 2, "masked": 2,
                    "classes": {"ssn": 1, "email": 1},
                    "rules": [{"rule": ssn, "masked": 1}, {"rule": "detector: email", "masked": 1}],
                    "bytes": bytes(42),
                },
                {"file": "in/b.json", "error": "in/b.json: invalid JSON at byte 21"},
                {
                    "file": "in/c.json", "records": 1, "masked": 1,
                    "classes": {"ssn": 1},
                    "rules": [{"rule": ssn, "masked": 1}],
                    "bytes": bytes(21),
                },
            ],
            "total": {
                "files": 3, "failed": 1, "unread": 0, "records": 3, "masked": 3,
                "classes": {"ssn": 2, "email": 1},
                "rules": [{"rule": ssn, "masked": 2}, {"rule": "detector: email", "masked": 1}],
                "bytes": bytes(63),
            },
        })
    );
    // The next one takes its place.
    let outcome = folder.velum(&[&arguments[..], &["--force"]].concat());
    assert_eq!(outcome.code, Some(3));
    assert_eq!(folder.read("report.json"), text);
}

#[test]
fn what_no_detector_looked_at_has_its_reason() {
    let folder = Folder::new();
    let policy = folder.write(
        "policy.yaml",
        "version: 1\nmasking:\n  profiles: [pii]\n  exempt: [{path: $.free}]\n",
    );
    let body = format!(
        r#"{{"free":"a@b.example","long":"{}"}}"#,
        "x".repeat(70_000)
    );
    let file = folder.write("a.json", body);
    let run = |form| {
        velum(&[
            "mask", "--check", "--quiet", "--policy", &policy, form, &file,
        ])
    };
    let outcome = run("--report=json");
    let report: Value = serde_json::from_str(&outcome.errors).unwrap();
    assert_eq!(
        report["total"]["bytes"]["not_scanned"],
        json!({"exempt": 13, "too_long": 70_002})
    );
    let table = run("--report").errors;
    for (bytes, reason) in [("13", "exempt"), ("70002", "in long strings")] {
        let is_there = table.lines().any(|line| {
            let line = line.trim();
            line.starts_with(bytes) && line.ends_with(reason)
        });
        assert!(is_there, "{table}");
    }
}

#[test]
fn a_report_is_made_of_what_is_only_looked_at() {
    let folder = folder();
    for option in ["--check", "--report-only"] {
        let outcome = folder.velum(&[
            "mask",
            "--profile",
            "pii",
            option,
            "--report=json",
            "in/a.ndjson",
        ]);
        let report: Value = serde_json::from_str(&outcome.errors).unwrap();
        assert_eq!(report["total"]["masked"], 2);
        assert_eq!(outcome.output.lines().count(), 2);
    }
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_done() {
    let folder = folder();
    let outcome = folder.velum(&[
        "mask",
        "--profile",
        "pii",
        "in/c.json",
        "--output",
        "out",
        "--report",
        "--report-to",
        "in/c.json/report",
    ]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome
            .errors
            .contains("in/c.json/report: cannot be written: "),
        "{}",
        outcome.errors
    );
    assert_eq!(folder.files().len(), 3);
    // What is no file is written to as it is.
    let outcome = folder.velum(&[
        "mask",
        "--profile",
        "pii",
        "in/c.json",
        "--report",
        "--report-to",
        "/dev/null",
    ]);
    assert_eq!((outcome.code, outcome.errors.as_str()), (Some(0), ""));
}
