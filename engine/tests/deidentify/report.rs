//! What failed, in a form that can be worked through.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::search::Leak;

/// How often something is seen at a place, and where for the first time.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<(String, String, String), (usize, String)>);

impl Table {
    /// `what` is seen at a path of a type of resource; `example` says where to look.
    pub(crate) fn add(
        &mut self,
        resource: &str,
        path: &str,
        what: &str,
        example: impl FnOnce() -> String,
    ) {
        let key = (resource.to_owned(), path.to_owned(), what.to_owned());
        let row = self.0.entry(key).or_insert_with(|| (0, example()));
        row.0 += 1;
    }

    pub(crate) fn leak(&mut self, source: &str, leak: &Leak, shows_value: bool) {
        let mut what = leak.value.kind.to_owned();
        if !leak.how.is_empty() {
            write!(what, " in {}", leak.how.join(" in ")).unwrap();
        }
        self.add(&leak.resource, &leak.path, &what, || {
            let value = if shows_value { &leak.value.text } else { "" };
            format!("{source} {} {value}", leak.pointer)
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One line for each place and kind: how often, resource, path, kind, example.
    pub(crate) fn rows(&self) -> String {
        let mut out = String::new();
        for ((resource, path, what), (count, example)) in &self.0 {
            writeln!(
                out,
                "{count:>6}  {resource:<28} {path:<52} {what:<28} {example}"
            )
            .unwrap();
        }
        out
    }

    /// One line for each place, with all kinds: for a long list.
    pub(crate) fn places(&self) -> String {
        let mut places: BTreeMap<(&str, &str), (usize, Vec<&str>)> = BTreeMap::new();
        for ((resource, path, what), (count, _)) in &self.0 {
            let place = places.entry((resource, path)).or_default();
            place.0 += count;
            place.1.push(what);
        }
        let mut out = String::new();
        for ((resource, path), (count, kinds)) in &places {
            let kinds = kinds.join(", ");
            writeln!(out, "{count:>6}  {resource:<28} {path:<52} {kinds}").unwrap();
        }
        out
    }

    /// One line for each end of a path, with the types that have it: what one rule may serve.
    pub(crate) fn ends(&self) -> String {
        let mut ends: BTreeMap<String, (usize, BTreeSet<&str>)> = BTreeMap::new();
        for ((resource, path, _), (count, _)) in &self.0 {
            let names: Vec<&str> = path.split('.').collect();
            let end = names[names.len().saturating_sub(2)..].join(".");
            let row = ends.entry(end).or_default();
            row.0 += count;
            row.1.insert(resource);
        }
        let mut out = String::new();
        for (end, (count, resources)) in &ends {
            let names: Vec<&str> = resources.iter().copied().collect();
            let names = names.join(" ");
            writeln!(out, "{count:>6}  {end:<44} {names}").unwrap();
        }
        out
    }

    /// Fails with the rows, unless there are none.
    pub(crate) fn must_be_empty(&self, title: &str) {
        assert!(
            self.is_empty(),
            "{title}\n{:>6}  {:<28} {:<52} {:<28} first seen\n{}",
            "count",
            "resource",
            "path",
            "what",
            self.rows()
        );
    }
}
