//! Several policies in one document, each with a name.

use super::names;
use crate::cursor::{Cursor, Fields};
use crate::error::ConfigError;
use crate::policies::Policies;
use crate::tree::Node;

const POLICIES: &str = "policies";
const VERSION: &str = "version";
/// What is said once, for all of them.
const SHARED: [&str; 3] = [VERSION, "host", "policy_service"];

/// Reads a whole document whose member names are known to be distinct.
pub(crate) fn policies(node: &Node) -> Result<Policies, ConfigError> {
    let root = Cursor::root(node);
    let mut named = vec![("", root.clone())];
    let mut shared = None;
    if node.member(POLICIES).is_some() {
        for (name, at) in root.members()? {
            if super::KEYS.contains(&name) && !SHARED.contains(&name) {
                return Err(at.fault("beside `policies`, this belongs into each of them"));
            }
        }
        let [version, host, service] = SHARED;
        let fields = root.object(&[POLICIES, version, host, service], &[])?;
        fields.required(VERSION)?;
        let at = fields.required(POLICIES)?;
        named = at.members()?;
        if named.is_empty() {
            return Err(at.fault("is empty: name at least one"));
        }
        shared = Some(Shared { fields });
    }
    let mut policies = Vec::with_capacity(named.len());
    for (name, at) in named {
        if shared.is_some() {
            names::identifier_text(name, &at)?;
        }
        // The one place where a policy is read: its reader is large.
        let policy = super::policy(&at, shared.as_ref())?;
        if shared.is_none() {
            return Ok(Policies::Sole(Box::new(policy)));
        }
        policies.push((name.to_owned(), policy));
    }
    Ok(Policies::Named(policies))
}

/// What a document says for all of its policies.
pub(super) struct Shared<'a> {
    fields: Fields<'a>,
}

impl<'a> Shared<'a> {
    /// A member of a policy, or what is said for all; not both.
    pub(super) fn member(
        shared: Option<&Self>,
        own: &Fields<'a>,
        name: &str,
    ) -> Result<Option<Cursor<'a>>, ConfigError> {
        let own = own.optional(name);
        match (shared.and_then(|shared| shared.fields.optional(name)), own) {
            (Some(_), Some(own)) => {
                Err(own.fault("is said for all policies already: leave it out here"))
            }
            (shared, own) => Ok(own.or(shared)),
        }
    }

    /// The document that would hold this policy alone, in the form of RFC 8785.
    pub(super) fn canonical(shared: Option<&Self>, own: &Node) -> Vec<u8> {
        let mut members = own.object_members();
        if let Some(shared) = shared {
            let all = shared.fields.node().object_members().into_iter();
            members.extend(all.filter(|(name, _)| name != POLICIES));
        }
        let mut out = Vec::new();
        Node::write_canonical_object(members, &mut out);
        out
    }
}
