//! Development commands: `cargo xtask --help`.
//!
//! One file a command. What they share: [`process`] runs other programs, [`workspace`] knows where
//! things are, [`say`] is the only place that prints.

mod bench;
mod claims;
mod demo;
mod deny;
mod dist;
mod fuzz;
mod lint;
mod playground;
mod process;
mod say;
mod schemathesis;
mod screenshots;
mod setup;
mod test;
mod tidy;
mod wasm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Outcome of a step; the error is the line that the developer reads.
type Result<T = ()> = std::result::Result<T, String>;

/// Builds, tests and checks Velum. Each command sets up what it needs and says what it is doing.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Finds or installs a wasm target and the pinned Envoy
    Setup,
    /// Builds target/wasm/velum.wasm and target/wasm/empty.wasm
    Wasm(wasm::Arguments),
    /// Builds target/playground: the engine as an npm package, and the page that any host can serve
    Playground(playground::Arguments),
    /// What is given out, in target/dist: module, policy service, images of both, bills of materials
    Dist(dist::Arguments),
    /// Sets up, builds, and runs every test, those against a real Envoy included
    Test(test::Arguments),
    /// Formatting, clippy on the host and for wasm, rustdoc, tidy, deny
    Lint,
    /// cargo-deny: bans, licences, sources; advisories where their database can be reached
    Deny,
    /// The house's own rules: dependencies, documents, file sizes, crates, Envoy files, invented data
    Tidy,
    /// The main job as a story with real requests; `--once` runs through by itself and checks it
    Demo(demo::Arguments),
    /// Runs the fuzz targets of the engine: coverage-guided where there is a C++ compiler
    Fuzz(fuzz::Arguments),
    /// What the filter costs: Envoy's CPU a request, bare, with an empty filter and with Velum
    Bench(bench::Arguments),
    /// Requests generated from the API's document, against a policy service that runs
    Schemathesis(schemathesis::Arguments),
    /// Pictures of every page of inbox and playground at three widths and in two themes, in target/screenshots, and those of README.md
    Screenshots(screenshots::Arguments),
    /// Runs what shows each line of an area and prints it with its figure and `holds` or `falls short`
    Claims(claims::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Setup => setup::run(),
        Command::Wasm(arguments) => wasm::run(&arguments),
        Command::Playground(arguments) => playground::run(&arguments),
        Command::Dist(arguments) => dist::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Lint => lint::run(),
        Command::Deny => deny::run(),
        Command::Tidy => tidy::run(),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Schemathesis(arguments) => schemathesis::run(&arguments),
        Command::Screenshots(arguments) => screenshots::run(&arguments),
        Command::Claims(arguments) => claims::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            say::failure(&reason);
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
