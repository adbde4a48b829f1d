//! Whether a log is still the one that was signed, and the one that a fence knows.

use velum_approval::LogName;
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::hash::Hash;
use velum_ledger::note::Note;
use velum_ledger::proof::{consistency_tiles, prove_consistency, verify_consistency};
use velum_ledger::tile::{Tile, TileHashes};

use super::growing::Root;
use super::keeper;
use super::signing::Signers;
use super::{LogError, anchors, growing, naming, rolling};
use crate::http::App;
use crate::store::{LogRow, StoreError, Transaction};

/// What an older head is to a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Its beginning, or all of it.
    Beginning,
    /// None of it: there are two histories, or records were lost.
    Otherwise,
}

/// What a signed head says; whoever signed it.
pub(crate) fn text_of(note: &str) -> Option<Checkpoint> {
    Note::parse(note.as_bytes()).ok()?.text().parse().ok()
}

/// Compares a tree with a head of before, by our own proof of it.
pub(super) async fn compare(app: &App, root: &Root, older: &Checkpoint) -> Result<Known, LogError> {
    if older.origin() != root.name.as_str() {
        return compare_before(app, root, older).await;
    }
    beginning(app, root, older).await
}

/// A head of a log before this one: of one that ended with its year it has to be the beginning; of one that
/// has lost records it is known how far it was.
async fn compare_before(app: &App, root: &Root, older: &Checkpoint) -> Result<Known, LogError> {
    let logs = app.store().logs().await?;
    let mut before = logs.iter().filter(|log| log.number < root.log);
    let Some(log) = before.find(|log| {
        let name = log.name.as_ref().map(LogName::as_str);
        name == Some(older.origin()) && older.size() <= log.known
    }) else {
        return Ok(Known::Otherwise);
    };
    match rolling::whole(log) {
        Some(whole) if log.closed.pruned.is_none() => beginning(app, &whole, older).await,
        _ => Ok(Known::Beginning),
    }
}

/// Compares a tree with a smaller one of the same log.
async fn beginning(app: &App, root: &Root, older: &Checkpoint) -> Result<Known, LogError> {
    if older.size() > root.size {
        return Ok(Known::Otherwise);
    }
    let proof = proof(app, root, older.size()).await?;
    let is_beginning = proof.is_some_and(|proof| {
        let (from, to) = (older.size(), root.size);
        verify_consistency(from, older.root(), to, &root.hash, &proof).is_ok()
    });
    Ok(if is_beginning {
        Known::Beginning
    } else {
        Known::Otherwise
    })
}

/// That the first `older` leaves of a tree are its beginning; `None` where its tiles do not say so.
pub(super) async fn proof(
    app: &App,
    root: &Root,
    older: u64,
) -> Result<Option<Vec<Hash>>, LogError> {
    let tiles = consistency_tiles(older, root.size).unwrap_or_default();
    let tiles = app.store().tiles(root.log, &tiles).await?;
    let mut reader = TileHashes::new(root.size, |tile: Tile| tiles.get(&tile).cloned().ok_or(()));
    Ok(prove_consistency(older, root.size, &mut reader).ok())
}

/// The same of all that is in an open log, before anything more is written: whether a head is its beginning.
pub(super) async fn begins(
    transaction: &mut Transaction,
    open: &LogRow,
    root: &Hash,
    (older, older_root): (u64, Hash),
) -> Result<bool, StoreError> {
    let tiles = consistency_tiles(older, open.size).unwrap_or_default();
    let tiles = transaction.tiles(open.number, &tiles).await?;
    let mut reader = TileHashes::new(open.size, |tile: Tile| tiles.get(&tile).cloned().ok_or(()));
    let proof = prove_consistency(older, open.size, &mut reader);
    Ok(proof
        .is_ok_and(|proof| verify_consistency(older, &older_root, open.size, root, &proof).is_ok()))
}

/// Compares the store with its last head and with the fence before anything is written to it; then it is
/// open. `Some`: what it has lost, or that it is another one: nothing may be written.
pub(crate) async fn check(app: &App) -> Result<Option<&'static str>, LogError> {
    let root = loop {
        let grow = growing::Grow { app: app.clone() };
        match app.store().write(grow).await {
            Ok(growing::Grown::Here(root)) if root.is_behind => {}
            Ok(growing::Grown::Here(root)) => break root,
            // Who extends it may be the process before this one, or one that has not looked since the
            // database was put back.
            Ok(growing::Grown::Elsewhere) => {
                return match keeper::whole(app).await {
                    Ok(_) => Ok(None),
                    Err(LogError::Inconsistent(what)) => Ok(Some(what)),
                    Err(error) => Err(error),
                };
            }
            // Something that no tile has yet is not there, or is not what was written.
            Err(error @ StoreError::Corrupt(_)) => {
                tracing::error!(%error, "the log's tree cannot grow by the records behind it");
                let root = app.store().write(growing::Stand).await?;
                anchors::check(app, &root).await?;
                return Ok(Some("its own records"));
            }
            Err(error) => return Err(error.into()),
        }
    };
    let here = check_here(app, &root).await?;
    // Asked in any case: who recovers the log has to know how far it was.
    let elsewhere = anchors::check(app, &root).await?;
    Ok(here.or(elsewhere))
}

/// The same with what is known of this machine.
async fn check_here(app: &App, root: &Root) -> Result<Option<&'static str>, LogError> {
    if let Some(head) = app.store().head(root.log).await? {
        let signed = text_of(&head.note).ok_or(LogError::Inconsistent("its last head"))?;
        if compare(app, root, &signed).await? == Known::Otherwise {
            return Ok(Some("its last head"));
        }
    }
    // A signer that is not there is asked when it is. It may have signed a log of this year, where this one is
    // of one before.
    let this_year = naming::after(&root.name, app.now())?;
    for name in [Some(root.name.clone()), this_year].into_iter().flatten() {
        let known = app.parts().log.signatory.known(Some(name.as_str()));
        if let Ok(Signers {
            last: Some(last), ..
        }) = known.await
            && compare(app, root, &last).await? == Known::Otherwise
        {
            return Ok(Some("its signer"));
        }
    }
    let Some(fence) = app.parts().log.fence.clone() else {
        return Ok(None);
    };
    match keeper::in_background(move || fence.read()).await? {
        Some(stands) if compare(app, root, &stands).await? == Known::Otherwise => {
            Ok(Some("its fence"))
        }
        None if root.fenced > 0 => Ok(Some("its fence, which is not there")),
        _ => Ok(None),
    }
}
