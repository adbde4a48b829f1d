//! to come
use crate::arguments::ImportMicrosoft;
use crate::failure::Failure;
use std::process::ExitCode;
pub(crate) fn run(options: &ImportMicrosoft) -> Result<ExitCode, Failure> {
    let _ = (&options.file, &options.output, &options.name);
    Ok(ExitCode::SUCCESS)
}
