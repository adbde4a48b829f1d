//! The keys that sign the heads of the audit log: the one of now, and while it is exchanged the one before.

use std::path::Path;

use super::{KEY_LENGTH, KeyError, OWNER_ONLY, read_file, read_or_make};
use crate::random::Random;

/// The key of now.
pub(crate) const LOG_KEY: &str = "log.key";
/// The one before, which signs beside it as long as it is there.
pub(crate) const PREVIOUS_LOG_KEY: &str = "log-previous.key";

/// The seeds of Ed25519 keys.
pub(crate) struct LogSeeds {
    pub(crate) current: [u8; KEY_LENGTH],
    pub(crate) previous: Option<[u8; KEY_LENGTH]>,
}

impl LogSeeds {
    /// Reads the keys of `data`; makes the one of now where it does not exist yet.
    pub(crate) fn open(data: &Path, random: &dyn Random) -> Result<LogSeeds, KeyError> {
        let current = read_or_make(&data.join(LOG_KEY), random)?;
        LogSeeds::with(current, data, OWNER_ONLY)
    }

    /// Reads the keys of a folder that others fill: nothing is made there, and the group may read them.
    pub(crate) fn read(folder: &Path) -> Result<LogSeeds, KeyError> {
        LogSeeds::with(read_file(&folder.join(LOG_KEY), 0o037)?, folder, 0o037)
    }

    /// Reads the keys of `data` if there is one of now.
    pub(crate) fn find(data: &Path) -> Result<Option<LogSeeds>, KeyError> {
        if !data.join(LOG_KEY).exists() {
            return Ok(None);
        }
        let current = read_file(&data.join(LOG_KEY), OWNER_ONLY)?;
        LogSeeds::with(current, data, OWNER_ONLY).map(Some)
    }

    fn with(
        current: [u8; KEY_LENGTH],
        folder: &Path,
        forbidden: u32,
    ) -> Result<LogSeeds, KeyError> {
        let path = folder.join(PREVIOUS_LOG_KEY);
        let previous = match path.try_exists() {
            Ok(false) => None,
            // What cannot be looked at is told when it cannot be read.
            _ => Some(read_file(&path, forbidden)?),
        };
        if previous == Some(current) {
            return Err(KeyError {
                path,
                fault: format!("it is the same key as {LOG_KEY}: make another one"),
            });
        }
        Ok(LogSeeds { current, previous })
    }

    /// The key of now, and then the one before.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8; KEY_LENGTH]> {
        [&self.current].into_iter().chain(&self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn the_key_before_signs_as_long_as_its_file_is_there() {
        let folder = tempfile::tempdir().unwrap();
        assert!(LogSeeds::find(folder.path()).unwrap().is_none());
        let first = LogSeeds::open(folder.path(), &SystemRandom).unwrap();
        assert_eq!(first.all().count(), 1);
        let (current, previous) = (
            folder.path().join(LOG_KEY),
            folder.path().join(PREVIOUS_LOG_KEY),
        );
        std::fs::rename(&current, &previous).unwrap();
        let both = LogSeeds::open(folder.path(), &SystemRandom).unwrap();
        assert_eq!(both.previous, Some(first.current));
        assert_ne!(both.current, first.current);
        for read in [
            LogSeeds::read(folder.path()).ok(),
            LogSeeds::find(folder.path()).unwrap(),
        ] {
            let read = read.unwrap();
            assert!(read.all().eq(both.all()));
        }
        // Twice the same is no exchange.
        std::fs::copy(&current, &previous).unwrap();
        let error = LogSeeds::read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("the same key"), "{error}");
        std::fs::write(&previous, [1; 31]).unwrap();
        assert!(LogSeeds::read(folder.path()).is_err());
    }
}
