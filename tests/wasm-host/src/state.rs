//! What a host knows: contexts, the halves of streams, calls under way, what was written.

use std::collections::BTreeMap;

use crate::fault::Faults;
use crate::stream::Stream;

/// A header map: names and values are bytes, as they are to Envoy.
pub type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// Header pairs from texts.
pub fn headers(pairs: &[(&str, &str)]) -> Headers {
    let bytes = |text: &str| text.as_bytes().to_vec();
    pairs.iter().map(|(n, v)| (bytes(n), bytes(v))).collect()
}

/// The first value of a header.
pub fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    let mut named = headers.iter().filter(|(key, _)| key == name.as_bytes());
    named.next().map(|(_, value)| value.as_slice())
}

/// A request that the filter sent out of band.
#[derive(Clone, Debug)]
pub struct SentCall {
    /// Its number.
    pub token: u32,
    /// The root context that owns it.
    pub root: u32,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

/// What comes back for a call.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// None at all where the connection broke.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// The bytes of the header map, where they shall not be what the headers are.
    pub map_bytes: Option<Vec<u8>>,
}

impl Answer {
    /// An answer with a status and a body.
    pub fn new(status: u32, body: impl Into<Vec<u8>>) -> Self {
        Self {
            headers: headers(&[(":status", &status.to_string())]),
            body: body.into(),
            map_bytes: None,
        }
    }
}

/// What a callback asked for, which the host does when the callback has returned.
#[derive(Clone, Debug)]
pub(super) enum Deferred {
    Reply {
        stream: u32,
        headers: Headers,
        body: Vec<u8>,
    },
    Continue {
        stream: u32,
        is_response: bool,
    },
    Reset {
        stream: u32,
    },
}

/// Everything that the filter can see of its host, and what it left there.
#[derive(Default)]
pub(super) struct State {
    pub(super) configuration: Vec<u8>,
    pub(super) environment: Vec<(String, String)>,
    /// How many variables the host says there are, where that is not true.
    pub(super) said_variables: Option<usize>,
    /// Nanoseconds since the epoch.
    pub(super) time: u64,
    /// The least level of a log line that is wanted; 0 wants all.
    pub(crate) log_level: u32,
    pub(super) random: u8,
    /// The streams by context, and the root contexts with no stream.
    pub(super) streams: BTreeMap<u32, Stream>,
    pub(super) roots: Vec<u32>,
    /// Whose callback runs, and whom it made effective; 0 is nobody.
    pub(super) current: u32,
    pub(super) effective: u32,
    pub(super) calls: Vec<SentCall>,
    pub(super) last_token: u32,
    pub(super) answer: Option<Answer>,
    pub(super) deferred: Vec<Deferred>,
    /// A reply or a reset was asked for: the callback's own answer no longer counts.
    pub(super) is_stopped: bool,
    pub(super) log: Vec<String>,
    /// Names of metrics and their values, by number.
    pub(super) metrics: Vec<(String, u64)>,
    pub(super) shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    pub(super) tick_milliseconds: u32,
    pub(super) faults: Faults,
    pub(super) allocations_fail: bool,
}

impl State {
    /// The context that a call acts on.
    pub(super) fn acting(&self) -> u32 {
        if self.effective != 0 && self.is_known(self.effective) {
            self.effective
        } else {
            self.current
        }
    }

    pub(super) fn is_known(&self, context: u32) -> bool {
        self.streams.contains_key(&context) || self.roots.contains(&context)
    }

    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        let acting = self.acting();
        self.streams.get_mut(&acting)
    }
}
