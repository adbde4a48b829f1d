//! What other libraries say of random identifiers: python-stdnum and phonenumbers.
//!
//! Runs with `VELUM_ORACLES=1`, and wants Python and PyPI: the libraries go into a virtual environment
//! below the target folder. `oracles.py` makes the identifiers and the verdicts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use velum_engine::Class;

use crate::judge::found;
use crate::sample::{Place, Sample, Wrap};

const LIBRARIES: &[&str] = &["python-stdnum==2.2", "phonenumbers==9.0.43"];

/// What is compared: how the kind begins, the class of what we find, and where we differ on purpose.
struct Comparison {
    kind: &'static str,
    class: Class,
    /// How many of a thousand may be found that are not valid.
    more: usize,
}

const fn of(kind: &'static str, class: Class, more: usize) -> Comparison {
    Comparison { kind, class, more }
}

const COMPARISONS: &[Comparison] = &[
    of("card", Class::Card, 0),
    of("iban", Class::Account, 0),
    of("ssn", Class::Ssn, 0),
    // Groups that have been assigned since stdnum's list are added in the script.
    of("itin", Class::Ssn, 0),
    // A label takes any prefix.
    of("ein", Class::Identifier, 1000),
    // And the first two digits that are assigned.
    of("routing", Class::Account, 0),
    of("imei", Class::Device, 0),
    // Area codes that are not assigned may be one day.
    of("phone", Class::Phone, 100),
    // As people write them at home, in a member that is called so.
    of("national", Class::Phone, 0),
    // Lengths that a country has given up still stand in records, and ours are ranges.
    of("length", Class::Phone, 20),
];

/// One identifier with the verdict of a library.
struct Verdict {
    kind: String,
    is_valid: bool,
    sample: Sample,
}

#[test]
#[expect(clippy::print_stderr, reason = "what was not tested, and the figures")]
fn other_libraries_agree() {
    if std::env::var_os("VELUM_ORACLES").is_none_or(|value| value != "1") {
        eprintln!("skipped: VELUM_ORACLES=1 asks python-stdnum and phonenumbers from PyPI");
        return;
    }
    let verdicts = verdicts();
    let samples: Vec<_> = verdicts.iter().map(|verdict| &verdict.sample).collect();
    let found = found(&samples);
    let mut sums = BTreeMap::<&str, [usize; 2]>::new();
    let mut differences = BTreeMap::<String, Vec<String>>::new();
    for (verdict, found) in verdicts.iter().zip(found) {
        let comparison = comparison(&verdict.kind);
        let sum = sums.entry(comparison.kind).or_default();
        sum[0] += 1;
        let differs = match (verdict.is_valid, found) {
            (true, false) => "missed",
            (false, true) => {
                sum[1] += 1;
                if comparison.more > 0 {
                    continue;
                }
                "found"
            }
            _ => continue,
        };
        let what = format!("{} {differs}", verdict.kind);
        differences
            .entry(what)
            .or_default()
            .push(verdict.sample.text.clone());
    }
    for (kind, [all, more]) in &sums {
        eprintln!("{kind}: {all} identifiers, {more} are found that are not valid");
        let most = comparison(kind).more * all / 1000;
        assert!(*more <= most, "{kind}: {more} are more than {most}");
    }
    assert_eq!(sums.len(), COMPARISONS.len(), "some kind is not there");
    let differences: Vec<_> = differences
        .iter()
        .map(|(what, texts)| format!("{what}: {} times, {:?}", texts.len(), texts.first()))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn comparison(kind: &str) -> &'static Comparison {
    let first = kind.split(' ').next();
    let known = COMPARISONS.iter().find(|one| Some(one.kind) == first);
    known.expect("the script has kinds that are compared")
}

/// Runs the script.
fn verdicts() -> Vec<Verdict> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/oracles.py");
    let out = output(Command::new(python()).arg(script));
    out.lines().map(verdict).collect()
}

fn verdict(line: &str) -> Verdict {
    let line: Value = serde_json::from_str(line).unwrap();
    let text = |name: &str| line[name].as_str().unwrap().to_owned();
    let (kind, value, text) = (text("kind"), text("value"), text("text"));
    let start = text.find(&value).unwrap();
    let sample = Sample {
        source: "oracle",
        context: "oracle",
        place: Place::Prose,
        class: comparison(&kind).class,
        name: if kind.starts_with("national") {
            "phone"
        } else {
            "text"
        }
        .to_owned(),
        wrap: Wrap::String,
        spans: std::iter::once(start..start + value.len()).collect(),
        text,
    };
    Verdict {
        kind,
        is_valid: line["valid"].as_bool().unwrap(),
        sample,
    }
}

/// The Python of a virtual environment that has the libraries.
fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracles");
    let python = folder.join("bin/python");
    if !python.exists() {
        output(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    }
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    output(Command::new(&python).args(install).args(LIBRARIES));
    python
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}
