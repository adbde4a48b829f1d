//! A file on another volume that knows how far the log was, and never goes back: a database that was
//! restored from a backup is behind it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::{FlockOperation, flock};
use velum_ledger::checkpoint::Checkpoint;

/// More than a head's text takes.
const MOST_BYTES: u64 = 4096;

/// The fence's file.
#[derive(Debug, Clone)]
pub(crate) struct Fence {
    path: PathBuf,
    /// A volume that does not answer keeps one thread, not one for each try.
    turn: Arc<Mutex<()>>,
}

/// Why a fence cannot be read or raised.
#[derive(Debug)]
pub(crate) enum FenceError {
    File(PathBuf, String),
    /// It stands beyond what was to be fenced, or is another log's.
    Beyond(PathBuf),
}

impl fmt::Display for FenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FenceError::File(path, fault) => write!(f, "fence {}: {fault}", path.display()),
            FenceError::Beyond(path) => write!(
                f,
                "fence {}: it stands beyond this log, which has lost records or is another one",
                path.display()
            ),
        }
    }
}

impl std::error::Error for FenceError {}

impl Fence {
    pub(crate) fn new(path: PathBuf) -> Fence {
        Fence {
            path,
            turn: Arc::default(),
        }
    }

    /// Where it stands; `None` before it was raised first.
    pub(crate) fn read(&self) -> Result<Option<Checkpoint>, FenceError> {
        let _turn = self.turn()?;
        self.stands()
    }

    fn turn(&self) -> Result<MutexGuard<'_, ()>, FenceError> {
        self.turn
            .try_lock()
            .map_err(|_| self.fault("it has not answered yet"))
    }

    fn stands(&self) -> Result<Option<Checkpoint>, FenceError> {
        let mut text = String::new();
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.fault(error)),
        };
        file.take(MOST_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| self.fault(error))?;
        let head = text
            .parse()
            .map_err(|_| self.fault("it is not a log's head"));
        head.map(Some)
    }

    /// Raises it, durably, where it stood at `from` or before. Nobody else raises it meanwhile.
    pub(crate) fn raise(
        &self,
        from: Option<&Checkpoint>,
        to: &Checkpoint,
    ) -> Result<(), FenceError> {
        let _turn = self.turn()?;
        let lock = self.lock()?;
        let stands = self.stands()?;
        if stands.as_ref() == Some(to) {
            return Ok(());
        }
        if stands.as_ref() != from {
            return Err(FenceError::Beyond(self.path.clone()));
        }
        let unfinished = self.beside("unfinished");
        let written = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&unfinished)?;
            file.write_all(to.to_string().as_bytes())?;
            file.sync_all()?;
            #[cfg(debug_assertions)]
            super::drill::reached("written");
            fs::rename(&unfinished, &self.path)?;
            #[cfg(debug_assertions)]
            super::drill::reached("renamed");
            match self.path.parent() {
                Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
                _ => Ok(()),
            }
        };
        let written = written().map_err(|error| self.fault(error));
        drop(lock);
        written
    }

    fn lock(&self) -> Result<File, FenceError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.beside("lock"))
            .map_err(|error| self.fault(error))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| self.fault(error))?;
        Ok(file)
    }

    fn beside(&self, what: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".");
        name.push(what);
        name.into()
    }

    fn fault(&self, fault: impl fmt::Display) -> FenceError {
        FenceError::File(self.path.clone(), fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use velum_ledger::hash::leaf_hash;

    use super::*;

    fn head(size: u64) -> Checkpoint {
        Checkpoint::new("log.example/2026", size, leaf_hash(&size.to_be_bytes())).unwrap()
    }

    #[test]
    fn it_is_raised_from_where_it_stands_and_never_lowered() {
        let folder = tempfile::tempdir().unwrap();
        let fence = Fence::new(folder.path().join("fence"));
        assert_eq!(fence.read().unwrap(), None);
        fence.raise(None, &head(3)).unwrap();
        // The same once more changes nothing.
        fence.raise(None, &head(3)).unwrap();
        fence.raise(Some(&head(3)), &head(5)).unwrap();
        assert_eq!(fence.read().unwrap(), Some(head(5)));
        // Somebody who knows of an older place only has lost something.
        for from in [None, Some(head(3)), Some(head(4))] {
            let error = fence.raise(from.as_ref(), &head(6)).unwrap_err();
            assert!(matches!(error, FenceError::Beyond(_)), "{error}");
        }
        assert_eq!(fence.read().unwrap(), Some(head(5)));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fence");
        fs::write(&path, "nonsense").unwrap();
        let fence = Fence::new(path.clone());
        assert!(fence.read().is_err());
        assert!(fence.raise(None, &head(1)).is_err());
        assert_eq!(fs::read_to_string(path).unwrap(), "nonsense");
    }
}
