//! The request side: which action a request meets, and what must happen before the upstream
//! may see it.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use velum_approval::messages::Check;
use velum_approval::{
    ActionName, ApprovalId, FingerprintInput, Identity, Lineage, PolicyDigest, Reason,
};
use velum_engine::{ClassSet, Framing, Inspector};
use velum_policy::{Effect, Otherwise, Refusal, Verdict};

use crate::ask::{self, Ask, AskFault};
use crate::check;
use crate::host::{Edited, Header, Headers, Host, Map, header};
use crate::identity::{self, Caller};
use crate::media::{self, Media};
use crate::plugin::Plugin;
use crate::problem::Problem;
use crate::protocol;

/// What becomes of a request, told from its headers.
pub(crate) enum Admission {
    /// The policy says that this is not inspected.
    Pass,
    /// Goes on; its answer is masked.
    Forward,
    Refuse(Problem),
    /// The caller asks how an approval of theirs stands.
    Poll {
        approval: ApprovalId,
        principal: Identity,
        wait: Duration,
    },
    /// Something must happen first: the body is read, or the policy service asked, or both.
    Hold(Box<Plan>),
}

/// What must happen to a held request.
pub(crate) struct Plan {
    /// The body is yet to come.
    pub(crate) awaits_body: bool,
    /// Whether our own output is looked for in the body.
    inspect: bool,
    media: Media,
    pub(crate) question: Option<Question>,
}

/// A question to the policy service, complete but for the body's digest.
pub(crate) struct Question {
    caller: Caller,
    action: String,
    method: String,
    authority: String,
    path: String,
    query: Vec<u8>,
    scrubbed_path: String,
    scrubbed_query: String,
    headers: Headers,
    authorization_is_principal: bool,
    classes: ClassSet,
    ask: Ask,
    /// How long caller and action agree to hold; `None`: one answer, at once.
    pub(crate) hold: Option<Duration>,
    pub(crate) fallback: Fallback,
}

/// What a request comes to that is not allowed more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// Refused.
    Refuse,
    /// Masked, whatever the reason.
    Mask,
    /// Masked while nobody has decided; a denial is told.
    MaskUnlessDenied,
}

/// Decides from the headers, and edits them for the upstream.
pub(crate) fn admit(host: &impl Host, plugin: &Plugin, end: bool) -> Admission {
    match try_admit(host, plugin, end) {
        Ok(admission) => admission,
        Err(problem) => Admission::Refuse(problem),
    }
}

fn try_admit(host: &impl Host, plugin: &Plugin, end: bool) -> Result<Admission, Problem> {
    let bytes = host
        .headers(Map::RequestHeaders)
        .map_err(|_| Problem::NotConfigured)?;
    let given = Edited::read(&bytes).map_err(|_| Problem::NotConfigured)?;
    let caller = identity::read(host, &plugin.policy, &given);
    if let Some(poll) = poll(plugin, caller.as_ref(), &given) {
        return poll;
    }
    let verdict = evaluate(plugin, caller.as_ref(), &given)?;
    let asked = ask::read(&given);
    let mut headers = given;
    headers.remove_ours();
    ask::remove_wait(&mut headers);
    let effect = verdict.effect();
    let admission = match effect {
        Effect::Deny => return Err(Problem::ActionDenied),
        Effect::Pass => Admission::Pass,
        Effect::Mask | Effect::Review => {
            protocol::check(plugin, &headers)?;
            let question = question(plugin, &verdict, caller, asked, &headers)?;
            if question.is_some() && !end && !plugin.policy.headers_stop_iteration() {
                return Err(Problem::BodyNotReviewable);
            }
            prepare_for_masking(&mut headers, effect);
            plan(&headers, question, end)?
        }
    };
    // A header that is ours and cannot be removed could be believed by the upstream.
    headers
        .write(host, Map::RequestHeaders)
        .map_err(|_| Problem::NotConfigured)?;
    Ok(admission)
}

/// A GET below the status path is for us, on every authority and under every policy.
fn poll(
    plugin: &Plugin,
    caller: Option<&Caller>,
    headers: &[Header<'_>],
) -> Option<Result<Admission, Problem>> {
    plugin.policy.policy_service()?;
    let path = std::str::from_utf8(header(headers, ":path")?).ok()?;
    let approval = path.strip_prefix(check::STATUS_PREFIX)?;
    if header(headers, ":method")? != b"GET" {
        return Some(Err(Problem::ActionDenied));
    }
    let Some(caller) = caller else {
        return Some(Err(Problem::IdentityRequired));
    };
    Some(match (approval.parse(), ask::read(headers)) {
        (Ok(approval), Ok(ask)) => Ok(Admission::Poll {
            approval,
            principal: caller.principal.clone(),
            wait: ask.wait.unwrap_or_default(),
        }),
        _ => Err(Problem::Asked(AskFault::Approval, ClassSet::EMPTY)),
    })
}

fn evaluate<'p>(
    plugin: &'p Plugin,
    caller: Option<&Caller>,
    headers: &[Header<'_>],
) -> Result<Verdict<'p>, Problem> {
    let pseudo = |name| header(headers, name).unwrap_or_default();
    let kind = caller.map(|caller| caller.principal.kind().name());
    let facts = caller.zip(kind).map(|(caller, kind)| velum_policy::Caller {
        kind,
        issuer: caller.principal.issuer(),
        subject: caller.principal.subject(),
        claims: caller.claims.as_ref(),
    });
    let fields: Vec<_> = headers.iter().map(|(n, v)| (*n, &**v)).collect();
    let request = velum_policy::Request {
        method: pseudo(":method"),
        authority: pseudo(":authority"),
        path: pseudo(":path"),
        headers: &fields,
        caller: facts.as_ref(),
    };
    plugin.policy.evaluate(&request).map_err(Problem::Refused)
}

/// The question that the request raises, if it raises one.
fn question(
    plugin: &Plugin,
    verdict: &Verdict<'_>,
    caller: Option<Caller>,
    asked: Result<Ask, AskFault>,
    headers: &Edited<'_>,
) -> Result<Option<Question>, Problem> {
    let ceiling = verdict.askable();
    let ask = asked.map_err(|fault| Problem::Asked(fault, ceiling))?;
    let classes = ask.lift.unwrap_or(ClassSet::EMPTY).intersection(ceiling);
    if ask.lift.is_some() && classes.is_empty() && !ceiling.is_empty() {
        return Err(Problem::NothingToLift(ceiling));
    }
    let reviews = verdict
        .action
        .is_some_and(|action| action.effect == Effect::Review);
    if !reviews && !ask.is_made() {
        return Ok(None);
    }
    let Some(action) = verdict.action.filter(|_| reviews || !ceiling.is_empty()) else {
        return Err(Problem::NothingToLift(ceiling));
    };
    let caller = caller.ok_or(Problem::IdentityRequired)?;
    let authorization_is_principal =
        header(headers, "authorization").is_some_and(|value| caller.is_token(value));
    let hold = match (&action.ask, reviews) {
        (Some(ask), false) => ask.hold,
        _ => action.hold,
    };
    let text = |name| {
        let bytes = header(headers, name).unwrap_or_default();
        String::from_utf8(bytes.to_vec()).map_err(|_| Problem::Refused(Refusal::AmbiguousRequest))
    };
    let hold = ask
        .wait
        .map(|wait| wait.min(hold))
        .filter(|hold| !hold.is_zero());
    Ok(Some(Question {
        fallback: match (reviews, action.otherwise, hold) {
            (true, Otherwise::Mask, _) => Fallback::Mask,
            (false, _, None) => Fallback::MaskUnlessDenied,
            _ => Fallback::Refuse,
        },
        caller,
        action: action.name.clone(),
        method: text(":method")?,
        authority: text(":authority")?,
        path: verdict.path.as_str().to_owned(),
        query: verdict.path.query().to_vec(),
        scrubbed_path: verdict.path.scrubbed(&plugin.policy),
        scrubbed_query: verdict.path.scrubbed_query(&plugin.policy),
        headers: headers.to_owned(),
        authorization_is_principal,
        classes,
        ask,
        hold,
    }))
}

/// What the upstream must not see on a route whose answers are masked: anything that would make
/// the answer partial, encoded, or absent because a cache holds another identity's view.
fn prepare_for_masking(headers: &mut Edited<'_>, effect: Effect) {
    headers.remove(&[
        "range",
        "if-range",
        "if-none-match",
        "if-modified-since",
        "te",
    ]);
    headers.set("accept-encoding", "identity");
    if effect == Effect::Review && !is_safe(headers) {
        // A released request happens once, whatever the route's retry policy says.
        headers.set("x-envoy-max-retries", "0");
    }
}

fn plan(
    headers: &[Header<'_>],
    question: Option<Question>,
    end: bool,
) -> Result<Admission, Problem> {
    let writes = matches!(
        header(headers, ":method"),
        Some(b"PUT" | b"PATCH" | b"POST")
    );
    let inspect = writes && !end;
    if inspect && media::is_encoded(headers) {
        return Err(Problem::BodyEncoded);
    }
    if !inspect && question.is_none() {
        return Ok(Admission::Forward);
    }
    let media = media::of(headers);
    Ok(Admission::Hold(Box::new(Plan {
        awaits_body: !end,
        inspect,
        media,
        question,
    })))
}

fn is_safe(headers: &[Header<'_>]) -> bool {
    matches!(
        header(headers, ":method"),
        Some(b"GET" | b"HEAD" | b"OPTIONS")
    )
}

/// Whether a body of any other form holds a placeholder as it is written.
fn contains_placeholder(body: &[u8]) -> bool {
    const BEGINNING: &[u8] = b"[masked:";
    body.windows(BEGINNING.len())
        .any(|window| window == BEGINNING)
}

impl Plan {
    /// Looks for our own output in the whole body: a masked value must not become data.
    pub(crate) fn inspect(&self, plugin: &Plugin, body: &[u8]) -> Result<(), Problem> {
        if !self.inspect || body.is_empty() {
            return Ok(());
        }
        let found = match self.media {
            // Events are for responses; as a request's body they are searched like any other.
            Media::Json(Framing::Events) | Media::Other | Media::Unreadable => {
                contains_placeholder(body)
            }
            Media::Json(framing) => {
                let rules = Arc::clone(plugin.policy.rules());
                let mut inspector = Inspector::new(plugin.policy.limits().engine, framing)
                    .with_tokens(rules, plugin.keys.clone());
                let read = inspector.feed(body).and_then(|()| inspector.finish());
                read.map_err(|_| Problem::BodyNotJson)?;
                inspector.found_masked()
            }
        };
        if found {
            Err(Problem::MaskedValue)
        } else {
            Ok(())
        }
    }
}

impl Question {
    /// The check to send, bound to the body by its digest.
    pub(crate) fn check(self, host: &impl Host, plugin: &Plugin, body: &[u8]) -> Option<Check> {
        let secrets = plugin.secrets.as_ref()?;
        let body_digest: [u8; 32] = Sha256::digest(body).into();
        let fingerprint = velum_approval::fingerprint(
            &secrets.fingerprint_key,
            &FingerprintInput {
                principal_chain: &self.caller.lineage,
                method: self.method.as_bytes(),
                authority: self.authority.as_bytes(),
                path: self.path.as_bytes(),
                query: &self.query,
                body_digest: &body_digest,
                classes: self.classes,
                headers: &self.headers,
                authorization_is_principal: self.authorization_is_principal,
            },
        );
        let reason = self.ask.reason.as_deref().and_then(|reason| {
            Reason::new(velum_engine::mask_text(plugin.policy.rules(), reason)).ok()
        });
        Some(Check {
            use_key: check::use_key(host).ok()?,
            principal: self.caller.principal,
            lineage: Lineage::new(self.caller.lineage).ok()?,
            action: ActionName::new(self.action).ok()?,
            method: self.method,
            authority: self.authority,
            path: self.scrubbed_path,
            query: self.scrubbed_query,
            resource: velum_approval::keyed_token(&secrets.resource_key, self.path.as_bytes()),
            fingerprint,
            policy: PolicyDigest::from_bytes(plugin.policy.digest()),
            classes: self.classes,
            reason,
            approval: self.ask.approval,
        })
    }
}
