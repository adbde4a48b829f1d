//! Schemathesis, which makes requests of the API's document: from PyPI, in a Python environment of its
//! own, with every package pinned by version. `VELUM_SCHEMATHESIS` names another program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, process, say, workspace};

/// Every package, each with its version.
const REQUIREMENTS: &str = include_str!("schemathesis.txt");

/// The program, if it is there.
pub(crate) fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("VELUM_SCHEMATHESIS") {
        return Some(PathBuf::from(program));
    }
    let environment = environment();
    is_complete(&environment).then(|| environment.join("bin/schemathesis"))
}

/// Returns the program; installs it where it is not yet there.
pub(crate) fn find_or_install() -> Result<PathBuf> {
    if let Some(program) = program() {
        return Ok(program);
    }
    let environment = environment();
    say::step("installing schemathesis from PyPI (once; 95 MB)");
    // An environment cannot be moved to its place: what an interrupted set-up has left goes.
    if environment.exists() {
        fs::remove_dir_all(&environment).map_err(|error| fault(&environment, &error))?;
    }
    process::run(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment),
    )
    .map_err(|reason| format!("{reason}: needs Python 3.10 with venv (Debian: python3-venv)"))?;
    let requirements = environment.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).map_err(|error| fault(&requirements, &error))?;
    process::run(
        Command::new(environment.join("bin/python"))
            .args([
                "-m",
                "pip",
                "--quiet",
                "--disable-pip-version-check",
                "install",
            ])
            .args(["--no-deps", "--only-binary=:all:", "--requirement"])
            .arg(&requirements),
    )?;
    fs::write(mark(&environment), REQUIREMENTS).map_err(|error| fault(&environment, &error))?;
    Ok(environment.join("bin/schemathesis"))
}

fn environment() -> PathBuf {
    workspace::cache().join("schemathesis")
}

/// Tells that everything is installed, and what.
fn mark(environment: &Path) -> PathBuf {
    environment.join("installed.txt")
}

fn is_complete(environment: &Path) -> bool {
    fs::read_to_string(mark(environment)).is_ok_and(|installed| installed == REQUIREMENTS)
}

fn fault(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::REQUIREMENTS;

    #[test]
    fn every_package_is_pinned_by_its_version() {
        let names: Vec<_> = REQUIREMENTS
            .lines()
            .filter_map(|line| line.split_once("=="))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names.len(), REQUIREMENTS.lines().count());
        assert!(names.contains(&"schemathesis"));
    }
}
