//! Spans of requests for a collector of OpenTelemetry (OTLP over HTTP, protobuf), where the configuration names
//! one: what the line about the request says, and no more.
//!
//! Only a request that is in a trace, which is sampled, has a span. Nothing waits for the collector: what it does
//! not take, or what comes faster than it takes, is lost and counted.

mod encoding;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{sleep, timeout};
use velum_approval::Timestamp;

use crate::config::Peer;
use crate::http::App;
use crate::outward::{Caller, NoAnswer};
use crate::trace::Parent;

/// How many wait for the collector.
const MOST_WAITING: usize = 4096;
/// How many are sent together.
const MOST_TOGETHER: usize = 512;
/// What comes within this time is sent together.
const TOGETHER: Duration = Duration::from_secs(1);
/// How long requests that end while the service shuts down are waited for.
const LAST: Duration = Duration::from_millis(500);

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) parent: Parent,
    /// Of this service's own words; `other` for what it does not know.
    pub(crate) method: &'static str,
    /// The pattern of the route, if it has one.
    pub(crate) route: String,
    pub(crate) status: u16,
    pub(crate) ended: Timestamp,
    pub(crate) took: Duration,
    /// `gateway` or `reviewer`, or nothing.
    pub(crate) caller: &'static str,
    /// Which, by the configuration.
    pub(crate) id: String,
}

/// A span with an id of its own.
type Named = ([u8; 8], Span);

/// What is exported, and where to.
pub(crate) struct Spans(Option<Exporter>);

struct Exporter {
    collector: Caller,
    sender: Sender<Named>,
    /// Until the task has it.
    receiver: Mutex<Option<Receiver<Named>>>,
    exported: AtomicU64,
    lost: AtomicU64,
}

impl Spans {
    /// Reads the authorities that are believed there.
    ///
    /// # Errors
    /// When they cannot be used.
    pub(crate) fn open(collector: Option<&Peer>) -> Result<Spans, String> {
        let open = |peer: &Peer| {
            let fault = |fault: String| format!("traces.otlp_endpoint: {fault}");
            let (sender, receiver) = mpsc::channel(MOST_WAITING);
            Ok(Exporter {
                collector: Caller::open(peer).map_err(fault)?,
                sender,
                receiver: Mutex::new(Some(receiver)),
                exported: AtomicU64::new(0),
                lost: AtomicU64::new(0),
            })
        };
        collector.map(open).transpose().map(Spans)
    }

    /// Whether a request of this parent is told of.
    pub(crate) fn wants(&self, parent: &Parent) -> bool {
        self.0.is_some() && parent.is_sampled
    }

    /// Takes a span, where there is room for it. Never waits.
    pub(crate) fn note(&self, app: &App, span: Span) {
        let Some(exporter) = &self.0 else { return };
        let id = crate::random::bytes::<8>(&*app.parts().random);
        let is_taken = match id {
            Ok(id) if id != [0; 8] => exporter.sender.try_send((id, span)).is_ok(),
            _ => false,
        };
        if !is_taken {
            exporter.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were exported, and how many were lost; `None` where none is to be.
    pub(crate) fn counts(&self) -> Option<(u64, u64)> {
        let exporter = self.0.as_ref()?;
        Some((
            exporter.exported.load(Ordering::Relaxed),
            exporter.lost.load(Ordering::Relaxed),
        ))
    }
}

/// Exports until the service shuts down, and what is there then.
pub(crate) async fn run(app: App) {
    let Some(exporter) = &app.parts().spans.0 else {
        return;
    };
    let Some(mut receiver) = exporter.take() else {
        return;
    };
    let (mut batch, mut has_failed) = (Vec::new(), false);
    loop {
        tokio::select! {
            _ = receiver.recv_many(&mut batch, MOST_TOGETHER) => {}
            () = app.closing() => break,
        }
        let together = gather(&mut receiver, &mut batch);
        tokio::select! {
            _ = timeout(TOGETHER, together) => {}
            () = app.closing() => break,
        }
        let sent = exporter.send(std::mem::take(&mut batch)).await;
        tell(&sent, &mut has_failed);
    }
    // Those who waited are answered now.
    sleep(LAST).await;
    receiver.close();
    while receiver.recv_many(&mut batch, MOST_TOGETHER).await > 0 {}
    if !batch.is_empty() {
        tell(&exporter.send(batch).await, &mut has_failed);
    }
}

/// Returns when there are as many as are sent together.
async fn gather(receiver: &mut Receiver<Named>, batch: &mut Vec<Named>) {
    while batch.len() < MOST_TOGETHER {
        let room = MOST_TOGETHER - batch.len();
        if receiver.recv_many(batch, room).await == 0 {
            return;
        }
    }
}

fn tell(sent: &Result<(), Refusal>, has_failed: &mut bool) {
    match sent {
        Err(refusal) if !*has_failed => {
            tracing::warn!(?refusal, "the collector takes no spans: they are lost");
        }
        Ok(()) if *has_failed => tracing::info!("the collector takes spans again"),
        _ => {}
    }
    *has_failed = sent.is_err();
}

/// Why the collector has not taken what it was sent.
#[derive(Debug)]
#[expect(dead_code, reason = "read by whoever reads the log")]
enum Refusal {
    NoAnswer(NoAnswer),
    Status(StatusCode),
}

impl Exporter {
    fn take(&self) -> Option<Receiver<Named>> {
        let receiver = self.receiver.lock();
        receiver.unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Sends them once: a trace that is late is no trace, and what is sent again is there twice.
    async fn send(&self, batch: Vec<Named>) -> Result<(), Refusal> {
        let many = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let body = encoding::request(batch);
        let sent = self
            .collector
            .post("/v1/traces", "application/x-protobuf", Vec::new(), body)
            .await;
        let sent = match sent {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(Refusal::Status(answer.status)),
            Err(error) => Err(Refusal::NoAnswer(error)),
        };
        let count = if sent.is_ok() {
            &self.exported
        } else {
            &self.lost
        };
        count.fetch_add(many, Ordering::Relaxed);
        sent
    }
}
