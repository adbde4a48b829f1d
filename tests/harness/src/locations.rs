//! Where the programs and the project's files are.

use std::env;
use std::path::{Path, PathBuf};

use crate::{Failure, Result, postgres};

/// The Envoy binary: `VELUM_ENVOY`.
pub fn envoy() -> Result<PathBuf> {
    file("VELUM_ENVOY", "the Envoy binary")
}

/// Older Envoys that are there: `VELUM_OLDER_ENVOYS`, a list of paths; empty where it is not set.
pub fn older_envoys() -> Vec<PathBuf> {
    let list = env::var_os("VELUM_OLDER_ENVOYS").unwrap_or_default();
    env::split_paths(&list)
        .filter(|path| path.is_file())
        .collect()
}

/// The built filter: `VELUM_WASM`.
pub fn filter() -> Result<PathBuf> {
    file("VELUM_WASM", "the built filter")
}

/// The built playground: `VELUM_PLAYGROUND`.
pub fn playground() -> Result<PathBuf> {
    file("VELUM_PLAYGROUND", "the built playground")
}

/// The folder of PostgreSQL's programs: `VELUM_POSTGRES`, else the newest that Debian has installed.
pub fn postgres() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("VELUM_POSTGRES") {
        return existing(Path::new(&folder), "VELUM_POSTGRES");
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut versions: Vec<(u32, PathBuf)> = installed
        .flatten()
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path())))
        .map(|(version, path)| (version, path.join("bin")))
        .filter(|(version, programs)| *version >= 15 && postgres::is_complete(programs))
        .collect();
    versions.sort();
    versions.pop().map(|(_, programs)| programs).ok_or_else(|| {
        Failure::new(
            "VELUM_POSTGRES does not say where PostgreSQL is; run `cargo xtask test`, which sets it",
        )
    })
}

/// The libraries that were unpacked with PostgreSQL's programs, where they are not the system's.
pub(crate) fn postgres_libraries(programs: &Path) -> Option<PathBuf> {
    // <folder>/usr/lib/postgresql/<version>/bin
    let libraries = programs.ancestors().nth(3)?;
    let is_system = libraries == Path::new("/usr/lib");
    let folder = libraries.join(format!("{}-linux-gnu", env::consts::ARCH));
    (!is_system && folder.is_dir()).then_some(folder)
}

/// Chromium and its driver: `VELUM_CHROMIUM` and `VELUM_CHROMEDRIVER`.
pub fn chromium() -> Result<(PathBuf, PathBuf)> {
    let browser = file("VELUM_CHROMIUM", "Chromium")?;
    Ok((browser, file("VELUM_CHROMEDRIVER", "Chromium's driver")?))
}

/// The script of axe-core, which looks for what hinders people: `VELUM_AXE`.
pub fn axe() -> Result<PathBuf> {
    file("VELUM_AXE", "axe-core's script")
}

/// Node, and the folder of the OpenID provider that it runs: `VELUM_NODE` and `VELUM_OIDC`.
pub fn open_id_provider() -> Result<(PathBuf, PathBuf)> {
    // Node may be found by its name alone.
    let node = env::var_os("VELUM_NODE").ok_or_else(|| missing("VELUM_NODE", "Node"))?;
    let folder = file("VELUM_OIDC", "the OpenID provider's folder")?;
    Ok((PathBuf::from(node), folder))
}

/// A program of this workspace, in the folder `VELUM_BIN_DIR`.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = file("VELUM_BIN_DIR", "the folder of the built programs")?.join(name);
    existing(&path, name)
}

/// The root of the project's sources.
pub fn project() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.ancestors().nth(2).unwrap_or(harness).to_path_buf()
}

fn file(variable: &str, what: &str) -> Result<PathBuf> {
    let value = env::var_os(variable).ok_or_else(|| missing(variable, what))?;
    existing(Path::new(&value), variable)
}

fn missing(variable: &str, what: &str) -> Failure {
    Failure::new(format!(
        "{variable} does not say where {what} is; run `cargo xtask test`, which sets it"
    ))
}

fn existing(path: &Path, what: &str) -> Result<PathBuf> {
    if path.exists() {
        // Envoy and the service run in folders of their own.
        std::path::absolute(path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    } else {
        Err(Failure::new(format!(
            "{what}: {} does not exist",
            path.display()
        )))
    }
}
