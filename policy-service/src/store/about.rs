//! Which records are about an approval.
//!
//! Those that are in the log's tree have a row; those behind it, of the last second mostly, are looked for
//! among the records themselves. So the transaction that uses a grant does not write what can be told later.

use std::ops::Range;

use serde::Deserialize;
use velum_approval::ApprovalId;

use super::audit::{self, Entry, read_entry};
use super::connection::{Connection, Sql, values};
use super::{Store, StoreError};

/// How a record's subject says which approval it is about.
const APPROVAL: &str = "approval/";

/// Which of an approval's records are read.
#[derive(Clone, Copy)]
enum Wanted {
    First,
    Latest,
}

/// Those that have a row.
macro_rules! with_row {
    ($order:literal) => {
        Sql::from(concat!(
            "SELECT audit_entry.idx AS idx, entry FROM approval_record
             JOIN audit_entry ON audit_entry.idx = approval_record.idx
             WHERE approval = $1 AND approval_record.idx < $2
             ORDER BY approval_record.idx ",
            $order,
            " LIMIT $3"
        ))
    };
}

/// Those that the tree does not have yet.
macro_rules! behind_tree {
    ($order:literal) => {
        Sql {
            sqlite: concat!(
                "SELECT idx, entry FROM audit_entry
                 WHERE idx >= (SELECT first + size FROM audit_log, log_tree
                               WHERE audit_log.id = 1 AND log_tree.id = 1)
                       AND instr(entry, CAST($1 AS BLOB)) > 0 AND idx < $2
                 ORDER BY idx ",
                $order,
                " LIMIT $3"
            ),
            postgres: concat!(
                "SELECT idx, entry FROM audit_entry
                 WHERE idx >= (SELECT first + size FROM audit_log, log_tree
                               WHERE audit_log.id = 1 AND log_tree.id = 1)
                       AND position(convert_to($1, 'UTF8') in entry) > 0 AND idx < $2
                 ORDER BY idx ",
                $order,
                " LIMIT $3"
            ),
        }
    };
}

impl Wanted {
    fn with_row(self) -> Sql {
        match self {
            Wanted::First => with_row!("ASC"),
            Wanted::Latest => with_row!("DESC"),
        }
    }

    fn behind_tree(self) -> Sql {
        match self {
            Wanted::First => behind_tree!("ASC"),
            Wanted::Latest => behind_tree!("DESC"),
        }
    }

    /// What was read, in the order of the log.
    fn in_order(self, mut entries: Vec<Entry>) -> Vec<Entry> {
        if matches!(self, Wanted::Latest) {
            entries.reverse();
        }
        entries
    }
}

impl Store {
    /// The records that are about an approval, in order; the first so many.
    pub(crate) async fn entries_about(
        &self,
        approval: &ApprovalId,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        self.about(approval, Wanted::First, u64::MAX, limit).await
    }

    /// The latest so many of the records about an approval whose index is below this one, in order too. Its
    /// requester can have any number of refusals recorded, and these push out nothing that comes later.
    pub(crate) async fn latest_about(
        &self,
        approval: &ApprovalId,
        below: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        self.about(approval, Wanted::Latest, below, limit).await
    }

    async fn about(
        &self,
        approval: &ApprovalId,
        wanted: Wanted,
        below: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let below = i64::try_from(below).unwrap_or(i64::MAX);
        let mut reading = self.read().await?;
        // First those without a row: what gets one meanwhile is there twice, and not missed.
        let behind = behind(&mut reading, approval, wanted, below, limit).await?;
        let given = values![approval.as_str(), below, i64::from(limit)];
        let rows = reading.all(wanted.with_row(), given).await?;
        let entries: Vec<Entry> = rows.iter().map(read_entry).collect::<Result<_, _>>()?;
        let mut entries = wanted.in_order(entries);
        let last = entries.last().map(|entry| entry.index);
        entries.extend(behind.into_iter().filter(|entry| Some(entry.index) > last));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match wanted {
            Wanted::First => entries.truncate(limit),
            Wanted::Latest => drop(entries.drain(..entries.len().saturating_sub(limit))),
        }
        Ok(entries)
    }
}

/// Those that the tree does not have yet, in order.
async fn behind(
    connection: &mut Connection,
    approval: &ApprovalId,
    wanted: Wanted,
    below: i64,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    // Leaves are canonical: this is how it stands there, if perhaps in another place too.
    let subject = format!("\"subject\":\"{APPROVAL}{approval}\"");
    let given = values![&subject, below, i64::from(limit)];
    let rows = connection.all(wanted.behind_tree(), given).await?;
    let mut entries: Vec<Entry> = rows.iter().map(read_entry).collect::<Result<_, _>>()?;
    entries.retain(|entry| of(&entry.leaf).as_deref() == Some(approval.as_str()));
    Ok(wanted.in_order(entries))
}

/// Gives the records of these indexes, which are about approvals, their rows.
pub(super) async fn note(
    connection: &mut Connection,
    indexes: Range<u64>,
) -> Result<(), StoreError> {
    let mut from = indexes.start;
    while from < indexes.end {
        let page = audit::page(connection, from).await?;
        let page = page.iter().filter(|leaf| leaf.index < indexes.end);
        let mut next = from;
        let mut about = Vec::new();
        for leaf in page {
            next = leaf.index + 1;
            about.extend(of(&leaf.entry).map(|approval| (leaf.index, approval)));
        }
        if next == from {
            // That one is absent is told by whoever verifies.
            break;
        }
        let about = serde_json::to_string(&about).map_err(|_| StoreError::Refused("rows"))?;
        // Records from before this was done here have theirs.
        connection
            .execute(
                Sql {
                    sqlite: "INSERT INTO approval_record (idx, approval)
                             SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')
                             FROM json_each($1) WHERE true
                             ON CONFLICT (idx) DO NOTHING",
                    postgres: "INSERT INTO approval_record (idx, approval)
                               SELECT CAST(value ->> 0 AS BIGINT), value ->> 1
                               FROM json_array_elements(CAST($1 AS JSON))
                               ON CONFLICT (idx) DO NOTHING",
                },
                values![&about],
            )
            .await?;
        from = next;
    }
    Ok(())
}

/// The approval that a leaf is about.
fn of(leaf: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        subject: Option<String>,
    }
    let event: Event = serde_json::from_slice(leaf).ok()?;
    let approval = event.subject?;
    approval.strip_prefix(APPROVAL).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn only_a_record_of_its_own_subject_is_about_an_approval() {
        let id = "0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e";
        let about = format!(r#"{{"data":{{"subject":"x"}},"subject":"approval/{id}"}}"#);
        assert_eq!(of(about.as_bytes()).as_deref(), Some(id));
        // A requester can be called anything.
        let named = format!(r#"{{"data":{{"subject":"approval/{id}"}}}}"#);
        assert_eq!(of(named.as_bytes()), None);
        assert_eq!(of(br#"{"subject":"stop/1"}"#), None);
        assert_eq!(of(b"{"), None);
    }
}
