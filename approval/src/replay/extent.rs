//! How far a vote, a grant or a use reaches, as records write it.
//!
//! Compared here by rules of its own: that of [`Scope`](crate::Scope) is what it checks.

use serde::Deserialize;
use std::collections::BTreeSet;
use velum_engine::ClassSet;

use crate::words::RuleName;

/// Which values may be lifted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Extent {
    #[serde(default)]
    pub(super) bytes: Option<u64>,
    #[serde(with = "crate::class_names")]
    pub(super) classes: ClassSet,
    #[serde(default)]
    pub(super) records: Option<u64>,
    #[serde(default)]
    pub(super) rules: Option<BTreeSet<RuleName>>,
}

impl Extent {
    /// Of these classes whatever there is.
    pub(super) fn of(classes: ClassSet) -> Self {
        Self {
            bytes: None,
            classes,
            records: None,
            rules: None,
        }
    }

    /// What of this lies outside of `bound`; `None` where all of it is within.
    pub(super) fn beyond(&self, bound: &Self) -> Option<&'static str> {
        if self
            .classes
            .iter()
            .any(|class| !bound.classes.contains(class))
        {
            return Some("classes");
        }
        let is_other_rule = match (&self.rules, &bound.rules) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(own), Some(bound)) => own.iter().any(|rule| !bound.contains(rule)),
        };
        if is_other_rule {
            return Some("rules");
        }
        let exceeds = |own: Option<u64>, bound: Option<u64>| {
            bound.is_some_and(|bound| own.is_none_or(|own| own > bound))
        };
        if exceeds(self.records, bound.records) {
            return Some("records");
        }
        exceeds(self.bytes, bound.bytes).then_some("bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use velum_engine::Class;

    fn extent(text: &str) -> Extent {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_bound_is_kept_or_named() {
        let bound = extent(r#"{"bytes":9,"classes":["name","date"],"records":3,"rules":["a"]}"#);
        for (text, beyond) in [
            (
                r#"{"bytes":9,"classes":["name"],"records":3,"rules":["a"]}"#,
                None,
            ),
            (r#"{"bytes":1,"classes":[],"records":0,"rules":[]}"#, None),
            (
                r#"{"bytes":9,"classes":["ssn"],"records":3,"rules":["a"]}"#,
                Some("classes"),
            ),
            (
                r#"{"bytes":9,"classes":["name"],"records":3,"rules":["a","b"]}"#,
                Some("rules"),
            ),
            (
                r#"{"bytes":9,"classes":["name"],"records":3}"#,
                Some("rules"),
            ),
            (
                r#"{"bytes":9,"classes":["name"],"records":4,"rules":["a"]}"#,
                Some("records"),
            ),
            (
                r#"{"bytes":9,"classes":["name"],"rules":["a"]}"#,
                Some("records"),
            ),
            (
                r#"{"classes":["name"],"records":1,"rules":["a"]}"#,
                Some("bytes"),
            ),
        ] {
            assert_eq!(extent(text).beyond(&bound), beyond, "{text}");
        }
        let names = Extent::of([Class::Name, Class::Date].into_iter().collect());
        assert_eq!(bound.beyond(&names), None);
        assert!(serde_json::from_str::<Extent>(r#"{"classes":[],"record":1}"#).is_err());
    }
}
