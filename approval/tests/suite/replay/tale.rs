//! A log with every event there is, as the service would write it.

use std::time::Duration;

use velum_approval::messages::{ClassCounts, EventOutcome, EventRow, Events};
use velum_approval::record::{
    CredentialEvent, LogEvent, PreviousLog, Reception, Released, Reported, SessionEvent,
    SignInRefused, SignedInBy, Summary,
};
use velum_approval::{
    Approval, ApprovalId, Ask, Ballot, Cause, Check, Commitment, DenyCode, Emergency, EmergencyId,
    EmergencyOpening, End, Event, Found, GrantLimits, LogName, MOST_EMERGENCY, Opening,
    OutcomeReport, Panel, Party, Record, Refused, Scope, StepUp, Stop, StopId, StopScope, Use,
    Verdict, WorkerId, transition,
};
use velum_engine::Class;

use super::log::{Log, beginning};
use crate::cast::{
    GRANT, START, ask, ballot, check, classes, directory, evidence, gateway, jwt, later, mac,
    no_rules, opening, panel, person, policy, use_key, yes,
};
use crate::security_keys::{Ceremony, SoftKey, added, approving, credential, sign};

/// Writes what happens, second by second.
struct Teller {
    log: Log,
    second: u64,
}

impl Teller {
    fn tell(&mut self, record: &Record) -> u64 {
        self.log.push(later(self.second), record)
    }

    fn open(&mut self, id: &str, change: impl FnOnce(&mut Opening<'_>), panel: &Panel) -> Approval {
        let check = Check {
            reason: None,
            ..check()
        };
        let mut opening = Opening {
            id: ApprovalId::new(id).unwrap(),
            ..opening(&check, panel)
        };
        change(&mut opening);
        self.second += 1;
        let (approval, record) = Approval::open(opening, later(self.second)).unwrap();
        self.tell(&record);
        approval
    }

    fn happen(&mut self, approval: &mut Approval, event: &Event<'_>) -> u64 {
        self.second += 1;
        let (next, record) = transition(approval, event, later(self.second)).unwrap();
        *approval = next;
        self.tell(&record)
    }

    fn vote(&mut self, approval: &mut Approval, id: &str, verdict: Verdict, panel: &Panel) {
        let voter = person(id);
        self.happen(approval, &ballot(&voter, verdict, panel));
    }

    fn used(&mut self, approval: &mut Approval, stream: u8, uses: &mut Vec<Use>, panel: &Panel) {
        let (gateway, bot) = (gateway(), jwt("triage-bot"));
        let ask = Ask {
            use_key: use_key(stream),
            ..ask(&gateway, &bot)
        };
        let event = Event::Consume {
            ask,
            uses: &uses.clone(),
            panel,
        };
        let index = self.happen(approval, &event);
        uses.push(Use {
            gateway: gateway.clone(),
            use_key: use_key(stream),
            at: later(self.second),
            index,
        });
    }

    fn told(&mut self, approval: &Approval, stream: u8, used: u64, end: End, drift: u64) {
        self.second += 1;
        let released = Released {
            gateway: gateway(),
            report: OutcomeReport {
                approval: approval.id.clone(),
                use_key: use_key(stream),
                status: 200,
                records: 1,
                bytes: 300,
                lifted: Found::new([(Class::Name, 2)]),
                masked: Found::new([(Class::Ssn, 1)]),
                drift: Found::new([(Class::Name, drift)]),
                end,
            },
            used,
        };
        self.tell(&Record::Released(Box::new(released)));
    }

    fn stop(&mut self, id: &str, scope: StopScope, principal: Option<&Party>, by: &str) -> Stop {
        self.second += 1;
        let id = StopId::new(id).unwrap();
        let (stop, record) = Stop::begin(id, scope, principal, person(by), later(self.second));
        self.tell(&record);
        stop
    }

    fn review(&mut self, emergency: &Emergency, by: &str, justified: bool) {
        self.second += 1;
        let requester = directory().party(&emergency.principal).cloned();
        let now = later(self.second);
        let reviewed = emergency.review(&person(by), true, requester, justified, None, now);
        self.tell(&reviewed.unwrap().1);
    }

    fn resume(&mut self, stop: &Stop, principal: Option<&Party>, by: &str) {
        self.second += 1;
        let resumed = stop.resume(principal, &person(by), later(self.second));
        self.tell(&resumed.unwrap().1);
    }
}

/// The log. Its first request is for two people; the second has two uses.
pub(super) fn log() -> Log {
    let mut teller = Teller {
        log: Log(Vec::new()),
        second: 0,
    };
    teller.tell(&beginning());
    two_people(&mut teller);
    two_uses(&mut teller);
    an_emergency(&mut teller);
    unseen(&mut teller);
    a_security_key(&mut teller);
    nothing_released(&mut teller);
    teller.log
}

fn two_people(teller: &mut Teller) {
    let (panel, bot) = (panel(2), jwt("triage-bot"));
    let mut approval = teller.open("two", |_| {}, &panel);
    teller.vote(&mut approval, "ann", yes("name"), &panel);
    let question = Event::Question {
        person: &person("grace"),
        version: None,
        comment: None,
        panel: &panel,
    };
    teller.happen(&mut approval, &question);
    let explain = Event::Explain {
        principal: &bot,
        reason: Commitment::to("", &[1; 32]),
    };
    teller.happen(&mut approval, &explain);
    let narrow = Verdict::Approve {
        scope: Scope {
            limits: GrantLimits {
                records: Some(10),
                bytes: None,
            },
            ..Scope::of(classes("name date"))
        },
        seconds: Some(200),
        unseen: false,
    };
    teller.vote(&mut approval, "grace", narrow, &panel);
    teller.vote(&mut approval, "bob", yes("name mrn"), &panel);
    let everything = teller.stop("s1", StopScope::Everything, None, "ann");
    teller.tell(&Record::Barred {
        person: person("ann"),
        refused: "same-person",
    });
    for event in [
        SessionEvent::SignedIn {
            person: person("ann"),
            by: SignedInBy::Link,
        },
        SessionEvent::Confirmed {
            person: person("ann"),
            approval: Some(approval.id.clone()),
        },
        SessionEvent::SignedOut {
            person: person("ann"),
            everywhere: false,
        },
        SessionEvent::Refused {
            person: Some(person("ann")),
            refused: SignInRefused::Link,
        },
    ] {
        teller.tell(&Record::Session(Box::new(event)));
    }
    teller.resume(&everything, None, "grace");
    let jones = Party::Person {
        id: person("dr-jones"),
    };
    let identity = jwt("dr-jones");
    let who = StopScope::Principal { identity };
    let stop = teller.stop("s2", who, Some(&jones), "ann");
    teller.resume(&stop, Some(&jones), "bob");
    let mut uses = Vec::new();
    teller.used(&mut approval, 1, &mut uses, &panel);
    teller.told(&approval, 1, uses[0].index, End::Complete, 0);
    teller.tell(&Record::UseRefused {
        approval: approval.id.clone(),
        gateway: gateway(),
        code: DenyCode::Used,
    });
}

fn a_security_key(teller: &mut Teller) {
    let (panel, key, ann) = (panel(1), SoftKey::p256(1), person("ann"));
    teller.second += 1;
    let from = later(teller.second);
    let anns = credential(&key, "ann", from);
    teller.tell(&added(&anns));
    let asking = |opening: &mut Opening<'_>| opening.step_up = Some(StepUp::Webauthn);
    let mut approval = teller.open("keyed", asking, &panel);
    let shown = (approval.clone(), yes("name"));
    let what = approving(&shown.0, &ann, &shown.1, later(teller.second));
    let assertion = sign(&key, &what, &Ceremony::default()).unwrap();
    let vote = Event::Vote(Ballot {
        person: &ann,
        verdict: shown.1.clone(),
        version: None,
        comment: None,
        public_reason: None,
        assertion: Some(assertion),
        panel: &panel,
        rules: no_rules(),
        grant_lifetime: GRANT,
    });
    teller.happen(&mut approval, &vote);
    let mut uses = Vec::new();
    teller.used(&mut approval, 9, &mut uses, &panel);
    teller.told(&approval, 9, uses[0].index, End::Complete, 0);
    teller.tell(&Record::Credential(Box::new(CredentialEvent::Removed {
        person: ann,
        id: anns.id,
    })));
}

fn two_uses(teller: &mut Teller) {
    let panel = panel(1);
    let collecting = |opening: &mut Opening<'_>| {
        opening.uses = 2;
        opening.collecting = Some(Duration::from_mins(1));
    };
    let mut approval = teller.open("uses", collecting, &panel);
    let (gateway, evidence) = (gateway(), evidence());
    let seen = Event::Evidence {
        gateway: &gateway,
        evidence: &evidence,
    };
    teller.happen(&mut approval, &seen);
    teller.vote(&mut approval, "ann", yes("name date"), &panel);
    let mut uses = Vec::new();
    teller.used(&mut approval, 2, &mut uses, &panel);
    teller.used(&mut approval, 3, &mut uses, &panel);
    teller.told(&approval, 3, uses[1].index, End::Cut, 0);
    teller.told(&approval, 2, uses[0].index, End::Complete, 1);
    let revoke = Event::Revoke {
        person: &person("ann"),
    };
    teller.happen(&mut approval, &revoke);
    let id = approval.id.clone();
    teller.stop("s3", StopScope::Approval { id }, None, "ann");
}

pub(super) fn opened(id: &str, by: &str, second: u64) -> (Emergency, Record) {
    let (bot, check) = (jwt("triage-bot"), check());
    let excluded = directory().resolve_with(&bot, &check.lineage).unwrap();
    let opening = EmergencyOpening {
        id: EmergencyId::new(id).unwrap(),
        person: &person(by),
        is_admitted: true,
        principal: &bot,
        requester: directory().party(&bot).unwrap().clone(),
        excluded: &excluded,
        action: &check.action,
        reason: Commitment::to("", &[2; 32]),
        lifetime: Duration::from_mins(10),
        most: MOST_EMERGENCY,
        is_blocked: false,
        is_reviewable: true,
    };
    Emergency::open(opening, later(second)).unwrap()
}

fn an_emergency(teller: &mut Teller) {
    let panel = panel(3);
    teller.second += 1;
    let (emergency, record) = opened("e1", "ann", teller.second);
    teller.tell(&record);
    let mut approval = teller.open("glass", |opening| opening.in_emergency = true, &panel);
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let broken = Event::BreakGlass {
        ask: Ask {
            use_key: use_key(4),
            ..ask(&gateway, &bot)
        },
        emergency: &emergency,
    };
    let index = teller.happen(&mut approval, &broken);
    teller.told(&approval, 4, index, End::Stopped, 0);
    let reviewed = emergency.used(&approval.excluded);
    teller.review(&reviewed, "bob", true);
    let id = emergency.id;
    teller.stop("s4", StopScope::Emergency { id }, None, "bob");
    teller.second += 1;
    let (second, record) = opened("e2", "ann", teller.second);
    teller.tell(&record);
    teller.second += 1;
    let requester = directory().party(&second.principal).cloned();
    let (second, record) = second.end(requester, later(teller.second)).unwrap();
    teller.tell(&record);
    teller.review(&second, "grace", false);
}

fn unseen(teller: &mut Teller) {
    let panel = panel(1);
    let collecting = |opening: &mut Opening<'_>| {
        opening.collecting = Some(Duration::from_mins(1));
    };
    let mut approval = teller.open("unseen", collecting, &panel);
    teller.second += 60;
    teller.happen(&mut approval, &Event::Unseen);
    let knowingly = Verdict::Approve {
        scope: Scope::of(classes("name")),
        seconds: None,
        unseen: true,
    };
    teller.vote(&mut approval, "grace", knowingly, &panel);
    teller.second += 300;
    teller.happen(&mut approval, &Event::Expire);
}

fn nothing_released(teller: &mut Teller) {
    let (two, bot) = (panel(2), jwt("triage-bot"));
    let mut approval = teller.open("denied", |_| {}, &two);
    teller.vote(&mut approval, "grace", yes("name"), &two);
    teller.vote(&mut approval, "grace", Verdict::TakeBack, &two);
    teller.tell(&Record::VoteRefused {
        approval: approval.id.clone(),
        person: person("dr-jones"),
        refused: Refused::SelfApproval,
    });
    teller.vote(&mut approval, "bob", Verdict::Deny, &two);
    let mut approval = teller.open("empty", |_| {}, &two);
    teller.vote(&mut approval, "grace", yes("name"), &two);
    teller.vote(&mut approval, "bob", yes("date"), &two);
    let mut approval = teller.open("withdrawn", |_| {}, &two);
    teller.happen(&mut approval, &Event::Withdraw { principal: &bot });
    let mut approval = teller.open("superseded", |_| {}, &two);
    let changed = Event::Supersede(Cause::Policy(policy(2)));
    teller.happen(&mut approval, &changed);
    let mut approval = teller.open(
        "reviewers",
        |opening| opening.fingerprint_mac = mac(2),
        &two,
    );
    teller.happen(&mut approval, &Event::Supersede(Cause::Reviewers));
    teller.tell(&Record::RequestRefused {
        gateway: gateway(),
        action: None,
        code: DenyCode::LineageUnknown,
    });
    for sequence in 1..=2 {
        teller.tell(&Record::Reported(Box::new(Reported {
            gateway: gateway(),
            worker: WorkerId::from_bytes([7; 16]),
            sequence,
            missing: 0,
            lost: 0,
            requests: 300,
            masked: 4000,
            digest: [5; 32],
        })));
    }
    for minutes in [2, 1] {
        let now = later(teller.second);
        let minute = Summary::minute_of(now).before(minutes * Summary::PERIOD);
        let mut summary = Summary::new(gateway(), minute);
        let mut masked = ClassCounts::default();
        masked.add(Class::Name, 4);
        let row = |outcome| EventRow {
            policy: policy(1),
            action: Some(approval.action.clone()),
            outcome,
            principal: None,
            status: 200,
            requests: 3,
            masked,
        };
        summary.add(&Reception {
            events: &Events {
                worker: WorkerId::from_bytes([7; 16]),
                sequence: 3,
                lost: 0,
                from: now,
                until: now,
                rows: vec![row(EventOutcome::Masked), row(EventOutcome::Denied)],
            },
            body: b"a batch",
            missing: 0,
            is_late: false,
        });
        teller.tell(&Record::Summarised(Box::new(summary)));
    }
    for record in crate::records::read_and_configured() {
        teller.second += 1;
        teller.tell(&record);
    }
    for event in [
        LogEvent::KeyRotated {
            old: [1; 32],
            new: [2; 32],
        },
        LogEvent::Heartbeat,
        LogEvent::Pruned {
            pruned: PreviousLog {
                name: LogName::new("audit.example/main/2019").unwrap(),
                size: 7,
                root: [2; 32],
            },
            by: person("grace"),
            reason: Commitment::to("over", &[9; 32]),
        },
        LogEvent::Closed {
            next: LogName::new("audit.example/main/2027").unwrap(),
        },
    ] {
        teller.second += 1;
        teller.tell(&Record::Log(Box::new(event)));
    }
    assert!(later(teller.second) > START);
}
