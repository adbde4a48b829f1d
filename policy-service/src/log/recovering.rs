//! A log goes on after a database was restored that has lost records: as another log, and without any
//! grant of before.

use std::time::Duration;

use velum_approval::record::{LogEvent, PreviousLog};
use velum_approval::{Cause, Event, LogName, PersonId, Reason, Record, transition};
use velum_ledger::hash::Hash;

use super::{LogError, fencing, growing, naming, rolling, showing};
use crate::http::App;
use crate::store::{Change, LogRow, Operation, Stamp, StoreError, Transaction};

/// How many indexes no record has, before those of a log that goes on after records were lost. How many were
/// given behind the last head that anybody has is not known, nor how many of a year before one that was lost
/// as a whole; so many are not.
pub(super) const GAP: u64 = 1_000_000_000_000;

/// Opens the next log, ends every approval that is not ended and every emergency access, and says what was
/// done.
///
/// # Errors
/// When a fence or an anchor is of another log, or the store fails.
pub(crate) async fn recover(app: &App, by: PersonId, reason: Reason) -> Result<String, LogError> {
    let open = app.store().open_log().await?;
    let own = open
        .name
        .clone()
        .ok_or(StoreError::Corrupt("name of the log"))?;
    let shown = showing::shown(app, &open, &own).await?;
    let mut heads = shown.heads.clone();
    heads.extend(shown.own.clone());
    let recover = Recover {
        app: app.clone(),
        shown: furthest(heads),
        kept: shown.heads,
        own: shown.own,
        most: shown.most,
        signed: shown.signed,
        key: app.parts().log.signatory.known(None).await?.current()?,
        by,
        reason,
    };
    let mut said = app.store().write(recover).await?;
    for log in rolling::left_unsigned(app).await? {
        said += &log;
    }
    for remark in shown.remarks {
        said += &remark;
    }
    Ok(said)
}

/// Of each log the largest head, the last log last: nobody knows more than who has seen the most.
fn furthest(mut shown: Vec<PreviousLog>) -> Vec<PreviousLog> {
    shown.sort_by(|one, other| {
        let place = |log: &PreviousLog| (rank(&log.name), log.name.as_str().to_owned(), log.size);
        place(other).cmp(&place(one))
    });
    shown.dedup_by(|one, other| one.name == other.name);
    shown.reverse();
    shown
}

/// The name of the log after this one: `…/2026`, `…/2026-r1`, `…/2026-r2`.
pub(super) fn next(name: &LogName) -> Result<LogName, StoreError> {
    let name = name.as_str();
    let (base, number) = match name.rsplit_once("-r") {
        Some((base, number)) => match number.parse::<u32>() {
            Ok(number) => (base, number),
            Err(_) => (name, 0),
        },
        None => (name, 0),
    };
    let next = LogName::new(format!("{base}-r{}", number.saturating_add(1)));
    next.map_err(|_| StoreError::Refused("a log's name"))
}

/// Where a log stands among the others by its name: its year, and how often it was recovered.
fn rank(name: &LogName) -> (Option<u32>, u32) {
    let recovered = name.as_str().rsplit_once("-r");
    let number = recovered.and_then(|(_, number)| number.parse().ok());
    (naming::year(name), number.unwrap_or(0))
}

struct Recover {
    app: App,
    /// The furthest head of each log that anybody has shown, the last log last.
    shown: Vec<PreviousLog>,
    /// Every head that is kept outside of the store.
    kept: Vec<PreviousLog>,
    /// The last head of the open log in the store.
    own: Option<PreviousLog>,
    /// The largest size of the open log that anybody has told of.
    most: u64,
    /// How much of the open log is under its last signed head.
    signed: u64,
    /// The one that signs the next log.
    key: [u8; 32],
    by: PersonId,
    reason: Reason,
}

impl Recover {
    /// Closes the open log, and those that were lost as a whole: their names are not given again, nor their
    /// records' indexes. Gives what the next one goes on from, how much is left of that, and the next one's
    /// name and first index.
    async fn close(
        &self,
        transaction: &mut Transaction,
        stamp: &Stamp,
    ) -> Result<(PreviousLog, u64, LogName, u64), StoreError> {
        let mut open = transaction.open_log().await?;
        let own = open.name.clone();
        let own = own.ok_or(StoreError::Corrupt("name of the log"))?;
        let logs = transaction.logs().await?;
        let (previous, restored) = self.end(transaction, &open, &own).await?;
        open.known = open.size.max(self.most);
        open.closed.at = Some(stamp.now);
        let mut lost = Vec::new();
        for shown in &self.shown {
            let is_it = |log: &&LogRow| log.name.as_ref() == Some(&shown.name);
            match logs.iter().find(is_it) {
                Some(log) if log.is_open => open.known = open.known.max(shown.size),
                Some(log) => transaction.set_known(log.number, shown.size).await?,
                None => lost.push(shown),
            }
        }
        for log in &lost {
            transaction.begin_next_log(&open, &log.name, 0).await?;
            open = transaction.open_log().await?;
            open.known = log.size.max(1);
            open.closed.at = Some(stamp.now);
        }
        let names = logs.iter().filter_map(|log| log.name.as_ref());
        let names = names.chain(lost.iter().map(|log| &log.name));
        let name = next(names.max_by_key(|name| rank(name)).unwrap_or(&own))?;
        let first = transaction.begin_next_log(&open, &name, GAP).await?;
        Ok((previous, restored, name, first))
    }

    /// What the next log goes on from, and how many records are left of that: the furthest head that anybody
    /// has shown, or all that is there where that head is the beginning of it. What is behind the head would be
    /// under no root otherwise.
    async fn end(
        &self,
        transaction: &mut Transaction,
        open: &LogRow,
        own: &LogName,
    ) -> Result<(PreviousLog, u64), StoreError> {
        let mut further = self.shown.iter().rev();
        let further = further.find(|shown| rank(&shown.name) >= rank(own));
        if let Some(further) = further.filter(|further| further.name != *own) {
            return Ok((further.clone(), 0));
        }
        let of_own = |size: u64, root: Hash| PreviousLog {
            name: own.clone(),
            size,
            root: *root.as_bytes(),
        };
        let root = match growing::finish(transaction, open).await {
            Ok(root) => root,
            // What was changed is no end of anything; nobody can say how much is left of what the head is over.
            Err(StoreError::Corrupt(_)) => {
                let (size, root) = growing::standing(transaction, open).await?;
                let further = further.cloned();
                return Ok((further.unwrap_or_else(|| of_own(size, root)), 0));
            }
            Err(error) => return Err(error),
        };
        match further {
            // Nobody has a head of it: it is what it is.
            None => Ok((of_own(open.size, root), open.size)),
            // Another history: none of it is known to be there.
            Some(further) if !self.is_known(transaction, open, &root, own).await? => {
                Ok((further.clone(), 0))
            }
            Some(further) if open.size > further.size => Ok((of_own(open.size, root), open.size)),
            Some(further) => Ok((further.clone(), open.size)),
        }
    }

    /// Whether what is there is the log that heads are of: the largest that is kept elsewhere, and the store's own,
    /// of those that are not beyond it. Where there is none nobody has ever signed anything of what is there.
    async fn is_known(
        &self,
        transaction: &mut Transaction,
        open: &LogRow,
        root: &Hash,
        own: &LogName,
    ) -> Result<bool, StoreError> {
        let is_within = |head: &&PreviousLog| head.name == *own && head.size <= open.size;
        // Of several as large the first, as in `furthest`.
        let kept = self.kept.iter().rev().filter(is_within);
        let kept = kept.max_by_key(|head| head.size);
        let mut is_known = false;
        for head in kept.into_iter().chain(self.own.iter().filter(is_within)) {
            let older = (head.size, Hash::from_bytes(head.root));
            if !fencing::begins(transaction, open, root, older).await? {
                return Ok(false);
            }
            is_known = true;
        }
        Ok(is_known)
    }
}

impl Operation for Recover {
    type Output = String;
    type Error = StoreError;

    /// Every approval is ended by it.
    const PATIENCE: Duration = Duration::from_hours(1);

    async fn run(&self, transaction: &mut Transaction) -> Result<String, StoreError> {
        let app = &self.app;
        // Nobody else has the store: the order of locks is of no account.
        let stamp = app.stamp(transaction).await?;
        let (previous, restored, name, first) = self.close(transaction, &stamp).await?;
        let secret = app.secret(Some(&self.reason))?;
        let secret = secret.ok_or(StoreError::Refused("no reason"))?;
        let event = LogEvent::Recovered {
            name: name.clone(),
            key: self.key,
            previous: previous.clone(),
            restored,
            unsigned: restored.saturating_sub(self.signed),
            first,
            by: self.by.clone(),
            reason: secret.commitment,
        };
        let record = Record::Log(Box::new(event));
        let change = Change::Written { written: &secret };
        transaction.apply(&change, &record, &stamp).await?;
        let mut ended = 0_u64;
        for id in transaction.unended().await? {
            let approval = transaction.approval(&id).await?;
            let approval = approval.ok_or(StoreError::Corrupt("approval"))?;
            let stamp = app.stamp(transaction).await?;
            let event = Event::Supersede(Cause::Recovery);
            let ending = transition(&approval, &event, stamp.now)
                .or_else(|_| transition(&approval, &Event::Expire, stamp.now));
            let (next, record) = ending.map_err(|_| StoreError::Corrupt("state of an approval"))?;
            let change = Change::Case {
                approval: &next,
                written: None,
                evidence: None,
            };
            transaction.apply(&change, &record, &stamp).await?;
            ended += 1;
        }
        for emergency in transaction.unreviewed_emergencies().await? {
            let stamp = app.stamp(transaction).await?;
            let requester = app.parts().directory.party(&emergency.principal);
            if let Some((emergency, record)) = emergency.end(requester.cloned(), stamp.now) {
                let change = Change::Emergency {
                    emergency: &emergency,
                    written: None,
                };
                transaction.apply(&change, &record, &stamp).await?;
            }
        }
        Ok(format!(
            "log {} had {} records and has {restored}; log {name} is open; {ended} approvals were ended",
            previous.name, previous.size,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_in_the_order_of_their_years_and_recoveries() {
        let names = ["a/2026", "a/2026-r1", "a/2026-r10", "a/2027", "a/2027-r2"];
        let ranks = names.map(|name| rank(&LogName::new(name).unwrap()));
        assert!(ranks.is_sorted() && ranks[0] < ranks[1], "{ranks:?}");
    }

    #[test]
    fn of_each_log_the_furthest_head_counts_and_the_last_log_is_the_last() {
        let log = |name: &str, size: u64| PreviousLog {
            name: LogName::new(name).unwrap(),
            size,
            root: [0; 32],
        };
        let shown = vec![
            log("a/2027", 4),
            log("a/2026-r1", 90),
            log("a/2027", 9),
            log("a/2026", 500),
            log("a/2027", 7),
        ];
        let found = [log("a/2026", 500), log("a/2026-r1", 90), log("a/2027", 9)];
        assert_eq!(furthest(shown), found);
    }

    #[test]
    fn a_recovered_log_has_a_name_of_its_own() {
        let names = ["a/2026", "a/2026-r1", "a/2026-r9", "a/2026-read"];
        let nexts = names.map(|name| next(&LogName::new(name).unwrap()).unwrap().to_string());
        assert_eq!(
            nexts,
            ["a/2026-r1", "a/2026-r2", "a/2026-r10", "a/2026-read-r1"]
        );
    }
}
