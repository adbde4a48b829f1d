//! `lint`: everything that reads the code without running it.

use crate::{Result, deny, process, say, tidy, wasm};

/// Runs all checks, quick ones first, and stops at the first that fails.
pub(crate) fn run() -> Result {
    say::step("cargo fmt --check");
    process::run(process::cargo().args(["fmt", "--all", "--check"]))?;
    tidy::run()?;
    say::step("clippy, host");
    process::run(process::cargo().args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    say::step("clippy, wasm");
    wasm::clippy()?;
    say::step("rustdoc");
    process::run(process::cargo().env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--locked",
        "--workspace",
        "--no-deps",
    ]))?;
    deny::run()
}
