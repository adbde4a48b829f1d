//! The policies of one document: a single one, or several by name.

use crate::error::ConfigError;
use crate::load;
use crate::policy::Policy;
use crate::tree::Node;

/// What a configuration document holds.
#[derive(Debug)]
pub enum Policies {
    /// One policy, for every request.
    Sole(Box<Policy>),
    /// Several; the route of a request names the one that it is under.
    Named(Vec<(String, Policy)>),
}

impl Policies {
    /// Reads a configuration document: a policy, or `policies` by name.
    ///
    /// ```
    /// use velum_policy::Policies;
    /// let policies = Policies::parse(br#"{"version": 1, "policies": {
    ///     "ward": {"masking": {"profiles": ["fhir-r4"]}},
    ///     "billing": {"masking": {"profiles": ["pii"]}}
    /// }}"#)?;
    /// assert!(policies.named(b"ward").is_some() && policies.named(b"Ward").is_none());
    /// # Ok::<(), velum_policy::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Policy::parse`], in any of the policies.
    pub fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        load::policies(&Node::from_json(json)?)
    }

    /// The policy of exactly this name; none where there is but one, which has no name.
    pub fn named(&self, name: &[u8]) -> Option<&Policy> {
        match self {
            Self::Sole(_) => None,
            Self::Named(policies) => policies
                .iter()
                .find(|(known, _)| known.as_bytes() == name)
                .map(|(_, policy)| policy),
        }
    }

    /// All of them, each with its name, where it has one, in the document's order.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &Policy)> {
        let (sole, named) = match self {
            Self::Sole(policy) => (Some(&**policy), &[][..]),
            Self::Named(policies) => (None, policies.as_slice()),
        };
        let named = named
            .iter()
            .map(|(name, policy)| (Some(name.as_str()), policy));
        sole.map(|policy| (None, policy)).into_iter().chain(named)
    }

    /// All of them, each with its name, where it has one.
    pub fn into_named(self) -> Vec<(Option<String>, Policy)> {
        match self {
            Self::Sole(policy) => vec![(None, *policy)],
            Self::Named(policies) => {
                let named = policies.into_iter();
                named.map(|(name, policy)| (Some(name), policy)).collect()
            }
        }
    }
}
