//! Break-glass: access in an emergency, without any review before it and with one after it
/// (HIPAA, 45 CFR 164.312(a)(2)(ii)).
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

use crate::directory::{ExcludedPersons, Party};
use crate::record::{EmergencyEvent, Record};
use crate::words::{ActionName, Commitment, EmergencyId, Identity, PersonId, Timestamp};

/// How many persons may be behind what is released under one access: as many as its record holds.
pub const MOST_EXCLUDED: usize = 64;

/// The longest that an emergency access lasts.
pub const MOST_EMERGENCY: Duration = Duration::from_hours(1);

/// An access that one person of a named group opened for one principal and one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// Its id.
    pub id: EmergencyId,
    /// Who opened it.
    pub opened_by: PersonId,
    /// Whose requests are released.
    pub principal: Identity,
    /// The persons behind the principal, who do not review it afterwards; nor does who opened it.
    pub excluded: ExcludedPersons,
    /// Of which action.
    pub action: ActionName,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// A commitment to the reason.
    pub reason: Commitment,
    /// How many requests were released under it.
    pub uses: u32,
    /// Who looked at it afterwards, and when.
    pub reviewed: Option<Reviewed>,
    /// Counts its changes; the first is 1.
    pub version: u64,
}

/// A review after the fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewed {
    /// By whom.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Whether they found it justified.
    pub justified: bool,
    /// A commitment to what they wrote.
    pub comment: Option<Commitment>,
}

/// What opening an access needs.
#[derive(Clone, Debug)]
pub struct EmergencyOpening<'a> {
    /// The new access's id.
    pub id: EmergencyId,
    /// Who opens it.
    pub person: &'a PersonId,
    /// Whether they are of the group that may, and the action is one for which they may.
    pub is_admitted: bool,
    /// Whose requests are released.
    pub principal: &'a Identity,
    /// Whom the principal belongs to.
    pub requester: Party,
    /// The persons behind the principal.
    pub excluded: &'a ExcludedPersons,
    /// Of which action.
    pub action: &'a ActionName,
    /// A commitment to the reason.
    pub reason: Commitment,
    /// For how long.
    pub lifetime: Duration,
    /// The longest that is configured.
    pub most: Duration,
    /// Whether an earlier access of this person or for this principal has not been reviewed.
    pub is_blocked: bool,
    /// Whether anybody is left who may review it afterwards.
    pub is_reviewable: bool,
}

/// Why nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmergencyRefused {
    /// The person, or the action, is not one for which there is emergency access.
    NotAdmitted,
    /// An earlier one has to be reviewed first.
    Unreviewed,
    /// For no time, or for longer than may be.
    Lifetime,
    /// Nobody would be left to review it.
    NoReviewer,
    /// Who opened it or is behind the principal does not review it.
    SelfReview,
    /// The person does not review this action.
    NotAReviewer,
    /// It has been reviewed.
    Reviewed,
}

impl EmergencyRefused {
    /// The name used in problem types and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotAdmitted => "no-emergency-access",
            Self::Unreviewed => "emergency-unreviewed",
            Self::Lifetime => "emergency-lifetime",
            Self::NoReviewer => "no-reviewer",
            Self::SelfReview => "self-approval",
            Self::NotAReviewer => "not-a-reviewer",
            Self::Reviewed => "already-reviewed",
        }
    }
}

impl fmt::Display for EmergencyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAdmitted => "this person has no emergency access to this action",
            Self::Unreviewed => "an earlier emergency access has to be reviewed first",
            Self::NoReviewer => "nobody is left who may review it afterwards",
            Self::Lifetime => "an emergency access lasts a minute at least and an hour at most",
            Self::SelfReview => "whoever opened it or is behind it does not review it",
            Self::NotAReviewer => "this person does not review this action",
            Self::Reviewed => "it has been reviewed",
        })
    }
}

impl std::error::Error for EmergencyRefused {}

impl Emergency {
    /// Opens an access, with the record that announces it.
    ///
    /// # Errors
    /// When the person may not, one before it was not reviewed, or it would last too long.
    pub fn open(
        opening: EmergencyOpening<'_>,
        now: Timestamp,
    ) -> Result<(Self, Record), EmergencyRefused> {
        if !opening.is_admitted {
            return Err(EmergencyRefused::NotAdmitted);
        }
        if opening.is_blocked {
            return Err(EmergencyRefused::Unreviewed);
        }
        if !opening.is_reviewable {
            return Err(EmergencyRefused::NoReviewer);
        }
        let most = opening.most.min(MOST_EMERGENCY);
        if opening.lifetime.is_zero() || opening.lifetime > most {
            return Err(EmergencyRefused::Lifetime);
        }
        let emergency = Self {
            id: opening.id,
            opened_by: opening.person.clone(),
            principal: opening.principal.clone(),
            excluded: opening.excluded.clone(),
            action: opening.action.clone(),
            opened: now,
            until: now.after(opening.lifetime),
            reason: opening.reason,
            uses: 0,
            reviewed: None,
            version: 1,
        };
        let record = Record::Emergency(Box::new(EmergencyEvent::of(
            &emergency,
            Some(opening.requester),
        )));
        Ok((emergency, record))
    }

    /// Whether a request of this principal is released under it now.
    pub fn covers(&self, principal: &Identity, action: &ActionName, now: Timestamp) -> bool {
        self.reviewed.is_none()
            && now < self.until
            && self.principal == *principal
            && self.action == *action
    }

    /// One request more was released under it, behind which these persons are: none of them reviews it
    /// afterwards. Its record is that of the use.
    #[must_use]
    pub fn used(&self, behind: &ExcludedPersons) -> Self {
        Self {
            excluded: self.excluded.union(behind),
            uses: self.uses.saturating_add(1),
            version: self.version.saturating_add(1),
            ..self.clone()
        }
    }

    /// Ends it before its time, with the record that says so; its review is still to come. `None` where it
    /// has ended.
    pub fn end(&self, requester: Option<Party>, now: Timestamp) -> Option<(Self, Record)> {
        if self.reviewed.is_some() || self.until <= now {
            return None;
        }
        let emergency = Self {
            until: now,
            version: self.version.saturating_add(1),
            ..self.clone()
        };
        let record = Record::Emergency(Box::new(EmergencyEvent::ended(&emergency, requester)));
        Some((emergency, record))
    }

    /// Somebody outside of it looks at it afterwards; where it still lasts, it ends.
    /// `is_reviewer`: whether the person reviews this action; `requester`: whom the principal belongs to, as
    /// far as the directory still knows.
    ///
    /// # Errors
    /// When they are not outside of it, do not review the action, or it has been reviewed.
    pub fn review(
        &self,
        person: &PersonId,
        is_reviewer: bool,
        requester: Option<Party>,
        justified: bool,
        comment: Option<Commitment>,
        now: Timestamp,
    ) -> Result<(Self, Record), EmergencyRefused> {
        if *person == self.opened_by || self.excluded.contains(person) {
            return Err(EmergencyRefused::SelfReview);
        }
        if !is_reviewer {
            return Err(EmergencyRefused::NotAReviewer);
        }
        if self.reviewed.is_some() {
            return Err(EmergencyRefused::Reviewed);
        }
        let emergency = Self {
            until: self.until.min(now),
            version: self.version.saturating_add(1),
            reviewed: Some(Reviewed {
                by: person.clone(),
                at: now,
                justified,
                comment,
            }),
            ..self.clone()
        };
        let record = Record::Emergency(Box::new(EmergencyEvent::of(&emergency, requester)));
        Ok((emergency, record))
    }
}
