//! Somebody who signs that they have seen no other history (C2SP tlog-witness, `add-checkpoint`; C2SP
//! tlog-cosignature). What they answer counts when their signature is verified.

use axum::http::StatusCode;
use velum_ledger::hash::Hash;
use velum_ledger::note::{Note, VerifierKey};
use velum_ledger::proof::{consistency_tiles, prove_consistency};
use velum_ledger::tile::{Tile, TileHashes};

use super::cosigned;
use super::telling::Told;
use super::{Anchor, Fault, Offer};
use crate::config::Peer;
use crate::http::App;
use crate::outward::{Answer, Caller};
use crate::store::LogRow;

/// The media type of a size.
const SIZE: &str = "text/x.tlog.size";
/// How often a head is sent anew because somebody else sent one meanwhile.
const TRIES: usize = 3;

pub(super) struct Witness {
    caller: Caller,
    key: VerifierKey,
    /// The keys that it had before.
    previous: Vec<VerifierKey>,
}

impl Witness {
    pub(super) fn open(
        peer: &Peer,
        key: VerifierKey,
        previous: Vec<VerifierKey>,
    ) -> Result<Witness, String> {
        let caller = Caller::open(peer)?;
        Ok(Witness {
            caller,
            key,
            previous,
        })
    }

    /// Has a head cosigned, by the proof that the one of this size before is its beginning.
    pub(super) async fn tell(
        &self,
        app: &App,
        anchor: &Anchor,
        offer: &Offer,
        known: u64,
    ) -> Result<Told, Fault> {
        let size = offer.checkpoint.size();
        let mut old = known.min(size);
        for _ in 0..TRIES {
            let proof = prove(app, offer, old).await?;
            let answer = self.submit(offer, old, &proof).await?;
            match answer.status {
                StatusCode::OK => {
                    let note = self.cosigned(offer, &answer.body)?;
                    return Ok(Told {
                        size,
                        note: Some(note.to_string()),
                    });
                }
                StatusCode::CONFLICT => {
                    let theirs = size_of(&answer)?;
                    if theirs > size {
                        if offer.is_beyond(app, theirs).await? {
                            anchor.state().ahead = Some((theirs, None));
                            return Err(Fault::Contradicts);
                        }
                        // Another service was quicker: its head is this one's next.
                        return Err(Fault::Conflict);
                    }
                    if theirs == old {
                        // Of one size, it has another root; of any other, that is no answer.
                        let is_all = old == size;
                        return Err(if is_all {
                            Fault::Contradicts
                        } else {
                            Fault::BadAnswer
                        });
                    }
                    old = theirs;
                }
                // What it has of this size is not the beginning of this log.
                StatusCode::UNPROCESSABLE_ENTITY => return Err(Fault::Contradicts),
                _ => return Err(Fault::Refused),
            }
        }
        Err(Fault::Conflict)
    }

    /// A head of this size as the store has noted it, where it is of this log and signed by one of its keys and
    /// by this witness, with whichever of its keys; without any other signatures.
    pub(super) fn believed(
        &self,
        noted: &str,
        log: &LogRow,
        size: u64,
        keys: &[VerifierKey],
    ) -> Option<Note> {
        let note = cosigned::signed(noted, log, size, keys)?;
        let own = [std::slice::from_ref(&self.key), self.previous.as_slice()].concat();
        note.verify(&own).ok()?;
        let known = [keys, own.as_slice()].concat();
        let mut whole = Note::new(note.text()).ok()?;
        for signature in note.signatures() {
            let is_by =
                |key: &VerifierKey| signature.name() == key.name() && signature.id() == key.id();
            if known.iter().any(is_by) {
                whole.add(signature.clone()).ok()?;
            }
        }
        Some(whole)
    }

    async fn submit(&self, offer: &Offer, old: u64, proof: &[Hash]) -> Result<Answer, Fault> {
        let mut lines = vec![format!("old {old}")];
        lines.extend(proof.iter().map(Hash::to_string));
        let body = format!("{}\n\n{}", lines.join("\n"), offer.head.note);
        let media_type = "text/plain; charset=utf-8";
        let answer = self
            .caller
            .post("/add-checkpoint", media_type, Vec::new(), body.into());
        Ok(answer.await?)
    }

    /// The head with this witness's signature, and with no others of the answer.
    fn cosigned(&self, offer: &Offer, lines: &[u8]) -> Result<Note, Fault> {
        let bad = |_| Fault::BadAnswer;
        let whole = [offer.head.note.as_bytes(), lines].concat();
        let whole = Note::parse(&whole).map_err(bad)?;
        let known = std::slice::from_ref(&self.key);
        whole.verify(known).map_err(|_| Fault::BadAnswer)?;
        let mut note = offer.note.clone();
        let own = whole.signatures().iter().find(|signature| {
            signature.name() == self.key.name() && signature.id() == self.key.id()
        });
        note.add(own.ok_or(Fault::BadAnswer)?.clone())
            .map_err(bad)?;
        Ok(note)
    }
}

/// That the log of this size is the beginning of the one that is offered.
async fn prove(app: &App, offer: &Offer, old: u64) -> Result<Vec<Hash>, Fault> {
    let size = offer.checkpoint.size();
    let tiles = consistency_tiles(old, size).map_err(|_| Fault::Store)?;
    let tiles = app.store().tiles(offer.log.number, &tiles).await?;
    let mut reader = TileHashes::new(size, |tile: Tile| tiles.get(&tile).cloned().ok_or(()));
    prove_consistency(old, size, &mut reader).map_err(|_| Fault::Store)
}

/// How much a witness says that it has.
fn size_of(answer: &Answer) -> Result<u64, Fault> {
    let media_type = answer.media_type.as_ref();
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let is_size = media_type.is_some_and(|value| value.split(';').next() == Some(SIZE));
    let text = std::str::from_utf8(&answer.body).ok().filter(|_| is_size);
    let digits = text.and_then(|text| text.strip_suffix('\n'));
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or(Fault::BadAnswer)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_size_is_a_number_and_says_that_it_is_one() {
        let of = |media_type: &'static str, body: &str| {
            size_of(&Answer {
                status: StatusCode::CONFLICT,
                media_type: Some(HeaderValue::from_static(media_type)),
                body: body.as_bytes().to_vec(),
            })
        };
        assert_eq!(of(SIZE, "20852014\n"), Ok(20_852_014));
        assert_eq!(of("text/x.tlog.size; charset=utf-8", "0\n"), Ok(0));
        for (media_type, body) in [
            ("text/plain", "1\n"),
            (SIZE, "1"),
            (SIZE, "\n"),
            (SIZE, "+1\n"),
            (SIZE, "-1\n"),
            (SIZE, "1\n1\n"),
            (SIZE, "99999999999999999999\n"),
        ] {
            assert_eq!(of(media_type, body), Err(Fault::BadAnswer), "{body:?}");
        }
    }
}
