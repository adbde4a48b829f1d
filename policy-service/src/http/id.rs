//! The `{id}` of a path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use std::convert::Infallible;

/// The id as it came. One that is not UTF-8 is empty, and so the id of nothing.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Id(path.map_or_else(|_| String::new(), |Path(id)| id)))
    }
}
