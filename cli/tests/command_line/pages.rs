//! Help, completions and manual pages, for the whole command line.

use crate::program::{Folder, velum};

/// Every command, as it is written.
const COMMANDS: &[&str] = &[
    "mask",
    "policy",
    "policy check",
    "policy explain",
    "policy test",
    "policy try",
    "profile",
    "profile list",
    "profile show",
    "profile check",
    "profile import-ms",
    "approvals",
    "approvals list",
    "approvals show",
    "approvals watch",
    "approvals approve",
    "approvals deny",
    "approvals take-back",
    "approvals question",
    "approvals revoke",
    "stop",
    "stop everything",
    "stop gateway",
    "stop action",
    "stop principal",
    "stops",
    "resume",
    "emergency",
    "emergency open",
    "emergency list",
    "emergency review",
    "audit",
    "audit tail",
    "audit search",
    "audit export",
    "audit verify",
    "audit prove",
    "audit check-proof",
    "audit check-text",
    "audit evidence",
    "completions",
    "man",
];

#[test]
fn every_command_has_help() {
    for command in COMMANDS {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let outcome = velum(&arguments);
        assert_eq!(outcome.code, Some(0));
        let usage = format!("Usage: velum {command}");
        assert!(outcome.output.contains(&usage), "{}", outcome.output);
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = Folder::new();
    let pages = folder.at("man/man1");
    let outcome = velum(&["man", "--output", &pages]);
    assert_eq!((outcome.code, outcome.errors.as_str()), (Some(0), ""));
    for command in [""].iter().chain(COMMANDS) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let name = [&["velum"], words.as_slice()].concat().join("-");
        let page = folder.read(&format!("man/man1/{name}.1"));
        assert!(page.contains(".SH NAME\n"), "{name}");
        let printed = velum(&[&["man"], words.as_slice()].concat());
        assert_eq!(printed.output, page, "{name}");
    }
    let mask = folder.read("man/man1/velum-mask.1");
    for fragment in ["in\\-place", "Exit codes", "fail\\-fast"] {
        assert!(mask.contains(fragment), "{fragment}: {mask}");
    }
    for (arguments, fragment) in [
        (
            &["man", "velum"][..],
            "no such command: velum; known are: mask, policy, profile",
        ),
        (
            &["man", "policy", "list"],
            "no such command: list; known are: check, explain, try, test",
        ),
        (&["man", "mask", "--output", "x"], "cannot be used with"),
    ] {
        let outcome = velum(arguments);
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.errors.contains(fragment), "{}", outcome.errors);
    }
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = velum(&["completions", shell]);
        assert_eq!(script.code, Some(0));
        for word in [
            "mask",
            "in-place",
            "report-only",
            "profile",
            "import-ms",
            "take-back",
            "principal",
            "unjustified",
            "completions",
            "man",
        ] {
            assert!(script.output.contains(word), "{shell}: {word}");
        }
    }
    let outcome = velum(&["completions", "tcsh"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.errors.contains("elvish"), "{}", outcome.errors);
}
