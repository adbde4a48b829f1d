//! Approvals as a list of those that wait, and those that were alike.

use std::time::Duration;

use velum_approval::{Approval, ApprovalId, Identity, State, Timestamp};

use super::approvals::{alike, complete, names_text, with_votes};
use super::connection::{Row, Sql, values};
use super::{Store, StoreError, StoredApproval};

/// How many uses are read at a time.
const AT_A_TIME: u32 = 512;

impl Store {
    /// The approvals asked since then, the latest first, without their votes; at most so many.
    pub(crate) async fn since(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Approval>, StoreError> {
        // Ids begin with the time (UUID version 7), and are what is indexed.
        let millis = since.as_millis();
        let first = format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff);
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                "SELECT body FROM approval WHERE id >= $1 ORDER BY id DESC LIMIT $2",
                values![&first, i64::from(limit)],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// When something was released since then, the latest first, and under which approval, without its votes; at most
    /// so many.
    pub(crate) async fn released_since(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Timestamp, Approval)>, StoreError> {
        let mut reading = self.read().await?;
        let (mut released, mut before) = (Vec::new(), i64::MAX);
        // In the order of their records, which is that of their times: an index by time would cost every use a page.
        loop {
            let left = limit.saturating_sub(u32::try_from(released.len()).unwrap_or(u32::MAX));
            let rows = reading
                .all(
                    "SELECT grant_use.idx AS idx, grant_use.at_ms AS at_ms, approval.body AS body FROM grant_use
                     JOIN approval ON approval.id = grant_use.approval
                     WHERE grant_use.idx < $1 ORDER BY grant_use.idx DESC LIMIT $2",
                    values![before, i64::from(left.min(AT_A_TIME))],
                )
                .await?;
            for row in &rows {
                let at = Timestamp::from_millis(row.read("at_ms")?);
                if at < since {
                    return Ok(released);
                }
                released.push((at, read(row)?));
                before = row.read("idx")?;
            }
            if rows.is_empty() {
                return Ok(released);
            }
        }
    }

    /// Every approval that waits for reviewers now, in the order they were asked, without its votes.
    pub(crate) async fn waiting(&self, now: Timestamp) -> Result<Vec<Approval>, StoreError> {
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                // By when they end: what has ended is not looked at, however much it is.
                Sql {
                    sqlite: "SELECT body FROM approval INDEXED BY approval_due
                             WHERE state = 'pending' AND due_ms > $1 ORDER BY id",
                    postgres: "SELECT body FROM approval
                               WHERE state = 'pending' AND due_ms > $1 ORDER BY id",
                },
                values![now.as_millis()],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// Those of these ids that are there, with what people wrote about them.
    pub(crate) async fn several(
        &self,
        ids: &[ApprovalId],
    ) -> Result<Vec<StoredApproval>, StoreError> {
        let mut reading = self.read().await?;
        let mut several = Vec::with_capacity(ids.len());
        for id in ids {
            let statement = "SELECT body FROM approval WHERE id = $1";
            let row = reading.optional(statement, values![id.as_str()]).await?;
            if let Some(row) = row {
                let approval = with_votes(&mut reading, &row).await?;
                several.push(complete(&mut reading, approval).await?);
            }
        }
        Ok(several)
    }

    /// The latest asks beside this one of the same principal, under all its `names`, for the same action,
    /// resource and classes.
    pub(crate) async fn alike(
        &self,
        approval: &Approval,
        names: &[&Identity],
        limit: u32,
    ) -> Result<Vec<StoredApproval>, StoreError> {
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                Sql {
                    sqlite: "SELECT body FROM approval
                     WHERE principal IN (SELECT value FROM json_each($1)) AND action = $2
                           AND alike = $3 AND id <> $4
                     ORDER BY id DESC LIMIT $5",
                    postgres: "SELECT body FROM approval
                     WHERE principal IN (SELECT json_array_elements_text(CAST($1 AS JSON)))
                           AND action = $2 AND alike = $3 AND id <> $4
                     ORDER BY id DESC LIMIT $5",
                },
                values![
                    &names_text(names)?,
                    approval.action.as_str(),
                    &alike(&approval.resource, approval.classes),
                    approval.id.as_str(),
                    i64::from(limit),
                ],
            )
            .await?;
        let mut several = Vec::with_capacity(rows.len());
        for row in &rows {
            let approval = with_votes(&mut reading, row).await?;
            several.push(complete(&mut reading, approval).await?);
        }
        Ok(several)
    }
}

/// How far back what was decided before is counted.
const LATELY: Duration = Duration::from_hours(7 * 24);

impl Store {
    /// What has become of asks like each of these, asked within a week before now by the same principal under all
    /// its names: how many of each state, those that are still open left out.
    pub(crate) async fn before(
        &self,
        approvals: &[(&Approval, Vec<&Identity>)],
        now: Timestamp,
    ) -> Result<Vec<Vec<(State, u64)>>, StoreError> {
        let since = now
            .as_millis()
            .saturating_sub(LATELY.as_millis().try_into().unwrap_or(0));
        let mut reading = self.read().await?;
        let mut all = Vec::with_capacity(approvals.len());
        for (approval, names) in approvals {
            let rows = reading
                .all(
                    Sql {
                        sqlite: "SELECT state, count(*) AS count FROM approval
                         WHERE principal IN (SELECT value FROM json_each($1)) AND created_ms > $2
                               AND action = $3 AND alike = $4 AND id <> $5 AND due_ms IS NULL
                         GROUP BY state ORDER BY state",
                        postgres: "SELECT state, count(*) AS count FROM approval
                         WHERE principal IN (SELECT json_array_elements_text(CAST($1 AS JSON)))
                               AND created_ms > $2 AND action = $3 AND alike = $4 AND id <> $5
                               AND due_ms IS NULL
                         GROUP BY state ORDER BY state",
                    },
                    values![
                        &names_text(names)?,
                        since,
                        approval.action.as_str(),
                        &alike(&approval.resource, approval.classes),
                        approval.id.as_str(),
                    ],
                )
                .await?;
            let counts = rows.iter().map(|row| {
                let state: String = row.read("state")?;
                let state = State::from_name(&state).ok_or(StoreError::Corrupt("state"))?;
                Ok::<_, StoreError>((state, row.count("count")?))
            });
            all.push(counts.collect::<Result<_, _>>()?);
        }
        Ok(all)
    }
}

fn read(row: &Row) -> Result<Approval, StoreError> {
    let body: String = row.read("body")?;
    serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("approval"))
}
