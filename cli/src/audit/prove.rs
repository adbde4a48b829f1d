//! `velum audit prove` and `velum audit check-proof`: that a record is in the log, for keeping.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::hash::leaf_hash;
use velum_ledger::note::Note;
use velum_ledger::proof::{prove_inclusion, verify_inclusion};
use velum_ledger::tile::{Tile, TileHashes};
use velum_ledger::tlog_proof::{MOST_EXTRA_BYTES, TlogProof};

use super::folder::{self, Folder, beyond};
use super::logs::Log;
use super::{record, trust};
use crate::arguments::{CheckProofOptions, ProveOptions};
use crate::failure::Failure;
use crate::service::Service;
use crate::show;

/// What a proof may take: its record in base64, its hashes, its head.
const MOST_BYTES: usize = 2 * MOST_EXTRA_BYTES + velum_ledger::note::MOST_BYTES + 8192;

/// Asks the service for the proof.
pub(super) fn from_service(service: &Service, options: &ProveOptions) -> Result<ExitCode, Failure> {
    let log = Log::find(service, options.log)?;
    let bytes = log.bytes(service, &format!("proofs/{}", options.index))?;
    let proof = TlogProof::parse(&bytes)
        .map_err(|error| Failure::new(format!("the service's proof: {error}")))?;
    print(&proof)
}

/// Makes the proof of an exported log.
pub(super) fn from_folder(path: &Path, index: u64) -> Result<ExitCode, Failure> {
    print(&make(path, index)?)
}

fn make(path: &Path, index: u64) -> Result<TlogProof, Failure> {
    let file = path.join("checkpoint");
    let bytes = Folder::new(path).checkpoint()?;
    let (note, head) = folder::unverified(&bytes)
        .map_err(|fault| Failure::Unread(format!("{}: {fault}", show::path(&file))))?;
    under(path, note, &head, index)
}

/// The proof of the record at this place, with the record. It leads to the root of this head, whose
/// signature is for whoever takes the proof.
pub(super) fn under(
    path: &Path,
    note: Note,
    head: &Checkpoint,
    index: u64,
) -> Result<TlogProof, Failure> {
    let folder = Folder::new(path);
    let unread = |fault: &str| Failure::Unread(format!("{}: {fault}", show::path(path)));
    let size = head.size();
    if index >= size {
        return Err(beyond(index, size));
    }
    let leaf = folder.entry(index, size)?;
    let mut hashes = TileHashes::new(size, |tile: Tile| folder.tile(tile));
    let proof =
        prove_inclusion(index, size, &mut hashes).map_err(|error| unread(&error.to_string()))?;
    if verify_inclusion(&leaf_hash(&leaf), index, size, head.root(), &proof).is_err() {
        return Err(Failure::new(format!(
            "{}: record {index} is not the one that was signed, or a tile is not: see `velum audit verify`",
            show::path(path)
        )));
    }
    let proof = TlogProof::new(index, proof, note).map_err(|error| unread(&error.to_string()))?;
    proof
        .with_extra(leaf)
        .map_err(|error| unread(&error.to_string()))
}

fn print(proof: &TlogProof) -> Result<ExitCode, Failure> {
    let mut output = io::stdout().lock();
    write!(output, "{proof}")?;
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Verifies a proof and prints the record.
pub(super) fn check(options: &CheckProofOptions) -> Result<ExitCode, Failure> {
    let trust = trust::of(&options.trusted)?;
    let file = &options.file;
    let fails = |fault: &str| Failure::new(format!("{}: {fault}", show::path(file)));
    let read =
        |file: &Path| folder::read(file, MOST_BYTES).map_err(|error| Failure::unread(file, &error));
    let proof = TlogProof::parse(&read(file)?).map_err(|error| fails(&error.to_string()))?;
    let leaf = match (&options.leaf, proof.extra()) {
        (Some(leaf), _) => read(leaf)?,
        (None, Some(leaf)) => leaf.to_vec(),
        (None, None) => {
            let message = "the proof does not have its record: give it with --leaf";
            return Err(Failure::misused(message));
        }
    };
    let head = proof
        .verify(&leaf, &trust)
        .map_err(|error| fails(&format!("the proof does NOT hold: {error}")))?;
    let (index, head) = (proof.index(), head.checkpoint());
    let mut output = io::stdout().lock();
    if options.json {
        let whole = json!({
            "holds": true, "origin": head.origin(), "index": index, "size": head.size(),
            "root": head.root().to_string(), "record": record::parse(&leaf),
        });
        writeln!(output, "{whole}")?;
    } else {
        let (origin, size) = (show::plain(head.origin()), head.size());
        writeln!(
            output,
            "The proof holds: record {index} of {origin}, which had {size} then."
        )?;
        writeln!(output, "root  {}\n", head.root())?;
        writeln!(output, "{}", show::plain(&String::from_utf8_lossy(&leaf)))?;
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}
