//! What a grant is worth: narrower, shorter, several times, seen, stopped, taken back, and in an
//! emergency.

use std::collections::BTreeSet;
use std::time::Duration;

use velum_approval::{
    Approval, Ask, Ballot, Decision, DenyCode, Emergency, EmergencyId, EmergencyOpening,
    EmergencyRefused, Event, Evidence, GrantLimits, MOST_EMERGENCY, Opening, Panel, REVOCABLE,
    Refused, RuleName, Scope, State, StopScope, Tags, Use, Verdict, decide, transition,
};

use crate::cast::{
    GRANT, START, after_votes, ask, check, classes, directory, evidence, gateway, jwt, later, mac,
    opening, panel, pending, person, use_key, yes,
};

fn rules(names: &str) -> BTreeSet<RuleName> {
    let names = names.split_whitespace().map(RuleName::new);
    names.map(Result::unwrap).collect()
}

fn cast(
    approval: &Approval,
    id: &str,
    scope: Scope,
    seconds: Option<u32>,
    panel: &Panel,
) -> Result<Approval, Refused> {
    let event = Event::Vote(Ballot {
        person: &person(id),
        verdict: Verdict::Approve {
            scope,
            seconds,
            unseen: false,
        },
        version: None,
        comment: None,
        public_reason: None,
        assertion: None,
        panel,
        rules: &rules("ward contact"),
        grant_lifetime: GRANT,
    });
    transition(approval, &event, later(1)).map(|(next, _)| next)
}

fn narrow(lifted: &str, named: Option<&str>, records: Option<u64>, bytes: Option<u64>) -> Scope {
    Scope {
        rules: named.map(rules),
        limits: GrantLimits { records, bytes },
        ..Scope::of(classes(lifted))
    }
}

#[test]
fn a_grant_is_what_all_approvals_have_in_common() {
    let panel = panel(2);
    let one = narrow("name date", Some("ward contact"), Some(10), None);
    let other = narrow("name mrn", Some("ward"), Some(20), Some(4096));
    let approval = cast(&pending(&panel), "grace", one, Some(60), &panel).unwrap();
    let approval = cast(&approval, "bob", other, Some(120), &panel).unwrap();
    assert_eq!(approval.state, State::Approved);
    let both = narrow("name", Some("ward"), Some(10), Some(4096));
    assert_eq!(approval.granted, both);
    assert_eq!(approval.grant_expires, Some(later(61)), "the shorter life");

    // No rule in common is nothing in common.
    let one = narrow("name", Some("contact"), None, None);
    let approval = cast(&pending(&panel), "grace", one, None, &panel).unwrap();
    let other = narrow("name", Some("ward"), None, None);
    let approval = cast(&approval, "bob", other, None, &panel).unwrap();
    assert_eq!(approval.state, State::Denied);

    // Nobody makes it longer than configured.
    let whole = Scope::of(classes("name"));
    let single = super::cast::panel(1);
    let approval = cast(&pending(&single), "grace", whole, Some(9999), &single).unwrap();
    assert_eq!(approval.grant_expires, Some(later(1).after(GRANT)));
}

#[test]
fn a_scope_that_bounds_nothing_or_is_not_known_is_refused() {
    let panel = panel(1);
    let many: Vec<_> = (0..65).map(|number| format!("r{number}")).collect();
    for (scope, seconds, refused) in [
        (narrow("", None, None, None), None, Refused::Nothing),
        (narrow("name", Some(""), None, None), None, Refused::Nothing),
        (narrow("name", None, Some(0), None), None, Refused::Nothing),
        (narrow("name", None, None, Some(0)), None, Refused::Nothing),
        (narrow("name", None, None, None), Some(0), Refused::Nothing),
        (narrow("ssn", None, None, None), None, Refused::Wider),
        (
            narrow("name", Some("yard"), None, None),
            None,
            Refused::UnknownRule,
        ),
        (
            narrow("name", Some(&many.join(" ")), None, None),
            None,
            Refused::UnknownRule,
        ),
    ] {
        let cast = cast(&pending(&panel), "grace", scope.clone(), seconds, &panel);
        assert_eq!(cast.unwrap_err(), refused, "{scope:?}");
    }
    // A request that asks for no class has nothing that could be bounded.
    let check = velum_approval::Check {
        classes: classes(""),
        ..check()
    };
    let (plain, _) = Approval::open(opening(&check, &panel), START).unwrap();
    let bounded = cast(
        &plain,
        "grace",
        narrow("", None, Some(1), None),
        None,
        &panel,
    );
    assert_eq!(bounded.unwrap_err(), Refused::Nothing);
    assert_eq!(
        cast(&plain, "grace", Scope::NONE, None, &panel)
            .unwrap()
            .state,
        State::Approved
    );
}

/// An approval that grace granted so many uses of.
fn granted(uses: u32) -> Approval {
    let panel = panel(1);
    let check = check();
    let opening = Opening {
        uses,
        ..opening(&check, &panel)
    };
    let (approval, _) = Approval::open(opening, START).unwrap();
    cast(&approval, "grace", Scope::of(classes("name")), None, &panel).unwrap()
}

fn made(stream: u8, at: u64) -> Use {
    Use {
        gateway: gateway(),
        use_key: use_key(stream),
        at: later(at),
        index: 5,
    }
}

#[test]
fn a_grant_of_three_uses_is_used_three_times_by_three_streams() {
    let panel = panel(1);
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let mut approval = granted(3);
    let mut uses = Vec::new();
    for stream in 1..=3 {
        let ask = Ask {
            use_key: use_key(stream),
            ..ask(&gateway, &bot)
        };
        let consume = Event::Consume {
            ask,
            uses: &uses,
            panel: &panel,
        };
        approval = transition(&approval, &consume, later(2)).unwrap().0;
        uses.push(made(stream, 2));
        // The same stream again is a replay and no use.
        let again = decide(&approval, &ask, &uses, &panel, later(3));
        assert_eq!(again, Decision::Replay(made(stream, 2)));
    }
    assert_eq!((approval.state, approval.used), (State::Used, 3));
    let fourth = Ask {
        use_key: use_key(4),
        ..ask(&gateway, &bot)
    };
    let refused = Decision::Refused(DenyCode::Used);
    assert_eq!(decide(&approval, &fourth, &uses, &panel, later(3)), refused);
    // Neither the case set back nor its count set back gives another use.
    let mut forged = granted(3);
    assert_eq!(decide(&forged, &fourth, &uses, &panel, later(3)), refused);
    forged.used = 3;
    assert_eq!(decide(&forged, &fourth, &[], &panel, later(3)), refused);
}

#[test]
fn only_the_stream_that_opened_it_says_what_the_response_holds() {
    let panel = panel(1);
    let check = check();
    let opening = Opening {
        collecting: Some(Duration::from_mins(1)),
        ..opening(&check, &panel)
    };
    let (collecting, _) = Approval::open(opening, START).unwrap();
    let (edge, other) = (gateway(), velum_approval::GatewayId::new("other").unwrap());
    let of_another = Evidence {
        use_key: use_key(2),
        ..evidence()
    };
    let own = evidence();
    for (gateway, evidence) in [(&other, &own), (&edge, &of_another)] {
        let event = Event::Evidence { gateway, evidence };
        let refused = transition(&collecting, &event, later(1)).unwrap_err();
        assert_eq!(refused, Refused::NotTheStream);
    }
    let event = Event::Evidence {
        gateway: &edge,
        evidence: &own,
    };
    let (seen, _) = transition(&collecting, &event, later(1)).unwrap();
    let held = seen.seen.as_ref().unwrap();
    assert_eq!(
        (held.values, held.complete, held.tags),
        (2, true, own.tags.digest())
    );
    assert_eq!(
        transition(&seen, &event, later(2)).unwrap_err(),
        Refused::AlreadyDecided(State::Pending)
    );
    // The grant is bound to what was seen; without evidence it is not.
    let approved = cast(&seen, "grace", Scope::of(classes("name")), None, &panel).unwrap();
    let bot = jwt("triage-bot");
    let grant =
        |approval: &Approval| match decide(approval, &ask(&edge, &bot), &[], &panel, later(3)) {
            Decision::Allow(grant) => grant.seen,
            other => panic!("{other:?}"),
        };
    assert!(grant(&approved));
    assert_eq!(
        transition(&collecting, &Event::Unseen, later(59)).unwrap_err(),
        Refused::NotDue
    );
    let (unseen, _) = transition(&collecting, &Event::Unseen, later(60)).unwrap();
    let (grace, no_rules) = (person("grace"), BTreeSet::new());
    let vote = |knowing| {
        let event = Event::Vote(Ballot {
            person: &grace,
            verdict: Verdict::Approve {
                scope: Scope::of(classes("name")),
                seconds: None,
                unseen: knowing,
            },
            version: None,
            comment: None,
            public_reason: None,
            assertion: None,
            panel: &panel,
            rules: &no_rules,
            grant_lifetime: GRANT,
        });
        transition(&unseen, &event, later(61)).map(|(next, _)| next)
    };
    // Nobody approves unawares what nobody has seen.
    assert_eq!(vote(false).unwrap_err(), Refused::Unseen);
    let approved = vote(true).unwrap();
    let late = decide(&approved, &ask(&edge, &bot), &[], &panel, later(62));
    assert!(matches!(late, Decision::Allow(grant) if !grant.seen));
    assert_eq!(Tags::from_bytes(&own.tags.to_bytes()), Ok(own.tags.clone()));
}

#[test]
fn a_stop_stops_an_ask_a_grant_and_a_replay() {
    let panel = panel(1);
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let stops = [StopScope::Action {
        name: check().action,
    }];
    let stopped = Ask {
        stops: &stops,
        ..ask(&gateway, &bot)
    };
    let elsewhere = [StopScope::Gateway {
        id: velum_approval::GatewayId::new("other").unwrap(),
    }];
    let free = Ask {
        stops: &elsewhere,
        ..stopped
    };
    let refused = Decision::Refused(DenyCode::Stopped);
    assert_eq!(
        decide(&pending(&panel), &stopped, &[], &panel, later(1)),
        refused
    );
    let approved = after_votes(&panel, &[("grace", yes("name"))]);
    assert_eq!(decide(&approved, &stopped, &[], &panel, later(2)), refused);
    assert!(matches!(
        decide(&approved, &free, &[], &panel, later(2)),
        Decision::Allow(_)
    ));
    let uses = [made(1, 2)];
    assert_eq!(
        decide(&approved, &stopped, &uses, &panel, later(3)),
        refused
    );
    assert!(matches!(
        decide(&approved, &free, &uses, &panel, later(3)),
        Decision::Replay(_)
    ));
}

#[test]
fn what_was_used_can_be_taken_back_for_a_day_and_is_answered_no_more() {
    let panel = panel(1);
    let (gateway, bot, grace) = (gateway(), jwt("triage-bot"), person("grace"));
    let consume = Event::Consume {
        ask: ask(&gateway, &bot),
        uses: &[],
        panel: &panel,
    };
    let (used, _) = transition(&granted(1), &consume, later(2)).unwrap();
    let revoke = Event::Revoke { person: &grace };
    let (revoked, _) = transition(&used, &revoke, later(3)).unwrap();
    assert_eq!(revoked.state, State::Revoked);
    let again = decide(
        &revoked,
        &ask(&gateway, &bot),
        &[made(1, 2)],
        &panel,
        later(4),
    );
    assert_eq!(again, Decision::Refused(DenyCode::Revoked));
    let late = later(2).after(REVOCABLE).after(Duration::from_millis(1));
    assert_eq!(
        transition(&used, &revoke, late).unwrap_err(),
        Refused::Expired
    );
}

#[test]
fn a_question_waits_for_the_requesters_other_reason() {
    let panel = panel(1);
    let (bot, doctor, grace) = (jwt("triage-bot"), jwt("dr-jones"), person("grace"));
    let ask = |person, version| Event::Question {
        person,
        version,
        comment: None,
        panel: &panel,
    };
    let approval = pending(&panel);
    let owner = person("dr-jones");
    assert_eq!(
        transition(&approval, &ask(&owner, None), later(1)).unwrap_err(),
        Refused::SelfApproval
    );
    assert_eq!(
        transition(&approval, &ask(&grace, Some(2)), later(1)).unwrap_err(),
        Refused::StaleVersion
    );
    let (asked, _) = transition(&approval, &ask(&grace, Some(1)), later(1)).unwrap();
    assert!(asked.needs.is_some());
    let reason = velum_approval::Commitment::to("for the ward round", &[1; 32]);
    let explain = |principal| Event::Explain { principal, reason };
    assert_eq!(
        transition(&asked, &explain(&doctor), later(2)).unwrap_err(),
        Refused::NotTheRequester
    );
    let (explained, _) = transition(&asked, &explain(&bot), later(2)).unwrap();
    assert_eq!((explained.needs, explained.reason), (None, Some(reason)));
    assert_eq!(
        transition(&explained, &explain(&bot), later(3)).unwrap_err(),
        Refused::Unchanged
    );
    // Who voted on the card as it was, with another reason, is told to read it again.
    let vote = Event::Vote(Ballot {
        person: &grace,
        verdict: yes("name"),
        version: Some(2),
        comment: None,
        public_reason: None,
        assertion: None,
        panel: &panel,
        rules: &BTreeSet::new(),
        grant_lifetime: GRANT,
    });
    assert_eq!(
        transition(&explained, &vote, later(3)).unwrap_err(),
        Refused::StaleVersion
    );
}

#[test]
fn a_question_is_settled_by_the_decision_and_is_no_words_of_who_decides() {
    let (one, two) = (panel(1), panel(2));
    let (grace, ann) = (person("grace"), person("ann"));
    let rules = BTreeSet::new();
    let asks = velum_approval::Commitment::to("which ward?", &[1; 32]);
    let question = |panel| Event::Question {
        person: &grace,
        version: None,
        comment: Some(asks),
        panel,
    };
    let vote = |panel| {
        Event::Vote(Ballot {
            person: &ann,
            verdict: yes("name"),
            version: None,
            comment: None,
            public_reason: None,
            assertion: None,
            panel,
            rules: &rules,
            grant_lifetime: GRANT,
        })
    };
    for (panel, state) in [(&one, State::Approved), (&two, State::Pending)] {
        let (asked, _) = transition(&pending(panel), &question(panel), later(1)).unwrap();
        assert_eq!(asked.public_reason, Some(asks));
        let (voted, record) = transition(&asked, &vote(panel), later(2)).unwrap();
        assert_eq!(voted.state, state);
        // Whoever asked still waits for an answer where nothing is decided.
        let open = (state == State::Pending).then_some(asks);
        assert_eq!(
            (voted.public_reason, voted.needs.is_some()),
            (open, open.is_some())
        );
        let record = format!("{record:?}");
        assert!(record.contains("public_reason: None"), "{record}");
    }
}

#[test]
fn votes_on_the_reason_before_count_no_more() {
    let panel = panel(2);
    let (bot, ann) = (jwt("triage-bot"), person("ann"));
    let name = || Scope::of(classes("name"));
    let approval = cast(&pending(&panel), "grace", name(), None, &panel).unwrap();
    let question = Event::Question {
        person: &ann,
        version: None,
        comment: None,
        panel: &panel,
    };
    let (asked, _) = transition(&approval, &question, later(2)).unwrap();
    let explain = Event::Explain {
        principal: &bot,
        reason: velum_approval::Commitment::to("for the ward round", &[1; 32]),
    };
    let (explained, _) = transition(&asked, &explain, later(3)).unwrap();
    let one = cast(&explained, "ann", name(), None, &panel).unwrap();
    assert_eq!(one.state, State::Pending, "grace agreed to another reason");
    let both = cast(&one, "grace", name(), None, &panel).unwrap();
    assert_eq!(both.state, State::Approved);
}

fn emergency(
    change: impl FnOnce(&mut EmergencyOpening<'_>),
) -> Result<Emergency, EmergencyRefused> {
    let bot = jwt("triage-bot");
    let excluded = directory().resolve_with(&bot, &check().lineage).unwrap();
    let (ann, action) = (person("ann"), check().action);
    let mut opening = EmergencyOpening {
        id: EmergencyId::new("e1").unwrap(),
        person: &ann,
        is_admitted: true,
        principal: &bot,
        requester: directory().party(&bot).unwrap().clone(),
        excluded: &excluded,
        action: &action,
        reason: velum_approval::Commitment::to("unconscious", &[0; 32]),
        lifetime: Duration::from_mins(10),
        most: Duration::from_mins(30),
        is_blocked: false,
        is_reviewable: true,
    };
    change(&mut opening);
    Emergency::open(opening, START).map(|(emergency, _)| emergency)
}

#[test]
fn an_emergency_is_opened_by_who_may_for_an_hour_at_most_and_once_until_reviewed() {
    type Change = fn(&mut EmergencyOpening<'_>);
    let cases: [(Change, _); 6] = [
        (
            |opening| opening.is_admitted = false,
            EmergencyRefused::NotAdmitted,
        ),
        (
            |opening| opening.is_reviewable = false,
            EmergencyRefused::NoReviewer,
        ),
        (
            |opening| opening.is_blocked = true,
            EmergencyRefused::Unreviewed,
        ),
        (
            |opening| opening.lifetime = Duration::ZERO,
            EmergencyRefused::Lifetime,
        ),
        (
            |opening| opening.lifetime = Duration::from_mins(31),
            EmergencyRefused::Lifetime,
        ),
        (
            |opening| {
                opening.most = Duration::from_hours(9);
                opening.lifetime = MOST_EMERGENCY + Duration::from_secs(1);
            },
            EmergencyRefused::Lifetime,
        ),
    ];
    for (change, refused) in cases {
        assert_eq!(emergency(change).unwrap_err(), refused);
    }
    assert_eq!(emergency(|_| {}).unwrap().until, later(600));
}

#[test]
fn an_emergency_releases_its_principals_action_alone_until_it_ends() {
    let (gateway, bot, doctor) = (gateway(), jwt("triage-bot"), jwt("dr-jones"));
    let open = emergency(|_| {}).unwrap();
    let panel = panel(1);
    let approval = pending(&panel);
    let attempt = |approval: &Approval, ask, emergency: &Emergency, at| {
        let event = Event::BreakGlass { ask, emergency };
        transition(approval, &event, later(at)).map(|(next, _)| next)
    };
    let ask = ask(&gateway, &bot);
    let used = attempt(&approval, ask, &open, 5).unwrap();
    assert_eq!(
        (used.state, &used.granted),
        (State::Used, &approval.asked())
    );
    assert_eq!(used.emergency, Some(open.id.clone()));
    assert!(used.votes.is_empty());
    let elsewhere = Approval {
        action: velum_approval::ActionName::new("purge").unwrap(),
        ..approval.clone()
    };
    let of_another = Approval {
        principal: doctor.clone(),
        ..approval.clone()
    };
    let by_another = Ask {
        principal: &doctor,
        ..ask
    };
    for (approval, ask, at) in [
        (&approval, by_another, 5),
        (&of_another, by_another, 5),
        (
            &approval,
            Ask {
                fingerprint_mac: mac(2),
                ..ask
            },
            5,
        ),
        (
            &approval,
            Ask {
                policy: super::cast::policy(2),
                ..ask
            },
            5,
        ),
        (&elsewhere, ask, 5),
        (&approval, ask, 600),
    ] {
        let refused = attempt(approval, ask, &open, at).unwrap_err();
        assert_eq!(refused, Refused::NoEmergency);
    }
    let stopped = Ask {
        stops: &[StopScope::Everything],
        ..ask
    };
    assert_eq!(
        attempt(&approval, stopped, &open, 5).unwrap_err(),
        Refused::Use(DenyCode::Stopped)
    );
}

#[test]
fn an_emergency_is_reviewed_by_somebody_outside_of_it_and_ends_then() {
    let open = emergency(|_| {}).unwrap();
    let open = open.used(&open.excluded);
    let review = |emergency: &Emergency, id: &str, is_reviewer| {
        let requester = directory().party(&jwt("triage-bot")).unwrap().clone();
        emergency
            .review(
                &person(id),
                is_reviewer,
                Some(requester),
                true,
                None,
                later(60),
            )
            .map(|(next, _)| next)
    };
    for id in ["ann", "dr-jones"] {
        assert_eq!(
            review(&open, id, true).unwrap_err(),
            EmergencyRefused::SelfReview
        );
    }
    assert_eq!(
        review(&open, "cid", false).unwrap_err(),
        EmergencyRefused::NotAReviewer
    );
    let reviewed = review(&open, "bob", true).unwrap();
    assert_eq!((reviewed.until, reviewed.uses), (later(60), 1));
    assert!(!reviewed.covers(&jwt("triage-bot"), &check().action, later(30)));
    assert_eq!(
        review(&reviewed, "grace", true).unwrap_err(),
        EmergencyRefused::Reviewed
    );
}
