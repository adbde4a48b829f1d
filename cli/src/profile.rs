//! `velum profile`: sets of rules and detectors, shipped or somebody's own.

mod check;
mod import_ms;
mod list;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use velum_engine::ProfileDocument;
use velum_policy::document::{self, DocumentError};

use crate::arguments::ProfileCommand;
use crate::failure::Failure;

pub(crate) fn run(command: &ProfileCommand) -> Result<ExitCode, Failure> {
    match command {
        ProfileCommand::List(options) => list::run(options),
        ProfileCommand::Show(options) => {
            io::stdout().write_all(options.profile.source().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        ProfileCommand::Check(options) => check::run(options),
        ProfileCommand::ImportMs(options) => import_ms::run(options),
    }
}

/// What is in a file: a profile, or what is wrong with it.
pub(crate) fn read(file: &Path) -> Result<Result<ProfileDocument, DocumentError>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::unreadable(file, &error))?;
    Ok(document::profile_from_text(&text))
}
