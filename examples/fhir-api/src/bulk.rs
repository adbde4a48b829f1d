//! A bulk export: NDJSON of any size, made while it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use http_body::Frame;

use crate::patient::patient;

/// About so much goes out at a time.
const PIECE: usize = 64 * 1024;

/// Patients, one a line, until at least `left` bytes are out.
pub(crate) struct Export {
    next: u64,
    left: u64,
}

impl Export {
    /// An export of at least this many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            next: 1,
            left: bytes,
        }
    }
}

impl HttpBody for Export {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = Vec::with_capacity(PIECE + 4096);
        while piece.len() < PIECE && self.left > piece.len() as u64 {
            piece.extend(patient(self.next).to_string().bytes());
            piece.push(b'\n');
            self.next += 1;
        }
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))))
    }
}
