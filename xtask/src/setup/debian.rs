//! Debian's packages, unpacked for this checkout and not installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Result, process, say, workspace};

/// Downloads what an installation of the packages would add to this system, and unpacks it beside its
/// final place, `.velum/<name>`: an interrupted set-up leaves nothing that looks finished.
pub(super) fn unpack(packages: &[&str], name: &str) -> Result {
    let plan = process::output(
        Command::new("apt-get")
            .args(["install", "--simulate", "--no-install-recommends"])
            .args(packages),
    )?;
    say::step(&format!(
        "downloading {} from Debian",
        packages.join(" and ")
    ));
    let installation = workspace::cache().join(name);
    let staging = workspace::cache().join(format!("{name}.{}", std::process::id()));
    let unpacked = staging.join("unpacked");
    fs::create_dir_all(&unpacked).map_err(|error| format!("{}: {error}", staging.display()))?;
    let outcome = fetch(&installed_by(&plan), &staging, &unpacked).and_then(|()| {
        fs::rename(&unpacked, &installation)
            .map_err(|error| format!("{}: {error}", installation.display()))
    });
    let removed = fs::remove_dir_all(&staging);
    outcome?;
    removed.map_err(|error| format!("{}: {error}", staging.display()))
}

/// Installs packages in this system: for what does not run from another place.
pub(super) fn install(packages: &[&str]) -> Result {
    say::step(&format!(
        "installing {} from Debian",
        packages.join(" and ")
    ));
    process::run(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "--yes", "--quiet", "--no-install-recommends"])
            .args(packages),
    )
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
