//! `velum audit`, as a program: against a real service, and on folders that were tampered with.

mod crates;
mod go;
mod keys;
mod made;
mod matrix;
mod years;

use serde_json::Value;
use velum_ledger::note::{Note, Series};

use crate::desk::Desk;
use crate::program::{Folder, velum};
use made::Log;

/// One release by two people, and what was told of it. Gives the approval.
pub(super) fn release(desk: &Desk, request: u8) -> String {
    let ask = desk.ask(request);
    let id = desk.pending(&ask);
    for person in ["grace", "omar"] {
        desk.ok(person, &["approvals", "approve", &id, "--yes"]);
    }
    assert_eq!(desk.check(&ask)["decision"], "allow");
    let outcome = serde_json::json!({
        "approval": id, "use_key": ask["use_key"], "status": 200, "records": 1, "bytes": 300,
        "lifted": {"name": 2}, "masked": {"date": 1}, "drift": {}, "end": "complete",
    });
    desk.call("/v1/outcomes", &outcome);
    id
}

/// Exports all that there is, and gives the folder's path.
pub(super) fn export(desk: &Desk, folder: &Folder) -> String {
    desk.signed();
    let out = folder.at("log");
    desk.ok(
        "grace",
        &["audit", "export", "--format", "tiles", "--out", &out],
    );
    out
}

/// Hands over a figure, where somebody collects them (`cargo xtask claims`).
pub(super) fn told(test: &str, figure: &str) {
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        let file = std::path::Path::new(&folder).join(format!("{test}.txt"));
        std::fs::write(file, figure).unwrap();
    }
}

#[test]
fn a_log_is_exported_verified_and_goes_on() {
    let desk = Desk::with("", 2);
    release(&desk, 1);
    let folder = Folder::new();
    let out = export(&desk, &folder);
    let keys = folder.at("log/keys");
    assert!(
        folder
            .read("log/keys")
            .starts_with("# The keys as the service told them.")
    );
    let verified = velum(&["audit", "verify", &out, "--key-file", &keys]);
    assert_eq!((verified.code, &*verified.errors), (Some(0), ""));
    for part in [
        "signature  holds",
        "records    holds",
        "older      not tried",
        "rules      holds",
        "1 approved, 0 in an emergency; of 1 it was told what left",
        "would not be seen",
        "The log holds.",
    ] {
        assert!(
            verified.output.contains(part),
            "{part}: {}",
            verified.output
        );
    }

    // The head of now is kept, and the log grows.
    let kept = folder.write("kept.checkpoint", folder.read("log/checkpoint"));
    let size = desk.signed()["size"].as_u64().unwrap();
    release(&desk, 2);
    export(&desk, &folder);
    assert_eq!(
        folder.read(&format!("log/checkpoints/{size}")),
        folder.read("kept.checkpoint")
    );
    let arguments = [
        "audit",
        "verify",
        &out,
        "--key-file",
        &keys,
        "--since",
        &kept,
        "--json",
    ];
    let verified = velum(&arguments);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let verdict: Value = serde_json::from_str(&verified.output).unwrap();
    assert_eq!(verdict["holds"], true);
    assert_eq!(verdict["releases"]["approved"], 2);
    assert_eq!(verdict["older"][0]["size"], size);
    assert!(
        verdict["not_shown"]
            .as_str()
            .unwrap()
            .contains(&size.to_string()),
        "{verdict}"
    );
    // One that another key signed is not taken for one of this log.
    let mut other = Log::exported(&folder, "log");
    other.seed = 8;
    let foreign = folder.write("foreign.checkpoint", &other.files()["checkpoint"]);
    let verified = velum(&[
        "audit",
        "verify",
        &out,
        "--key-file",
        &keys,
        "--since",
        &foreign,
    ]);
    assert_eq!(verified.code, Some(1), "{verified:?}");
    for part in [
        "records    holds",
        "older      FAILS",
        "foreign.checkpoint: ",
    ] {
        assert!(
            verified.output.contains(part),
            "{part}: {}",
            verified.output
        );
    }
    let none = folder.at("none");
    let unread = velum(&[
        "audit",
        "verify",
        &out,
        "--key-file",
        &keys,
        "--since",
        &none,
    ]);
    assert_eq!((unread.code, &*unread.output), (Some(3), ""), "{unread:?}");
    // While keys are rotated, each is given.
    let both = [
        "audit",
        "verify",
        &out,
        "--key-file",
        &keys,
        "--key",
        &other.key(),
        "--since",
        &foreign,
    ];
    assert_eq!(velum(&both).code, Some(0), "{:?}", velum(&both));
    // A log that is shorter than the one that was kept was cut off.
    let head = folder.write("log/checkpoint", folder.read("kept.checkpoint"));
    std::fs::rename(folder.at("log/tile"), folder.at("tile")).unwrap();
    let unread = velum(&["audit", "verify", &out, "--key-file", &keys]);
    assert_eq!(unread.code, Some(1), "{unread:?}");
    assert!(
        unread.output.contains("tile/entries/000.p/"),
        "{}",
        unread.output
    );
    std::fs::remove_file(head).unwrap();
    let unread = velum(&["audit", "verify", &out, "--key-file", &keys]);
    assert_eq!(unread.code, Some(3), "{unread:?}");
}

/// What a receipt shows is what was written, whatever the database has by then: anyone with the log can tell.
#[test]
fn a_text_is_checked_against_the_commitment_of_the_log() {
    let desk = Desk::with("", 2);
    let mut ask = desk.ask(1);
    ask["reason"] = "ward round of marigold".into();
    let id = desk.pending(&ask);
    let folder = Folder::new();
    let out = export(&desk, &folder);
    let keys = folder.at("log/keys");
    let receipt = desk.read("grace", &format!("/v1/approvals/{id}/receipt"));
    let asked = &receipt["asked"];
    let salt = asked["reason_salt"].as_str().unwrap();
    let check = |text: &str, salt: &str| {
        let file = folder.write("text", text);
        velum(&[
            "audit",
            "check-text",
            &file,
            "--salt",
            salt,
            "--dir",
            &out,
            "--key-file",
            &keys,
        ])
    };
    let text = asked["reason"].as_str().unwrap();
    assert_eq!(text, "ward round of marigold");
    for same in [text.to_owned(), format!("{text}\n")] {
        let checked = check(&same, salt);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        assert_eq!(
            checked.output,
            "record 2, approval.requested: it has a commitment to exactly this text.\n"
        );
    }
    let other_salt = "A".repeat(43);
    for (text, salt) in [("ward round of tulip", salt), (text, other_salt.as_str())] {
        let checked = check(text, salt);
        assert_eq!(checked.code, Some(1), "{checked:?}");
        assert!(
            checked.errors.contains("it is not what was written"),
            "{checked:?}"
        );
        assert!(!checked.errors.contains("tulip"), "{checked:?}");
    }
    assert_eq!(check(text, "short").code, Some(2));
    // Of a log that does not hold nothing is believed.
    let mut bytes = std::fs::read(folder.at(&format!("log/{}", first_bundle(&folder)))).unwrap();
    bytes[40] ^= 1;
    folder.write(&format!("log/{}", first_bundle(&folder)), bytes);
    let checked = check(text, salt);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(
        checked.errors.contains("the log does not hold"),
        "{checked:?}"
    );
}

/// The file with the first records of a log of fewer than 256.
fn first_bundle(folder: &Folder) -> String {
    let size = folder
        .read("log/checkpoint")
        .lines()
        .nth(1)
        .unwrap()
        .to_owned();
    format!("tile/entries/000.p/{size}")
}

#[test]
fn a_folder_of_another_log_is_not_written_over() {
    let desk = Desk::with("", 2);
    desk.signed();
    let folder = Folder::new();
    let out = folder.at("log");
    let export = ["audit", "export", "--format", "tiles", "--out", &out];
    folder.write("log/notes.txt", "mine");
    let errors = desk.refused("grace", &export);
    assert!(
        errors.contains("it is not empty, and is no export"),
        "{errors}"
    );
    std::fs::remove_file(folder.at("log/notes.txt")).unwrap();
    let other = Log::heartbeats(3);
    other.write(&folder, "log");
    let before = folder.files();
    let errors = desk.refused("grace", &export);
    assert!(errors.contains("the checkpoint of another log"), "{errors}");
    assert_eq!(folder.files(), before);
    let errors = desk.run(
        "grace",
        &[
            "audit", "export", "--format", "csv", "--out", "-", "--log", "9",
        ],
    );
    assert_eq!(errors.code, Some(2), "{errors:?}");
    let stream = desk.run(
        "grace",
        &["audit", "export", "--format", "tiles", "--out", "-"],
    );
    assert_eq!(stream.code, Some(2), "{stream:?}");
}

#[test]
fn an_export_that_was_cut_off_goes_on_and_fetches_what_is_not_whole() {
    let desk = Desk::with("", 2);
    for _ in 0..300 {
        let scope = serde_json::json!({"kind": "action", "name": "purge"});
        desk.post("omar", "/v1/stops", &serde_json::json!({"scope": scope}));
    }
    let folder = Folder::new();
    let out = export(&desk, &folder);
    let whole = folder.files();
    assert!(
        whole.contains(&"log/tile/entries/000".to_owned()),
        "{whole:?}"
    );
    // As it is when it was cut off: no checkpoint yet, a file missing, one cut short.
    let checkpoint = folder.read("log/checkpoint");
    let origin = checkpoint.lines().next().unwrap();
    std::fs::remove_file(folder.at("log/checkpoint")).unwrap();
    folder.write("log/unfinished", format!("{origin}\n"));
    std::fs::remove_file(folder.at("log/tile/0/000")).unwrap();
    let bundle = std::fs::read(folder.at("log/tile/entries/000")).unwrap();
    folder.write("log/tile/entries/000", &bundle[..bundle.len() - 1]);
    let said = desk.ok(
        "grace",
        &["audit", "export", "--format", "tiles", "--out", &out],
    );
    assert!(said.contains("2 file(s) fetched"), "{said}");
    assert_eq!(
        std::fs::read(folder.at("log/tile/entries/000")).unwrap(),
        bundle
    );
    assert_eq!(folder.files(), whole);
    let verified = velum(&[
        "audit",
        "verify",
        &out,
        "--key-file",
        &folder.at("log/keys"),
    ]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[test]
fn records_are_written_one_a_line_and_for_spreadsheets() {
    let desk = Desk::with("", 2);
    let approval = release(&desk, 1);
    let folder = Folder::new();
    export(&desk, &folder);
    let size = desk.signed()["size"].as_u64().unwrap();
    let events = folder.at("events.jsonl");
    desk.ok(
        "grace",
        &[
            "audit",
            "export",
            "--format",
            "cloudevents",
            "--out",
            &events,
        ],
    );
    let events = folder.read("events.jsonl");
    assert_eq!(events.lines().count() as u64, size);
    for (index, line) in events.lines().enumerate() {
        let leaf: Value = serde_json::from_str(line).unwrap();
        assert_eq!(leaf["data"]["seq"], index);
    }
    let bundle = std::fs::read(folder.at(&format!("log/tile/entries/000.p/{size}"))).unwrap();
    let first = events.lines().next().unwrap();
    assert_eq!(&bundle[2..2 + first.len()], first.as_bytes());

    let csv = desk.ok(
        "grace",
        &["audit", "export", "--format", "csv", "--out", "-"],
    );
    assert!(
        csv.starts_with("index,time,type,code,approval,actor\n0,20"),
        "{csv}"
    );
    let used = csv
        .lines()
        .find(|line| line.contains("grant.used"))
        .unwrap();
    assert!(
        used.ends_with(&format!(",org.velum.grant.used.v1,VA1201I,{approval},edge")),
        "{used}"
    );
    assert_eq!(csv.lines().count() as u64, size + 1);
}

#[test]
fn a_proof_is_made_with_and_without_the_service_and_anyone_checks_it() {
    let desk = Desk::with("", 2);
    release(&desk, 1);
    let folder = Folder::new();
    let out = export(&desk, &folder);
    let keys = folder.at("log/keys");
    let proof = desk.ok("grace", &["audit", "prove", "--index", "2"]);
    let offline = velum(&["audit", "prove", "--index", "2", "--dir", &out]);
    assert_eq!((offline.code, &offline.output), (Some(0), &proof));
    let file = folder.write("2.tlog-proof", &proof);
    let checked = velum(&["audit", "check-proof", &file, "--key-file", &keys]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked
            .output
            .starts_with("The proof holds: record 2 of velum.local/"),
        "{checked:?}"
    );
    assert!(checked.output.contains("\"seq\":2"), "{checked:?}");
    let json = velum(&["audit", "check-proof", &file, "--key-file", &keys, "--json"]);
    let json: Value = serde_json::from_str(&json.output).unwrap();
    assert_eq!(json["record"]["data"]["seq"], 2);

    let other = folder.write(
        "other.tlog-proof",
        proof.replace("\nindex 2\n", "\nindex 1\n"),
    );
    let refused = velum(&["audit", "check-proof", &other, "--key-file", &keys]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.errors.contains("does NOT hold"), "{refused:?}");
    let missing = velum(&[
        "audit",
        "check-proof",
        &folder.at("none"),
        "--key-file",
        &keys,
    ]);
    assert_eq!(missing.code, Some(3), "{missing:?}");
    let beyond = velum(&["audit", "prove", "--index", "999", "--dir", &out]);
    assert_eq!(beyond.code, Some(2), "{beyond:?}");
    for wrong in [
        &["audit", "verify", &*out][..],
        &["audit", "verify", &out, "--key", "nonsense"],
        &["audit", "check-proof", &file],
        &["audit", "prove", "--dir", &out],
    ] {
        assert_eq!(velum(wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn records_are_found_by_type_approval_person_and_time() {
    let desk = Desk::with("", 2);
    let first = release(&desk, 1);
    let second = release(&desk, 2);
    let search = |more: &[&str]| desk.ok("grace", &[&["audit", "search"], more].concat());
    let used = search(&["--type", "grant.used"]);
    assert_eq!(used.lines().count(), 2, "{used}");
    assert_eq!(search(&["--type", "org.velum.grant.used.v1"]), used);
    assert_eq!(search(&["--type", "grant"]).lines().count(), 4);
    let one = search(&["--approval", &second, "--type", "grant.used"]);
    assert!(one.contains(&second) && !one.contains(&first), "{one}");
    let omar = search(&["--person", "omar", "--json"]);
    let kinds: Vec<Value> = omar
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // Two votes, and two uses in his name.
    assert_eq!(kinds.len(), 4, "{omar}");
    assert!(search(&["--person", "dr-jones"]).contains("approval.requested"));
    assert_eq!(search(&["--after", "2999-01-01"]), "no record fits\n");
    assert_eq!(
        search(&["--before", "2001-01-01T00:00:00Z"]),
        "no record fits\n"
    );
    assert_eq!(search(&["--type", "grant.us"]), "no record fits\n");
    let wrong = desk.run("grace", &["audit", "search", "--after", "yesterday"]);
    assert_eq!(wrong.code, Some(2));
}

#[test]
fn evidence_is_a_sample_that_anyone_can_draw_again() {
    let desk = Desk::with("", 2);
    let approvals: Vec<String> = (1..5).map(|request| release(&desk, request)).collect();
    let folder = Folder::new();
    let out = export(&desk, &folder);
    let keys = folder.at("log/keys");
    let evidence = |to: &str, period: [&str; 2], seed: &str| {
        let [from, until] = period;
        let to = folder.at(to);
        velum(&[
            "audit",
            "evidence",
            "--dir",
            &out,
            "--key-file",
            &keys,
            "--from",
            from,
            "--to",
            until,
            "--sample",
            "2",
            "--seed",
            seed,
            "--out",
            &to,
        ])
    };
    let all = ["2001-01-01", "2999-01-01"];
    let done = evidence("first", all, "<q1>");
    assert_eq!((done.code, &*done.errors), (Some(0), ""));
    assert!(done.output.contains("2 of 4 release(s)"), "{done:?}");
    let population: Value = serde_json::from_str(&folder.read("first/population.json")).unwrap();
    assert_eq!(population["releases"]["all"], 4);
    let sample = population["sample"]["indices"].as_array().unwrap();
    assert_eq!(sample.len(), 2);
    for index in sample {
        let proof = folder.at(&format!("first/sample/{index}/use.tlog-proof"));
        let checked = velum(&[
            "audit",
            "check-proof",
            &proof,
            "--key-file",
            &keys,
            "--json",
        ]);
        let checked: Value = serde_json::from_str(&checked.output).unwrap();
        assert_eq!(checked["record"]["type"], "org.velum.grant.used.v1");
        let id = checked["record"]["subject"].as_str().unwrap();
        assert!(
            approvals.iter().any(|approval| id.ends_with(&**approval)),
            "{id}"
        );
        // What was asked, two votes, the use, what left, and what else was written about it.
        let prefix = format!("first/sample/{index}/");
        let files = folder
            .files()
            .into_iter()
            .filter(|file| file.starts_with(&prefix));
        assert!(files.count() >= 5);
    }
    let votes = folder.read("first/reviewers.csv");
    assert_eq!(
        votes,
        "person,verdict,votes\ngrace,approve,4\nomar,approve,4\n"
    );
    let gaps: Value = serde_json::from_str(&folder.read("first/gaps.json")).unwrap();
    assert_eq!(gaps["outcomes_missing"], serde_json::json!([]));
    assert_eq!(gaps["log_ends_before_the_period_does"], true);
    let configurations: Value =
        serde_json::from_str(&folder.read("first/configurations.json")).unwrap();
    let configurations = configurations.as_array().unwrap();
    assert_eq!(configurations.len(), 1, "{configurations:?}");
    assert_eq!(configurations[0]["changed"], Value::Null);
    assert!(configurations[0]["parts"]["actions"].is_string());
    let page = folder.read("first/index.html");
    for part in [
        "164.312(b)",
        "CC6.1",
        "CC7.2",
        "AU-2",
        "AU-3",
        "AU-6",
        "AU-9",
        "AU-12",
        "&lt;q1&gt;",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<q1>") && !page.contains("<script"));

    assert_eq!(evidence("second", all, "<q1>").code, Some(0));
    for file in [
        "population.json",
        "gaps.json",
        "configurations.json",
        "reviewers.csv",
        "index.html",
    ] {
        assert_eq!(
            folder.read(&format!("first/{file}")),
            folder.read(&format!("second/{file}"))
        );
    }
    assert_eq!(
        evidence("first", all, "<q1>").code,
        Some(2),
        "it is there already"
    );
    assert_eq!(
        evidence("third", ["2999-01-01", "2001-01-01"], "s").code,
        Some(2)
    );
    let none = evidence("fourth", ["2001-01-01", "2002-01-01"], "s");
    assert!(none.output.contains("0 of 0 release(s)"), "{none:?}");

    // Of a log that does not hold nothing is written.
    let mut checkpoint = folder.read("log/checkpoint");
    checkpoint = checkpoint.replacen("velum.local", "velum.lokal", 1);
    folder.write("log/checkpoint", checkpoint);
    let refused = evidence("fifth", all, "s");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.errors.contains("no evidence was written"),
        "{refused:?}"
    );
    assert!(!folder.path().join("fifth").exists());
}

#[test]
fn what_is_missing_is_told_in_the_evidence() {
    let folder = Folder::new();
    let mut log = Log::heartbeats(3);
    // A minute of which two batches of a worker had not come.
    let time: jiff::Timestamp = log.leaves[3]["time"].as_str().unwrap().parse().unwrap();
    let minute = time.as_millisecond() / 60_000 * 60_000 - 60_000;
    let gap = serde_json::json!({
        "batches": 2, "before": 4, "worker": "BwcHBwcHBwcHBwcHBwcHBw",
    });
    let summary = serde_json::json!({
        "batches": 1, "digest": "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU", "gaps": [gap], "late": 0,
        "lost": 7, "masked": {"name": 3}, "missing": 2, "outcomes": {"masked": 5}, "requests": 5,
        "minute": velum_approval::Timestamp::from_millis(minute).to_string(),
        "rows": [{"action": "read", "masked": {"name": 3}, "outcome": "masked", "requests": 5}],
    });
    log.leaves[3]["type"] = "org.velum.mask.summary.v1".into();
    log.leaves[3]["data"] = serde_json::json!({
        "actor": {"id": "edge", "kind": "gateway"}, "code": "VA1402I", "outcome": "success", "seq": 3,
        "summary": summary, "v": 1,
    });
    let late: jiff::Timestamp = log.leaves[2]["time"].as_str().unwrap().parse().unwrap();
    log.beat(1);
    let late = velum_approval::Timestamp::from_millis(late.as_millisecond() + 3_600_000);
    let last = log.leaves.len() - 1;
    log.leaves[last]["time"] = late.to_string().into();
    log.write(&folder, "log");
    let arguments = [
        "audit",
        "evidence",
        "--dir",
        &folder.at("log"),
        "--key",
        &log.key(),
        "--from",
        "2026-01-01",
        "--to",
        "2027-01-01",
        "--seed",
        "s",
        "--out",
        &folder.at("out"),
    ];
    let done = velum(&arguments);
    assert_eq!(done.code, Some(0), "{done:?}");
    let gaps: Value = serde_json::from_str(&folder.read("out/gaps.json")).unwrap();
    let batches = serde_json::json!([{
        "index": 3, "gateway": "edge", "batches_missing": 2, "requests_not_counted": 7, "gaps": [gap],
        "minute": summary["minute"],
    }]);
    assert_eq!(gaps["worker_batches"], batches);
    assert_eq!(gaps["silences"].as_array().unwrap().len(), 1, "{gaps}");
    assert_eq!(gaps["silences"][0]["record"], last);
}

#[test]
fn the_file_of_an_anchor_is_compared_head_by_head() {
    let folder = Folder::new();
    let log = Log::heartbeats(40);
    log.write(&folder, "log");
    let (out, key) = (folder.at("log"), log.key());
    let head = |size: usize, seed: u8| {
        let mut log = log.clone();
        log.leaves.truncate(size);
        log.seed = seed;
        let note = Note::parse(&log.files()["checkpoint"]).unwrap();
        Series::entry(&note)
    };
    let verify = |heads: &str| {
        let file = folder.write("heads", heads);
        velum(&["audit", "verify", &out, "--key", &key, "--anchor", &file])
    };
    // What a crash has cut is passed over, and the last is not the first.
    let cut = &head(20, 7)[..40];
    let good = verify(&format!(
        "{}{cut}{}{}",
        head(10, 7),
        Series::MEND,
        head(30, 7)
    ));
    assert_eq!(good.code, Some(0), "{good:?}");
    for part in [
        "older      holds",
        "2 checkpoint(s)",
        "Records from 30 on are under no older",
    ] {
        assert!(good.output.contains(part), "{part}: {}", good.output);
    }
    let foreign = verify(&[head(10, 8), head(20, 8), head(30, 7)].concat());
    assert_eq!(foreign.code, Some(1), "{foreign:?}");
    for part in [
        "the checkpoint of 10 in ",
        "1 checkpoints more in ",
        "older      FAILS",
    ] {
        assert!(foreign.output.contains(part), "{part}: {}", foreign.output);
    }
    // One that has nothing of this log is nothing to go by.
    for heads in ["", "Thistlewood\n"] {
        let none = verify(heads);
        assert_eq!(none.code, Some(3), "{none:?}");
        assert!(
            none.errors.contains("no checkpoint of audit.example.org"),
            "{none:?}"
        );
    }
}

#[test]
fn a_witness_that_is_asked_for_has_to_have_cosigned() {
    let folder = Folder::new();
    let log = Log::heartbeats(9);
    let (witness, cosigned) = matrix::cosigned(&log);
    let (out, key) = (folder.at("log"), log.key());
    let check = |checkpoint: &[u8], trusted: &[&str]| {
        log.write(&folder, "log");
        folder.write("log/checkpoint", checkpoint);
        let proof = velum(&["audit", "prove", "--index", "4", "--dir", &out]);
        assert_eq!(proof.code, Some(0), "{proof:?}");
        let proof = folder.write("4.tlog-proof", proof.output);
        let checked = velum(&[&["audit", "check-proof", &proof, "--key", &key], trusted].concat());
        let verified = velum(&[&["audit", "verify", &out, "--key", &key], trusted].concat());
        assert_eq!(checked.code, verified.code, "{checked:?}");
        verified
    };
    let wanted = ["--witness", &*witness];
    let files = log.files();
    let plain = files["checkpoint"].as_slice();
    assert_eq!(check(plain, &[]).code, Some(0));
    assert_eq!(check(cosigned.as_bytes(), &[]).code, Some(0));
    let good = check(cosigned.as_bytes(), &wanted);
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(
        good.output.contains("w1.example, at 2026-11-23T"),
        "{}",
        good.output
    );
    let missing = check(plain, &wanted);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    // The log's own key is no witness's, and one witness is not two.
    for faulty in [["--witness", &*key].as_slice(), &[wanted, wanted].concat()] {
        assert_eq!(check_code(&out, &key, faulty), Some(2));
    }
}

fn check_code(out: &str, key: &str, trusted: &[&str]) -> Option<i32> {
    velum(&[&["audit", "verify", out, "--key", key], trusted].concat()).code
}

#[test]
fn a_log_that_nobody_cosigned_is_not_exported_as_one() {
    let desk = Desk::with("", 2);
    desk.signed();
    let folder = Folder::new();
    let out = folder.at("log");
    let export = [
        "audit",
        "export",
        "--format",
        "tiles",
        "--out",
        &out,
        "--cosigned",
    ];
    let errors = desk.refused("grace", &export);
    assert!(errors.contains("unknown-part"), "{errors}");
    assert!(!std::path::Path::new(&out).exists());
}
