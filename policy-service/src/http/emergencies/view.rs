//! An emergency access, as it is shown.

use serde::Serialize;
use velum_approval::{EmergencyId, Identity, PersonId, Timestamp};

use crate::store::{StoredEmergency, Written};

/// An emergency access as people see it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Emergency)]
pub(crate) struct View {
    id: EmergencyId,
    opened_by: PersonId,
    principal: Identity,
    action: String,
    opened: Timestamp,
    until: Timestamp,
    is_active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many requests were released under it.
    uses: u32,
    /// The persons who may not review it.
    excluded: Vec<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reviewed: Option<ReviewView>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = EmergencyReview)]
struct ReviewView {
    by: PersonId,
    at: Timestamp,
    justified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

impl View {
    pub(super) fn new(stored: StoredEmergency, now: Timestamp) -> View {
        let StoredEmergency {
            emergency,
            reason,
            comment,
        } = stored;
        let excluded = emergency.excluded.iter().cloned();
        View {
            excluded: excluded.chain([emergency.opened_by.clone()]).collect(),
            id: emergency.id,
            opened_by: emergency.opened_by,
            principal: emergency.principal,
            action: emergency.action.to_string(),
            opened: emergency.opened,
            until: emergency.until,
            is_active: emergency.reviewed.is_none() && now < emergency.until,
            reason: reason.map(Written::into_shown),
            uses: emergency.uses,
            reviewed: emergency.reviewed.map(|reviewed| ReviewView {
                by: reviewed.by,
                at: reviewed.at,
                justified: reviewed.justified,
                comment: comment.map(Written::into_shown),
            }),
        }
    }
}
