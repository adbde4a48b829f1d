//! The furthest head that witnesses have cosigned, by what the store has noted: verified each time, since
//! whoever can write there could write anything.

use velum_approval::LogName;
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::note::{Algorithm, KeyName, Note, VerifierKey};

use super::Place;
use crate::http::App;
use crate::store::{Anchored, LogRow, StoreError};

/// That head with the signatures of the log and of all who have cosigned it, and its size.
///
/// # Errors
/// When the store cannot be read, or witnesses have signed two heads of one size.
pub(crate) async fn cosigned(app: &App, log: &LogRow) -> Result<Option<(u64, Note)>, StoreError> {
    let (noted, log) = noted(app, log.number).await?;
    let keys = keys(app, &log).await?;
    let anchors = app.parts().log.anchors.all.iter();
    let mut believed = Vec::new();
    for anchor in anchors.filter(|anchor| matches!(anchor.place, Place::Witness(_))) {
        for noted in noted.iter().filter(|noted| noted.name == anchor.name) {
            if let Some(note) = anchor.believed(&log, noted, &keys, app.now()) {
                believed.push((noted.size, note));
            }
        }
    }
    let Some(size) = believed.iter().map(|(size, _)| *size).max() else {
        return Ok(None);
    };
    let broken = |_| StoreError::Corrupt("head");
    let mut whole: Option<Note> = None;
    for (_, note) in believed.into_iter().filter(|(of, _)| *of == size) {
        let Some(whole) = &mut whole else {
            whole = Some(note);
            continue;
        };
        if whole.text() != note.text() {
            return Err(StoreError::Corrupt("head"));
        }
        for signature in note.signatures() {
            if !whole.signatures().contains(signature) {
                whole.add(signature.clone()).map_err(broken)?;
            }
        }
    }
    Ok(whole.map(|note| (size, note)))
}

/// What the store has noted of a log's anchors, and then how the log stands: what was noted since its row was
/// read would be beyond it.
pub(super) async fn noted(app: &App, log: u64) -> Result<(Vec<Anchored>, LogRow), StoreError> {
    let noted = app.store().anchored(log).await?;
    let logs = app.store().logs().await?;
    let row = logs.into_iter().find(|row| row.number == log);
    Ok((noted, row.ok_or(StoreError::Corrupt("absence of a row"))?))
}

/// A head of this size as the store has noted it, where it is of this log and one of the log's own keys has signed
/// it: nobody without such a key can put there what was never signed.
pub(super) fn signed(noted: &str, log: &LogRow, size: u64, keys: &[VerifierKey]) -> Option<Note> {
    let note = Note::parse(noted.as_bytes()).ok()?;
    let head: Checkpoint = note.text().parse().ok()?;
    let name = log.name.as_ref().map(LogName::as_str);
    if name != Some(head.origin()) || head.size() != size || size > log.size {
        return None;
    }
    note.verify(keys).ok()?;
    Some(note)
}

/// The keys that sign a log, or did.
pub(super) async fn keys(app: &App, log: &LogRow) -> Result<Vec<VerifierKey>, StoreError> {
    let keys = app.store().log_keys(log.number).await?;
    let name = log.name.as_ref();
    let name: Option<KeyName> = name.and_then(|name| name.as_str().parse().ok());
    let Some(name) = name else {
        return Ok(Vec::new());
    };
    let verifier = |key: [u8; 32]| VerifierKey::new(name.clone(), Algorithm::Ed25519, &key).ok();
    Ok(keys.all().filter_map(verifier).collect())
}
