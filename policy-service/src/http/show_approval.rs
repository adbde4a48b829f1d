//! `GET /v1/approvals/{id}`: an approval as a reviewer sees it.

use axum::Json;
use axum::extract::State;

use super::App;
use super::app::unavailable;
use super::card::Card;
use super::id::Id;
use super::openapi::Described;
use crate::auth::Reviewer;
use crate::problem::Problem;
use crate::store::StoreError;

/// Why it is not shown.
pub(crate) enum ShowError {
    Unknown,
    Store(StoreError),
}

impl From<ShowError> for Problem {
    fn from(error: ShowError) -> Problem {
        match error {
            ShowError::Unknown => Problem::unknown_approval(),
            ShowError::Store(error) => unavailable("show an approval", &error),
        }
    }
}

/// Shows it. Changes nothing: links to it are opened by machines too.
pub(crate) async fn handle(
    State(app): State<App>,
    _: Reviewer,
    Id(id): Id,
) -> Result<Json<Card>, Problem> {
    show(&app, &id).await.map(Json).map_err(Problem::from)
}

/// The card of the approval with this id.
pub(super) async fn show(app: &App, id: &str) -> Result<Card, ShowError> {
    let id = id.parse().map_err(|_| ShowError::Unknown)?;
    let stored = app.store().approval(&id).await.map_err(ShowError::Store)?;
    stored
        .map(|stored| Card::new(stored, app))
        .ok_or(ShowError::Unknown)
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "showApproval",
        "An approval as a reviewer sees it",
        "Changes nothing: links to it are opened by machines too.",
    )
    .gives::<Card>(200, "The approval.")
    .refuses(404, &["unknown-approval"])
}
