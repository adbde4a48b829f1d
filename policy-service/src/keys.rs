//! The service's own keys: files of the data folder that only their owner can read.

mod log_seeds;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use velum_approval::SigningKey;

use crate::random::{self, Random};
pub(crate) use log_seeds::LogSeeds;

const SIGNING_KEY: &str = "signing.key";
const FINGERPRINT_KEY: &str = "fingerprint.key";
const KEY_LENGTH: usize = 32;
/// The permissions that only an owner has, and no other may have.
const OWNER_ONLY: u32 = 0o077;

/// What the service signs and recognises with.
pub(crate) struct Keys {
    /// Signs every answer that allows something.
    pub(crate) signing: SigningKey,
    /// Turns a fingerprint into what the store holds in its place, so that a copy of the store says
    /// nothing about the requests, not even to who holds the masking keys.
    pub(crate) fingerprint: [u8; KEY_LENGTH],
}

impl Keys {
    /// Reads the keys of `data`, or makes those that do not exist yet.
    pub(crate) fn open(data: &Path, random: &dyn Random) -> Result<Keys, KeyError> {
        Ok(Keys {
            signing: SigningKey::from_bytes(&read_or_make(&data.join(SIGNING_KEY), random)?),
            fingerprint: read_or_make(&data.join(FINGERPRINT_KEY), random)?,
        })
    }

    /// Reads the keys of a folder that others fill, such as a mounted secret: nothing is made there,
    /// and the group may read them.
    pub(crate) fn read(folder: &Path) -> Result<Keys, KeyError> {
        let key = |name| read_file(&folder.join(name), 0o037);
        Ok(Keys {
            signing: SigningKey::from_bytes(&key(SIGNING_KEY)?),
            fingerprint: key(FINGERPRINT_KEY)?,
        })
    }

    /// Reads the keys of `data` if all were made.
    pub(crate) fn find(data: &Path) -> Result<Option<Keys>, KeyError> {
        let names = [SIGNING_KEY, FINGERPRINT_KEY];
        if !names.iter().all(|name| data.join(name).exists()) {
            return Ok(None);
        }
        let key = |name| read_file(&data.join(name), OWNER_ONLY);
        Ok(Some(Keys {
            signing: SigningKey::from_bytes(&key(SIGNING_KEY)?),
            fingerprint: key(FINGERPRINT_KEY)?,
        }))
    }

    /// Of what browsers keep for the service it tells what the service has made.
    pub(crate) fn of_browsers(&self) -> [u8; KEY_LENGTH] {
        let mut digest = Sha256::new();
        digest.update(b"velum-browser-key-v1\0");
        digest.update(self.fingerprint);
        digest.finalize().into()
    }

    /// Tells the fingerprint key from any other, and says nothing else about it. The signing key may
    /// be replaced while replicas run: filters take several.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(b"velum-fingerprint-key-v1\0");
        digest.update(self.fingerprint);
        digest.finalize().into()
    }
}

/// A key file that cannot be used.
#[derive(Debug)]
pub struct KeyError {
    path: PathBuf,
    fault: String,
}

impl std::fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "key file {}: {}",
            self.path.display(),
            self.fault
        )
    }
}

impl std::error::Error for KeyError {}

/// Makes the data folder where it is missing; refuses one that others can write to.
pub(crate) fn make_folder(data: &Path) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("data folder {}: {error}", data.display());
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(fault)?;
    let mode = fs::metadata(data).map_err(fault)?.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(format!(
            "data folder {}: its permissions are {mode:04o}; others can write there: chmod 700",
            data.display()
        ));
    }
    Ok(())
}

fn read_or_make(path: &Path, random: &dyn Random) -> Result<[u8; KEY_LENGTH], KeyError> {
    let fault = |fault: String| KeyError {
        path: path.to_owned(),
        fault,
    };
    match File::open(path) {
        Ok(file) => read(file, OWNER_ONLY).map_err(fault),
        Err(error) if error.kind() == ErrorKind::NotFound => make(path, random).map_err(fault),
        Err(error) => Err(fault(error.to_string())),
    }
}

fn read_file(path: &Path, forbidden: u32) -> Result<[u8; KEY_LENGTH], KeyError> {
    let key = File::open(path).map_err(|error| error.to_string());
    key.and_then(|file| read(file, forbidden))
        .map_err(|fault| KeyError {
            path: path.to_owned(),
            fault,
        })
}

/// Reads a key unless its permissions have any of those that are `forbidden`.
fn read(mut file: File, forbidden: u32) -> Result<[u8; KEY_LENGTH], String> {
    let mode = file
        .metadata()
        .map_err(|error| error.to_string())?
        .permissions()
        .mode()
        & 0o777;
    if mode & forbidden != 0 {
        return Err(format!(
            "its permissions are {mode:04o}; others can read it: chmod 600"
        ));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        format!(
            "it holds {} bytes, a key has {KEY_LENGTH}: restore it",
            bytes.len()
        )
    })
}

/// Writes the key beside its place and moves it there, so that a crash leaves a whole key or none.
fn make(path: &Path, random: &dyn Random) -> Result<[u8; KEY_LENGTH], String> {
    let key = random::bytes::<KEY_LENGTH>(random).map_err(|error| error.to_string())?;
    let unfinished = path.with_extension("unfinished");
    let written = || -> std::io::Result<()> {
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    written().map_err(|error| error.to_string())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_are_made_once_and_only_their_owner_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let first = Keys::open(folder.path(), &SystemRandom).unwrap();
        let again = Keys::open(folder.path(), &SystemRandom).unwrap();
        assert_eq!(first.signing.to_bytes(), again.signing.to_bytes());
        assert_eq!(first.fingerprint, again.fingerprint);
        assert_ne!(first.signing.to_bytes(), first.fingerprint);
        for name in [SIGNING_KEY, FINGERPRINT_KEY] {
            assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Keys::open(folder.path(), &SystemRandom).unwrap();
        let path = folder.path().join(SIGNING_KEY);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Keys::open(folder.path(), &SystemRandom)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("signing.key") && error.contains("0640"),
            "{error}"
        );
    }

    #[test]
    fn keys_that_others_provide_are_only_read_and_the_group_may_read_them() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Keys::read(folder.path()).is_err(), "made none");
        assert!(Keys::find(folder.path()).unwrap().is_none());
        let made = Keys::open(folder.path(), &SystemRandom).unwrap();
        let path = folder.path().join(SIGNING_KEY);
        for (mode, is_read) in [(0o440, true), (0o400, true), (0o444, false), (0o460, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = Keys::read(folder.path());
            assert_eq!(read.is_ok(), is_read, "{mode:o}");
            assert!(read.is_ok_and(|read| read.digest() == made.digest()) || !is_read);
        }
    }

    #[test]
    fn a_key_file_cut_short_is_refused_and_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        Keys::open(folder.path(), &SystemRandom).unwrap();
        let path = folder.path().join(FINGERPRINT_KEY);
        fs::write(&path, [1; 31]).unwrap();
        let error = Keys::open(folder.path(), &SystemRandom)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("31 bytes"), "{error}");
        assert_eq!(fs::read(&path).unwrap().len(), 31);
    }
}
