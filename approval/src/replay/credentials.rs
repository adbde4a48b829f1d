//! Security keys, and what they have signed.
//!
//! What a yes was to is made up anew from the records: of the request, of what was seen, and of the reason. So a
//! signature that was made for anything else is found.

use std::collections::BTreeMap;

use super::cases::Case;
use super::findings::Findings;
use super::kind::Kind;
use super::members::{KeyAdded, Reach, Signed};
use super::said::{KeyRemoved, KeyStored};
use crate::scope::{GrantLimits, Scope};
use crate::security_key::{Approving, Assertion, Credential, StepUp, Unproven};
use crate::words::{ApprovalId, CredentialId, PersonId, Timestamp};

/// The security keys that records tell of.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    known: BTreeMap<CredentialId, Known>,
    /// Records were lost, or are not here: of what is not known there may have been one.
    has_lost: bool,
}

#[derive(Debug)]
struct Known {
    credential: Credential,
    /// Its counter, as far as it has signed anything.
    count: Option<u32>,
    is_removed: bool,
}

/// A yes as it is said.
pub(super) struct Said<'a> {
    pub(super) person: &'a PersonId,
    pub(super) approval: &'a ApprovalId,
    pub(super) reach: &'a Reach,
    pub(super) signed: Option<&'a Signed>,
    pub(super) now: Timestamp,
    /// Whether a record may be about something of a log that was not read, that does not end by itself; and the
    /// same of what does.
    pub(super) may_rest: (bool, bool),
}

impl Credentials {
    pub(super) fn lose(&mut self) {
        self.has_lost = true;
    }

    pub(super) fn added(&mut self, said: KeyStored, now: Timestamp, found: &mut Findings) {
        let person = said.actor.id().clone();
        let KeyAdded {
            flags,
            from,
            id,
            key,
            origin,
        } = said.credential;
        found.require(
            from.0 >= now,
            Kind::Contradiction,
            "A security key counts from before it was added.",
        );
        let credential = Credential {
            id,
            person,
            key,
            origin,
            flags,
            added: now,
            from: from.0,
        };
        let known = Known {
            credential,
            count: None,
            is_removed: false,
        };
        if self.known.insert(id, known).is_some() {
            found.add(
                Kind::KeyTwice,
                "A security key of this id was added before: whose it is cannot be told.",
            );
        }
    }

    pub(super) fn removed(&mut self, said: &KeyRemoved, may_rest: bool, found: &mut Findings) {
        let may_rest = may_rest || self.has_lost;
        match self.known.get_mut(&said.credential.id) {
            Some(known) => {
                found.require(
                    known.credential.person == *said.actor.id() && !known.is_removed,
                    Kind::KeyUnknown,
                    "A security key is removed that is somebody else's, or was removed before.",
                );
                known.is_removed = true;
            }
            None if may_rest => found.add(
                Kind::OfLogBefore,
                "The security key was added in the log before this one, or never.",
            ),
            None => found.add(
                Kind::KeyUnknown,
                "A security key is removed that nobody added.",
            ),
        }
    }

    /// Whether a yes is what the approval asks for: signed by a security key, or after signing in anew. Gives the
    /// key that has signed it.
    pub(super) fn check(
        &mut self,
        case: &Case,
        said: &Said<'_>,
        found: &mut Findings,
    ) -> Option<CredentialId> {
        let Some(signed) = said.signed else {
            match case.step_up {
                Some(StepUp::Webauthn) => found.add(
                    Kind::VoteNotProven,
                    "The action asks for a security key, and none has signed this yes.",
                ),
                Some(StepUp::FreshLogin)
                    if !case.confirmed.contains(said.person) && !said.may_rest.1 =>
                {
                    found.add(
                        Kind::VoteNotProven,
                        "The action asks whoever approves to sign in anew, and they did not.",
                    );
                }
                _ => {}
            }
            return None;
        };
        match self.prove(case, said, signed) {
            Ok(()) => Some(signed.credential),
            Err(None) if said.may_rest.0 || self.has_lost => {
                found.add(
                    Kind::OfLogBefore,
                    "The security key was added in the log before this one, or never: what it signed is not verified.",
                );
                Some(signed.credential)
            }
            Err(None) => {
                found.add(
                    Kind::VoteNotProven,
                    "Nobody added the security key that signed.",
                );
                None
            }
            Err(Some(fault)) => {
                let sentence = format!("No security key proves this yes: {fault}.");
                found.add(Kind::VoteNotProven, sentence);
                None
            }
        }
    }

    /// `Err(None)` where the key is not known.
    fn prove(
        &mut self,
        case: &Case,
        said: &Said<'_>,
        signed: &Signed,
    ) -> Result<(), Option<Unproven>> {
        let known = self.known.get_mut(&signed.credential).ok_or(None)?;
        if known.is_removed {
            return Err(Some(Unproven::OtherCredential));
        }
        let assertion = Assertion {
            credential: signed.credential,
            nonce: signed.nonce,
            at: signed.at.0,
            version: signed.version,
            client: signed.client,
            flags: signed.flags,
            count: signed.count,
            signature: signed.signature.clone(),
        };
        let extent = said.reach.extent();
        let scope = Scope {
            classes: extent.classes,
            rules: extent.rules,
            limits: GrantLimits {
                records: extent.records,
                bytes: extent.bytes,
            },
        };
        let what = Approving {
            person: said.person,
            approval: said.approval,
            // The version before this change, which was shown.
            version: case.version,
            action: &case.action,
            fingerprint_mac: case.fingerprint,
            policy: case.policy,
            asked: case.asked,
            uses: case.uses,
            tags: case.seen.map(|tags| *tags.as_bytes()),
            shape: case.shape.map(|shape| *shape.as_bytes()),
            reason: case.reason,
            scope: &scope,
            seconds: said.reach.seconds,
            unseen: said.reach.unseen,
            at: signed.at.0,
            nonce: signed.nonce,
        };
        assertion.is_in_time(said.now)?;
        known.credential.verify(&assertion, &what)?;
        if let Some(before) = known.count {
            Credential::counts_on(before, signed.count)?;
        }
        known.count = Some(signed.count);
        Ok(())
    }

    /// Whether a key that has signed something is still its person's.
    pub(super) fn is_there(&self, id: &CredentialId) -> bool {
        self.known.get(id).is_none_or(|known| !known.is_removed)
    }
}
