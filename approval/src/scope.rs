//! What may be released: classes, rules, records, bytes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use velum_engine::ClassSet;

use crate::words::RuleName;

/// How much a grant lifts. `None` is no limit of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GrantLimits {
    /// Records of the response.
    pub records: Option<u64>,
    /// Bytes of the response.
    pub bytes: Option<u64>,
}

impl GrantLimits {
    /// The tighter of both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let least = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            records: least(self.records, other.records),
            bytes: least(self.bytes, other.bytes),
        }
    }
}

/// What may be released. Every narrowing is an intersection, so that of several approvals the grant
/// has what all of them have.
///
/// ```
/// use velum_approval::Scope;
/// use velum_engine::{Class, ClassSet};
/// let asked = Scope::of([Class::Name, Class::Date].into_iter().collect());
/// let ten = Scope { limits: velum_approval::GrantLimits { records: Some(10), bytes: None }, ..asked.clone() };
/// let name = Scope::of([Class::Name].into_iter().collect());
/// let both = ten.intersection(&name);
/// assert_eq!((both.classes, both.limits.records), (name.classes, Some(10)));
/// assert!(both.is_within(&asked) && !asked.is_within(&both));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The classes that are lifted.
    #[serde(with = "crate::class_names")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::ClassName>))]
    pub classes: ClassSet,
    /// Only values that one of these rules of the policy selects; `None`: whatever selects them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<BTreeSet<RuleName>>,
    /// How much.
    #[serde(default, skip_serializing_if = "is_unlimited")]
    pub limits: GrantLimits,
}

fn is_unlimited(limits: &GrantLimits) -> bool {
    *limits == GrantLimits::default()
}

impl Scope {
    /// The most rules that are named: each stands in the audit log.
    pub const MOST_RULES: usize = 64;

    /// Nothing.
    pub const NONE: Self = Self {
        classes: ClassSet::EMPTY,
        rules: None,
        limits: GrantLimits {
            records: None,
            bytes: None,
        },
    };

    /// These classes, and no further bound.
    pub fn of(classes: ClassSet) -> Self {
        Self {
            classes,
            ..Self::NONE
        }
    }

    /// What both permit.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let rules = match (&self.rules, &other.rules) {
            (Some(one), Some(other)) => Some(one.intersection(other).cloned().collect()),
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        };
        Self {
            classes: self.classes.intersection(other.classes),
            rules,
            limits: self.limits.intersection(other.limits),
        }
    }

    /// Whether it permits nothing that `other` does not.
    pub fn is_within(&self, other: &Self) -> bool {
        self.intersection(other) == *self
    }

    /// Whether no value can be lifted under it.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
            || self.rules.as_ref().is_some_and(BTreeSet::is_empty)
            || self.limits.records == Some(0)
            || self.limits.bytes == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use velum_engine::Class;

    fn scope() -> impl Strategy<Value = Scope> {
        let names = proptest::option::of(proptest::collection::btree_set(0_u8..3, 0..3));
        let limit = || proptest::option::of(0_u64..4);
        (0_u8..8, names, limit(), limit()).prop_map(|(bits, names, records, bytes)| Scope {
            classes: [Class::Name, Class::Date, Class::Mrn]
                .into_iter()
                .enumerate()
                .filter(|(bit, _)| bits >> bit & 1 == 1)
                .map(|(_, class)| class)
                .collect(),
            rules: names.map(|names| {
                let each = names
                    .into_iter()
                    .map(|name| RuleName::new(format!("r{name}")));
                each.map(Result::unwrap).collect()
            }),
            limits: GrantLimits { records, bytes },
        })
    }

    proptest! {
        #[test]
        fn an_intersection_is_within_both_and_the_order_does_not_matter(
            one in scope(), other in scope(), third in scope(),
        ) {
            let both = one.intersection(&other);
            prop_assert!(both.is_within(&one) && both.is_within(&other));
            prop_assert_eq!(&both, &other.intersection(&one));
            prop_assert_eq!(
                both.intersection(&third),
                one.intersection(&other.intersection(&third))
            );
            prop_assert_eq!(&one.intersection(&one), &one);
            if one.is_empty() {
                prop_assert!(both.is_empty());
            }
        }
    }

    #[test]
    fn what_is_not_said_is_not_written() {
        let scope = Scope::of([Class::Name].into_iter().collect());
        let text = serde_json::to_string(&scope).unwrap();
        assert_eq!(text, r#"{"classes":["name"]}"#);
        assert_eq!(serde_json::from_str::<Scope>(&text).unwrap(), scope);
        assert!(serde_json::from_str::<Scope>(r#"{"classes":[],"record":1}"#).is_err());
    }
}
