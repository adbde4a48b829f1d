//! A PostgreSQL server for tests: the system's, else Debian's packages, unpacked for this checkout
//! and not installed. `VELUM_POSTGRES` names another folder of its programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, process, say, workspace};

/// The versions that Velum is said to run on, the oldest first.
const VERSIONS: [u32; 4] = [15, 16, 17, 18];

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
        if unpack(version).is_ok()
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
    workspace::cache().join("postgresql")
}

fn programs_under(root: &Path) -> Option<PathBuf> {
    VERSIONS
        .iter()
        .map(|version| root.join(format!("usr/lib/postgresql/{version}/bin")))
        .find(|programs| programs.join("initdb").is_file())
}

/// Downloads what an installation would add to this system, and unpacks it beside its final place:
/// an interrupted set-up leaves nothing that looks finished.
fn unpack(version: u32) -> Result {
    let package = format!("postgresql-{version}");
    let plan = process::output(Command::new("apt-get").args([
        "install",
        "--simulate",
        "--no-install-recommends",
        &package,
    ]))?;
    say::step(&format!("downloading {package} from Debian"));
    let staging = workspace::cache().join(format!("postgresql.{}", std::process::id()));
    let unpacked = staging.join("unpacked");
    fs::create_dir_all(&unpacked).map_err(|error| format!("{}: {error}", staging.display()))?;
    let outcome = fetch(&installed_by(&plan), &staging, &unpacked).and_then(|()| {
        fs::rename(&unpacked, installation())
            .map_err(|error| format!("{}: {error}", installation().display()))
    });
    let removed = fs::remove_dir_all(&staging);
    outcome?;
    removed.map_err(|error| format!("{}: {error}", staging.display()))
}

fn fetch(packages: &[&str], staging: &Path, unpacked: &Path) -> Result {
    // apt compares each file with the signed list of its source.
    process::run(
        Command::new("apt-get")
            .current_dir(staging)
            .args(["download", "--quiet"])
            .args(packages),
    )?;
    let files = fs::read_dir(staging).map_err(|error| error.to_string())?;
    for file in files.flatten().map(|file| file.path()) {
        if file.extension().is_some_and(|extension| extension == "deb") {
            process::run(Command::new("dpkg-deb").arg("-x").arg(file).arg(unpacked))?;
        }
    }
    Ok(())
}

/// The packages that `apt-get --simulate` would install.
fn installed_by(plan: &str) -> Vec<&str> {
    plan.lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::installed_by;

    #[test]
    fn only_what_is_missing_is_downloaded() {
        let plan = "Reading package lists...\nInst libpq5 (15.18 Debian [amd64])\n\
                    Inst postgresql-15 (15.18 Debian [amd64])\nConf libpq5 (15.18)\n";
        assert_eq!(installed_by(plan), ["libpq5", "postgresql-15"]);
    }
}
