//! Who reads why something is asked. The reason is the one thing that a requester writes freely, so it is for
//! those who decide, and for nobody who merely reviews something else.

use velum_approval::{Approval, PersonId};

use super::Present;
use crate::http::App;
use crate::store::StoredApproval;

/// Whether this person is behind the request, reviews its action, or has voted on it. What everyone who reviews
/// may see beside that, the audit log has too.
pub(super) fn reads_reason(
    person: &PersonId,
    approval: &Approval,
    app: &App,
    present: &Present,
) -> bool {
    // As it was when it was asked: somebody behind it may have left the directory since.
    let excluded = &approval.excluded;
    let panel = app.parts().actions.panel_of(approval, excluded, present);
    excluded.contains(person)
        || panel.is_some_and(|panel| panel.admits(person))
        || approval.votes.iter().any(|vote| vote.person == *person)
}

/// The approval without what this person is not to read: why it was asked, and where they are behind it what reviewers
/// wrote for each other.
pub(crate) fn as_read_by(
    person: &PersonId,
    mut stored: StoredApproval,
    app: &App,
    present: &Present,
) -> StoredApproval {
    if !reads_reason(person, &stored.approval, app, present) {
        stored.reason = None;
    }
    if stored.approval.excluded.contains(person) {
        stored.comments.fill_with(|| None);
    }
    stored
}
