//! `/v1/logs`: the audit log as its own verifier reads it, and anyone else's (C2SP tlog-tiles).

mod anchors;

use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use velum_approval::{LogName, Timestamp};
use velum_ledger::tile::{Bundle, Resource, Tile};

use super::App;
use super::app::unavailable;
use super::openapi::Described;
use crate::auth::Reader;
use crate::log::{self, ProofError};
use crate::problem::Problem;
use crate::store::{LogKey, LogRow, StoreError};
use crate::volumes::Standing;

/// One log.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Log)]
pub(crate) struct View {
    /// Which one: 1, 2, …
    number: u64,
    /// Its name: the origin of its heads. `null` before it has one.
    #[schema(value_type = Option<String>)]
    name: Option<LogName>,
    /// Whether it is the one that grows.
    is_open: bool,
    /// The index of its first record: a record's place in its log is its index without this.
    first: u64,
    /// How many records it has.
    size: u64,
    /// How many of them are under its last signed head.
    signed: u64,
    /// When that was signed.
    signed_at: Option<Timestamp>,
    /// The key that signs its heads, or signed the last one of a log that is closed, as verifiers take it
    /// (C2SP signed-note). Take it from somewhere else too before you believe it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Every key that it had, the first one first.
    keys: Vec<KeyView>,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Timestamp>,
    /// Whether it was closed and no head over all of its records will be signed: it was closed because records
    /// or its key were lost.
    lacks_last_head: bool,
    /// Of a closed log: what of it is not what was put there when it was last read, or why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
    /// The index of the record which says that it was removed: nothing is left of it but its last head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pruned: Option<u64>,
}

/// A key of a log.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = LogKey)]
pub(crate) struct KeyView {
    /// As verifiers take it.
    key: String,
    /// The place of the record that made it the log's key: heads over that record are signed by it.
    from: u64,
    /// The place of the record that put another key in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    /// The first head over `from` which the key before it has signed: whoever believes that key may believe
    /// this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_over: Option<String>,
}

/// Every log, the first one first.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Logs)]
pub(crate) struct Views {
    logs: Vec<View>,
    /// Whether a fence is configured.
    has_fence: bool,
    /// What the data, the fence and file anchors are on.
    volumes: Vec<VolumeView>,
    /// Where heads go that are to outlive this machine.
    anchors: Vec<anchors::View>,
    /// Why no head is signed at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// Something in the open log is not what was put there: it is neither extended nor signed until it is.
    is_damaged: bool,
    /// Records are missing: nothing is decided or released until somebody recovers the log.
    is_recovering: bool,
}

/// A volume that the log depends on.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = LogVolume)]
pub(crate) struct VolumeView {
    /// What is on it: `data`, `fence`, or `anchor` with its name.
    name: String,
    /// Bytes that the service may still write there.
    free_bytes: u64,
    /// How large it is.
    total_bytes: u64,
    /// Whether less than a fifth is free.
    is_low: bool,
    /// What else of these is on the same volume: what is lost or put back with the one is so with the other.
    shares_with: Vec<String>,
}

impl VolumeView {
    fn of(standing: Standing) -> VolumeView {
        VolumeView {
            name: standing.name,
            free_bytes: standing.free,
            total_bytes: standing.total,
            is_low: standing.is_low,
            shares_with: standing.shares_with,
        }
    }
}

/// Why there is no part of a log.
pub(crate) enum LogsError {
    UnknownLog,
    UnknownPart,
    Parameters,
    Store(StoreError),
}

impl From<StoreError> for LogsError {
    fn from(error: StoreError) -> LogsError {
        LogsError::Store(error)
    }
}

impl From<ProofError> for LogsError {
    fn from(error: ProofError) -> LogsError {
        match error {
            ProofError::Unknown => LogsError::UnknownPart,
            ProofError::Store(error) => LogsError::Store(error),
        }
    }
}

impl From<LogsError> for Problem {
    fn from(error: LogsError) -> Problem {
        match error {
            LogsError::Store(error) => unavailable("read the audit log", &error),
            LogsError::Parameters => Problem::malformed_query("Takes cosigned=true."),
            LogsError::UnknownLog => Problem::new(
                StatusCode::NOT_FOUND,
                "unknown-log",
                "No such log",
                "List them with GET /v1/logs.",
            ),
            LogsError::UnknownPart => Problem::new(
                StatusCode::NOT_FOUND,
                "unknown-part",
                "No such part of the log",
                "Read the checkpoint first: only what is under it has tiles and proofs.",
            ),
        }
    }
}

/// `GET /v1/logs`.
pub(crate) async fn list(State(app): State<App>, _: Reader) -> Result<Json<Views>, Problem> {
    let views = views(&app).await.map_err(LogsError::Store)?;
    Ok(Json(views))
}

async fn views(app: &App) -> Result<Views, StoreError> {
    let log = &app.parts().log;
    let rows = app.store().logs().await?;
    // Behind the logs, so that one that has just begun has its key.
    let keys = app.store().keys_of_logs().await?;
    let damage = log.closed_damage.borrow().clone();
    let open = rows.last().map_or(0, |open| open.number);
    let mut logs = Vec::new();
    for row in rows {
        let head = match app.store().head(row.number).await {
            // What is wrong with it is in `damage`, and the other logs are listed.
            Err(StoreError::Corrupt(_)) if !row.is_open => None,
            head => head?,
        };
        let signed = head.as_ref().map_or(0, |head| head.size);
        let lacks_last_head = signed < row.size && is_left(&row, &keys, open);
        let keys = keys_of(&row, &keys);
        logs.push(View {
            number: row.number,
            is_open: row.is_open,
            first: row.first,
            size: row.size,
            signed,
            signed_at: head.map(|head| head.at),
            key: keys.last().map(|last| last.key.clone()),
            keys,
            closed_at: row.closed.at,
            lacks_last_head,
            damage: log::of_closed(&damage, row.number).map(ToString::to_string),
            pruned: row.closed.pruned,
            name: row.name,
        });
    }
    Ok(Views {
        logs,
        has_fence: log.audit.fence.is_some(),
        volumes: app
            .parts()
            .volumes
            .standings()
            .into_iter()
            .map(VolumeView::of)
            .collect(),
        anchors: anchors::views(app),
        fault: log.fault(),
        is_damaged: log.is_damaged.load(Ordering::SeqCst),
        is_recovering: app.store().is_frozen(),
    })
}

/// Whether nobody signs a log any more: it has lost records, or the open one has none of its keys.
fn is_left(row: &LogRow, keys: &[LogKey], open: u64) -> bool {
    if row.is_open || row.closed.pruned.is_some() {
        return false;
    }
    let own = keys.iter().rfind(|key| key.log == row.number);
    let is_of_open = |own: &LogKey| keys.iter().any(|key| key.log == open && key.key == own.key);
    row.closed.root.is_none() || !own.is_some_and(is_of_open)
}

fn keys_of(row: &LogRow, keys: &[LogKey]) -> Vec<KeyView> {
    let of_log: Vec<_> = keys.iter().filter(|key| key.log == row.number).collect();
    let ends = of_log.iter().skip(1).map(|next| Some(next.place));
    let with_ends = of_log.iter().zip(ends.chain([None]));
    let views = with_ends.filter_map(|(key, until)| {
        Some(KeyView {
            key: log::verifier(row.name.as_ref()?, &key.key)?,
            from: key.place,
            until,
            signed_over: key.note.clone(),
        })
    });
    views.collect()
}

/// Which head is meant.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    #[serde(default)]
    cosigned: bool,
}

/// `GET /v1/logs/{number}/checkpoint`: its last signed head, with the cosignatures that it has; or the last one
/// that has any.
pub(crate) async fn checkpoint(
    State(app): State<App>,
    _: Reader,
    Path(number): Path<String>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let Ok(Query(which)) = which else {
        return Err(LogsError::Parameters.into());
    };
    let row = find(&app, &number).await?;
    let note = note(&app, &row, which.cosigned).await?;
    Ok(text(note, "no-cache"))
}

async fn note(app: &App, row: &LogRow, is_cosigned: bool) -> Result<String, LogsError> {
    let head = app.store().head(row.number).await?;
    let head = head.ok_or(LogsError::UnknownPart)?;
    match log::cosigned(app, row).await? {
        Some((size, note)) if is_cosigned || size == head.size => Ok(note.to_string()),
        None if is_cosigned => Err(LogsError::UnknownPart),
        _ => Ok(head.note),
    }
}

/// `GET /v1/logs/{number}/tile/{path}`: hashes, or records.
pub(crate) async fn tile(
    State(app): State<App>,
    _: Reader,
    Path((number, path)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let row = find(&app, &number).await?;
    let resource = Resource::from_path(&format!("tile/{path}"));
    let resource = resource.map_err(|_| LogsError::UnknownPart)?;
    let bytes = part(&app, &row, resource).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        // What is there once never changes; it is for reviewers and auditors alone.
        (
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        ),
    ];
    Ok((headers, bytes).into_response())
}

async fn part(app: &App, row: &LogRow, resource: Resource) -> Result<Bytes, LogsError> {
    if row.closed.pruned.is_some() {
        return Err(LogsError::UnknownPart);
    }
    let head = app.store().head(row.number).await?;
    let signed = head.ok_or(LogsError::UnknownPart)?.size;
    match resource {
        Resource::Tile(tile) if is_within(tile, signed) => {
            let mut tiles = app.store().tiles(row.number, &[tile]).await?;
            let bytes = tiles.remove(&tile).ok_or(StoreError::Corrupt("tile"))?;
            Ok(bytes.into())
        }
        Resource::Bundle(bundle) if is_within(bundle.tile(), signed) => {
            Ok(entries(app, row, bundle).await?.into())
        }
        _ => Err(LogsError::UnknownPart),
    }
}

/// Whether a tile is part of the tree of this size: all of its hashes are, and no more were to come.
fn is_within(tile: Tile, size: u64) -> bool {
    let there = Tile::in_tree(tile.level(), tile.index(), size);
    there.is_some_and(|there| tile.width() <= there.width())
}

async fn entries(app: &App, row: &LogRow, bundle: Bundle) -> Result<Vec<u8>, StoreError> {
    let range = bundle.entries();
    let from = row.first + range.start;
    let entries = app.store().entries(from, u32::from(bundle.width())).await?;
    let is_whole = entries
        .iter()
        .map(|entry| entry.index)
        .eq(from..row.first + range.end);
    if !is_whole {
        return Err(StoreError::Corrupt("absence of a leaf"));
    }
    bundle
        .encode(entries.iter().map(|entry| entry.leaf.as_slice()))
        .map_err(|_| StoreError::Corrupt("leaf"))
}

/// `GET /v1/logs/{number}/proofs/{place}`: that a record is in the log, with the record.
pub(crate) async fn proof(
    State(app): State<App>,
    _: Reader,
    Path((number, place)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let row = find(&app, &number).await?;
    let place = place.parse().map_err(|_| LogsError::UnknownPart)?;
    let proof = log::inclusion(&app, &row, place).await;
    let proof = proof.map_err(LogsError::from)?;
    Ok(text(proof.to_string(), "no-cache"))
}

async fn find(app: &App, number: &str) -> Result<LogRow, LogsError> {
    let number: u64 = number.parse().map_err(|_| LogsError::UnknownLog)?;
    let logs = app.store().logs().await?;
    let found = logs.into_iter().find(|log| log.number == number);
    found.ok_or(LogsError::UnknownLog)
}

fn text(text: String, cache: &'static str) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    (headers, text).into_response()
}

/// What the document says of it.
pub(crate) fn describe_list() -> Described {
    Described::new("listLogs", "The audit logs: one grows", "").gives::<Views>(200, "All of them.")
}

fn of_a_log(described: Described) -> Described {
    let number = json!({"type": "integer", "minimum": 1, "maximum": 9_007_199_254_740_991_u64});
    described
        .path("number", "Which log.", &number)
        .refuses(404, &["unknown-log", "unknown-part"])
}

/// What the document says of it.
pub(crate) fn describe_checkpoint() -> Described {
    of_a_log(
        Described::new(
            "checkpoint",
            "The last signed head of a log",
            "C2SP tlog-checkpoint. With the cosignatures of witnesses that it has so far.",
        )
        .query(
            "cosigned",
            "The last one that a witness has cosigned, which may be an older one.",
            &json!({"type": "boolean", "default": false}),
        )
        .says("text/plain", "A signed note.")
        .refuses(400, &["malformed-query"]),
    )
}

/// What the document says of it.
pub(crate) fn describe_tile() -> Described {
    let path = json!({"type": "string", "minLength": 1, "maxLength": 64});
    of_a_log(
        Described::new(
            "tile",
            "Hashes of a log, or records",
            "By C2SP tlog-tiles: `0/x001/x234/067`, `1/000.p/17`, `entries/000.p/3`.",
        )
        .path("path", "Which.", &path)
        .says("application/octet-stream", "Its bytes."),
    )
}

/// What the document says of it.
pub(crate) fn describe_proof() -> Described {
    let place = json!({"type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64});
    of_a_log(
        Described::new(
            "proof",
            "That a record is in a log",
            "With the record, as a file for keeping (C2SP tlog-proof).",
        )
        .path("place", "Its place in the log, from 0.", &place)
        .says("text/plain", "The proof."),
    )
}
