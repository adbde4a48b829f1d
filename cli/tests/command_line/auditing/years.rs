//! Several logs, a year each: exported, verified by themselves, and one after the other.

use serde_json::{Value, json};

use super::made::{Log, NAME};
use super::release;
use crate::desk::Desk;
use crate::program::{Folder, Outcome, velum};

const NEXT: &str = "audit.example.org/velum/2027";
const LAST: &str = "audit.example.org/velum/2028";

/// The logs in a folder, with a list; those without leaves were removed.
fn write(folder: &Folder, logs: &[&Log], removed: &[&str]) -> String {
    let mut list = Vec::new();
    for (number, name) in removed.iter().enumerate() {
        let year = name.rsplit('/').next().unwrap();
        list.push(json!({"name": name, "number": number + 1, "folder": year, "pruned": 7}));
    }
    for log in logs {
        let year = log.name.rsplit('/').next().unwrap();
        log.write(folder, &format!("logs/{year}"));
        let number = list.len() + 1;
        list.push(json!({"name": log.name, "number": number, "folder": year, "pruned": null}));
    }
    folder.write("logs/logs.json", Value::from(list).to_string());
    folder.at("logs")
}

fn verify(path: &str, key: &Log) -> Outcome {
    velum(&["audit", "verify", path, "--key", &key.key()])
}

fn fails(path: &str, key: &Log, part: &str) {
    let verified = verify(path, key);
    assert_eq!(verified.code, Some(1), "{part}: {verified:?}");
    assert!(
        verified.output.contains(part),
        "{part}: {}",
        verified.output
    );
    assert!(
        verified.output.contains("The logs do NOT hold."),
        "{}",
        verified.output
    );
}

#[test]
fn logs_of_several_years_are_verified_each_and_one_after_the_other() {
    let mut old = Log::heartbeats(300);
    let mut next = old.next(NEXT, true);
    let last = next.next(LAST, true);
    let folder = Folder::new();
    let path = write(&folder, &[&old, &next, &last], &[]);
    // A key of one year is that of the others.
    for key in [&old, &last] {
        let verified = verify(&path, key);
        assert_eq!(
            (verified.code, &*verified.errors),
            (Some(0), ""),
            "{verified:?}"
        );
        for part in [NAME, NEXT, LAST, "302", "The logs hold."] {
            assert!(
                verified.output.contains(part),
                "{part}: {}",
                verified.output
            );
        }
        assert!(
            !verified.output.contains("goes on from"),
            "{}",
            verified.output
        );
    }
    // A checkpoint that was kept is that of its own log.
    let kept = folder.write("kept", &next.files()["checkpoint"]);
    let key = old.key();
    let arguments = [
        "audit", "verify", &path, "--key", &key, "--since", &kept, "--json",
    ];
    let verified = velum(&arguments);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let verdict: Value = serde_json::from_str(&verified.output).unwrap();
    assert_eq!(verdict["holds"], true);
    assert_eq!(verdict["logs"][1]["older"][0]["size"], next.leaves.len());
    assert_eq!(verdict["logs"][2]["origin"], LAST);
    let mut other = Log::heartbeats(2);
    other.name = "audit.example.org/other/2026".to_owned();
    let foreign = folder.write("foreign", &other.files()["checkpoint"]);
    let verified = velum(&["audit", "verify", &path, "--key", &key, "--since", &foreign]);
    assert_eq!(verified.code, Some(1), "{verified:?}");

    // The last of them says that another follows.
    let shorter = Folder::new();
    let verified = verify(&write(&shorter, &[&old, &next], &[]), &old);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let sentence = format!("{LAST} goes on, and is not here");
    assert!(verified.output.contains(&sentence), "{}", verified.output);
    // The first of them says from what it goes on.
    let later = Folder::new();
    let verified = verify(&write(&later, &[&next, &last], &[]), &old);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let sentence = format!("It goes on from {NAME} (302 records), which was not read");
    assert!(verified.output.contains(&sentence), "{}", verified.output);
    let alone = later.at("logs/2027");
    let verified = velum(&["audit", "verify", &alone, "--key", &next.key()]);
    assert!(verified.output.contains(&sentence), "{}", verified.output);
}

#[test]
fn logs_that_do_not_belong_together_are_told() {
    let mut old = Log::heartbeats(5);
    let mut next = old.next(NEXT, true);
    let last = next.next(LAST, true);
    // One in between is left out.
    let folder = Folder::new();
    fails(&write(&folder, &[&old, &last], &[]), &old, "not-next");
    // Written anew and signed again, with as many records.
    let mut other = old.clone();
    let time = other.leaves[1]["time"].clone();
    other.leaves[2]["time"] = time;
    let folder = Folder::new();
    let path = write(&folder, &[&other, &next, &last], &[]);
    fails(&path, &old, "its root is not the one that was signed");
    // Cut off and signed again.
    let mut other = old.clone();
    other.leaves.pop();
    let folder = Folder::new();
    fails(
        &write(&folder, &[&other, &next, &last], &[]),
        &old,
        "not-next",
    );
    // By a key that nobody believes.
    let mut other = next.clone();
    other.seed = 8;
    let folder = Folder::new();
    let path = write(&folder, &[&old, &other, &last], &[]);
    fails(&path, &old, "FAILS");
    // Of a year that did not end.
    let mut open = Log::heartbeats(5);
    let follows = open.next(NEXT, false);
    let folder = Folder::new();
    fails(&write(&folder, &[&open, &follows], &[]), &old, "not-next");
    // A list that leads elsewhere.
    let folder = Folder::new();
    let elsewhere = json!([{"name": NAME, "number": 1, "folder": "../logs", "pruned": null}]);
    folder.write("logs/logs.json", elsewhere.to_string());
    assert_eq!(verify(&folder.at("logs"), &old).code, Some(3));
}

#[test]
fn what_is_gone_of_a_log_before_a_recovery_is_told() {
    let old = Log::heartbeats(5);
    let mut lost = old.end();
    lost.name = velum_approval::LogName::new(NEXT).unwrap();
    lost.size = 9;
    let mut further = old.end();
    further.size += 2;
    for (previous, part) in [
        (
            lost,
            format!("goes on from {NEXT} (9 records), and not all"),
        ),
        (
            further,
            format!("goes on from {NAME} (8 records), and not all"),
        ),
    ] {
        let recovered = old.recovered("audit.example.org/velum/2027-r1", previous);
        let folder = Folder::new();
        let path = write(&folder, &[&old, &recovered], &[]);
        let verified = verify(&path, &old);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        assert!(verified.output.contains(&part), "{}", verified.output);
        let key = old.key();
        let arguments = ["audit", "verify", &path, "--key", &key, "--json"];
        let verdict: Value = serde_json::from_str(&velum(&arguments).output).unwrap();
        assert_eq!(verdict["gone"].as_array().unwrap().len(), 1, "{verdict}");
    }
    // What was there as a whole is not gone.
    let recovered = old.recovered("audit.example.org/velum/2026-r1", old.end());
    let folder = Folder::new();
    let verified = verify(&write(&folder, &[&old, &recovered], &[]), &old);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(!verified.output.contains("not all"), "{}", verified.output);
}

#[test]
fn a_log_that_was_removed_is_accounted_for_by_a_record() {
    let mut old = Log::heartbeats(5);
    let next = old.next(NEXT, true);
    let folder = Folder::new();
    let path = write(&folder, &[&next], &[NAME]);
    fails(&path, &old, "no record says that it was removed");
    let mut told = next.clone();
    told.remove(old.end());
    let folder = Folder::new();
    let verified = verify(&write(&folder, &[&told], &[NAME]), &old);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let sentence = format!("{NAME} (7 records) by grace");
    assert!(verified.output.contains(&sentence), "{}", verified.output);
    // With another end than the log after it has.
    let mut other = next.clone();
    let mut end = old.end();
    end.size = 6;
    other.remove(end);
    let folder = Folder::new();
    let path = write(&folder, &[&other], &[NAME]);
    fails(&path, &old, "another size or root");
}

#[test]
fn a_log_that_had_lost_records_may_be_removed_with_what_was_left_of_it() {
    let old = Log::heartbeats(5);
    for (more, less, code) in [(2, 0, 0), (0, 0, 0), (0, 1, 0), (2, -3, 1)] {
        let mut known = old.end();
        known.size += more;
        let mut left = old.end();
        left.size = left.size.checked_add_signed(-less).unwrap();
        let mut recovered = old.recovered("audit.example.org/velum/2026-r1", known);
        recovered.remove(left);
        let folder = Folder::new();
        let verified = verify(&write(&folder, &[&recovered], &[NAME]), &old);
        assert_eq!(verified.code, Some(code), "{more} {less}: {verified:?}");
    }
}

#[test]
fn a_recovery_is_told_and_what_was_left_then_has_to_be_there() {
    let old = Log::heartbeats(5);
    let recovered = old.recovered("audit.example.org/velum/2026-r1", old.end());
    let folder = Folder::new();
    let path = write(&folder, &[&old, &recovered], &[]);
    let verified = verify(&path, &old);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let sentence = format!(
        "grace recovered the log: of the 6 records that {NAME} is known to have had, 6 were left, and 6 were read"
    );
    assert!(verified.output.contains(&sentence), "{}", verified.output);
    let key = old.key();
    let told = velum(&["audit", "verify", &path, "--key", &key, "--json"]);
    let verdict: Value = serde_json::from_str(&told.output).unwrap();
    assert_eq!(verdict["notes"][0]["kind"], "log-recovered", "{verdict}");
    // Alone it says so too.
    let alone = folder.at("logs/2026-r1");
    let verified = velum(&["audit", "verify", &alone, "--key", &recovered.key()]);
    assert!(
        verified.output.contains("grace recovered the log"),
        "{}",
        verified.output
    );
    // Withheld, and signed again.
    let mut less = old.clone();
    less.leaves.pop();
    let folder = Folder::new();
    let path = write(&folder, &[&less, &recovered], &[]);
    fails(&path, &old, "records-missing");
}

#[test]
fn what_was_kept_of_a_log_that_had_lost_records_is_compared_with_what_was_known_of_it() {
    let whole = Log::heartbeats(7);
    let mut left = whole.clone();
    left.leaves.truncate(5);
    let mut recovered = left.recovered("audit.example.org/velum/2026-r1", whole.end());
    recovered.remove(left.end());
    let mut other = whole.clone();
    let time = other.leaves[1]["time"].clone();
    other.leaves[2]["time"] = time;
    for (kept, code) in [(&whole, 0), (&other, 1), (&left, 0)] {
        let folder = Folder::new();
        let path = write(&folder, &[&recovered], &[NAME]);
        let kept = folder.write("kept", &kept.files()["checkpoint"]);
        let key = whole.key();
        let verified = velum(&["audit", "verify", &path, "--key", &key, "--since", &kept]);
        assert_eq!(verified.code, Some(code), "{verified:?}");
    }
}

#[test]
fn every_log_of_a_service_is_exported_and_the_catalogue_is_printed() {
    let desk = Desk::with("", 2);
    release(&desk, 1);
    desk.signed();
    let folder = Folder::new();
    let out = folder.at("all");
    let arguments = [
        "audit", "export", "--format", "tiles", "--all", "--out", &out,
    ];
    desk.ok("grace", &arguments);
    let list: Value = serde_json::from_str(&folder.read("all/logs.json")).unwrap();
    let year = list[0]["folder"].as_str().unwrap();
    let keys = folder.at(&format!("all/{year}/keys"));
    let verified = velum(&["audit", "verify", &out, "--key-file", &keys]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(
        verified.output.contains("1 approved"),
        "{}",
        verified.output
    );

    let printed = velum(&["audit", "events", "--json"]);
    let catalogue: Value = serde_json::from_str(&printed.output).unwrap();
    let used = catalogue["events"].as_array().unwrap().iter();
    let used = used.filter(|event| event["code"] == "VA1201I");
    assert_eq!(used.count(), 1, "{catalogue}");
    let printed = velum(&["audit", "events"]);
    assert!(
        printed.output.contains("VA1201I  grant.used"),
        "{}",
        printed.output
    );
}
