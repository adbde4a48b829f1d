//! A body for which memory is asked before it is masked.

use crate::{Error, Masker};

/// Masks more bytes, with memory for what each piece of them may become: a value of one digit becomes a
/// placeholder of twenty signs. Where there is none, it says so, and the program goes on.
///
/// ```
/// use std::sync::Arc;
/// use velum_engine::{Masker, Options, Profile, Ruleset, feed_in_pieces};
/// let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build()?);
/// let mut masker = Masker::new(rules, Options::default());
/// let mut out = Vec::new();
/// feed_in_pieces(&mut masker, br#"{"ssn":1}"#, &mut out).unwrap();
/// assert_eq!(out, br#"{"ssn":"[masked:ssn]"}"#);
/// # Ok::<(), velum_engine::RuleError>(())
/// ```
///
/// # Errors
/// The masker's; `None`: there is no memory.
pub fn feed_in_pieces(
    masker: &mut Masker,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Option<Error>> {
    const PIECE: usize = 32 * 1024;
    // At once for all that is usual, and for what the first piece may become.
    let usual = bytes.len() + bytes.len() / 4;
    out.try_reserve(usual.max(16 * bytes.len().min(PIECE)))
        .map_err(|_| None)?;
    for piece in bytes.chunks(PIECE) {
        out.try_reserve(16 * piece.len()).map_err(|_| None)?;
        masker.feed(piece, out).map_err(Some)?;
    }
    Ok(())
}
