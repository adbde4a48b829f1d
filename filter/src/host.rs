//! The one seam to the host: what the filter may ask of Envoy, each answer a value.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use velum_engine::feed_in_pieces as feed;
use velum_engine::{Masker, Options, Ruleset};

use crate::pairs;
use crate::watch::Fact;

/// A header map of our own as bytes: names are lower case, values may be any bytes.
pub(crate) type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// A header where the host's answer holds it; its value may have been edited.
pub(crate) type Header<'a> = (&'a [u8], Cow<'a, [u8]>);

/// Which header map a call concerns (numbers of the proxy-wasm ABI).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    ResponseTrailers = 3,
    CallResponseHeaders = 6,
}

/// Which buffer a call concerns (numbers of the proxy-wasm ABI).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

/// Which half of a stream a call concerns (numbers of the proxy-wasm ABI).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request = 0,
    Response = 1,
}

/// Log levels of the proxy-wasm ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// Kinds of metrics (numbers of the proxy-wasm ABI).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

/// What a callback tells the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Go on with what is there.
    Continue = 0,
    /// Stop here until the filter resumes the stream or replies.
    Pause = 1,
    /// In a body: wait for more of it. A pause would do, but lets nothing larger than its buffer limit
    /// go on afterwards: the host answers 500 in its place.
    Wait = 2,
}

/// A host call that did not succeed, with the status that the host gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostError(pub(crate) u32);

/// The status of an answer that is not of its form.
const PARSE_FAILURE: u32 = 4;

/// A request to another cluster.
pub(crate) struct Call<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) headers: Headers,
    pub(crate) body: &'a [u8],
    pub(crate) timeout: Duration,
}

/// Everything the filter asks of its host. Calls act on the stream whose callback is running.
pub(crate) trait Host {
    /// Writes a log line; callers never put a value of a request or response in it.
    fn log(&self, level: Level, message: &str);
    /// Takes note of something about the stream, for what is counted and shown of it.
    fn tell(&self, _fact: Fact<'_>) {}
    /// Whether the host keeps log lines of the level `Debug`.
    fn is_debugged(&self) -> bool;
    /// Makes a metric, or finds the one that has this name.
    fn define_metric(&self, kind: Metric, name: &str) -> Result<u32, HostError>;
    /// Adds to a counter.
    fn increment(&self, metric: u32, by: u64) -> Result<(), HostError>;
    /// Sets a gauge, or records a value in a histogram.
    fn record(&self, metric: u32, value: u64) -> Result<(), HostError>;
    /// Leaves a value in the stream's filter state, under `wasm.` and this name.
    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError>;
    /// Has the present root context called back again and again, so far apart.
    fn tick_every(&self, period: Duration) -> Result<(), HostError>;
    /// Nanoseconds since the Unix epoch; `u64::MAX` where the clock cannot be read.
    fn now(&self) -> u64;
    /// Fills the buffer with random bytes.
    fn random(&self, bytes: &mut [u8]) -> Result<(), HostError>;
    /// A variable of the environment that Envoy passes to its VM.
    fn environment(&self, name: &str) -> Option<String>;
    /// An attribute of the stream; `None` where absent, an error where it is there but cannot be
    /// given as bytes.
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError>;
    /// All pairs of a header map, in the form that [`crate::pairs`] reads.
    fn headers(&self, map: Map) -> Result<Vec<u8>, HostError>;
    /// Removes a header that is there, with all its values.
    fn remove_header(&self, map: Map, name: &[u8]) -> Result<(), HostError>;
    /// Adds a value to a header.
    fn add_header(&self, map: Map, name: &[u8], value: &[u8]) -> Result<(), HostError>;
    /// The first `size` bytes of a buffer.
    fn body(&self, buffer: Buffer, size: usize) -> Result<Vec<u8>, HostError>;
    /// Replaces the first `size` bytes of a buffer.
    fn replace_body(&self, buffer: Buffer, size: usize, bytes: &[u8]) -> Result<(), HostError>;
    /// Appends to a buffer.
    fn append_body(&self, buffer: Buffer, bytes: &[u8]) -> Result<(), HostError>;
    /// Answers the client in place of the upstream.
    fn reply(&self, status: u32, headers: &Headers, body: &[u8]) -> Result<(), HostError>;
    /// Sends a request to a cluster; its answer comes to the stream with the token given.
    fn call(&self, call: &Call<'_>) -> Result<u32, HostError>;
    /// Lets a paused half go on.
    fn resume(&self, side: Side) -> Result<(), HostError>;
    /// Cuts the stream, so that the client sees an incomplete body.
    fn reset(&self, side: Side) -> Result<(), HostError>;
    /// Whether the worker has memory for so many bytes. Who finds none fails alone; an allocation that
    /// fails later would take every stream of the worker along.
    fn has_room(&self, bytes: usize) -> bool {
        untaken() >= bytes || is_free(bytes)
    }
}

/// Whether the allocator has so many bytes, in pieces as long as anything takes that does not ask itself:
/// one long run of free memory may never come again, and is not needed.
#[inline(never)]
fn is_free(bytes: usize) -> bool {
    const PIECE: usize = 8 * 1024 * 1024;
    let mut piece: Vec<u8> = Vec::new();
    let is_free = piece.try_reserve_exact(bytes.min(PIECE)).is_ok();
    let is_free = is_free && (bytes <= PIECE || self::is_free(bytes - PIECE));
    // Else the compiler may leave out what nobody uses.
    std::hint::black_box(&piece);
    is_free
}

/// The memory that this module may still take from its host, in bytes. What it has taken and freed is
/// not in it: whether that is enough only the allocator knows, and asking it costs as much as masking a
/// small answer.
fn untaken() -> usize {
    #[cfg(target_arch = "wasm32")]
    {
        const PAGE: usize = 64 * 1024;
        // As it is linked: xtask/src/wasm.rs.
        const MOST_PAGES: usize = 1024;
        MOST_PAGES.saturating_sub(core::arch::wasm32::memory_size(0)) * PAGE
    }
    #[cfg(not(target_arch = "wasm32"))]
    0
}

/// A masker of which the debug log may be told; in a box, since it is large and goes from hand to hand.
#[inline(never)]
pub(crate) fn masker(host: &impl Host, rules: &Arc<Ruleset>, options: Options) -> Box<Masker> {
    // Made in the box: what is made before it is copied there.
    let mut masker = Box::write(Box::new_uninit(), Masker::new(Arc::clone(rules), options));
    host.tell(Fact::MaskerMade(&mut masker));
    masker
}

/// How much must be free before so many bytes more of a body are taken: for what they become, and for what
/// may wait of them ([`velum_policy::Limits::waiting`]).
pub(crate) fn room(size: usize, waiting: usize) -> usize {
    const MIB: usize = 1024 * 1024;
    size.saturating_mul(8).clamp(2 * MIB, 8 * MIB).max(waiting)
}

/// Removes what is ours to write from headers that otherwise pass.
pub(crate) fn strip_ours(host: &impl Host, map: Map) -> Result<(), HostError> {
    let bytes = host.headers(map)?;
    let mut headers = Edited::read(&bytes)?;
    headers.remove_ours();
    headers.write(host, map)
}

/// The first value of a header, as bytes.
pub(crate) fn header<'a>(
    headers: &'a [(impl AsRef<[u8]>, impl AsRef<[u8]>)],
    name: &str,
) -> Option<&'a [u8]> {
    values(headers, name).next()
}

/// Every value of a header, in order.
pub(crate) fn values<'a>(
    headers: &'a [(impl AsRef<[u8]>, impl AsRef<[u8]>)],
    name: &str,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |(key, _)| key.as_ref() == name.as_bytes())
        .map(|(_, value)| value.as_ref())
}

/// What becomes of a header.
#[derive(PartialEq, Eq)]
pub(crate) enum Edit {
    Keep,
    Replace(Vec<u8>),
    Remove,
}

/// A header map that is being edited, in the bytes that the host gave. Only what changes is written
/// back: the host's own copy of a whole map costs more than all that is done to it.
#[derive(Default)]
pub(crate) struct Edited<'a> {
    headers: Vec<Header<'a>>,
    /// The names whose values are no longer those that were read, and whether there were any
    /// to remove.
    changed: Vec<(&'a [u8], bool)>,
}

impl<'a> Edited<'a> {
    /// Reads a header map as the host gave it.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, HostError> {
        let headers = pairs::decode(bytes).ok_or(HostError(PARSE_FAILURE))?;
        Ok(Self::from(headers))
    }

    /// Writes what has changed to the host.
    pub(crate) fn write(&self, host: &impl Host, map: Map) -> Result<(), HostError> {
        self.changed.iter().try_for_each(|(name, was_there)| {
            if *was_there {
                host.remove_header(map, name)?;
            }
            let mut kept = self.headers.iter().filter(|(key, _)| key == name);
            kept.try_for_each(|(_, value)| host.add_header(map, name, value))
        })
    }

    /// Removes these headers wherever they stand.
    pub(crate) fn remove(&mut self, names: &[&str]) {
        self.retain(&|key| !names.iter().any(|name| name.as_bytes() == key));
    }

    /// Sets a header to one value.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        let value = value.into();
        if !values(&self.headers, name).eq([value.as_bytes()]) {
            self.remove(&[name]);
            self.add(name, value);
        }
    }

    /// Adds a value to a header.
    pub(crate) fn add(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        let was_there = header(&self.headers, name).is_some();
        note(&mut self.changed, name.as_bytes(), was_there);
        let value = match value.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        self.headers.push((name.as_bytes(), value));
    }

    /// Removes everything that is ours to write: `velum-*`, and `velum_*`, which some upstreams
    /// read as the same name.
    pub(crate) fn remove_ours(&mut self) {
        self.retain(&|key| !is_ours(key));
    }

    /// Looks at every header, with its value, and does to it what is told.
    pub(crate) fn edit(&mut self, mut look: impl FnMut(&[u8], &[u8]) -> Edit) {
        let changed = &mut self.changed;
        self.headers.retain_mut(|(name, value)| {
            let edit = look(name, value);
            if edit != Edit::Keep {
                note(changed, name, true);
            }
            let is_kept = edit != Edit::Remove;
            if let Edit::Replace(edited) = edit {
                *value = Cow::Owned(edited);
            }
            is_kept
        });
    }

    #[inline(never)]
    fn retain(&mut self, keep: &dyn Fn(&[u8]) -> bool) {
        // Mostly there is nothing to remove.
        if !self.headers.iter().all(|(name, _)| keep(name)) {
            self.edit(|name, _| if keep(name) { Edit::Keep } else { Edit::Remove });
        }
    }

    /// The headers for longer than the host's bytes.
    pub(crate) fn to_owned(&self) -> Headers {
        let pairs = self.headers.iter();
        pairs.map(|(n, v)| (n.to_vec(), v.to_vec())).collect()
    }
}

impl<'a> From<Vec<Header<'a>>> for Edited<'a> {
    fn from(headers: Vec<Header<'a>>) -> Self {
        let changed = Vec::new();
        Self { headers, changed }
    }
}

impl<'a> Deref for Edited<'a> {
    type Target = [Header<'a>];

    fn deref(&self) -> &[Header<'a>] {
        &self.headers
    }
}

fn note<'a>(changed: &mut Vec<(&'a [u8], bool)>, name: &'a [u8], was_there: bool) {
    if !changed.iter().any(|(noted, _)| *noted == name) {
        changed.push((name, was_there));
    }
}

fn is_ours(name: &[u8]) -> bool {
    let is_like = matches!(name.first(), Some(b'v' | b'V'));
    is_like
        && name.get(..6).is_some_and(|prefix| {
            prefix.eq_ignore_ascii_case(b"velum-") || prefix.eq_ignore_ascii_case(b"velum_")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn only_what_changes_is_written_and_the_host_has_what_was_edited() {
        let host = Fake::default();
        let given = [
            (":path", "/a"),
            ("accept-encoding", "gzip"),
            ("x", "1"),
            ("velum-lift", "name"),
            ("accept-encoding", "br"),
            ("x", "2"),
            ("te", "trailers"),
            ("range", "bytes=0-1"),
        ];
        host.set_map(Map::RequestHeaders, &given);
        let bytes = host.headers(Map::RequestHeaders).unwrap();
        let mut headers = Edited::read(&bytes).unwrap();
        headers.remove_ours();
        headers.remove(&["range", "not-there"]);
        headers.set("accept-encoding", "identity");
        headers.set("te", "trailers");
        headers.add("x", "3");
        headers.add("link", "<a>");
        headers.add("link", "<b>");
        headers.write(&host, Map::RequestHeaders).unwrap();
        let mut expected = headers.to_owned();
        let mut written = host.map(Map::RequestHeaders);
        expected.sort();
        written.sort();
        assert_eq!(written, expected);
        assert_eq!(
            host.written.take(),
            [
                "-velum-lift",
                "-range",
                "-accept-encoding",
                "+accept-encoding",
                "-x",
                "+x",
                "+x",
                "+x",
                "+link",
                "+link"
            ]
        );
        assert_eq!(
            values(&headers, "x").collect::<Vec<_>>(),
            [b"1", b"2", b"3"]
        );
        assert_eq!(header(&headers, "accept-encoding"), Some(&b"identity"[..]));
    }

    #[test]
    fn a_header_that_cannot_be_written_is_told() {
        let host = Fake::default();
        host.set_map(Map::RequestHeaders, &[("velum-lift", "name")]);
        let bytes = host.headers(Map::RequestHeaders).unwrap();
        let mut headers = Edited::read(&bytes).unwrap();
        headers.remove_ours();
        host.headers_fail.set(true);
        assert!(headers.write(&host, Map::RequestHeaders).is_err());
    }
}
