//! `GET /v1/audit?after=N&limit=M`: the audit records in order.

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::openapi::Described;
use super::{App, page};
use crate::auth::Reader;
use crate::problem::Problem;
use crate::store::StoreError;

const DEFAULT: u32 = 100;
const MOST: u32 = 1000;

/// What to list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// The last index already seen; from the first where absent.
    after: Option<u64>,
    limit: Option<u32>,
}

/// A page of the log.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AuditPage)]
pub(crate) struct Page {
    entries: Vec<EntryView>,
    /// The `after` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AuditEntry)]
struct EntryView {
    index: u64,
    /// The record: a `CloudEvents` 1.0 event.
    #[schema(value_type = Object)]
    leaf: serde_json::Value,
}

/// Why the log is not listed.
pub(crate) enum ListError {
    Store(StoreError),
    Corrupt,
    Parameters,
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Problem {
        match error {
            ListError::Store(error) => super::app::unavailable("list the audit log", &error),
            ListError::Corrupt => {
                super::app::unavailable("list the audit log", &StoreError::Corrupt("leaf"))
            }
            ListError::Parameters => {
                Problem::malformed_query("Takes after=<index> and limit=<1 to 1000>.")
            }
        }
    }
}

/// Lists at most `limit` records after the index `after`.
pub(crate) async fn handle(
    State(app): State<App>,
    _: Reader,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Ok(Query(parameters)) = parameters else {
        return Err(ListError::Parameters.into());
    };
    let limit = page::limit(parameters.limit, DEFAULT, MOST);
    let limit = limit.ok_or(ListError::Parameters)?;
    let from = parameters.after.map_or(0, |after| after.saturating_add(1));
    let entries = app
        .store()
        .entries(from, limit)
        .await
        .map_err(ListError::Store)?;
    let next = page::next(&entries, limit, |last| last.index);
    let entries = entries
        .into_iter()
        .map(|entry| {
            let leaf = serde_json::from_slice(&entry.leaf).map_err(|_| ListError::Corrupt)?;
            Ok(EntryView {
                index: entry.index,
                leaf,
            })
        })
        .collect::<Result<_, ListError>>()?;
    Ok(Json(Page { entries, next }))
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new("listAudit", "The audit records in their order", "")
        .query(
            "after",
            "The last index already seen; from the first if absent.",
            &json!({
                "type": "integer", "minimum": 0,
            }),
        )
        .query(
            "limit",
            "How many at most; 100 if absent.",
            &page::limit_schema(MOST),
        )
        .gives::<Page>(200, "A page.")
        .refuses(400, &["malformed-query"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::Service;

    #[tokio::test]
    async fn pages_of_the_log_follow_each_other() {
        let service = Service::start().await;
        // The log's own first record comes before it, and that of the configuration.
        service.pending(&service.ask(1)).await;
        let (_, page) = service.get("grace", "/v1/audit?limit=2").await;
        assert_eq!(page["next"], json!(1), "{page}");
        let (_, page) = service.get("grace", "/v1/audit?limit=2&after=1").await;
        assert_eq!(page["entries"][0]["index"], 2);
        assert_eq!(page.get("next"), None);
        for query in ["limit=0", "limit=1001", "after=-1", "from=2"] {
            let path = format!("/v1/audit?{query}");
            assert_eq!(service.get("grace", &path).await.0, 400, "{query}");
        }
    }
}
