//! `velum audit verify`: an exported log, without the service and without a network.
//!
//! Three passes over one reading of each file: that the files are what was signed ([`LogVerifier`]), that
//! the heads which were kept are of the same log, and that the records tell of nothing that the rules
//! forbid ([`Replay`]). A bundle is in memory at a time. Then it is known whether the exchanges of the log's
//! key, which are records, lead from a key that was given to the one that signed.

pub(super) mod kept;
mod keys;
pub(super) mod report;
mod years;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use velum_approval::replay::{Replay, Report};
use velum_ledger::checkpoint::{SignedCheckpoint, Trust};
use velum_ledger::note::VerifierKey;
use velum_ledger::tile::Resource;
use velum_ledger::verify::{Difference, LogVerifier, Verified};

use self::keys::Keys;
use super::folder::Folder;
use super::{record, trust};
use crate::arguments::{Kept, VerifyOptions};
use crate::failure::Failure;
use crate::show;

/// What a log was found to be.
pub(super) struct Verdict {
    pub(super) origin: String,
    /// Its head, where that is to be believed.
    pub(super) head: Option<SignedCheckpoint>,
    /// In what it is not what was signed, in sentences.
    pub(super) differences: Vec<String>,
    /// How many of them are about the heads that were kept.
    pub(super) older_differences: usize,
    pub(super) verified: Option<Verified>,
    /// Who signed it, and how its key was exchanged.
    pub(super) keys: Keys,
    /// The files with heads that were kept, with the largest size in each.
    pub(super) older: Vec<(PathBuf, u64)>,
    /// How many heads there are in these files.
    pub(super) heads: usize,
    /// What the records say.
    pub(super) report: Report,
    /// How many records were read before one could not be.
    pub(super) read: u64,
    /// The time of the last record.
    pub(super) last: Option<String>,
    /// The keys that were given, and those to which the exchanges of the log's key lead from one of them.
    pub(super) believed: Vec<VerifierKey>,
}

impl Verdict {
    /// Of what was not read yet.
    fn of(trust: &Trust) -> Self {
        Verdict {
            origin: trust.origin().to_owned(),
            head: None,
            differences: Vec::new(),
            older_differences: 0,
            verified: None,
            keys: Keys::default(),
            older: Vec::new(),
            heads: 0,
            report: Replay::default().finish(),
            read: 0,
            last: None,
            believed: Vec::new(),
        }
    }

    pub(super) fn holds(&self) -> bool {
        self.is_whole() && self.report.is_sound()
    }

    /// Whether it is what was signed, by the keys that it says; of its records nothing is said.
    fn is_whole(&self) -> bool {
        let is_signed = self.head.is_some() && self.keys.faults.is_empty();
        is_signed && self.differences.is_empty()
    }

    pub(super) fn size(&self) -> u64 {
        self.head
            .as_ref()
            .map_or(0, |head| head.checkpoint().size())
    }

    /// What this verification does not show, in a sentence.
    pub(super) fn limit(&self) -> String {
        match self.older.iter().map(|(_, size)| *size).max() {
            None => "No older checkpoint was given (--since, --anchor): a log that was rewritten and signed again \
                     by whoever has the key would not be seen. What the service says that its anchors have is its \
                     own word, until a witness's signature (--witness) or an anchor's file (--anchor) shows it."
                .to_owned(),
            Some(size) if size < self.size() => format!(
                "Records from {size} on are under no older checkpoint: if they were rewritten and signed \
                 again by whoever has the key, that would not be seen."
            ),
            Some(_) => "All records are under a checkpoint that was kept.".to_owned(),
        }
    }
}

/// Verifies a folder and says what it comes to.
pub(super) fn run(options: &VerifyOptions) -> Result<ExitCode, Failure> {
    if years::is_there(&options.folder) {
        return years::run(options);
    }
    let trust = trust::of(&options.trusted)?;
    let verdict = verify(
        &options.folder,
        &trust,
        &options.kept,
        options.heartbeat,
        |_, _| Ok(()),
    )?;
    let printed = if options.json {
        report::print_json(&verdict)
    } else {
        report::print(&verdict)
    };
    match printed {
        // The exit code says it all the same.
        Ok(()) | Err(Failure::OutputClosed) => {}
        Err(failure) => return Err(Failure::Unread(failure.to_string())),
    }
    Ok(if verdict.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Verifies the log in the folder against its head and the heads that were kept. `each` sees every record
/// that could be read, in order, before it is known whether it is the one that was signed. `heartbeat`: where
/// to note silence, in minutes. Fails where a file cannot be read, and as `each` does.
pub(super) fn verify(
    path: &Path,
    trust: &Trust,
    kept: &Kept,
    heartbeat: Option<u32>,
    each: impl FnMut(u64, &[u8]) -> Result<(), Failure>,
) -> Result<Verdict, Failure> {
    let mut replay = replay(heartbeat);
    let mut verdict = verify_one(path, trust, kept, &mut replay, each)?;
    if verdict.head.is_some() {
        verdict.report = replay.finish();
    }
    Ok(verdict)
}

/// A heartbeat may be this late.
const LATE: Duration = Duration::from_mins(1);

/// What reads the records again.
fn replay(heartbeat: Option<u32>) -> Replay {
    let replay = Replay::default();
    match heartbeat {
        Some(minutes) => replay.with_heartbeat(Duration::from_secs(60 * u64::from(minutes)) + LATE),
        None => replay,
    }
}

/// The same, where the records are read again together with those of the logs before.
fn verify_one(
    path: &Path,
    trust: &Trust,
    kept: &Kept,
    replay: &mut Replay,
    each: impl FnMut(u64, &[u8]) -> Result<(), Failure>,
) -> Result<Verdict, Failure> {
    let folder = Folder::new(path);
    let head = folder.checkpoint()?;
    let mut verdict = Verdict::of(trust);
    let keys::Kept { tried, heads } = keys::Kept::read(path, trust)?;
    let opened = match tried.open(&head) {
        Ok(opened) => Some(opened),
        Err(error) => {
            verdict.differences.push(format!("the checkpoint: {error}"));
            None
        }
    };
    let given = kept::open(kept, &tried, &mut verdict)?;
    let mut older = heads;
    older.extend(given.iter().flat_map(|file| file.heads.iter().cloned()));
    let mut believed = trust.clone();
    if let Some(head) = opened {
        walk(&folder, (&head, &older), replay, &mut verdict, each)?;
        (believed, verdict.keys) = keys::follow(trust, replay, &head, &older);
        // What its exchanges say counts where they are under what was signed, and not otherwise.
        if verdict.verified.is_none() {
            believed = trust.clone();
        }
        match believed.open_note(head.note().clone()) {
            Ok(head) => verdict.head = Some(head),
            Err(_) => verdict.differences.push(
                "the checkpoint: no key signed it that you gave, or to which the exchanges of the log's key \
                 lead from one that you gave"
                    .to_owned(),
            ),
        }
    }
    for file in given {
        kept::believe(file, &believed, &mut verdict)?;
    }
    verdict.believed = believed.keys().to_vec();
    Ok(verdict)
}

fn walk(
    folder: &Folder,
    (head, older): (&SignedCheckpoint, &[SignedCheckpoint]),
    replay: &mut Replay,
    verdict: &mut Verdict,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut verifier = LogVerifier::new(head, older);
    while let Some(wanted) = verifier.wants() {
        let bytes = folder.read(wanted)?;
        if let (Resource::Bundle(bundle), Some(bytes)) = (wanted, &bytes)
            // What comes behind a gap cannot be understood.
            && bundle.entries().start == verdict.read
            && let Ok(leaves) = bundle.parse(bytes)
        {
            for leaf in &leaves {
                if verdict.read == 0 {
                    verdict.differences.extend(foreign(leaf, head));
                }
                replay.leaf(verdict.read, leaf);
                each(verdict.read, leaf)?;
                verdict.read += 1;
            }
            let last = leaves.last().map(|leaf| record::parse(leaf));
            verdict.last = last.and_then(|last| last["time"].as_str().map(show::plain));
        }
        verifier.give(bytes.as_deref());
    }
    match verifier.finish() {
        Ok(whole) => verdict.verified = Some(whole),
        Err(differences) => {
            for difference in &differences.found {
                verdict.differences.push(difference.to_string());
                verdict.older_differences += usize::from(is_of_older(*difference));
            }
            if differences.more {
                let sentence = "there are more differences".to_owned();
                verdict.differences.push(sentence);
            }
        }
    }
    Ok(())
}

fn is_of_older(difference: Difference) -> bool {
    matches!(
        difference,
        Difference::Older { .. } | Difference::Smaller { .. } | Difference::OlderOrigin { .. }
    )
}

/// The records name their log, which has to be the one of the head.
fn foreign(first: &[u8], head: &SignedCheckpoint) -> Option<String> {
    let origin = head.checkpoint().origin();
    let source = &record::parse(first)["source"];
    let is_own = source
        .as_str()
        .and_then(|source| source.strip_prefix("urn:velum:"))
        == Some(origin);
    (!is_own).then(|| "the records are of another log than the checkpoint".to_owned())
}
