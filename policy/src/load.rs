//! From the document to the policy; every fault with its place.

mod actions;
mod condition;
mod detectors;
mod identity;
mod masking;
mod names;
mod policies;
mod profile;
mod requests;
mod responses;
mod service;

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use velum_engine::{Keyring, Limits as EngineLimits};

use crate::action::Action;
use crate::condition::Atom;
use crate::cursor::Cursor;
use crate::error::ConfigError;
use crate::policy::{IdentitySource, Limits, Mode, Policy};
use policies::Shared;
pub(crate) use policies::policies;
#[cfg(feature = "yaml")]
pub(crate) use profile::whole as profile;

const KEYS: &[&str] = &[
    "version",
    "identity",
    "masking",
    "responses",
    "host",
    "actions",
    "policy_service",
    "mode",
    "observability",
    "limits",
];
/// The longest body that is held, where the policy does not say.
const HELD_BODY: usize = 1024 * 1024;
/// How many times as long as it came a compressed body may become, where the policy does not say:
/// what Envoy's decompressor allows.
const EXPANSION: usize = 100;

/// What other parts of the document the actions lean on.
struct Foundations<'a> {
    identity: Option<&'a IdentitySource>,
    has_keys: bool,
    has_service: bool,
    /// Whether Envoy can hold the headers of a request while its body is read.
    stops_headers: bool,
}

/// Reads one policy, together with what the document says for all.
fn policy(root: &Cursor<'_>, shared: Option<&Shared<'_>>) -> Result<Policy, ConfigError> {
    let fields = root.object(KEYS, &[])?;
    let member = |name| Shared::member(shared, &fields, name);
    let version = member("version")?;
    let version = version.map_or_else(|| fields.required("version"), Ok)?;
    if version.integer(0, u64::MAX)? != 1 {
        return Err(version.fault("must be 1, the only version there is"));
    }
    let identity = fields
        .optional("identity")
        .map(|at| identity::read(&at))
        .transpose()?;
    let masking_at = fields.required("masking")?;
    let masking = masking::read(&masking_at)?;
    // Without a key, operators that need one redact: what is selected is the same.
    let checked = masking.rules.self_check(&Keyring::default());
    checked.map_err(|fault| masking_at.fault(format!("the self-check failed: {fault}")))?;
    let service = member("policy_service")?
        .map(|at| service::read(&at))
        .transpose()?;
    let host = member("host")?.map(|at| host(&at)).transpose()?;
    let foundations = Foundations {
        identity: identity.as_ref(),
        has_keys: !masking.keys.is_empty(),
        has_service: service.is_some(),
        stops_headers: host.unwrap_or(false),
    };
    let actions = match fields.optional("actions") {
        Some(at) => actions::read(&at, &foundations)?,
        None => Vec::new(),
    };
    if service.is_some() && masking.keys.is_empty() {
        return Err(masking_at.fault("needs `keys`: requests to /policy_service are told by them"));
    }
    let responses = fields
        .optional("responses")
        .map(|at| responses::read(&at))
        .transpose()?;
    let mode = fields
        .optional("mode")
        .map(|at| mode(&at, &actions))
        .transpose()?;
    let access_log = fields
        .optional("observability")
        .map(|at| observability(&at))
        .transpose()?;
    let limits = fields
        .optional("limits")
        .map(|at| limits(&at))
        .transpose()?;
    let (literal_segments, query_names) = literals(&actions);
    Ok(Policy {
        digest: Sha256::digest(Shared::canonical(shared, root.node())).into(),
        identity,
        rules: masking.rules,
        rule_names: masking.rule_names,
        keys: masking.keys,
        limits: limits.unwrap_or_else(default_limits),
        responses: responses.unwrap_or_default(),
        headers_stop_iteration: host.unwrap_or(false),
        service,
        mode: mode.unwrap_or(Mode::Enforce),
        reads_route: reads_route(&actions),
        access_log: access_log.unwrap_or(false),
        actions,
        literal_segments,
        query_names,
    })
}

fn host(at: &Cursor<'_>) -> Result<bool, ConfigError> {
    at.object(&["headers_stop_iteration"], &[])?
        .required("headers_stop_iteration")?
        .bool()
}

fn mode(at: &Cursor<'_>, actions: &[Action]) -> Result<Mode, ConfigError> {
    let mode = at.word(&[("enforce", Mode::Enforce), ("observe", Mode::Observe)])?;
    if mode == Mode::Observe && actions.iter().any(Action::needs_service) {
        // A review that releases what was never held would be a record of nothing.
        return Err(at.fault(
            "observe goes with no action that reviews or may be asked: take review and ask out, \
             or enforce",
        ));
    }
    Ok(mode)
}

fn observability(at: &Cursor<'_>) -> Result<bool, ConfigError> {
    at.object(&["access_log"], &[])?
        .required("access_log")?
        .bool()
}

fn default_limits() -> Limits {
    Limits {
        engine: EngineLimits::default(),
        held_body: HELD_BODY,
        expansion: EXPANSION,
    }
}

/// What one stream may need at a time of the filter's memory of 64 MiB, with room for the policy itself
/// and for other streams.
const MOST_MEMORY: usize = 56 * 1024 * 1024;

/// The limits that are not the engine's.
const HELD_BODY_NAME: &str = "held_body";
const EXPANSION_NAME: &str = "expansion";

fn limits(at: &Cursor<'_>) -> Result<Limits, ConfigError> {
    const KIB: usize = 1024;
    let names: Vec<&str> = EngineLimits::REFERENCE
        .iter()
        .map(|doc| doc.name)
        .chain([HELD_BODY_NAME, EXPANSION_NAME])
        .collect();
    let fields = at.object(&names, &[])?;
    let read = |name: &str, lowest: usize, highest: usize, default: usize| {
        let Some(at) = fields.optional(name) else {
            return Ok(default);
        };
        let value = at.integer(lowest as u64, highest as u64)?;
        // No bound is beyond what 32 bits hold.
        Ok(usize::try_from(value).unwrap_or(default))
    };
    let mut limits = default_limits();
    for doc in EngineLimits::REFERENCE {
        *doc.of(&mut limits.engine) = read(doc.name, doc.lowest, doc.highest, doc.default)?;
    }
    limits.held_body = read(HELD_BODY_NAME, KIB, 4 * KIB * KIB, limits.held_body)?;
    limits.expansion = read(EXPANSION_NAME, 2, 1032, limits.expansion)?;
    if limits.most() > MOST_MEMORY {
        return Err(at.fault(
            "more memory than the filter has for a stream: lower held_body (times 13), token_bytes \
             (24) or held_bytes (8) to 56 MiB together",
        ));
    }
    Ok(limits)
}

fn reads_route(actions: &[Action]) -> bool {
    let mut reads = false;
    for when in actions.iter().filter_map(|action| action.when.as_ref()) {
        when.visit(&mut |atom| reads |= matches!(atom, Atom::Route(_)));
    }
    reads
}

/// The words of the policy that may be shown when a path or query is: see [`Policy::literal_segments`].
fn literals(actions: &[Action]) -> (BTreeSet<(Option<usize>, String)>, BTreeSet<String>) {
    let mut segments = BTreeSet::new();
    let mut names = BTreeSet::new();
    for when in actions.iter().filter_map(|action| action.when.as_ref()) {
        when.visit(&mut |atom| match atom {
            Atom::Path(pattern) => segments.extend(pattern.literal_segments()),
            Atom::Query { name, .. } => drop(names.insert(name.clone())),
            _ => {}
        });
    }
    (segments, names)
}
