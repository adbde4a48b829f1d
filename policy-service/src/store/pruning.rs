//! A closed log goes, with what belongs to it.
//!
//! What goes: its records and tiles; every approval of which no other log has a record, with its votes, uses,
//! outcomes and evidence; uses, outcomes and batches whose record it had; what people wrote, where it had the
//! commitment; reviewed emergency accesses, and stops that have ended. What stays: its last signed head, its
//! place among the logs, and whatever still keeps something from being released: stops that stand, emergency
//! accesses that nobody has reviewed. An approval is not forgotten before it is over, so that no grant comes
//! to life again.

use serde_json::Value as Json;
use velum_approval::Commitment;

use super::audit::page;
use super::connection::{Connection, values};
use super::log::LogRow;
use super::transaction::number;
use super::{StoreError, about, log};

/// Approvals whose last record is between `$1` and `$2`, and whose first is not before `$3`.
macro_rules! of_approvals {
    ($statement:literal) => {
        concat!(
            $statement,
            " IN (SELECT told.approval FROM approval_record told
                  WHERE told.idx >= $1 AND told.idx < $2
                        AND NOT EXISTS (SELECT 1 FROM approval_record other
                                        WHERE other.approval = told.approval
                                              AND (other.idx >= $2 OR other.idx < $3)))"
        )
    };
}

/// In this order each names only what is still there.
const WITH_APPROVALS: [&str; 5] = [
    of_approvals!("DELETE FROM outcome WHERE approval"),
    of_approvals!("DELETE FROM evidence WHERE approval"),
    of_approvals!("DELETE FROM grant_use WHERE approval"),
    of_approvals!("DELETE FROM vote WHERE approval"),
    of_approvals!("DELETE FROM approval WHERE id"),
];

/// The same of what has a record of its own in the log.
const WITH_RECORDS: [&str; 4] = [
    "DELETE FROM outcome WHERE idx >= $1 AND idx < $2",
    "DELETE FROM grant_use WHERE idx >= $1 AND idx < $2",
    "DELETE FROM event_batch WHERE idx >= $1 AND idx < $2",
    "DELETE FROM approval_record WHERE idx >= $1 AND idx < $2",
];

/// Takes out all that belongs to a closed log, of which the record at `record` says so.
///
/// # Errors
/// When something of it is not over yet.
pub(super) async fn prune(
    connection: &mut Connection,
    log: &LogRow,
    record: u64,
) -> Result<(), StoreError> {
    let (first, end) = (log.first, log.first + log.size);
    // What the open log tells of an approval keeps it, also where it was told a moment ago.
    let (open, tree) = (log::open(connection).await?, log::tree(connection).await?);
    let untold = open.first + tree.size..open.first + open.size;
    about::note(connection, untold).await?;
    require_over(connection, log).await?;
    let marked = connection
        .execute(
            "UPDATE closed_log SET pruned = $1 WHERE number = $2 AND pruned IS NULL",
            values![number(record)?, number(log.number)?],
        )
        .await?;
    if marked != 1 {
        return Err(connection.conflict());
    }
    // A page at a time: no statement takes long.
    let mut from = first;
    while from < end {
        let leaves = page(connection, from).await?;
        let own = leaves.iter().filter(|leaf| leaf.index < end);
        let Some(last) = own.clone().next_back() else {
            break;
        };
        let to = last.index + 1;
        for leaf in own {
            forget_words(connection, &leaf.entry).await?;
        }
        let (page, first) = ((number(from)?, number(to)?), number(first)?);
        for statement in WITH_APPROVALS {
            connection
                .execute(statement, values![page.0, page.1, first])
                .await?;
        }
        for statement in WITH_RECORDS {
            connection
                .execute(statement, values![page.0, page.1])
                .await?;
        }
        from = to;
    }
    let confirmations = "DELETE FROM stop_confirmation
                         WHERE stop IN (SELECT id FROM stop
                                        WHERE is_active = 0 AND idx >= $1 AND idx < $2
                                              AND idx < (SELECT max(idx) FROM stop))";
    connection
        .execute(confirmations, values![number(first)?, number(end)?])
        .await?;
    // The greatest version is what workers keep to: it does not go back.
    let stops = "DELETE FROM stop WHERE is_active = 0 AND idx >= $1 AND idx < $2
                     AND idx < (SELECT max(idx) FROM stop)";
    connection
        .execute(stops, values![number(first)?, number(end)?])
        .await?;
    let entries = "DELETE FROM audit_entry WHERE idx >= $1 AND idx < $2";
    let mut from = first;
    while from < end {
        let to = from.saturating_add(4096).min(end);
        connection
            .execute(entries, values![number(from)?, number(to)?])
            .await?;
        from = to;
    }
    // Of a worker whose batches are all gone nothing is known any more.
    let workers = "DELETE FROM event_worker
                   WHERE NOT EXISTS (SELECT 1 FROM event_batch batch
                                     WHERE batch.gateway = event_worker.gateway
                                           AND batch.worker = event_worker.worker)";
    connection.execute(workers, &[]).await?;
    connection
        .execute(
            "DELETE FROM log_tile WHERE log = $1",
            values![number(log.number)?],
        )
        .await?;
    Ok(())
}

/// An approval that is not over would be forgotten with its log: the service has to end it first.
async fn require_over(connection: &mut Connection, log: &LogRow) -> Result<(), StoreError> {
    let open = connection
        .one(
            "SELECT count(*) AS open FROM approval
             WHERE due_ms IS NOT NULL
                   AND id IN (SELECT approval FROM approval_record WHERE idx >= $1 AND idx < $2)",
            values![number(log.first)?, number(log.first + log.size)?],
        )
        .await?;
    if open.count("open")? == 0 {
        return Ok(());
    }
    let fault = "an approval that this log has records of is not over: start the service once, so that it \
                 ends what has expired";
    Err(StoreError::Data(fault.to_owned()))
}

/// What people wrote, to which this record commits, and the emergency access that it says was reviewed.
async fn forget_words(connection: &mut Connection, leaf: &[u8]) -> Result<(), StoreError> {
    let leaf: Json = serde_json::from_slice(leaf).map_err(|_| StoreError::Corrupt("leaf"))?;
    let mut commitments = Vec::new();
    collect(&leaf["data"], &mut commitments);
    for commitment in commitments {
        connection
            .execute(
                "DELETE FROM audit_secret WHERE commitment = $1",
                values![commitment.as_bytes()],
            )
            .await?;
    }
    if let Some(emergency) = leaf["data"]["emergency"]["id"].as_str() {
        connection
            .execute(
                "DELETE FROM emergency WHERE id = $1 AND is_reviewed = 1",
                values![emergency],
            )
            .await?;
    }
    Ok(())
}

/// The commitments of a record, at whatever depth.
fn collect(data: &Json, commitments: &mut Vec<Commitment>) {
    let Some(members) = data.as_object() else {
        return;
    };
    for (name, value) in members {
        let is_one = name.ends_with("_commitment");
        let commitment = value.as_str().filter(|_| is_one).map(str::parse);
        if let Some(Ok(commitment)) = commitment {
            commitments.push(commitment);
        }
        collect(value, commitments);
    }
}
