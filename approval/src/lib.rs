//! The words, the messages and the rules of an approval.
//!
//! Everything here is pure: no I/O, no clock, no randomness. Times, salts and ids are arguments,
//! so the same code runs in the proxy's filter, in the policy service, in the command line and in
//! a model checker.
//!
//! - the words: [`Identity`], [`Lineage`], [`ApprovalId`], [`Fingerprint`], … can only be made from
//!   text or bytes that can be what they say;
//! - [`messages`]: what the filter and the policy service say to each other, and [`SignedAllow`],
//!   the only answer that lifts anything;
//! - [`Directory`] and [`Panel`]: who is behind a request, and who may therefore review it;
//! - [`transition`]: the one place where an [`Approval`] changes, each change with its [`Record`];
//! - [`decide`]: whether a use of an approval may be released now;
//! - [`Approving`] and [`Credential`]: what a security key signs of a yes, and, behind the feature `security-keys`,
//!   whether it did;
//! - [`Record`]: the audit events, which have no room for a value that may be PHI;
//! - `replay`, behind the feature of that name: whether an audit log tells of a release without the
//!   people that it needed, by rules written a second time.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod class_names;
pub mod messages;

pub mod record;

#[cfg(feature = "replay")]
pub mod replay;

#[cfg(feature = "openapi")]
pub mod schema;

mod allow;
mod case;
mod directory;
mod emergency;
mod evidence;
mod fingerprint;
mod found;
mod keys;
mod panel;
mod scope;
mod security_key;
mod shape;
mod signed;
mod stops;
mod tags;
mod words;

pub use allow::{Allow, Expected, PublicKey, SignatureError, SignedAllow};
pub use case::{
    Approval, Ask, Ballot, Cause, Decision, Event, Grant, Need, Opening, REPLAY_WINDOW, REVOCABLE,
    Refused, State, Use, Verdict, Vote, decide, transition,
};
pub use directory::{
    Directory, DirectoryBuilder, DirectoryError, ExcludedPersons, LineageUnknown, Party,
};
pub use ed25519_dalek::SigningKey;
pub use emergency::{
    Emergency, EmergencyOpening, EmergencyRefused, MOST_EMERGENCY, MOST_EXCLUDED, Reviewed,
};
pub use evidence::{End, Evidence, OutcomeReport, Seen};
pub use fingerprint::{FingerprintInput, UNBOUND_HEADERS, UNBOUND_PREFIXES, fingerprint, is_bound};
pub use found::Found;
pub use keys::{KeyedToken, derive_key, keyed_token};
pub use messages::{Answer, Check, DenyCode};
pub use panel::{Panel, ReviewRule, Reviewers, RuleError};
pub use record::{LeafError, Record};
pub use scope::{GrantLimits, Scope};
pub use security_key::{
    Approving, Assertion, CHALLENGE_LIFETIME, ClientForm, Credential, CredentialKey, KeyOrigin,
    KeySignature, StepUp,
};
#[cfg(feature = "security-keys")]
pub use security_key::{
    Registered, Unproven, challenge_to_register, read_assertion, read_registration,
};
pub use shape::{MaskedBy, Shape, ShapeField};
pub use stops::{
    LEASE, LeaseRequest, Notice, Releasing, ResumeRefused, SignedNotice, Stop, StopScope,
};
pub use tags::Tags;
pub use words::{
    ActionName, AgentId, ApprovalId, Commitment, CredentialId, EmergencyId, FieldPath, Fingerprint,
    FingerprintMac, GatewayId, GroupName, Identity, IdentityKind, InvalidWord, KeyCoordinate,
    KeyNonce, Lineage, LogName, PersonId, PolicyDigest, Reason, RecordId, RouteTemplate,
    RouteWords, RuleName, Salt, StopId, Timestamp, UseKey, WorkerId,
};
