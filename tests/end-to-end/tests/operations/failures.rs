//! `docs/failure-modes.md` is made of the table of failures, and every test in it exists.

use std::fs;
use std::path::Path;

use velum_end_to_end::failures::{all, table};
use velum_harness::locations;

const BEGINNING: &str = "<!-- The table is generated: VELUM_WRITE_DOCS=1 cargo test -p velum-end-to-end --test operations failures -->\n";
const END: &str = "<!-- End of the table. -->\n";

#[test]
fn the_document_has_the_table() {
    let file = locations::project().join("docs/failure-modes.md");
    let text = fs::read_to_string(&file).expect("the document");
    let (before, rest) = text.split_once(BEGINNING).expect("the table's beginning");
    let (written, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("VELUM_WRITE_DOCS").is_some_and(|value| value == "1") {
        let text = format!("{before}{BEGINNING}{}{END}{after}", table());
        fs::write(file, text).expect("written");
    } else {
        assert_eq!(written, table(), "docs/failure-modes.md is out of date");
    }
}

#[test]
fn every_failure_names_a_test_that_exists() {
    let mut sources = String::new();
    for folder in [
        "tests",
        "engine/src",
        "filter/src",
        "policy-service/src",
        "policy-service/tests",
        "policy/tests",
        "approval/tests",
        "cli/tests",
    ] {
        read(&locations::project().join(folder), &mut sources);
    }
    for failure in all() {
        assert!(!failure.tests.is_empty(), "{}", failure.what);
        for test in failure.tests {
            let is_there = sources.contains(&format!("fn {test}("));
            assert!(is_there, "{}: there is no test {test}", failure.what);
        }
    }
}

fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}
