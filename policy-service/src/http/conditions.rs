//! Entity tags of approvals (RFC 9110, section 13): whether a copy is still good, and whether what a
//! vote is about is still what was read.
//!
//! The tag begins with the approval's version, which goes up with every change of it; behind it stands
//! how many outcomes were reported, which change what is shown and no decision.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;

use super::card::Card;
use crate::problem::Problem;

/// An approval, with its tag.
pub(super) struct Shown(pub(super) Card);

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        let tag = tag(&self.0);
        ([(header::ETAG, tag)], Json(self.0)).into_response()
    }
}

/// The tag of what this card shows.
pub(super) fn tag(card: &Card) -> HeaderValue {
    let text = match card.outcomes() {
        0 => format!("\"{}\"", card.version),
        outcomes => format!("\"{}.{outcomes}\"", card.version),
    };
    // Digits, a dot and quotes always are a value.
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Whether the client has what has this tag (`If-None-Match`, compared weakly).
pub(super) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(tag) = tag.to_str() else { return false };
    tags(headers, &header::IF_NONE_MATCH)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// The version that the client has, by its `If-None-Match`.
pub(super) fn known_version(headers: &HeaderMap) -> Option<u64> {
    let known = tags(headers, &header::IF_NONE_MATCH);
    known
        .filter_map(|tag| version(tag.strip_prefix("W/").unwrap_or(tag)))
        .max()
}

fn tags<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).into_iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// The version of a tag of ours.
fn version(tag: &str) -> Option<u64> {
    let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
    let (version, _) = inner.split_once('.').unwrap_or((inner, ""));
    version.parse().ok()
}

/// `If-Match`: what the client has read, in place of `version` in the body.
pub(super) struct IfMatch(Option<u64>);

/// What the document says of the header.
pub(super) const DESCRIPTION: &str =
    "One `ETag` of the approval, in place of `version`: where it has changed since, 412.";

/// No approval has this version.
const NONE: u64 = u64::MAX;

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Infallible> {
        if !parts.headers.contains_key(header::IF_MATCH) {
            return Ok(IfMatch(None));
        }
        let mut given = tags(&parts.headers, &header::IF_MATCH);
        // A weak tag, several, or one that is not ours match nothing.
        Ok(IfMatch(match (given.next(), given.next()) {
            (Some("*"), None) => None,
            (Some(tag), None) => Some(version(tag).unwrap_or(NONE)),
            _ => Some(NONE),
        }))
    }
}

impl IfMatch {
    /// The version that the change is about, by this header or else by the body.
    pub(super) fn version(&self, of_body: Option<u64>) -> Option<u64> {
        match (self.0, of_body) {
            // One of them cannot be what is there.
            (Some(tag), Some(body)) if tag != body => Some(NONE),
            (tag, body) => tag.or(body),
        }
    }

    /// A stale version is the header's own status where it came by the header.
    pub(super) fn judge(&self, problem: Problem) -> Problem {
        if self.0.is_some() && problem.code() == "stale-version" {
            problem.with_status(StatusCode::PRECONDITION_FAILED)
        } else {
            problem
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Service, reply};

    #[tokio::test]
    async fn a_copy_that_is_still_good_is_not_sent_again() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        let path = format!("/v1/approvals/{id}");
        let get = async |known: &str| {
            let request = service.request("GET", &path);
            let request = request.bearer_auth(service.reviewer("grace"));
            let response = request.header("if-none-match", known).send().await.unwrap();
            let tag = response.headers()["etag"].to_str().unwrap().to_owned();
            (response.status().as_u16(), tag)
        };
        assert_eq!(get("\"0\"").await, (200, "\"1\"".to_owned()));
        for known in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
            assert_eq!(get(known).await, (304, "\"1\"".to_owned()), "{known}");
        }
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        assert_eq!(get("\"1\"").await, (200, "\"2\"".to_owned()));
        let check = service.ask(1);
        service.verified(&check, &service.check(&check).await);
        let report = json!({
            "approval": id, "use_key": check.use_key, "status": 200, "records": 1, "bytes": 300,
            "lifted": {"name": 2}, "masked": {}, "drift": {}, "end": "complete",
        });
        assert_eq!(get("\"3\"").await, (304, "\"3\"".to_owned()));
        let sent = service.call_gateway("POST", "/v1/outcomes", &report).await;
        assert_eq!(sent.0, 204);
        assert_eq!(get("\"3\"").await, (200, "\"3.1\"".to_owned()));
    }

    #[tokio::test]
    async fn a_vote_on_what_has_changed_since_fails_by_its_precondition() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        let vote = async |verb: &str, tag: &str, body: serde_json::Value| {
            let request = service
                .request("POST", &format!("/v1/approvals/{id}/{verb}"))
                .bearer_auth(service.reviewer("grace"))
                .header("if-match", tag)
                .json(&body);
            let (status, body) = reply(request).await;
            (
                status.as_u16(),
                body["type"].as_str().unwrap_or("").to_owned(),
            )
        };
        for verb in ["approve", "deny", "take-back", "question"] {
            for tag in ["\"2\"", "W/\"1\"", "\"1\", \"2\"", "1", "\"other\""] {
                let (status, kind) = vote(verb, tag, json!({})).await;
                assert_eq!(status, 412, "{verb} {tag}");
                assert!(kind.ends_with("/stale-version"), "{kind}");
            }
        }
        assert_eq!(vote("approve", "\"1\"", json!({"version": 2})).await.0, 412);
        assert_eq!(
            service.approve("grace", &id, json!({"version": 2})).await.0,
            409
        );
        assert_eq!(vote("approve", "\"1\"", json!({"version": 1})).await.0, 200);
        assert_eq!(vote("revoke", "\"1\"", json!({})).await.0, 412);
        assert_eq!(vote("revoke", "\"2\"", json!({})).await.0, 200);
    }
}
