//! A PostgreSQL server for tests: the system's, else Debian's packages, unpacked for this checkout
//! and not installed. `VELUM_POSTGRES` names another folder of its programs.

use std::path::{Path, PathBuf};

use super::debian;
use crate::{Result, workspace};

/// The versions that Velum is said to run on, the oldest first.
const VERSIONS: [u32; 4] = [15, 16, 17, 18];
/// Of the folder below `.velum`.
const NAME: &str = "postgresql";

/// Where the programs are, if anywhere.
pub(crate) fn programs() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("VELUM_POSTGRES") {
        return Some(PathBuf::from(folder));
    }
    let roots = [PathBuf::from("/"), installation()];
    roots.iter().find_map(|root| programs_under(root))
}

/// Returns the folder of the programs; unpacks them where there are none.
pub(crate) fn find_or_install() -> Result<PathBuf> {
    if let Some(programs) = programs() {
        return Ok(programs);
    }
    for version in VERSIONS {
        if debian::unpack(&[&format!("postgresql-{version}")], NAME).is_ok()
            && let Some(programs) = programs_under(&installation())
        {
            return Ok(programs);
        }
    }
    Err(
        "no PostgreSQL 15 or later: on Debian as root `apt-get install postgresql`, or set \
         VELUM_POSTGRES to the folder of its programs"
            .to_owned(),
    )
}

fn installation() -> PathBuf {
    workspace::cache().join(NAME)
}

fn programs_under(root: &Path) -> Option<PathBuf> {
    VERSIONS
        .iter()
        .map(|version| root.join(format!("usr/lib/postgresql/{version}/bin")))
        .find(|programs| programs.join("initdb").is_file())
}
