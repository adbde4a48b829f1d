//! Who signs the heads: this process with its key file, or a signer beside it.

use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use velum_approval::{PublicKey, SigningKey};
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::note::{Algorithm, KeyName, Note, NoteSigner, VerifierKey};

use super::growing::Root;
use super::{LogError, fencing};
use crate::http::App;
use crate::keys::LogSeeds;
use crate::signer::protocol::{Answer, Ask, MOST_BYTES, PATIENCE};

/// What signs.
pub(crate) enum Signatory {
    /// Keys of this process.
    Keys(LogSeeds),
    /// The socket of a signer.
    Process(PathBuf),
}

/// Who signs at present.
#[derive(Debug, Clone)]
pub(super) struct Signers {
    /// Public keys: the one of now, and then the one before.
    pub(super) keys: Vec<[u8; 32]>,
    /// The last head of the log that a signer knows of.
    pub(super) last: Option<Checkpoint>,
}

impl Signers {
    pub(super) fn current(&self) -> Result<[u8; 32], LogError> {
        let current = self.keys.first().copied();
        current.ok_or_else(|| LogError::Signer("it has no key".to_owned()))
    }
}

impl Signatory {
    /// Which keys sign, and what is known of the log of this name.
    pub(super) async fn known(&self, origin: Option<&str>) -> Result<Signers, LogError> {
        let socket = match self {
            Signatory::Keys(seeds) => {
                let public = |seed| SigningKey::from_bytes(seed).verifying_key().to_bytes();
                return Ok(Signers {
                    keys: seeds.all().map(public).collect(),
                    last: None,
                });
            }
            Signatory::Process(socket) => socket,
        };
        let ask = Ask::Known {
            origin: origin.map(str::to_owned),
        };
        let Answer::Known { keys, last } = exchange(socket, &ask).await? else {
            return Err(LogError::Signer("it answers something else".to_owned()));
        };
        let read = |key: &String| key.parse().map(|key: PublicKey| *key.as_bytes());
        let keys: Result<_, _> = keys.iter().map(read).collect();
        let last = last.map(|last| last.parse()).transpose();
        match (keys, last) {
            (Ok(keys), Ok(last)) => Ok(Signers { keys, last }),
            _ => Err(LogError::Signer("it answers something else".to_owned())),
        }
    }

    /// Signs a tree's root by every key.
    pub(super) async fn sign(
        &self,
        app: &App,
        root: &Root,
        checkpoint: &Checkpoint,
        signers: &Signers,
    ) -> Result<Note, LogError> {
        let name: KeyName = root.name.as_str().parse().map_err(|_| LogError::Name)?;
        match self {
            Signatory::Keys(seeds) => {
                let signers = seeds.all();
                let signers: Vec<_> = signers
                    .map(|seed| NoteSigner::from_seed(name.clone(), seed))
                    .collect();
                let note = checkpoint.sign(&signers.iter().collect::<Vec<_>>());
                note.map_err(|_| LogError::Name)
            }
            Signatory::Process(socket) => {
                let proof = match &signers.last {
                    Some(last) => {
                        let proof = fencing::proof(app, root, last.size()).await?;
                        proof.ok_or(LogError::Inconsistent("its signer"))?
                    }
                    None => Vec::new(),
                };
                let ask = Ask::Sign {
                    checkpoint: checkpoint.to_string(),
                    proof: proof.iter().map(ToString::to_string).collect(),
                };
                let Answer::Signed { note } = exchange(socket, &ask).await? else {
                    return Err(LogError::Signer("it answers something else".to_owned()));
                };
                believed(&note, checkpoint, &name, &signers.keys)
            }
        }
    }
}

/// The note, if it is of this head and each of the keys has signed it.
fn believed(
    note: &str,
    checkpoint: &Checkpoint,
    name: &KeyName,
    keys: &[[u8; 32]],
) -> Result<Note, LogError> {
    let key = |key| VerifierKey::new(name.clone(), Algorithm::Ed25519, key);
    let keys: Result<Vec<_>, _> = keys.iter().map(key).collect();
    let (Ok(keys), Ok(note)) = (keys, Note::parse(note.as_bytes())) else {
        return Err(LogError::Signer("it answers something else".to_owned()));
    };
    let is_whole = note.verify(&keys).is_ok_and(|by| by.len() == keys.len());
    if is_whole && note.text() == checkpoint.to_string() {
        return Ok(note);
    }
    Err(LogError::Signer("its signature is none".to_owned()))
}

/// One question and its answer.
async fn exchange(socket: &Path, ask: &Ask) -> Result<Answer, LogError> {
    let exchanged = timeout(PATIENCE, async {
        let mut stream = UnixStream::connect(socket).await?;
        let mut line = serde_json::to_vec(ask).map_err(std::io::Error::other)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut answer = Vec::new();
        stream.take(MOST_BYTES).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    });
    let answer = match exchanged.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(LogError::Signer(error.to_string())),
        Err(_) => return Err(LogError::Signer("it does not answer".to_owned())),
    };
    match serde_json::from_slice(&answer) {
        // Where another was quicker the proof was of before; the next look asks what it has signed, and
        // compares that with the log.
        Ok(Answer::Refused { why }) => Err(LogError::Signer(why.to_string())),
        Ok(answer) => Ok(answer),
        Err(_) => Err(LogError::Signer("it answers something else".to_owned())),
    }
}
