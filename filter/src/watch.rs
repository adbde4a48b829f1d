//! The host as a stream sees it, and what is noticed of the stream there: for metrics, access log,
//! events and debug log. With `mode: observe` what would be written is dropped here, so that a policy
//! is tried by the very code that enforces it.

mod account;
mod finding;
mod outcome;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use velum_approval::{ApprovalId, Identity};
use velum_engine::Masker;
use velum_policy::{Action, Effect, Policy};

use crate::grant::{Collection, Grant};
use crate::host::{Buffer, Call, Headers, Host, HostError, Level, Map, Metric, Side};
use crate::trace;

pub(crate) use self::account::{Account, Counts, Met, Terms};
pub(crate) use self::outcome::Outcome;

/// How often the host is asked at which level it logs.
const LEVEL_LASTS: u64 = 1_000_000_000;
/// How many bytes of request bodies that only seem to be held are kept in a worker at a time.
const MOST_GATHERED: usize = 8 * 1024 * 1024;
/// The status of a call that must not be made here.
const UNIMPLEMENTED: u32 = 12;

/// Something about a stream that is worth counting or showing.
pub(crate) enum Fact<'a> {
    /// The request is under this policy, which wants so much to be known.
    Chosen(&'a Policy, Terms),
    /// Who makes the request.
    Principal(&'a Identity),
    /// The request met one of the policy's actions, or none.
    Met(Option<&'a Action>),
    /// The filter answers with the problem of this code.
    Problem(&'static str),
    /// The approval that the stream has to do with.
    Approval(&'a ApprovalId),
    /// A body passes without being looked into.
    Unread,
    /// The status of the upstream's answer.
    Status(u32),
    /// A masker was made for a body, and has read nothing.
    MaskerMade(&'a mut Masker),
    /// It has read more of a body.
    MaskerFed(Side, &'a mut Masker),
    /// It has read a body, or a part of one, that is counted with the whole.
    MaskerRead(&'a mut Masker),
    /// A request's body was masked as a whole.
    BodyMasked(&'a Counts),
    /// So much is released to the stream.
    Granted(&'a Rc<Grant>),
    /// A stop, or a lost lease, has the rest of the answer masked.
    Stopped,
    /// What the answer holds is awaited.
    Collects(&'a Rc<Collection>),
    /// The answer came to its end, and this masker has read it.
    Collected(&'a Masker),
}

/// What the streams of a worker share.
#[derive(Default)]
pub(crate) struct Shared {
    /// Whether the host keeps debug lines, as far as it was asked lately.
    is_debugged: Cell<bool>,
    asked_at: Cell<u64>,
    /// How many bytes the streams have gathered.
    pub(crate) gathered: Cell<usize>,
}

/// The host as one stream sees it while a callback runs.
pub(crate) struct Watched<'a, H> {
    host: &'a H,
    account: Rc<RefCell<Account>>,
    shared: Rc<Shared>,
}

impl<'a, H: Host> Watched<'a, H> {
    pub(crate) fn new(host: &'a H, account: &Rc<RefCell<Account>>, shared: &Rc<Shared>) -> Self {
        Self {
            host,
            account: Rc::clone(account),
            shared: Rc::clone(shared),
        }
    }

    /// How much of a request body there is: what the host holds, and where it only seems to be held,
    /// what has come by, up to the limit that the reader sets. `None`: it cannot be looked into, since
    /// something of it would be missing.
    pub(crate) fn gather(&self, size: usize, holds: bool) -> Option<usize> {
        self.note(|account| account.holds = holds);
        if !self.observes() || !holds {
            return Some(size);
        }
        let kept = self.shared.gathered.get().saturating_add(size);
        let chunk = (kept <= MOST_GATHERED).then(|| self.host.body(Buffer::RequestBody, size));
        let chunk = chunk.and_then(Result::ok).unwrap_or_default();
        let account = &mut *self.account.borrow_mut();
        let gathered = &mut account.gathered;
        if chunk.len() != size || gathered.try_reserve(size).is_err() {
            account.unobserved = true;
            return None;
        }
        self.shared.gathered.set(kept);
        gathered.extend_from_slice(&chunk);
        Some(gathered.len())
    }

    /// Lets go of what was gathered.
    pub(crate) fn forget(&self) {
        self.note(|account| {
            let gathered = std::mem::take(&mut account.gathered).len();
            let kept = self.shared.gathered.get();
            self.shared.gathered.set(kept.saturating_sub(gathered));
        });
    }

    fn observes(&self) -> bool {
        self.account.borrow().terms.observes
    }

    /// The call, unless nothing may be changed.
    fn unless_observing(
        &self,
        call: impl FnOnce() -> Result<(), HostError>,
    ) -> Result<(), HostError> {
        if self.observes() { Ok(()) } else { call() }
    }

    fn note(&self, note: impl FnOnce(&mut Account)) {
        if let Ok(mut account) = self.account.try_borrow_mut() {
            note(&mut account);
        }
    }

    fn write(&self, buffer: Buffer, bytes: &[u8]) {
        let is_seen = buffer == Buffer::ResponseBody && !bytes.is_empty();
        self.note(|account| account.written |= is_seen);
    }
}

impl<H: Host> Host for Watched<'_, H> {
    fn tell(&self, fact: Fact<'_>) {
        match fact {
            Fact::Principal(identity) => self.note(|account| {
                if account.terms.reports {
                    account.principal = Some(identity.clone());
                }
            }),
            Fact::Chosen(policy, terms) => self.note(|account| {
                account.policy = Some(policy.digest());
                account.terms = terms;
            }),
            Fact::Met(action) => self.note(|account| {
                account.met = Some(Met {
                    action: action.map(|action| action.name.clone()),
                    passes: action.is_some_and(|action| action.effect == Effect::Pass),
                });
            }),
            Fact::Problem(code) => self.note(|account| account.problem = Some(code)),
            Fact::Approval(id) => self.note(|account| account.approval = Some(id.clone())),
            Fact::Unread => self.note(|account| {
                account.unread = true;
                account.written = true;
            }),
            Fact::Status(status) => self.note(|account| account.status = status),
            Fact::MaskerMade(masker) => {
                let is_on = self.shared.is_debugged.get();
                if is_on {
                    masker.record();
                }
                self.note(|account| account.records = is_on);
            }
            Fact::BodyMasked(counts) => self.note(|account| {
                account.note_body(Side::Request, counts);
                account.unread |= counts.unread;
            }),
            Fact::MaskerRead(masker) => {
                if self.account.borrow().records {
                    finding::show(self.host, masker);
                }
            }
            Fact::Granted(grant) => self.note(|account| account.grant = Some(Rc::clone(grant))),
            Fact::Stopped => self.note(|account| account.stopped = true),
            Fact::Collects(collection) => {
                self.note(|account| account.collection = Some(Rc::clone(collection)));
            }
            Fact::Collected(masker) => self.note(|account| account.collect(masker)),
            Fact::MaskerFed(side, masker) => {
                let counts = Counts::of(masker.report());
                let mut shows = false;
                self.note(|account| {
                    account.note_body(side, &counts);
                    shows = account.records;
                });
                if shows {
                    finding::show(self.host, masker);
                }
            }
        }
    }

    fn log(&self, level: Level, message: &str) {
        if self.observes() {
            let message = format!("{message}; it only seems so: nothing is changed (observe)");
            self.host.log(level, &message);
        } else {
            self.host.log(level, message);
        }
    }

    fn is_debugged(&self) -> bool {
        self.host.is_debugged()
    }

    fn define_metric(&self, kind: Metric, name: &str) -> Result<u32, HostError> {
        self.host.define_metric(kind, name)
    }

    fn increment(&self, metric: u32, by: u64) -> Result<(), HostError> {
        self.host.increment(metric, by)
    }

    fn record(&self, metric: u32, value: u64) -> Result<(), HostError> {
        self.host.record(metric, value)
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.host.set_property(name, value)
    }

    fn tick_every(&self, period: Duration) -> Result<(), HostError> {
        self.host.tick_every(period)
    }

    fn now(&self) -> u64 {
        let now = self.host.now();
        // Every masked answer asks for the time: what is due now and then hangs on that.
        if now.saturating_sub(self.shared.asked_at.get()) >= LEVEL_LASTS {
            self.shared.asked_at.set(now);
            self.shared.is_debugged.set(self.host.is_debugged());
        }
        now
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), HostError> {
        self.host.random(bytes)
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.host.has_room(bytes)
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.host.environment(name)
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        self.host.property(path)
    }

    fn headers(&self, map: Map) -> Result<Vec<u8>, HostError> {
        self.host.headers(map)
    }

    fn remove_header(&self, map: Map, name: &[u8]) -> Result<(), HostError> {
        self.unless_observing(|| self.host.remove_header(map, name))
    }

    fn add_header(&self, map: Map, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        self.unless_observing(|| self.host.add_header(map, name, value))
    }

    fn body(&self, buffer: Buffer, size: usize) -> Result<Vec<u8>, HostError> {
        let account = self.account.borrow();
        if account.terms.observes && account.holds && buffer == Buffer::RequestBody {
            let end = size.min(account.gathered.len());
            return Ok(account.gathered.get(..end).unwrap_or_default().to_vec());
        }
        self.host.body(buffer, size)
    }

    fn replace_body(&self, buffer: Buffer, size: usize, bytes: &[u8]) -> Result<(), HostError> {
        self.write(buffer, bytes);
        self.unless_observing(|| self.host.replace_body(buffer, size, bytes))
    }

    fn append_body(&self, buffer: Buffer, bytes: &[u8]) -> Result<(), HostError> {
        self.write(buffer, bytes);
        self.unless_observing(|| self.host.append_body(buffer, bytes))
    }

    fn reply(&self, status: u32, headers: &Headers, body: &[u8]) -> Result<(), HostError> {
        let replied = self.unless_observing(|| self.host.reply(status, headers, body));
        self.note(|account| {
            account.replied |= replied.is_ok();
            account.status = status;
        });
        replied
    }

    fn call(&self, call: &Call<'_>) -> Result<u32, HostError> {
        if self.observes() {
            return Err(HostError(UNIMPLEMENTED));
        }
        let mut headers = call.headers.clone();
        headers.extend(trace::headers(self.host));
        let token = self.host.call(&Call {
            cluster: call.cluster,
            headers,
            body: call.body,
            timeout: call.timeout,
        })?;
        let now = self.host.now();
        self.note(|account| account.called_at = now);
        Ok(token)
    }

    fn resume(&self, side: Side) -> Result<(), HostError> {
        self.unless_observing(|| self.host.resume(side))
    }

    fn reset(&self, side: Side) -> Result<(), HostError> {
        self.note(|account| account.cut = true);
        self.unless_observing(|| self.host.reset(side))
    }
}
