//! Calls to the policy service and what their answers mean. Anything but a well-formed answer to
//! this very call is "no".

use std::rc::Rc;
use std::time::Duration;

use velum_approval::messages::{Answer, Check, Departure, StatusQuery, Withdrawal};
use velum_approval::{
    Allow, ApprovalId, DenyCode, Expected, Identity, Reason, SignatureError, Timestamp, UseKey,
};

use crate::grant::{Collection, Grant};
use crate::host::{Buffer, Call, Headers, Host, HostError, Level, Map, header};
use crate::pairs;
use crate::plugin::Plugin;

/// Under this path, on every authority, the filter itself answers for approvals.
pub(crate) const STATUS_PREFIX: &str = "/.well-known/velum/approvals/";
/// The longest a single call waits; longer holds are chained.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// What the network may add to a wait.
const NETWORK_MARGIN: Duration = Duration::from_secs(5);
/// The largest answer read, in bytes.
const LARGEST_ANSWER: usize = 96 * 1024;
/// How often a service may answer a waiting check without having waited: beyond it, the hold ends.
const EARLY_ANSWERS: u32 = 8;
/// How often a held request whose call broke or was answered by nobody is asked about again in a row: a
/// replica of the service may be gone, and the others answer.
const MOST_BROKEN: u32 = 3;

/// A check under way, from the first call to the last.
pub(crate) struct Asking {
    check: Check,
    /// When the caller's hold ends, in nanoseconds since the epoch; `None`: no hold, one answer.
    hold_until: Option<u64>,
    sent_at: u64,
    waited: Duration,
    early_answers: u32,
    broken: u32,
}

/// What a check came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allowed(Box<Allow>),
    /// Undecided; the hold, if any, is over.
    Pending {
        approval: ApprovalId,
        retry_after: u32,
        /// What the masked answer holds is awaited from this stream.
        evidence: bool,
    },
    Denied {
        code: DenyCode,
        approval: Option<ApprovalId>,
        public_reason: Option<Reason>,
    },
    /// No answer, or none that can be believed; why, for the log.
    Unavailable(&'static str),
}

/// What the answer to a call leads to.
pub(crate) enum Next {
    Outcome(Outcome),
    /// Still undecided within the hold: asked again, under this token.
    Asked(u32),
}

impl Asking {
    /// Begins a check. `hold`: how long the caller and the action agree to wait, if at all.
    pub(crate) fn begin(
        host: &impl Host,
        plugin: &Plugin,
        check: Check,
        hold: Option<Duration>,
    ) -> (Self, Result<u32, HostError>) {
        let now = host.now();
        // A clock that cannot be read is as late as can be: then there is no hold, which would never
        // end.
        let hold_until = hold.and_then(|hold| now.checked_add(nanoseconds(hold)));
        let mut asking = Self {
            check,
            hold_until,
            sent_at: now,
            waited: Duration::ZERO,
            early_answers: 0,
            broken: 0,
        };
        let token = asking.send(host, plugin);
        (asking, token)
    }

    /// Tells the service that the stream has ended, so that nobody waits here any more. Nothing
    /// comes of an answer, and nothing depends on one: the grant of a stream that is gone is used
    /// by none.
    pub(crate) fn leave(&self, host: &impl Host, plugin: &Plugin) {
        let departure = Departure {
            use_key: self.check.use_key,
        };
        let sent = serde_json::to_vec(&departure)
            .map_err(|_| HostError(2))
            .and_then(|body| send(host, plugin, "/v1/departures", &body, Duration::ZERO));
        if sent.is_err() {
            host.log(
                Level::Warn,
                "velum: a caller left, and the policy service could not be told",
            );
        }
    }

    /// What is permitted so, for this stream.
    pub(crate) fn grant(self, plugin: Rc<Plugin>, allow: Allow) -> Grant {
        Grant::new(plugin, allow, self.check, self.sent_at)
    }

    /// What is to be told of the masked answer.
    pub(crate) fn collection(&self, plugin: Rc<Plugin>, approval: ApprovalId) -> Collection {
        Collection {
            plugin,
            approval,
            use_key: self.check.use_key,
            classes: self.check.classes,
        }
    }

    /// Whether the caller agreed to wait.
    pub(crate) fn is_held(&self) -> bool {
        self.hold_until.is_some()
    }

    /// Reads the answer of the call just made.
    pub(crate) fn on_answer(
        &mut self,
        host: &impl Host,
        plugin: &Plugin,
        header_count: usize,
        body_size: usize,
    ) -> Next {
        if matches!(status(host, header_count).as_deref(), Ok(b"503") | Err(_)) {
            self.broken += 1;
            let may_ask = self.broken <= MOST_BROKEN && self.is_held();
            if may_ask && self.remaining(host.now()) >= Duration::from_secs(1) {
                // The use key makes it the same ask: if the first call used the grant, the same answer
                // comes again.
                if let Ok(token) = self.send(host, plugin) {
                    return Next::Asked(token);
                }
            }
        } else {
            self.broken = 0;
        }
        let answer = read(host, header_count, body_size)
            .and_then(|body| serde_json::from_slice(&body).map_err(|_| "not an answer"));
        Next::Outcome(match answer {
            Err(why) => Outcome::Unavailable(why),
            Ok(Answer::Allow(signed)) => {
                let expected = Expected {
                    use_key: self.check.use_key,
                    fingerprint: self.check.fingerprint,
                    now: timestamp(host.now()),
                };
                let keys = plugin
                    .policy
                    .policy_service()
                    .map_or(&[][..], |s| &s.public_keys);
                match signed.verify(keys, &expected) {
                    Ok(allow) if !allow.scope.classes.is_subset(self.check.classes) => {
                        Outcome::Unavailable("more was granted than asked")
                    }
                    Ok(allow) => Outcome::Allowed(Box::new(allow)),
                    Err(SignatureError::Expired) => {
                        Outcome::Unavailable("the answer has expired: compare the clocks")
                    }
                    Err(_) => Outcome::Unavailable("the signature does not hold"),
                }
            }
            Ok(Answer::Deny {
                code,
                approval,
                public_reason,
            }) => Outcome::Denied {
                code,
                approval,
                public_reason,
            },
            Ok(Answer::Pending {
                approval,
                retry_after_seconds,
                evidence,
                ..
            }) => {
                if self.may_ask_again(host.now(), retry_after_seconds == 0) {
                    // From here on it is this approval that is waited for, and no new one.
                    self.check.approval = Some(approval);
                    match self.send(host, plugin) {
                        Ok(token) => return Next::Asked(token),
                        Err(_) => Outcome::Unavailable("the call could not be sent"),
                    }
                } else {
                    Outcome::Pending {
                        approval,
                        retry_after: retry_after_seconds,
                        evidence: evidence && self.check.evidence,
                    }
                }
            }
        })
    }

    /// `decided`: the service says that the next call will be answered. A waiting call never uses
    /// a grant, since nobody could tell whether its stream has ended meanwhile.
    fn may_ask_again(&mut self, now: u64, decided: bool) -> bool {
        let spent = Duration::from_nanos(now.saturating_sub(self.sent_at));
        if spent < self.waited / 2 {
            self.early_answers += 1;
        }
        let has_time = decided || self.remaining(now) >= Duration::from_secs(1);
        self.early_answers <= EARLY_ANSWERS && self.is_held() && has_time
    }

    fn remaining(&self, now: u64) -> Duration {
        Duration::from_nanos(self.hold_until.unwrap_or(0).saturating_sub(now))
    }

    fn send(&mut self, host: &impl Host, plugin: &Plugin) -> Result<u32, HostError> {
        self.sent_at = host.now();
        self.waited = self.remaining(self.sent_at).min(LONGEST_WAIT);
        let body = serde_json::to_vec(&self.check).map_err(|_| HostError(2))?;
        send(host, plugin, "/v1/checks", &body, self.waited)
    }
}

/// What a requester wants of their approval.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Polled {
    /// Its state; after a decision, or this long.
    Status(Duration),
    /// The proof of the release of this number.
    Proof(u32),
    /// That it be taken back.
    Withdrawal,
}

/// Asks the service for the state of an approval, or for a proof, as far as it is this principal's.
pub(crate) fn ask_status(
    host: &impl Host,
    plugin: &Plugin,
    approval: &ApprovalId,
    principal: &Identity,
    asked: Polled,
) -> Result<u32, HostError> {
    let question = StatusQuery {
        principal: principal.clone(),
    };
    let body = serde_json::to_vec(&question).map_err(|_| HostError(2))?;
    let (path, wait) = match asked {
        Polled::Status(wait) => ("status".to_owned(), wait),
        Polled::Proof(number) => (format!("proofs/{number}"), Duration::ZERO),
        Polled::Withdrawal => ("withdrawal".to_owned(), Duration::ZERO),
    };
    let path = format!("/v1/approvals/{approval}/{path}");
    send(host, plugin, &path, &body, wait.min(LONGEST_WAIT))
}

/// Reads the answer to [`ask_status`]; `Ok(None)`: this principal has no such approval, or release.
pub(crate) fn read_polled(
    host: &impl Host,
    header_count: usize,
    body_size: usize,
) -> Result<Option<Vec<u8>>, &'static str> {
    if status(host, header_count)? == b"404" {
        return Ok(None);
    }
    read(host, header_count, body_size).map(Some)
}

/// Asks for a lease from a root context.
pub(crate) fn ask_lease(
    host: &impl Host,
    plugin: &Plugin,
    request: &[u8],
    wait: Duration,
) -> Result<u32, HostError> {
    send(host, plugin, "/v1/leases", request, wait)
}

/// Posts what a stream left behind.
pub(crate) fn post(
    host: &impl Host,
    plugin: &Plugin,
    path: &str,
    body: &[u8],
) -> Result<u32, HostError> {
    send(host, plugin, path, body, Duration::ZERO)
}

/// Takes an ask back, for the principal who made it.
pub(crate) fn withdraw(
    host: &impl Host,
    plugin: &Plugin,
    approval: &ApprovalId,
    principal: &Identity,
) -> Result<u32, HostError> {
    let withdrawal = Withdrawal {
        principal: principal.clone(),
    };
    let body = serde_json::to_vec(&withdrawal).map_err(|_| HostError(2))?;
    let path = format!("/v1/approvals/{approval}/withdrawal");
    send(host, plugin, &path, &body, Duration::ZERO)
}

/// Reads the answer to [`withdraw`]: whether it is taken back; `None`: this principal has no such
/// approval.
pub(crate) fn read_withdrawal(
    host: &impl Host,
    header_count: usize,
) -> Result<Option<bool>, &'static str> {
    match &*status(host, header_count)? {
        b"204" => Ok(Some(true)),
        b"409" => Ok(Some(false)),
        b"404" => Ok(None),
        _ => Err("not answered"),
    }
}

/// Reports events from a root context.
pub(crate) fn report(host: &impl Host, plugin: &Plugin, batch: &[u8]) -> Result<u32, HostError> {
    send(host, plugin, "/v1/events", batch, Duration::ZERO)
}

/// What became of a batch of events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    Taken,
    /// It will not be taken, however often it is sent.
    Refused,
    Unknown,
}

/// Reads the answer to [`report`].
pub(crate) fn read_arrival(host: &impl Host, header_count: usize) -> Arrival {
    match status(host, header_count).as_deref() {
        Ok(b"200" | b"204") => Arrival::Taken,
        Ok(b"400" | b"404" | b"409" | b"413") => Arrival::Refused,
        _ => Arrival::Unknown,
    }
}

/// A key for this stream alone, which makes its checks idempotent.
pub(crate) fn use_key(host: &impl Host) -> Result<UseKey, HostError> {
    let mut bytes = [0_u8; 16];
    host.random(&mut bytes)?;
    Ok(UseKey::from_bytes(bytes))
}

/// Milliseconds since the epoch, as the messages count them.
pub(crate) fn timestamp(nanoseconds: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(nanoseconds / 1_000_000).unwrap_or(i64::MAX))
}

/// Nanoseconds since the epoch, as the host counts them.
pub(crate) fn nanoseconds_at(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_millis()).map_or(0, |millis| millis.saturating_mul(1_000_000))
}

fn send(
    host: &impl Host,
    plugin: &Plugin,
    path: &str,
    body: &[u8],
    wait: Duration,
) -> Result<u32, HostError> {
    let (Some(service), Some(secrets)) = (plugin.policy.policy_service(), &plugin.secrets) else {
        return Err(HostError(2));
    };
    let authorization = format!("Bearer {}", secrets.gateway_token);
    let prefer = format!("wait={}", wait.as_secs());
    let mut headers: Vec<(&str, &str)> = vec![
        (":method", "POST"),
        (":path", path),
        (":authority", &service.authority),
        ("content-type", "application/json"),
        ("authorization", &authorization),
    ];
    if wait >= Duration::from_secs(1) {
        headers.push(("prefer", &prefer));
    }
    let headers: Headers = headers
        .into_iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    host.call(&Call {
        cluster: &service.cluster,
        headers,
        body,
        timeout: wait + NETWORK_MARGIN,
    })
}

/// The body of a 200 answer. Envoy's own 503 and 504 look like answers of the service.
pub(crate) fn read(
    host: &impl Host,
    header_count: usize,
    body_size: usize,
) -> Result<Vec<u8>, &'static str> {
    if status(host, header_count)? != b"200" {
        return Err("not answered with 200");
    }
    if body_size > LARGEST_ANSWER {
        return Err("the answer is too large");
    }
    host.body(Buffer::CallResponseBody, body_size)
        .map_err(|_| "the answer cannot be read")
}

fn status(host: &impl Host, header_count: usize) -> Result<Vec<u8>, &'static str> {
    if header_count == 0 {
        return Err("the connection broke");
    }
    let headers = host
        .headers(Map::CallResponseHeaders)
        .map_err(|_| "the answer cannot be read")?;
    let headers = pairs::decode(&headers).ok_or("the answer cannot be read")?;
    header(&headers, ":status")
        .map(<[u8]>::to_vec)
        .ok_or("the answer has no status")
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
