//! `velum mask`, as a program.

mod compression;
mod ids;
mod inputs;
mod looking;
mod output;
mod report;
mod running;

use std::io::{Read, Write};
use std::process::Stdio;

use crate::program::{self, Folder, Outcome, velum};

#[test]
fn a_file_or_standard_input_is_masked() {
    let folder = Folder::new();
    let file = folder.write("patient.json", r#"{"id": "1", "ssn": "123-45-6789"}"#);
    let masked = r#"{"id": "1", "ssn": "[masked:ssn]"}"#;
    assert_eq!(velum(&["mask", &file]), Outcome::ok(masked));
    assert_eq!(
        program::with_input(&["mask"], r#"{"id": "1", "ssn": "123-45-6789"}"#),
        Outcome::ok(masked)
    );
    assert_eq!(
        program::with_input(&["mask", "-"], r#"{"id": "1", "ssn": "123-45-6789"}"#),
        Outcome::ok(masked)
    );
}

#[test]
fn a_policy_or_profiles_say_what_is_masked() {
    let folder = Folder::new();
    let file = folder.write(
        "a.json",
        r#"{"colour": "red", "password": "x", "mail": "a@b.example"}"#,
    );
    let policy = folder.write(
        "policy.yaml",
        "version: 1\nmasking:\n  rules:\n  - {key: colour, class: other}\n",
    );
    for (arguments, masked) in [
        (
            &["--policy", &policy][..],
            r#"{"colour": "[masked:other]", "password": "x", "mail": "a@b.example"}"#,
        ),
        (
            &["--profile", "credentials"],
            r#"{"colour": "red", "password": "[masked:credential]", "mail": "a@b.example"}"#,
        ),
        (
            &["--profile", "credentials", "--profile", "pii"],
            r#"{"colour": "red", "password": "[masked:credential]", "mail": "[masked:email]"}"#,
        ),
    ] {
        assert_eq!(
            velum(&[&["mask"], arguments, &[&file]].concat()),
            Outcome::ok(masked),
            "{arguments:?}"
        );
    }
}

#[test]
fn lines_are_told_by_the_option_or_by_the_files_name() {
    let folder = Folder::new();
    let lines = "{\"ssn\":\"123-45-6789\"}\n{\"ssn\":\"123-45-6789\"}\n";
    let masked = "{\"ssn\":\"[masked:ssn]\"}\n{\"ssn\":\"[masked:ssn]\"}\n";
    for name in ["a.ndjson", "a.jsonl"] {
        assert_eq!(
            velum(&["mask", &folder.write(name, lines)]),
            Outcome::ok(masked)
        );
    }
    let file = folder.write("a.json", lines);
    assert_eq!(
        velum(&["mask", "--framing", "ndjson", &file]),
        Outcome::ok(masked)
    );
    let refused = velum(&["mask", &file]);
    assert_eq!((refused.code, refused.output.as_str()), (Some(3), ""));
    assert!(refused.errors.contains("at byte 22"), "{}", refused.errors);
}

/// Nothing after the fault leaves, and the fault has its file, its byte and its limit.
#[test]
fn faulty_input_is_named_and_not_passed_on() {
    let folder = Folder::new();
    let limits = folder.write(
        "policy.yaml",
        "version: 1\nmasking: {profiles: [pii]}\nlimits: {depth: 8, token_bytes: 1024}\n",
    );
    let long = format!("{{\"{}\": 1}}", "k".repeat(5000));
    let deep = "[".repeat(20);
    for (content, fragment) in [
        (r#"{"ssn": "123-45-6789", x}"#, "invalid JSON at byte 23"),
        (r#"{"ssn": "123-45-6789""#, "ends too early"),
        ("", "ends too early"),
        (deep.as_str(), "deeper than limits.depth (8) at byte 8"),
        (long.as_str(), "longer than limits.token_bytes (1024)"),
    ] {
        let file = folder.write("faulty.json", content);
        let outcome = velum(&["mask", "--policy", &limits, &file]);
        assert_eq!(outcome.code, Some(3), "{content}");
        assert!(
            outcome.errors.contains(fragment) && outcome.errors.contains("faulty.json: "),
            "{}",
            outcome.errors
        );
        assert!(!outcome.output.contains("123-45") && !outcome.errors.contains("123-45"));
    }
}

#[test]
fn a_limit_of_the_command_line_counts() {
    let folder = Folder::new();
    let file = folder.write("deep.json", "[".repeat(40));
    let outcome = velum(&["mask", "--limit", "depth=20", "--limit", "keys=2000", &file]);
    assert_eq!(outcome.code, Some(3));
    assert!(
        outcome
            .errors
            .contains("deeper than limits.depth (20) at byte 20"),
        "{}",
        outcome.errors
    );
    for (limit, fragment) in [
        ("depth=2", "from 8 to 1024"),
        ("depth=x", "from 8 to 1024"),
        ("depth", "known limits: depth, token_bytes"),
        ("held_body=5000", "known limits: depth, token_bytes"),
    ] {
        let outcome = velum(&["mask", "--limit", limit, &file]);
        assert_eq!(outcome.code, Some(2), "{limit}");
        assert!(outcome.errors.contains(fragment), "{}", outcome.errors);
    }
}

#[test]
fn what_cannot_be_read_or_is_called_wrongly() {
    let folder = Folder::new();
    let policy = folder.write("policy.yaml", "version: 1\nmasking: {profile: [pii]}\n");
    for (arguments, code, fragment) in [
        (
            &["mask", "/nonexistent.json"][..],
            3,
            "/nonexistent.json: cannot be read",
        ),
        (
            &["mask", "--policy", "/nonexistent.yaml"],
            2,
            "/nonexistent.yaml: cannot be read",
        ),
        (
            &["mask", "--policy", &policy],
            2,
            "policy.yaml: /masking/profile: unknown key",
        ),
        (
            &["mask", "--profile", "hippa"],
            2,
            "known profiles: hipaa-safe-harbor",
        ),
        (
            &["mask", "--policy", &policy, "--profile", "pii"],
            2,
            "cannot be used with",
        ),
        (&[], 2, "Usage"),
    ] {
        let outcome = velum(arguments);
        assert_eq!(outcome.code, Some(code), "{arguments:?}");
        assert!(
            outcome.errors.contains(fragment),
            "{arguments:?}: {}",
            outcome.errors
        );
        assert_eq!(outcome.output, "");
    }
}

#[test]
fn events_are_masked_each_on_its_own() {
    let events = "id: 1\ndata: {\"ssn\":\ndata: \"123-45-6789\"}\n\n: note\ndata: [DONE]\n\n";
    let masked = "id: 1\ndata: {\"ssn\":\ndata: \"[masked:ssn]\"}\n\n:\ndata: [DONE]\n\n";
    assert_eq!(
        program::with_input(&["mask", "--framing", "events"], events),
        Outcome::ok(masked)
    );
    let refused = program::with_input(&["mask", "--framing", "events"], "data: {\"ssn\":\n\n");
    assert_eq!(refused.code, Some(3));
    assert!(refused.errors.contains("at byte 13"), "{}", refused.errors);
    let unknown = velum(&["mask", "--framing", "xml"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.errors.contains("json-seq"), "{}", unknown.errors);
}

#[test]
fn sequences_and_texts_one_after_the_other() {
    let folder = Folder::new();
    let sequence = "\u{1E}{\"ssn\":\"123-45-6789\"}\n\u{1E}7\n";
    let file = folder.write("a.json-seq", sequence);
    let masked = "\u{1E}{\"ssn\":\"[masked:ssn]\"}\n\u{1E}7\n";
    assert_eq!(velum(&["mask", &file]), Outcome::ok(masked));
    let texts = sequence.replace('\u{1E}', "");
    assert_eq!(
        program::with_input(&["mask", "--framing", "concatenated"], &texts),
        Outcome::ok(&masked.replace('\u{1E}', ""))
    );
    let refused = program::with_input(&["mask"], &texts);
    assert_eq!(refused.code, Some(3), "a second text");
}

/// A line is out before the next one is in.
#[test]
fn output_is_streamed() {
    let mut child = program::command(&["mask", "--framing", "ndjson"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    for _ in 0..3 {
        input.write_all(b"{\"ssn\":\"123-45-6789\"}\n").unwrap();
        input.flush().unwrap();
        let mut line = [0; "{\"ssn\":\"[masked:ssn]\"}".len()];
        output.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"{\"ssn\":\"[masked:ssn]\"}");
        // The line's end comes with it or with the next line.
        let mut end = [0; 1];
        output.read_exact(&mut end).unwrap();
        assert_eq!(&end, b"\n");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_closed_pipe_ends_it_without_noise() {
    let mut child = program::command(&["mask", "--framing", "ndjson"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    // The program may be gone before all is written.
    let _ = input.write_all(&b"{\"a\":1}\n".repeat(100_000));
    drop(input);
    let outcome = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&outcome.stderr), "");
    assert_eq!(outcome.status.code(), Some(3));
}

#[test]
fn keyed_operators_take_their_keys_from_the_environment() {
    let folder = Folder::new();
    let policy = folder.write(
        "policy.yaml",
        "version: 1\nmasking:\n  keys: [{id: k1, environment: VELUM_TEST_KEY}]\n  rules:\n  \
         - {key: mrn, class: mrn, operator: {token: {prefix: MRN-}}}\n",
    );
    let file = folder.write("a.json", r#"["x",{"mrn":"12"}]"#);
    let run_with = |key: Option<&str>| {
        let mut command = program::command(&["mask", "--policy", &policy, &file]);
        command.env_remove("VELUM_TEST_KEY");
        if let Some(key) = key {
            command.env("VELUM_TEST_KEY", key);
        }
        program::run(command, "")
    };
    let missing = run_with(None);
    assert_eq!((missing.code, missing.output.as_str()), (Some(2), ""));
    let expected = "/masking/keys/0: the environment variable VELUM_TEST_KEY is not set";
    assert!(missing.errors.contains(expected), "{}", missing.errors);
    let masked = run_with(Some("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="));
    assert_eq!(
        masked,
        Outcome::ok(r#"["x",{"mrn":"MRN-dzcniiylz3vrlcol5s2fx2"}]"#)
    );
}
