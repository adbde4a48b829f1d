//! `GET /v1/approvals/{id}/receipt`: what was asked by whom, approved by whom, and what left, each with
//! its place in the audit log.

mod summary;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use velum_approval::record::ReaderRole;
use velum_approval::{
    Approval, ApprovalId, EmergencyId, GatewayId, Identity, OutcomeReport, PersonId, Salt, Scope,
    State as ApprovalState, Timestamp,
};

use super::App;
use super::app::unavailable;
use super::card::{Report, spoken};
use super::id::Id;
use super::openapi::Described;
use crate::auth::Reader;
use crate::inbox::{Present, as_read_by};
use crate::problem::Problem;
use crate::store::{Entry, StoreError, StoredApproval, Written};

/// The most records that a receipt names; an approval has a handful.
const MOST: u32 = 1000;

/// An approval's story. Times are milliseconds since 1970; an index is the place of a record in the
/// audit log.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Receipt {
    approval: ApprovalId,
    state: ApprovalState,
    /// The story in sentences.
    summary: String,
    asked: Asked,
    /// How many different people had to approve.
    quorum: u32,
    /// Whether something that was written about it was changed in the store since: that is not shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    texts_changed: bool,
    votes: Vec<Said>,
    /// What was granted, once it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<Scope>,
    /// The emergency access under which it was used without a review.
    #[serde(skip_serializing_if = "Option::is_none")]
    emergency: Option<EmergencyId>,
    releases: Vec<Release>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Timestamp>,
    /// Every record about it, those of refusals too; 1,000 at most.
    records: Vec<About>,
}

/// What was asked.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ReceiptAsk)]
struct Asked {
    at: Timestamp,
    index: Option<u64>,
    by: Identity,
    /// Everyone else behind the request.
    on_behalf_of: Vec<Identity>,
    gateway: GatewayId,
    action: String,
    method: String,
    authority: String,
    path: String,
    query: String,
    resource: String,
    #[schema(value_type = Vec<velum_approval::schema::ClassName>)]
    #[serde(with = "velum_approval::class_names")]
    classes: velum_engine::ClassSet,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// SHA-256 over it and the reason is `reason_commitment` in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_salt: Option<Salt>,
}

/// What a reviewer said.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ReceiptVote)]
struct Said {
    at: Timestamp,
    index: Option<u64>,
    person: PersonId,
    /// `approve`, `deny` or `take-back`.
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    /// The lifetime that they named, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u32>,
    /// Whether they approved although nobody has seen what the response holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unseen: bool,
    /// Whether it is the person's last word on the present reason.
    counts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// SHA-256 over it and the comment is `comment_commitment` in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_salt: Option<Salt>,
}

/// A use, and what left under it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ReceiptRelease)]
struct Release {
    at: Timestamp,
    index: u64,
    gateway: GatewayId,
    reported: Report,
    /// What left; `null` while the gateway has not said so.
    outcome: Option<OutcomeReport>,
    outcome_index: Option<u64>,
}

/// A record of the audit log.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ReceiptRecord)]
struct About {
    index: u64,
    r#type: String,
    /// In RFC 3339.
    time: String,
}

/// What a leaf says, as far as it matters here.
#[derive(Deserialize)]
struct Leaf {
    r#type: String,
    time: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    request: Option<serde::de::IgnoredAny>,
    vote: Option<serde::de::IgnoredAny>,
    release: Option<ReleaseData>,
}

#[derive(Deserialize)]
struct ReleaseData {
    used_at: u64,
}

/// Where in the log what stands.
#[derive(Default)]
struct Places {
    asked: Option<u64>,
    votes: Vec<u64>,
    /// The outcomes' places by those of their uses.
    outcomes: BTreeMap<u64, u64>,
    records: Vec<About>,
}

impl Places {
    fn of(entries: &[Entry]) -> Result<Places, StoreError> {
        let mut places = Places::default();
        for entry in entries {
            let leaf: Leaf =
                serde_json::from_slice(&entry.leaf).map_err(|_| StoreError::Corrupt("leaf"))?;
            if leaf.data.request.is_some() {
                places.asked = places.asked.or(Some(entry.index));
            }
            if leaf.data.vote.is_some() {
                places.votes.push(entry.index);
            }
            if let Some(release) = leaf.data.release {
                places.outcomes.insert(release.used_at, entry.index);
            }
            places.records.push(About {
                index: entry.index,
                r#type: leaf.r#type,
                time: leaf.time,
            });
        }
        Ok(places)
    }
}

/// Why there is none.
enum ReceiptError {
    Unknown,
    Store(StoreError),
}

impl From<StoreError> for ReceiptError {
    fn from(error: StoreError) -> ReceiptError {
        ReceiptError::Store(error)
    }
}

impl From<ReceiptError> for Problem {
    fn from(error: ReceiptError) -> Problem {
        match error {
            ReceiptError::Unknown => Problem::unknown_approval(),
            ReceiptError::Store(error) => unavailable("give a receipt", &error),
        }
    }
}

/// Gives it, at any time of the approval's life.
pub(crate) async fn handle(
    State(app): State<App>,
    reader: Reader,
    Id(id): Id,
) -> Result<Json<Receipt>, Problem> {
    Ok(Json(receipt(&app, &id, &reader).await?))
}

async fn receipt(app: &App, id: &str, reader: &Reader) -> Result<Receipt, ReceiptError> {
    let id: ApprovalId = id.parse().map_err(|_| ReceiptError::Unknown)?;
    let stored = app.store().approval(&id).await?;
    let stored = stored.ok_or(ReceiptError::Unknown)?;
    let present = Present::load(app).await?;
    let stored = match reader.role {
        ReaderRole::Reviewer => as_read_by(&reader.person, stored, app, &present),
        // The words of people are for those who decide; the records have commitments to them.
        ReaderRole::Auditor => stored.without_words(),
    };
    let entries = app.store().entries_about(&id, MOST).await?;
    Ok(Receipt::new(stored, Places::of(&entries)?, app.now()))
}

impl Receipt {
    fn new(stored: StoredApproval, mut places: Places, now: Timestamp) -> Receipt {
        let texts_changed = stored.has_changed_text();
        let StoredApproval {
            approval,
            reason,
            comments,
            uses,
            ..
        } = stored;
        let lineage = approval.lineage.identities().iter();
        let on_behalf_of = lineage.filter(|one| **one != approval.principal);
        let releases = uses.into_iter().map(|(used, outcome)| Release {
            at: used.made.at,
            index: used.made.index,
            reported: Report::of(outcome.as_ref(), used.made.at, now),
            outcome_index: places.outcomes.remove(&used.made.index),
            gateway: used.made.gateway,
            outcome,
        });
        let mut receipt = Receipt {
            releases: releases.collect(),
            state: approval.state_at(now),
            summary: String::new(),
            asked: Asked {
                at: approval.created,
                index: places.asked,
                on_behalf_of: on_behalf_of.cloned().collect(),
                by: approval.principal.clone(),
                gateway: approval.gateway.clone(),
                action: approval.action.to_string(),
                method: approval.method.clone(),
                authority: approval.authority.clone(),
                path: approval.path.clone(),
                query: approval.query.clone(),
                resource: approval.resource.to_string(),
                classes: approval.classes,
                reason_salt: reason.as_ref().and_then(Written::salt),
                reason: reason.map(Written::into_shown),
            },
            quorum: approval.quorum,
            texts_changed,
            votes: said(&approval, comments, &places.votes),
            granted: approval.grant_expires.map(|_| approval.granted.clone()),
            emergency: approval.emergency.clone(),
            ended: approval.ended,
            records: places.records,
            approval: approval.id,
        };
        receipt.summary = receipt.summarise();
        receipt
    }
}

fn said(approval: &Approval, comments: Vec<Option<Written>>, places: &[u64]) -> Vec<Said> {
    let all = approval.votes.iter().zip(comments).enumerate();
    let said = all.map(|(number, (vote, comment))| {
        let (verdict, scope, seconds, unseen) = spoken(&vote.verdict);
        Said {
            at: vote.at,
            index: places.get(number).copied(),
            person: vote.person.clone(),
            verdict,
            scope,
            seconds,
            unseen,
            counts: approval.is_current(number),
            comment_salt: comment.as_ref().and_then(Written::salt),
            comment: comment.map(Written::into_shown),
        }
    });
    said.collect()
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "showReceipt",
        "What was asked, who approved it, and what left",
        "Each with its place in the audit log. A use whose outcome was not reported within two minutes \
         is `not-reported`.",
    )
    .gives::<Receipt>(200, "The receipt, as far as the story has come.")
    .refuses(404, &["unknown-approval"])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use velum_harness::Postgres;

    use crate::store::{Operation, StoreError, Transaction};
    use crate::testing::{CONFIGURATION, Service, on_postgres, reason};

    /// Forgets which records are about what, and finds out as the migration does.
    struct Migrate(&'static str);

    impl Operation for Migrate {
        type Output = ();
        type Error = StoreError;

        async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
            transaction.execute("DELETE FROM approval_record").await?;
            let (_, insert) = self.0.split_once("INSERT").unwrap();
            let statement = Box::leak(format!("INSERT{insert}").into_boxed_str());
            transaction.execute(statement).await
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn records_from_before_receipts_are_in_them() {
        let server = Postgres::start().await.unwrap();
        let postgres = on_postgres(&server.url());
        for (configuration, migration) in [
            (
                CONFIGURATION,
                include_str!("../../migrations/sqlite/0005_receipts.sql"),
            ),
            (
                &postgres,
                include_str!("../../migrations/postgres/0005_receipts.sql"),
            ),
        ] {
            let service = Service::with(configuration).await;
            let id = service.pending(&service.ask(1)).await;
            assert_eq!(service.deny("grace", &id, json!({})).await.0, 200);
            let stop = json!({"scope": {"kind": "everything"}});
            assert_eq!(service.post("grace", "/v1/stops", &stop).await.0, 201);
            let path = format!("/v1/approvals/{id}/receipt");
            let (_, before) = service.get("grace", &path).await;
            service
                .running
                .app
                .store()
                .write(Migrate(migration))
                .await
                .unwrap();
            let (_, after) = service.get("grace", &path).await;
            assert_eq!(after, before);
            assert_eq!(after["records"].as_array().unwrap().len(), 2, "{after}");
        }
    }

    #[tokio::test]
    async fn a_receipt_says_who_asked_who_approved_and_what_left_with_their_places_in_the_log() {
        let service = Service::start().await;
        let mut check = service.ask(1);
        check.reason = Some(reason("discharge"));
        let id = service.pending(&check).await;
        let path = format!("/v1/approvals/{id}/receipt");
        let receipt = async || service.get("omar", &path).await.1;
        let early = receipt().await;
        assert_eq!(early["state"], "pending", "{early}");
        assert_eq!(early["releases"], json!([]));
        service.approve("dr-jones", &id, json!({})).await;
        let vote = json!({"classes": ["name"], "comment": "as agreed"});
        assert_eq!(service.approve("grace", &id, vote).await.0, 200);
        let again = service.ask(1);
        service.verified(&again, &service.check(&again).await);

        let used = receipt().await;
        assert_eq!(used["releases"][0]["outcome"], Value::Null);
        assert_eq!(used["releases"][0]["reported"], "awaited", "{used}");
        service.clock.advance(120_000);
        let silent = receipt().await;
        assert_eq!(silent["releases"][0]["reported"], "not-reported");
        let summary = silent["summary"].as_str().unwrap();
        assert!(summary.contains("was not reported"), "{summary}");
        assert_eq!(
            service.show(&id).await["uses"][0]["reported"],
            "not-reported"
        );

        let outcome = json!({
            "approval": id, "use_key": again.use_key, "status": 200, "records": 1, "bytes": 300,
            "lifted": {"name": 2}, "masked": {"date": 1}, "drift": {}, "end": "complete",
        });
        let sent = service.call_gateway("POST", "/v1/outcomes", &outcome).await;
        assert_eq!(sent.0, 204);
        let whole = receipt().await;
        assert_eq!(whole["asked"]["by"]["subject"], "triage-bot", "{whole}");
        assert_eq!(whole["asked"]["on_behalf_of"][0]["subject"], "dr-jones");
        assert_eq!(whole["asked"]["reason"], "discharge");
        assert_eq!(whole["votes"][0]["person"], "grace");
        assert_eq!(whole["votes"][0]["comment"], "as agreed");
        assert_eq!(whole["granted"], json!({"classes": ["name"]}));
        assert_eq!(
            whole["releases"][0]["outcome"]["lifted"],
            json!({"name": 2})
        );
        assert_eq!(whole["releases"][0]["reported"], "reported");

        // Every index is that of the record which says so.
        let log = service.log().await;
        let kind = |index: &Value| {
            let index = usize::try_from(index.as_u64().unwrap()).unwrap();
            log[index]["type"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            kind(&whole["asked"]["index"]),
            "org.velum.approval.requested.v1"
        );
        assert_eq!(
            kind(&whole["votes"][0]["index"]),
            "org.velum.grant.issued.v1"
        );
        assert_eq!(
            kind(&whole["releases"][0]["index"]),
            "org.velum.grant.used.v1"
        );
        let outcome = &whole["releases"][0]["outcome_index"];
        assert!(kind(outcome).contains("release.delivered"), "{whole}");
        let records = whole["records"].as_array().unwrap();
        assert_eq!(records.len(), 5, "the refused vote too: {whole}");
        for record in records {
            assert_eq!(record["type"], kind(&record["index"]));
        }
        let summary = whole["summary"].as_str().unwrap();
        for part in [
            "triage-bot",
            "dr-jones",
            "name approved by grace",
            "2 of name",
            "through edge",
        ] {
            assert!(summary.contains(part), "{part}: {summary}");
        }
    }

    #[tokio::test]
    async fn a_receipt_of_a_denial_says_who_denied() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        assert_eq!(service.deny("grace", &id, json!({})).await.0, 200);
        let path = format!("/v1/approvals/{id}/receipt");
        let (_, receipt) = service.get("omar", &path).await;
        assert_eq!(receipt.get("granted"), None, "{receipt}");
        let summary = receipt["summary"].as_str().unwrap();
        assert!(summary.contains("Denied by grace"), "{summary}");
        assert_eq!(
            service.get("omar", "/v1/approvals/none/receipt").await.0,
            404
        );
    }
}
