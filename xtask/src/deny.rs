//! `deny`: cargo-deny with the rules of `deny.toml`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Bounded};
use crate::{Result, say, workspace};

const VERSION: &str = "0.20.2";
/// The advisory database is a git repository; a fetch that cannot reach it must not hang.
const ADVISORIES_LIMIT: Duration = Duration::from_mins(1);

/// Checks bans, licences and sources, and advisories where their database can be had.
pub(crate) fn run() -> Result {
    let program = find_or_install()?;
    let check = |what: &[&str]| {
        let mut command = Command::new(&program);
        // `cargo` must be the one whose workspace this is.
        command
            .current_dir(workspace::root())
            .args(["--locked", "--all-features", "check"]);
        command.args(["--hide-inclusion-graph"]).args(what);
        command
    };
    say::step("cargo-deny: bans, licences, sources");
    process::run(&mut check(&["bans", "licenses", "sources"]))?;
    say::step("cargo-deny: advisories");
    let fetch = |program: &PathBuf| {
        let mut command = Command::new(program);
        command
            .current_dir(workspace::root())
            .args(["--locked", "fetch", "db"]);
        process::run_bounded(&mut command, ADVISORIES_LIMIT)
    };
    if fetch(&program)? != Bounded::Success {
        say::result("advisories: skipped: database not reachable");
        return Ok(());
    }
    process::run(&mut check(&["--disable-fetch", "advisories"]))
}

/// One of the right version on `PATH`, else one of our own.
fn find_or_install() -> Result<PathBuf> {
    let own = workspace::cache().join("tools/bin/cargo-deny");
    for candidate in [PathBuf::from("cargo-deny"), own.clone()] {
        let version = process::quiet_output(Command::new(&candidate).arg("--version"));
        if version.is_some_and(|text| text.trim_end().ends_with(&format!(" {VERSION}"))) {
            return Ok(candidate);
        }
    }
    say::step(&format!(
        "installing cargo-deny {VERSION} (once; about two minutes on two cores)"
    ));
    let mut install = process::cargo();
    install
        .args([
            "install",
            "cargo-deny",
            "--locked",
            "--version",
            VERSION,
            "--no-default-features",
        ])
        .arg("--root")
        .arg(workspace::cache().join("tools"));
    process::run(&mut install)?;
    Ok(own)
}
