//! What streams leave behind for the policy service: outcomes of releases, and evidence of what masked
//! answers hold. It is sent from the root context, since a stream's own calls end with it, and again
//! until it has arrived.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;

use velum_approval::ApprovalId;

use crate::check::{self, Arrival};
use crate::host::Host;
use crate::plugin::Plugin;

/// How much waits to be sent at most, in one worker.
const MOST_MESSAGES: usize = 256;
const MOST_BYTES: usize = 1024 * 1024;
/// How often one is sent at most: with a tick between two attempts at first, and ever more later, for
/// about ten minutes.
const MOST_ATTEMPTS: u32 = 12;
/// The most ticks between two attempts.
const LONGEST_PAUSE: u32 = 120;
/// After so many attempts, a minute, the service shows a case without its evidence
/// (`lifetimes.evidence`): it is in no hurry any more.
const PROMPT_ATTEMPTS: u32 = 6;

/// What a stream leaves behind.
pub(crate) struct Message {
    pub(crate) plugin: Rc<Plugin>,
    pub(crate) about: About,
    pub(crate) body: Vec<u8>,
}

/// What a message tells of.
pub(crate) enum About {
    /// What was released.
    Outcome,
    /// What the masked answer behind this approval holds. A reviewer waits for it.
    Evidence(ApprovalId),
}

impl About {
    fn path(&self) -> Cow<'static, str> {
        match self {
            Self::Outcome => "/v1/outcomes".into(),
            Self::Evidence(approval) => format!("/v1/approvals/{approval}/evidence").into(),
        }
    }
}

/// A message that will never arrive: to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// A message that waits, or is under way.
struct Waiting {
    message: Message,
    attempts: u32,
    /// The tick from which on it may be sent.
    due: u64,
}

impl Waiting {
    fn is_urgent(&self) -> bool {
        matches!(self.message.about, About::Evidence(_)) && self.attempts < PROMPT_ATTEMPTS
    }
}

/// What waits to be sent.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Waiting>,
    under_way: Option<Waiting>,
    /// Of all of them.
    bytes: usize,
    /// How many ticks have passed.
    ticks: u64,
    /// The last attempt failed, and nobody knows whether the service is there: the next one is made on
    /// the next tick.
    is_resting: bool,
}

impl Outbox {
    /// Takes a message in.
    ///
    /// # Errors
    /// There is no room.
    pub(crate) fn post(&mut self, message: Message) -> Result<(), Lost> {
        let bytes = self.bytes.saturating_add(message.body.len());
        if self.len() >= MOST_MESSAGES || bytes > MOST_BYTES {
            return Err(Lost);
        }
        self.bytes = bytes;
        self.waiting.push_back(Waiting {
            message,
            attempts: 0,
            due: 0,
        });
        Ok(())
    }

    /// A tick has passed: sends the next one, if it is time.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(crate) fn tick(&mut self, host: &impl Host) -> Result<Option<u32>, Lost> {
        self.ticks += 1;
        self.is_resting = false;
        self.send(host)
    }

    /// Sends the first that is due, evidence before others, one at a time; gives the call's token.
    ///
    /// # Errors
    /// No call could be made, as often as one is tried.
    pub(crate) fn send(&mut self, host: &impl Host) -> Result<Option<u32>, Lost> {
        if self.under_way.is_some() || self.is_resting {
            return Ok(None);
        }
        let is_due = |one: &Waiting| one.due <= self.ticks;
        let mut waiting = self.waiting.iter();
        let urgent = waiting.position(|one| is_due(one) && one.is_urgent());
        let place = urgent.or_else(|| self.waiting.iter().position(is_due));
        let Some(mut next) = place.and_then(|place| self.waiting.remove(place)) else {
            return Ok(None);
        };
        next.attempts += 1;
        let Message {
            plugin,
            about,
            body,
        } = &next.message;
        match check::post(host, plugin, &about.path(), body) {
            Ok(token) => {
                self.under_way = Some(next);
                Ok(Some(token))
            }
            Err(_) => self.put_off(next).map(|()| None),
        }
    }

    /// What became of the one that was sent last.
    ///
    /// # Errors
    /// It was refused, or tried often enough.
    pub(crate) fn arrived(&mut self, arrival: Arrival) -> Result<(), Lost> {
        let Some(sent) = self.under_way.take() else {
            return Ok(());
        };
        match arrival {
            Arrival::Taken => {
                self.forget(&sent);
                Ok(())
            }
            Arrival::Refused => {
                self.forget(&sent);
                Err(Lost)
            }
            Arrival::Unknown => self.put_off(sent),
        }
    }

    /// How many messages would be lost with it.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.under_way.is_some())
    }

    /// Tries it again later; no other waits for that.
    fn put_off(&mut self, mut failed: Waiting) -> Result<(), Lost> {
        self.is_resting = true;
        if failed.attempts >= MOST_ATTEMPTS {
            self.forget(&failed);
            return Err(Lost);
        }
        let doubled = 1_u32.checked_shl(failed.attempts).unwrap_or(LONGEST_PAUSE);
        failed.due = self.ticks + u64::from(doubled.min(LONGEST_PAUSE));
        self.waiting.push_back(failed);
        Ok(())
    }

    fn forget(&mut self, gone: &Waiting) {
        self.bytes = self.bytes.saturating_sub(gone.message.body.len());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use velum_approval::RouteWords;
    use velum_engine::Keyring;
    use velum_policy::Policies;

    use super::*;
    use crate::fake::Fake;
    use crate::plugin::Secrets;

    fn plugin() -> Rc<Plugin> {
        let key = velum_approval::SigningKey::from_bytes(&[3; 32]);
        let document = json!({
            "version": 1,
            "identity": {"jwt": {"metadata": ["envoy.filters.http.jwt_authn", "claims"]}},
            "masking": {
                "profiles": ["fhir-r4"],
                "keys": [{"id": "k1", "environment": "VELUM_MASKING_KEY"}],
            },
            "actions": [{"name": "read", "when": {"method": "GET"}, "effect": "mask",
                         "ask": {"lift": ["name"], "hold": "60s"}}],
            "policy_service": {
                "cluster": "velum-policy-service",
                "authority": "policy-service.velum",
                "token": {"environment": "VELUM_GATEWAY_TOKEN"},
                "public_keys": [velum_approval::PublicKey::of(&key).to_string()],
            },
        });
        let policies = Policies::parse(document.to_string().as_bytes()).unwrap();
        let (_, policy) = policies.into_named().into_iter().next().unwrap();
        Rc::new(Plugin {
            words: RouteWords::default(),
            policy,
            keys: Keyring::default(),
            secrets: Some(Secrets {
                fingerprint_key: [0; 32],
                resource_key: [0; 32],
                principal_key: [0; 32],
                evidence_key: [0; 32],
                gateway_token: "gateway-token".to_owned(),
            }),
            lease: std::cell::RefCell::default(),
        })
    }

    /// An outbox whose messages are told apart by their bodies.
    struct Desk {
        host: Fake,
        plugin: Rc<Plugin>,
        outbox: Outbox,
        lost: usize,
    }

    impl Desk {
        fn new() -> Self {
            Self {
                host: Fake::default(),
                plugin: plugin(),
                outbox: Outbox::default(),
                lost: 0,
            }
        }

        fn outcome(&mut self, body: &str) {
            self.post(About::Outcome, body);
        }

        fn evidence(&mut self, body: &str) {
            let approval = "0192f0c1-2b3c-7d4e-8f50-123456789abc";
            self.post(About::Evidence(approval.parse().unwrap()), body);
        }

        fn post(&mut self, about: About, body: &str) {
            let kept = self.outbox.post(Message {
                plugin: Rc::clone(&self.plugin),
                about,
                body: body.as_bytes().to_vec(),
            });
            self.lost += usize::from(kept.is_err());
        }

        fn tick(&mut self) {
            let sent = self.outbox.tick(&self.host);
            self.lost += usize::from(sent.is_err());
        }

        /// What is under way is answered, and what may go next goes.
        fn answer(&mut self, arrival: Arrival) {
            let arrived = self.outbox.arrived(arrival);
            let sent = self.outbox.send(&self.host);
            self.lost += usize::from(arrived.is_err()) + usize::from(sent.is_err());
        }

        /// What was sent since the last time.
        fn sent(&self) -> Vec<String> {
            let sent = self.host.sent.take();
            let bodies = sent.into_iter().map(|sent| sent.body);
            bodies
                .map(|body| String::from_utf8(body).unwrap())
                .collect()
        }
    }

    #[test]
    fn one_that_fails_makes_no_other_wait() {
        let mut desk = Desk::new();
        desk.outcome("bad");
        for _ in 0..200 {
            desk.tick();
            if desk.sent() == ["bad"] {
                desk.answer(Arrival::Unknown);
            }
        }
        desk.outcome("good");
        desk.tick();
        assert_eq!(desk.sent(), ["good"]);
        desk.answer(Arrival::Taken);
        let mut ticks = 0;
        while desk.sent().is_empty() && ticks < 120 {
            desk.tick();
            ticks += 1;
        }
        assert!((2..120).contains(&ticks), "it waits on its own: {ticks}");
        assert_eq!((desk.outbox.len(), desk.lost), (1, 0));
    }

    #[test]
    fn what_waits_out_its_pause_is_sent_when_it_is_due() {
        let mut desk = Desk::new();
        desk.outcome("first");
        let mut at = Vec::new();
        for tick in 1..=40 {
            desk.tick();
            if !desk.sent().is_empty() {
                at.push(tick);
                desk.answer(Arrival::Unknown);
            }
        }
        assert_eq!(at, [1, 3, 7, 15, 31]);
    }

    #[test]
    fn evidence_goes_before_outcomes() {
        let mut desk = Desk::new();
        desk.outcome("a");
        desk.outcome("b");
        desk.evidence("c");
        desk.evidence("d");
        desk.tick();
        assert_eq!(desk.sent(), ["c"]);
        desk.answer(Arrival::Unknown);
        desk.tick();
        assert_eq!(desk.sent(), ["d"], "the other is not due");
        desk.answer(Arrival::Taken);
        assert_eq!(desk.sent(), ["a"]);
        desk.evidence("e");
        assert!(desk.sent().is_empty(), "one call at a time");
        desk.answer(Arrival::Taken);
        assert_eq!(desk.sent(), ["e"]);
        desk.tick();
        desk.tick();
        desk.answer(Arrival::Taken);
        assert_eq!(desk.sent(), ["c"], "it is due again");
        desk.answer(Arrival::Refused);
        assert_eq!(desk.sent(), ["b"]);
        desk.answer(Arrival::Taken);
        assert_eq!((desk.outbox.len(), desk.lost), (0, 1));
    }

    #[test]
    fn evidence_that_comes_too_late_for_its_reviewer_waits_its_turn() {
        let mut desk = Desk::new();
        desk.evidence("late");
        let mut ticks = 0;
        for _ in 0..5 {
            while desk.sent().is_empty() {
                desk.tick();
                ticks += 1;
            }
            desk.answer(Arrival::Unknown);
        }
        for _ in 0..32 {
            desk.tick();
            ticks += 1;
        }
        assert_eq!((desk.sent(), ticks), (vec!["late".to_owned()], 63));
        desk.outcome("a");
        desk.outcome("b");
        desk.answer(Arrival::Unknown);
        desk.tick();
        assert_eq!(desk.sent(), ["a"]);
        for _ in 0..100 {
            desk.tick();
        }
        for next in ["b", "late"] {
            desk.answer(Arrival::Taken);
            assert_eq!(desk.sent(), [next]);
        }
    }

    #[test]
    fn a_service_that_is_not_there_is_tried_once_a_tick() {
        let mut desk = Desk::new();
        for _ in 0..5 {
            desk.outcome("a");
        }
        for tick in 1..=5 {
            desk.tick();
            assert_eq!(desk.sent().len(), 1, "{tick}");
            desk.answer(Arrival::Unknown);
            assert_eq!(desk.sent().len(), 0, "{tick}: not at once");
        }
        // Nor where no call can be made.
        desk.host.calls_fail.set(true);
        desk.tick();
        desk.host.calls_fail.set(false);
        assert_eq!(desk.outbox.send(&desk.host), Ok(None));
        // Once it is there, all go that are due.
        for _ in 0..8 {
            desk.tick();
        }
        for left in (0..5).rev() {
            assert_eq!(desk.sent().len(), 1, "{left}");
            desk.answer(Arrival::Taken);
            assert_eq!(desk.outbox.len(), left);
        }
        assert_eq!(desk.lost, 0);
    }

    #[test]
    fn what_was_tried_too_often_is_lost_however_it_failed() {
        for calls_fail in [false, true] {
            let mut desk = Desk::new();
            desk.host.calls_fail.set(calls_fail);
            desk.outcome("a");
            let mut attempts = 0;
            let mut ticks = 0;
            while desk.outbox.len() > 0 {
                assert_eq!(desk.lost, 0, "{calls_fail}");
                desk.tick();
                ticks += 1;
                for _ in desk.sent() {
                    attempts += 1;
                    desk.answer(Arrival::Unknown);
                }
            }
            assert_eq!(desk.lost, 1, "{calls_fail}");
            assert_eq!(attempts, if calls_fail { 0 } else { 12 });
            assert_eq!(ticks, 1 + 2 + 4 + 8 + 16 + 32 + 64 + 120 * 5);
            assert_eq!(desk.outbox.bytes, 0, "its room is there again");
        }
    }

    #[test]
    fn so_much_waits_and_no_more() {
        let mut desk = Desk::new();
        desk.outcome("first");
        desk.tick();
        for _ in 1..MOST_MESSAGES {
            desk.outcome("a");
        }
        assert_eq!(desk.lost, 0);
        desk.outcome("one too many, with the one that is under way");
        assert_eq!((desk.outbox.len(), desk.lost), (MOST_MESSAGES, 1));
        desk.answer(Arrival::Taken);
        desk.outcome("again");
        assert_eq!((desk.outbox.len(), desk.lost), (MOST_MESSAGES, 1));

        let mut desk = Desk::new();
        desk.outcome(&"a".repeat(MOST_BYTES));
        desk.outcome("b");
        assert_eq!((desk.outbox.len(), desk.lost), (1, 1));
        desk.tick();
        desk.outcome("b");
        assert_eq!(desk.lost, 2, "it is not gone yet");
        desk.answer(Arrival::Taken);
        desk.outcome("b");
        assert_eq!((desk.outbox.len(), desk.lost), (1, 2));
    }
}
