//! A log in a folder (C2SP tlog-tiles): `checkpoint`, `tile/…`, `tile/entries/…`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::note::{MOST_BYTES, Note};
use velum_ledger::tile::{Bundle, FULL, MOST_ENTRY_BYTES, Resource, Tile};

use crate::failure::Failure;
use crate::show;

/// More than any of its files may have.
const MOST: usize = FULL as usize * (MOST_ENTRY_BYTES + 2);

/// An exported log.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// The head that stands in it. Nothing is verified.
    pub(super) fn checkpoint(&self) -> Result<Vec<u8>, Failure> {
        checkpoint_file(&self.path.join("checkpoint"))
    }

    /// A tile or a bundle; nothing where there is none.
    pub(super) fn read(&self, resource: Resource) -> Result<Option<Vec<u8>>, Failure> {
        let file = self.path.join(path_of(resource));
        match read(&file, MOST) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(Failure::unread(&file, &error)),
        }
    }

    pub(super) fn tile(&self, tile: Tile) -> Result<Vec<u8>, Failure> {
        self.there(Resource::Tile(tile))
    }

    /// The record at this place of a log of `size` records.
    pub(super) fn entry(&self, index: u64, size: u64) -> Result<Vec<u8>, Failure> {
        let (number, place) = (index / u64::from(FULL), index % u64::from(FULL));
        let bundle = Bundle::in_log(number, size).filter(|_| index < size);
        let bundle = bundle.ok_or_else(|| beyond(index, size))?;
        let bytes = self.there(Resource::Bundle(bundle))?;
        let entries = bundle.parse(&bytes).map_err(|fault| {
            let file = self.path.join(bundle.path());
            Failure::Unread(format!("{}: {fault}", show::path(&file)))
        })?;
        let entry = usize::try_from(place)
            .ok()
            .and_then(|place| entries.get(place).copied());
        entry.map(<[u8]>::to_vec).ok_or_else(|| beyond(index, size))
    }

    fn there(&self, resource: Resource) -> Result<Vec<u8>, Failure> {
        self.read(resource)?.ok_or_else(|| {
            let file = self.path.join(path_of(resource));
            Failure::unread(&file, &io::ErrorKind::NotFound.into())
        })
    }
}

/// There is no such record.
pub(super) fn beyond(index: u64, size: u64) -> Failure {
    Failure::misused(format!(
        "no record {index}: the log has {size}, counted from 0"
    ))
}

/// Where a tile or a bundle lies.
pub(super) fn path_of(resource: Resource) -> String {
    match resource {
        Resource::Tile(tile) => tile.path(),
        Resource::Bundle(bundle) => bundle.path(),
    }
}

/// A signed note in a file.
pub(super) fn checkpoint_file(file: &Path) -> Result<Vec<u8>, Failure> {
    read(file, MOST_BYTES).map_err(|error| Failure::unread(file, &error))
}

/// What a head says, by whomever it is signed.
pub(super) fn unverified(bytes: &[u8]) -> Result<(Note, Checkpoint), String> {
    let note = Note::parse(bytes).map_err(|error| error.to_string())?;
    let checkpoint = note.text().parse();
    let checkpoint = checkpoint.map_err(|error| format!("{error}"))?;
    Ok((note, checkpoint))
}

/// Reads a file of at most so many bytes, and of a longer one a byte more.
pub(super) fn read(file: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    File::open(file)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file in the place of a folder is an absence too.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
