//! Tests by the names of their functions.

use std::path::Path;

/// Where tests are.
const FOLDERS: [&str; 8] = [
    "approval",
    "cli",
    "engine",
    "filter",
    "ledger",
    "policy",
    "policy-service",
    "tests",
];

/// All sources in which tests are.
pub(super) fn sources() -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = String::new();
    for folder in FOLDERS {
        read(&workspace.join(folder), &mut sources);
    }
    sources
}

/// Whether a function of this name is a test, in any of the sources.
pub(super) fn is_test(sources: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    sources.match_indices(&head).any(|(at, _)| {
        let above = sources[..at]
            .rsplit_once('\n')
            .map_or("", |(above, _)| above);
        let mut attributes = above.lines().rev().map(str::trim);
        let is_of_others =
            |line: &&str| line.starts_with("#[ignore") || line.starts_with("#[expect");
        let attribute = attributes.find(|line| !is_of_others(line));
        attribute.is_some_and(|line| line.starts_with("#[") && line.contains("test"))
    })
}

fn read(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}
