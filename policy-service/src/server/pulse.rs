//! What a connection is doing, as far as its patience depends on it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Version;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::Bounds;

/// Shared by a connection's bytes, its requests and the one who watches.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    begun: Instant,
    /// Of the latest request; `None` before the first.
    version: Option<Version>,
    /// Requests whose answer is not yet whole.
    open: usize,
    /// Since when bytes have come that are no whole request yet.
    head: Option<Instant>,
    idle: Instant,
}

/// Until when a connection may go on as it does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// For as long as it likes: a request is open.
    Endless,
    /// Then it is told to go.
    Idle(Instant),
    /// Then it is cut: a head has not come in time.
    Head(Instant),
}

impl Pulse {
    pub(super) fn begin(now: Instant) -> Pulse {
        Pulse(Arc::new(Mutex::new(State {
            begun: now,
            version: None,
            open: 0,
            head: None,
            idle: now,
        })))
    }

    /// Bytes have come.
    pub(super) fn received(&self, now: Instant) {
        let mut state = self.lock();
        if state.open == 0 && state.head.is_none() {
            state.head = Some(now);
        }
    }

    /// The head of a request is whole; it is open until what is returned is dropped.
    pub(super) fn request(&self, version: Version) -> Open {
        let mut state = self.lock();
        state.version = Some(version);
        state.head = None;
        state.open += 1;
        Open(self.clone())
    }

    /// How long it may go on.
    pub(super) fn patience(&self, bounds: &Bounds) -> Patience {
        let state = self.lock();
        if state.open > 0 {
            return Patience::Endless;
        }
        match (state.version, state.head) {
            (None, _) => Patience::Head(state.begun + bounds.head),
            // On an HTTP/2 connection bytes need not be a request's.
            (Some(Version::HTTP_2), _) | (_, None) => Patience::Idle(state.idle + bounds.idle),
            (_, Some(head)) => Patience::Head(head + bounds.head),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open request.
#[derive(Debug)]
pub(super) struct Open(Pulse);

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.open -= 1;
        if state.open == 0 {
            state.idle = Instant::now();
        }
    }
}

/// An answer whose request is open until all of it was taken.
pub(super) struct Answer {
    body: Body,
    _open: Open,
}

impl Answer {
    pub(super) fn of(body: Body, open: Open) -> Body {
        Body::new(Answer { body, _open: open })
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_slow_head_an_idle_connection_and_an_open_request_are_told_apart() {
        let bounds = Bounds::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let pulse = Pulse::begin(start);
        let until_first = Patience::Head(start + bounds.head);
        assert_eq!(pulse.patience(&bounds), until_first);
        // Bytes that trickle do not put it off.
        pulse.received(at(9));
        assert_eq!(pulse.patience(&bounds), until_first);
        let open = pulse.request(Version::HTTP_11);
        assert_eq!(pulse.patience(&bounds), Patience::Endless);
        drop(open);
        assert!(matches!(pulse.patience(&bounds), Patience::Idle(_)));
        pulse.received(at(20));
        pulse.received(at(25));
        let expected = Patience::Head(at(20) + bounds.head);
        assert_eq!(pulse.patience(&bounds), expected);
        drop(pulse.request(Version::HTTP_2));
        // Pings are no head.
        pulse.received(at(40));
        assert!(matches!(pulse.patience(&bounds), Patience::Idle(_)));
    }
}
