//! Every key of a configuration, and the tests that would fail if its value were ignored: of each key by the names
//! of their functions.

mod policy;
mod service;

use std::collections::BTreeSet;

use super::named::{is_test, sources};

/// A key, by its place, and tests of it.
type Row = (&'static str, &'static [&'static str]);

/// Every key that there is has a row, and every test of a row exists.
fn hold(rows: &[Row], keys: &BTreeSet<String>) {
    let listed: BTreeSet<_> = rows.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(listed.len(), rows.len(), "a key stands twice");
    assert_eq!(listed, *keys);
    let sources = sources();
    for (key, tests) in rows {
        assert!(!tests.is_empty(), "{key}");
        for name in *tests {
            assert!(is_test(&sources, name), "{key}: there is no test {name}");
        }
    }
}
