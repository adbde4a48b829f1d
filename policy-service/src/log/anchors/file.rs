//! A file of heads that is only added to: on another volume, or on one that can only be written once.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, OFlags, flock};
use tokio::sync::Mutex;
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::note::{Note, Series};

use super::telling::Told;
use super::{Anchor, Fault, Offer};
use crate::http::App;
use crate::log::fencing::{self, Known};

/// How much of the end is read: more than the longest head.
const TAIL: u64 = 512 * 1024;

/// The file.
pub(super) struct KeptHeads {
    path: PathBuf,
    /// A volume that does not answer keeps one thread, not one for each try.
    turn: Arc<Mutex<()>>,
}

/// Where the file ends.
#[derive(Debug, PartialEq, Eq)]
struct End {
    last: Option<Checkpoint>,
    is_cut: bool,
}

impl KeptHeads {
    pub(super) fn new(path: PathBuf) -> KeptHeads {
        KeptHeads {
            path,
            turn: Arc::default(),
        }
    }

    /// The last head in it.
    pub(super) async fn last(&self) -> Result<Option<Checkpoint>, Fault> {
        let path = self.path.clone();
        let end = self.in_background(move || read(&path)).await?;
        Ok(end.and_then(|end| end.last))
    }

    /// Adds a head, behind the one before. A file that `is_known` is not made anew where it is gone: its
    /// volume may not be there.
    pub(super) async fn tell(
        &self,
        app: &App,
        anchor: &Anchor,
        offer: &Offer,
        is_known: bool,
    ) -> Result<Told, Fault> {
        let path = self.path.clone();
        let end = self.in_background(move || read(&path)).await?;
        if end.is_none() && is_known {
            return Err(Fault::Missing);
        }
        let last = end.as_ref().and_then(|end| end.last.as_ref());
        if let Some(last) = last {
            self.compare(app, anchor, offer, last).await?;
        }
        let size = offer.checkpoint.size();
        if last != Some(&offer.checkpoint) {
            let (path, note) = (self.path.clone(), offer.note.clone());
            self.in_background(move || add(&path, end.as_ref(), &note))
                .await?;
        }
        Ok(Told {
            size,
            note: Some(offer.head.note.clone()),
        })
    }

    /// Whether what it has is the beginning of what is offered.
    pub(super) async fn compare(
        &self,
        app: &App,
        anchor: &Anchor,
        offer: &Offer,
        last: &Checkpoint,
    ) -> Result<(), Fault> {
        let is_same_log = last.origin() == offer.checkpoint.origin();
        if is_same_log && last.size() > offer.checkpoint.size() {
            if offer.is_beyond(app, last.size()).await? {
                anchor.state().ahead = Some((last.size(), Some(last.clone())));
                return Err(Fault::Contradicts);
            }
            return Err(Fault::Conflict);
        }
        match fencing::compare(app, &offer.root()?, last).await {
            Ok(Known::Beginning) => Ok(()),
            Ok(Known::Otherwise) => Err(Fault::Contradicts),
            Err(_) => Err(Fault::Store),
        }
    }

    async fn in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let turn = self.turn.clone().lock_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.unwrap_or(Err(Fault::Unwritable))
    }
}

/// Where it ends; `None` where it is not there.
fn read(path: &Path) -> Result<Option<End>, Fault> {
    match File::open(path) {
        Ok(mut file) => end_of(&mut file).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(_) => Err(Fault::Unwritable),
    }
}

fn end_of(file: &mut File) -> Result<End, Fault> {
    let bytes = tail(file).map_err(unwritable)?;
    let series = Series::parse(&bytes);
    // What others have written there is no head.
    let mut heads = series.notes.iter().rev();
    let last = heads.find_map(|note| note.text().parse().ok());
    if last.is_none() && !bytes.is_empty() && series.pieces > 0 && !series.is_cut {
        return Err(Fault::Unwritable);
    }
    Ok(End {
        last,
        is_cut: series.is_cut,
    })
}

fn tail(file: &mut File) -> std::io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Adds a head where the file still ends as it did.
fn add(path: &Path, end: Option<&End>, note: &Note) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    let durable = i32::try_from(OFlags::DSYNC.bits()).map_err(|_| Fault::Unwritable)?;
    options.read(true).append(true).mode(0o600);
    options.custom_flags(durable);
    let is_new = end.is_none();
    let file = options.create(is_new).open(path);
    let mut file = file.map_err(unwritable)?;
    flock(&file, FlockOperation::LockExclusive).map_err(unwritable)?;
    let now = end_of(&mut file)?;
    let was = end.map_or((None, false), |end| (end.last.as_ref(), end.is_cut));
    if (now.last.as_ref(), now.is_cut) != was {
        return Err(Fault::Conflict);
    }
    let mut entry = String::new();
    if now.is_cut {
        entry += Series::MEND;
    }
    entry += &Series::entry(note);
    file.write_all(entry.as_bytes()).map_err(unwritable)?;
    if is_new {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(unwritable)?;
        folder.sync_all().map_err(unwritable)?;
    }
    Ok(())
}

fn unwritable<E>(_: E) -> Fault {
    Fault::Unwritable
}

#[cfg(test)]
mod tests {
    use velum_ledger::hash::leaf_hash;
    use velum_ledger::note::NoteSigner;

    use super::*;

    fn note(size: u64) -> Note {
        let signer = NoteSigner::from_seed("log.example/2026".parse().unwrap(), &[7; 32]);
        let root = leaf_hash(&size.to_be_bytes());
        let head = Checkpoint::new("log.example/2026", size, root).unwrap();
        head.sign(&[&signer]).unwrap()
    }

    fn head(size: u64) -> Checkpoint {
        note(size).text().parse().unwrap()
    }

    #[test]
    fn heads_are_added_and_the_last_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads");
        assert_eq!(read(&path).unwrap(), None);
        let mut end = None;
        for size in 1..100 {
            add(&path, end.as_ref(), &note(size)).unwrap();
            end = read(&path).unwrap();
            assert_eq!(end.as_ref().unwrap().last, Some(head(size)));
        }
        let kept = std::fs::read(&path).unwrap();
        assert_eq!(Series::parse(&kept).notes.len(), 99);
        // Who knows of an older end adds nothing.
        let old = End {
            last: Some(head(98)),
            is_cut: false,
        };
        assert_eq!(add(&path, Some(&old), &note(100)), Err(Fault::Conflict));
        assert_eq!(add(&path, None, &note(100)), Err(Fault::Conflict));
        assert_eq!(std::fs::read(&path).unwrap(), kept);
    }

    #[test]
    fn what_a_crash_has_cut_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads");
        add(&path, None, &note(1)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let second = Series::entry(&note(2));
        std::fs::write(&path, [&whole, &second.as_bytes()[..30]].concat()).unwrap();
        let end = read(&path).unwrap().unwrap();
        assert_eq!((&end.last, end.is_cut), (&Some(head(1)), true));
        add(&path, Some(&end), &note(3)).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().last, Some(head(3)));
    }

    #[test]
    fn what_is_no_file_of_heads_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "Thistlewood\n\nmine\n\n").unwrap();
        assert_eq!(read(&path), Err(Fault::Unwritable));
        assert_eq!(read(folder.path()), Err(Fault::Unwritable));
        let nowhere = folder.path().join("no/such/folder");
        assert_eq!(add(&nowhere, None, &note(1)), Err(Fault::Unwritable));
    }
}
