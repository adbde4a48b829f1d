//! What was masked or denied without any review, told to the policy service in batches.
//!
//! Memory is bounded: beyond so many rows, requests are counted as lost, and the loss is in the next
//! batch and in the metrics. A batch that did not arrive is sent again under its number, so that it
//! counts once; one that the service refuses is lost.

use std::rc::Rc;

use velum_approval::messages::{EventOutcome, EventRow, Events, MOST_ROWS};
use velum_approval::{ActionName, Identity, KeyedToken, PolicyDigest, Timestamp, WorkerId};

use crate::check::{self, Arrival};
use crate::host::{Host, HostError};
use crate::plugin::Plugin;
use crate::watch::{Account, Outcome};

/// How many rows wait to be sent at most, in one worker.
const MOST_WAITING: usize = 256;
/// How many identities are remembered with their tokens.
const MOST_TOKENS: usize = 64;
/// How many ticks lie between two batches: five seconds.
const INTERVAL: u32 = 5;
/// The most ticks between two attempts while the service does not answer: five minutes.
const LONGEST_PAUSE: u32 = 300;

/// The events of one worker under one configuration.
pub(crate) struct Reporter {
    plugin: Rc<Plugin>,
    worker: WorkerId,
    sequence: u64,
    rows: Vec<EventRow>,
    lost: u64,
    from: Option<Timestamp>,
    until: Timestamp,
    tokens: Vec<(Identity, KeyedToken)>,
    /// A batch that has not arrived yet, as it was first sent.
    unsent: Option<Events>,
    is_sending: bool,
    /// Ticks until the next attempt, and between the last two.
    wait: u32,
    pause: u32,
}

impl Reporter {
    /// A worker that has told nothing yet; `None` without random bytes, since nobody could tell it
    /// from another then.
    pub(crate) fn new(host: &impl Host, plugin: Rc<Plugin>) -> Option<Self> {
        let mut worker = [0; 16];
        host.random(&mut worker).ok()?;
        Some(Self {
            plugin,
            worker: WorkerId::from_bytes(worker),
            sequence: 0,
            rows: Vec::new(),
            lost: 0,
            from: None,
            until: Timestamp::from_millis(0),
            tokens: Vec::new(),
            unsent: None,
            is_sending: false,
            wait: INTERVAL,
            pause: 0,
        })
    }

    /// Whether a batch is on its way.
    pub(crate) fn is_sending(&self) -> bool {
        self.is_sending
    }

    /// Whether the stream is under its policy.
    pub(crate) fn is_of(&self, account: &Account) -> bool {
        account.policy == Some(self.plugin.policy.digest())
    }

    /// Takes note of a stream; returns how many requests are lost with it.
    pub(crate) fn note(&mut self, account: &Account, outcome: Outcome, now: u64) -> u64 {
        let Some((mut row, now)) = self.row(account, outcome, now) else {
            return 0;
        };
        self.from.get_or_insert(now);
        self.until = now;
        let is_alike = |known: &&mut EventRow| {
            known.policy == row.policy
                && known.action == row.action
                && known.outcome == row.outcome
                && known.principal == row.principal
                && known.status == row.status
        };
        let is_full = self.rows.len() >= MOST_WAITING;
        match self.rows.iter_mut().find(is_alike) {
            Some(known) => {
                known.requests = known.requests.saturating_add(1);
                known.masked.add_all(&row.masked);
            }
            None if !is_full => {
                row.requests = 1;
                self.rows.push(row);
            }
            None => {
                self.lost = self.lost.saturating_add(1);
                return 1;
            }
        }
        0
    }

    fn row(
        &mut self,
        account: &Account,
        outcome: Outcome,
        now: u64,
    ) -> Option<(EventRow, Timestamp)> {
        let outcome = match (outcome, account.problem) {
            (Outcome::Masked, _) if account.approval.is_none() => EventOutcome::Masked,
            (Outcome::Left, _) if account.written && account.approval.is_none() => {
                EventOutcome::Left
            }
            (Outcome::Unread, _) => EventOutcome::Unread,
            // What a reviewer or the policy service denies has a record of its own.
            (Outcome::Denied, Some("action-denied")) => EventOutcome::Denied,
            (Outcome::Refused, _) => EventOutcome::Refused,
            (Outcome::Withheld, _) => EventOutcome::Withheld,
            (Outcome::Cut, _) => EventOutcome::Cut,
            _ => return None,
        };
        let policy = self.plugin.policy.digest();
        let action = account.met.as_ref().and_then(|met| met.action.clone());
        let row = EventRow {
            policy: PolicyDigest::from_bytes(policy),
            action: action.and_then(|name| ActionName::new(name).ok()),
            outcome,
            principal: self.token(account.principal.as_ref()),
            status: u16::try_from(account.status).unwrap_or_default(),
            requests: 1,
            masked: account.counts().masked,
        };
        Some((row, check::timestamp(now)))
    }

    fn token(&mut self, identity: Option<&Identity>) -> Option<KeyedToken> {
        let identity = identity?;
        let known = self.tokens.iter().find(|(known, _)| known == identity);
        if let Some((_, token)) = known {
            return Some(*token);
        }
        let key = &self.plugin.secrets.as_ref()?.principal_key;
        let (issuer, subject) = (identity.issuer(), identity.subject());
        let text = [identity.kind().name(), issuer, subject].join("\0");
        let token = velum_approval::keyed_token(key, text.as_bytes());
        if self.tokens.len() >= MOST_TOKENS {
            self.tokens.clear();
        }
        self.tokens.push((identity.clone(), token));
        Some(token)
    }

    /// Sends what there is, if it is time; returns the call's token.
    pub(crate) fn tick(&mut self, host: &impl Host) -> Option<u32> {
        self.wait = self.wait.saturating_sub(1);
        // A whole one waits for no interval, but for a service that does not answer.
        let is_whole = self.pause == 0 && self.rows.len() >= MOST_ROWS;
        if self.is_sending || (self.wait > 0 && !is_whole) {
            return None;
        }
        self.wait = INTERVAL;
        let batch = self.unsent.take().or_else(|| self.batch())?;
        let sent = serde_json::to_vec(&batch).map_err(|_| HostError(2));
        let sent = sent.and_then(|bytes| check::report(host, &self.plugin, &bytes));
        self.unsent = Some(batch);
        self.is_sending = sent.is_ok();
        if sent.is_err() {
            self.arrived(Arrival::Unknown);
        }
        sent.ok()
    }

    /// What became of the batch that was sent last; returns how many requests are lost with it.
    pub(crate) fn arrived(&mut self, arrival: Arrival) -> u64 {
        self.is_sending = false;
        self.pause = match arrival {
            Arrival::Taken => 0,
            // Who refuses one batch may refuse the next, which then only tells of the loss.
            _ => (self.pause * 2).clamp(INTERVAL, LONGEST_PAUSE),
        };
        if self.pause > 0 {
            self.wait = self.pause;
        }
        if arrival == Arrival::Unknown {
            return 0;
        }
        let batch = self.unsent.take().filter(|_| arrival == Arrival::Refused);
        batch.map_or(0, |batch| {
            let lost = requests(&batch.rows);
            self.lost = self.lost.saturating_add(batch.lost.saturating_add(lost));
            lost
        })
    }

    /// How many requests nobody will be told of, when the worker ends.
    pub(crate) fn untold(&self) -> u64 {
        requests(&self.rows)
            + self
                .unsent
                .as_ref()
                .map_or(0, |batch| requests(&batch.rows))
    }

    fn batch(&mut self) -> Option<Events> {
        if self.rows.is_empty() && self.lost == 0 {
            return None;
        }
        let rest = self.rows.split_off(self.rows.len().min(MOST_ROWS));
        let rows = std::mem::replace(&mut self.rows, rest);
        self.sequence += 1;
        let events = Events {
            worker: self.worker,
            sequence: self.sequence,
            lost: std::mem::take(&mut self.lost),
            from: self.from.unwrap_or(self.until),
            until: self.until,
            rows,
        };
        if self.rows.is_empty() {
            self.from = None;
        }
        Some(events)
    }
}

fn requests(rows: &[EventRow]) -> u64 {
    let requests = rows.iter().map(|row| row.requests);
    requests.fold(0, u64::saturating_add)
}
