//! The signer's socket: one question and one answer for each connection.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::config::SignerConfig;
use super::desk::Desk;
use super::protocol::{Answer, MOST_BYTES, PATIENCE, Refusal};
use crate::random::Random;

/// How many connections are heard at a time.
const MOST_CONNECTIONS: usize = 16;
/// How long it pauses when no connection can be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// A signer that listens; it stops, and its socket goes, when this is dropped.
pub struct RunningSigner {
    socket: PathBuf,
    keys: Vec<String>,
    task: JoinHandle<()>,
}

impl RunningSigner {
    /// One line of JSON that says where it listens and which public keys it signs with.
    pub fn announcement(&self) -> String {
        let socket = self.socket.to_string_lossy();
        serde_json::json!({"listening": socket, "keys": self.keys}).to_string()
    }
}

impl Drop for RunningSigner {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.socket);
    }
}

/// Starts a signer.
///
/// # Errors
/// When its folder, its keys or its socket cannot be had, or others could take the socket away.
pub fn run_signer(config: &SignerConfig, random: &dyn Random) -> Result<RunningSigner, String> {
    let desk = Desk::open(config, random)?;
    let keys = desk.keys();
    let listener = listen(&config.socket)?;
    let task = tokio::spawn(serve(listener, Arc::new(desk), config.uid));
    Ok(RunningSigner {
        socket: config.socket.clone(),
        keys,
        task,
    })
}

fn listen(socket: &Path) -> Result<UnixListener, String> {
    let fault = |fault: &dyn std::fmt::Display| format!("socket {}: {fault}", socket.display());
    let folder = match socket.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Its group may look into it.
    let mut builder = DirBuilder::new();
    let created = builder.recursive(true).mode(0o750).create(folder);
    created.map_err(|error| fault(&error))?;
    let found = fs::metadata(folder).map_err(|error| fault(&error))?;
    if found.permissions().mode() & 0o002 != 0 {
        return Err(fault(
            &"everybody can write to its folder: give it one of its own",
        ));
    }
    match fs::symlink_metadata(socket) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(fault(&error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(fault(&"something else is there"));
        }
        // One that was killed leaves its socket behind.
        Ok(_) if std::os::unix::net::UnixStream::connect(socket).is_err() => {
            fs::remove_file(socket).map_err(|error| fault(&error))?;
        }
        Ok(_) => return Err(fault(&"another signer listens there")),
    }
    let listener = UnixListener::bind(socket).map_err(|error| fault(&error))?;
    // Its owner and its group, and nobody else.
    let mode = Permissions::from_mode(0o660);
    fs::set_permissions(socket, mode).map_err(|error| fault(&error))?;
    Ok(listener)
}

async fn serve(listener: UnixListener, desk: Arc<Desk>, uid: Option<u32>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = desk.clone();
                tokio::spawn(async move {
                    // Who is slow, or leaves, is answered nothing.
                    let _ = timeout(PATIENCE, hear(stream, desk, uid)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn hear(mut stream: UnixStream, desk: Arc<Desk>, uid: Option<u32>) -> std::io::Result<()> {
    let caller = stream.peer_cred()?.uid();
    let ask = read(&mut stream).await?;
    let answer = match ask {
        _ if uid.is_some_and(|uid| uid != caller) => {
            tracing::warn!(uid = caller, "another user asks");
            Answer::Refused {
                why: Refusal::OtherUser,
            }
        }
        Some(ask) => {
            let answered = tokio::task::spawn_blocking(move || desk.answer(&ask)).await;
            answered.map_err(std::io::Error::other)?
        }
        None => Answer::Refused {
            why: Refusal::Unreadable,
        },
    };
    if let Answer::Refused { why } = &answer {
        tracing::warn!(%why, "nothing was signed");
    }
    let mut line = serde_json::to_vec(&answer).map_err(std::io::Error::other)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.shutdown().await
}

/// A whole line, or nothing: what was cut off is not answered as if it were meant.
async fn read(stream: &mut UnixStream) -> std::io::Result<Option<super::protocol::Ask>> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream).take(MOST_BYTES);
    reader.read_until(b'\n', &mut line).await?;
    let line = line.strip_suffix(b"\n");
    Ok(line.and_then(|line| serde_json::from_slice(line).ok()))
}
