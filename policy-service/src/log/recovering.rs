//! A log goes on after a database was restored that has lost records: as another log, and without any
//! grant of before.

use std::time::Duration;

use velum_approval::record::{LogEvent, PreviousLog};
use velum_approval::{Cause, Event, LogName, PersonId, Reason, Record, transition};
use velum_ledger::checkpoint::Checkpoint;

use super::{LogError, anchors, fencing, naming};
use crate::http::App;
use crate::store::{Change, Operation, StoreError, Transaction};

/// Opens the next log, ends every approval that is not ended and every emergency access, and says what was
/// done.
///
/// # Errors
/// When there is no fence that tells how far the log was, or the store fails.
pub(crate) async fn recover(app: &App, by: PersonId, reason: Reason) -> Result<String, LogError> {
    let fence = app.parts().log.fence.as_ref();
    let stands = match fence {
        Some(fence) => fence.read()?,
        None => None,
    };
    let open = app.store().open_log().await?;
    let origin = open.name.as_ref().map_or("", LogName::as_str);
    // Nobody knows more than who has seen the most.
    let (shown, most) = anchors::furthest(&app.parts().log.anchors, origin);
    let is_further = |head: &Checkpoint| {
        let stands = stands.as_ref().filter(|stands| stands.origin() == origin);
        stands.is_none_or(|stands| stands.size() < head.size())
    };
    let stands = match shown.filter(is_further) {
        Some(shown) => Some(shown),
        None => stands,
    };
    let known = if let Some(head) = stands {
        head
    } else {
        // The fence is gone: what the store says is all there is.
        let head = app.store().head(open.number).await?;
        let head = head.and_then(|head| fencing::text_of(&head.note));
        head.ok_or(LogError::Inconsistent("a fence or a head"))?
    };
    let previous = PreviousLog {
        name: LogName::new(known.origin()).map_err(|_| LogError::Name)?,
        size: known.size(),
        root: *known.root().as_bytes(),
    };
    let recover = Recover {
        app: app.clone(),
        previous,
        key: app.parts().log.signatory.known(None).await?.current()?,
        most,
        by,
        reason,
    };
    Ok(app.store().write(recover).await?)
}

/// The name of the log after this one: `…/2026`, `…/2026-r1`, `…/2026-r2`.
fn next(name: &LogName) -> Result<LogName, StoreError> {
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
    previous: PreviousLog,
    /// The largest size that anybody has told of.
    most: u64,
    /// The one that signs the next log.
    key: [u8; 32],
    by: PersonId,
    reason: Reason,
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
        let mut closed = transaction.open_log().await?;
        let old = closed
            .name
            .clone()
            .ok_or(StoreError::Corrupt("name of the log"))?;
        let mut old = old;
        if rank(&self.previous.name) > rank(&old) {
            // A later log was lost as a whole: its name is not given again, nor its records' indexes.
            closed.closed.at = Some(stamp.now);
            transaction
                .begin_next_log(&closed, &self.previous.name)
                .await?;
            closed = transaction.open_log().await?;
            old = self.previous.name.clone();
        }
        let name = next(&old)?;
        let known = if self.previous.name == old {
            self.previous.size.max(closed.size)
        } else {
            closed.size
        };
        closed.known = known.max(self.most);
        closed.closed.at = Some(stamp.now);
        let first = transaction.begin_next_log(&closed, &name).await?;
        let secret = app.secret(Some(&self.reason))?;
        let secret = secret.ok_or(StoreError::Refused("no reason"))?;
        let event = LogEvent::Recovered {
            name: name.clone(),
            key: self.key,
            previous: self.previous.clone(),
            restored: closed.size,
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
                tags: None,
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
            "log {old} had {} records and has {}; log {name} is open; {ended} approvals were ended",
            known, closed.size
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
    fn a_recovered_log_has_a_name_of_its_own() {
        let names = ["a/2026", "a/2026-r1", "a/2026-r9", "a/2026-read"];
        let nexts = names.map(|name| next(&LogName::new(name).unwrap()).unwrap().to_string());
        assert_eq!(
            nexts,
            ["a/2026-r1", "a/2026-r2", "a/2026-r10", "a/2026-read-r1"]
        );
    }
}
