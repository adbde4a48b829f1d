//! The response side: every answer on a route that is not `pass` is masked as it streams by, or
//! withheld.

use std::sync::Arc;

use velum_approval::ApprovalId;
use velum_engine::{ClassSet, Framing, Masker, Options, year_at};
use velum_policy::UnreadableMedia;

use crate::host::{Buffer, Edited, Flow, Header, Host, Level, Map, Side, header, strip_ours};
use crate::media::{self, Media};
use crate::plugin::Plugin;
use crate::problem::{self, Problem};

const NANOSECONDS_A_SECOND: u64 = 1_000_000_000;

/// What the request side settled for the answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Release {
    /// The classes that stay unmasked.
    pub(crate) lift: ClassSet,
    /// An approval that is still pending while the masked answer goes out.
    pub(crate) pending: Option<ApprovalId>,
}

/// How far an answer has come.
pub(crate) enum Response {
    Fresh,
    /// Not inspected: our own reply, or a route that the policy passes.
    Untouched,
    /// We answered; the headers of that answer may come by next, the upstream's body may not.
    Replied,
    Masking(Box<Masking>),
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
    masker: Masker,
    /// The response headers wait for the first chunk to parse.
    headers_held: bool,
    anything_fed: bool,
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
    if matches!(status, 101 | 206) {
        return Err("The upstream sent a partial answer or another protocol.");
    }
    let response = if end {
        Response::Untouched
    } else {
        match media::of(&headers) {
            Media::Json(framing) => {
                let options = Options {
                    framing,
                    limits: plugin.policy.limits().engine,
                    lift: release.lift,
                    keys: plugin.keys.clone(),
                    year: year_at(host.now() / NANOSECONDS_A_SECOND),
                };
                Response::Masking(Box::new(Masking {
                    masker: Masker::new(Arc::clone(plugin.policy.rules()), options),
                    // The first event may be long in coming, and the client waits for the headers to
                    // know that it is connected. A fault in that event cuts the stream instead.
                    headers_held: plugin.policy.headers_stop_iteration()
                        && framing != Framing::Events,
                    anything_fed: false,
                }))
            }
            Media::Other | Media::Unreadable if is_of_gateway(host) => Response::Blank {
                status,
                written: false,
            },
            Media::Other if plugin.policy.otherwise() == UnreadableMedia::Pass => {
                Response::Untouched
            }
            Media::Other | Media::Unreadable => {
                return Err("The upstream's media type or encoding cannot be read.");
            }
        }
    };
    edit(&mut headers, &response, release, end);
    headers
        .write(host, Map::ResponseHeaders)
        .map_err(|_| "The response headers cannot be written.")?;
    let held = matches!(&response, Response::Masking(masking) if masking.headers_held);
    Ok((response, if held { Flow::Pause } else { Flow::Continue }))
}

/// What the change of the body made false is dropped; what is released is not stored.
fn edit(headers: &mut Edited<'_>, response: &Response, release: &Release, end: bool) {
    // A HEAD's length is that of the unmasked body; only "there is none" stays true.
    let is_empty = end && header(headers, "content-length") == Some(b"0");
    if !is_empty && (end || !matches!(response, Response::Untouched)) {
        headers.remove(&["content-length"]);
    }
    headers.remove(&[
        "accept-ranges",
        "content-digest",
        "content-md5",
        "digest",
        "repr-digest",
        "signature",
        "signature-input",
    ]);
    if header(headers, "etag").is_some_and(|etag| !etag.starts_with(b"W/")) {
        headers.remove(&["etag"]);
    }
    if matches!(response, Response::Blank { .. }) {
        headers.set("content-type", "application/problem+json");
    }
    if !release.lift.is_empty() {
        headers.set("cache-control", "no-store");
        if matches!(response, Response::Masking(_)) {
            headers.set("velum-lifted", release.lift.to_string());
        }
    }
    if let Some(approval) = &release.pending {
        headers.set("velum-approval", approval.to_string());
        let link = format!("<{}>; rel=\"approval\"", problem::location(approval));
        headers.add("link", link);
    }
}

/// Takes body bytes. Always the bytes since the last call: nothing is left in the host's buffer.
pub(crate) fn on_body(response: &mut Response, host: &impl Host, size: usize, end: bool) -> Flow {
    let fault = match response {
        Response::Untouched => return Flow::Continue,
        Response::Replied => {
            // The rest of the answer that ours replaced.
            return match host.replace_body(Buffer::ResponseBody, size, b"") {
                Ok(()) => Flow::Pause,
                Err(_) => cut(response, host),
            };
        }
        Response::Fresh | Response::Cut => Some("nothing may go out"),
        Response::Blank { status, written } => {
            return blank(host, *status, written, size, end)
                .unwrap_or_else(|()| cut(response, host));
        }
        Response::Masking(masking) => match masking.step(host, size, end) {
            Ok(flow) => return flow,
            Err(why) => {
                host.log(
                    Level::Warn,
                    &format!("velum: a response is withheld: {why}"),
                );
                if masking.headers_held {
                    let why = "The upstream's body is not JSON that can be masked.";
                    let (next, flow) = refuse(host, why);
                    *response = next;
                    return flow;
                }
                None
            }
        },
    };
    // Whatever the host buffered must not go out, even if the reset should fail.
    let emptied = host.replace_body(Buffer::ResponseBody, size, b"");
    if fault.is_some() || emptied.is_err() {
        host.log(
            Level::Error,
            "velum: a response that may not go out was stopped",
        );
    }
    cut(response, host)
}

/// Takes trailers, which end a body that had no end: nothing may be held back by then.
pub(crate) fn on_trailers(response: &mut Response, host: &impl Host) -> Flow {
    let is_whole = match response {
        Response::Untouched | Response::Blank { .. } => true,
        Response::Masking(masking) => !masking.anything_fed || masking.masker.is_closed(),
        Response::Fresh | Response::Replied | Response::Cut => false,
    };
    let is_stripped = strip_ours(host, Map::ResponseTrailers).is_ok();
    if is_whole && is_stripped {
        Flow::Continue
    } else {
        cut(response, host)
    }
}

impl Masking {
    fn step(&mut self, host: &impl Host, size: usize, end: bool) -> Result<Flow, String> {
        let mut out = Vec::new();
        if size > 0 {
            let chunk = host
                .body(Buffer::ResponseBody, size)
                .map_err(|_| "unreadable chunk")?;
            if chunk.len() != size {
                return Err("short chunk".to_owned());
            }
            self.anything_fed = true;
            out.reserve(size + size / 4);
            self.masker
                .feed(&chunk, &mut out)
                .map_err(|error| error.to_string())?;
        } else if !end {
            // Nothing yet: held headers go on waiting.
            return Ok(if self.headers_held {
                Flow::Pause
            } else {
                Flow::Continue
            });
        }
        if end && self.anything_fed {
            self.masker
                .finish(&mut out)
                .map_err(|error| error.to_string())?;
        }
        // A body's end often comes by itself, and is none of what the buffer holds.
        if size > 0 || !out.is_empty() {
            host.replace_body(Buffer::ResponseBody, size, &out)
                .map_err(|_| "unwritable chunk")?;
        }
        self.headers_held = false;
        Ok(Flow::Continue)
    }
}

/// Answers 502 in place of the upstream; headers have not gone out yet.
pub(crate) fn refuse(host: &impl Host, why: &'static str) -> (Response, Flow) {
    if Problem::NotMaskable(why).send(host).is_ok() {
        return (Response::Replied, Flow::Pause);
    }
    let mut response = Response::Cut;
    let flow = cut(&mut response, host);
    (response, flow)
}

/// Ends the stream so that the client can tell that the body is not whole.
fn cut(response: &mut Response, host: &impl Host) -> Flow {
    *response = Response::Cut;
    if host.reset(Side::Response).is_err() {
        host.log(
            Level::Error,
            "velum: a stream could not be reset; it is held instead",
        );
    }
    Flow::Pause
}

fn blank(
    host: &impl Host,
    status: u32,
    written: &mut bool,
    size: usize,
    end: bool,
) -> Result<Flow, ()> {
    let text = format!(
        "{{\"type\":\"about:blank\",\"title\":\"The gateway answered itself\",\"status\":{status}}}"
    );
    let text = if *written { "" } else { text.as_str() };
    let replaced = host.replace_body(Buffer::ResponseBody, size, text.as_bytes());
    *written = size > 0 || end;
    replaced.map(|()| Flow::Continue).map_err(|_| ())
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
