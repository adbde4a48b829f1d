//! A rule of a profile, for those who read profiles.

use super::{Origin, Rule};
use crate::{Class, Operator};

/// A rule of a profile as it is written.
///
/// ```
/// use velum_engine::Profile;
/// let profile = Profile::Credentials.document();
/// let rule = profile.rules().next().unwrap();
/// assert_eq!(rule.name(), "keys: credential");
/// assert!(rule.keys().iter().any(|key| key == "*password*") && rule.places().is_empty());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ProfileRule<'a>(pub(super) &'a Rule);

impl<'a> ProfileRule<'a> {
    /// Names it in reports, behind the name of the profile.
    pub fn name(&self) -> &'a str {
        &self.0.name
    }

    /// The class of what it selects.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// Where it comes from: a section of a regulation or a standard.
    pub fn source(&self) -> Option<&'a str> {
        match &self.0.origin {
            Origin::Written(source) => source.as_deref(),
            Origin::Derived => None,
        }
    }

    /// What becomes of what it selects.
    pub fn operator(&self) -> &'a Operator {
        &self.0.operator
    }

    /// Whether it is about ids, and acts only where these are not kept: see
    /// [`RulesetBuilder::ids`](crate::RulesetBuilder::ids).
    ///
    /// ```
    /// use velum_engine::Profile;
    /// let profile = Profile::HipaaSafeHarbor.document();
    /// let rule = profile.rules().find(|rule| rule.is_about_ids()).unwrap();
    /// assert!(rule.keys().iter().any(|key| key == "id"));
    /// ```
    pub fn is_about_ids(&self) -> bool {
        self.0.ids
    }

    /// The keys that it selects, in the notation of [`Selector::Keys`](crate::Selector::Keys).
    pub fn keys(&self) -> &'a [String] {
        &self.0.keys
    }

    /// The places that it selects: names with dots between, from anywhere down.
    pub fn places(&self) -> &'a [String] {
        &self.0.paths
    }
}
