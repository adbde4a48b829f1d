//! What the body of a request is, what of it is our own output, and what it becomes when it is masked.

use std::sync::Arc;

use serde::Deserialize;
use velum_engine::{ClassSet, Framing, Inspector, Masker, Options};

use super::multipart;
use velum_policy::Limits;

use crate::host::{self, Header, Host, header, masker, room};
use crate::media::{self, Media};
use crate::plugin::Plugin;
use crate::problem::Problem;
use crate::respond;
pub(crate) use crate::watch::Counts as Found;
use crate::watch::Fact;

const FORM: &str = "application/x-www-form-urlencoded";

const NOT_READABLE: &str =
    "The request body's media type or charset cannot be read. Send JSON or a form in UTF-8.";
const NOT_A_FORM: &str = "The request body says it is a form and cannot be masked as one: it is not in UTF-8, has a file \
     or a name that holds an identifier, or is too long.";

const QUERY_HOLDS: &str =
    "The query holds a value that a body would be masked for. Send it in the body.";

/// What a request's body is to the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// JSON, framed so.
    Json(Framing),
    /// A JSON Patch (RFC 6902).
    Patch,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data` with this boundary.
    Multipart(String),
    /// Plainly something else.
    Other,
    /// It cannot be told what it is.
    Unreadable,
}

/// Options of the engine for a request's body of which these classes stay.
///
/// # Errors
/// The clock cannot be read: with another year, the upstream would be told wrong ages.
pub(crate) fn options(
    host: &impl Host,
    plugin: &Plugin,
    lift: ClassSet,
) -> Result<Options, Problem> {
    respond::options(host, plugin, lift).map_err(Problem::RequestNotMaskable)
}

impl Body {
    /// Tells what a body is.
    pub(crate) fn of(headers: &[Header<'_>]) -> Self {
        let content_type = header(headers, "content-type").unwrap_or_default();
        let content_type = std::str::from_utf8(content_type).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        match media::of(headers) {
            // Events are for responses.
            Media::Json(Framing::Events) => Self::Other,
            Media::Json(_) if essence == "application/json-patch+json" => Self::Patch,
            Media::Json(framing) => Self::Json(framing),
            Media::Other => match essence.as_str() {
                FORM if media::is_text(headers, &[FORM]) => Self::Form,
                "multipart/form-data" => multipart::boundary(content_type)
                    .map_or(Self::Unreadable, |text| Self::Multipart(text.to_owned())),
                FORM => Self::Unreadable,
                _ => Self::Other,
            },
            Media::Unreadable => Self::Unreadable,
        }
    }

    /// The framing of a body that is JSON.
    pub(crate) fn framing(&self) -> Option<Framing> {
        match self {
            Self::Json(framing) => Some(*framing),
            Self::Patch => Some(Framing::Document),
            _ => None,
        }
    }

    /// Refuses a body that cannot be masked; `passes`: whether the policy lets what is plainly of
    /// another media type go on. True where there is something to mask.
    pub(crate) fn check(&self, passes: bool) -> Result<bool, Problem> {
        match self {
            Self::Other if passes => Ok(false),
            Self::Other | Self::Unreadable => Err(Problem::RequestNotMaskable(NOT_READABLE)),
            _ => Ok(true),
        }
    }

    /// Whether there is memory for all that is made of a whole body at a time, and for what waits of it.
    pub(crate) fn check_room(
        &self,
        host: &impl Host,
        plugin: &Plugin,
        length: usize,
    ) -> Result<(), Problem> {
        let limits = plugin.policy.limits();
        let copies = match self.framing() {
            Some(_) => 4,
            // Fields are taken apart, become JSON, and are put together again.
            None => Limits::COPIES,
        };
        let has_room = host.has_room(room(0, limits.waiting()) + copies * length);
        has_room.then_some(()).ok_or(Problem::GatewayBusy)
    }

    /// Whether our own output is in the body: it must not become data.
    ///
    /// # Errors
    /// The body says it is JSON and is not.
    pub(crate) fn holds_ours(&self, plugin: &Plugin, body: &[u8]) -> Result<bool, Problem> {
        let rules = plugin.policy.rules();
        if let Some(framing) = self.framing() {
            let mut inspector = Inspector::new(plugin.policy.limits().engine, framing)
                .with_tokens(Arc::clone(rules), plugin.keys.clone());
            let read = inspector.feed(body).and_then(|()| inspector.finish());
            read.map_err(|_| Problem::BodyNotJson)?;
            return Ok(inspector.found_masked());
        }
        let holds = |bytes: &[u8]| rules.wrote(&plugin.keys, &String::from_utf8_lossy(bytes));
        Ok(match self {
            Self::Form => body
                .split(|byte| matches!(byte, b'&' | b'='))
                .any(|part| holds(&percent_decoded(part))),
            // What is in a part begins behind an empty line, and may be JSON.
            Self::Multipart(_) => holds(body) || multipart::contents(body).any(holds),
            // In UTF-16 and UTF-32 there are zeroes between our letters.
            _ => {
                let letters = body.iter().copied().filter(|byte| *byte != 0);
                holds(&letters.collect::<Vec<u8>>())
            }
        })
    }

    /// The masked body, and what was found in it.
    ///
    /// # Errors
    /// The body is not what it says, or cannot be masked and stay it.
    pub(crate) fn masked(
        &self,
        host: &impl Host,
        plugin: &Plugin,
        options: Options,
        passes: bool,
        body: &[u8],
    ) -> Result<(Vec<u8>, Found), Problem> {
        let rules = plugin.policy.rules();
        let mut found = Found::default();
        if let Some(framing) = self.framing() {
            let mut masker = masker(host, rules, Options { framing, ..options });
            let mut out = Vec::new();
            feed(&mut masker, body, &mut out)?;
            masker.finish(&mut out).map_err(|_| Problem::BodyNotJson)?;
            note(host, &mut masker, &mut found);
            return Ok((out, found));
        }
        let form = std::str::from_utf8(body).ok();
        let masked = match self {
            Self::Form => form.and_then(|form| {
                let mut masker = masker(host, rules, options);
                let form = velum_engine::mask_form(&mut masker, form)?;
                note(host, &mut masker, &mut found);
                Some(form.into_bytes())
            }),
            Self::Multipart(boundary) => {
                multipart::masked(host, rules, &options, boundary, passes, body, &mut found)
            }
            _ => None,
        };
        let masked = masked.ok_or(Problem::RequestNotMaskable(NOT_A_FORM))?;
        Ok((masked, found))
    }

    /// Whether this JSON Patch replaces, or otherwise acts on, the document as a whole. One that cannot
    /// be read, or that says a thing twice, does.
    pub(crate) fn replaces_all(&self, body: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Operation {
            path: String,
        }
        let operations = serde_json::from_slice::<Vec<Operation>>;
        let replaces = |patch: Vec<Operation>| patch.iter().any(|one| one.path.is_empty());
        *self == Self::Patch && operations(body).map_or(true, replaces)
    }
}

/// Refuses a query of which something would be masked if it were a form in the body: it goes on as it is.
pub(super) fn check_query(host: &impl Host, plugin: &Plugin, query: &[u8]) -> Result<(), Problem> {
    if query.is_empty() {
        return Ok(());
    }
    let options = options(host, plugin, ClassSet::EMPTY)?;
    let masked = Body::Form.masked(host, plugin, options, false, query);
    let is_kept = masked.is_ok_and(|(form, _)| form == query);
    is_kept
        .then_some(())
        .ok_or(Problem::RequestNotMaskable(QUERY_HOLDS))
}

/// Takes note of what a masker found.
pub(super) fn note(host: &impl Host, masker: &mut Masker, found: &mut Found) {
    found.add(masker.report());
    host.tell(Fact::MaskerRead(masker));
}

/// Masks bytes of JSON.
pub(super) fn feed(masker: &mut Masker, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let fed = host::feed(masker, bytes, out);
    fed.map_err(|fault| fault.map_or(Problem::GatewayBusy, |_| Problem::BodyNotJson))
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        let code = (*byte == b'%').then(|| Some(digit(0)? << 4 | digit(1)?));
        match code.flatten().and_then(|code| u8::try_from(code).ok()) {
            Some(decoded) => {
                rest = behind.get(2..).unwrap_or_default();
                bytes.push(decoded);
            }
            None => bytes.push(if *byte == b'+' { b' ' } else { *byte }),
        }
    }
    bytes
}
