//! The one seam to the host: what the filter may ask of Envoy, each answer a value.

use std::time::Duration;

/// A header map as bytes: names are lower case, values may be any bytes.
pub(crate) type Headers = Vec<(Vec<u8>, Vec<u8>)>;

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
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// What a callback tells the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Go on with what is there.
    Continue = 0,
    /// Stop here until the filter resumes the stream or replies.
    Pause = 1,
}

/// A host call that did not succeed, with the status that the host gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostError(pub(crate) u32);

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
    /// Nanoseconds since the Unix epoch.
    fn now(&self) -> u64;
    /// Fills the buffer with random bytes.
    fn random(&self, bytes: &mut [u8]) -> Result<(), HostError>;
    /// A variable of the environment that Envoy passes to its VM.
    fn environment(&self, name: &str) -> Option<String>;
    /// An attribute of the stream; `None` where absent, an error where it is there but cannot be
    /// given as bytes.
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError>;
    /// All pairs of a header map.
    fn headers(&self, map: Map) -> Result<Headers, HostError>;
    /// Replaces a header map.
    fn set_headers(&self, map: Map, headers: &Headers) -> Result<(), HostError>;
    /// The first `size` bytes of a buffer.
    fn body(&self, buffer: Buffer, size: usize) -> Result<Vec<u8>, HostError>;
    /// Replaces the first `size` bytes of a buffer.
    fn replace_body(&self, buffer: Buffer, size: usize, bytes: &[u8]) -> Result<(), HostError>;
    /// Answers the client in place of the upstream.
    fn reply(&self, status: u32, headers: &Headers, body: &[u8]) -> Result<(), HostError>;
    /// Sends a request to a cluster; its answer comes to the stream with the token given.
    fn call(&self, call: &Call<'_>) -> Result<u32, HostError>;
    /// Lets a paused half go on.
    fn resume(&self, side: Side) -> Result<(), HostError>;
    /// Cuts the stream, so that the client sees an incomplete body.
    fn reset(&self, side: Side) -> Result<(), HostError>;
}

/// The first value of a header, as bytes.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    values(headers, name).next()
}

/// Every value of a header, in order.
pub(crate) fn values<'a>(headers: &'a Headers, name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |(key, _)| key == name.as_bytes())
        .map(|(_, value)| value.as_slice())
}

/// Removes a header wherever it stands.
pub(crate) fn remove(headers: &mut Headers, name: &str) {
    headers.retain(|(key, _)| key != name.as_bytes());
}

/// Sets a header to one value.
pub(crate) fn set(headers: &mut Headers, name: &str, value: &str) {
    remove(headers, name);
    headers.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
}

/// Removes everything that is ours to write: `velum-*`, and `velum_*`, which some upstreams read
/// as the same name.
pub(crate) fn remove_ours(headers: &mut Headers) {
    headers.retain(|(key, _)| !is_ours(key));
}

fn is_ours(name: &[u8]) -> bool {
    name.get(..6).is_some_and(|prefix| {
        prefix.eq_ignore_ascii_case(b"velum-") || prefix.eq_ignore_ascii_case(b"velum_")
    })
}
