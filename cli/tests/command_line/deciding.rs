//! `velum approvals`, as a program, against a real service.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

use crate::desk::Desk;

/// The line of what `show` and the decisions print that begins so.
fn line<'o>(output: &'o str, name: &str) -> &'o str {
    let found = output
        .lines()
        .find(|line| line.split("  ").next() == Some(name));
    let found = found.unwrap_or_else(|| panic!("no {name}:\n{output}"));
    found[name.len()..].trim_start()
}

#[test]
fn an_approval_of_less_is_shown_with_its_receipt() {
    let desk = Desk::open();
    let ask = desk.ask(1);
    let id = desk.pending(&ask);
    let listed = desk.ok("grace", &["approvals", "list"]);
    let row = listed.lines().nth(1).unwrap();
    for part in [
        &*id,
        "in 14 min",
        "read",
        "name,date",
        "0/1",
        "triage-bot",
        "GET /Patient/{…}",
    ] {
        assert!(row.contains(part), "{part}: {row}");
    }
    let arguments = [
        "approvals",
        "approve",
        &id,
        "--classes",
        "name",
        "--rules",
        "ward",
        "--records",
        "10",
        "--bytes",
        "1MB",
        "--for",
        "2m",
        "--comment",
        "known\u{202e} to me",
    ];
    let approved = desk.ok("grace", &arguments);
    assert_eq!(line(&approved, "state"), "approved, version 2");
    let scope = "name; rules ward; 10 records; 1000000 bytes";
    assert_eq!(line(&approved, "granted"), format!("{scope}; 1 use(s)"));
    assert!(
        line(&approved, "usable until").ends_with("(in 1 min)"),
        "{approved}"
    );
    let vote = line(&approved, "vote");
    assert!(
        vote.starts_with(&format!("approve by grace for {scope}; for 120 s, ")),
        "{vote}"
    );
    assert!(vote.ends_with(": known\\u{202e} to me"), "{vote}");
    assert_eq!(line(&approved, "reason"), "summary\\u{202e}");
    assert_eq!(line(&approved, "rules"), "ward");

    assert_eq!(desk.check(&ask)["decision"], "allow");
    let shown = desk.ok("grace", &["approvals", "show", &id]);
    assert!(
        line(&shown, "used").starts_with("through edge at "),
        "{shown}"
    );
    assert!(
        line(&shown, "used").contains("approved by grace, record "),
        "{shown}"
    );
    assert_eq!(line(&shown, "released"), "the gateway has not said what");
    let outcome = json!({
        "approval": id, "use_key": ask["use_key"], "status": 200, "records": 3, "bytes": 900,
        "lifted": {"name": 3}, "masked": {"date": 2}, "drift": {"name": 1}, "end": "complete",
    });
    desk.call("/v1/outcomes", &outcome);
    let shown = desk.ok("grace", &["approvals", "show", &id]);
    assert_eq!(
        line(&shown, "released"),
        "name 3; 3 record(s), 900 bytes, status 200, complete"
    );
    assert_eq!(line(&shown, "drift"), "name 1, masked all the same");
    let machine = desk.ok("grace", &["approvals", "list", "--state", "used", "--json"]);
    let card: Value = serde_json::from_str(&machine).unwrap();
    assert_eq!(card["uses"][0]["outcome"]["bytes"], 900);
}

#[test]
fn votes_are_cast_taken_back_questioned_and_refused_by_their_version() {
    let desk = Desk::with("", 2);
    let id = desk.pending(&desk.ask(1));
    let approvals = |arguments: &[&'static str]| [&["approvals"], arguments].concat();
    let of = |verb: &'static str| [&approvals(&[verb])[..], &[&*id]].concat();
    let approved = desk.ok("grace", &of("approve"));
    assert_eq!(line(&approved, "needs"), "2 approval(s)");
    let listed = desk.ok("omar", &approvals(&["list"]));
    assert!(listed.contains("1/2"), "{listed}");
    let stale = [&of("approve")[..], &["--if-version", "1"]].concat();
    let errors = desk.refused("omar", &stale);
    assert!(
        errors.starts_with("velum: stale-version (409): "),
        "{errors}"
    );
    let errors = desk.refused("omar", &of("take-back"));
    assert!(errors.starts_with("velum: no-vote (409): "), "{errors}");
    desk.ok("grace", &of("take-back"));
    let asked = desk.ok(
        "omar",
        &[&of("question")[..], &["--comment", "which ward?"]].concat(),
    );
    assert_eq!(line(&asked, "asked for"), "a better reason");
    let errors = desk.refused("dr-jones", &of("approve"));
    assert!(
        errors.starts_with("velum: self-approval (403): "),
        "{errors}"
    );
    let errors = desk.refused(
        "grace",
        &[&of("approve")[..], &["--rules", "yard"]].concat(),
    );
    assert!(
        errors.starts_with("velum: unknown-rule (400): "),
        "{errors}"
    );
    let denied = desk.ok(
        "omar",
        &[&of("deny")[..], &["--public-reason", "ask the ward"]].concat(),
    );
    assert_eq!(line(&denied, "state"), "denied, version 5");
    assert_eq!(line(&denied, "told"), "ask the ward");
    for wrong in [
        &["--for", "0m"][..],
        &["--for", "5"],
        &["--bytes", "1mb"],
        &["--records", "-1"],
        &["--rules", ""],
    ] {
        let outcome = desk.run("grace", &[&of("approve")[..], wrong].concat());
        assert_eq!(outcome.code, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_grant_is_taken_back() {
    let desk = Desk::open();
    let id = desk.pending(&desk.ask(1));
    let revoke = ["approvals", "revoke", &id, "--comment", "wrong patient"];
    let errors = desk.refused("omar", &revoke);
    assert!(
        errors.starts_with("velum: not-approved (409): "),
        "{errors}"
    );
    desk.ok("grace", &["approvals", "approve", &id]);
    let revoked = desk.ok("omar", &revoke);
    assert_eq!(line(&revoked, "state"), "revoked, version 3");
}

#[test]
fn one_approval_is_watched_until_it_is_decided() {
    let desk = Desk::open();
    for (request, verb, code, state) in [(1, "approve", 0, "approved"), (2, "deny", 3, "denied")] {
        let id = desk.pending(&desk.ask(request));
        let mut command = desk.command("grace", &["approvals", "watch", &id]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        assert!(
            first.starts_with(&format!("{id}  pending     in 14 min   0/1  read")),
            "{first}"
        );
        desk.ok("omar", &["approvals", verb, &id]);
        let decided = Instant::now();
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert!(rest.starts_with(&format!("{id}  {state}")), "{rest}");
        assert_eq!(rest.lines().count(), 1, "{rest}");
        assert!(decided.elapsed() < Duration::from_secs(5));
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn all_that_are_pending_are_watched_as_they_come_and_go() {
    let desk = Desk::open();
    let first = desk.pending(&desk.ask(1));
    let mut command = desk.command("grace", &["approvals", "watch", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || {
        let card: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        [&card["id"], &card["state"]].map(|value| value.as_str().unwrap().to_owned())
    };
    let is = |id: &str, state: &str| [id.to_owned(), state.to_owned()];
    assert_eq!(next(), is(&first, "pending"));
    let second = desk.pending(&desk.ask(2));
    assert_eq!(next(), is(&second, "pending"));
    desk.ok("omar", &["approvals", "deny", &first]);
    assert_eq!(next(), is(&first, "denied"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn on_a_terminal_it_shows_what_it_would_approve_and_asks() {
    let desk = Desk::open();
    for (request, typed, code, state) in [(1, "n\n", 1, "pending"), (2, "y\n", 0, "approved")] {
        let id = desk.pending(&desk.ask(request));
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new())
            .unwrap()
            .into_string()
            .unwrap();
        let side = || File::options().read(true).write(true).open(&name).unwrap();
        let arguments = [
            "approvals",
            "approve",
            &id,
            "--classes",
            "name",
            "--records",
            "1",
        ];
        let mut command = desk.command("grace", &arguments);
        command.stdin(side()).stderr(side()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // This program's ends of the other side, so that reading ends with the child.
        drop(command);
        let mut terminal = File::from(terminal);
        let mut reading = terminal.try_clone().unwrap();
        let (sender, asked) = std::sync::mpsc::channel();
        let reader = thread::spawn(move || {
            let mut shown = String::new();
            let mut bytes = [0; 1024];
            // A terminal whose other side is closed fails to be read.
            while let Ok(length @ 1..) = reading.read(&mut bytes) {
                shown += &String::from_utf8_lossy(&bytes[..length]);
                if shown.contains("[y/N] ") {
                    let _ = sender.send(());
                }
            }
            shown
        });
        asked.recv_timeout(Duration::from_secs(10)).unwrap();
        terminal.write_all(typed.as_bytes()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let shown = reader.join().unwrap();
        let question = "Approve name, 1 record(s) at most for triage-bot? [y/N] ";
        assert!(shown.contains(question), "{shown}");
        assert!(shown.contains("reason        summary\\u{202e}"), "{shown}");
        assert_eq!(shown.contains("nothing was approved"), code == 1);
        let card = desk.ok("grace", &["approvals", "show", &id, "--json"]);
        let card: Value = serde_json::from_str(&card).unwrap();
        assert_eq!(card["state"], state);
    }
}
