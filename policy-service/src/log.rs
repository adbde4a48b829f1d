//! The audit log as anyone can verify it: its records in tiles, its heads signed, and the heads known
//! outside of this database.
//!
//! Records are written elsewhere, each in the transaction of its change. From here on everything is
//! derived from them: the tree, which one service extends at a time; then a fence on another volume, which
//! never goes back; then the signed head, by this process or by a signer that has the key. In this order, so that a crash leaves a head that was fenced and
//! not published, never the other way round.

mod anchors;
mod configuring;
#[cfg(debug_assertions)]
mod drill;
mod fence;
mod fencing;
mod growing;
mod keeper;
mod naming;
mod proofs;
mod recovering;
mod rereading;
mod rolling;
mod rotating;
mod showing;
mod signing;

pub(crate) use anchors::{Anchors, cosigned, run as tell_anchors};
pub(crate) use configuring::configure;
pub(crate) use fence::{Fence, FenceError};
pub(crate) use fencing::{check, text_of as head_of};
pub(crate) use growing::Whole;
#[cfg(test)]
pub(crate) use keeper::step;
pub(crate) use keeper::{let_go, run};
pub(crate) use naming::{open, year};
pub(crate) use proofs::{ProofError, inclusion};
pub(crate) use recovering::recover;
#[cfg(test)]
pub(crate) use rereading::Rereading;
pub(crate) use rereading::{ClosedDamage, Damage, of_closed};
pub(crate) use rolling::is_key_there;
pub(crate) use rotating::{has_lost_its_key, is_kept_elsewhere};
pub(crate) use signing::Signatory;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use velum_approval::LogName;
use velum_ledger::note::{Algorithm, KeyName, VerifierKey};

use crate::config::Audit;

/// What this process knows of the log.
pub(crate) struct Log {
    pub(crate) audit: Audit,
    /// What signs its heads.
    signatory: Signatory,
    /// As which this process extends the tree.
    holder: String,
    fence: Option<Fence>,
    /// Where its heads go.
    pub(crate) anchors: Anchors,
    /// The index behind the last record under a signed head.
    published: watch::Sender<u64>,
    /// Why no head is signed at present, if so.
    fault: watch::Sender<Option<String>>,
    /// Whether something in it was found that is not what was put there.
    pub(crate) is_damaged: AtomicBool,
    /// The same of closed logs, and that one cannot be read.
    pub(crate) closed_damage: watch::Sender<ClosedDamage>,
    /// Somebody waits for a head.
    wanted: Notify,
    /// Whoever holds it keeps the log from growing: for tests that cut a commit of their own.
    #[cfg(test)]
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// After which of its steps it comes to nothing, for tests.
    #[cfg(test)]
    pub(crate) dies_after: std::sync::Mutex<Option<Step>>,
}

/// The steps towards a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The tree has grown, and its root is known.
    Grown,
    /// The fence is raised.
    Fenced,
    /// The head is signed.
    Signed,
    /// It is where others see it.
    Published,
    /// A year's log is closed, and the next one open.
    Rolled,
}

impl Log {
    pub(crate) fn new(audit: Audit, signatory: Signatory, holder: String, anchors: Anchors) -> Log {
        Log {
            fence: audit.fence.clone().map(Fence::new),
            anchors,
            audit,
            signatory,
            holder,
            published: watch::Sender::new(0),
            fault: watch::Sender::new(None),
            is_damaged: AtomicBool::new(false),
            closed_damage: watch::Sender::new(ClosedDamage::new()),
            wanted: Notify::new(),
            #[cfg(test)]
            turn: tokio::sync::Mutex::default(),
            #[cfg(test)]
            dies_after: std::sync::Mutex::default(),
        }
    }

    /// Why no head is signed at present, if so.
    pub(crate) fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }

    /// A step is done; in tests that may be the last.
    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "for tests")
    )]
    fn done(&self, step: Step) -> Result<(), LogError> {
        #[cfg(test)]
        if *self.dies_after.lock().unwrap() == Some(step) {
            return Err(LogError::Inconsistent("a test"));
        }
        #[cfg(debug_assertions)]
        drill::reached(&format!("{step:?}"));
        let _ = step;
        Ok(())
    }

    /// The index behind the last record of which this process knows that it was signed.
    pub(crate) fn known(&self) -> u64 {
        *self.published.borrow()
    }

    /// Whether this service extends the log, of all that share its store.
    pub(crate) fn is_kept_here(&self) -> bool {
        self.anchors.is_here()
    }

    /// Returns once it does.
    pub(crate) async fn kept_here(&self) {
        self.anchors.here().await;
    }

    /// Returns once the record of this index is under a signed head.
    pub(crate) async fn published(&self, index: u64) {
        /// How often the keeper is told that somebody waits: where another service signs, it has to look.
        const AGAIN: Duration = Duration::from_millis(200);
        let mut published = self.published.subscribe();
        loop {
            self.wanted.notify_one();
            let is_there = published.wait_for(|published| *published > index);
            if tokio::time::timeout(AGAIN, is_there).await.is_ok() {
                return;
            }
        }
    }

    /// Returns once as many anchors as are needed have a head with the record of this index.
    pub(crate) async fn anchored(&self, index: u64) {
        let hurry = || self.wanted.notify_one();
        self.anchors.wait(index, hurry).await;
    }
}

/// The key that verifies the heads of a log of this name, as text (C2SP signed-note).
pub(crate) fn verifier(name: &LogName, public_key: &[u8; 32]) -> Option<String> {
    let name: KeyName = name.as_str().parse().ok()?;
    let key = VerifierKey::new(name, Algorithm::Ed25519, public_key);
    key.ok().map(|key| key.to_string())
}

/// Why the log has no new head.
#[derive(Debug)]
pub(crate) enum LogError {
    Store(crate::store::StoreError),
    Fence(FenceError),
    /// A log's name is no name of a key.
    Name,
    /// The keys that are there are not those that the log needs.
    Key(&'static str),
    /// The signer does not sign.
    Signer(String),
    /// What is in the tree is not what was signed.
    Inconsistent(&'static str),
    /// Another service has extended and signed it meanwhile.
    Overtaken,
    /// Something in it is not what was put there.
    Damaged(Damage),
}

impl std::fmt::Display for LogError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LogError::Store(error) => error.fmt(f),
            LogError::Fence(error) => error.fmt(f),
            LogError::Name => f.write_str("the log's name is not one that a key can have"),
            LogError::Overtaken => f.write_str("another service signs this log"),
            LogError::Damaged(damage) => write!(
                f,
                "{damage}: the log is neither extended nor signed; export and verify it (docs/audit.md)"
            ),
            LogError::Key(fault) => f.write_str(fault),
            LogError::Signer(fault) => write!(f, "the signer: {fault}"),
            LogError::Inconsistent(what) => {
                write!(
                    f,
                    "the log is not the one of {what}: nothing more is signed"
                )
            }
        }
    }
}

impl std::error::Error for LogError {}

impl From<crate::store::StoreError> for LogError {
    fn from(error: crate::store::StoreError) -> LogError {
        LogError::Store(error)
    }
}

impl From<FenceError> for LogError {
    fn from(error: FenceError) -> LogError {
        LogError::Fence(error)
    }
}
