//! A record as a leaf of the audit log: a `CloudEvents` 1.0 event in RFC 8785 form.

use std::fmt;
use velum_engine::{Class, ClassSet};

use super::canonical::{Object, Value};
use super::{
    EmergencyEvent, Ended, LogEvent, PreviousLog, Record, Released, Reported, Requested, Stopped,
    Used, Voted,
};
use crate::case::{Cause, State, Verdict};
use crate::directory::Party;
use crate::evidence::Seen;
use crate::found::Found;
use crate::scope::Scope;
use crate::security_key::{Assertion, StepUp};
use crate::words::{
    ActionName, ApprovalId, EmergencyId, PersonId, RecordId, RuleName, Timestamp, base64url_encode,
};

impl Record {
    /// The most bytes of a leaf.
    pub const MOST_LEAF_BYTES: usize = 16 * 1024;

    /// The leaf, to be kept byte for byte. `seq` is its index in the log, `time` the service's,
    /// `id` unique in the log, `source` the log's own name as a URI (`urn:velum:…`).
    ///
    /// # Errors
    /// When it would be longer than [`MOST_LEAF_BYTES`](Self::MOST_LEAF_BYTES) or an integer in it
    /// larger than a double can hold; what the words of this crate admit stays below both. The
    /// change it belongs to must not be made then.
    pub fn to_leaf(
        &self,
        seq: u64,
        time: Timestamp,
        id: &RecordId,
        source: &str,
    ) -> Result<Vec<u8>, LeafError> {
        let data = self
            .data()
            .with("code", self.code())
            .with("outcome", outcome(self.code()))
            .with("seq", integer(seq))
            .with("v", 1_u32);
        let event = Object::new()
            .with("data", data)
            .with("datacontenttype", "application/json")
            .with("id", id.as_str())
            .with("source", source)
            .with("specversion", "1.0")
            .with_some(
                "subject",
                self.approval()
                    .map(|approval| format!("approval/{approval}")),
            )
            .with("time", time.to_string())
            .with("type", self.event_type());
        let leaf = Value::Object(event)
            .to_canonical()
            .map_err(|_| LeafError::Integer)?;
        if leaf.len() > Self::MOST_LEAF_BYTES {
            return Err(LeafError::TooLong);
        }
        Ok(leaf)
    }

    fn data(&self) -> Object {
        match self {
            Self::Requested(requested) => requested.data(),
            Self::RequestRefused {
                gateway,
                action,
                code,
            } => Object::new()
                .with("actor", actor("gateway", gateway.as_str()))
                .with_some("action", action.as_ref().map(ActionName::as_str))
                .with("refused", code.name()),
            Self::Collected {
                approval,
                version,
                seen,
            } => Object::new()
                .with(
                    "actor",
                    seen.as_ref().map_or_else(service, |_| actor("gateway", "")),
                )
                .with("approval", case(approval, State::Pending, *version))
                .with_some("evidence", seen.as_ref().map(|seen| seen.data())),
            Self::Questioned {
                approval,
                version,
                person,
                comment,
            } => Object::new()
                .with("actor", actor("person", person.as_str()))
                .with("approval", case(approval, State::Pending, *version))
                .with_some("comment_commitment", comment.map(|it| it.to_string())),
            Self::Explained {
                approval,
                version,
                reason,
            } => Object::new()
                .with("actor", actor("requester", ""))
                .with("approval", case(approval, State::Pending, *version))
                .with("reason_commitment", reason.to_string()),
            Self::Voted(voted) => voted.data(),
            Self::VoteRefused {
                approval,
                person,
                refused,
            } => Object::new()
                .with("actor", actor("person", person.as_str()))
                .with("approval", Object::new().with("id", approval.as_str()))
                .with("refused", refused.name()),
            Self::Used(used) => used.data(),
            Self::UseRefused {
                approval,
                gateway,
                code,
            } => Object::new()
                .with("actor", actor("gateway", gateway.as_str()))
                .with("approval", Object::new().with("id", approval.as_str()))
                .with("refused", code.name()),
            Self::Ended {
                approval,
                version,
                how,
            } => how.data(approval, *version),
            Self::Reported(reported) => reported.data(),
            Self::Summarised(summary) => Object::new()
                .with("actor", actor("gateway", summary.gateway().as_str()))
                .with("summary", summary.data()),
            Self::Released(released) => released.data(),
            Self::Stopped(stopped) => stopped.data(),
            Self::Barred { person, refused } => Object::new()
                .with("actor", actor("person", person.as_str()))
                .with("refused", *refused),
            Self::Emergency(event) => event.data(),
            Self::Session(event) => event.data(),
            Self::Credential(event) => event.data(),
            Self::Read(reading) => reading.data(),
            Self::Configured(configuration) => configuration.data(),
            Self::Log(event) => event.data(),
        }
    }
}

impl Seen {
    fn data(&self) -> Object {
        Object::new()
            .with("bytes", integer(self.bytes))
            .with("complete", self.complete)
            .with("found", counts(&self.found))
            .with("records", integer(self.records))
            .with_some("shape", self.shape.map(|shape| base64url_encode(&shape)))
            .with("tags", base64url_encode(&self.tags))
            .with("values", integer(self.values))
    }
}

impl Released {
    fn data(&self) -> Object {
        let report = &self.report;
        let release = Object::new()
            .with("bytes", integer(report.bytes))
            .with("drift", counts(&report.drift))
            .with("end", report.end.name())
            .with("key", report.use_key.to_string())
            .with("lifted", counts(&report.lifted))
            .with("masked", counts(&report.masked))
            .with("records", integer(report.records))
            .with("status", u32::from(report.status))
            .with("used_at", integer(self.used));
        Object::new()
            .with("actor", actor("gateway", self.gateway.as_str()))
            .with(
                "approval",
                Object::new().with("id", report.approval.as_str()),
            )
            .with("release", release)
    }
}

impl Stopped {
    fn data(&self) -> Object {
        let stop = Object::new()
            .with("id", self.stop.as_str())
            .with("kind", self.kind)
            .with_some("principal", self.principal.as_ref().map(party))
            .with_some("what", self.what.as_deref());
        Object::new()
            .with("actor", actor("person", self.by.as_str()))
            .with("stop", stop)
    }
}

impl EmergencyEvent {
    fn data(&self) -> Object {
        let emergency = Object::new()
            .with("action", self.action.as_str())
            .with("id", self.emergency.as_str())
            .with("opened_by", self.opened_by.as_str())
            .with("reason_commitment", self.reason.to_string())
            .with("until", self.until.to_string())
            .with("uses", self.uses)
            .with("version", integer(self.version));
        let reviewer = self.reviewed.as_ref().map(|reviewed| &reviewed.by);
        let comment = self.reviewed.as_ref().and_then(|reviewed| reviewed.comment);
        Object::new()
            .with(
                "actor",
                actor("person", reviewer.unwrap_or(&self.opened_by).as_str()),
            )
            .with_some("comment_commitment", comment.map(|it| it.to_string()))
            .with("emergency", emergency)
            .with("excluded", people(&self.excluded))
            .with_some("requester", self.requester.as_ref().map(party))
    }
}

impl LogEvent {
    fn data(&self) -> Object {
        let log = match self {
            Self::Opened {
                name,
                key,
                previous,
                first,
            } => Object::new()
                .with_some("first", (*first > 0).then(|| integer(*first)))
                .with("key", base64url_encode(key))
                .with("name", name.as_str())
                .with_some("previous", previous.as_ref().map(PreviousLog::data)),
            Self::Recovered {
                name,
                key,
                previous,
                restored,
                unsigned,
                first,
                ..
            } => Object::new()
                .with_some("first", (*first > 0).then(|| integer(*first)))
                .with("key", base64url_encode(key))
                .with("name", name.as_str())
                .with("previous", previous.data())
                .with("restored", integer(*restored))
                .with_some("unsigned", (*unsigned > 0).then(|| integer(*unsigned))),
            Self::KeyRotated { old, new } => Object::new()
                .with("key", base64url_encode(new))
                .with("old_key", base64url_encode(old)),
            Self::Heartbeat => Object::new(),
            Self::Closed { next } => Object::new().with("next", next.as_str()),
            Self::Pruned { pruned, .. } => Object::new().with("pruned", pruned.data()),
        };
        let data = Object::new().with("log", log);
        match self {
            Self::Recovered { by, reason, .. } | Self::Pruned { by, reason, .. } => data
                .with("actor", actor("person", by.as_str()))
                .with("reason_commitment", reason.to_string()),
            _ => data.with("actor", service()),
        }
    }
}

impl PreviousLog {
    fn data(&self) -> Object {
        Object::new()
            .with("name", self.name.as_str())
            .with("root", base64url_encode(&self.root))
            .with("size", integer(self.size))
    }
}

impl Reported {
    fn data(&self) -> Object {
        let events = Object::new()
            .with("digest", base64url_encode(&self.digest))
            .with("lost", integer(self.lost))
            .with("masked", integer(self.masked))
            .with("missing", integer(self.missing))
            .with("requests", integer(self.requests))
            .with("sequence", integer(self.sequence))
            .with("worker", self.worker.to_string());
        Object::new()
            .with("actor", actor("gateway", self.gateway.as_str()))
            .with("events", events)
    }
}

impl Requested {
    fn data(&self) -> Object {
        let request = Object::new()
            .with("action", self.action.as_str())
            .with("classes", class_names(self.classes))
            .with("fingerprint_mac", self.fingerprint_mac.to_string())
            .with_some("found", self.found.as_ref().map(counts))
            .with("method", self.method)
            .with("path", self.route.path())
            .with("policy", self.policy.to_string())
            .with("query", self.route.query())
            .with_some(
                "reason_commitment",
                self.reason.map(|reason| reason.to_string()),
            )
            .with("resource", self.resource.to_string());
        Object::new()
            .with("actor", actor("gateway", self.gateway.as_str()))
            .with("approval", case(&self.approval, self.state, self.version))
            .with("decide_by", self.decide_by.to_string())
            .with("excluded", people(&self.excluded))
            .with("needed", self.needed)
            .with("request", request)
            .with("requester", party(&self.requester))
            .with_some("step_up", self.step_up.map(StepUp::name))
            .with("uses", self.uses)
    }
}

impl Voted {
    fn data(&self) -> Object {
        let (verdict, scope) = match &self.verdict {
            Verdict::Approve {
                scope,
                seconds,
                unseen,
            } => {
                let scope = scope_of(scope)
                    .with_some("seconds", *seconds)
                    .with_some("unseen", unseen.then_some(true));
                ("approve", Some(scope))
            }
            Verdict::Deny => ("deny", None),
            Verdict::TakeBack => ("take-back", None),
        };
        let vote = Object::new()
            .with_some("assertion", self.assertion.as_ref().map(Assertion::data))
            .with_some("scope", scope)
            .with_some(
                "comment_commitment",
                self.comment.map(|comment| comment.to_string()),
            )
            .with_some(
                "public_reason_commitment",
                self.public_reason.map(|text| text.to_string()),
            )
            .with("verdict", verdict);
        let grant = self.grant_expires.map(|expires| {
            Object::new()
                .with("expires", expires.to_string())
                .with("scope", scope_of(&self.granted))
                .with("uses", self.uses)
        });
        Object::new()
            .with("actor", actor("person", self.person.as_str()))
            .with("approval", case(&self.approval, self.state, self.version))
            .with("got", self.got)
            .with_some("grant", grant)
            .with("needed", self.needed)
            .with("vote", vote)
    }
}

impl Used {
    fn data(&self) -> Object {
        let made = Object::new()
            .with_some(
                "emergency",
                self.emergency.as_ref().map(EmergencyId::as_str),
            )
            .with("expires", self.expires.to_string())
            .with("fingerprint_mac", self.fingerprint_mac.to_string())
            .with("key", self.use_key.to_string())
            .with("number", self.number)
            .with("of", self.of)
            .with("policy", self.policy.to_string())
            .with("scope", scope_of(&self.scope))
            .with_some("tags", self.seen.map(|tags| base64url_encode(&tags)));
        Object::new()
            .with("actor", actor("gateway", self.gateway.as_str()))
            .with("approval", case(&self.approval, self.state, self.version))
            .with("approved_by", people(&self.approved_by))
            .with("use", made)
    }
}

impl Ended {
    fn data(&self, approval: &ApprovalId, version: u64) -> Object {
        let (who, state) = match self {
            Self::Expired => (service(), State::Expired),
            Self::Cancelled => (actor("requester", ""), State::Cancelled),
            Self::Superseded(_) => (service(), State::Superseded),
            Self::Revoked(person) => (actor("person", person.as_str()), State::Revoked),
        };
        let data = Object::new()
            .with("actor", who)
            .with("approval", case(approval, state, version));
        match self {
            Self::Superseded(Cause::Policy(policy)) => data
                .with("cause", "policy")
                .with("policy", policy.to_string()),
            Self::Superseded(Cause::Reviewers) => data.with("cause", "reviewers"),
            Self::Superseded(Cause::Recovery) => data.with("cause", "recovery"),
            _ => data,
        }
    }
}

/// Who did it; the requester of an approval is named in its first record.
pub(super) fn actor(kind: &str, id: &str) -> Object {
    Object::new()
        .with("kind", kind)
        .with_some("id", Some(id).filter(|id| !id.is_empty()))
}

fn party(party: &Party) -> Object {
    match party {
        Party::Person { id } => actor("person", id.as_str()),
        Party::Agent { id, owner } => actor("agent", id.as_str()).with("owner", owner.as_str()),
    }
}

fn scope_of(scope: &Scope) -> Object {
    let rules = scope.rules.as_ref();
    Object::new()
        .with_some("bytes", scope.limits.bytes.map(integer))
        .with("classes", class_names(scope.classes))
        .with_some("records", scope.limits.records.map(integer))
        .with_some(
            "rules",
            rules.map(|rules| rules.iter().map(RuleName::as_str).collect::<Value>()),
        )
}

fn counts(found: &Found) -> Object {
    found
        .counts()
        .fold(Object::new(), |object, (class, count)| {
            object.with(class.name(), integer(count))
        })
}

pub(super) fn service() -> Object {
    actor("service", "")
}

fn case(approval: &ApprovalId, state: State, version: u64) -> Object {
    Object::new()
        .with("id", approval.as_str())
        .with("state", state.name())
        .with("version", integer(version))
}

fn class_names(classes: ClassSet) -> Value {
    classes.iter().map(Class::name).collect()
}

fn people<'a>(people: impl IntoIterator<Item = &'a PersonId>) -> Value {
    people.into_iter().map(PersonId::as_str).collect()
}

/// What is too large becomes what the writer refuses.
fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn outcome(code: &str) -> &'static str {
    if code.ends_with('I') {
        "success"
    } else {
        "refused"
    }
}

/// Why a record cannot become a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafError {
    /// More than 16 KiB.
    TooLong,
    /// An integer beyond 2^53 - 1.
    Integer,
}

impl fmt::Display for LeafError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the audit record is longer than 16 KiB",
            Self::Integer => "the audit record holds an integer beyond 2^53 - 1",
        })
    }
}

impl std::error::Error for LeafError {}
