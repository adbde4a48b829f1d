//! `velum`: masks files, checks and tries policies, decides approvals, stops releases, reads the
//! audit log.
//!
//! What it finds goes to standard output, what went wrong to standard error. It ends with 0 where
//! all went well, 1 where something was refused or failed, 2 where it was called wrongly; of
//! `velum mask`, `velum approvals watch` and `velum audit`, which are asked by scripts, their help says
//! more.

mod approvals;
mod arguments;
mod audit;
mod bootstrap;
mod check;
mod clock;
mod emergencies;
mod failure;
mod man;
mod mask;
mod near;
mod profile;
mod quantity;
mod service;
mod show;
mod stops;
mod table;
mod trial;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command, PolicyCommand};
use failure::Failure;

/// What clap ends with, too.
const CALLED_WRONGLY: u8 = 2;
/// What was to be verified cannot be read: nothing is known about it.
const UNREAD: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(Failure::OutputClosed) => ExitCode::FAILURE,
        Err(failure) => {
            // Nothing is left to tell a failure of this to.
            let _ = writeln!(io::stderr(), "velum: {failure}");
            match failure {
                Failure::Misused(_) => ExitCode::from(CALLED_WRONGLY),
                Failure::Unread(_) => ExitCode::from(UNREAD),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Mask(options) => mask::run(&options),
        Command::Policy { command } => match command {
            PolicyCommand::Check(options) => check::run(&options),
            PolicyCommand::Explain(options) => trial::explain(&options),
            PolicyCommand::Try(options) => trial::walk(&options),
            PolicyCommand::Test(options) => trial::test(&options),
        },
        Command::Profile { command } => profile::run(&command),
        Command::Approvals {
            connection,
            command,
        } => approvals::run(&service::Service::new(&connection)?, &command),
        Command::Stop {
            connection,
            command,
        } => stops::begin(&service::Service::new(&connection)?, &command),
        Command::Stops {
            connection,
            options,
        } => stops::list(&service::Service::new(&connection)?, &options),
        Command::Resume {
            connection,
            options,
        } => stops::resume(&service::Service::new(&connection)?, &options),
        Command::Emergency {
            connection,
            command,
        } => emergencies::run(&service::Service::new(&connection)?, &command),
        Command::Audit {
            connection,
            command,
        } => audit::run(&connection, &command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "velum", &mut script);
            io::stdout().write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man(options) => man::run(&options),
    }
}
