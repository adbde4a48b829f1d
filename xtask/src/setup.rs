//! `setup`: a usable wasm target, the pinned Binaryen and Envoy, and a PostgreSQL. Quick when nothing is missing.

pub(crate) mod axe;
pub(crate) mod binaryen;
pub(crate) mod chromium;
mod debian;
pub(crate) mod envoy;
pub(crate) mod go;
pub(crate) mod node;
pub(crate) mod postgres;
pub(crate) mod schemathesis;
pub(crate) mod wasm_target;

use crate::{Result, say};

/// Sets up all and says what was found.
pub(crate) fn run() -> Result {
    let target = wasm_target::find_or_install()?;
    say::step(&format!("wasm target: {}", target.describe()));
    let binaryen = binaryen::find_or_install()?;
    say::step(&format!("binaryen: {}", binaryen.describe()));
    let envoy = envoy::find_or_install()?;
    say::step(&format!("envoy: {}", envoy.display()));
    let postgres = postgres::find_or_install()?;
    say::step(&format!("postgres: {}", postgres.display()));
    Ok(())
}
