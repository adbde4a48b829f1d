//! A request body that is masked while it goes on to the upstream.

use velum_engine::{ClassSet, Framing, Masker, Options};

use super::body;
use crate::host::{Buffer, Flow, Host, Side, masker, room};
use crate::plugin::Plugin;
use crate::problem::Problem;
use crate::watch::Fact;

/// A body on its way through the masker.
pub(crate) struct Streaming {
    masker: Box<Masker>,
    waiting: usize,
    anything_fed: bool,
    /// The request headers wait for the first chunk to parse.
    pub(crate) headers_held: bool,
}

impl Streaming {
    /// The masking of one body of JSON.
    ///
    /// # Errors
    /// It cannot be masked now.
    pub(super) fn new(
        host: &impl Host,
        plugin: &Plugin,
        framing: Framing,
    ) -> Result<Self, Problem> {
        let options = body::options(host, plugin, ClassSet::EMPTY)?;
        Ok(Self {
            masker: masker(host, plugin.policy.rules(), Options { framing, ..options }),
            waiting: plugin.policy.limits().waiting(),
            anything_fed: false,
            headers_held: plugin.policy.headers_stop_iteration(),
        })
    }

    /// Takes the bytes since the last call. After a fault the buffer is empty, and nothing may follow.
    pub(crate) fn step(
        &mut self,
        host: &impl Host,
        size: usize,
        end: bool,
    ) -> Result<Flow, Problem> {
        let masked = self.mask(host, size, end);
        let written = masked.and_then(|out| {
            if size == 0 && out.is_empty() {
                return Ok(());
            }
            host.replace_body(Buffer::RequestBody, size, &out)
                .map_err(|_| Problem::BodyNotReviewable)
        });
        if written.is_err() {
            // Whatever the host has must not go on, even if the refusal should fail.
            let _refused_anyway = host.replace_body(Buffer::RequestBody, size, b"");
        }
        written?;
        // Nothing yet: held headers go on waiting.
        if self.headers_held && size == 0 && !end {
            return Ok(Flow::Pause);
        }
        self.headers_held = false;
        Ok(Flow::Continue)
    }

    /// Trailers end a body that had no end: it must be whole by then.
    pub(crate) fn finish(&self) -> Result<(), Problem> {
        if self.anything_fed && !self.masker.is_closed() {
            return Err(Problem::BodyNotJson);
        }
        Ok(())
    }

    fn mask(&mut self, host: &impl Host, size: usize, end: bool) -> Result<Vec<u8>, Problem> {
        let mut out = Vec::new();
        if size > 0 {
            let chunk = host.body(Buffer::RequestBody, size).unwrap_or_default();
            if chunk.len() != size {
                return Err(Problem::BodyNotReviewable);
            }
            self.anything_fed = true;
            let has_room = host.has_room(room(size, self.waiting));
            has_room.then_some(()).ok_or(Problem::GatewayBusy)?;
            body::feed(&mut self.masker, &chunk, &mut out)?;
        }
        if end && self.anything_fed {
            let read = self.masker.finish(&mut out);
            read.map_err(|_| Problem::BodyNotJson)?;
        }
        host.tell(Fact::MaskerFed(Side::Request, &mut self.masker));
        Ok(out)
    }
}
