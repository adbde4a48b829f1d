//! Where things are in the checkout, and the programs that tests and the demo need.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::{Result, process, say, setup};

/// The checkout that `cargo xtask` was called in. What was true when this program was built does not
/// count: two checkouts that share a target folder share the program.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        manifest
            .parent()
            .map_or_else(|| manifest.clone(), Path::to_owned)
    });
    &ROOT
}

/// What is downloaded or installed for this checkout only; ignored by git.
pub(crate) fn cache() -> PathBuf {
    root().join(".velum")
}

/// Where the built wasm modules are put.
pub(crate) fn wasm_directory() -> PathBuf {
    root().join("target/wasm")
}

/// Where the built playground is put.
pub(crate) fn playground_directory() -> PathBuf {
    root().join("target/playground")
}

/// The workspace as cargo sees it, with its resolved dependencies.
pub(crate) fn metadata() -> Result<Value> {
    let text = process::output(process::cargo().args([
        "metadata",
        "--format-version=1",
        "--locked",
        "--all-features",
    ]))?;
    serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))
}

/// The packages whose programs the tests and the demo start.
const PROGRAMS: &[&str] = &[
    "velum",
    "velum-demo",
    "velum-example-fhir-api",
    "velum-policy-service",
];

/// Builds the programs, and `extra` packages with them.
pub(crate) fn build_programs(extra: &[&str]) -> Result {
    say::step("building the programs");
    let mut command = process::cargo();
    command.args(["build", "--locked", "--bins"]);
    for package in PROGRAMS.iter().chain(extra) {
        command.args(["--package", package]);
    }
    process::run(&mut command)
}

/// The folder of the host's programs.
pub(crate) fn program_directory() -> Result<PathBuf> {
    let metadata = metadata()?;
    let target = metadata["target_directory"]
        .as_str()
        .ok_or("cargo metadata: no target folder")?;
    Ok(Path::new(target).join("debug"))
}

/// Tells a test, or the demo, where the parts are that were set up and built.
pub(crate) fn tell_parts(command: &mut Command) -> Result {
    command
        .env("VELUM_ENVOY", setup::envoy::binary())
        .env("VELUM_WASM", wasm_directory().join("velum.wasm"))
        .env("VELUM_EMPTY_WASM", wasm_directory().join("empty.wasm"))
        .env("VELUM_SERDE_WASM", wasm_directory().join("serde.wasm"))
        .env("VELUM_PLAYGROUND", playground_directory())
        .env("VELUM_BIN_DIR", program_directory()?);
    if let Some(postgres) = setup::postgres::programs() {
        command.env("VELUM_POSTGRES", postgres);
    }
    if let Some(schemathesis) = setup::schemathesis::program() {
        command.env("VELUM_SCHEMATHESIS", schemathesis);
    }
    if let Some(go) = setup::go::find() {
        command
            .env("VELUM_GO", go.program)
            .env("VELUM_GOPATH", go.libraries);
    }
    if let Some(chromium) = setup::chromium::find() {
        command
            .env("VELUM_CHROMIUM", chromium.browser)
            .env("VELUM_CHROMEDRIVER", chromium.driver);
    }
    if let Some(node) = setup::node::find() {
        command
            .env("VELUM_NODE", node.program)
            .env("VELUM_OIDC", node.folder);
    }
    if let Some(script) = setup::axe::find() {
        command.env("VELUM_AXE", script);
    }
    let older = std::env::join_paths(setup::envoy::older_binaries());
    command.env(
        "VELUM_OLDER_ENVOYS",
        older.map_err(|error| error.to_string())?,
    );
    Ok(())
}

/// Every file that git tracks or would track, relative to the checkout.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let mut files: Vec<_> = process::output(&mut git)?
        .split_terminator('\0')
        .map(PathBuf::from)
        // Deleted, but not yet so in the index.
        .filter(|file| root().join(file).is_file())
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}
