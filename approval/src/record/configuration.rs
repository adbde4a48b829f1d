//! What is recorded of the configuration that decisions are made under.

use std::collections::{BTreeMap, BTreeSet};

use super::canonical::{Object, Value};
use super::leaf::service;
use super::reading::names;
use crate::words::base64url_encode;

/// The configuration as a service starts with it, of [`Record::Configured`](super::Record::Configured).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// SHA-256 of each part, in the form of RFC 8785.
    pub parts: BTreeMap<ConfigurationPart, [u8; 32]>,
    /// Which of them differ from those of the last such record of this log; `None` where it has none.
    pub changed: Option<BTreeSet<ConfigurationPart>>,
}

names! {
    /// A part of the configuration that what is decided depends on.
    ConfigurationPart
    /// Of each action how many have to approve it, from which groups, what they do beside, and what a grant is worth.
    Actions "actions",
    /// Where heads go, and how many of these have to have a release.
    Anchors "anchors",
    /// Who reads the audit log.
    Auditors "auditors",
    /// Who opens an emergency access, for what and how long.
    BreakGlass "break-glass",
    /// People and agents with their identities, owners and groups.
    Directory "directory",
    /// Which gateways there are, and how each shows that it is one.
    Gateways "gateways",
    /// How long what is asked waits, and how much may wait.
    Limits "limits",
    /// The digests of the policies.
    Policies "policies",
    /// Who reviews, with their tokens.
    Reviewers "reviewers",
    /// By whose word people sign in at the inbox, and from when on a security key counts.
    SignIn "sign-in",
}

impl Configuration {
    /// These parts, compared with those of the record before.
    pub fn after(
        parts: BTreeMap<ConfigurationPart, [u8; 32]>,
        before: Option<&BTreeMap<ConfigurationPart, [u8; 32]>>,
    ) -> Self {
        let changed = before.map(|before| difference(before, &parts));
        Self { parts, changed }
    }

    pub(super) fn data(&self) -> Object {
        let changed = self.changed.as_ref();
        let changed =
            changed.map(|changed| changed.iter().map(|part| part.name()).collect::<Value>());
        let parts = self
            .parts
            .iter()
            .fold(Object::new(), |object, (part, digest)| {
                object.with(part.name(), base64url_encode(digest))
            });
        let configuration = Object::new()
            .with_some("changed", changed)
            .with("parts", parts);
        Object::new()
            .with("actor", service())
            .with("configuration", configuration)
    }
}

/// The parts that are not the same in both, or in one of them only.
fn difference(
    before: &BTreeMap<ConfigurationPart, [u8; 32]>,
    now: &BTreeMap<ConfigurationPart, [u8; 32]>,
) -> BTreeSet<ConfigurationPart> {
    let all = before.keys().chain(now.keys());
    let changed = all.filter(|part| before.get(part) != now.get(part));
    changed.copied().collect()
}
