//! Every log of a service, each in a folder of its own, and a list of them.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Exported, put, tiles};
use crate::audit::logs::Log;
use crate::failure::Failure;
use crate::service::Service;

/// Stands beside the folders: which logs there are, in their order. What it says is verified.
pub(in crate::audit) const LIST: &str = "logs.json";

/// Writes what is missing of each. The list comes last.
pub(super) fn write(service: &Service, out: &Path, is_cosigned: bool) -> Result<ExitCode, Failure> {
    let mut list = Vec::new();
    let logs = Log::all(service)?;
    let newest = logs.iter().map(|log| log.number).max();
    for log in logs {
        let is_last = Some(log.number) == newest;
        if log.is_lost {
            continue;
        }
        // A log's name is made of letters, digits, dots and dashes between its slashes.
        let folder = log.name.rsplit('/').next().unwrap_or_default().to_owned();
        let line = json!({
            "name": log.name, "number": log.number, "folder": folder, "pruned": log.pruned,
        });
        list.push(line);
        if log.pruned.is_none() {
            let exported = Exported::of(service, log, is_last && is_cosigned)?;
            tiles::write(&exported, &out.join(folder))?;
        }
    }
    let text = format!("{:#}\n", Value::from(list));
    put(&out.join(LIST), text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
