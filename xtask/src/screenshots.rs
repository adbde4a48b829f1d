//! `screenshots`: pictures of the pages of inbox and playground, taken by a real Chromium of a real installation.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{Result, playground, process, say, setup, wasm, workspace};

/// Options of `screenshots`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Leaves those that README.md shows as they are
    #[arg(long)]
    aside: bool,
}

/// Where they are put, below the checkout.
const FOLDER: &str = "target/screenshots";
/// Where those are that README.md shows.
pub(crate) const KEPT: &str = "docs/pictures";

/// Takes them anew.
pub(crate) fn run(arguments: &Arguments) -> Result {
    setup::run()?;
    setup::chromium::find_or_install()?;
    wasm::build_modules()?;
    playground::build()?;
    workspace::build_programs(&[])?;
    let readme = if arguments.aside {
        format!("{FOLDER}/readme")
    } else {
        KEPT.to_owned()
    };
    take(&folder(FOLDER)?, &folder(&readme)?)?;
    say::result(&format!("pictures are in {FOLDER}"));
    say::result(&format!("those of README.md are in {readme}"));
    Ok(())
}

/// Takes them where everything is built, into these folders: every page, and those that README.md shows.
pub(crate) fn take(folder: &Path, readme: &Path) -> Result {
    let mut command = process::cargo();
    command.args(["test", "--locked", "--package", "velum-end-to-end"]);
    command.args(["--test", "inbox", "--", "--ignored", "--exact"]);
    command.arg("pictures::every_page_at_three_widths_and_in_two_themes");
    command.env("VELUM_PICTURES", folder);
    command.env("VELUM_README_PICTURES", readme);
    workspace::tell_parts(&mut command)?;
    process::run(&mut command)
}

/// A folder of the checkout, made where there is none.
pub(crate) fn folder(path: &str) -> Result<PathBuf> {
    let folder = workspace::root().join(path);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}
