//! Node and what tests take from npm: a real OpenID provider, every package pinned by its hash.
//!
//! The system's Node and npm, else Debian's, which are installed where this runs as root. `VELUM_NODE` names
//! another program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::debian;
use crate::{Result, process, say, workspace};

/// The oldest that the packages run on: Debian 12 has it. The next major version of the provider wants 22.
const OLDEST: u32 = 18;
const PACKAGES: [&str; 2] = ["nodejs", "npm"];
/// What is pinned: of the checkout.
const LOCK: &str = "tests/oidc/package-lock.json";
/// Of the folder below `.velum`.
const NAME: &str = "oidc";

/// Node, and the folder with the packages.
pub(crate) struct Node {
    /// The program `node`.
    pub(crate) program: PathBuf,
    /// The folder that holds `node_modules` and the provider of `tests/oidc`.
    pub(crate) folder: PathBuf,
}

/// Both, if they are there.
pub(crate) fn find() -> Option<Node> {
    let folder = workspace::cache().join(NAME);
    is_complete(&folder).then_some(())?;
    Some(Node {
        program: program()?,
        folder,
    })
}

/// Returns both; installs what is not there.
pub(crate) fn find_or_install() -> Result<Node> {
    if let Some(node) = find() {
        // The provider itself may have changed since.
        copy("provider.mjs", &node.folder)?;
        return Ok(node);
    }
    if program().is_none() || process::output(Command::new("npm").arg("--version")).is_err() {
        debian::install(&PACKAGES).map_err(|reason| {
            let packages = PACKAGES.join(" ");
            format!("no Node {OLDEST} with npm ({reason}): on Debian as root `apt-get install {packages}`")
        })?;
    }
    let program =
        program().ok_or_else(|| format!("no Node {OLDEST} or later, also not from Debian"))?;
    say::step("installing an OpenID provider for tests from npm (once; 9 MB)");
    let folder = workspace::cache().join(NAME);
    fs::create_dir_all(&folder).map_err(|error| fault(&folder, &error))?;
    for file in ["package.json", "package-lock.json", "provider.mjs"] {
        copy(file, &folder)?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&folder);
    process::run(npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--silent",
    ]))?;
    fs::copy(workspace::root().join(LOCK), mark(&folder))
        .map_err(|error| fault(&folder, &error))?;
    Ok(Node { program, folder })
}

/// The program, if it is new enough.
fn program() -> Option<PathBuf> {
    let program =
        std::env::var_os("VELUM_NODE").map_or_else(|| PathBuf::from("node"), PathBuf::from);
    let version = process::output(Command::new(&program).arg("--version")).ok()?;
    (major(&version)? >= OLDEST).then_some(program)
}

fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// Tells that everything is installed, and what.
fn mark(folder: &Path) -> PathBuf {
    folder.join("installed.json")
}

fn is_complete(folder: &Path) -> bool {
    let pinned = fs::read_to_string(workspace::root().join(LOCK));
    let installed = fs::read_to_string(mark(folder));
    matches!((pinned, installed), (Ok(pinned), Ok(installed)) if pinned == installed)
}

fn copy(file: &str, folder: &Path) -> Result {
    let from = workspace::root().join("tests/oidc").join(file);
    let copied = fs::copy(&from, folder.join(file));
    copied.map(|_| ()).map_err(|error| fault(&from, &error))
}

fn fault(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn a_version_says_how_new_it_is() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("v8.1.0"), Some(8));
        for text in ["", "20.1.0", "vx"] {
            assert_eq!(major(text), None, "{text}");
        }
    }
}
