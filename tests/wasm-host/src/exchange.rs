//! One request and its answer through the filter, in the order in which Envoy's filter manager
//! calls and acts.

use crate::Vm;
use crate::state::{Answer, Deferred, Headers, headers};
use crate::stream::{Half, Headed, Property, Seen, Stream};

const CONTINUE: u32 = 0;
/// Of a body: the host keeps what it has and stops reading when that is much, and shows the filter only
/// what comes next (`StopIterationAndWatermark`).
const WAIT: u32 = 2;

/// Which callback the filter gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Headers,
    Body,
    Trailers,
}

impl Vm {
    /// A stream under a root context, with the attributes of [`Vm::properties`].
    pub fn open(&mut self, root: u32) -> u32 {
        let context = self.next_context();
        self.open_as(context, root);
        context
    }

    /// A stream with a number of the caller's choice.
    pub fn open_as(&mut self, context: u32, root: u32) {
        let properties = self.properties.iter().map(|(path, value)| {
            let path = path.join("\0").into_bytes();
            (path, value.clone())
        });
        let stream = Stream {
            root,
            properties: properties.collect(),
            ..Stream::default()
        };
        self.state().streams.insert(context, stream);
        self.run("proxy_on_context_create", context, (context, root));
        self.settle();
    }

    /// Sets an attribute of a stream that is open.
    pub fn attribute(&mut self, context: u32, path: &[&str], value: &[u8]) {
        let path = path.join("\0").into_bytes();
        let value = Property::Bytes(value.to_vec());
        self.stream(context).properties.insert(path, value);
    }

    /// Request headers come.
    pub fn request_headers(&mut self, context: u32, headers: &Headers, end: bool) {
        self.headers(context, false, headers, None, end);
    }

    /// Response headers come.
    pub fn response_headers(&mut self, context: u32, headers: &Headers, end: bool) {
        self.headers(context, true, headers, None, end);
    }

    /// Headers come whose map reads as these bytes.
    pub fn odd_headers(&mut self, context: u32, is_response: bool, bytes: &[u8]) {
        let none = Headers::new();
        self.headers(context, is_response, &none, Some(bytes.to_vec()), false);
    }

    /// Bytes of the request's body come.
    pub fn request_body(&mut self, context: u32, bytes: &[u8], end: bool) {
        self.body(context, false, bytes, end);
    }

    /// Bytes of the response's body come.
    pub fn response_body(&mut self, context: u32, bytes: &[u8], end: bool) {
        self.body(context, true, bytes, end);
    }

    /// Request trailers come.
    pub fn request_trailers(&mut self, context: u32, trailers: &Headers) {
        self.trailers(context, false, trailers);
    }

    /// Response trailers come.
    pub fn response_trailers(&mut self, context: u32, trailers: &Headers) {
        self.trailers(context, true, trailers);
    }

    /// The answer to a call comes, as Envoy brings it: to the root context that owns the call.
    pub fn answer(&mut self, token: u32, answer: Answer) {
        let owner = self.calls().iter().find(|call| call.token == token);
        let root = owner.map_or(crate::ROOT, |call| call.root);
        let (count, size) = (answer.headers.len(), answer.body.len());
        let (count, size) = (crate::small(count), crate::small(size));
        self.state().answer = Some(answer);
        self.run(
            "proxy_on_http_call_response",
            root,
            (root, token, count, size, 0),
        );
        self.state().answer = None;
        self.settle();
    }

    /// The time comes that a root context asked for, if it asked; a host that insists comes anyway.
    pub fn tick(&mut self, root: u32) {
        if self.state().tick_milliseconds > 0 || self.insists {
            self.run("proxy_on_tick", root, root);
            self.settle();
        }
    }

    /// The stream ends; what was seen of it.
    pub fn close(&mut self, context: u32) -> Seen {
        self.run_if_there("proxy_on_log", context);
        self.ask_if_there("proxy_on_done", context);
        self.run("proxy_on_delete", context, context);
        // The host would still act on what was asked for; the stream is gone.
        self.state().deferred.clear();
        let stream = self.state().streams.remove(&context).unwrap_or_default();
        Seen {
            client: stream.response.out,
            upstream: stream.request.out,
            is_local: stream.is_local,
            is_reset: stream.is_reset,
            written: stream.written.into_iter().collect(),
        }
    }

    /// Whether the request's headers have gone to the upstream, so that it may answer.
    pub fn has_left(&mut self, context: u32) -> bool {
        let half = self.half(context, false);
        half.headed == Headed::Gone && !half.is_dead
    }

    fn stream(&mut self, context: u32) -> &mut Stream {
        let stream = self.state().streams.get_mut(&context);
        stream.expect("a stream that is open")
    }

    fn half(&mut self, context: u32, is_response: bool) -> &mut Half {
        self.stream(context).half(is_response)
    }

    fn headers(
        &mut self,
        context: u32,
        is_response: bool,
        headers: &Headers,
        map_bytes: Option<Vec<u8>>,
        end: bool,
    ) {
        if self.is_over(context, is_response) {
            return;
        }
        let half = self.half(context, is_response);
        half.headers = Some(headers.clone());
        half.map_bytes = map_bytes;
        half.headers_end = end;
        half.is_leaving = false;
        self.deliver(context, is_response, Part::Headers, headers.len(), end);
    }

    fn body(&mut self, context: u32, is_response: bool, bytes: &[u8], end: bool) {
        if self.is_over(context, is_response) {
            return;
        }
        let half = self.half(context, is_response);
        if half.headed == Headed::AllHeld {
            half.queue.extend(bytes);
            half.queue_end = end;
            return;
        }
        if !half.is_buffering {
            half.buffer.clear();
        }
        half.buffer.extend(bytes);
        half.buffer_end = end;
        half.is_open = true;
        let size = half.buffer.len();
        self.deliver(context, is_response, Part::Body, size, end);
    }

    fn trailers(&mut self, context: u32, is_response: bool, trailers: &Headers) {
        if self.is_over(context, is_response) {
            return;
        }
        let half = self.half(context, is_response);
        if half.headed == Headed::AllHeld {
            half.queue_trailers = Some(trailers.clone());
            return;
        }
        half.trailers = Some(trailers.clone());
        self.deliver(context, is_response, Part::Trailers, trailers.len(), false);
    }

    /// Envoy calls nobody for a stream that has ended; a host that insists does.
    fn is_over(&mut self, context: u32, is_response: bool) -> bool {
        let is_dead = self.half(context, is_response).is_dead;
        is_dead && !self.insists
    }

    fn deliver(&mut self, context: u32, is_response: bool, part: Part, size: usize, end: bool) {
        let name = match (is_response, part) {
            (false, Part::Headers) => "proxy_on_request_headers",
            (false, Part::Body) => "proxy_on_request_body",
            (false, Part::Trailers) => "proxy_on_request_trailers",
            (true, Part::Headers) => "proxy_on_response_headers",
            (true, Part::Body) => "proxy_on_response_body",
            (true, Part::Trailers) => "proxy_on_response_trailers",
        };
        let (size, end) = (crate::small(size), u32::from(end));
        let said = if self.is_absent {
            CONTINUE
        } else if part == Part::Trailers {
            self.ask(name, context, (context, size))
        } else {
            self.ask(name, context, (context, size, end))
        };
        let is_stopped = std::mem::take(&mut self.state().is_stopped);
        let holds_headers = self.holds_headers;
        if !self.state().streams.contains_key(&context) {
            return self.settle();
        }
        let half = self.half(context, is_response);
        half.is_open = false;
        if said == CONTINUE && !is_stopped {
            half.flow();
        } else if part == Part::Headers {
            let holds_all = is_stopped || !holds_headers;
            half.headed = if holds_all {
                Headed::AllHeld
            } else {
                Headed::Held
            };
        } else if part == Part::Body && said == WAIT && !is_stopped {
            half.kept.append(&mut half.buffer);
            half.is_buffering = false;
        } else if !half.is_buffering {
            // What waits with this is one buffer, and the filter gets at all of it.
            let behind = std::mem::take(&mut half.buffer);
            half.buffer = std::mem::take(&mut half.kept);
            half.buffer.extend(behind);
            half.is_buffering = true;
        }
        self.settle();
    }

    /// Does what the filter asked for.
    pub(super) fn settle(&mut self) {
        while !self.state().deferred.is_empty() {
            match self.state().deferred.remove(0) {
                Deferred::Reply {
                    stream,
                    headers,
                    body,
                } => self.reply(stream, headers, body),
                Deferred::Continue {
                    stream,
                    is_response,
                } => self.go_on(stream, is_response),
                Deferred::Reset { stream } => {
                    if let Some(stream) = self.state().streams.get_mut(&stream) {
                        stream.is_reset = true;
                        stream.request.is_dead = true;
                        stream.response.is_dead = true;
                    }
                }
            }
        }
    }

    fn reply(&mut self, context: u32, reply: Headers, body: Vec<u8>) {
        let Some(stream) = self.state().streams.get_mut(&context) else {
            return;
        };
        if stream.response.is_dead || stream.is_reset {
            return;
        }
        stream.request.is_dead = true;
        stream.is_local = true;
        match stream.response.headed {
            // The reply passes through the filter like any answer.
            Headed::NotYet if stream.response.headers.is_none() => {
                let end = body.is_empty();
                self.headers(context, true, &reply, None, end);
                if !end {
                    self.body(context, true, &body, true);
                }
            }
            Headed::Gone => {
                stream.is_reset = true;
                stream.response.is_dead = true;
            }
            _ => {
                let out = &mut stream.response.out;
                out.headers = Some(reply);
                out.body = body;
                out.ended = true;
                stream.response.is_dead = true;
            }
        }
    }

    fn go_on(&mut self, context: u32, is_response: bool) {
        let Some(stream) = self.state().streams.get_mut(&context) else {
            return;
        };
        let half = stream.half(is_response);
        let held_all = half.headed == Headed::AllHeld;
        half.flow();
        if !held_all {
            return;
        }
        let queue = std::mem::take(&mut half.queue);
        let (end, trailers) = (half.queue_end, half.queue_trailers.take());
        if end || !queue.is_empty() {
            self.body(context, is_response, &queue, end);
        }
        if let Some(trailers) = trailers {
            self.trailers(context, is_response, &trailers);
        }
    }

    /// A masked GET of one body in these chunks, from start to end.
    pub fn get(&mut self, root: u32, content_type: &str, chunks: &[&[u8]]) -> Seen {
        self.get_with(root, &[("content-type", content_type)], chunks)
    }

    /// The same, with these headers of the answer.
    pub fn get_with(&mut self, root: u32, fields: &[(&str, &str)], chunks: &[&[u8]]) -> Seen {
        let context = self.open(root);
        let request = headers(&[
            (":method", "GET"),
            (":path", "/Patient/p1"),
            (":authority", "fhir.example"),
        ]);
        self.request_headers(context, &request, true);
        let response = headers(&[&[(":status", "200")], fields].concat());
        self.response_headers(context, &response, false);
        for (index, chunk) in chunks.iter().enumerate() {
            self.response_body(context, chunk, index + 1 == chunks.len());
        }
        self.close(context)
    }
}
