//! `--ids pseudonym`, and the keys that it needs.

use crate::program::{Folder, Outcome, command, run, velum};

const BODY: &str = r#"{"id":"abc","subject":{"reference":"Patient/abc"},"status":"final"}"#;
/// Under a key of 32 bytes that are all 1.
const MASKED: &str = r#"{"id":"lgiawaajies2yi63bmhdb4","subject":{"reference":"Patient/lgiawaajies2yi63bmhdb4"},"status":"final"}"#;
/// Keys of 32 bytes that are all 1 and all 2.
const ONES: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const TWOS: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("in.json", BODY);
    folder.write("masked.json", MASKED);
    folder.write("ones.key", format!("{ONES}\n"));
    folder.write("twos.key", TWOS);
    folder.write("short.key", "c2hvcnQ=");
    folder
}

#[test]
fn ids_become_pseudonyms_under_a_key_of_a_file_or_variable() {
    let folder = folder();
    let file = folder.velum(&[
        "mask",
        "--ids",
        "pseudonym",
        "--key-file",
        "ones.key",
        "in.json",
    ]);
    assert_eq!(file, Outcome::ok(MASKED));
    let mut with_variable = command(&[
        "mask",
        "--ids=pseudonym",
        "--profile=fhir-r4",
        "--key=VELUM_TEST_KEY",
        &folder.at("in.json"),
    ]);
    with_variable.env("VELUM_TEST_KEY", ONES);
    assert_eq!(run(with_variable, ""), Outcome::ok(MASKED));
    // The first key writes, the others know their own again.
    let both = [
        "mask",
        "--ids=pseudonym",
        "--key-file=twos.key",
        "--key-file=ones.key",
    ];
    assert_eq!(
        folder.velum(&[&both[..], &["masked.json"]].concat()),
        Outcome::ok(MASKED)
    );
    let other = folder.velum(&[&both[..], &["in.json"]].concat());
    assert!(other.code == Some(0) && other.output != MASKED && !other.output.contains("abc"));
    let kept = folder.velum(&["mask", "--ids", "keep", "in.json"]);
    assert_eq!(kept, Outcome::ok(BODY));
}

#[test]
fn a_policy_says_it_itself() {
    let folder = folder();
    let policy = folder.write(
        "policy.yaml",
        "version: 1\nmasking:\n  profiles: [fhir-r4]\n  ids: pseudonym\n  keys: [{id: k1, environment: VELUM_TEST_KEY}]\n",
    );
    let file = folder.at("in.json");
    let mut masking = command(&["mask", "--policy", &policy, &file]);
    masking.env("VELUM_TEST_KEY", ONES);
    assert_eq!(run(masking, ""), Outcome::ok(MASKED));
    for option in [
        &["--ids", "pseudonym"][..],
        &["--key", "VELUM_TEST_KEY"],
        &["--key-file", "ones.key"],
    ] {
        let outcome = velum(&[&["mask", "--policy", &policy, &file], option].concat());
        assert_eq!(outcome.code, Some(2), "{option:?}");
        assert!(
            outcome.errors.contains("cannot be used with"),
            "{}",
            outcome.errors
        );
    }
}

#[test]
fn keys_reach_the_profiles_of_files_too() {
    let folder = folder();
    folder.write(
        "ours.json",
        r#"{"profile": "ours", "version": 1, "about": "", "rules": [{"class": "identifier", "at": ["status"], "operator": "token"}]}"#,
    );
    let out = folder.velum(&[
        "mask",
        "--profile=./ours.json",
        "--key-file=ones.key",
        "in.json",
    ]);
    assert_eq!(out.code, Some(0), "{}", out.errors);
    assert!(
        !out.output.contains("final") && !out.output.contains("masked"),
        "{}",
        out.output
    );
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_read() {
    let folder = folder();
    let ids = "--ids=pseudonym";
    for (options, fragment) in [
        (&["--ids=token"][..], "known: keep, pseudonym"),
        (
            &[ids],
            "--ids pseudonym needs a key: name one by --key-file or --key",
        ),
        (
            &[ids, "--key-file=ones.key", "--profile=pii"],
            "--ids pseudonym has no effect: no profile here has rules about ids",
        ),
        (&["--key-file=ones.key"], "no key is needed"),
        (&[ids, "--key-file=none.key"], "none.key: cannot be read"),
        (
            &[ids, "--key-file=short.key"],
            "short.key: must hold at least 32 random bytes in base64",
        ),
        (
            &[ids, "--key=VELUM_TEST_NONE"],
            "the variable VELUM_TEST_NONE must hold",
        ),
        (
            &[ids, "--key=A", "--key-file=ones.key"],
            "cannot be used with",
        ),
        (
            &[ids, "--key-file=ones.key", "--key-file=ones.key"],
            "its id is that of another key too",
        ),
    ] {
        let outcome = folder.velum(&[&["mask", "in.json"], options].concat());
        assert_eq!(
            (outcome.code, outcome.output.as_str()),
            (Some(2), ""),
            "{options:?}"
        );
        assert!(outcome.errors.contains(fragment), "{}", outcome.errors);
        assert!(!outcome.errors.contains("c2hvcnQ"), "{}", outcome.errors);
    }
}
