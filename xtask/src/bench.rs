//! `bench`: what the filter costs inside a real Envoy.

use std::process::Command;

use clap::{Args, ValueEnum};

use crate::{Result, process, say, setup, wasm, workspace};

/// What is measured.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The part whose cost is measured
    part: Part,
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// Envoy's CPU, requests a second, latency and memory: bare, with an empty filter, with Velum,
    /// with Envoy's Lua filter and with a filter that parses the whole body
    Envoy,
}

/// Builds what is measured and measures it.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let Part::Envoy = arguments.part;
    say::result(envoy()?.trim_end());
    Ok(())
}

/// What the filter costs in Envoy, as a table.
pub(crate) fn envoy() -> Result<String> {
    setup::run()?;
    wasm::build_modules()?;
    workspace::build_programs(&["velum-end-to-end"])?;
    say::step("measuring; this takes about six minutes");
    let mut cost = Command::new(workspace::program_directory()?.join("velum-cost"));
    workspace::tell_parts(&mut cost)?;
    process::output(&mut cost)
}
