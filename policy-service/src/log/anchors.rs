//! Where heads go that are to outlive this machine: files on other volumes, whoever is sent them, and
//! witnesses.
//!
//! Each anchor is told by a task of its own, always the latest head: one that is slow or dead keeps neither
//! the log from growing nor the others from being told. Only the service that extends the tree tells them;
//! what they have stands in the store, where other services read it.

mod checking;
mod cosigned;
mod file;
mod standing;
mod telling;
mod webhook;
mod witness;

pub(super) use checking::{check, shown};
pub(crate) use cosigned::cosigned;
pub(crate) use telling::run;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use velum_approval::{LogName, Timestamp};
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::note::{Note, VerifierKey};

use super::growing::Root;
use crate::config;
use crate::http::App;
use crate::store::{Anchored, Head, LogRow, StoreError};
use file::KeptHeads;
use standing::{Standing, State};
use webhook::Webhook;
use witness::Witness;

/// Every anchor of the configuration.
pub(crate) struct Anchors {
    all: Vec<Arc<Anchor>>,
    /// How many have to have a record.
    needed: usize,
    /// For how long one may be without the head.
    alert: Duration,
    /// The head that is to be told.
    lead: watch::Sender<Lead>,
    /// The index behind the last record that as many have as are needed.
    anchored: watch::Sender<u64>,
    /// A release waits: who waits for a better moment tries at once.
    urgent: Notify,
}

/// One of them.
struct Anchor {
    name: String,
    place: Place,
    state: Mutex<State>,
}

enum Place {
    File(KeptHeads),
    Webhook(Webhook),
    Witness(Box<Witness>),
}

/// How far the open log is under a signed head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Lead {
    pub(super) log: u64,
    /// The index of the log's first record.
    pub(super) first: u64,
    pub(super) size: u64,
    /// Whether this service extends it, and so tells.
    pub(super) is_here: bool,
}

/// Why an anchor does not have a head. The names are what metrics, logs and answers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No connection, or it broke.
    Unreachable,
    /// Not in time.
    Late,
    /// It answered that it does not take it.
    Refused,
    /// It answered what is no answer, or a cosignature that is not its own.
    BadAnswer,
    /// The file cannot be read or written.
    Unwritable,
    /// The file is gone: the volume may not be there. It is not made anew.
    Missing,
    /// What the store has noted of it is not what a witness, or the log's own key, has signed.
    BadNote,
    /// Somebody else told it meanwhile.
    Conflict,
    /// It knows more than this log has, or another history of it: records were lost.
    Contradicts,
    /// The store does not answer.
    Store,
}

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::Unreachable => "unreachable",
            Fault::Late => "late",
            Fault::Refused => "refused",
            Fault::BadAnswer => "bad-answer",
            Fault::Unwritable => "unwritable",
            Fault::Missing => "missing",
            Fault::BadNote => "bad-note",
            Fault::Conflict => "conflict",
            Fault::Contradicts => "contradicts",
            Fault::Store => "store",
        }
    }
}

impl From<StoreError> for Fault {
    fn from(_: StoreError) -> Fault {
        Fault::Store
    }
}

/// A head as anchors are told it.
struct Offer {
    log: LogRow,
    head: Head,
    note: Note,
    checkpoint: Checkpoint,
}

impl Offer {
    /// The last head of the open log, if there is one.
    async fn latest(app: &App) -> Result<Option<Offer>, Fault> {
        let log = app.store().open_log().await?;
        Offer::of(app, log).await
    }

    async fn of(app: &App, log: LogRow) -> Result<Option<Offer>, Fault> {
        let Some(head) = app.store().head(log.number).await? else {
            return Ok(None);
        };
        let note = Note::parse(head.note.as_bytes()).map_err(|_| Fault::Store)?;
        let checkpoint = note.text().parse().map_err(|_| Fault::Store)?;
        Ok(Some(Offer {
            log,
            head,
            note,
            checkpoint,
        }))
    }

    /// The tree under it.
    fn root(&self) -> Result<Root, Fault> {
        Ok(Root {
            log: self.log.number,
            name: LogName::new(self.checkpoint.origin()).map_err(|_| Fault::Store)?,
            first: self.log.first,
            size: self.checkpoint.size(),
            hash: *self.checkpoint.root(),
            is_behind: false,
            fenced: 0,
            is_closed: false,
        })
    }

    /// Somebody has a head of this size: whether this log has records for it.
    async fn is_beyond(&self, app: &App, size: u64) -> Result<bool, Fault> {
        let logs = app.store().logs().await?;
        let own = logs.iter().find(|log| log.number == self.log.number);
        Ok(own.is_none_or(|log| size > log.known))
    }

    /// The last head of the year before, if this anchor has not got it: the next log was open before that was
    /// signed. Not for ever: one that is new does not know that log.
    async fn left_over(app: &App, anchor: &Anchor) -> Result<Option<Offer>, Fault> {
        const SOON: Duration = Duration::from_hours(24);
        let logs = app.store().logs().await?;
        let before = logs.into_iter().rev().find(|log| !log.is_open);
        let is_due = |log: &LogRow| {
            let is_whole = log.closed.root.is_some() && log.closed.pruned.is_none();
            is_whole && log.closed.at.is_some_and(|at| app.now().since(at) < SOON)
        };
        let Some(log) = before.filter(is_due) else {
            return Ok(None);
        };
        let noted = app.store().anchored(log.number).await?;
        let keys = cosigned::keys(app, &log).await?;
        let has_it = |noted: &Anchored| {
            let is_its = noted.name == anchor.name && noted.size >= log.size;
            let text = noted.note.as_deref().filter(|_| is_its);
            text.is_some_and(|text| cosigned::signed(text, &log, noted.size, &keys).is_some())
        };
        if noted.iter().any(has_it) {
            return Ok(None);
        }
        match Offer::of(app, log).await? {
            Some(offer) if offer.head.size == offer.log.size => Ok(Some(offer)),
            _ => Ok(None),
        }
    }
}

impl Anchors {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// When a secret or an authority cannot be used.
    pub(crate) fn open(anchors: &config::Anchors) -> Result<Anchors, String> {
        let all = anchors.all.iter().map(|anchor| {
            let fault = |fault: String| format!("audit.anchors `{}`: {fault}", anchor.name);
            let place = match &anchor.kind {
                config::AnchorKind::File { path } => Place::File(KeptHeads::new(path.clone())),
                config::AnchorKind::Webhook { peer, secret } => {
                    Place::Webhook(Webhook::open(peer, secret).map_err(fault)?)
                }
                config::AnchorKind::Witness {
                    peer,
                    key,
                    previous,
                } => {
                    let witness = Witness::open(peer, (**key).clone(), previous.clone());
                    Place::Witness(Box::new(witness.map_err(fault)?))
                }
            };
            Ok(Arc::new(Anchor {
                name: anchor.name.clone(),
                place,
                state: Mutex::default(),
            }))
        });
        Ok(Anchors {
            all: all.collect::<Result<_, String>>()?,
            needed: anchors.needed,
            alert: anchors.alert,
            lead: watch::Sender::new(Lead::default()),
            anchored: watch::Sender::new(0),
            urgent: Notify::new(),
        })
    }

    /// How far the log is now.
    pub(super) fn lead(&self, lead: Lead) {
        self.lead.send_if_modified(|before| {
            let is_new = *before != lead;
            *before = lead;
            is_new
        });
    }

    /// Whether this service extends the log.
    pub(super) fn is_here(&self) -> bool {
        self.lead.borrow().is_here
    }

    /// Returns once it does.
    pub(super) async fn here(&self) {
        // The sender lives as long as this.
        let _ = self.lead.subscribe().wait_for(|lead| lead.is_here).await;
    }

    /// Returns once as many anchors as are needed have the record of this index.
    pub(super) async fn wait(&self, index: u64, hurry: impl Fn()) {
        /// How often those who may have missed it are told that somebody waits.
        const AGAIN: Duration = Duration::from_millis(200);
        let mut anchored = self.anchored.subscribe();
        loop {
            hurry();
            self.urgent.notify_waiters();
            let is_there = anchored.wait_for(|anchored| *anchored > index);
            if tokio::time::timeout(AGAIN, is_there).await.is_ok() {
                return;
            }
        }
    }

    /// Where another service tells them, what it has noted holds here too.
    pub(super) async fn follow(&self, app: &App, log: &LogRow) -> Result<(), StoreError> {
        if self.all.is_empty() {
            return Ok(());
        }
        self.load(app, log).await?;
        let (lead, now) = (*self.lead.borrow(), app.now());
        for anchor in &self.all {
            let mut state = anchor.state();
            if state.lacks(lead) {
                state.begin(now);
            }
        }
        Ok(())
    }

    /// Takes what the store has noted, as far as somebody has signed it: a witness, or the log's own key. That a
    /// file or a webhook has it is then still the word of whoever wrote that into the store.
    async fn load(&self, app: &App, log: &LogRow) -> Result<(), StoreError> {
        let (all, log) = cosigned::noted(app, log.number).await?;
        let (keys, now) = (cosigned::keys(app, &log).await?, app.now());
        for anchor in &self.all {
            let Some(noted) = all.iter().find(|noted| noted.name == anchor.name) else {
                continue;
            };
            anchor.state().noted(log.number);
            if anchor.believed(&log, noted, &keys, now).is_some() {
                anchor.state().load(&log, noted);
            }
        }
        self.count();
        Ok(())
    }

    /// Counts anew which records enough of them have.
    fn count(&self) {
        let mut ends: Vec<u64> = self.all.iter().map(|anchor| anchor.state().end()).collect();
        ends.sort_unstable_by(|one, other| other.cmp(one));
        let end = self.needed.checked_sub(1).and_then(|place| ends.get(place));
        let end = end.copied().unwrap_or(0);
        self.anchored.send_if_modified(|before| {
            let is_more = end > *before;
            *before = end.max(*before);
            is_more
        });
    }

    /// How each of them stands, by its name.
    pub(crate) fn standings(&self, now: Timestamp) -> Vec<(&str, Standing)> {
        let lead = *self.lead.borrow();
        let all = self.all.iter();
        all.map(|anchor| {
            let standing = anchor.state().standing(lead, now, anchor.place.kind());
            (anchor.name.as_str(), standing)
        })
        .collect()
    }
}

impl Anchor {
    /// The head that the store has noted of it, if the log's key has signed that, and a witness where it is one; if
    /// not of the open log, it is told: of a closed one it may be by a key that is not named any more.
    fn believed(
        &self,
        log: &LogRow,
        noted: &Anchored,
        keys: &[VerifierKey],
        now: Timestamp,
    ) -> Option<Note> {
        let note = match (&self.place, noted.note.as_deref()) {
            (Place::Witness(witness), Some(text)) => witness.believed(text, log, noted.size, keys),
            (_, Some(text)) => cosigned::signed(text, log, noted.size, keys),
            (Place::Witness(_), None) => None,
            (Place::File(_) | Place::Webhook(_), None) => {
                // As earlier versions have noted it. It is told once more, and counts then.
                self.state().is_doubted = true;
                return None;
            }
        };
        if log.is_open && self.state().judge(note.is_some(), now) {
            tracing::error!(
                anchor = self.name,
                "what the store has noted of an anchor is not what was signed: it counts for nothing"
            );
        }
        note
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // What is in it is always whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn kind(&self) -> &'static str {
        match self {
            Place::File(_) => "file",
            Place::Webhook(_) => "webhook",
            Place::Witness(_) => "witness",
        }
    }
}
