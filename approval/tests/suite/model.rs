//! Every history there is, of four people, of whom three may review, two streams, two policies and a clock that
//! goes both ways: a model checker drives the very `transition` and `decide` of the service, and what a release
//! may be is said again here, by rules of its own.
//!
//! What is the same but for who of the three is who, or which stream is which, is explored once. `VELUM_LONG`
//! asks for histories of one vote more where that is the bound.

mod watch;

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use stateright::{Checker as _, Model, Property};
use velum_approval::{
    Approval, Ask, Ballot, Cause, Decision, DenyCode, Event, GrantLimits, Opening, Panel, Refused,
    Scope, State, StopScope, Timestamp, Use, Verdict, decide, transition,
};

use self::watch::{Release, Said, Watch};
use crate::cast::{
    GRANT, check, classes, gateway, jwt, later, mac, no_rules, opening, panel, person, policy,
    use_key,
};

/// The reviewers there are; the first is behind the request.
const PEOPLE: [&str; 4] = ["dr-jones", "grace", "bob", "ann"];
/// How many of them have to agree.
const QUORUM: u32 = 2;
/// A step of the clock, in seconds: as long as a stream gets the same answer again.
const TICK: u64 = 60;
/// How long it stays undecided, in ticks, and how long a grant lasts.
const PENDING: u8 = 2;
const LIFE: u8 = 2;
/// The last tick.
const END: u8 = 4;

fn at(tick: u8) -> Timestamp {
    later(u64::from(tick) * TICK)
}

fn ticks(many: u8) -> Duration {
    Duration::from_secs(u64::from(many) * TICK)
}

/// What is explored, and how far.
struct Explored {
    panel: Panel,
    opened: Arc<Approval>,
    streams: u8,
    most_votes: usize,
    /// What people approve.
    said: &'static [Said],
    /// Whether the clock is ever set back.
    is_set_back: bool,
}

impl Explored {
    fn new(uses: u32, streams: u8, most_votes: usize) -> Explored {
        let (check, panel) = (check(), panel(QUORUM));
        let opening = Opening {
            uses,
            lifetime: ticks(PENDING),
            ..opening(&check, &panel)
        };
        let (opened, _) = Approval::open(opening, at(0)).unwrap();
        Explored {
            panel,
            opened: Arc::new(opened),
            streams,
            most_votes,
            said: &Said::ALL,
            is_set_back: false,
        }
    }
}

/// All that there is at one moment.
#[derive(Clone, Debug, PartialEq)]
struct World {
    approval: Arc<Approval>,
    uses: Vec<Use>,
    clock: u8,
    /// The policy that the gateway runs.
    policy: u8,
    is_stopped: bool,
    watch: Watch,
}

impl World {
    /// The people in an order that does not depend on their names: first who is behind the request, then the
    /// others as they have voted. Those who have not are all alike.
    fn people(&self) -> [usize; PEOPLE.len()] {
        let place = |person: usize| {
            let mut votes = self.approval.votes.iter();
            votes.position(|vote| vote.person.as_str() == PEOPLE[person])
        };
        let mut people = std::array::from_fn(|person| person);
        people.sort_by_key(|&person| (person > 0, place(person).unwrap_or(usize::MAX)));
        people
    }

    /// The streams in the order in which they have used it, and then those that have not.
    fn streams(&self) -> [usize; 4] {
        let place = |stream: usize| {
            let mut uses = self.uses.iter();
            uses.position(|made| made.use_key == use_key(u8::try_from(stream).unwrap()))
        };
        let mut streams = std::array::from_fn(|stream| stream);
        streams.sort_by_key(|&stream| place(stream).unwrap_or(usize::MAX));
        streams
    }
}

/// What tells one moment from another. Left out is what no rule reads: the number of a version, which
/// ballots name relatively here, and when a vote was cast. Of the rest of an approval nothing changes. Left out
/// too is who is who among those who are not behind the request, and which stream is which: no rule tells them
/// apart, so that what can follow is the same.
impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Approval {
            granted,
            grant_expires,
            ended,
            used,
            state,
            votes,
            ..
        } = &*self.approval;
        (state, hashed(granted), grant_expires, ended, used).hash(hasher);
        let (people, streams) = (self.people(), self.streams());
        for vote in votes {
            let person = people
                .iter()
                .position(|&person| vote.person.as_str() == PEOPLE[person]);
            let said = match &vote.verdict {
                Verdict::Approve { scope, seconds, .. } => Some((hashed(scope), *seconds)),
                Verdict::Deny | Verdict::TakeBack => None,
            };
            let is_no = vote.verdict == Verdict::Deny;
            (person, said, is_no).hash(hasher);
        }
        for made in &self.uses {
            made.at.hash(hasher);
        }
        let watch = self.watch.seen_as(people, streams);
        (self.clock, self.policy, self.is_stopped, watch).hash(hasher);
    }
}

fn hashed(scope: &Scope) -> impl Hash {
    let GrantLimits { records, bytes } = scope.limits;
    (scope.classes, scope.rules.clone(), records, bytes)
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Approve {
        person: usize,
        said: Said,
        is_stale: bool,
    },
    Deny {
        person: usize,
    },
    TakeBack {
        person: usize,
    },
    /// A stream asks to use it, for the request that was asked or for another.
    Consume {
        stream: u8,
        is_other: bool,
    },
    Withdraw,
    Revoke {
        person: usize,
    },
    Sweep,
    Tick,
    TickBack,
    ChangePolicy,
    Stop,
    Resume,
}

impl Model for Explored {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            approval: self.opened.clone(),
            uses: Vec::new(),
            clock: 0,
            policy: 1,
            is_stopped: false,
            watch: Watch::default(),
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for person in 0..PEOPLE.len() {
            if world.approval.votes.len() < self.most_votes {
                for &said in self.said {
                    for is_stale in [false, true] {
                        steps.push(Step::Approve {
                            person,
                            said,
                            is_stale,
                        });
                    }
                }
                steps.extend([Step::Deny { person }, Step::TakeBack { person }]);
            }
            steps.push(Step::Revoke { person });
        }
        for stream in 1..=self.streams {
            let of = |is_other| Step::Consume { stream, is_other };
            steps.extend([of(false), of(true)]);
        }
        steps.extend([Step::Withdraw, Step::Sweep, Step::ChangePolicy]);
        steps.push(if world.is_stopped {
            Step::Resume
        } else {
            Step::Stop
        });
        if world.clock < END {
            steps.push(Step::Tick);
        }
        if self.is_set_back && world.clock > 0 {
            steps.push(Step::TickBack);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        // A release is looked at in the one moment in which it happens.
        let was_release = next.watch.release.take().is_some();
        let changed = match step {
            Step::Tick => {
                next.clock += 1;
                true
            }
            Step::TickBack => {
                next.clock -= 1;
                true
            }
            Step::ChangePolicy => {
                next.policy = 3 - next.policy;
                true
            }
            Step::Stop | Step::Resume => {
                next.is_stopped = step == Step::Stop;
                true
            }
            Step::Consume { stream, is_other } => self.consume(&mut next, stream, is_other),
            _ => self.happen(&mut next, step),
        };
        (changed || was_release).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Explored>> {
        watch::properties(self)
    }
}

impl Explored {
    /// What a check does in the service: it uses the grant, or writes down why it has ended.
    fn consume(&self, next: &mut World, stream: u8, is_other: bool) -> bool {
        let (gateway, bot) = (gateway(), jwt("triage-bot"));
        let stops = [StopScope::Action {
            name: check().action,
        }];
        let ask = Ask {
            gateway: &gateway,
            use_key: use_key(stream),
            fingerprint_mac: mac(if is_other { 2 } else { 1 }),
            principal: &bot,
            policy: policy(next.policy),
            waiting: false,
            stops: if next.is_stopped { &stops } else { &[] },
        };
        let now = at(next.clock);
        let approval = next.approval.clone();
        match decide(&approval, &ask, &next.uses, &self.panel, now) {
            Decision::Allow(grant) => {
                let uses = next.uses.clone();
                let event = Event::Consume {
                    ask,
                    uses: &uses,
                    panel: &self.panel,
                };
                let (after, _) = transition(&approval, &event, now).unwrap();
                next.approval = Arc::new(after);
                next.uses.push(Use {
                    gateway: gateway.clone(),
                    use_key: use_key(stream),
                    at: now,
                    index: 0,
                });
                self.release(next, stream, is_other, Some(grant.scope));
                true
            }
            Decision::Replay(_) => {
                self.release(next, stream, is_other, None);
                true
            }
            Decision::Refused(DenyCode::Superseded) => {
                let cause = match next.policy {
                    1 => Cause::Reviewers,
                    other => Cause::Policy(policy(other)),
                };
                Self::write(next, &Event::Supersede(cause)).is_ok()
            }
            Decision::Refused(DenyCode::Expired) => Self::write(next, &Event::Expire).is_ok(),
            Decision::Pending | Decision::Taken | Decision::Refused(_) => false,
        }
    }

    fn release(&self, next: &mut World, stream: u8, is_other: bool, scope: Option<Scope>) {
        let release = Release {
            is_fresh: scope.is_some(),
            is_narrower: scope
                .as_ref()
                .is_some_and(|scope| *scope != self.opened.asked()),
            is_other,
            is_wider: scope.is_some_and(|scope| next.watch.exceeds(&scope)),
            clock: next.clock,
            policy: next.policy,
            is_stopped: next.is_stopped,
        };
        next.watch.released(stream, release);
    }

    fn happen(&self, next: &mut World, step: Step) -> bool {
        let (person, verdict, is_stale) = match step {
            Step::Approve {
                person,
                said,
                is_stale,
            } => (person, said.verdict(), is_stale),
            Step::Deny { person } => (person, Verdict::Deny, false),
            Step::TakeBack { person } => (person, Verdict::TakeBack, false),
            Step::Revoke { person: index } => {
                let done = Self::write(
                    next,
                    &Event::Revoke {
                        person: &person(PEOPLE[index]),
                    },
                );
                next.watch.is_revoked |= done.is_ok();
                return done.is_ok();
            }
            Step::Withdraw => {
                let principal = jwt("triage-bot");
                return Self::write(
                    next,
                    &Event::Withdraw {
                        principal: &principal,
                    },
                )
                .is_ok();
            }
            _ => return Self::write(next, &Event::Expire).is_ok(),
        };
        let version = next.approval.version - u64::from(is_stale);
        let ballot = Ballot {
            person: &crate::cast::person(PEOPLE[person]),
            verdict,
            version: Some(version),
            comment: None,
            public_reason: None,
            assertion: None,
            panel: &self.panel,
            rules: no_rules(),
            grant_lifetime: ticks(LIFE),
        };
        let done = Self::write(next, &Event::Vote(ballot));
        if done.is_ok() {
            next.watch.voted(step, next.clock);
        }
        done.is_ok()
    }

    fn write(next: &mut World, event: &Event<'_>) -> Result<(), Refused> {
        let before = next.approval.clone();
        let (after, _) = transition(&before, event, at(next.clock))?;
        let is_recalled = before.state == State::Used && after.state == State::Revoked;
        next.watch.has_revived |= before.state.is_final() && !is_recalled;
        next.approval = Arc::new(after);
        Ok(())
    }
}

impl Said {
    fn verdict(self) -> Verdict {
        let (names, records, seconds) = match self {
            Said::All => ("name date mrn", None, None),
            Said::Name => ("name", None, Some(TICK)),
            Said::Ten => ("name date", Some(10), None),
            Said::Date => ("date", None, None),
        };
        Verdict::Approve {
            scope: Scope {
                limits: GrantLimits {
                    records,
                    bytes: None,
                },
                ..Scope::of(classes(names))
            },
            seconds: seconds.map(|seconds| u32::try_from(seconds).unwrap()),
            unseen: false,
        }
    }
}

/// Explores everything and says how much that was.
#[expect(clippy::print_stderr, reason = "the figure of the run")]
fn explore(name: &str, explored: Explored) {
    assert!(ticks(LIFE) <= GRANT, "no longer than in life");
    let checker = explored.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    let line = format!(
        "{} states, {} of them different, {} steps deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    eprintln!("{name}: {line}");
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        std::fs::write(
            std::path::Path::new(&folder).join(format!("{name}.txt")),
            line,
        )
        .unwrap();
    }
}

/// Whether a run may take its time.
fn is_long() -> bool {
    std::env::var_os("VELUM_LONG").is_some()
}

#[test]
fn no_order_of_events_releases_what_it_must_not() {
    explore(
        "no_order_of_events_releases_what_it_must_not",
        Explored {
            is_set_back: true,
            ..Explored::new(1, 2, if is_long() { 4 } else { 3 })
        },
    );
}

/// The third person matters once one has taken a yes back: that takes four votes.
#[test]
fn no_order_of_events_among_three_reviewers_releases_what_it_must_not() {
    explore(
        "no_order_of_events_among_three_reviewers_releases_what_it_must_not",
        Explored::new(1, 2, 4),
    );
}

#[test]
fn no_order_of_events_gives_a_grant_of_two_uses_a_third() {
    explore(
        "no_order_of_events_gives_a_grant_of_two_uses_a_third",
        Explored::new(2, 3, if is_long() { 3 } else { 2 }),
    );
}
