//! What happens to the body of a request: nothing, masking as it comes, or looking into it whole.

use velum_engine::ClassSet;
use velum_policy::{Action, UnreadableMedia, Writes};

use super::body::{self, Body};
use super::{Admission, Question, Streaming, happen_once};
use crate::host::{Buffer, Edited, Header, Host, HostError, Map, header, room};
use crate::media;
use crate::plugin::Plugin;
use crate::problem::Problem;
use crate::respond::Release;
use crate::watch::Fact;

/// What must happen to a held request.
pub(crate) struct Plan {
    /// The body is yet to come.
    pub(crate) awaits_body: bool,
    body: Body,
    /// `None`: it goes on as it is.
    purpose: Option<Purpose>,
    refuses_replacement: bool,
    pub(crate) question: Option<Question>,
}

/// What is done with the body of a held request.
enum Purpose {
    /// Our own output is looked for.
    Look,
    /// It is masked, but for what a grant releases.
    Mask { passes: bool },
    /// It is masked, and asked about if it holds a value of one of these classes. Without a verified
    /// caller there is nobody who could ask.
    Flag {
        on: ClassSet,
        passes: bool,
        question: Option<Box<Question>>,
    },
}

/// A body in the host's buffer that goes on once the policy service has been asked.
pub(crate) struct Held {
    body: Body,
    passes: bool,
    size: usize,
    /// What is granted is granted for this body, and not for the answer.
    is_flagged: bool,
}

/// What masking makes false of a request: the length and digests of its body.
pub(super) const MADE_FALSE: &[&str] = &[
    "content-digest",
    "content-length",
    "content-md5",
    "digest",
    "repr-digest",
    "signature",
    "signature-input",
];

/// Tells it from the headers.
pub(super) fn of(
    host: &impl Host,
    plugin: &Plugin,
    headers: &[Header<'_>],
    action: Option<&Action>,
    question: Option<Question>,
    end: bool,
) -> Result<Admission, Problem> {
    let requests = action.and_then(|action| action.requests);
    let refuses = action.is_some_and(|action| action.writes == Writes::Refuse);
    if refuses && header(headers, ":method") == Some(b"PUT") {
        return Err(Problem::ReplacementRefused);
    }
    let flag = question.as_ref().is_some_and(|question| question.is_flag);
    let (question, flag_question) = if flag {
        (None, question.map(Box::new))
    } else {
        (question, None)
    };
    if end && question.is_none() {
        return Ok(Admission::Forward);
    }
    if !end && media::is_encoded(headers) {
        return Err(Problem::BodyEncoded);
    }
    if !end && !host.has_room(room(0, plugin.policy.limits().waiting())) {
        return Err(Problem::GatewayBusy);
    }
    let body = Body::of(headers);
    let passes = requests.is_some_and(|requests| requests.otherwise == UnreadableMedia::Pass);
    let masks = requests.is_some() && !end && body.check(passes)?;
    if requests.is_some() && !end && !masks {
        host.tell(Fact::Unread);
    }
    let on = action.map_or(ClassSet::EMPTY, Action::flag_on);
    let refuses_replacement = refuses && body == Body::Patch;
    let purpose = match requests {
        None => Some(Purpose::Look),
        Some(_) if !masks && question.is_none() => return Ok(Admission::Forward),
        Some(_) if !masks => None,
        Some(_) if !on.is_empty() => Some(Purpose::Flag {
            on,
            passes,
            question: flag_question,
        }),
        Some(_) => match body.framing() {
            Some(framing) if question.is_none() && !refuses_replacement => {
                let streaming = Streaming::new(host, plugin, framing)?;
                return Ok(Admission::Mask(Box::new(streaming)));
            }
            _ => Some(Purpose::Mask { passes }),
        },
    };
    let length = header(headers, "content-length").and_then(|text| std::str::from_utf8(text).ok());
    let length = length.and_then(|text| text.parse::<u64>().ok());
    // Who says that much is told at once, and sends it to nobody.
    if !end && length.is_some_and(|length| length > plugin.policy.limits().held_body as u64) {
        return Err(Problem::BodyTooLarge);
    }
    Ok(Admission::Hold(Box::new(Plan {
        awaits_body: !end,
        body,
        purpose,
        refuses_replacement,
        question,
    })))
}

impl Plan {
    /// Looks into the whole body, which may be what raises the question. What needs none goes on, masked
    /// if it is to be.
    pub(crate) fn examine(
        mut self,
        host: &impl Host,
        plugin: &Plugin,
        bytes: &[u8],
    ) -> Result<(Option<Question>, Option<Held>), Problem> {
        if self.refuses_replacement && self.body.replaces_all(bytes) {
            return Err(Problem::ReplacementRefused);
        }
        self.body.check_room(host, plugin, bytes.len())?;
        let (on, passes, flag_question) = match self.purpose {
            _ if bytes.is_empty() => return Ok((self.question, None)),
            Some(Purpose::Look) if self.body.holds_ours(plugin, bytes)? => {
                return Err(Problem::MaskedValue);
            }
            Some(Purpose::Look) | None => return Ok((self.question, None)),
            Some(Purpose::Mask { passes }) => (ClassSet::EMPTY, passes, None),
            Some(Purpose::Flag {
                on,
                passes,
                question,
            }) => (on, passes, question),
        };
        let options = body::options(host, plugin, ClassSet::EMPTY)?;
        let (masked, found) = self.body.masked(host, plugin, options, passes, bytes)?;
        let flagged = found.classes().intersection(on);
        if !flagged.is_empty() {
            let mut question = *flag_question.ok_or(Problem::IdentityRequired)?;
            question.classes = flagged;
            self.question = Some(question);
            edit_headers(host, happen_once).map_err(|_| Problem::BodyNotReviewable)?;
        }
        let Some(question) = &mut self.question else {
            host.tell(Fact::BodyMasked(&found));
            host.replace_body(Buffer::RequestBody, bytes.len(), &masked)
                .map_err(|_| Problem::BodyNotReviewable)?;
            return Ok((None, None));
        };
        question.found = Some(found);
        let held = Held {
            body: self.body,
            passes,
            size: bytes.len(),
            is_flagged: question.is_flag,
        };
        Ok((self.question, Some(held)))
    }
}

fn edit_headers(host: &impl Host, edit: impl FnOnce(&mut Edited<'_>)) -> Result<(), HostError> {
    let bytes = host.headers(Map::RequestHeaders)?;
    let mut headers = Edited::read(&bytes)?;
    edit(&mut headers);
    headers.write(host, Map::RequestHeaders)
}

impl Held {
    /// Masks the body but for what is released, and gives what of the release is for the answer.
    pub(crate) fn release(
        self,
        host: &impl Host,
        plugin: &Plugin,
        release: Release,
    ) -> Result<Release, Problem> {
        let unwritable = |_: HostError| Problem::BodyNotReviewable;
        let bytes = host.body(Buffer::RequestBody, self.size);
        let bytes = bytes.map_err(unwritable)?;
        if bytes.len() != self.size {
            return Err(Problem::BodyNotReviewable);
        }
        self.body.check_room(host, plugin, bytes.len())?;
        // Fields of forms and of multipart bodies are masked one by one: what bounds all of them cannot
        // be kept there.
        let options = release.plain_options(host, plugin);
        let mut options = options.map_err(Problem::RequestNotMaskable)?;
        if self.body.framing().is_some() {
            release.bound(&mut options);
        }
        let (masked, found) = self
            .body
            .masked(host, plugin, options, self.passes, &bytes)?;
        host.tell(Fact::BodyMasked(&found));
        host.replace_body(Buffer::RequestBody, self.size, &masked)
            .map_err(unwritable)?;
        Ok(if self.is_flagged {
            Release::default()
        } else {
            release
        })
    }
}
