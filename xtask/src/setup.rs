//! `setup`: a usable wasm target and the pinned Envoy. Quick when nothing is missing.

pub(crate) mod envoy;
pub(crate) mod wasm_target;

use crate::{Result, say};

/// Sets up both and says what was found.
pub(crate) fn run() -> Result {
    let target = wasm_target::find_or_install()?;
    say::step(&format!("wasm target: {}", target.describe()));
    let envoy = envoy::find_or_install()?;
    say::step(&format!("envoy: {}", envoy.display()));
    Ok(())
}
