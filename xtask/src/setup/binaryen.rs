//! Binaryen's `wasm-opt`, from the package on npm that is pinned by version and SHA-256.
//!
//! It is itself WebAssembly, which Node.js runs: the same bytes everywhere, and so is what it makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Bounded};
use crate::wasm::sha256_of;
use crate::{Result, say, workspace};

const VERSION: &str = "132.0.0";
/// Of the archive as npm gives it out.
const SHA256: &str = "6543555fb29bb92548f325c7dc18e9ab7dbb1215edda25993d1e3f71d85b8618";
/// What is unpacked of it: the program, and what tells Node.js how to read it.
const FILES: [&str; 3] = [
    "package/LICENSE",
    "package/bin/package.json",
    "package/bin/wasm-opt",
];
const APT_LIMIT: Duration = Duration::from_mins(10);

/// A `wasm-opt` that is the one meant.
pub(crate) struct Binaryen {
    script: PathBuf,
}

impl Binaryen {
    /// In a few words, for the developer.
    pub(crate) fn describe(&self) -> String {
        self.script.display().to_string()
    }

    /// What it is run by; the caller adds its arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("node");
        command.arg(&self.script);
        command
    }
}

/// Returns the pinned `wasm-opt`; downloads it where it is not yet there.
pub(crate) fn find_or_install() -> Result<Binaryen> {
    let installation = workspace::cache().join(format!("binaryen-{VERSION}"));
    let script = installation.join("package/bin/wasm-opt");
    let needed: &[&str] = if script.is_file() {
        &["node"]
    } else {
        &["node", "npm"]
    };
    if !needed.iter().all(|program| is_there(program)) {
        install_node()?;
    }
    if !script.is_file() {
        install(&installation, &script)?;
    }
    Ok(Binaryen { script })
}

fn is_there(program: &str) -> bool {
    process::quiet_output(Command::new(program).arg("--version")).is_some()
}

fn install_node() -> Result {
    let needed = "needs Node.js with npm (Debian: `apt-get install nodejs npm`)";
    let is_root = process::quiet_output(Command::new("id").arg("-u"))
        .is_some_and(|user| user.trim_end() == "0");
    if !is_root || !Path::new("/usr/bin/apt-get").is_file() {
        return Err(needed.to_owned());
    }
    say::step("apt-get install nodejs npm");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        process::run_bounded(command.args(arguments), APT_LIMIT)
    };
    // A list that one of several sources could not refresh is no reason to stop.
    let _ = apt(&["update", "-qq"]);
    let packages = ["nodejs", "npm"];
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    match apt(&[&install[..], &packages].concat())? {
        Bounded::Success => Ok(()),
        Bounded::Failure | Bounded::TimedOut => Err(needed.to_owned()),
    }
}

/// Unpacks beside the final place, and only then moves it there: an interrupted set-up leaves
/// nothing that looks finished.
fn install(installation: &Path, script: &Path) -> Result {
    say::step(&format!(
        "downloading Binaryen {VERSION} from npm (about 23 MB)"
    ));
    let staging = workspace::cache().join(format!("binaryen-{VERSION}.{}", std::process::id()));
    let failed = |error| format!("{}: {error}", staging.display());
    fs::create_dir_all(&staging).map_err(failed)?;
    let outcome = download(&staging)
        .and_then(|archive| unpack(&archive, &staging))
        .and_then(|unpacked| match fs::rename(&unpacked, installation) {
            // Another set-up was quicker, with the same pinned bytes.
            Err(_) if script.is_file() => Ok(()),
            moved => moved.map_err(|error| format!("{}: {error}", installation.display())),
        });
    let removed = fs::remove_dir_all(&staging);
    outcome?;
    removed.map_err(failed)
}

/// The archive; one that differs is refused.
fn download(staging: &Path) -> Result<PathBuf> {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--pack-destination"])
        .arg(staging)
        .arg(format!("binaryen@{VERSION}"))
        .current_dir(staging);
    process::output(&mut npm)?;
    let archive = staging.join(format!("binaryen-{VERSION}.tgz"));
    let bytes = fs::read(&archive).map_err(|error| format!("{}: {error}", archive.display()))?;
    let found = sha256_of(&bytes);
    if found != SHA256 {
        return Err(format!(
            "npm gave another Binaryen {VERSION} than the pinned one: its SHA-256 is {found}"
        ));
    }
    Ok(archive)
}

fn unpack(archive: &Path, staging: &Path) -> Result<PathBuf> {
    let unpacked = staging.join("unpacked");
    fs::create_dir_all(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(archive).arg("-C").arg(&unpacked);
    process::run(tar.arg("--no-same-owner").args(FILES))?;
    Ok(unpacked)
}
