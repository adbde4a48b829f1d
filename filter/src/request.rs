//! The request side: which action a request meets, and what must happen before the upstream
//! may see it.

mod body;
pub(crate) mod multipart;
mod plan;
mod streaming;

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use velum_approval::messages::Check;
use velum_approval::{
    ActionName, ApprovalId, FingerprintInput, Identity, Lineage, PolicyDigest, Reason,
    RouteTemplate,
};
use velum_engine::ClassSet;
use velum_policy::{Effect, Otherwise, Refusal, Verdict};

use crate::ask::{self, Ask, AskFault};
use crate::check::{self, Polled};
use crate::host::{Edited, Header, Headers, Host, Map, header};
use crate::identity::{self, Caller};
use crate::plugin::Plugin;
use crate::problem::Problem;
use crate::protocol;
use crate::watch::Fact;

use body::Found;
pub(crate) use plan::{Held, Plan};
pub(crate) use streaming::Streaming;

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
        asked: Polled,
    },
    /// Goes on; its body is masked as it comes.
    Mask(Box<Streaming>),
    /// Something must happen first: the body is read, or the policy service asked, or both.
    Hold(Box<Plan>),
}

/// A question to the policy service, complete but for the body's digest.
pub(crate) struct Question {
    caller: Caller,
    action: String,
    method: String,
    authority: String,
    path: String,
    query: Vec<u8>,
    route: RouteTemplate,
    headers: Headers,
    authorization_is_principal: bool,
    classes: ClassSet,
    ask: Ask,
    /// What the body holds, where it was looked for.
    found: Option<Found>,
    /// Asked only if the body holds what flags it.
    is_flag: bool,
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
pub(crate) fn admit(
    host: &impl Host,
    plugin: &Plugin,
    route: Option<&[u8]>,
    end: bool,
) -> Admission {
    match try_admit(host, plugin, route, end) {
        Ok(admission) => admission,
        Err(problem) => Admission::Refuse(problem),
    }
}

fn try_admit(
    host: &impl Host,
    plugin: &Plugin,
    route: Option<&[u8]>,
    end: bool,
) -> Result<Admission, Problem> {
    let bytes = host
        .headers(Map::RequestHeaders)
        .map_err(|_| Problem::NotConfigured)?;
    let given = Edited::read(&bytes).map_err(|_| Problem::NotConfigured)?;
    let caller = identity::read(host, &plugin.policy, &given);
    if let Some(poll) = poll(plugin, caller.as_ref(), &given) {
        return poll;
    }
    if let Some(caller) = &caller {
        host.tell(Fact::Principal(&caller.principal));
    }
    let verdict = evaluate(plugin, route, caller.as_ref(), &given)?;
    host.tell(Fact::Met(verdict.action));
    let asked = ask::read(&given);
    let mut headers = given;
    headers.remove_ours();
    ask::remove_wait(&mut headers);
    let effect = verdict.effect();
    let admission = match effect {
        Effect::Deny => return Err(Problem::ActionDenied),
        Effect::Pass => Admission::Pass,
        Effect::Mask | Effect::Review => {
            protocol::check(&headers)?;
            let is_inspected = verdict
                .action
                .is_some_and(|action| action.requests.is_some());
            if is_inspected {
                body::check_query(host, plugin, verdict.path.query())?;
            }
            let question = question(plugin, &verdict, caller, asked, &headers)?;
            let is_asked = question.as_ref().is_some_and(|question| !question.is_flag);
            if is_asked && !end && !plugin.policy.headers_stop_iteration() {
                return Err(Problem::BodyNotReviewable);
            }
            let admission = plan::of(host, plugin, &headers, verdict.action, question, end)?;
            prepare_for_masking(&mut headers);
            if effect == Effect::Review {
                happen_once(&mut headers);
            }
            if is_inspected && !end && !matches!(admission, Admission::Forward) {
                headers.remove(plan::MADE_FALSE);
            }
            admission
        }
    };
    // A header that is ours and cannot be removed could be believed by the upstream.
    headers
        .write(host, Map::RequestHeaders)
        .map_err(|_| Problem::NotConfigured)?;
    Ok(admission)
}

/// A GET or DELETE below the status path is for us, on every authority and under every policy.
fn poll(
    plugin: &Plugin,
    caller: Option<&Caller>,
    headers: &[Header<'_>],
) -> Option<Result<Admission, Problem>> {
    plugin.policy.policy_service()?;
    let path = std::str::from_utf8(header(headers, ":path")?).ok()?;
    let rest = path.strip_prefix(check::STATUS_PREFIX)?;
    let (approval, proof) = match rest.split_once("/proofs/") {
        Some((approval, number)) => (approval, Some(number)),
        None => (rest, None),
    };
    let withdraws = match header(headers, ":method")? {
        b"GET" => false,
        b"DELETE" if proof.is_none() => true,
        _ => return Some(Err(Problem::ActionDenied)),
    };
    let Some(caller) = caller else {
        return Some(Err(Problem::IdentityRequired));
    };
    let proof = proof.map(str::parse).transpose();
    Some(match (approval.parse(), ask::read(headers), proof) {
        (Ok(approval), Ok(ask), Ok(proof)) => Ok(Admission::Poll {
            approval,
            principal: caller.principal.clone(),
            asked: match proof {
                Some(number) => Polled::Proof(number),
                None if withdraws => Polled::Withdrawal,
                None => Polled::Status(ask.wait.unwrap_or_default()),
            },
        }),
        _ => Err(Problem::Asked(AskFault::Approval, ClassSet::EMPTY)),
    })
}

fn evaluate<'p>(
    plugin: &'p Plugin,
    route: Option<&[u8]>,
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
        route,
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
    let flags = verdict.action.filter(|action| !action.flag_on().is_empty());
    let is_flag = flags.is_some() && ask.lift.is_none();
    if !reviews && !is_flag && !ask.is_made() {
        return Ok(None);
    }
    let may_ask = reviews || is_flag || !ceiling.is_empty();
    let Some(action) = verdict.action.filter(|_| may_ask) else {
        return Err(Problem::NothingToLift(ceiling));
    };
    let caller = match caller {
        Some(caller) => caller,
        // Whether anything has to be asked is told by the body.
        None if is_flag => return Ok(None),
        None => return Err(Problem::IdentityRequired),
    };
    let authorization_is_principal =
        header(headers, "authorization").is_some_and(|value| caller.is_token(value));
    let hold = match (&action.ask, action.requests) {
        (Some(ask), _) if !reviews => ask.hold,
        (None, Some(requests)) if is_flag => requests.hold,
        _ => action.hold,
    };
    let text = |name, most| {
        let bytes = header(headers, name).unwrap_or_default();
        told(String::from_utf8(bytes.to_vec()).unwrap_or_default(), most)
    };
    let names = verdict.path.parameter_names();
    let route = RouteTemplate::of(verdict.path.as_str(), names, &plugin.words);
    // Of the policy's words there may be too many, or one that no check may hold.
    if !is_told(route.path(), 2048) || !(route.query().is_empty() || is_told(route.query(), 2048)) {
        return Err(Problem::Refused(Refusal::AmbiguousRequest));
    }
    let hold = ask
        .wait
        .map(|wait| wait.min(hold))
        .filter(|hold| !hold.is_zero());
    Ok(Some(Question {
        fallback: match (reviews, action.otherwise, hold) {
            (true, Otherwise::Mask, _) => Fallback::Mask,
            (false, _, None) if !is_flag => Fallback::MaskUnlessDenied,
            _ => Fallback::Refuse,
        },
        caller,
        action: action.name.clone(),
        method: text(":method", 32)?,
        authority: text(":authority", 255)?,
        path: verdict.path.as_str().to_owned(),
        query: verdict.path.query().to_vec(),
        route,
        headers: headers.to_owned(),
        authorization_is_principal,
        classes,
        ask,
        found: None,
        is_flag,
        hold,
    }))
}

/// A text that a check may hold. With any other the policy service refuses the check, however often it is
/// sent.
fn told(text: String, most: usize) -> Result<String, Problem> {
    is_told(&text, most)
        .then_some(text)
        .ok_or(Problem::Refused(Refusal::AmbiguousRequest))
}

fn is_told(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// What the upstream must not see on a route whose answers are masked: anything that would make
/// the answer partial, encoded, or absent because a cache holds another identity's view. What changes
/// something keeps its conditions.
fn prepare_for_masking(headers: &mut Edited<'_>) {
    if is_safe(headers) {
        headers.remove(&["range", "if-range", "if-none-match", "if-modified-since"]);
    }
    headers.set("accept-encoding", "identity");
}

/// A released request happens once, whatever the route's retry policy and the caller say.
fn happen_once(headers: &mut Edited<'_>) {
    if is_safe(headers) {
        return;
    }
    headers.remove(&[
        "x-envoy-hedge-on-per-try-timeout",
        "x-envoy-retry-grpc-on",
        "x-envoy-retry-on",
    ]);
    headers.set("x-envoy-max-retries", "0");
}

fn is_safe(headers: &[Header<'_>]) -> bool {
    matches!(
        header(headers, ":method"),
        Some(b"GET" | b"HEAD" | b"OPTIONS")
    )
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
            path: self.route.path().to_owned(),
            query: self.route.query().to_owned(),
            resource: velum_approval::keyed_token(&secrets.resource_key, self.path.as_bytes()),
            fingerprint,
            policy: PolicyDigest::from_bytes(plugin.policy.digest()),
            classes: self.classes,
            found: self.found.map(|found| found.told()),
            reason,
            // Who is held, or refused, has no answer that could be looked at.
            evidence: self.hold.is_none()
                && self.fallback != Fallback::Refuse
                && !self.is_flag
                && self.ask.approval.is_none()
                && !self.classes.is_empty(),
            approval: self.ask.approval,
            worker: plugin.lease.borrow().worker,
        })
    }
}
