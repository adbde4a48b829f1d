//! Problem details (RFC 9457): how every refusal of the service looks.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What every problem type starts with.
pub const PROBLEM_TYPE_BASE: &str = "https://velum.dev/problems/";

/// One refusal: what kind it is, and a sentence that says what to do.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    retryable: bool,
}

impl Problem {
    /// A problem of the type `code`. `detail` must hold nothing that a caller sent.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem {
            status,
            code,
            title,
            detail: detail.into(),
            retryable: false,
        }
    }

    /// The same, marked as worth trying again unchanged.
    pub(crate) fn retryable(mut self) -> Problem {
        self.retryable = true;
        self
    }

    /// A query that is not what the operation takes; `detail` says what it does.
    pub(crate) fn malformed_query(detail: &'static str) -> Problem {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed-query",
            "The query is malformed",
            detail,
        )
    }

    /// The kind: the last part of its type.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The kind in words.
    pub(crate) fn title(&self) -> &'static str {
        self.title
    }

    /// A sentence that says what to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Problem {
        Problem { status, ..self }
    }

    /// Something of ours failed; nothing was released.
    pub(crate) fn unavailable() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The service cannot answer now",
            "The store did not take the change. Nothing was released. Try again later.",
        )
        .retryable()
    }

    /// The provider has not said just now in which groups somebody is who decides.
    pub(crate) fn groups_unread() -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            "groups-unread",
            "Your groups are not known just now",
            "Whoever decides has to be in the groups that review by the provider's word of the last five \
             minutes. A token says nothing of that: decide at the inbox.",
        )
    }

    /// Whoever approves it has to sign in anew for it.
    pub(crate) fn step_up_needed() -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            "step-up-needed",
            "Sign in anew to approve this",
            "Its action asks whoever approves to sign in anew for exactly that. A token cannot: approve it at the \
             inbox.",
        )
    }

    /// Whoever approves it has to sign it with a security key.
    pub(crate) fn security_key_needed() -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            "security-key-needed",
            "A security key has to sign this",
            "Its action asks whoever approves to sign exactly that with a security key. A token cannot, and signing \
             in anew is no substitute: approve it at the inbox.",
        )
    }

    /// No such approval.
    pub(crate) fn unknown_approval() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "unknown-approval",
            "No such approval",
            "No approval has this id. List those that wait with GET /v1/approvals?state=pending.",
        )
    }
}

/// A problem (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ProblemDocument<'a> {
    /// Of which kind it is: a URI that begins with `https://velum.dev/problems/`.
    #[schema(format = "uri")]
    r#type: String,
    /// The kind in words.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// A sentence that says what to do.
    detail: &'a str,
    /// Whether the same request may succeed when it is sent again.
    retryable: bool,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = ProblemDocument {
            r#type: format!("{PROBLEM_TYPE_BASE}{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            retryable: self.retryable,
        };
        let mut response = (self.status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
