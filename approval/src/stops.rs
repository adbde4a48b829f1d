//! Stopping: what must not be released from now on, and how workers learn of it.
//!
//! A worker lifts only while it has a lease. Each call of [`LeaseRequest`] that is answered with a
//! [`SignedNotice`] gives it one, for [`LEASE`] from when the call was *sent*; the notice names every
//! stop there is. So a stop holds in every worker [`LEASE`] after it was written at the latest: whoever
//! has not heard of it has no lease any more. The nonce makes the answer fresh without comparing
//! clocks.

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::allow::SignatureError;
use crate::directory::Party;
use crate::record::{Record, Stopped};
use crate::signed;
use crate::words::{
    ActionName, ApprovalId, EmergencyId, GatewayId, Identity, Lineage, PersonId, StopId, Timestamp,
    UseKey, WorkerId,
};

/// How long a worker lifts after it sent the call that was answered.
pub const LEASE: Duration = Duration::from_secs(10);

/// For how long workers are told of a stop after the grant's end that it stops: longer than a stream may
/// lift by an answer that came again ([`REPLAY_WINDOW`](crate::REPLAY_WINDOW)).
const TOLD_AFTERWARDS: Duration = Duration::from_mins(5);

/// Signed before the bytes of a [`Notice`].
const DOMAIN: &[u8] = b"velum-stops-v1\0";

/// What is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum StopScope {
    /// Every release.
    Everything,
    /// Every release through one gateway.
    Gateway {
        /// Which.
        id: GatewayId,
    },
    /// Every release of one action.
    Action {
        /// Which.
        name: ActionName,
    },
    /// Every release that somebody asks for or stands behind.
    Principal {
        /// Who.
        identity: Identity,
    },
    /// One approval: what revoking it makes.
    Approval {
        /// Which.
        id: ApprovalId,
    },
    /// Every release under one emergency access: what reviewing it makes.
    Emergency {
        /// Which.
        id: EmergencyId,
    },
}

/// A release that may be stopped.
#[derive(Clone, Copy, Debug)]
pub struct Releasing<'a> {
    /// Through which gateway.
    pub gateway: &'a GatewayId,
    /// Of which action.
    pub action: &'a ActionName,
    /// Who asks.
    pub principal: &'a Identity,
    /// Who stands behind it.
    pub lineage: &'a Lineage,
    /// Under which approval, if there is one yet.
    pub approval: Option<&'a ApprovalId>,
    /// Under which emergency access, if it is under one.
    pub emergency: Option<&'a EmergencyId>,
}

impl StopScope {
    /// The name of the kind, as in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Gateway { .. } => "gateway",
            Self::Action { .. } => "action",
            Self::Principal { .. } => "principal",
            Self::Approval { .. } => "approval",
            Self::Emergency { .. } => "emergency",
        }
    }

    /// Whether such a stop is part of another operation, and nobody ends it: revoking an approval,
    /// reviewing an emergency access.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Approval { .. } | Self::Emergency { .. })
    }

    /// Whether the release is stopped by it.
    pub fn stops(&self, releasing: &Releasing<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Gateway { id } => id == releasing.gateway,
            Self::Action { name } => name == releasing.action,
            Self::Principal { identity } => {
                identity == releasing.principal || releasing.lineage.identities().contains(identity)
            }
            Self::Approval { id } => releasing.approval == Some(id),
            Self::Emergency { id } => releasing.emergency == Some(id),
        }
    }
}

/// A stop, from when it is written until another person resumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Its id.
    pub id: StopId,
    /// What is stopped.
    pub scope: StopScope,
    /// Who stopped it.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// When there is nothing left for it to stop, where that is known: then workers are no longer told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who resumed it, and when.
    pub resumed: Option<(PersonId, Timestamp)>,
}

/// Why a stop does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeRefused {
    /// The person who stopped it, or whom it stops.
    SamePerson,
    /// It has ended.
    Ended,
    /// An approval that was revoked, or an emergency access that was reviewed, stays so.
    Final,
}

impl ResumeRefused {
    /// The name used in problem types and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::SamePerson => "same-person",
            Self::Ended => "already-resumed",
            Self::Final => "revoked-for-good",
        }
    }
}

impl Stop {
    /// Stops, with the record that says so. Any reviewer may: it only closes. `principal`: whom the
    /// identity of the scope belongs to, as far as the directory knows.
    pub fn begin(
        id: StopId,
        scope: StopScope,
        principal: Option<&Party>,
        by: PersonId,
        now: Timestamp,
    ) -> (Self, Record) {
        Self::write(
            Self {
                id,
                scope,
                by,
                at: now,
                until: None,
                resumed: None,
            },
            principal,
        )
    }

    /// Stops what runs under a grant that ends at `lifts_until`. Workers are told for some minutes more:
    /// their clocks are not the service's.
    pub fn of_grant(
        id: StopId,
        scope: StopScope,
        by: PersonId,
        lifts_until: Timestamp,
        now: Timestamp,
    ) -> (Self, Record) {
        Self::write(
            Self {
                id,
                scope,
                by,
                at: now,
                until: Some(lifts_until.max(now).after(TOLD_AFTERWARDS)),
                resumed: None,
            },
            None,
        )
    }

    fn write(stop: Self, principal: Option<&Party>) -> (Self, Record) {
        let record = Record::Stopped(Box::new(Stopped::of(&stop, principal)));
        (stop, record)
    }

    /// Ends the stop, with its record.
    ///
    /// # Errors
    /// When the person who stopped or whom it stops says so, or there is nothing to end.
    pub fn resume(
        &self,
        principal: Option<&Party>,
        by: &PersonId,
        now: Timestamp,
    ) -> Result<(Self, Record), ResumeRefused> {
        if self.resumed.is_some() {
            return Err(ResumeRefused::Ended);
        }
        if self.scope.is_final() {
            return Err(ResumeRefused::Final);
        }
        if *by == self.by || principal.is_some_and(|stopped| stopped.person() == by) {
            return Err(ResumeRefused::SamePerson);
        }
        let stop = Self {
            resumed: Some((by.clone(), now)),
            ..self.clone()
        };
        let record = Record::Stopped(Box::new(Stopped::of(&stop, principal)));
        Ok((stop, record))
    }
}

/// `POST /v1/leases`: a worker asks for a lease. With `Prefer: wait` it is answered when there is a
/// newer version than the one seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LeaseRequest {
    /// Who asks.
    pub worker: WorkerId,
    /// Random, for this call alone.
    pub nonce: UseKey,
    /// The version that the worker keeps to; 0 for none.
    pub seen: u64,
}

/// What is stopped, for one call of one worker. Unknown fields are refused, since one of them may stop
/// something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The gateway that asked.
    pub gateway: GatewayId,
    /// Its worker.
    pub worker: WorkerId,
    /// The call's nonce.
    pub nonce: UseKey,
    /// Goes up with every stop and every end of one.
    pub version: u64,
    /// Every stop there is.
    pub stops: Vec<StopScope>,
}

/// A [`Notice`] as it travels: its exact bytes, and an Ed25519 signature over them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedNotice {
    /// base64url of the JSON of the [`Notice`].
    pub notice: String,
    /// base64url of the signature over `"velum-stops-v1\0"` and the JSON bytes.
    pub signature: String,
}

impl SignedNotice {
    /// Signs.
    pub fn sign(notice: &Notice, key: &SigningKey) -> Self {
        let (notice, signature) = signed::sign(DOMAIN, notice, key);
        Self { notice, signature }
    }

    /// Gives the [`Notice`] if one of `keys` signed it and it answers this very call.
    ///
    /// # Errors
    /// Anything else; the worker has no new lease then.
    pub fn verify(
        &self,
        keys: &[[u8; 32]],
        asked: &LeaseRequest,
    ) -> Result<Notice, SignatureError> {
        let notice: Notice = signed::verify(DOMAIN, &self.notice, &self.signature, keys)?;
        if notice.nonce != asked.nonce || notice.worker != asked.worker {
            return Err(SignatureError::UseKey);
        }
        Ok(notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{AgentId, IdentityKind};

    fn jwt(subject: &str) -> Identity {
        Identity::new(IdentityKind::Jwt, "https://idp.example", subject).unwrap()
    }

    fn person(id: &str) -> PersonId {
        PersonId::new(id).unwrap()
    }

    #[test]
    fn a_stop_stops_what_it_names_and_nothing_else() {
        let (gateway, action) = (
            GatewayId::new("edge").unwrap(),
            ActionName::new("read").unwrap(),
        );
        let (bot, doctor) = (jwt("triage-bot"), jwt("dr-jones"));
        let lineage = Lineage::new(vec![bot.clone(), doctor.clone()]).unwrap();
        let approval = ApprovalId::new("a1").unwrap();
        let emergency = EmergencyId::new("e1").unwrap();
        let releasing = Releasing {
            gateway: &gateway,
            action: &action,
            principal: &bot,
            lineage: &lineage,
            approval: Some(&approval),
            emergency: Some(&emergency),
        };
        let principal = |identity| StopScope::Principal { identity };
        let stopped = [
            StopScope::Everything,
            StopScope::Gateway {
                id: gateway.clone(),
            },
            StopScope::Action {
                name: action.clone(),
            },
            principal(bot.clone()),
            principal(doctor),
            StopScope::Approval {
                id: approval.clone(),
            },
            StopScope::Emergency {
                id: emergency.clone(),
            },
        ];
        for scope in &stopped {
            assert!(scope.stops(&releasing), "{scope:?}");
        }
        for scope in [
            StopScope::Gateway {
                id: GatewayId::new("other").unwrap(),
            },
            StopScope::Action {
                name: ActionName::new("purge").unwrap(),
            },
            principal(jwt("grace")),
            StopScope::Approval {
                id: ApprovalId::new("a2").unwrap(),
            },
            StopScope::Emergency {
                id: EmergencyId::new("e2").unwrap(),
            },
        ] {
            assert!(!scope.stops(&releasing), "{scope:?}");
        }
        let undecided = Releasing {
            approval: None,
            ..releasing
        };
        assert!(
            !StopScope::Approval {
                id: approval.clone()
            }
            .stops(&undecided)
        );
    }

    #[test]
    fn resuming_takes_another_person_once() {
        let now = Timestamp::from_millis(1_795_464_104_123);
        let id = StopId::new("s1").unwrap();
        let (stop, _) = Stop::begin(
            id.clone(),
            StopScope::Everything,
            None,
            person("grace"),
            now,
        );
        assert_eq!(
            stop.resume(None, &person("grace"), now),
            Err(ResumeRefused::SamePerson)
        );
        let (ended, _) = stop.resume(None, &person("omar"), now).unwrap();
        assert_eq!(
            ended.resume(None, &person("grace"), now),
            Err(ResumeRefused::Ended)
        );
        let scope = StopScope::Approval {
            id: ApprovalId::new("a1").unwrap(),
        };
        let (revoked, _) = Stop::of_grant(id, scope, person("grace"), now, now);
        assert_eq!(
            revoked.resume(None, &person("omar"), now),
            Err(ResumeRefused::Final)
        );
        // Whoever lifts by an answer that came again has ended before workers hear no more of it.
        assert!(revoked.until > Some(now.after(crate::REPLAY_WINDOW)));
    }

    #[test]
    fn who_is_stopped_or_answers_for_it_does_not_resume() {
        let now = Timestamp::from_millis(1_795_464_104_123);
        let scope = StopScope::Principal {
            identity: jwt("triage-bot"),
        };
        let jones = person("dr-jones");
        let stopped = Party::Agent {
            id: AgentId::new("triage-bot").unwrap(),
            owner: jones.clone(),
        };
        let id = StopId::new("s1").unwrap();
        let (stop, _) = Stop::begin(id, scope, Some(&stopped), person("grace"), now);
        assert_eq!(
            stop.resume(Some(&stopped), &jones, now),
            Err(ResumeRefused::SamePerson)
        );
        assert!(stop.resume(Some(&stopped), &person("omar"), now).is_ok());
    }

    #[test]
    fn only_the_answer_to_this_call_is_a_lease() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let keys = [key.verifying_key().to_bytes()];
        let asked = LeaseRequest {
            worker: WorkerId::from_bytes([1; 16]),
            nonce: UseKey::from_bytes([2; 16]),
            seen: 0,
        };
        let notice = Notice {
            gateway: GatewayId::new("edge").unwrap(),
            worker: asked.worker,
            nonce: asked.nonce,
            version: 7,
            stops: vec![StopScope::Everything],
        };
        let signed = SignedNotice::sign(&notice, &key);
        assert_eq!(signed.verify(&keys, &asked), Ok(notice.clone()));
        let other_call = LeaseRequest {
            nonce: UseKey::from_bytes([3; 16]),
            ..asked.clone()
        };
        let other_worker = LeaseRequest {
            worker: WorkerId::from_bytes([3; 16]),
            ..asked.clone()
        };
        for asked in [other_call, other_worker] {
            assert_eq!(signed.verify(&keys, &asked), Err(SignatureError::UseKey));
        }
        let forged = SignedNotice::sign(&notice, &SigningKey::from_bytes(&[2; 32]));
        assert_eq!(forged.verify(&keys, &asked), Err(SignatureError::Signature));
        let unsigned = SignedNotice {
            signature: String::new(),
            ..signed
        };
        assert_eq!(
            unsigned.verify(&keys, &asked),
            Err(SignatureError::Encoding)
        );
    }
}
