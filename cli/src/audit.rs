//! `velum audit`: the audit log, read from the service, and verified without it.

mod check_text;
mod events;
mod evidence;
mod export;
mod folder;
mod logs;
mod prove;
mod record;
mod search;
mod tail;
mod trust;
mod verify;

use std::process::ExitCode;

use crate::arguments::{AuditCommand, Connection};
use crate::failure::Failure;
use crate::service::Service;

/// Runs it. Only what asks the service needs a connection.
pub(crate) fn run(connection: &Connection, command: &AuditCommand) -> Result<ExitCode, Failure> {
    match command {
        AuditCommand::Tail(options) => tail::tail(&Service::new(connection)?, options),
        AuditCommand::Search(options) => search::run(&Service::new(connection)?, options),
        AuditCommand::Export(options) => export::run(&Service::new(connection)?, options),
        AuditCommand::Verify(options) => verify::run(options),
        AuditCommand::Prove(options) => match &options.dir {
            Some(folder) => prove::from_folder(folder, options.index),
            None => prove::from_service(&Service::new(connection)?, options),
        },
        AuditCommand::CheckProof(options) => prove::check(options),
        AuditCommand::CheckText(options) => check_text::run(options),
        AuditCommand::Evidence(options) => evidence::run(options),
        AuditCommand::Events(options) => events::run(options),
    }
}
