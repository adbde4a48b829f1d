//! `velum stop`, `velum stops`, `velum resume` and `velum emergency`, against a real service.

use serde_json::Value;

use crate::desk::Desk;

const EMERGENCY: &str =
    "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";

/// The first cell of the last row.
fn id(table: &str) -> String {
    let row = table.lines().last().unwrap();
    row.split("  ").next().unwrap().to_owned()
}

#[test]
fn everything_is_stopped_and_another_person_resumes() {
    let desk = Desk::open();
    let begun = desk.ok(
        "grace",
        &["stop", "everything", "--comment", "token leaked", "--wait"],
    );
    let row = begun.lines().nth(1).unwrap();
    // A service that has just started does not know who has a lease from before.
    for part in [
        " s ago",
        "everything",
        "grace",
        "yes, after 10000 ms in 0 worker(s)",
        "token leaked",
    ] {
        assert!(row.contains(part), "{part}: {row}");
    }
    assert_eq!(desk.check(&desk.ask(1))["code"], "stopped");
    assert_eq!(desk.ok("omar", &["stops"]).lines().count(), 2);
    let stop = id(&begun);
    let errors = desk.refused("grace", &["resume", &stop]);
    assert!(errors.starts_with("velum: same-person (403): "), "{errors}");
    let resumed = desk.ok("omar", &["resume", &stop]);
    assert!(resumed.contains("no, resumed by omar now"), "{resumed}");
    assert_eq!(desk.ok("omar", &["stops"]), "nothing is stopped\n");
    assert_eq!(desk.ok("omar", &["stops", "--all"]).lines().count(), 2);
    let errors = desk.refused("omar", &["resume", &stop]);
    assert!(
        errors.starts_with("velum: already-resumed (409): "),
        "{errors}"
    );
    desk.pending(&desk.ask(1));
}

#[test]
fn every_stop_is_listed_however_many_pages_they_take() {
    let desk = Desk::open();
    for _ in 0..51 {
        desk.ok("grace", &["stop", "action", "purge"]);
    }
    let listed = desk.ok("omar", &["stops"]);
    assert_eq!(listed.matches("action purge ").count(), 51, "{listed}");
    let refused = desk.refused("grace", &["stop", "action", "pruge"]);
    assert!(refused.contains("Nothing was stopped"), "{refused}");
}

#[test]
fn a_gateway_an_action_or_somebody_is_stopped_alone() {
    let desk = Desk::open();
    let issuer = "https://idp.example";
    for (scope, what, stops) in [
        (&["gateway", "edge"][..], "gateway edge", true),
        (&["gateway", "second-edge"], "gateway second-edge", false),
        (&["action", "read"], "action read", true),
        (&["action", "purge"], "action purge", false),
        (
            &["principal", "dr-jones", "--issuer", issuer],
            "principal dr-jones",
            true,
        ),
        (
            &["principal", "dr-jones", "--issuer", "https://other.example"],
            "principal dr-jones",
            false,
        ),
    ] {
        let arguments = [&["stop"], scope, &["--json"]].concat();
        let stop: Value = serde_json::from_str(&desk.ok("grace", &arguments)).unwrap();
        let listed = desk.ok("omar", &["stops"]);
        assert!(listed.contains(what), "{listed}");
        let answer = desk.check(&desk.ask(1));
        assert_eq!(answer["code"] == "stopped", stops, "{scope:?}: {answer}");
        desk.ok("omar", &["resume", stop["id"].as_str().unwrap()]);
    }
    for wrong in [
        &["stop"][..],
        &["stop", "gateway"],
        &["stop", "action", ""],
        // A bare name is nobody.
        &["stop", "principal", "dr-jones"],
        &["resume", "a/b"],
    ] {
        let outcome = desk.run("grace", wrong);
        assert_eq!(outcome.code, Some(2), "{wrong:?}: {}", outcome.errors);
    }
}

#[test]
fn an_emergency_is_opened_used_and_reviewed_by_somebody_else() {
    let desk = Desk::with(EMERGENCY, 1);
    let who = ["triage-bot", "--issuer", "https://idp.example"];
    let rest = [
        "--action",
        "read",
        "--for",
        "10m",
        "--reason",
        "unconscious",
    ];
    let open = [&["emergency", "open"], &who[..], &rest[..]].concat();
    let opened = desk.ok("omar", &open);
    let row = opened.lines().nth(1).unwrap();
    for part in [
        "omar",
        "in 9 min",
        "triage-bot",
        "read",
        "0",
        "no",
        "unconscious",
    ] {
        assert!(row.contains(part), "{part}: {row}");
    }
    assert_eq!(desk.check(&desk.ask(1))["decision"], "allow");
    let errors = desk.refused("omar", &open);
    assert!(
        errors.starts_with("velum: emergency-unreviewed (409): "),
        "{errors}"
    );
    let review = |finding| ["emergency", "review", &id(&opened), finding].map(str::to_owned);
    let review = |person: &str, finding| {
        let arguments = review(finding);
        desk.run(person, &arguments.each_ref().map(String::as_str))
    };
    assert_eq!(review("omar", "--justified").code, Some(1));
    let reviewed = review("grace", "--unjustified");
    assert_eq!(reviewed.code, Some(0), "{}", reviewed.errors);
    assert!(
        reviewed.output.contains("not justified, grace"),
        "{}",
        reviewed.output
    );
    let none = desk.ok("grace", &["emergency", "list"]);
    assert_eq!(none, "no emergency access waits for a review\n");
    let all = desk.ok("grace", &["emergency", "list", "--all", "--json"]);
    let all: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all["uses"], 1);
    for wrong in [
        &["emergency", "review", "e1"][..],
        &["emergency", "review", "e1", "--justified", "--unjustified"],
        &[
            "emergency",
            "open",
            "bot",
            "--issuer",
            "x",
            "--action",
            "read",
            "--reason",
            "r",
            "--for",
            "90s",
        ],
    ] {
        assert_eq!(desk.run("grace", wrong).code, Some(2), "{wrong:?}");
    }
}
