//! One HTTP stream: its state, and which callback moves it where.

mod settling;

use std::borrow::Cow;
use std::rc::Rc;

use velum_approval::DenyCode;

use self::settling::{let_go, settle};
use crate::check::{self, Asking, Next, Outcome, Polled};
use crate::choice::{self, Choice};
use crate::host::{Buffer, Flow, Host, Level, Map, Side, strip_ours};
use crate::plugin::Plugin;
use crate::problem::{self, Problem};
use crate::request::{self, Admission, Fallback, Held, Plan, Streaming};
use crate::respond::{self, Release, Response};
use crate::watch::{Fact, Watched};

/// How far a request has come.
enum Phase {
    Fresh,
    /// The policy passes it.
    Passed,
    /// Its body is being read.
    Gathering(Box<Plan>),
    /// The policy service is asked.
    Asking {
        asking: Box<Asking>,
        fallback: Fallback,
        /// The body that waits, where it is to be masked.
        waiting: Option<Box<Held>>,
    },
    /// The policy service is asked for what a requester wants to know of an approval.
    Polling(Polled),
    /// On its way to the upstream; its body is masked.
    Masking(Box<Streaming>),
    /// On its way to the upstream.
    Forwarded(Release),
    /// We answered it.
    Answered,
}

/// The state of one stream.
pub(crate) struct Stream {
    choice: Choice,
    plugin: Option<Rc<Plugin>>,
    /// The name of the route when the request was decided on, as far as the policy looks at it.
    route: Option<Cow<'static, [u8]>>,
    /// Whether the whole body of the request was held and looked at.
    has_gathered: bool,
    phase: Phase,
    response: Response,
    call: Option<u32>,
}

impl Stream {
    /// A stream under a configuration; without one, nothing passes.
    pub(crate) fn new(choice: Choice) -> Self {
        Self {
            plugin: choice.sole(),
            choice,
            route: None,
            has_gathered: false,
            phase: Phase::Fresh,
            response: Response::Fresh,
            call: None,
        }
    }

    /// Whether a request body is being held.
    pub(crate) fn is_gathering(&self) -> bool {
        matches!(self.phase, Phase::Gathering(_))
    }

    /// The call that the last callback made, if it made one.
    pub(crate) fn take_call(&mut self) -> Option<u32> {
        self.call.take()
    }

    /// Request headers: decides what becomes of the request.
    pub(crate) fn on_request_headers(&mut self, host: &impl Host, end: bool) -> Flow {
        // What has come is decided upon once: a body may have been looked at already.
        if !matches!(self.phase, Phase::Fresh) {
            return self.refuse(host, &Problem::NotConfigured);
        }
        let plugin = match self.choice.make(host) {
            Ok(plugin) => Rc::clone(plugin),
            Err(problem) => return self.refuse(host, &problem),
        };
        self.plugin = Some(Rc::clone(&plugin));
        host.tell(Fact::Chosen(&plugin.policy, plugin.terms()));
        self.route = choice::route(host, &plugin.policy);
        match request::admit(host, &plugin, self.route.as_deref(), end) {
            Admission::Pass => {
                self.phase = Phase::Passed;
                Flow::Continue
            }
            Admission::Forward => {
                self.phase = Phase::Forwarded(Release::default());
                Flow::Continue
            }
            Admission::Mask(streaming) => {
                let flow = if streaming.headers_held {
                    Flow::Pause
                } else {
                    Flow::Continue
                };
                self.phase = Phase::Masking(streaming);
                flow
            }
            Admission::Refuse(problem) => self.refuse(host, &problem),
            Admission::Poll {
                approval,
                principal,
                asked,
            } => {
                let sent = match asked {
                    Polled::Withdrawal => check::withdraw(host, &plugin, &approval, &principal),
                    _ => check::ask_status(host, &plugin, &approval, &principal, asked),
                };
                match sent {
                    Ok(token) => {
                        self.call = Some(token);
                        self.phase = Phase::Polling(asked);
                        Flow::Pause
                    }
                    Err(_) => self.refuse(host, &Problem::ApprovalUnavailable),
                }
            }
            Admission::Hold(plan) if plan.awaits_body => {
                // Where the host cannot hold the headers, they go on and only the body is held:
                // enough to refuse a body, and `request` lets nothing else come here.
                let holds_headers = plugin.policy.headers_stop_iteration();
                self.phase = Phase::Gathering(plan);
                if holds_headers {
                    Flow::Pause
                } else {
                    Flow::Continue
                }
            }
            Admission::Hold(plan) => self.proceed(host, &plugin, *plan, &[]),
        }
    }

    /// Request body bytes as the host gives them, which may only seem to be held.
    pub(crate) fn take_request_body<H: Host>(
        &mut self,
        host: &Watched<'_, H>,
        size: usize,
        end: bool,
    ) -> Flow {
        match host.gather(size, self.is_gathering()) {
            Some(size) => self.on_request_body(host, size, end),
            None => Flow::Continue,
        }
    }

    /// Request body: held whole while it must be looked at, then the request proceeds.
    pub(crate) fn on_request_body(&mut self, host: &impl Host, size: usize, end: bool) -> Flow {
        match &mut self.phase {
            // The whole body was here, and was decided on: more of it was not.
            Phase::Forwarded(_) if self.has_gathered && size > 0 => {
                self.refuse(host, &Problem::NotConfigured)
            }
            Phase::Passed | Phase::Forwarded(_) => Flow::Continue,
            Phase::Masking(streaming) => match streaming.step(host, size, end) {
                Ok(flow) => flow,
                Err(problem) => self.refuse(host, &problem),
            },
            Phase::Gathering(_) => self.gather(host, size, end),
            // Nothing tells what is to be done with it, and nothing would look at it again.
            Phase::Fresh => self.refuse(host, &Problem::NotConfigured),
            Phase::Asking { .. } | Phase::Polling(_) | Phase::Answered => Flow::Pause,
        }
    }

    /// Request trailers end a body that had no end.
    pub(crate) fn on_request_trailers(&mut self, host: &impl Host) -> Flow {
        if strip_ours(host, Map::RequestTrailers).is_err() {
            return self.refuse(host, &Problem::NotConfigured);
        }
        match &self.phase {
            Phase::Passed | Phase::Forwarded(_) => Flow::Continue,
            Phase::Masking(streaming) => match streaming.finish() {
                Ok(()) => Flow::Continue,
                Err(problem) => self.refuse(host, &problem),
            },
            Phase::Gathering(_) => self.gather(host, usize::MAX, true),
            Phase::Fresh | Phase::Asking { .. } | Phase::Polling(_) | Phase::Answered => {
                Flow::Pause
            }
        }
    }

    /// The answer to the call that this stream made.
    pub(crate) fn on_call_answer(&mut self, host: &impl Host, headers: usize, body: usize) {
        let Some(plugin) = self.plugin.clone() else {
            return;
        };
        match std::mem::replace(&mut self.phase, Phase::Answered) {
            Phase::Asking {
                mut asking,
                fallback,
                waiting,
            } => match asking.on_answer(host, &plugin, headers, body) {
                Next::Asked(token) => {
                    self.call = Some(token);
                    self.phase = Phase::Asking {
                        asking,
                        fallback,
                        waiting,
                    };
                }
                Next::Outcome(outcome) => {
                    let release = settle(host, &plugin, outcome, fallback, *asking);
                    match release.and_then(|release| let_go(host, &plugin, waiting, release)) {
                        Ok(release) => self.forward(host, release),
                        Err(problem) => {
                            self.refuse(host, &problem);
                        }
                    }
                }
            },
            Phase::Polling(Polled::Withdrawal) => self.answer_withdrawal(host, headers),
            Phase::Polling(asked) => self.answer_poll(host, asked, headers, body),
            // A late answer changes nothing.
            other => self.phase = other,
        }
    }

    /// Response headers.
    pub(crate) fn on_response_headers(&mut self, host: &impl Host, end: bool) -> Flow {
        match self.response {
            Response::Fresh => {}
            Response::Replied => {
                // Our own answer passes through us like any other.
                self.response = if end { Response::Cut } else { Response::Own };
                return Flow::Continue;
            }
            // It was answered: nothing would look at the body behind these.
            _ => return respond::cut(&mut self.response, host),
        }
        let went_on = matches!(
            self.phase,
            Phase::Passed | Phase::Forwarded(_) | Phase::Masking(_)
        );
        let is_still = |plugin| self.choice.is_still(host, plugin, self.route.as_deref());
        if went_on && !self.plugin.as_ref().is_some_and(is_still) {
            return self.withhold(
                host,
                "The request took another route than it was decided on.",
            );
        }
        let nothing;
        let release = match &self.phase {
            Phase::Passed => {
                self.response = Response::Untouched;
                if strip_ours(host, Map::ResponseHeaders).is_ok() {
                    return Flow::Continue;
                }
                return self.withhold(host, "The response headers cannot be written.");
            }
            Phase::Forwarded(release) => release,
            // An answer to a request that is still held can only be the gateway's own.
            Phase::Masking(_)
            | Phase::Fresh
            | Phase::Gathering(_)
            | Phase::Asking { .. }
            | Phase::Polling(_)
            | Phase::Answered => {
                nothing = Release::default();
                &nothing
            }
        };
        let Some(plugin) = &self.plugin else {
            return Flow::Pause;
        };
        let (response, flow) = respond::on_headers(host, plugin, release, end);
        self.response = response;
        flow
    }

    fn withhold(&mut self, host: &impl Host, why: &'static str) -> Flow {
        let (response, flow) = respond::refuse(host, why);
        self.response = response;
        flow
    }

    /// Response body.
    pub(crate) fn on_response_body(&mut self, host: &impl Host, size: usize, end: bool) -> Flow {
        respond::on_body(&mut self.response, host, size, end)
    }

    /// Response trailers.
    pub(crate) fn on_response_trailers(&mut self, host: &impl Host) -> Flow {
        let plugin = match self.phase {
            Phase::Passed => None,
            _ => self.plugin.as_deref(),
        };
        respond::on_trailers(&mut self.response, host, plugin)
    }

    /// The stream ends. A caller that leaves while it waits ends its wait, and no more: its approval
    /// lives, and the identical request finds it.
    pub(crate) fn on_end(&mut self, host: &impl Host) {
        if let (Phase::Asking { asking, .. }, Some(plugin)) = (&self.phase, &self.plugin) {
            asking.leave(host, plugin);
        }
    }

    fn gather(&mut self, host: &impl Host, size: usize, end: bool) -> Flow {
        let Some(plugin) = self.plugin.clone() else {
            return Flow::Pause;
        };
        let most = plugin.policy.limits().held_body;
        if size > most && size != usize::MAX {
            return self.refuse(host, &Problem::BodyTooLarge);
        }
        if !end {
            return Flow::Pause;
        }
        // One byte more than may be held tells a body that is too large at its trailers.
        let body = match host.body(Buffer::RequestBody, size.min(most + 1)) {
            Ok(body) if body.len() <= most => body,
            Ok(_) => return self.refuse(host, &Problem::BodyTooLarge),
            Err(_) => return self.refuse(host, &Problem::BodyNotReviewable),
        };
        match std::mem::replace(&mut self.phase, Phase::Answered) {
            Phase::Gathering(plan) => {
                self.has_gathered = true;
                self.proceed(host, &plugin, *plan, &body)
            }
            other => {
                self.phase = other;
                Flow::Pause
            }
        }
    }

    /// The whole request is here: looks into it and asks, or lets it go.
    fn proceed(&mut self, host: &impl Host, plugin: &Rc<Plugin>, plan: Plan, body: &[u8]) -> Flow {
        let (question, waiting) = match plan.examine(host, plugin, body) {
            Ok(examined) => examined,
            Err(problem) => return self.refuse(host, &problem),
        };
        let waiting = waiting.map(Box::new);
        let Some(question) = question else {
            self.phase = Phase::Forwarded(Release::default());
            return Flow::Continue;
        };
        let (hold, fallback) = (question.hold, question.fallback);
        let Some(check) = question.check(host, plugin, body) else {
            return self.refuse(host, &Problem::ApprovalUnavailable);
        };
        let (asking, sent) = Asking::begin(host, plugin, check, hold);
        if let Ok(token) = sent {
            self.call = Some(token);
            self.phase = Phase::Asking {
                asking: Box::new(asking),
                fallback,
                waiting,
            };
            return Flow::Pause;
        }
        let outcome = Outcome::Unavailable("the call could not be sent");
        let release = settle(host, plugin, outcome, fallback, asking);
        match release.and_then(|release| let_go(host, plugin, waiting, release)) {
            Ok(release) => {
                self.phase = Phase::Forwarded(release);
                Flow::Continue
            }
            Err(problem) => self.refuse(host, &problem),
        }
    }

    fn forward(&mut self, host: &impl Host, release: Release) {
        self.phase = Phase::Forwarded(release);
        if host.resume(Side::Request).is_err() {
            self.refuse(host, &Problem::ApprovalUnavailable);
        }
    }

    fn answer_withdrawal(&mut self, host: &impl Host, headers: usize) {
        let unknown = Problem::ApprovalDenied {
            code: DenyCode::UnknownApproval,
            approval: None,
            public_reason: None,
        };
        let sent = match check::read_withdrawal(host, headers) {
            Ok(Some(true)) => problem::send_withdrawn(host),
            Ok(Some(false)) => Problem::ApprovalDecided.send(host),
            Ok(None) => unknown.send(host),
            Err(_) => Problem::ApprovalUnavailable.send(host),
        };
        self.answered(host, sent.is_ok());
    }

    fn answer_poll(&mut self, host: &impl Host, asked: Polled, headers: usize, body: usize) {
        let sent = match check::read_polled(host, headers, body) {
            Ok(Some(proof)) if matches!(asked, Polled::Proof(_)) => {
                problem::send_proof(host, &proof)
            }
            Ok(Some(answer)) => match serde_json::from_slice(&answer) {
                Ok(answer) => problem::send_status(host, &answer),
                Err(_) => Problem::ApprovalUnavailable.send(host),
            },
            Ok(None) => Problem::ApprovalDenied {
                code: DenyCode::UnknownApproval,
                approval: None,
                public_reason: None,
            }
            .send(host),
            Err(_) => Problem::ApprovalUnavailable.send(host),
        };
        self.answered(host, sent.is_ok());
    }

    /// Answers with a problem; where even that fails, the stream is cut.
    fn refuse(&mut self, host: &impl Host, problem: &Problem) -> Flow {
        host.log(
            Level::Info,
            &format!("velum: a request is answered {}", problem.code()),
        );
        // Once an upstream's answer is on its way, ours would come too late: the stream is cut.
        let sent = matches!(self.response, Response::Fresh) && problem.send(host).is_ok();
        self.answered(host, sent);
        Flow::Pause
    }

    fn answered(&mut self, host: &impl Host, sent: bool) {
        self.phase = Phase::Answered;
        self.response = if sent {
            Response::Replied
        } else {
            Response::Cut
        };
        if !sent && host.reset(Side::Request).is_err() {
            host.log(
                Level::Error,
                "velum: a request could not be refused; it is held instead",
            );
        }
    }
}

#[cfg(test)]
mod tests;
