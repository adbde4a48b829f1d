//! The response side: every answer on a route that is not `pass` is masked as it streams by, or
//! withheld.

mod blank;
mod fields;
mod inflate;
mod release;
mod text;

use std::rc::Rc;

use velum_engine::{ClassSet, Framing, Masker, Options};
use velum_policy::{Encodings, UnreadableMedia};

use self::blank::blank;
use self::fields::Fields;
pub(crate) use self::inflate::{Coding, Inflater};
pub(crate) use self::release::{Release, options};
use self::text::{NO_ROOM, Text};
use crate::grant::Grant;
use crate::host::{
    Buffer, Edited, Flow, Header, Host, HostError, Level, Map, Side, feed, header, masker, room,
    strip_ours, values,
};
use crate::media::{self, Encoding, Media};
use crate::plugin::Plugin;
use crate::problem::{self, Problem};
use crate::watch::Fact;

/// So much of a decoded body is handed on at once: it may be much longer than it came.
const PIECE: usize = 256 * 1024;

/// How far an answer has come.
pub(crate) enum Response {
    Fresh,
    /// Not inspected: our own reply, or a route that the policy passes.
    Untouched,
    /// We answered the request: the headers of that answer come by next.
    Replied,
    /// We answered in place of the upstream, and do not see that answer: nothing else may go on.
    Replaced,
    /// Our own answer on its way; behind its end nothing may come.
    Own,
    Masking(Box<Masking>),
    /// No body may come: the headers speak of none. Whether they wait for its end.
    Nothing(bool),
    /// A text is being gathered.
    Gathering(Box<Text>),
    /// The gateway's own answer: its status stays, its text is replaced.
    Blank {
        status: u32,
        written: bool,
    },
    /// Cut: nothing more may go out.
    Cut,
}

/// A body on its way through the masker.
pub(crate) struct Masking {
    masker: Box<Masker>,
    decoder: Option<Inflater>,
    /// Under what values are lifted; `None` once, or where, none are.
    grant: Option<Rc<Grant>>,
    /// The response headers wait for the first chunk to parse.
    headers_held: bool,
    anything_fed: bool,
    waiting: usize,
}

/// Takes the response headers of a masked route.
pub(crate) fn on_headers(
    host: &impl Host,
    plugin: &Plugin,
    release: &Release,
    end: bool,
) -> (Response, Flow) {
    match try_headers(host, plugin, release, end) {
        Ok(started) => started,
        Err(why) => refuse(host, why),
    }
}

fn try_headers(
    host: &impl Host,
    plugin: &Plugin,
    release: &Release,
    end: bool,
) -> Result<(Response, Flow), &'static str> {
    let bytes = host
        .headers(Map::ResponseHeaders)
        .map_err(|_| "The response headers cannot be read.")?;
    let mut headers = Edited::read(&bytes).map_err(|_| "The response headers cannot be read.")?;
    headers.remove_ours();
    let status = status(&headers);
    host.tell(Fact::Status(status));
    if matches!(status, 101 | 206) {
        return Err("The upstream sent a partial answer or another protocol.");
    }
    let stopped;
    let mut release = release;
    if let Some(grant) = &release.grant
        && !grant.is_live(host.now())
    {
        host.tell(Fact::Stopped);
        stopped = Release {
            pending: release.pending.clone(),
            ..Release::default()
        };
        release = &stopped;
    }
    let options = release.plain_options(host, plugin)?;
    Fields::new(plugin.policy.rules(), &options).edit(&mut headers);
    let response = if end {
        // There is no body, so none may come.
        Response::Cut
    } else {
        begin(host, plugin, &headers, release, options, status)?
    };
    if let Some(approval) = &release.pending {
        host.tell(Fact::Approval(approval));
    }
    edit(&mut headers, &response, release, end);
    headers
        .write(host, Map::ResponseHeaders)
        .map_err(|_| "The response headers cannot be written.")?;
    let held = match &response {
        Response::Masking(masking) => masking.headers_held,
        Response::Gathering(text) => text.headers_held,
        Response::Nothing(headers_held) => *headers_held,
        _ => false,
    };
    Ok((response, if held { Flow::Pause } else { Flow::Continue }))
}

/// What is done with the body, told from its headers.
fn begin(
    host: &impl Host,
    plugin: &Plugin,
    headers: &[Header<'_>],
    release: &Release,
    options: Options,
    status: u32,
) -> Result<Response, &'static str> {
    let policy = &plugin.policy;
    let (limits, rules) = (policy.limits(), policy.rules());
    let (media, decoder) = match media::encoding(headers) {
        Encoding::Identity => (media::of_decoded(headers), None),
        Encoding::Coded(coding) if policy.responses().encodings == Encodings::Decode => {
            let decoder = Inflater::new(coding, limits.expansion);
            // What is no text for us is not decoded either.
            let media = match media::of_decoded(headers) {
                Media::Other if !media::is_text(headers, &policy.responses().text) => {
                    Media::Unreadable
                }
                media => media,
            };
            (media, Some(decoder))
        }
        Encoding::Coded(_) | Encoding::Unreadable => (Media::Unreadable, None),
    };
    let headers_held = policy.headers_stop_iteration();
    if is_empty(headers, status, headers_held) {
        return Ok(Response::Nothing(headers_held));
    }
    match media {
        Media::Json(framing) => {
            let mut options = options;
            options.framing = framing;
            release.bound(&mut options);
            Ok(Response::Masking(Box::new(Masking {
                masker: masker(host, rules, options),
                decoder,
                grant: release.grant.clone().filter(|_| !release.lift.is_empty()),
                // The first event may be long in coming, and the client waits for the headers to
                // know that it is connected. A fault in that event cuts the stream instead.
                headers_held: headers_held && framing != Framing::Events,
                anything_fed: false,
                waiting: limits.waiting(),
            })))
        }
        Media::Other if media::is_text(headers, &policy.responses().text) => {
            let length = length(headers).ok_or("A text is read only where its length is told.")?;
            let mut text = Text::new(rules, options, decoder, length, limits.held_body)
                .ok_or("The text is longer than this gateway may hold.")?;
            text.grant.clone_from(&release.grant);
            text.headers_held = headers_held && !text.is_done();
            Ok(Response::Gathering(Box::new(text)))
        }
        Media::Other | Media::Unreadable if is_of_gateway(host) => Ok(Response::Blank {
            status,
            written: false,
        }),
        Media::Other if policy.otherwise() == UnreadableMedia::Pass => {
            host.tell(Fact::Unread);
            Ok(Response::Untouched)
        }
        Media::Other | Media::Unreadable => {
            Err("The upstream's media type or encoding cannot be read.")
        }
    }
}

/// Whether there can be no body although its end is yet to come, as over HTTP/2: its status has none, or
/// nothing says what it would be.
fn is_empty(headers: &[Header<'_>], status: u32, headers_held: bool) -> bool {
    let is_untold = header(headers, "content-type").is_none();
    matches!(status, 204 | 205 | 304)
        || is_untold
            && match header(headers, "content-length") {
                // Should there be one after all, the headers must not have left.
                None => headers_held,
                Some(length) => length == b"0",
            }
}

/// The length of a body as it is sent, where it is told once.
fn length(headers: &[Header<'_>]) -> Option<usize> {
    let mut given = values(headers, "content-length");
    let (Some(value), None) = (given.next(), given.next()) else {
        return None;
    };
    let is_number = value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| is_number)?;
    text.parse().ok()
}

/// What is released, and what names an approval, is not stored; lengths and encodings are those of what
/// goes out.
fn edit(headers: &mut Edited<'_>, response: &Response, release: &Release, end: bool) {
    // A HEAD's length is that of the unmasked body, and would tell how long what is masked is; only
    // "there is none" stays true.
    let is_empty = end && header(headers, "content-length") == Some(b"0");
    if !is_empty && (end || !matches!(response, Response::Untouched)) {
        headers.remove(&["content-length"]);
    }
    if matches!(response, Response::Masking(_) | Response::Gathering(_)) {
        headers.remove(&["content-encoding"]);
    }
    if matches!(response, Response::Blank { .. }) {
        headers.set("content-type", "application/problem+json");
    }
    if !release.lift.is_empty() {
        headers.set("cache-control", "no-store");
        if matches!(response, Response::Masking(_) | Response::Gathering(_)) {
            headers.set("velum-lifted", release.lift.to_string());
        }
    }
    if let Some(approval) = &release.pending {
        headers.set("cache-control", "no-store");
        headers.set("velum-approval", approval.to_string());
        let link = format!("<{}>; rel=\"approval\"", problem::location(approval));
        headers.add("link", link);
    }
}

/// Takes body bytes. Always the bytes since the last call: nothing is left in the host's buffer.
pub(crate) fn on_body(response: &mut Response, host: &impl Host, size: usize, end: bool) -> Flow {
    let fault = match response {
        Response::Untouched => return Flow::Continue,
        Response::Own => {
            if end {
                *response = Response::Cut;
            }
            return Flow::Continue;
        }
        Response::Replied | Response::Replaced => {
            // The rest of the answer that ours replaced.
            return match host.replace_body(Buffer::ResponseBody, size, b"") {
                Ok(()) => Flow::Pause,
                Err(_) => cut(response, host),
            };
        }
        Response::Fresh | Response::Cut => None,
        // Trailers that Envoy's decompressor adds come only once this has gone on.
        Response::Nothing(headers_held) if size == 0 => {
            *headers_held = false;
            return Flow::Continue;
        }
        Response::Nothing(headers_held) => {
            Some(("it should have no body".to_owned(), *headers_held))
        }
        Response::Blank { status, written } => {
            return blank(host, *status, written, size).unwrap_or_else(|()| cut(response, host));
        }
        Response::Masking(masking) => match masking.step(host, size, end) {
            Ok(flow) => return flow,
            Err(why) => Some((why, masking.headers_held)),
        },
        Response::Gathering(text) => match text.step(host, size, end) {
            Ok(flow) => return flow,
            Err(why) => Some((why, text.headers_held)),
        },
    };
    // Whatever the host buffered must not go out, even if what follows should fail.
    let emptied = host.replace_body(Buffer::ResponseBody, size, b"");
    match fault {
        Some((why, headers_held)) => {
            host.log(
                Level::Warn,
                &format!("velum: a response is withheld: {why}"),
            );
            if headers_held && emptied.is_ok() {
                let (next, flow) = refuse(host, "The upstream's body cannot be read and masked.");
                *response = next;
                return flow;
            }
        }
        None => host.log(
            Level::Error,
            "velum: a response that may not go out was stopped",
        ),
    }
    cut(response, host)
}

/// Takes trailers, which end a body that had no end: nothing may be held back by then. Where a plugin is
/// given, they are masked like headers.
pub(crate) fn on_trailers(
    response: &mut Response,
    host: &impl Host,
    plugin: Option<&Plugin>,
) -> Flow {
    let is_whole = match response {
        Response::Untouched | Response::Blank { .. } | Response::Nothing(_) => true,
        Response::Masking(masking) => masking.is_whole(),
        Response::Gathering(text) => text.is_done(),
        Response::Fresh
        | Response::Replied
        | Response::Replaced
        | Response::Own
        | Response::Cut => false,
    };
    if let Response::Masking(masking) = response
        && is_whole
    {
        host.tell(Fact::Collected(&masking.masker));
    }
    if is_whole && trailers(host, plugin).is_ok() {
        Flow::Continue
    } else {
        cut(response, host)
    }
}

fn trailers(host: &impl Host, plugin: Option<&Plugin>) -> Result<(), HostError> {
    let Some(plugin) = plugin else {
        return strip_ours(host, Map::ResponseTrailers);
    };
    let options = options(host, plugin, ClassSet::EMPTY).map_err(|_| HostError(2))?;
    Fields::new(plugin.policy.rules(), &options).edit_map(host, Map::ResponseTrailers)
}

impl Masking {
    fn step(&mut self, host: &impl Host, size: usize, end: bool) -> Result<Flow, String> {
        let mut sink = Sink {
            host,
            size,
            out: Vec::new(),
            is_begun: false,
        };
        let mut is_read = false;
        if self
            .grant
            .as_ref()
            .is_some_and(|grant| !grant.is_live(host.now()))
        {
            self.grant = None;
            self.masker.stop_lifting();
            host.tell(Fact::Stopped);
        }
        if size > 0 {
            let chunk = host
                .body(Buffer::ResponseBody, size)
                .map_err(|_| "unreadable chunk")?;
            if chunk.len() != size {
                return Err("short chunk".to_owned());
            }
            host.has_room(room(size, self.waiting))
                .then_some(())
                .ok_or(NO_ROOM)?;
            self.anything_fed = true;
            is_read = self.read(&chunk, &mut sink)?;
        }
        if end && self.anything_fed {
            if !self.is_decoded() {
                return Err("its compression is cut off".to_owned());
            }
            self.masker
                .finish(&mut sink.out)
                .map_err(|error| error.to_string())?;
            host.tell(Fact::Collected(&self.masker));
        }
        host.tell(Fact::MaskerFed(Side::Response, &mut self.masker));
        // A body's end often comes by itself, and is none of what the buffer holds.
        if size > 0 || !sink.out.is_empty() {
            sink.write()?;
        }
        // Nothing yet: held headers go on waiting. Not behind no bytes at all: trailers that Envoy's
        // decompressor adds to an empty body come only once this has gone on.
        self.headers_held &= size > 0 && !is_read && !end;
        Ok(if self.headers_held {
            Flow::Wait
        } else {
            Flow::Continue
        })
    }

    /// Masks the next bytes. False: there was nothing in them yet.
    fn read(&mut self, chunk: &[u8], sink: &mut Sink<'_, impl Host>) -> Result<bool, String> {
        let masker = &mut self.masker;
        let mut mask = |piece: &[u8], out: &mut Vec<u8>| {
            let fed = feed(masker, piece, out);
            fed.map_err(|fault| fault.map_or(NO_ROOM.to_owned(), |error| error.to_string()))
        };
        let Some(decoder) = &mut self.decoder else {
            return mask(chunk, &mut sink.out).map(|()| true);
        };
        let mut is_read = false;
        decoder.feed(chunk, &mut |piece| {
            is_read |= !piece.is_empty();
            mask(piece, &mut sink.out)?;
            if sink.out.len() >= PIECE {
                sink.write()?;
            }
            Ok(())
        })?;
        Ok(is_read)
    }

    fn is_decoded(&self) -> bool {
        self.decoder.as_ref().is_none_or(Inflater::is_whole)
    }

    fn is_whole(&self) -> bool {
        !self.anything_fed || self.is_decoded() && self.masker.is_closed()
    }
}

/// Puts what may leave in place of what came.
struct Sink<'h, H> {
    host: &'h H,
    size: usize,
    out: Vec<u8>,
    is_begun: bool,
}

impl<H: Host> Sink<'_, H> {
    fn write(&mut self) -> Result<(), String> {
        let written = if self.is_begun {
            self.host.append_body(Buffer::ResponseBody, &self.out)
        } else {
            self.host
                .replace_body(Buffer::ResponseBody, self.size, &self.out)
        };
        self.is_begun = true;
        self.out.clear();
        written.map_err(|_| "unwritable chunk".to_owned())
    }
}

/// Answers 502 in place of the upstream; headers have not gone out yet.
pub(crate) fn refuse(host: &impl Host, why: &'static str) -> (Response, Flow) {
    if Problem::NotMaskable(why).send(host).is_ok() {
        return (Response::Replaced, Flow::Pause);
    }
    let mut response = Response::Cut;
    let flow = cut(&mut response, host);
    (response, flow)
}

/// Ends the stream so that the client can tell that the body is not whole.
pub(crate) fn cut(response: &mut Response, host: &impl Host) -> Flow {
    *response = Response::Cut;
    if host.reset(Side::Response).is_err() {
        host.log(
            Level::Error,
            "velum: a stream could not be reset; it is held instead",
        );
    }
    Flow::Pause
}

/// Whether Envoy made this answer. It only decides between a replaced text and a 502, so that
/// nothing of an upstream passes where the host should be wrong.
fn is_of_gateway(host: &impl Host) -> bool {
    matches!(
        host.property(&["response", "code_details"]),
        Ok(Some(details)) if !details.is_empty() && details != b"via_upstream"
    )
}

fn status(headers: &[Header<'_>]) -> u32 {
    header(headers, ":status")
        .and_then(|status| std::str::from_utf8(status).ok())
        .and_then(|status| status.parse().ok())
        .unwrap_or(0)
}
