//! Public synthetic bundles beside the project, and any others.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::dates::dates;
use crate::harvest::{harvest, search_for};
use crate::masked;
use crate::place::Types;
use crate::report::Table;
use crate::resources::read;
use crate::utility::losses;

/// The folder `fhir-r4` of the shared data, and the one that `VELUM_BUNDLES` names. A file that ends
/// in `.ndjson` has one resource a line.
pub(crate) fn files() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir-r4");
    let named = std::env::var_os("VELUM_BUNDLES").map(PathBuf::from);
    let mut files = Vec::new();
    for folder in [Some(shared), named].into_iter().flatten() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            pass_over(&folder);
            continue;
        };
        files.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| {
            path.extension()
                .is_some_and(|kind| kind == "json" || kind == "ndjson")
        }));
    }
    files.sort();
    files
}

/// Says what was not tested, even where what tests print is not shown.
fn pass_over(folder: &Path) {
    let line = format!("skipped: there is no folder {}\n", folder.display());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// What every file and its output go through.
fn each(mut see: impl FnMut(&str, &str, &str, bool)) {
    for path in files() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let body = std::fs::read_to_string(&path).unwrap();
        let is_lines = name.ends_with(".ndjson");
        let out = masked(body.as_bytes(), is_lines);
        see(&name, &body, &out, is_lines);
    }
}

#[test]
fn nothing_about_a_patient_leaks_from_shared_bundles() {
    let mut table = Table::default();
    each(|name, body, out, is_lines| {
        let before = read(body, is_lines);
        assert!(harvest(&before).len() > 5, "{name} has a patient");
        let (types, mut search) = (Types::read(&before), search_for(&before));
        for document in read(out, is_lines) {
            for leak in search.leaks(&document, &types) {
                table.leak(name, &leak, false);
            }
        }
    });
    table.must_be_empty("values of a patient in the output:");
}

#[test]
fn no_date_of_shared_bundles_is_finer_than_a_year() {
    let mut table = Table::default();
    each(|name, body, out, is_lines| {
        let types = Types::read(&read(body, is_lines));
        for document in read(out, is_lines) {
            dates(name, &document, &types, &mut table);
        }
    });
    table.must_be_empty("dates in the output that are finer than a year:");
}

#[test]
fn shared_bundles_keep_what_the_policy_does_not_name() {
    let mut table = Table::default();
    each(|name, body, out, is_lines| {
        for (before, after) in read(body, is_lines).iter().zip(&read(out, is_lines)) {
            losses(name, before, after, &mut table);
        }
    });
    table.must_be_empty("what is changed and should not be:");
}
