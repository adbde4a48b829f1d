//! `GET /inbox/changes`: that approvals have changed, as it happens. An event has an id, a state and a
//! version, and nothing of the approval.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::session::Session;
use crate::http::{App, follow};

/// After how long the browser has to come back, with a session that still holds.
const LONGEST: Duration = Duration::from_mins(5);

/// Follows all approvals until the session would end.
pub(super) async fn handle(State(app): State<App>, session: Session) -> Response {
    let left = session.ends.since(app.now());
    // From now on: a page looks at what there is when its stream opens.
    match follow(
        &app,
        session.person.as_str().into(),
        None,
        left.min(LONGEST),
    )
    .await
    {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}
