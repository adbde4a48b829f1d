//! Whether a use may be released now.

use std::time::Duration;

use super::{Approval, State};
use crate::messages::DenyCode;
use crate::panel::Panel;
use crate::scope::Scope;
use crate::stops::{Releasing, StopScope};
use crate::words::{FingerprintMac, GatewayId, Identity, PolicyDigest, Timestamp, UseKey};

/// How long after its use the same stream gets the same answer again: as long as it could be held.
/// Later, a key that leaked is worth nothing.
pub const REPLAY_WINDOW: Duration = Duration::from_mins(1);

/// Who asks to use an approval, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The gateway that asks.
    pub gateway: &'a GatewayId,
    /// The stream that asks.
    pub use_key: UseKey,
    /// The service's HMAC of the fingerprint that was sent.
    pub fingerprint_mac: FingerprintMac,
    /// Who makes the request.
    pub principal: &'a Identity,
    /// The policy that the gateway runs.
    pub policy: PolicyDigest,
    /// Whether this stream was waiting on the approval already: if another has used it meanwhile,
    /// this one is told `taken`, not `used`.
    pub waiting: bool,
    /// What is stopped now.
    pub stops: &'a [StopScope],
}

/// A use that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Through which gateway.
    pub gateway: GatewayId,
    /// By which stream.
    pub use_key: UseKey,
    /// When.
    pub at: Timestamp,
    /// The index of its record in the audit log.
    pub index: u64,
}

/// What may be released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What may be lifted; no class for a request that is released masked.
    pub scope: Scope,
    /// Whether only values that were seen may be lifted: those of the approval's tags.
    pub seen: bool,
    /// When the grant expires.
    pub expires: Timestamp,
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nobody has decided yet.
    Pending,
    /// Release, once the use and its record are written.
    Allow(Grant),
    /// This stream has used it: give the answer it was given.
    Replay(Use),
    /// Another stream took it while this one waited.
    Taken,
    /// No. Nothing is written here.
    Refused(DenyCode),
}

/// Decides whether a use may be released, from the approval with its votes, its uses so far, and
/// who may review it now. The votes are counted again: a state that somebody wrote into the store
/// releases nothing.
///
/// A principal other than the requester learns nothing, not even that the approval exists.
pub fn decide(
    approval: &Approval,
    ask: &Ask<'_>,
    uses: &[Use],
    panel: &Panel,
    now: Timestamp,
) -> Decision {
    if approval.principal != *ask.principal {
        return Decision::Refused(DenyCode::UnknownApproval);
    }
    if !approval.fingerprint_mac.matches(&ask.fingerprint_mac) {
        return Decision::Refused(DenyCode::Mismatch);
    }
    let state = approval.state_at(now);
    if state == State::Revoked {
        // Not even the stream that has used it is answered again.
        return Decision::Refused(DenyCode::Revoked);
    }
    if is_stopped(approval, ask) {
        return Decision::Refused(DenyCode::Stopped);
    }
    if let Some(decision) = decide_used(approval, ask, uses, now) {
        return decision;
    }
    if let Some(denial) = state.denial() {
        return Decision::Refused(denial);
    }
    if approval.policy != ask.policy {
        return Decision::Refused(DenyCode::Superseded);
    }
    if state != State::Approved {
        return Decision::Pending;
    }
    match (approval.count(panel), approval.grant_expires) {
        (Some(count), Some(expires)) if approval.is_enough(&count.people, panel) => {
            Decision::Allow(Grant {
                scope: count.agreed.intersection(&approval.granted),
                seen: approval.seen.is_some(),
                expires,
            })
        }
        _ => Decision::Refused(DenyCode::Superseded),
    }
}

/// Whether what is asked is stopped: a release in an emergency too.
pub(super) fn is_stopped(approval: &Approval, ask: &Ask<'_>) -> bool {
    let releasing = Releasing {
        gateway: ask.gateway,
        action: &approval.action,
        principal: &approval.principal,
        lineage: &approval.lineage,
        approval: Some(&approval.id),
        emergency: approval.emergency.as_ref(),
    };
    ask.stops.iter().any(|stop| stop.stops(&releasing))
}

/// The answer where there has been a use by this stream, or there is none left.
fn decide_used(
    approval: &Approval,
    ask: &Ask<'_>,
    uses: &[Use],
    now: Timestamp,
) -> Option<Decision> {
    let own = uses
        .iter()
        .find(|made| made.use_key == ask.use_key && made.gateway == *ask.gateway);
    match own {
        Some(own) if now.since(own.at) <= REPLAY_WINDOW => Some(Decision::Replay(own.clone())),
        None if is_left(approval, uses) && approval.state != State::Used => None,
        None if ask.waiting => Some(Decision::Taken),
        _ => Some(Decision::Refused(DenyCode::Used)),
    }
}

/// Whether the grant may be used once more: by the uses that are written, and by the case's own count.
fn is_left(approval: &Approval, uses: &[Use]) -> bool {
    let written = u32::try_from(uses.len()).unwrap_or(u32::MAX);
    written.max(approval.used) < approval.uses
}
