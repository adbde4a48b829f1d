//! `playground`: the engine for browsers, as an npm package and with the page in front of it.
//!
//! ```text
//! target/playground/npm    bindings, module and their types: a package that nobody publishes
//! target/playground/www    the page, with the package in `engine`: files that any host can serve
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use wasm_bindgen_cli_support::Bindgen;

use crate::setup::{binaryen, wasm_target};
use crate::wasm::shrinking;
use crate::{Result, process, say, wasm, workspace};

/// Options of `playground`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Says too how long a body of 1 MB takes in Node.js, whose V8 is Chromium's
    #[arg(long)]
    measure: bool,
}

const PACKAGE: &str = "velum-playground";
/// What bindings and module are called.
const NAME: &str = "velum_playground";
/// A body, what it becomes and both once more at the border of JavaScript.
const MEMORY: &str = "--max-memory=1073741824";
/// What bindings need of the package beside what is written by hand.
const MADE: &[&str] = &["velum_playground.js", "velum_playground_bg.wasm"];
/// Samples of the page that are examples of the project.
const SAMPLES: &[&str] = &["patient.json", "policy.yaml"];

/// Builds both, and measures.
pub(crate) fn run(arguments: &Arguments) -> Result {
    build()?;
    if arguments.measure {
        say::result(measure()?.trim_end());
    }
    Ok(())
}

/// Builds both.
pub(crate) fn build() -> Result {
    let binaryen = binaryen::find_or_install()?;
    let target = wasm_target::find_or_install()?;
    say::step("building the playground");
    let module = wasm::compile(workspace::root(), &target, PACKAGE, &[MEMORY])?;
    let folder = workspace::playground_directory();
    let bound = folder.join("bound");
    bind(&module, &bound)?;
    let shrunk = shrinking::shrunk(&bound.join(MADE[1]), &binaryen, shrinking::BARE)?;

    let sources = workspace::root().join("playground");
    let package = empty(&folder.join("npm"))?;
    copy(&sources.join("npm"), &package, |name| name != "tests")?;
    copy_file(&bound.join(MADE[0]), &package.join(MADE[0]))?;
    write(&package.join(MADE[1]), &shrunk)?;

    let page = empty(&folder.join("www"))?;
    copy(&sources.join("www"), &page, |_| true)?;
    for sample in SAMPLES {
        let from = workspace::root().join("examples").join(sample);
        copy_file(&from, &page.join("samples").join(sample))?;
    }
    let engine = empty(&page.join("engine"))?;
    copy(&package, &engine, |name| {
        name == "index.js" || MADE.contains(&name)
    })?;
    say::result(&format!(
        "target/playground: a module of {} bytes, sha256 {}",
        shrunk.len(),
        wasm::sha256_of(&shrunk)
    ));
    Ok(())
}

/// Builds the page and gives its files, by their paths within it.
pub(crate) fn page() -> Result<Vec<(PathBuf, Vec<u8>)>> {
    build()?;
    let mut files = Vec::new();
    let page = workspace::playground_directory().join("www");
    gather(&page, Path::new(""), &mut files)?;
    files.sort();
    Ok(files)
}

fn gather(folder: &Path, within: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result {
    let failed = |error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, name) = (entry.path(), within.join(entry.file_name()));
        if path.is_dir() {
            gather(&path, &name, files)?;
        } else {
            files.push((name, fs::read(&path).map_err(failed)?));
        }
    }
    Ok(())
}

/// How long a body of 1 MB takes.
fn measure() -> Result<String> {
    let script = workspace::root().join("playground/npm/tests/measure.js");
    let mut node = Command::new("node");
    node.arg(script)
        .env("VELUM_PLAYGROUND", workspace::playground_directory());
    process::output(&mut node)
}

/// Makes the bindings of a module.
fn bind(module: &Path, to: &Path) -> Result {
    let made = (|| {
        Bindgen::new()
            .input_path(module)
            .out_name(NAME)
            .web(true)?
            // They are written by hand, for what stands in front of the bindings.
            .typescript(false)
            .remove_name_section(true)
            .remove_producers_section(true)
            .generate(to)
    })();
    made.map_err(|error| format!("{}: no bindings: {error:#}", module.display()))
}

/// An empty folder in the place of whatever was there.
fn empty(folder: &Path) -> Result<PathBuf> {
    let failed = |error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    Ok(folder.to_owned())
}

/// Copies what is in a folder, and of its top what is wanted.
fn copy(from: &Path, to: &Path, wanted: fn(&str) -> bool) -> Result {
    let failed = |error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if !wanted(name) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name), |_| true)?;
        } else {
            copy_file(&path, &to.join(name))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result {
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

fn write(file: &Path, bytes: &[u8]) -> Result {
    fs::write(file, bytes).map_err(|error| format!("{}: {error}", file.display()))
}
