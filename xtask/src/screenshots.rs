//! `screenshots`: pictures of the inbox's pages, taken by a real Chromium of a real installation.

use crate::{Result, process, say, setup, wasm, workspace};

/// Where they are put, below the checkout.
const FOLDER: &str = "target/screenshots";

/// Takes them anew.
pub(crate) fn run() -> Result {
    setup::run()?;
    setup::chromium::find_or_install()?;
    wasm::build_modules()?;
    workspace::build_programs(&[])?;
    let folder = workspace::root().join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut command = process::cargo();
    command.args(["test", "--locked", "--package", "velum-end-to-end"]);
    command.args(["--test", "inbox", "--", "--ignored", "--exact"]);
    command.arg("pictures::every_page_at_three_widths_and_in_two_themes");
    command.env("VELUM_PICTURES", &folder);
    workspace::tell_parts(&mut command)?;
    process::run(&mut command)?;
    say::result(&format!("pictures are in {FOLDER}"));
    Ok(())
}
