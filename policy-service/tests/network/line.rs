//! A line between a service and its database that can be held back, slowed down and cut.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use velum_harness::Postgres;

/// The beginning of a transaction and its commit, as the driver sends them.
const BEGIN: &[u8] = b"BEGIN ";
const COMMIT: &[u8] = b"COMMIT\0";
/// How long the moment may be awaited for which a line is armed.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a line does with what is sent over it.
#[derive(Clone, Copy, Default)]
pub(crate) struct State {
    /// What waits, if anything: what is sent to the database, what the database sends, or both.
    held: Option<Side>,
    /// How long everything is on its way.
    pub(crate) delay: Duration,
    /// Connections end, and there are no new ones.
    pub(crate) is_cut: bool,
    is_over: bool,
    /// How many connections were made.
    made: u64,
    /// How many of these, of the first, carry nothing any more without being told so.
    lost: u64,
    /// From when on which sides wait: a connection that has sent these bytes sends a commit, for the so manieth time.
    pub(crate) armed: Option<(Side, &'static [u8], u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    ToDatabase,
    FromDatabase,
    Both,
}

impl State {
    fn holds(&self, side: Side) -> bool {
        self.held
            .is_some_and(|held| held == side || held == Side::Both)
    }
}

/// A line to a database. What is held back is there in the end, and in its order, also where whoever sent it has
/// left: only a line that is cut loses anything.
pub(crate) struct Line {
    pub(crate) url: String,
    state: watch::Sender<State>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Line {
    pub(crate) fn to(server: &Postgres) -> Line {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = watch::Sender::new(State::default());
        let (socket, seen) = (server.socket(), state.clone());
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(carry_all(listener, socket, seen));
        });
        Line {
            url: format!("postgres://velum@{address}/postgres?sslmode=disable"),
            state,
            thread: Some(thread),
        }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut State)) {
        self.state.send_modify(change);
    }

    pub(crate) fn hold(&self, side: Side) {
        self.set(|state| (state.held, state.armed) = (Some(side), None));
    }

    /// Lets through what was held, and whatever comes.
    pub(crate) fn open(&self) {
        self.set(|state| {
            *state = State {
                delay: state.delay,
                made: state.made,
                lost: state.lost,
                ..State::default()
            }
        });
    }

    /// What was held is never there, and nobody is told; new connections are whole.
    pub(crate) fn lose(&self) {
        self.set(|state| {
            (state.lost, state.held) = (state.made, None);
        });
    }

    /// Returns when the moment has come for which it was armed.
    pub(crate) async fn held(&self) {
        let mut state = self.state.subscribe();
        let held = state.wait_for(|state| state.held.is_some());
        let held = tokio::time::timeout(PATIENCE, held).await;
        assert!(held.is_ok(), "no such commit came");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.set(|state| state.is_over = true);
        let _ = self.thread.take().unwrap().join();
    }
}

async fn carry_all(listener: std::net::TcpListener, socket: PathBuf, state: watch::Sender<State>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut over = state.subscribe();
    let accept = async {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(carry(client, socket.clone(), state.clone()));
        }
    };
    tokio::select! {
        () = accept => {}
        _ = over.wait_for(|state| state.is_over) => {}
    }
}

async fn carry(client: TcpStream, socket: PathBuf, state: watch::Sender<State>) {
    let mut number = 0;
    state.send_modify(|state| {
        state.made += 1;
        number = state.made;
    });
    let carried = async {
        let server = UnixStream::connect(socket).await.unwrap();
        client.set_nodelay(true).unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let to = |state: &State| state.holds(Side::ToDatabase) || number <= state.lost;
        let from = |state: &State| state.holds(Side::FromDatabase) || number <= state.lost;
        let watched = Some(Watched::default());
        tokio::join!(
            pass(from_client, to_server, &state, watched, to),
            pass(from_server, to_client, &state, None, from),
        )
    };
    let mut ended = state.subscribe();
    tokio::select! {
        _ = carried => {}
        _ = ended.wait_for(|state| state.is_cut || state.is_over) => {}
    }
}

/// What a connection has sent since it began its last transaction.
#[derive(Default)]
struct Watched(Vec<u8>);

impl Watched {
    /// Whether a transaction with these bytes in it is committed by what is sent now.
    fn commits(&mut self, sent: &[u8], marker: &[u8]) -> bool {
        let begun = sent.windows(BEGIN.len()).rposition(|part| part == BEGIN);
        if begun.is_some() {
            self.0.clear();
        }
        self.0.extend_from_slice(&sent[begun.unwrap_or_default()..]);
        let has = |part: &[u8]| self.0.windows(part.len()).any(|found| found == part);
        let (is_commit, has_marker) = (has(COMMIT), has(marker));
        if is_commit {
            self.0.clear();
        }
        is_commit && has_marker
    }
}

/// Passes on what one side sends to the other, when it may.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    state: &watch::Sender<State>,
    mut watched: Option<Watched>,
    is_held: impl Fn(&State) -> bool,
) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let read = async move {
        let mut bytes = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut bytes).await {
            if let Some(watched) = &mut watched {
                look(watched, &bytes[..length], state);
            }
            let _ = sender.send((Instant::now(), bytes[..length].to_vec()));
        }
    };
    let write = async move {
        let mut seen = state.subscribe();
        while let Some((at, bytes)) = receiver.recv().await {
            let delay = seen.borrow().delay;
            sleep_until((at + delay).into()).await;
            let _ = seen.wait_for(|state| !is_held(state)).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}

/// Holds the line back where this is what it was armed for.
fn look(watched: &mut Watched, sent: &[u8], state: &watch::Sender<State>) {
    let marker = state.borrow().armed.map_or(COMMIT, |(_, marker, _)| marker);
    if watched.commits(sent, marker) {
        state.send_if_modified(|state| match &mut state.armed {
            Some((side, _, 1)) => {
                state.held = Some(*side);
                state.armed = None;
                true
            }
            Some((_, _, times)) => {
                *times -= 1;
                false
            }
            None => false,
        });
    }
}
