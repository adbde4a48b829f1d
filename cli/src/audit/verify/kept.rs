//! The heads that were kept elsewhere: each in a file of its own, or one after another as an anchor keeps
//! them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use velum_ledger::checkpoint::{SignedCheckpoint, Trust};
use velum_ledger::note::{Note, Series};

use super::Verdict;
use crate::arguments::Kept;
use crate::audit::folder;
use crate::failure::Failure;
use crate::show;

/// The heads that are in a file.
pub(super) struct Opened {
    file: PathBuf,
    pub(super) heads: Vec<SignedCheckpoint>,
}

/// Opens all of them by the keys that are to be tried; what none of them has signed is a difference.
pub(super) fn open(
    kept: &Kept,
    tried: &Trust,
    verdict: &mut Verdict,
) -> Result<Vec<Opened>, Failure> {
    let tried = without_witnesses(tried)?;
    let mut opened = Vec::new();
    for file in &kept.since {
        match tried.open(&folder::checkpoint_file(file)?) {
            Ok(head) => opened.push(Opened {
                file: file.clone(),
                heads: vec![head],
            }),
            Err(error) => {
                let file = show::path(file);
                differs(verdict, format!("the older checkpoint {file}: {error}"));
            }
        }
    }
    for file in &kept.anchors {
        opened.push(Opened {
            file: file.clone(),
            heads: of_anchor(file, &tried, verdict)?,
        });
    }
    Ok(opened)
}

/// Counts what is in a file, once it is known which keys are to be believed.
pub(super) fn believe(
    opened: Opened,
    believed: &Trust,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let believed = without_witnesses(believed)?;
    let mut largest = None;
    for head in opened.heads {
        let size = head.checkpoint().size();
        match believed.open_note(head.note().clone()) {
            Ok(_) => {
                verdict.heads += 1;
                largest = largest.max(Some(size));
            }
            Err(error) => {
                let file = show::path(&opened.file);
                differs(
                    verdict,
                    format!("the older checkpoint of {size} in {file}: {error}"),
                );
            }
        }
    }
    if let Some(largest) = largest {
        verdict.older.push((opened.file, largest));
    }
    Ok(())
}

/// Witnesses are asked of the head: what was kept stands by having been kept.
pub(super) fn without_witnesses(trust: &Trust) -> Result<Trust, Failure> {
    let trust = trust.clone().with_witnesses(Vec::new(), 0);
    trust.map_err(|error| Failure::misused(error.to_string()))
}

/// The logs that an anchor's file has heads of.
pub(super) fn origins(file: &Path) -> Result<BTreeSet<String>, Failure> {
    let bytes = fs::read(file).map_err(|error| Failure::unread(file, &error))?;
    let notes = Series::parse(&bytes).notes.into_iter();
    let origins = notes.filter_map(|note| note.text().lines().next().map(str::to_owned));
    Ok(origins.collect())
}

/// The heads of this log in an anchor's file; it may have those of others. One with none is nothing to go by.
fn of_anchor(
    file: &Path,
    trust: &Trust,
    verdict: &mut Verdict,
) -> Result<Vec<SignedCheckpoint>, Failure> {
    let bytes = fs::read(file).map_err(|error| Failure::unread(file, &error))?;
    let is_own = |note: &Note| note.text().lines().next() == Some(trust.origin());
    let (mut opened, mut faults) = (Vec::new(), 0_usize);
    for note in Series::parse(&bytes).notes.into_iter().filter(is_own) {
        let size = note.text().lines().nth(1).map(show::plain);
        match trust.open_note(note) {
            Ok(head) => opened.push(head),
            // The first says enough.
            Err(_) if faults > 0 => faults += 1,
            Err(error) => {
                faults += 1;
                let (file, size) = (show::path(file), size.unwrap_or_default());
                differs(
                    verdict,
                    format!("the checkpoint of {size} in {file}: {error}"),
                );
            }
        }
    }
    if faults > 1 {
        let (file, more) = (show::path(file), faults - 1);
        differs(
            verdict,
            format!("{more} checkpoints more in {file} are not the log's"),
        );
    }
    if opened.is_empty() && faults == 0 {
        let (file, origin) = (show::path(file), show::plain(trust.origin()));
        return Err(Failure::Unread(format!(
            "{file}: no checkpoint of {origin} is in it"
        )));
    }
    Ok(opened)
}

fn differs(verdict: &mut Verdict, sentence: String) {
    verdict.differences.push(sentence);
    verdict.older_differences += 1;
}
