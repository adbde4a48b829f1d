//! A JSON request body, bounded in size and time.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The most bytes of a body; set on the router's listener.
pub(crate) const MOST_BYTES: usize = 64 * 1024;
const TIME: Duration = Duration::from_secs(10);

/// Reads `application/json`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        parse(&read(request, state).await?).map(Body)
    }
}

/// The bytes of a JSON body.
pub(super) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    if !is_json(&request) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not-json",
            "The body is not JSON",
            "Send `Content-Type: application/json`.",
        ));
    }
    match tokio::time::timeout(TIME, Bytes::from_request(request, state)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) => Err(unread(rejection.into_response().status())),
        Err(_) => Err(unread(StatusCode::REQUEST_TIMEOUT)),
    }
}

/// The document in these bytes.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would read an array as the fields in their order, and an empty one as all defaults.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(not_an_object());
    }
    serde_json::from_slice(bytes).map_err(|error| malformed(&error))
}

fn is_json(request: &Request) -> bool {
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let media_type = value.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

fn unread(status: StatusCode) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is too large",
            "A body has at most 65536 bytes.",
        ),
        StatusCode::REQUEST_TIMEOUT => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-too-slow",
            "The body came too slowly",
            "A body arrives within 10 seconds.",
        )
        .retryable(),
        _ => Problem::new(
            StatusCode::BAD_REQUEST,
            "body-unreadable",
            "The body could not be read",
            "The connection failed, or the framing is wrong.",
        ),
    }
}

/// Says where the fault is. What serde says of it could repeat a value.
fn malformed(error: &serde_json::Error) -> Problem {
    let what = match error.classify() {
        serde_json::error::Category::Data => "the document is not what this operation takes",
        _ => "not valid JSON",
    };
    bad(format!(
        "At line {}, column {}: {what}.",
        error.line(),
        error.column()
    ))
}

fn not_an_object() -> Problem {
    bad("Send a JSON object.")
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed-body",
        "The body is malformed",
        detail,
    )
}
