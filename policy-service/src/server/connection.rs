//! One connection: its handshake, its requests, and how long it may take for either.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::Bounds;
use super::pulse::{Answer, Patience, Pulse};
use super::strangers::Stranger;
use crate::auth::Peer;

/// How long a connection that was told to go may take to do so.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a connection is served with.
pub(super) struct Connection {
    pub(super) server: Arc<auto::Builder<TokioExecutor>>,
    pub(super) router: Router,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) bounds: Bounds,
    pub(super) stranger: Stranger,
    pub(super) closing: watch::Receiver<bool>,
}

impl Connection {
    /// Serves until either side ends it. That a client goes away or breaks the protocol is no event of
    /// ours.
    pub(super) async fn serve(mut self, stream: TcpStream) {
        let Some(server) = self.tls.take() else {
            return self.requests(stream, Peer::default()).await;
        };
        let handshake = TlsAcceptor::from(server).accept(stream);
        let tls = tokio::select! {
            tls = timeout(self.bounds.head, handshake) => tls,
            () = self.stranger.evicted() => return,
            _ = self.closing.wait_for(|closing| *closing) => return,
        };
        let Ok(Ok(tls)) = tls else { return };
        let certificates = tls.get_ref().1.peer_certificates();
        let peer = certificates.and_then(<[_]>::first).map(Peer::from_verified);
        self.requests(tls, peer.unwrap_or_default()).await;
    }

    async fn requests<S>(self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Connection {
            server,
            router,
            bounds,
            stranger,
            mut closing,
            ..
        } = self;
        let pulse = Pulse::begin(Instant::now());
        let stranger = Arc::new(stranger);
        let stream = Watched {
            stream,
            pulse: pulse.clone(),
            patience: bounds.write,
            stuck: None,
        };
        let (router, beat, caller) = (
            TowerToHyperService::new(router),
            pulse.clone(),
            stranger.clone(),
        );
        let service = service_fn(move |mut request: Request<Incoming>| {
            let open = beat.request(request.version());
            request.extensions_mut().insert(peer.clone());
            // Whoever finds out who calls says so there: an answer may be long in coming.
            request.extensions_mut().insert(caller.clone());
            let answer = router.call(request);
            async move {
                let response = answer.await?;
                Ok::<_, std::convert::Infallible>(response.map(|body| Answer::of(body, open)))
            }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut leaves_by = None;
        loop {
            // What it is doing changes while this waits: look now and then.
            let look = Instant::now() + bounds.head;
            let limit = match (leaves_by, pulse.patience(&bounds)) {
                (Some(limit), _) | (None, Patience::Head(limit) | Patience::Idle(limit)) => {
                    limit.min(look)
                }
                (None, Patience::Endless) => look,
            };
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stranger.evicted() => return,
                _ = closing.wait_for(|closing| *closing), if leaves_by.is_none() => {
                    connection.as_mut().graceful_shutdown();
                    // The listener ends those that take too long.
                    leaves_by = Some(Instant::now() + Duration::from_mins(1));
                }
                () = sleep_until(limit) => {
                    if leaves_by.is_some_and(|limit| limit <= Instant::now()) {
                        return;
                    }
                    match pulse.patience(&bounds) {
                        Patience::Head(limit) if limit <= Instant::now() => return,
                        Patience::Idle(limit) if limit <= Instant::now() && leaves_by.is_none() => {
                            connection.as_mut().graceful_shutdown();
                            leaves_by = Some(Instant::now() + FAREWELL);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

/// A stream that tells its pulse of bytes that come, and fails when nobody takes what it sends.
struct Watched<S> {
    stream: S,
    pulse: Pulse,
    patience: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    fn wrote<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let patience = self.patience;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(patience)));
        match stuck.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pulse.received(Instant::now());
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.wrote(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.wrote(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(context);
        self.wrote(context, closed)
    }
}
