//! `make-keys`: key files for several replicas, and for a change of the signing key.

use std::path::Path;

use velum_approval::PublicKey;

use crate::keys::{self, Keys, LogSeeds};
use crate::random::SystemRandom;

/// Makes `signing.key`, `fingerprint.key` and `log.key` in `folder`, as far as they are missing, and returns the
/// public key.
///
/// # Errors
/// When the folder or a key in it cannot be made, or others can read it.
pub fn make_keys(folder: &Path) -> Result<String, String> {
    keys::make_folder(folder)?;
    let keys = Keys::open(folder, &SystemRandom).map_err(|error| error.to_string())?;
    LogSeeds::open(folder, &SystemRandom).map_err(|error| error.to_string())?;
    Ok(PublicKey::of(&keys.signing).to_string())
}
