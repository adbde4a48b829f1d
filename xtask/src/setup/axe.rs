//! axe-core, which looks at pages for what hinders people: from npm, pinned by its hash. It runs in the
//! browser of tests and is part of nothing that is given out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::node;
use crate::{Result, process, say, workspace};

/// What is pinned: of the checkout.
const FOLDER: &str = "tests/browser";
const FILES: [&str; 2] = ["package.json", "package-lock.json"];
/// The script, once it is installed.
const SCRIPT: &str = "node_modules/axe-core/axe.min.js";

/// The script, if it is there.
pub(crate) fn find() -> Option<PathBuf> {
    let script = installation().join(SCRIPT);
    (is_complete(&installation()) && script.is_file()).then_some(script)
}

/// Returns it; installs it where it is missing.
pub(crate) fn find_or_install() -> Result<PathBuf> {
    if let Some(script) = find() {
        return Ok(script);
    }
    // It brings npm.
    node::find_or_install()?;
    say::step("installing axe-core for tests from npm (once; 3 MB)");
    let folder = installation();
    fs::create_dir_all(&folder).map_err(|error| fault(&folder, &error))?;
    for file in FILES {
        let from = workspace::root().join(FOLDER).join(file);
        fs::copy(&from, folder.join(file)).map_err(|error| fault(&from, &error))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&folder);
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    process::run(npm.arg("--silent"))?;
    let mark = mark(&folder);
    fs::copy(pinned(), &mark).map_err(|error| fault(&mark, &error))?;
    Ok(folder.join(SCRIPT))
}

fn installation() -> PathBuf {
    workspace::cache().join("axe")
}

fn pinned() -> PathBuf {
    workspace::root().join(FOLDER).join("package-lock.json")
}

/// Tells that everything is installed, and what.
fn mark(folder: &Path) -> PathBuf {
    folder.join("installed.json")
}

fn is_complete(folder: &Path) -> bool {
    let pinned = fs::read_to_string(pinned());
    let installed = fs::read_to_string(mark(folder));
    matches!((pinned, installed), (Ok(pinned), Ok(installed)) if pinned == installed)
}

fn fault(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
