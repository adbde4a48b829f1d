//! Approvals as lists, a page at a time.
//!
//! How much is read for a page does not grow with the store: what is open is found by when it ends, what was not
//! used by how it ended, what somebody asked by who they are. Whatever else a list is narrowed by is looked for
//! among so many approvals, and the next page goes on behind them.

use velum_approval::{ActionName, ApprovalId, Identity, State, Timestamp};

use super::approvals::{complete, principal_text, with_votes};
use super::connection::{Connection, Row, Sql, values};
use super::{Store, StoreError, StoredApproval};

/// How many approvals are looked through for one page of those that no index tells apart.
const LOOKED_THROUGH: i64 = 20_000;
/// Behind every id, in whatever order the database has texts.
const BEYOND: &str = "zzzzzzzz";

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they were asked.
    OldestFirst,
    /// The latest first.
    LatestFirst,
}

/// Which approvals to list.
pub(crate) struct Listing {
    pub(crate) order: Order,
    /// Only those in this state.
    pub(crate) state: Option<State>,
    /// Only those of this action.
    pub(crate) action: Option<ActionName>,
    /// Only those behind this one, in the order that is asked for.
    pub(crate) behind: Option<ApprovalId>,
    /// At most so many.
    pub(crate) limit: u32,
    /// What time it is, for those that have expired without anybody having noted it.
    pub(crate) now: Timestamp,
}

/// A page of them.
pub(crate) struct Listed {
    pub(crate) approvals: Vec<StoredApproval>,
    /// Behind which one there may be more. The page may be short, or empty, all the same.
    pub(crate) next: Option<ApprovalId>,
}

/// What a list is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// All that there are.
    All,
    /// Those that will end.
    Open,
    /// Those that have ended in one way, none of them by being used.
    Ended,
    /// The same of those whose time has run out, whether or not that was noted.
    Expired,
}

impl Source {
    fn of(state: Option<State>) -> Source {
        match state {
            None | Some(State::Used) => Source::All,
            Some(State::Collecting | State::Pending | State::Approved) => Source::Open,
            Some(State::Expired) => Source::Expired,
            Some(State::Denied | State::Cancelled | State::Superseded | State::Revoked) => {
                Source::Ended
            }
        }
    }

    fn statement(self, order: Order) -> Sql {
        let [oldest_first, latest_first] = match self {
            Source::All => ALL,
            Source::Open => OPEN,
            Source::Ended => ENDED,
            Source::Expired => EXPIRED,
        };
        match order {
            Order::OldestFirst => oldest_first,
            Order::LatestFirst => latest_first,
        }
    }
}

/// A query of ids and bodies from `$1`, which is left out, to `$2`, of the action `$3`, at most `$4`.
macro_rules! oldest_first {
    ($index:literal, $which:literal) => {
        concat!(
            "SELECT id, body FROM approval",
            $index,
            " WHERE ",
            $which,
            " AND ($3 IS NULL OR action = $3) AND id > $1 AND id <= $2 ORDER BY id LIMIT $4"
        )
    };
}

/// The same, backwards.
macro_rules! latest_first {
    ($index:literal, $which:literal) => {
        concat!(
            "SELECT id, body FROM approval",
            $index,
            " WHERE ",
            $which,
            " AND ($3 IS NULL OR action = $3) AND id < $1 AND id >= $2 ORDER BY id DESC LIMIT $4"
        )
    };
}

/// Both, for both engines. With an index SQLite refuses the query rather than read everything.
macro_rules! statements {
    ($index:literal, $which:literal) => {
        [
            Sql {
                sqlite: oldest_first!($index, $which),
                postgres: oldest_first!("", $which),
            },
            Sql {
                sqlite: latest_first!($index, $which),
                postgres: latest_first!("", $which),
            },
        ]
    };
}

const ALL: [Sql; 2] = statements!("", "($5 IS NULL OR state = $5)");

const OPEN: [Sql; 2] = statements!(
    " INDEXED BY approval_due",
    "due_ms >= 0 AND CASE WHEN state <> 'collecting' AND due_ms <= $6 THEN 'expired' ELSE state END = $5"
);

const ENDED: [Sql; 2] = statements!(
    " INDEXED BY approval_ended",
    "(state = 'denied' OR state = 'expired' OR state = 'cancelled' OR state = 'superseded'
      OR state = 'revoked') AND state = $5"
);

/// A page of those of which it was noted, and one of those of which it was not, in one.
macro_rules! expired {
    ($one:ident, $ended:literal, $due:literal, $order:literal) => {
        concat!(
            "SELECT id, body FROM (SELECT * FROM (",
            $one!($ended, "state = 'expired'"),
            ") AS noted UNION ALL SELECT * FROM (",
            $one!($due, "due_ms <= $5 AND state <> 'collecting'"),
            ") AS overdue) AS expired ORDER BY id",
            $order,
            " LIMIT $4"
        )
    };
}

const EXPIRED: [Sql; 2] = [
    Sql {
        sqlite: expired!(
            oldest_first,
            " INDEXED BY approval_ended",
            " INDEXED BY approval_due",
            ""
        ),
        postgres: expired!(oldest_first, "", "", ""),
    },
    Sql {
        sqlite: expired!(
            latest_first,
            " INDEXED BY approval_ended",
            " INDEXED BY approval_due",
            " DESC"
        ),
        postgres: expired!(latest_first, "", "", " DESC"),
    },
];

/// The last of as many as are looked through behind `$1`.
const BOUND: [Sql; 2] = [
    Sql {
        sqlite: "SELECT id FROM approval WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2",
        postgres: "SELECT id FROM approval WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2",
    },
    Sql {
        sqlite: "SELECT id FROM approval WHERE id < $1 ORDER BY id DESC LIMIT 1 OFFSET $2",
        postgres: "SELECT id FROM approval WHERE id < $1 ORDER BY id DESC LIMIT 1 OFFSET $2",
    },
];

/// What one identity has asked, the latest first: by when, and where that is the same by id.
const ASKED_BY: Sql = Sql {
    sqlite: "SELECT id, body, created_ms FROM approval INDEXED BY approval_by_age
             WHERE principal = $1 AND (created_ms, id) < ($2, $3)
                   AND ($4 IS NULL OR action = $4)
                   AND ($5 IS NULL
                        OR CASE WHEN state <> 'collecting' AND due_ms <= $6 THEN 'expired'
                                ELSE state END = $5)
             ORDER BY created_ms DESC, id DESC LIMIT $7",
    postgres: "SELECT id, body, created_ms FROM approval
               WHERE principal = $1 AND (created_ms, id) < ($2, $3)
                     AND ($4 IS NULL OR action = $4)
                     AND ($5 IS NULL
                          OR CASE WHEN state <> 'collecting' AND due_ms <= $6 THEN 'expired'
                                  ELSE state END = $5)
               ORDER BY created_ms DESC, id DESC LIMIT $7",
};

impl Listing {
    fn source(&self) -> Source {
        Source::of(self.state)
    }

    /// Where a page begins if it is behind none.
    fn start(&self) -> &str {
        match (&self.behind, self.order) {
            (Some(id), _) => id.as_str(),
            (None, Order::OldestFirst) => "",
            (None, Order::LatestFirst) => BEYOND,
        }
    }

    /// Whether what is listed stands among what is not, and nothing tells how far from each other.
    fn is_looked_for(&self) -> bool {
        match self.source() {
            // As few are open as people can decide.
            Source::Open => false,
            Source::Ended | Source::Expired => self.action.is_some(),
            Source::All => self.action.is_some() || self.state.is_some(),
        }
    }

    /// The statement that gives the page up to this id, and what it is given.
    async fn rows(&self, reading: &mut Connection, end: &str) -> Result<Vec<Row>, StoreError> {
        let source = self.source();
        let (start, action) = (self.start(), self.action.as_ref().map(ActionName::as_str));
        let (limit, state) = (i64::from(self.limit), self.state.map(State::name));
        let now = self.now.as_millis();
        let statement = source.statement(self.order);
        match source {
            Source::All | Source::Ended => {
                let values = values![start, end, action, limit, state];
                reading.all(statement, values).await
            }
            Source::Open => {
                let values = values![start, end, action, limit, state, now];
                reading.all(statement, values).await
            }
            Source::Expired => {
                let values = values![start, end, action, limit, now];
                reading.all(statement, values).await
            }
        }
    }
}

impl Store {
    /// A page of approvals.
    pub(crate) async fn list(&self, listing: &Listing) -> Result<Listed, StoreError> {
        let mut reading = self.read().await?;
        let bound = if listing.is_looked_for() {
            let [oldest_first, latest_first] = BOUND;
            let statement = match listing.order {
                Order::OldestFirst => oldest_first,
                Order::LatestFirst => latest_first,
            };
            let values = values![listing.start(), LOOKED_THROUGH - 1];
            let row = reading.optional(statement, values).await?;
            row.as_ref().map(read_id).transpose()?
        } else {
            None
        };
        let end = match (&bound, listing.order) {
            (Some(bound), _) => bound.as_str(),
            (None, Order::OldestFirst) => BEYOND,
            (None, Order::LatestFirst) => "",
        };
        let rows = listing.rows(&mut reading, end).await?;
        let next = match rows.last().filter(|_| is_full(&rows, listing.limit)) {
            Some(last) => Some(read_id(last)?),
            None => bound,
        };
        let approvals = read(&mut reading, &rows).await?;
        Ok(Listed { approvals, next })
    }

    /// A page of what somebody has asked under any of these names, the latest first. Of somebody who has asked
    /// much and little of what is listed, all is looked through.
    ///
    /// # Errors
    /// Also when there is no such approval as the page is to be behind: it may have gone with its log.
    pub(crate) async fn list_of(
        &self,
        names: &[Identity],
        listing: &Listing,
    ) -> Result<Option<Listed>, StoreError> {
        let mut reading = self.read().await?;
        let from = match &listing.behind {
            None => i64::MAX,
            Some(id) => {
                let statement = "SELECT created_ms FROM approval WHERE id = $1";
                let row = reading.optional(statement, values![id.as_str()]).await?;
                let Some(row) = row else { return Ok(None) };
                row.read("created_ms")?
            }
        };
        let mut found: Vec<(i64, String, Row)> = Vec::new();
        for name in names {
            let principal = principal_text(name)?;
            let values = values![
                &principal,
                from,
                listing.behind.as_ref().map_or(BEYOND, ApprovalId::as_str),
                listing.action.as_ref().map(ActionName::as_str),
                listing.state.map(State::name),
                listing.now.as_millis(),
                i64::from(listing.limit),
            ];
            for row in reading.all(ASKED_BY, values).await? {
                found.push((row.read("created_ms")?, row.read("id")?, row));
            }
        }
        found.sort_by(|one, other| (other.0, &other.1).cmp(&(one.0, &one.1)));
        let rows = found.into_iter().map(|(_, _, row)| row);
        let rows: Vec<Row> = rows.take(usize(listing.limit)).collect();
        let last = rows.last().filter(|_| is_full(&rows, listing.limit));
        let next = last.map(read_id).transpose()?;
        let approvals = read(&mut reading, &rows).await?;
        Ok(Some(Listed { approvals, next }))
    }
}

async fn read(reading: &mut Connection, rows: &[Row]) -> Result<Vec<StoredApproval>, StoreError> {
    let mut approvals = Vec::with_capacity(rows.len());
    for row in rows {
        let approval = with_votes(reading, row).await?;
        approvals.push(complete(reading, approval).await?);
    }
    Ok(approvals)
}

fn is_full(rows: &[Row], limit: u32) -> bool {
    rows.len() >= usize(limit)
}

fn usize(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn read_id(row: &Row) -> Result<ApprovalId, StoreError> {
    let id: String = row.read("id")?;
    id.parse().map_err(|_| StoreError::Corrupt("approval id"))
}

#[cfg(test)]
mod tests;
