//! That a record is in the log, as a file for keeping.

use velum_ledger::note::Note;
use velum_ledger::proof::{inclusion_tiles, prove_inclusion};
use velum_ledger::tile::{Tile, TileHashes};
use velum_ledger::tlog_proof::TlogProof;

use super::cosigned;
use crate::http::App;
use crate::store::{LogRow, StoreError};

/// Why there is no proof.
pub(crate) enum ProofError {
    /// No such record, or none under a signed head yet.
    Unknown,
    Store(StoreError),
}

impl From<StoreError> for ProofError {
    fn from(error: StoreError) -> ProofError {
        ProofError::Store(error)
    }
}

/// The proof that the record at this place of the log is in it, with the record itself.
pub(crate) async fn inclusion(
    app: &App,
    log: &LogRow,
    place: u64,
) -> Result<TlogProof, ProofError> {
    let store = app.store();
    if log.closed.pruned.is_some() {
        return Err(ProofError::Unknown);
    }
    let (size, note) = head(app, log, place).await?;
    let tiles = inclusion_tiles(place, size).map_err(|_| ProofError::Unknown)?;
    let tiles = store.tiles(log.number, &tiles).await?;
    let entries = store.entries(log.first + place, 1).await?;
    let entry = entries.into_iter().next().ok_or(ProofError::Unknown)?;
    let mut reader = TileHashes::new(size, |tile: Tile| tiles.get(&tile).cloned().ok_or(()));
    let broken = StoreError::Corrupt("tile");
    let Ok(hashes) = prove_inclusion(place, size, &mut reader) else {
        return Err(broken.into());
    };
    let proof = TlogProof::new(place, hashes, note).map_err(|_| StoreError::Corrupt("head"))?;
    let with_leaf = proof.with_extra(entry.leaf);
    Ok(with_leaf.map_err(|_| StoreError::Corrupt("leaf"))?)
}

/// The head that the proof leads to: one that witnesses have cosigned where the record is under it, else the
/// last one.
async fn head(app: &App, log: &LogRow, place: u64) -> Result<(u64, Note), ProofError> {
    match cosigned(app, log).await? {
        Some((size, note)) if size > place => return Ok((size, note)),
        _ => {}
    }
    let head = app
        .store()
        .head(log.number)
        .await?
        .ok_or(ProofError::Unknown)?;
    let note = Note::parse(head.note.as_bytes()).map_err(|_| StoreError::Corrupt("head"))?;
    Ok((head.size, note))
}
