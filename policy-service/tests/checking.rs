//! `check-config`, `make-keys` and `--help`, as they are typed.

use std::path::Path;
use std::process::{Command, Output};

use velum_harness::Authority;

const POLICY: &str = include_str!("data/policy.yaml");
const CONFIGURATION: &str = include_str!("data/policy-service.toml");

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (status.code(), text)
}

fn check(folder: &Path, configuration: &str) -> (Option<i32>, String) {
    std::fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let file = folder.join("service.toml");
    std::fs::write(&file, configuration).unwrap();
    run(&["check-config", "--config", file.to_str().unwrap()])
}

/// Everyone has a token.
fn complete() -> String {
    let mut number = 0;
    let mut lines = Vec::new();
    let mut is_caller = false;
    for line in CONFIGURATION.lines() {
        lines.push(line.to_owned());
        if is_caller {
            number += 1;
            lines.push(format!("token_sha256 = \"{number:064x}\""));
        }
        is_caller = line == "[[reviewers]]" || line == "[[gateways]]";
    }
    lines.join("\n")
}

#[test]
fn a_good_configuration_is_told_in_short_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = check(folder.path(), &complete());
    assert_eq!(code, Some(0), "{text}");
    for line in [
        "listens: 127.0.0.1:0 (plain text)",
        "public key: is made at the first start",
        "reviewers: 4, gateways: 2, auditors: 0",
        "actions: purge, read",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    let keys = folder.path().join("velum-data");
    let (code, made) = run(&["make-keys", "--folder", keys.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{made}");
    let (_, text) = check(folder.path(), &complete());
    assert!(
        text.contains(&format!("public key: {}", made.trim())),
        "{text}"
    );
}

#[test]
fn every_fault_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new().unwrap();
    let certificate = authority.server().unwrap();
    std::fs::write(folder.path().join("a.pem"), &certificate.certificate).unwrap();
    let configuration = CONFIGURATION.replace(
        "[lifetimes]",
        "[tls]\ncertificate = \"a.pem\"\nkey = \"b.key\"\n\n[lifetimes]",
    );
    let (code, text) = check(folder.path(), &configuration);
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(text.lines().count(), 7, "{text}");
    for expected in [
        "tls.key (",
        "gateways: `edge` has neither",
        "reviewers: `grace` has no token_sha256",
    ] {
        let place = format!("service.toml: {expected}");
        assert!(text.contains(&place), "{expected} in {text}");
    }
    let auditor = "\n[[people]]\nid = \"ivy\"\n\n[[auditors]]\nperson = \"ivy\"\n";
    let (code, text) = check(folder.path(), &(complete() + auditor));
    assert_eq!(code, Some(1), "{text}");
    let fault = "service.toml: auditors: `ivy` has no token_sha256";
    assert!(text.contains(fault), "{text}");
    let configuration = complete()
        .replace("pending = \"15m\"", "pending = \"0s\"")
        .replace("listen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:0\"");
    let (code, text) = check(folder.path(), &configuration);
    assert_eq!((code, text.lines().count()), (Some(1), 2), "{text}");
}

#[test]
fn a_log_whose_heads_go_nowhere_is_warned_of_and_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = check(folder.path(), &complete());
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("warning: audit.anchors: there are none"),
        "{text}"
    );
    assert!(
        text.contains("warning: audit: nothing is asked at a start how far the log was"),
        "{text}"
    );
    let heads = "\n[[audit.anchors]]\nname = \"vault\"\nkind = \"file\"\npath = \"heads\"\n";
    let (code, text) = check(folder.path(), &(complete() + heads));
    // One there is, and it is asked; but it goes with the data.
    let warnings: Vec<_> = text
        .lines()
        .filter(|line| line.contains("warning"))
        .collect();
    assert_eq!((code, warnings.len()), (Some(0), 1), "{text}");
    let beside = "warning: audit: anchor vault is on the same volume as data";
    assert!(warnings[0].starts_with(beside), "{text}");
    assert!(!folder.path().join("heads").exists());
    let webhook = "\n[[audit.anchors]]\nname = \"siem\"\nkind = \"webhook\"\n\
                   url = \"https://siem.example\"\nsecret = \"none\"\n";
    let (code, text) = check(folder.path(), &(complete() + webhook));
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("service.toml: audit.anchors `siem`: secret ("),
        "{text}"
    );
    let anchored = complete().replacen("quorum = 1", "quorum = 1\nrelease = \"anchored\"", 1);
    let (code, text) = check(folder.path(), &anchored);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("actions.read.release: nothing could ever be released"),
        "{text}"
    );
}

#[test]
fn an_endpoint_that_cannot_be_told_is_a_fault_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let table = |url: &str| {
        let table =
            format!("\n[[webhooks]]\nname = \"desk\"\nurl = \"{url}\"\nsecret = \"none\"\n");
        check(folder.path(), &(complete() + &table))
    };
    for (url, expected) in [
        ("https://desk.example", "webhooks `desk`: secret ("),
        (
            "https://10.0.0.7",
            "webhooks[0].url: it is in a private network",
        ),
        ("http://desk.example", "webhooks[0].url: https://"),
    ] {
        let (code, text) = table(url);
        assert_eq!(code, Some(1), "{text}");
        let place = format!("service.toml: {expected}");
        assert!(text.contains(&place), "{expected} in {text}");
    }
}

#[test]
fn keys_are_made_once_and_a_signing_key_can_be_made_beside_an_old_fingerprint_key() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let keys = folder.path().join(name);
        let (code, text) = run(&["make-keys", "--folder", keys.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{text}");
        text.trim().to_owned()
    };
    let first = make("first");
    assert_eq!(make("first"), first, "made anew");
    let kept = folder.path().join("first/fingerprint.key");
    let next = folder.path().join("next");
    std::fs::create_dir(&next).unwrap();
    std::fs::set_permissions(&next, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::copy(&kept, next.join("fingerprint.key")).unwrap();
    assert_ne!(make("next"), first);
    let same = std::fs::read(next.join("fingerprint.key")).unwrap();
    assert_eq!(same, std::fs::read(&kept).unwrap());
}

#[test]
fn help_tells_of_every_command_and_signal() {
    let (_, text) = run(&["--help"]);
    for part in [
        "check-config",
        "make-keys",
        "migrate-store",
        "store-check",
        "--config",
        "--try",
        "SIGHUP",
        "SIGTERM",
        "RUST_LOG",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    for command in ["check-config", "make-keys", "migrate-store", "store-check"] {
        let (code, text) = run(&[command, "--help"]);
        assert_eq!(code, Some(0));
        assert!(text.contains("Usage: velum-policy-service"), "{text}");
    }
}
