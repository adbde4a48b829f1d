//! `demo`: builds all parts and hands over to the story in `examples/demo`.

use std::process::Command;

use clap::Args;

use crate::{Result, say, setup, wasm, workspace};

/// What is handed on to the story.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Arguments for the story: `--once` runs through by itself and checks each answer
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    story: Vec<String>,
}

/// Sets up, builds and tells the story; standard input stays the person's.
pub(crate) fn run(arguments: &Arguments) -> Result {
    setup::run()?;
    wasm::build_modules()?;
    workspace::build_programs(&[])?;
    say::step("starting the demo");
    let mut story = Command::new(workspace::program_directory()?.join("velum-demo"));
    workspace::tell_parts(&mut story)?;
    let status = story
        .args(&arguments.story)
        .status()
        .map_err(|error| format!("velum-demo could not be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the demo ended with {status}"))
    }
}
