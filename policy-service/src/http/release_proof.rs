//! `POST /v1/approvals/{id}/proofs/{number}`: what the filter hands to a requester of their own release, for
//! keeping.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::timeout;
use velum_approval::messages::StatusQuery;
use velum_approval::{ApprovalId, Identity};

use super::App;
use super::app::unavailable;
use super::body::Body;
use super::openapi::Described;
use crate::auth::Gateway;
use crate::log::{self, ProofError};
use crate::problem::Problem;
use crate::store::StoreError;

/// How long to wait until the record of the release is under a signed head.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is none.
pub(crate) enum ReleaseProofError {
    /// No such release, or not this principal's: the two cannot be told apart.
    Unknown,
    Store(StoreError),
}

impl From<StoreError> for ReleaseProofError {
    fn from(error: StoreError) -> ReleaseProofError {
        ReleaseProofError::Store(error)
    }
}

impl From<ReleaseProofError> for Problem {
    fn from(error: ReleaseProofError) -> Problem {
        match error {
            ReleaseProofError::Unknown => Problem::unknown_approval(),
            ReleaseProofError::Store(error) => unavailable("give a proof", &error),
        }
    }
}

/// Gives the proof of one use of the approval, with its record; to its own principal alone.
pub(crate) async fn handle(
    State(app): State<App>,
    _: Gateway,
    Path((id, number)): Path<(String, String)>,
    Body(query): Body<StatusQuery>,
) -> Result<Response, Problem> {
    let proof = proof(&app, &id, &number, &query.principal).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, proof).into_response())
}

async fn proof(
    app: &App,
    id: &str,
    number: &str,
    principal: &Identity,
) -> Result<String, ReleaseProofError> {
    let id: ApprovalId = id.parse().map_err(|_| ReleaseProofError::Unknown)?;
    let number: usize = number.parse().map_err(|_| ReleaseProofError::Unknown)?;
    let stored = app.store().approval(&id).await?;
    let stored = stored.filter(|stored| stored.approval.principal == *principal);
    let releases = stored.ok_or(ReleaseProofError::Unknown)?.uses;
    let release = number.checked_sub(1).and_then(|place| releases.get(place));
    let (used, _) = release.ok_or(ReleaseProofError::Unknown)?;
    let index = used.made.index;
    // It is mostly there at once: who has just been answered asks.
    let _ = timeout(PATIENCE, app.parts().log.published(index)).await;
    let logs = app.store().logs().await?;
    let is_in = |log: &&crate::store::LogRow| (log.first..log.first + log.size).contains(&index);
    let log = logs.iter().find(is_in).ok_or(ReleaseProofError::Unknown)?;
    match log::inclusion(app, log, index - log.first).await {
        Ok(proof) => Ok(proof.to_string()),
        Err(ProofError::Unknown) => Err(StoreError::Unpublished.into()),
        Err(ProofError::Store(error)) => Err(error.into()),
    }
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    let number = json!({"type": "integer", "minimum": 1, "maximum": 100});
    Described::new(
        "releaseProof",
        "That a release is in the audit log, for its requester to keep",
        "The record of the use with its proof (C2SP tlog-proof). Answers only the approval's own principal; \
         nothing in it was written by a reviewer. A record that is under no signed head yet is waited for, \
         two seconds at most.",
    )
    .path("number", "Which use of the approval, from 1.", &number)
    .takes::<StatusQuery>(&json!({
        "principal": {"kind": "jwt", "issuer": "https://idp.example", "subject": "triage-bot"},
    }))
    .says("text/plain", "The proof.")
    .refuses(404, &["unknown-approval"])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use velum_ledger::checkpoint::Trust;
    use velum_ledger::tlog_proof::TlogProof;

    use crate::testing::{Service, identity};

    #[tokio::test]
    async fn a_requester_gets_the_proof_of_their_own_release_and_of_nothing_else() {
        let service = Service::start().await;
        let check = service.ask(1);
        let id = service.pending(&check).await;
        let path = format!("/v1/approvals/{id}/proofs/1");
        let own = json!({"principal": identity("triage-bot")});
        let asked =
            async |path: &str, query: &Value| service.call_gateway("POST", path, query).await;
        assert_eq!(asked(&path, &own).await.0, 404, "nothing was released");
        let words = json!({"comment": "as agreed with the ward"});
        assert_eq!(service.approve("grace", &id, words).await.0, 200);
        service.verified(&check, &service.check(&check).await);
        let (status, proof) = asked(&path, &own).await;
        assert_eq!(status, 200, "{proof}");
        let proof = TlogProof::parse(proof.as_str().unwrap().as_bytes()).unwrap();
        let leaf = proof.extra().unwrap().to_vec();
        let log = &service.get("grace", "/v1/logs").await.1["logs"][0];
        let key = log["key"].as_str().unwrap().parse().unwrap();
        let trust = Trust::new(log["name"].as_str().unwrap(), vec![key]).unwrap();
        proof.verify(&leaf, &trust).unwrap();
        let text = String::from_utf8(leaf).unwrap();
        let record: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(record["type"], "org.velum.grant.used.v1");
        assert_eq!(record["data"]["approval"]["id"], id.as_str());
        assert!(
            !text.contains("comment") && !text.contains("as agreed"),
            "{text}"
        );

        let another = json!({"principal": identity("dr-jones")});
        for (path, query) in [
            (path.clone(), &another),
            (format!("/v1/approvals/{id}/proofs/2"), &own),
            (format!("/v1/approvals/{id}/proofs/0"), &own),
            ("/v1/approvals/none/proofs/1".to_owned(), &own),
        ] {
            assert_eq!(asked(&path, query).await.0, 404, "{path}");
        }
    }
}
