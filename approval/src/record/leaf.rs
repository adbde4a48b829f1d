//! A record as a leaf of the audit log: a `CloudEvents` 1.0 event in RFC 8785 form.

use std::fmt;
use velum_engine::{Class, ClassSet};

use super::canonical::{Object, Value};
use super::{Ended, Record, Reported, Requested, Used, Voted};
use crate::case::{Cause, State, Verdict};
use crate::directory::Party;
use crate::words::{ActionName, ApprovalId, PersonId, RecordId, Timestamp, base64url_encode};

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
            Self::Collected(approval, version) => Object::new()
                .with("actor", service())
                .with("approval", case(approval, State::Pending, *version)),
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
        }
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
        let requester = match &self.requester {
            Party::Person { id } => actor("person", id.as_str()),
            Party::Agent { id, owner } => actor("agent", id.as_str()).with("owner", owner.as_str()),
        };
        let request = Object::new()
            .with("action", self.action.as_str())
            .with("classes", class_names(self.classes))
            .with("fingerprint_mac", self.fingerprint_mac.to_string())
            .with("method", self.method)
            .with("path", self.path.as_str())
            .with("policy", self.policy.to_string())
            .with("query", self.query.as_str())
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
            .with("requester", requester)
    }
}

impl Voted {
    fn data(&self) -> Object {
        let (verdict, classes) = match self.verdict {
            Verdict::Approve { classes } => ("approve", Some(class_names(classes))),
            Verdict::Deny => ("deny", None),
            Verdict::TakeBack => ("take-back", None),
        };
        let vote = Object::new()
            .with_some("classes", classes)
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
                .with("classes", class_names(self.granted))
                .with("expires", expires.to_string())
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
            .with("classes", class_names(self.classes))
            .with("expires", self.expires.to_string())
            .with("fingerprint_mac", self.fingerprint_mac.to_string())
            .with("key", self.use_key.to_string())
            .with("policy", self.policy.to_string());
        Object::new()
            .with("actor", actor("gateway", self.gateway.as_str()))
            .with("approval", case(&self.approval, State::Used, self.version))
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
            _ => data,
        }
    }
}

/// Who did it; the requester of an approval is named in its first record.
fn actor(kind: &str, id: &str) -> Object {
    Object::new()
        .with("kind", kind)
        .with_some("id", Some(id).filter(|id| !id.is_empty()))
}

fn service() -> Object {
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
