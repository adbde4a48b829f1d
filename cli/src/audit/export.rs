//! `velum audit export`: the log as files.

pub(super) mod lines;
mod progress;
mod tiles;
mod years;

pub(super) use years::LIST;

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
    if options.all {
        if options.format != ExportFormat::Tiles {
            let message = "--all writes a folder for each log: give --format tiles";
            return Err(Failure::misused(message));
        }
        return years::write(service, &options.out, options.cosigned);
    }
    let log = Log::find(service, options.log)?;
    if let Some(record) = log.pruned {
        return Err(Failure::new(format!(
            "log {} was removed: record {record} says who did it, and its last size and root",
            log.number
        )));
    }
    let exported = Exported::of(service, log, options.cosigned)?;
    match options.format {
        ExportFormat::Tiles => tiles::write(&exported, &options.out)?,
        ExportFormat::Cloudevents => lines::write_events(&exported, &options.out)?,
        ExportFormat::Csv => lines::write_csv(&exported, &options.out)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl<'s> Exported<'s> {
    /// A log up to its last signed head, or the last one that a witness has cosigned.
    fn of(service: &'s Service, log: Log, is_cosigned: bool) -> Result<Self, Failure> {
        let head = if is_cosigned {
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
        Ok(Exported {
            service,
            log,
            note,
            head,
        })
    }
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
