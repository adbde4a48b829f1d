//! From the document to the policy; every fault with its place.

mod actions;
mod condition;
mod identity;
mod masking;
mod names;
mod service;

use sha2::{Digest, Sha256};
use velum_engine::Limits as EngineLimits;

use crate::action::Action;
use crate::condition::Atom;
use crate::cursor::Cursor;
use crate::error::ConfigError;
use crate::policy::{IdentitySource, Limits, Mode, Policy, UnreadableMedia};
use crate::tree::Node;

const KEYS: &[&str] = &[
    "version",
    "identity",
    "masking",
    "responses",
    "host",
    "actions",
    "policy_service",
    "mode",
    "limits",
];
/// The longest request body that is held, where the policy does not say.
const HELD_BODY: usize = 1024 * 1024;

/// What other parts of the document the actions lean on.
struct Foundations<'a> {
    identity: Option<&'a IdentitySource>,
    has_keys: bool,
    has_service: bool,
}

/// Reads a whole document whose member names are known to be distinct.
pub(crate) fn policy(node: &Node) -> Result<Policy, ConfigError> {
    let root = Cursor::root(node);
    let fields = root.object(KEYS, &["policies"])?;
    let version = fields.required("version")?;
    if version.integer(0, u64::MAX)? != 1 {
        return Err(version.fault("must be 1, the only version there is"));
    }
    let identity = fields
        .optional("identity")
        .map(|at| identity::read(&at))
        .transpose()?;
    let masking = masking::read(&fields.required("masking")?)?;
    let service = fields
        .optional("policy_service")
        .map(|at| service::read(&at))
        .transpose()?;
    let foundations = Foundations {
        identity: identity.as_ref(),
        has_keys: !masking.keys.is_empty(),
        has_service: service.is_some(),
    };
    let actions = match fields.optional("actions") {
        Some(at) => actions::read(&at, &foundations)?,
        None => Vec::new(),
    };
    let otherwise = fields
        .optional("responses")
        .map(|at| responses(&at))
        .transpose()?;
    let host = fields.optional("host").map(|at| host(&at)).transpose()?;
    let mode = fields.optional("mode").map(|at| mode(&at)).transpose()?;
    let limits = fields
        .optional("limits")
        .map(|at| limits(&at))
        .transpose()?;
    let (literal_segments, query_names) = literals(&actions);
    Ok(Policy {
        digest: Sha256::digest(node.canonical()).into(),
        identity,
        rules: masking.rules,
        keys: masking.keys,
        limits: limits.unwrap_or_else(default_limits),
        otherwise: otherwise.unwrap_or(UnreadableMedia::Refuse),
        headers_stop_iteration: host.unwrap_or(false),
        service,
        mode: mode.unwrap_or(Mode::Enforce),
        actions,
        literal_segments,
        query_names,
    })
}

fn responses(at: &Cursor<'_>) -> Result<UnreadableMedia, ConfigError> {
    let otherwise = at.object(&["otherwise"], &[])?.required("otherwise")?;
    otherwise.word(&[
        ("refuse", UnreadableMedia::Refuse),
        ("pass", UnreadableMedia::Pass),
    ])
}

fn host(at: &Cursor<'_>) -> Result<bool, ConfigError> {
    at.object(&["headers_stop_iteration"], &[])?
        .required("headers_stop_iteration")?
        .bool()
}

fn mode(at: &Cursor<'_>) -> Result<Mode, ConfigError> {
    if at.node().text() == Some("observe") {
        return Err(at.fault("observe is not yet supported: leave `mode` out"));
    }
    at.word(&[("enforce", Mode::Enforce)])
}

fn default_limits() -> Limits {
    Limits {
        engine: EngineLimits::default(),
        held_body: HELD_BODY,
    }
}

fn limits(at: &Cursor<'_>) -> Result<Limits, ConfigError> {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    let fields = at.object(&["depth", "token_bytes", "held_bytes", "held_body"], &[])?;
    let read = |name: &str, from: u64, to: u64, default: usize| match fields.optional(name) {
        // No bound is beyond what 32 bits hold.
        Some(at) => at
            .integer(from, to)
            .map(|value| usize::try_from(value).unwrap_or(default)),
        None => Ok(default),
    };
    let default = default_limits();
    let mut engine = default.engine;
    engine.depth = read("depth", 8, 1024, engine.depth)?;
    engine.token_bytes = read("token_bytes", KIB, 16 * MIB, engine.token_bytes)?;
    engine.held_bytes = read("held_bytes", KIB, 16 * MIB, engine.held_bytes)?;
    let held_body = read("held_body", KIB, 64 * MIB, default.held_body)?;
    Ok(Limits { engine, held_body })
}

/// The words of the policy that may be shown when a path or query is: see [`crate::scrub`].
fn literals(actions: &[Action]) -> (Vec<(Option<usize>, String)>, Vec<String>) {
    let mut segments = Vec::new();
    let mut names = Vec::new();
    for when in actions.iter().filter_map(|action| action.when.as_ref()) {
        when.visit(&mut |atom| match atom {
            Atom::Path(pattern) => segments.extend(pattern.literal_segments()),
            Atom::Query { name, .. } => names.push(name.clone()),
            _ => {}
        });
    }
    segments.sort();
    segments.dedup();
    names.sort();
    names.dedup();
    (segments, names)
}
