//! `velum`: masks files, checks and tries policies, decides approvals, reads the audit log.
//!
//! What it finds goes to standard output, what went wrong to standard error. It ends with 0 where
//! all went well, 1 where something was refused or failed, 2 where it was called wrongly; of
//! `velum mask`, which is asked by pipelines, `mask.rs` says more.

mod approvals;
mod arguments;
mod audit;
mod bootstrap;
mod check;
mod clock;
mod failure;
mod man;
mod mask;
mod near;
mod profile;
mod service;
mod show;
mod trial;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{ApprovalsCommand, Arguments, AuditCommand, Command, PolicyCommand};
use failure::Failure;

/// What clap ends with, too.
const CALLED_WRONGLY: u8 = 2;

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
        } => {
            let service = service::Service::new(&connection)?;
            match command {
                ApprovalsCommand::List(options) => approvals::list(&service, &options),
                ApprovalsCommand::Show(options) => approvals::show(&service, &options),
                ApprovalsCommand::Approve(options) => approvals::approve(&service, &options),
                ApprovalsCommand::Deny(options) => approvals::deny(&service, &options),
            }
        }
        Command::Audit {
            connection,
            command: AuditCommand::Tail(options),
        } => audit::tail(&service::Service::new(&connection)?, &options),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "velum", &mut script);
            io::stdout().write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man(options) => man::run(&options),
    }
}
