//! One stream as Envoy's filter manager has it: what came, what waits, what has gone on.

use std::collections::BTreeMap;

use crate::Headers;

/// What has left the filter on one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Out {
    /// The headers, once they have gone.
    pub headers: Option<Headers>,
    /// Every body byte.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Option<Headers>,
    /// Whether the end has gone, so that the message is whole.
    pub ended: bool,
    /// What the filter let go of after the stream had ended: Envoy would not have asked.
    pub late: Vec<u8>,
}

impl Out {
    /// All bytes that left, to search them.
    pub fn bytes(&self) -> Vec<u8> {
        let maps = self.headers.iter().chain(&self.trailers);
        let mut bytes: Vec<u8> = maps
            .flatten()
            .flat_map(|(name, value)| [name.as_slice(), b": ", value, b"\n"].concat())
            .collect();
        bytes.extend(&self.body);
        bytes.extend(&self.late);
        bytes
    }
}

/// What the filter said to headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Headed {
    #[default]
    NotYet,
    /// They wait, and the body is shown all the same.
    Held,
    /// They wait, and everything behind them too.
    AllHeld,
    Gone,
}

/// One direction of a stream.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that Envoy's filter manager knows of a half"
)]
#[derive(Default)]
pub(super) struct Half {
    pub(super) headed: Headed,
    /// The headers while they can be edited.
    pub(super) headers: Option<Headers>,
    /// The bytes of the map, where they shall not be what the headers are.
    pub(super) map_bytes: Option<Vec<u8>>,
    pub(super) headers_end: bool,
    /// The filter told the host to let them go.
    pub(super) is_leaving: bool,
    /// Body bytes that wait where the filter no longer gets at them: it said to wait for more, and the
    /// host shows it only what comes.
    pub(super) kept: Vec<u8>,
    /// Body bytes that wait, seen by the filter.
    pub(super) buffer: Vec<u8>,
    /// The filter may touch the buffer now.
    pub(super) is_open: bool,
    /// The filter told the host to keep what it has seen.
    pub(super) is_buffering: bool,
    pub(super) buffer_end: bool,
    /// What came behind headers that hold everything.
    pub(super) queue: Vec<u8>,
    pub(super) queue_end: bool,
    pub(super) queue_trailers: Option<Headers>,
    pub(super) trailers: Option<Headers>,
    pub(super) is_dead: bool,
    pub(super) out: Out,
}

impl Half {
    /// Lets go what the filter has seen.
    pub(super) fn flow(&mut self) {
        if self.is_dead {
            self.out.late.append(&mut self.kept);
            self.out.late.append(&mut self.buffer);
            return;
        }
        if self.headed != Headed::Gone {
            self.headed = Headed::Gone;
            self.out.headers = self.headers.take();
            self.out.ended |= self.headers_end;
        }
        self.out.body.append(&mut self.kept);
        self.out.body.append(&mut self.buffer);
        self.is_buffering = false;
        self.out.ended |= std::mem::take(&mut self.buffer_end);
        if let Some(trailers) = self.trailers.take() {
            self.out.trailers = Some(trailers);
            self.out.ended = true;
        }
    }
}

/// An attribute of a stream.
#[derive(Clone, Debug)]
pub enum Property {
    /// Bytes.
    Bytes(Vec<u8>),
    /// Something that is there and cannot be given as bytes.
    Message,
}

/// One stream.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) root: u32,
    pub(super) request: Half,
    pub(super) response: Half,
    pub(super) properties: BTreeMap<Vec<u8>, Property>,
    /// What the filter itself wrote as properties.
    pub(super) written: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The filter asked for a reply: it may not again.
    pub(super) is_replied: bool,
    pub(super) is_local: bool,
    pub(super) is_reset: bool,
}

impl Stream {
    pub(super) fn half(&mut self, is_response: bool) -> &mut Half {
        if is_response {
            &mut self.response
        } else {
            &mut self.request
        }
    }

    /// A header map by its number in the ABI, while it is there.
    pub(super) fn map(&mut self, map: u32) -> Option<&mut Headers> {
        let half = match map {
            0 | 1 => &mut self.request,
            2 | 3 => &mut self.response,
            _ => return None,
        };
        match map {
            1 | 3 => half.trailers.as_mut(),
            _ if half.is_leaving => None,
            _ => half.headers.as_mut(),
        }
    }

    /// A body by its number in the ABI, while it is there.
    pub(super) fn buffer(&mut self, buffer: u32) -> Option<&mut Vec<u8>> {
        let half = match buffer {
            0 => &mut self.request,
            1 => &mut self.response,
            _ => return None,
        };
        (half.is_open || half.is_buffering).then_some(&mut half.buffer)
    }
}

/// What was seen of a stream from outside.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What the client got.
    pub client: Out,
    /// What the upstream got.
    pub upstream: Out,
    /// The gateway answered in place of the upstream.
    pub is_local: bool,
    /// The stream was cut.
    pub is_reset: bool,
    /// The properties that the filter wrote.
    pub written: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Seen {
    /// The client's status; 0 where no headers came.
    pub fn status(&self) -> u32 {
        let headers = self.client.headers.as_ref();
        headers
            .and_then(|headers| crate::header(headers, ":status"))
            .and_then(|status| std::str::from_utf8(status).ok()?.parse().ok())
            .unwrap_or(0)
    }

    /// The client's body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.client.body).into_owned()
    }
}
