//! The listeners: HTTP/1.1 and HTTP/2, by TLS or with prior knowledge, bounded in every direction.

mod connection;
mod pulse;
mod strangers;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::tls::Present;
use connection::Connection;
pub(crate) use strangers::Stranger;
use strangers::Strangers;

/// How much a listener takes upon itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The most connections at a time. When they are there, the oldest on which nobody has yet shown
    /// who they are makes place for a new one.
    pub(crate) connections: usize,
    /// How long after its beginning a connection may have no request, and how long the head of an
    /// HTTP/1.1 request may take to arrive.
    pub(crate) head: Duration,
    /// How long a connection may have no request: longer than a proxy keeps one, so that a request
    /// rarely meets a connection that just closed.
    pub(crate) idle: Duration,
    /// How long a client may take nothing of an answer.
    pub(crate) write: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections: 4096,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
        }
    }
}

/// The most requests at a time on one HTTP/2 connection.
const STREAMS: u32 = 256;
/// The most bytes and headers of a request's head.
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;
/// How much of request bodies lies here unread: a body, and a connection's.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// How much of answers lies here unsent, for each HTTP/2 stream.
const SEND_BUFFER: usize = 64 * 1024;
const PING: Duration = Duration::from_secs(30);
/// How long open requests may take once the service shuts down.
const DRAIN: Duration = Duration::from_secs(8);

/// An address with what is served there.
pub(crate) struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) router: Router,
    /// Without it all is plain text.
    pub(crate) tls: Option<Present>,
    pub(crate) bounds: Bounds,
}

/// Serves until `closing` turns true, then lets open requests end.
pub(crate) async fn run(listener: Listener, mut closing: watch::Receiver<bool>) {
    let Listener {
        tcp,
        router,
        tls,
        bounds,
    } = listener;
    let router = router.layer(DefaultBodyLimit::max(crate::http::MOST_BODY_BYTES));
    let server = Arc::new(builder());
    let places = Arc::new(Semaphore::new(bounds.connections));
    let strangers = Strangers::default();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = closing.wait_for(|closing| *closing) => break,
            Some(_) = connections.join_next() => continue,
            accepted = tcp.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(kind = %error.kind(), "a connection was not accepted");
                // Out of file descriptors: trying again at once would only burn the processor.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let place = tokio::select! {
            _ = closing.wait_for(|closing| *closing) => break,
            place = place(&places, &strangers) => place,
        };
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            server: server.clone(),
            router: router.clone(),
            tls: tls.as_ref().map(|tls| tls.borrow().clone()),
            bounds,
            stranger: strangers.arrive(),
            closing: closing.clone(),
        };
        connections.spawn(async move {
            connection.serve(stream).await;
            drop(place);
        });
    }
    drop(tcp);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, all).await.is_err() {
        tracing::warn!("some requests did not end in time");
        connections.shutdown().await;
    }
}

/// A place for a connection, if need be that of the stranger who has been there longest.
async fn place(places: &Arc<Semaphore>, strangers: &Strangers) -> Option<OwnedSemaphorePermit> {
    if places.available_permits() == 0 {
        strangers.evict_oldest();
    }
    // It is never closed, so there is always one in the end.
    Arc::clone(places).acquire_owned().await.ok()
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Hyper does not tell an idle connection from a slow head; `connection` does.
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

#[cfg(test)]
mod tests;
