//! What the data of records are made of.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use velum_engine::ClassSet;

use super::extent::Extent;
use super::moment::Moment;
use crate::case::State;
use crate::directory::Party;
use crate::evidence::End;
use crate::found::Found;
use crate::keys::KeyedToken;
use crate::record::{Part, ReaderRole};
use crate::security_key::{ClientForm, CredentialKey, KeyOrigin, KeySignature};
use crate::words::{
    ActionName, ApprovalId, Commitment, CredentialId, EmergencyId, FingerprintMac, GatewayId,
    KeyNonce, LogName, PersonId, PolicyDigest, RuleName, StopId, UseKey, WorkerId,
};

/// How far the approval is after the change that the record tells.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) id: ApprovalId,
    pub(super) state: State,
    pub(super) version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    pub(super) id: ApprovalId,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Gateway {
    Gateway { id: GatewayId },
}

impl Gateway {
    pub(super) fn id(&self) -> &GatewayId {
        let Self::Gateway { id } = self;
        id
    }
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Person {
    Person { id: PersonId },
}

impl Person {
    pub(super) fn id(&self) -> &PersonId {
        let Self::Person { id } = self;
        id
    }
}

/// Whom the first record of an approval names, or the service.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Nameless {
    Gateway {},
    Requester {},
    Service {},
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Anybody {
    Person { id: PersonId },
    Requester {},
    Service {},
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) action: ActionName,
    #[serde(with = "crate::class_names")]
    pub(super) classes: ClassSet,
    pub(super) fingerprint_mac: FingerprintMac,
    #[serde(default, rename = "found")]
    _found: Option<Found>,
    #[serde(rename = "method")]
    _method: Method,
    pub(super) path: String,
    pub(super) policy: PolicyDigest,
    pub(super) query: String,
    #[serde(default, rename = "reason_commitment")]
    pub(super) reason: Option<Commitment>,
    #[serde(rename = "resource")]
    _resource: KeyedToken,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Trace,
    Connect,
    Other,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    #[serde(rename = "bytes")]
    _bytes: u64,
    #[serde(rename = "complete")]
    _complete: bool,
    #[serde(rename = "found")]
    _found: Found,
    #[serde(rename = "records")]
    _records: u64,
    #[serde(default)]
    pub(super) shape: Option<PolicyDigest>,
    /// SHA-256 in base64url, as a policy's is.
    pub(super) tags: PolicyDigest,
    #[serde(rename = "values")]
    _values: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vote {
    pub(super) verdict: Verdict,
    #[serde(default)]
    pub(super) assertion: Option<Signed>,
    #[serde(default)]
    pub(super) scope: Option<Reach>,
    #[serde(default, rename = "comment_commitment")]
    _comment: Option<Commitment>,
    #[serde(default, rename = "public_reason_commitment")]
    _public_reason: Option<Commitment>,
}

/// What a security key has signed of a yes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signed {
    pub(super) at: Moment,
    pub(super) client: ClientForm,
    pub(super) count: u32,
    pub(super) credential: CredentialId,
    pub(super) flags: u8,
    pub(super) nonce: KeyNonce,
    pub(super) signature: KeySignature,
    pub(super) version: u64,
}

/// A security key that is added.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyAdded {
    pub(super) flags: u8,
    pub(super) from: Moment,
    pub(super) id: CredentialId,
    pub(super) key: CredentialKey,
    pub(super) origin: KeyOrigin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AboutKey {
    pub(super) id: CredentialId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Approve,
    Deny,
    TakeBack,
}

/// How far a yes reaches: an [`Extent`], and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reach {
    #[serde(default)]
    bytes: Option<u64>,
    #[serde(with = "crate::class_names")]
    classes: ClassSet,
    #[serde(default)]
    records: Option<u64>,
    #[serde(default)]
    rules: Option<BTreeSet<RuleName>>,
    #[serde(default)]
    pub(super) seconds: Option<u32>,
    #[serde(default)]
    pub(super) unseen: bool,
}

impl Reach {
    pub(super) fn extent(&self) -> Extent {
        Extent {
            bytes: self.bytes,
            classes: self.classes,
            records: self.records,
            rules: self.rules.clone(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    pub(super) expires: Moment,
    pub(super) scope: Extent,
    pub(super) uses: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Use {
    #[serde(default)]
    pub(super) emergency: Option<EmergencyId>,
    pub(super) expires: Moment,
    pub(super) fingerprint_mac: FingerprintMac,
    pub(super) key: UseKey,
    pub(super) number: u32,
    pub(super) of: u32,
    pub(super) policy: PolicyDigest,
    pub(super) scope: Extent,
    /// SHA-256 in base64url, as a policy's is.
    #[serde(default)]
    pub(super) tags: Option<PolicyDigest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Cause {
    Policy,
    Reviewers,
    Recovery,
}

/// What a record about the log itself tells of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AboutLog {
    pub(super) first: Option<u64>,
    pub(super) key: Option<PolicyDigest>,
    pub(super) name: Option<LogName>,
    pub(super) next: Option<LogName>,
    pub(super) old_key: Option<PolicyDigest>,
    pub(super) previous: Option<Previous>,
    pub(super) pruned: Option<Previous>,
    pub(super) restored: Option<u64>,
    #[serde(default)]
    pub(super) unsigned: Option<u64>,
}

/// The log before this one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Previous {
    pub(super) name: LogName,
    #[serde(rename = "root")]
    _root: PolicyDigest,
    pub(super) size: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    pub(super) bytes: u64,
    pub(super) drift: Found,
    pub(super) end: End,
    pub(super) key: UseKey,
    pub(super) lifted: Found,
    #[serde(rename = "masked")]
    _masked: Found,
    pub(super) records: u64,
    #[serde(rename = "status")]
    _status: u16,
    pub(super) used_at: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Events {
    #[serde(rename = "digest")]
    _digest: PolicyDigest,
    pub(super) lost: u64,
    #[serde(rename = "masked")]
    _masked: u64,
    pub(super) missing: u64,
    #[serde(rename = "requests")]
    _requests: u64,
    pub(super) sequence: u64,
    pub(super) worker: WorkerId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stop {
    pub(super) id: StopId,
    pub(super) kind: StopKind,
    /// Whom it stops, as far as the directory knew.
    #[serde(default)]
    pub(super) principal: Option<Party>,
    #[serde(default)]
    pub(super) what: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StopKind {
    Everything,
    Gateway,
    Action,
    Principal,
    Approval,
    Emergency,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    pub(super) action: ActionName,
    pub(super) id: EmergencyId,
    pub(super) opened_by: PersonId,
    #[serde(rename = "reason_commitment")]
    _reason: Commitment,
    pub(super) until: Moment,
    pub(super) uses: u32,
    pub(super) version: u64,
}

/// Why a reviewer's word changed nothing: the names of [`Refused`](crate::Refused),
/// [`ResumeRefused`](crate::ResumeRefused) and [`EmergencyRefused`](crate::EmergencyRefused).
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NotDone {
    AlreadyDecided,
    AlreadyResumed,
    AlreadyReviewed,
    EmergencyLifetime,
    EmergencyUnreviewed,
    Expired,
    KeyCopied,
    NoEmergency,
    NoEmergencyAccess,
    NoReviewer,
    NoVote,
    NotAReviewer,
    NotApproved,
    NotDue,
    NotProven,
    NotShown,
    NotTheRequester,
    NotTheStream,
    NothingApproved,
    RevokedForGood,
    SamePerson,
    SelfApproval,
    StaleVersion,
    TooManyRules,
    Unchanged,
    UnknownRule,
    Unseen,
    WiderThanAsked,
}

/// What somebody has shown to sign in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    #[serde(rename = "by")]
    _by: ShownKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ShownKind {
    Link,
    Provider,
}

/// Where somebody has signed out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Left {
    #[serde(rename = "everywhere")]
    _everywhere: bool,
}

/// What somebody has read of the log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Readings {
    #[serde(rename = "as")]
    _role: ReaderRole,
    pub(super) counts: BTreeMap<Part, u64>,
    pub(super) since: Moment,
}

/// Why nobody was signed in: the words of [`SignInRefused`](crate::record::SignInRefused).
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NotSignedIn {
    BadSignature,
    BadToken,
    DeniedByProvider,
    IdentityUnknown,
    LinkOver,
    NoToken,
    NotFresh,
    NotAReviewer,
    OtherAudience,
    OtherIssuer,
    OtherNonce,
    OtherPerson,
    OtherProvider,
    OtherState,
    Repeated,
    TokenOver,
}
