//! Files that are written whole or not at all.
//!
//! What is written goes to `.velum-….part` beside its target, readable by its owner alone, and takes the
//! target's place in one step when it is on the disk. Whatever goes wrong, the file is removed; so it is
//! on the signals that ask a program to end. Only what cannot be caught (SIGKILL, a crash of the
//! machine) leaves one behind.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

/// The files under way.
#[derive(Clone, Default)]
pub(super) struct Scratch(Arc<Mutex<BTreeSet<PathBuf>>>);

impl Scratch {
    /// Removes what is under way when the program is asked to end.
    pub(super) fn watched() -> Self {
        let scratch = Self::default();
        scratch.watch();
        scratch
    }

    /// Begins a file that is to stand in this folder. The folder is made if it is not there.
    pub(super) fn begin(&self, folder: &Path) -> io::Result<Pending> {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        fs::create_dir_all(folder)?;
        let mut open = self.lock();
        let file = tempfile::Builder::new()
            .prefix(".velum-")
            .suffix(".part")
            .tempfile_in(folder)?;
        open.insert(file.path().to_path_buf());
        Ok(Pending {
            file: Some(file),
            scratch: self.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(unix)]
    fn watch(&self) {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use signal_hook::iterator::Signals;

        // What is ignored, as by nohup, stays so.
        let heeded = [SIGHUP, SIGINT, SIGTERM]
            .into_iter()
            .filter(|signal| !is_ignored(*signal));
        // Without a watch, files may be left behind; that is no reason not to work.
        let Ok(mut signals) = Signals::new(heeded) else {
            return;
        };
        let scratch = self.clone();
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // The lock is never let go: no file begins, and none takes its place, any more.
                let open = scratch.lock();
                for path in open.iter() {
                    let _ = fs::remove_file(path);
                }
                let _ = signal_hook::low_level::emulate_default_handler(signal);
                std::process::exit(128 + signal);
            }
        });
    }

    #[cfg(not(unix))]
    fn watch(&self) {}
}

/// Whether whoever started the program had it ignore the signal. Where the system does not tell, no.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    ignored.is_some_and(|bits| bits >> (signal - 1) & 1 == 1)
}

/// A file under way. Dropped, it goes away.
pub(super) struct Pending {
    file: Option<NamedTempFile>,
    scratch: Scratch,
}

impl Pending {
    /// Puts the file in the place of `target`, with the permissions of the file that it was made of.
    pub(super) fn keep(
        mut self,
        target: &Path,
        like: Option<&Metadata>,
        replace: bool,
    ) -> io::Result<()> {
        let Some(file) = self.file.take() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let prepared = like
            .map_or(Ok(()), |like| resemble(file.as_file(), like))
            .and_then(|()| file.as_file().sync_all());
        let mut open = self.scratch.lock();
        open.remove(file.path());
        prepared?;
        let kept = if replace {
            file.persist(target)
        } else {
            file.persist_noclobber(target)
        };
        kept.map_err(|error| error.error)?;
        drop(open);
        if let Some(folder) = target.parent() {
            // Some file systems cannot; the rename is done in any case.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            let mut open = self.scratch.lock();
            open.remove(file.path());
            drop(file);
        }
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Owner where possible, and permissions. A group that cannot be kept gets none.
#[cfg(unix)]
fn resemble(file: &File, like: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    let own = file.metadata()?;
    let mut mode = like.mode() & 0o777;
    if own.uid() != like.uid() {
        let _ = fchown(file, Some(like.uid()), None);
    }
    if own.gid() != like.gid() && fchown(file, None, Some(like.gid())).is_err() {
        mode &= !0o070;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn resemble(file: &File, like: &Metadata) -> io::Result<()> {
    file.set_permissions(like.permissions())
}
