//! `velum audit export`: the log as files.

pub(super) mod lines;
mod progress;
mod tiles;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use velum_ledger::checkpoint::Checkpoint;

use super::folder;
use super::logs::Log;
use crate::arguments::{ExportFormat, ExportOptions};
use crate::failure::Failure;
use crate::service::Service;

/// A log and the head up to which it is exported.
struct Exported<'s> {
    service: &'s Service,
    log: Log,
    /// As the service gave it. Its signature is for who has the key from elsewhere.
    note: Vec<u8>,
    head: Checkpoint,
}

impl Exported<'_> {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.log.bytes(self.service, path)
    }
}

/// Exports what is under the last signed head.
pub(super) fn run(service: &Service, options: &ExportOptions) -> Result<ExitCode, Failure> {
    if options.format == ExportFormat::Tiles && options.out == Path::new("-") {
        let message = "tiles are a folder, not a stream: name one with --out";
        return Err(Failure::misused(message));
    }
    let log = Log::find(service, options.log)?;
    let head = if options.cosigned {
        "checkpoint?cosigned=true"
    } else {
        "checkpoint"
    };
    let note = log.bytes(service, head)?;
    let (_, head) = folder::unverified(&note)
        .map_err(|error| Failure::new(format!("the service's checkpoint: {error}")))?;
    if head.origin() != log.name {
        let message =
            "the service's checkpoint is of another log than it says: export nothing of it";
        return Err(Failure::new(message));
    }
    let exported = Exported {
        service,
        log,
        note,
        head,
    };
    match options.format {
        ExportFormat::Tiles => tiles::write(&exported, &options.out)?,
        ExportFormat::Cloudevents => lines::write_events(&exported, &options.out)?,
        ExportFormat::Csv => lines::write_csv(&exported, &options.out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file whole or not at all.
fn put(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_whole(file, |output| {
        output
            .write_all(bytes)
            .map_err(|error| Failure::unwritable(file, &error))
    })
}

/// Writes a file whole or not at all, piece by piece.
fn write_whole(
    file: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let unwritable = |error: &io::Error| Failure::unwritable(file, error);
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|error| unwritable(&error))?;
    let scratch = tempfile::Builder::new()
        .prefix(".velum-")
        .suffix(".part")
        .tempfile_in(folder)
        .map_err(|error| unwritable(&error))?;
    let mut output = io::BufWriter::new(scratch);
    write(&mut output)?;
    let scratch = output
        .into_inner()
        .map_err(|error| unwritable(error.error()))?;
    scratch
        .as_file()
        .sync_all()
        .map_err(|error| unwritable(&error))?;
    scratch
        .persist(file)
        .map_err(|error| unwritable(&error.error))?;
    Ok(())
}
