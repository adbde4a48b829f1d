//! The furthest head that witnesses have cosigned.

use velum_ledger::note::Note;

use crate::store::{Store, StoreError};

/// That head with the signatures of all who have cosigned it, and its size.
pub(crate) async fn cosigned(store: &Store, log: u64) -> Result<Option<(u64, Note)>, StoreError> {
    let noted = store.anchored(log).await?;
    let with_notes = || {
        let noted = noted.iter();
        noted.filter_map(|noted| Some((noted.size, noted.note.as_deref()?)))
    };
    let Some(size) = with_notes().map(|(size, _)| size).max() else {
        return Ok(None);
    };
    let mut whole: Option<Note> = None;
    for (_, text) in with_notes().filter(|(of, _)| *of == size) {
        let broken = |_| StoreError::Corrupt("head");
        let note = Note::parse(text.as_bytes()).map_err(broken)?;
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
