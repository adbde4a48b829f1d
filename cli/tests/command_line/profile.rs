//! `velum profile`, and profiles in files for `velum mask`.

use serde_json::{Value, json};

use crate::program::{Folder, Outcome, velum, with_input};

const BADGES: &str = r#"{"profile": "badges", "version": 2, "about": "Ours.",
    "rules": [{"class": "identifier", "keys": ["badge"]}], "detectors": ["email"]}"#;

#[test]
fn profiles_are_listed() {
    let listed = velum(&["profile", "list"]);
    assert_eq!((listed.code, listed.errors.as_str()), (Some(0), ""));
    let names: Vec<&str> = listed
        .output
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let all = [
        "hipaa-safe-harbor",
        "hipaa-limited-data-set",
        "fhir-r4",
        "credentials",
        "pii",
    ];
    assert_eq!(names, all);
    let machine = velum(&["profile", "list", "--json"]);
    let value: Value = serde_json::from_str(&machine.output).unwrap();
    for (profile, name) in value.as_array().unwrap().iter().zip(all) {
        assert_eq!(profile["profile"], name);
        assert!(profile["version"].as_u64() >= Some(1));
        assert!(profile["about"].as_str().unwrap().len() > 20);
    }
}

#[test]
fn a_shipped_profile_is_printed_as_it_is_and_can_be_changed() {
    let shown = velum(&["profile", "show", "pii"]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/profiles/pii.json");
    assert_eq!(shown, Outcome::ok(&std::fs::read_to_string(file).unwrap()));
    let folder = Folder::new();
    let copy = folder.write("copy.json", &shown.output);
    let refused = velum(&["profile", "check", &copy]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused
            .output
            .contains("/profile: is the name of a shipped")
    );
    let own = shown
        .output
        .replace("\"profile\": \"pii\"", "\"profile\": \"own\"");
    let own = folder.write("own.json", own);
    assert_eq!(velum(&["profile", "check", &own]).code, Some(0));
    let body = r#"{"first_name":"Ada","other":1}"#;
    let by_copy = with_input(&["mask", "--profile", &own], body);
    assert_eq!(by_copy, with_input(&["mask", "--profile", "pii"], body));
}

#[test]
fn names_that_are_not_known_lead_to_near_ones() {
    for (arguments, near) in [
        (
            &["profile", "show", "fhir-r5"][..],
            "similar value exists: 'fhir-r4'",
        ),
        (&["mask", "--profile", "fhir"], "did you mean fhir-r4?"),
        (
            &["mask", "--profile", "x"],
            "known profiles: hipaa-safe-harbor",
        ),
        (&["profile", "shov"], "'show'"),
    ] {
        let outcome = velum(arguments);
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.errors.contains(near), "{}", outcome.errors);
    }
}

#[test]
fn profiles_are_checked() {
    let folder = Folder::new();
    let good = folder.write("good.json", BADGES);
    let yaml = folder.write(
        "good.yaml",
        "profile: y\nversion: 1\nabout: Ours.\nrules: [{class: date, at: [a.b], operator: {date_shift: {days: 9}}}]\n",
    );
    let bad = folder.write(
        "bad.json",
        BADGES.replace("\"keys\"", "\"operator\": \"blur\", \"keys\""),
    );
    let twice = folder.write("twice.yaml", "profile: y\nprofile: z\n");
    let outcome = velum(&["profile", "check", &good, &yaml, &bad, &twice]);
    assert_eq!(outcome.code, Some(1));
    let lines: Vec<&str> = outcome.output.lines().collect();
    assert_eq!(
        lines[..2],
        [
            format!("{good}: ok, badges version 2, 1 rule, 1 detector"),
            format!("{yaml}: ok, y version 1, 1 rule, 0 detectors, needs a key"),
        ]
    );
    assert!(lines[2].starts_with(&format!("{bad}: /rules/0/operator: unknown word")));
    assert!(lines[3].starts_with(&format!("{twice}: /profile: duplicate key")));
    let machine = velum(&["profile", "check", "--json", &good, &bad]);
    let value: Value = serde_json::from_str(&machine.output).unwrap();
    let expected = json!({
        "file": good, "ok": true, "profile": "badges", "version": 2, "rules": 1, "detectors": 1,
        "needs_key": false
    });
    assert_eq!(value[0], expected);
    assert_eq!(
        (&value[1]["ok"], &value[1]["pointer"]),
        (&json!(false), &json!("/rules/0/operator"))
    );
    assert_eq!(velum(&["profile", "check", "/nowhere.json"]).code, Some(1));
    assert_eq!(velum(&["profile", "check"]).code, Some(2));
}

#[test]
fn files_mask_beside_shipped_profiles() {
    let folder = Folder::new();
    folder.write("badges.json", BADGES);
    folder.write(
        "in.json",
        r#"{"badge":7,"password":"p","note":"a@b.example"}"#,
    );
    let masked = folder.velum(&[
        "mask",
        "in.json",
        "--profile",
        "badges.json",
        "--profile",
        "credentials",
    ]);
    let expected = r#"{"badge":"[masked:identifier]","password":"[masked:credential]","note":"[masked:email]"}"#;
    assert_eq!(masked, Outcome::ok(expected));
}

#[test]
fn profiles_that_cannot_be_used_are_refused_before_anything_is_read() {
    let folder = Folder::new();
    folder.write("in.json", "{}");
    folder.write("bad.json", BADGES.replace("rules", "rulez"));
    folder.write(
        "keyed.json",
        BADGES.replace("\"keys\"", "\"operator\": \"token\", \"keys\""),
    );
    for (profiles, fragment) in [
        (
            &["bad.json"][..],
            "bad.json: the document: unknown field `rulez`",
        ),
        (&["keyed.json"], "keyed.json: its operators need a key"),
        (&["./none"], "./none: cannot be read"),
        (&["pii", "pii"], "is listed twice"),
        (
            &["hipaa-limited-data-set", "hipaa-safe-harbor"],
            "contradict each other",
        ),
    ] {
        let mut arguments = vec!["mask", "in.json"];
        arguments.extend(profiles.iter().flat_map(|name| ["--profile", *name]));
        let outcome = folder.velum(&arguments);
        assert_eq!((outcome.code, outcome.output.as_str()), (Some(2), ""));
        assert!(outcome.errors.contains(fragment), "{}", outcome.errors);
    }
}
