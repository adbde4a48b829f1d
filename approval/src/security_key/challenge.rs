//! What a security key is asked to sign.

use std::time::Duration;

use sha2::{Digest, Sha256};
use velum_engine::{Class, ClassSet};

use crate::case::{Approval, Verdict};
use crate::record::canonical::{Object, UnsafeInteger, Value};
use crate::scope::Scope;
use crate::words::{
    ActionName, ApprovalId, Commitment, FingerprintMac, KeyNonce, PersonId, PolicyDigest, RuleName,
    Timestamp, base64url_encode,
};

/// How long a challenge may be answered.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_mins(5);

/// All that a yes is to. Whatever of it changes makes another challenge, so that an answer to one is none to
/// another.
///
/// The fingerprint's code stands for the request: principal chain, method, authority, path, query, headers and body.
/// All of it stands in the audit log too, so that whoever has the log can make the challenge again.
#[derive(Clone, Copy, Debug)]
pub struct Approving<'a> {
    /// Who says it.
    pub person: &'a PersonId,
    /// Of which approval.
    pub approval: &'a ApprovalId,
    /// The version of it that was shown.
    pub version: u64,
    /// The action that is asked for.
    pub action: &'a ActionName,
    /// What it is bound to.
    pub fingerprint_mac: FingerprintMac,
    /// The policy under which it was asked.
    pub policy: PolicyDigest,
    /// The classes asked for.
    pub asked: ClassSet,
    /// How many times the grant may be used.
    pub uses: u32,
    /// The digest of the tags of what was seen, if anything was.
    pub tags: Option<[u8; 32]>,
    /// The digest of the shape of what was seen, if one was shown.
    pub shape: Option<[u8; 32]>,
    /// A commitment to the reason that was shown.
    pub reason: Option<Commitment>,
    /// How much is approved.
    pub scope: &'a Scope,
    /// For how long, where that is less than it would be.
    pub seconds: Option<u32>,
    /// Although nobody has seen what the response holds.
    pub unseen: bool,
    /// When the challenge is made.
    pub at: Timestamp,
    /// What nobody knew before.
    pub nonce: KeyNonce,
}

impl<'a> Approving<'a> {
    /// What this person says with this verdict; `None` where it is no yes.
    pub fn of(
        approval: &'a Approval,
        person: &'a PersonId,
        verdict: &'a Verdict,
        (version, at, nonce): (u64, Timestamp, KeyNonce),
    ) -> Option<Self> {
        let Verdict::Approve {
            scope,
            seconds,
            unseen,
        } = verdict
        else {
            return None;
        };
        Some(Self {
            person,
            approval: &approval.id,
            version,
            action: &approval.action,
            fingerprint_mac: approval.fingerprint_mac,
            policy: approval.policy,
            asked: approval.classes,
            uses: approval.uses,
            tags: approval.seen.as_ref().map(|seen| seen.tags),
            shape: approval.seen.as_ref().and_then(|seen| seen.shape),
            reason: approval.reason,
            scope,
            seconds: *seconds,
            unseen: *unseen,
            at,
            nonce,
        })
    }

    /// SHA-256 of `velum-webauthn-approve-v1`, a zero byte and the canonical JSON (RFC 8785) of what is approved.
    ///
    /// # Errors
    /// When a number is larger than JSON can hold exactly: nothing that anybody can approve.
    pub fn challenge(&self) -> Result<[u8; 32], UnsafeInteger> {
        let names = |classes: ClassSet| classes.iter().map(Class::name).collect::<Value>();
        let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let rules = self.scope.rules.as_ref();
        let scope = Object::new()
            .with_some("bytes", self.scope.limits.bytes.map(number))
            .with("classes", names(self.scope.classes))
            .with_some("records", self.scope.limits.records.map(number))
            .with_some(
                "rules",
                rules.map(|rules| rules.iter().map(RuleName::as_str).collect::<Value>()),
            )
            .with_some("seconds", self.seconds)
            .with_some("unseen", self.unseen.then_some(true));
        let what = Object::new()
            .with("action", self.action.as_str())
            .with("approval", self.approval.as_str())
            .with("asked", names(self.asked))
            .with("at", self.at.to_string())
            .with("fingerprint_mac", self.fingerprint_mac.to_string())
            .with("nonce", self.nonce.to_string())
            .with("person", self.person.as_str())
            .with("policy", self.policy.to_string())
            .with_some("reason_commitment", self.reason.map(|it| it.to_string()))
            .with("scope", scope)
            .with_some("shape", self.shape.map(|shape| base64url_encode(&shape)))
            .with_some("tags", self.tags.map(|tags| base64url_encode(&tags)))
            .with("uses", self.uses)
            .with("verdict", "approve")
            .with("version", number(self.version));
        let what = Value::Object(what).to_canonical()?;
        let mut digest = Sha256::new();
        digest.update(b"velum-webauthn-approve-v1\0");
        digest.update(what);
        Ok(digest.finalize().into())
    }
}
