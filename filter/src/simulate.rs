//! The filter without Envoy: one exchange through the very same state machine, its host in memory.
//! Only with the feature `simulate`, which the module is built without.
//!
//! What Envoy would know of a request is given: who makes it, which route it takes. The policy
//! service is played: it approves at once what the exchange says that it approves, and leaves
//! everything else undecided.

mod facts;

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use velum_approval::messages::{Answer, Check};
use velum_approval::{Allow, ApprovalId, GatewayId, PublicKey, Scope, SignedAllow, SigningKey};
use velum_engine::ClassSet;
use velum_policy::{Policies, Policy};

use crate::check;
use crate::fake::Fake;
use crate::host::{Buffer, Flow, Map, header};
use crate::identity;
use crate::plugin::Dispatcher;

const ROOT: u32 = 1;
const STREAM: u32 = 2;
const NANOSECONDS_A_SECOND: u64 = 1_000_000_000;
/// How long a grant of the played service lives.
const GRANT_SECONDS: u64 = 60;
/// The one approval that the played service knows.
const APPROVAL: &str = "00000000-0000-7000-8000-000000000000";
/// When a caller may ask for it again.
const RETRY_AFTER_SECONDS: u32 = 5;
/// More calls than this are no filter's.
const MOST_CALLS: usize = 256;

/// A request or an answer: its header fields, pseudo-headers among them, and its body. Its `Debug`
/// form shows no value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Names in lower case, in the order given.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// All of it, without any framing.
    pub body: Vec<u8>,
}

/// What happens at the gateway, as far as Envoy would know it.
#[derive(Clone, Copy, Default)]
pub struct Exchange<'a> {
    /// The name of Envoy's route.
    pub route: Option<&'a str>,
    /// The policy that the route's metadata names.
    pub policy: Option<&'a str>,
    /// The claims of the token that Envoy verified, an object.
    pub claims: Option<&'a Value>,
    /// The name in the client's certificate that Envoy verified, or the text in its filter state.
    pub peer: Option<&'a str>,
    /// The classes that the policy service approves of those that are asked; `None`: undecided.
    pub approved: Option<ClassSet>,
    /// Seconds since the Unix epoch.
    pub now: u64,
}

/// What came of an exchange.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The request that the upstream gets; none where the filter lets none through.
    pub upstream: Option<Message>,
    /// What the client gets; none where the upstream's answer is not known.
    pub answer: Option<Message>,
    /// Whether the filter itself answered.
    pub is_own_answer: bool,
    /// Whether the answer was cut: the client sees that its body is not whole.
    pub is_cut: bool,
    /// What the policy service was asked, if it was: the first check, as it is sent.
    pub check: Option<Value>,
    /// What the filter wrote into Envoy's log.
    pub log: Vec<String>,
}

/// Who makes a request, as the filter reads it.
#[derive(Clone)]
pub struct Caller {
    /// The kind of the principal's identity.
    pub kind: &'static str,
    /// Who vouches for the principal.
    pub issuer: String,
    /// Who the principal is.
    pub subject: String,
    /// The subjects of everyone behind the request, the principal first.
    pub lineage: Vec<String>,
    /// The claims that conditions look at; null where one could not be read.
    pub claims: Option<Value>,
}

/// A gateway under one configuration document.
pub struct Gateway {
    document: String,
    policies: Policies,
    environment: BTreeMap<String, String>,
    missing: Vec<String>,
}

impl Gateway {
    /// Takes a configuration document, as Envoy would hand it over, and the secrets of an
    /// environment. Where that has none, throw-away ones stand in: [`Gateway::stand_ins`].
    ///
    /// # Errors
    /// What the filter refuses the document for.
    pub fn new(
        document: &str,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let policies = Policies::parse(document.as_bytes()).map_err(|error| error.to_string())?;
        let mut secrets = BTreeMap::new();
        let mut missing = Vec::new();
        for (_, policy) in policies.iter() {
            for name in variables(policy) {
                if secrets.contains_key(name) {
                    continue;
                }
                let value = environment(name).filter(|value| !value.trim().is_empty());
                if value.is_none() {
                    missing.push(name.to_owned());
                }
                let value = value.unwrap_or_else(|| STANDARD.encode(Sha256::digest(name)));
                secrets.insert(name.to_owned(), value);
            }
        }
        let gateway = Self {
            document: believing_us(document)?,
            policies,
            environment: secrets,
            missing,
        };
        gateway.start(&Exchange::default()).map(|_| gateway)
    }

    /// The policies of the document.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The environment variables that were not set. What is masked by their secrets comes out
    /// otherwise than at the gateway, and is no secret to anyone.
    pub fn stand_ins(&self) -> &[String] {
        &self.missing
    }

    /// The policy that the request is under, where there is one.
    pub fn policy(&self, exchange: &Exchange<'_>) -> Option<&Policy> {
        match &self.policies {
            Policies::Sole(policy) => Some(policy),
            named @ Policies::Named(_) => named.named(exchange.policy?.as_bytes()),
        }
    }

    /// Who makes the request, where that is known for certain.
    pub fn caller(&self, exchange: &Exchange<'_>, request: &Message) -> Option<Caller> {
        let policy = self.policy(exchange)?;
        let host = Fake::default();
        facts::tell(&host, &self.policies, exchange);
        let headers = request.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.as_slice(), value.into()))
            .collect();
        let caller = identity::read(&host, policy, &headers)?;
        let lineage = caller.lineage.iter();
        Some(Caller {
            kind: caller.principal.kind().name(),
            issuer: caller.principal.issuer().to_owned(),
            subject: caller.principal.subject().to_owned(),
            lineage: lineage.map(|it| it.subject().to_owned()).collect(),
            claims: caller.claims,
        })
    }

    /// Runs one exchange.
    ///
    /// # Errors
    /// Where the filter does not start, or does what no filter should.
    pub fn run(
        &self,
        exchange: &Exchange<'_>,
        request: &Message,
        response: Option<&Message>,
    ) -> Result<Outcome, String> {
        let mut stream = self.start(exchange)?;
        let mut outcome = Outcome {
            upstream: stream.request(request, exchange.approved)?,
            check: stream.first_check(),
            ..Outcome::default()
        };
        if outcome.upstream.is_some()
            && let Some(response) = response
        {
            outcome.answer = stream.response(request, response);
        }
        if let Some(reply) = stream.host.replies.borrow().last() {
            let mut headers = vec![(b":status".to_vec(), reply.status.to_string().into_bytes())];
            headers.extend(reply.headers.iter().cloned());
            let body = reply.body.clone().into_bytes();
            outcome.answer = Some(Message { headers, body });
            outcome.is_own_answer = true;
        }
        outcome.is_cut = !stream.host.resets.borrow().is_empty();
        outcome.log = stream.host.log.take();
        Ok(outcome)
    }

    fn start(&self, exchange: &Exchange<'_>) -> Result<Running, String> {
        let host = Fake::default();
        host.now.set(exchange.now * NANOSECONDS_A_SECOND);
        host.environment.replace(self.environment.clone());
        facts::tell(&host, &self.policies, exchange);
        let mut dispatcher = Dispatcher::default();
        dispatcher.create(ROOT, 0);
        host.set_body(Buffer::PluginConfiguration, self.document.as_bytes());
        if !dispatcher.configure(&host, ROOT, self.document.len()) {
            return Err(host.log.take().pop().unwrap_or_default());
        }
        host.log.take();
        dispatcher.create(STREAM, ROOT);
        Ok(Running { host, dispatcher })
    }
}

/// One stream.
struct Running {
    host: Fake,
    dispatcher: Dispatcher,
}

impl Running {
    /// The request as the upstream gets it; none where it does not.
    fn request(
        &mut self,
        request: &Message,
        approved: Option<ClassSet>,
    ) -> Result<Option<Message>, String> {
        let has_body = !request.body.is_empty();
        self.set_map(Map::RequestHeaders, &request.headers);
        let mut flow = self.dispatcher.run(&self.host, STREAM, |stream, host| {
            stream.on_request_headers(host, !has_body)
        });
        self.answer_calls(approved)?;
        if has_body && !self.is_over() {
            let size = request.body.len();
            self.host.set_body(Buffer::RequestBody, &request.body);
            flow = self.dispatcher.run(&self.host, STREAM, |stream, host| {
                stream.on_request_body(host, size, true)
            });
            self.answer_calls(approved)?;
        }
        let goes_on = flow == Flow::Continue || !self.host.resumed.borrow().is_empty();
        Ok((goes_on && !self.is_over()).then(|| Message {
            headers: self.host.map(Map::RequestHeaders),
            body: self.body(Buffer::RequestBody),
        }))
    }

    /// The answer as the client gets it, unless the filter replies.
    fn response(&mut self, request: &Message, response: &Message) -> Option<Message> {
        let is_head = header(&request.headers, ":method") == Some(b"HEAD");
        let has_body = !response.body.is_empty() && !is_head;
        self.set_map(Map::ResponseHeaders, &response.headers);
        let mut flow = self.dispatcher.run(&self.host, STREAM, |stream, host| {
            stream.on_response_headers(host, !has_body)
        });
        let mut starts = flow == Flow::Continue;
        self.host.set_body(Buffer::ResponseBody, &[]);
        if has_body && !self.is_over() {
            let size = response.body.len();
            self.host.set_body(Buffer::ResponseBody, &response.body);
            flow = self.dispatcher.run(&self.host, STREAM, |stream, host| {
                stream.on_response_body(host, size, true)
            });
            starts |= flow == Flow::Continue;
        }
        // What is held back when all has ended never leaves.
        let body = match flow {
            Flow::Continue => self.body(Buffer::ResponseBody),
            Flow::Pause | Flow::Wait => Vec::new(),
        };
        starts.then(|| Message {
            headers: self.host.map(Map::ResponseHeaders),
            body,
        })
    }

    /// Whether the filter has answered, or cut the stream.
    fn is_over(&self) -> bool {
        !self.host.replies.borrow().is_empty() || !self.host.resets.borrow().is_empty()
    }

    /// Plays the policy service until the filter asks no more.
    fn answer_calls(&mut self, approved: Option<ClassSet>) -> Result<(), String> {
        for _ in 0..MOST_CALLS {
            let sent = self.host.sent.borrow().last().cloned();
            let token = u32::try_from(self.host.sent.borrow().len()).unwrap_or(u32::MAX);
            let (Some(sent), Some(owner)) = (sent, self.dispatcher.owner_of(token)) else {
                return Ok(());
            };
            let (status, answer) = match serde_json::from_slice::<Check>(&sent.body) {
                Ok(check) => ("200", self.answer(&check, approved, waits(&sent.headers))?),
                Err(_) => ("404", Vec::new()),
            };
            let headers = vec![(b":status".to_vec(), status.as_bytes().to_vec())];
            self.set_map(Map::CallResponseHeaders, &headers);
            self.host.set_body(Buffer::CallResponseBody, &answer);
            self.dispatcher.answer(&self.host, owner, 1, answer.len());
        }
        Err("the filter asks the policy service without end".to_owned())
    }

    fn answer(
        &self,
        check: &Check,
        approved: Option<ClassSet>,
        waits: u64,
    ) -> Result<Vec<u8>, String> {
        let approval: ApprovalId = APPROVAL.parse().map_err(|_| "not an approval's id")?;
        let seconds = |later: u64| {
            let later = later.saturating_mul(NANOSECONDS_A_SECOND);
            self.host.now.get().saturating_add(later)
        };
        let answer = if let Some(approved) = approved {
            let allow = Allow {
                gateway: GatewayId::new("simulated").map_err(|error| error.to_string())?,
                use_key: check.use_key,
                fingerprint: check.fingerprint,
                approval,
                scope: Scope::of(check.classes.intersection(approved)),
                tags: None,
                lifts_until: check::timestamp(seconds(GRANT_SECONDS)),
                emergency: None,
                expires: check::timestamp(seconds(GRANT_SECONDS)),
            };
            Answer::Allow(SignedAllow::sign(&allow, &signing_key()))
        } else {
            self.host.now.set(seconds(waits));
            Answer::Pending {
                approval,
                retry_after_seconds: RETRY_AFTER_SECONDS,
                expires: check::timestamp(seconds(GRANT_SECONDS)),
                evidence: false,
            }
        };
        serde_json::to_vec(&answer).map_err(|error| error.to_string())
    }

    fn first_check(&self) -> Option<Value> {
        let sent = self.host.sent.borrow();
        let is_check = |body: &[u8]| serde_json::from_slice::<Check>(body).is_ok();
        let first = sent.iter().find(|sent| is_check(&sent.body))?;
        serde_json::from_slice(&first.body).ok()
    }

    fn set_map(&self, map: Map, headers: &[(Vec<u8>, Vec<u8>)]) {
        let mut maps = self.host.maps.borrow_mut();
        maps.insert(map as u32, headers.to_vec());
    }

    fn body(&self, buffer: Buffer) -> Vec<u8> {
        let buffers = self.host.buffers.borrow();
        buffers.get(&(buffer as u32)).cloned().unwrap_or_default()
    }
}

/// The variables that a gateway under this policy reads.
fn variables(policy: &Policy) -> Vec<&str> {
    let keys = policy.keys().iter().map(|key| key.environment.as_str());
    let service = policy.policy_service();
    keys.chain(service.map(|service| service.token_environment.as_str()))
        .collect()
}

/// How many seconds a call asks the service to wait.
fn waits(headers: &[(Vec<u8>, Vec<u8>)]) -> u64 {
    let prefer = header(headers, "prefer").and_then(|value| std::str::from_utf8(value).ok());
    let seconds = prefer.and_then(|value| value.strip_prefix("wait=")?.parse().ok());
    seconds.unwrap_or(0)
}

/// The key of the played service. Anybody can have it: nothing real believes it.
fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(b"velum: a simulated policy service").into())
}

/// The document, but for the keys of its policy service, which become that of the played one.
fn believing_us(document: &str) -> Result<String, String> {
    let mut document: Value = serde_json::from_str(document).map_err(|error| error.to_string())?;
    let key = PublicKey::of(&signing_key()).to_string();
    let believe = |policy: &mut Value| {
        if let Some(keys) = policy.pointer_mut("/policy_service/public_keys") {
            *keys = Value::from(vec![key.clone()]);
        }
    };
    believe(&mut document);
    let policies = document.get_mut("policies").and_then(Value::as_object_mut);
    for (_, policy) in policies.into_iter().flatten() {
        believe(policy);
    }
    Ok(document.to_string())
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("headers", &self.headers.len())
            .field("body", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
