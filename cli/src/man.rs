//! `velum man`: manual pages, made from what `--help` says.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::arguments::{Arguments, ManOptions};
use crate::failure::Failure;

/// Prints one page, or writes all of them.
pub(crate) fn run(options: &ManOptions) -> Result<ExitCode, Failure> {
    let mut program = Arguments::command().disable_help_subcommand(true);
    // Every command gets its full name, `velum-policy-check`.
    program.build();
    if let Some(folder) = &options.output {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(program, folder))
            .map_err(|error| Failure::unwritable(folder, &error))?;
        return Ok(ExitCode::SUCCESS);
    }
    let command = find(&program, &options.command)?;
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    io::stdout().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}

fn find<'c>(program: &'c Command, names: &[String]) -> Result<&'c Command, Failure> {
    names.iter().try_fold(program, |command, name| {
        command.find_subcommand(name).ok_or_else(|| {
            let known: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
            let known = known.join(", ");
            Failure::misused(format!("no such command: {name}; known are: {known}"))
        })
    })
}
