//! `--check` and `--report-only`: where, and nothing is written.

use crate::program::{self, Folder, Outcome, velum};

#[test]
fn report_only_says_where_and_shows_no_value() {
    let folder = Folder::new();
    let body = r#"{"a":[{"ssn":"123-45-6789"},"x@y.example"],"b\nc":{"phone":"555-0123"}}"#;
    let file = folder.write("body.json", body);
    let lines = [
        ["0", "/a/0/ssn", "ssn", "pii keys: ssn"],
        ["0", "/a/1", "email", "detector: email"],
        ["0", "/b\\nc/phone", "phone", "pii keys: phone"],
    ];
    let lines = lines.map(|line| format!("{file}\t{}\n", line.join("\t")));
    assert_eq!(
        velum(&["mask", "--profile", "pii", "--report-only", &file]),
        Outcome::ok(&lines.concat())
    );
    let json = velum(&["mask", "--profile", "pii", "--report-only", "--json", &file]);
    assert_eq!(json.code, Some(0));
    let first: serde_json::Value =
        serde_json::from_str(json.output.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["pointer"], &first["text"], &first["rule"]),
        (&"/a/0/ssn".into(), &0.into(), &"pii keys: ssn".into())
    );
    assert!(!json.output.contains("123-45") && !json.output.contains("x@y"));
    assert_eq!(velum(&["mask", "--json", &file]).code, Some(2));
}

/// The same findings, and a code that says whether there are any.
#[test]
fn check_finds_what_report_only_finds_and_fails() {
    let folder = Folder::new();
    let texts = "{\"ssn\":\"123-45-6789\"}\n{\"a\":1}\n{\"b\":[\"x@y.example\"]}\n";
    folder.write("found.ndjson", texts);
    folder.write("clean.json", r#"{"a":"[masked:ssn]","id":7}"#);
    let lines = "found.ndjson\t0\t/ssn\tssn\tpii keys: ssn\n\
                 found.ndjson\t2\t/b/0\temail\tdetector: email\n";
    for (arguments, code, output) in [
        (&["--report-only", "found.ndjson"][..], 0, lines),
        (&["--check", "found.ndjson"], 1, lines),
        (&["--check", "--report-only", "found.ndjson"], 1, lines),
        (&["--check", "clean.json", "found.ndjson"], 1, lines),
        (&["--check", "--quiet", "found.ndjson"], 1, ""),
        (&["--check", "clean.json"], 0, ""),
        (&["--check", "--quiet", "clean.json"], 0, ""),
        // One file, however often it is named.
        (
            &["--check", "found.ndjson", "./found.ndjson", "*.ndjson"],
            1,
            lines,
        ),
    ] {
        let outcome = folder.velum(&[&["mask", "--profile", "pii"], arguments].concat());
        assert_eq!(
            outcome.code,
            Some(code),
            "{arguments:?}: {}",
            outcome.errors
        );
        assert_eq!(
            (outcome.output.as_str(), outcome.errors.as_str()),
            (output, "")
        );
    }
    assert_eq!(folder.read("found.ndjson"), texts);
    assert_eq!(folder.files(), ["clean.json", "found.ndjson"]);
}

/// Whoever could not look at all does not say that there is nothing.
#[test]
fn an_input_that_fails_counts_more_than_one_with_findings() {
    let folder = Folder::new();
    folder.write("a.json", r#"{"ssn":"123-45-6789"}"#);
    folder.write("b.json", r#"{"ssn":"123-45-6789",}"#);
    let outcome = folder.velum(&["mask", "--check", "--profile", "pii", "."]);
    assert_eq!(outcome.code, Some(3));
    // What was found before the fault is told.
    assert_eq!(
        outcome.output,
        "./a.json\t0\t/ssn\tssn\tpii keys: ssn\n./b.json\t0\t/ssn\tssn\tpii keys: ssn\n"
    );
    assert_eq!(
        outcome.errors,
        "velum: ./b.json: invalid JSON at byte 21\nvelum: 1 of 2 inputs failed\n"
    );
}

#[test]
fn standard_input_is_checked_too() {
    let body = r#"{"ssn":"123-45-6789"}"#;
    let outcome = program::with_input(&["mask", "--check", "--json", "--profile", "pii"], body);
    assert_eq!(outcome.code, Some(1));
    let finding: serde_json::Value = serde_json::from_str(&outcome.output).unwrap();
    assert_eq!(
        finding,
        serde_json::json!({
            "file": "-", "text": 0, "pointer": "/ssn", "class": "ssn", "rule": "pii keys: ssn",
        })
    );
}

#[test]
fn a_file_name_cannot_forge_a_finding() {
    let folder = Folder::new();
    folder.write("a\t0\n.json", r#"{"ssn":"123-45-6789"}"#);
    let outcome = folder.velum(&["mask", "--check", "--profile", "pii", "*"]);
    assert_eq!(
        outcome.output,
        "a\\u{9}0\\u{a}.json\t0\t/ssn\tssn\tpii keys: ssn\n"
    );
}

#[test]
fn what_has_been_masked_is_found_no_more() {
    let folder = Folder::new();
    folder.write(
        "a.json",
        r#"{"ssn":"123-45-6789","birthDate":"1980-02-03","note":"call 212-555-0123","ZIP":"02139",
            "name":[{"family":"Lee"}],"born":"1970"}"#,
    );
    let profiles = ["--profile", "hipaa-safe-harbor", "--profile", "fhir-r4"];
    let mask = |option: &str| folder.velum(&[&["mask", option, "a.json"], &profiles[..]].concat());
    assert_eq!(mask("--check").code, Some(1));
    assert_eq!(mask("--in-place").code, Some(0));
    let outcome = mask("--check");
    assert_eq!((outcome.code, outcome.output.as_str()), (Some(0), ""));
}
