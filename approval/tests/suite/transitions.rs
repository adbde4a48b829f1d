//! Every state meets every event.

use velum_approval::{
    Approval, ApprovalId, Ballot, Cause, Check, Commitment, DenyCode, Event, Lineage, Panel, Party,
    Refused, Scope, State, Verdict, transition,
};
use velum_engine::{Class, ClassSet};

use crate::cast::{
    GRANT, PENDING, START, after_votes, approval_id, ask, ballot, check, classes, gateway, jwt,
    later, leaf, no_rules, opening, panel, panel_of, pending, person, policy, reviewers, yes,
};

/// An approval in this state, reached as it is reached in life.
fn in_state(state: State, panel: &Panel) -> Approval {
    let (gateway, bot, grace) = (gateway(), jwt("triage-bot"), person("grace"));
    let approved = || after_votes(panel, &[("grace", yes("name date"))]);
    let (before, event, at) = match state {
        State::Collecting => {
            let check = check();
            let opening = opening(&check, panel);
            let opening = velum_approval::Opening {
                collecting: Some(std::time::Duration::from_secs(2)),
                ..opening
            };
            return Approval::open(opening, START).unwrap().0;
        }
        State::Pending => return pending(panel),
        State::Approved => return approved(),
        State::Denied => (
            pending(panel),
            ballot(&grace, Verdict::Deny, panel),
            later(1),
        ),
        State::Expired => (pending(panel), Event::Expire, START.after(PENDING)),
        State::Cancelled => (
            pending(panel),
            Event::Withdraw { principal: &bot },
            later(1),
        ),
        State::Superseded => (
            pending(panel),
            Event::Supersede(Cause::Policy(policy(2))),
            later(1),
        ),
        State::Revoked => (approved(), Event::Revoke { person: &grace }, later(2)),
        State::Used => (
            approved(),
            Event::Consume {
                ask: ask(&gateway, &bot),
                uses: &[],
                panel,
            },
            later(2),
        ),
    };
    transition(&before, &event, at).unwrap().0
}

/// One letter a result: what a row of the table says at its column.
const TABLE: &[(State, [&str; 9])] = &[
    // collected, approve, deny, take-back, consume, withdraw, supersede, revoke, expire
    (
        State::Collecting,
        [
            "=pending",
            "not-shown",
            "not-shown",
            "not-shown",
            "not-approved",
            "=cancelled",
            "=superseded",
            "not-approved",
            "not-due",
        ],
    ),
    (
        State::Pending,
        [
            "unchanged",
            "=approved",
            "=denied",
            "no-vote",
            "not-approved",
            "=cancelled",
            "=superseded",
            "not-approved",
            "not-due",
        ],
    ),
    (
        State::Approved,
        [
            "already-decided",
            "already-decided",
            "already-decided",
            "already-decided",
            "=used",
            "=cancelled",
            "=superseded",
            "=revoked",
            "not-due",
        ],
    ),
    (State::Denied, final_row("denied")),
    (State::Expired, final_row("expired")),
    (State::Cancelled, final_row("cancelled")),
    (State::Superseded, final_row("superseded")),
    (State::Revoked, final_row("revoked")),
    (
        State::Used,
        [
            "already-decided",
            "already-decided",
            "already-decided",
            "already-decided",
            "used",
            "already-decided",
            "already-decided",
            // What it released may still be on its way.
            "=revoked",
            "already-decided",
        ],
    ),
];

const fn final_row(consume: &'static str) -> [&'static str; 9] {
    let over = "already-decided";
    [over, over, over, over, consume, over, over, over, over]
}

#[test]
fn every_pair_of_state_and_event_does_what_the_table_says() {
    let panel = panel(1);
    let (gateway, bot, grace) = (gateway(), jwt("triage-bot"), person("grace"));
    assert_eq!(TABLE.len(), State::ALL.len());
    for (state, row) in TABLE {
        let approval = in_state(*state, &panel);
        assert_eq!(approval.state, *state);
        let events = [
            Event::Unseen,
            ballot(&grace, yes("name"), &panel),
            ballot(&grace, Verdict::Deny, &panel),
            ballot(&grace, Verdict::TakeBack, &panel),
            Event::Consume {
                ask: ask(&gateway, &bot),
                uses: &[],
                panel: &panel,
            },
            Event::Withdraw { principal: &bot },
            Event::Supersede(Cause::Policy(policy(3))),
            Event::Revoke { person: &grace },
            Event::Expire,
        ];
        for (event, expected) in events.iter().zip(row) {
            let place = format!("{state:?}, {event:?}");
            match transition(&approval, event, later(3)) {
                Ok((next, record)) => {
                    assert_eq!(format!("={}", next.state.name()), *expected, "{place}");
                    assert_eq!(next.version, approval.version + 1, "{place}");
                    assert_eq!(next.ended.is_some(), next.state.is_final(), "{place}");
                    let leaf = leaf(&record);
                    assert_eq!(
                        leaf["data"]["approval"]["state"],
                        next.state.name(),
                        "{place}"
                    );
                    assert_eq!(leaf["data"]["approval"]["version"], next.version, "{place}");
                }
                Err(refused) => assert_eq!(refused.name(), *expected, "{place}"),
            }
        }
    }
}

#[test]
fn what_has_run_out_is_expired_before_anything_else() {
    let panel = panel(1);
    let (gateway, bot, grace) = (gateway(), jwt("triage-bot"), person("grace"));
    for (state, due) in [
        (State::Pending, START.after(PENDING)),
        (State::Approved, later(1).after(GRANT)),
    ] {
        let approval = in_state(state, &panel);
        assert_eq!(approval.due(), Some(due));
        assert_eq!(approval.state_at(due), State::Expired);
        let just_before = velum_approval::Timestamp::from_millis(due.as_millis() - 1);
        assert_eq!(approval.state_at(just_before), state);
        for event in [
            Event::Unseen,
            ballot(&grace, yes("name"), &panel),
            ballot(&grace, Verdict::Deny, &panel),
            Event::Withdraw { principal: &bot },
            Event::Supersede(Cause::Policy(policy(3))),
            Event::Revoke { person: &grace },
        ] {
            assert_eq!(
                transition(&approval, &event, due).unwrap_err(),
                Refused::Expired
            );
        }
        let consume = Event::Consume {
            ask: ask(&gateway, &bot),
            uses: &[],
            panel: &panel,
        };
        let refused = transition(&approval, &consume, due).unwrap_err();
        assert_eq!(refused, Refused::Use(DenyCode::Expired));
        let (expired, _) = transition(&approval, &Event::Expire, due).unwrap();
        assert_eq!((expired.state, expired.ended), (State::Expired, Some(due)));
    }
}

#[test]
fn nobody_behind_the_request_votes_whatever_else_they_are() {
    let panel = panel(1);
    let approval = pending(&panel);
    for verdict in [yes("name"), Verdict::Deny, Verdict::TakeBack] {
        let refused = transition(
            &approval,
            &ballot(&person("dr-jones"), verdict, &panel),
            later(1),
        );
        assert_eq!(refused.unwrap_err(), Refused::SelfApproval);
    }
    // Nor when the directory has forgotten since that the bot is theirs.
    let other = {
        let rule = velum_approval::ReviewRule::new(1, vec![]).unwrap();
        let lineage = Lineage::new(vec![jwt("grace")]).unwrap();
        let excluded = crate::cast::directory().resolve(&lineage).unwrap();
        Panel::new(&rule, &reviewers(), &excluded)
    };
    assert!(other.admits(&person("dr-jones")));
    let refused = transition(
        &approval,
        &ballot(&person("dr-jones"), yes("name"), &other),
        later(1),
    );
    assert_eq!(refused.unwrap_err(), Refused::SelfApproval);
}

#[test]
fn only_reviewers_of_the_action_vote() {
    let panel = panel(1);
    for id in ["cid", "stranger"] {
        let refused = transition(
            &pending(&panel),
            &ballot(&person(id), yes("name"), &panel),
            later(1),
        );
        assert_eq!(refused.unwrap_err(), Refused::NotAReviewer);
    }
}

#[test]
fn the_grant_is_what_all_agree_to() {
    for (quorum, votes, state, granted) in [
        (
            1,
            vec![("grace", yes("name date mrn"))],
            State::Approved,
            "name date mrn",
        ),
        (1, vec![("grace", yes("name"))], State::Approved, "name"),
        (2, vec![("grace", yes("name"))], State::Pending, ""),
        (
            2,
            vec![("grace", yes("name date")), ("bob", yes("date mrn"))],
            State::Approved,
            "date",
        ),
        (
            2,
            vec![("grace", yes("name")), ("bob", yes("date"))],
            State::Denied,
            "",
        ),
        (
            2,
            vec![("grace", yes("name")), ("grace", yes("name"))],
            State::Pending,
            "",
        ),
        (
            2,
            vec![("grace", yes("name")), ("bob", Verdict::Deny)],
            State::Denied,
            "",
        ),
        // A later vote of the same person replaces the earlier one.
        (
            2,
            vec![
                ("grace", yes("name")),
                ("grace", yes("date")),
                ("bob", yes("name date")),
            ],
            State::Approved,
            "date",
        ),
        (
            2,
            vec![
                ("grace", yes("name")),
                ("grace", Verdict::TakeBack),
                ("bob", yes("name")),
            ],
            State::Pending,
            "",
        ),
        (
            3,
            vec![
                ("grace", yes("name date")),
                ("bob", yes("name date")),
                ("ann", yes("name")),
            ],
            State::Approved,
            "name",
        ),
    ] {
        let panel = panel(quorum);
        let approval = after_votes(&panel, &votes);
        assert_eq!(approval.state, state, "{votes:?}");
        assert_eq!(approval.granted.classes, classes(granted), "{votes:?}");
        assert_eq!(approval.grant_expires.is_some(), state == State::Approved);
    }
}

#[test]
fn where_nothing_is_lifted_a_yes_releases_the_request() {
    let panel = panel(1);
    let check = Check {
        classes: ClassSet::EMPTY,
        ..check()
    };
    let (approval, _) = Approval::open(opening(&check, &panel), START).unwrap();
    let (approval, _) = transition(
        &approval,
        &ballot(&person("grace"), yes(""), &panel),
        later(1),
    )
    .unwrap();
    assert_eq!(
        (approval.state, approval.granted),
        (State::Approved, Scope::NONE)
    );
}

#[test]
fn a_vote_on_another_version_or_for_more_than_asked_is_refused() {
    let panel = panel(2);
    let approval = after_votes(&panel, &[("bob", yes("name"))]);
    let grace = person("grace");
    let cast = |version, verdict| {
        let event = Event::Vote(Ballot {
            person: &grace,
            verdict,
            version,
            comment: None,
            public_reason: None,
            assertion: None,
            panel: &panel,
            rules: no_rules(),
            grant_lifetime: GRANT,
        });
        transition(&approval, &event, later(2)).map(|(next, _)| next.state)
    };
    assert_eq!(cast(Some(1), yes("name")), Err(Refused::StaleVersion));
    assert_eq!(cast(Some(3), Verdict::Deny), Err(Refused::StaleVersion));
    assert_eq!(cast(None, yes("name ssn")), Err(Refused::Wider));
    assert_eq!(cast(Some(2), yes("name")), Ok(State::Approved));
}

#[test]
fn taking_a_vote_back_never_completes_an_approval() {
    // Three clinical people are not enough where audit has to agree too; then that is dropped.
    let mut everyone = reviewers();
    everyone.insert(person("cid"), ["clinical".parse().unwrap()].into());
    everyone.insert(person("bob"), ["audit".parse().unwrap()].into());
    let groups = ["clinical", "audit"]
        .map(|group| group.parse().unwrap())
        .into();
    let rule = velum_approval::ReviewRule::new(2, groups).unwrap();
    let excluded = pending(&panel(1)).excluded;
    let strict = Panel::new(&rule, &everyone, &excluded);
    let ann = person("ann");
    let approval = after_votes(
        &strict,
        &["grace", "ann", "cid"].map(|voter| (voter, yes("name"))),
    );
    assert_eq!(approval.state, State::Pending);
    let loose = panel_of(2, &everyone);
    let event = ballot(&ann, Verdict::TakeBack, &loose);
    let (approval, _) = transition(&approval, &event, later(3)).unwrap();
    assert_eq!(approval.state, State::Pending);
    let (approval, _) =
        transition(&approval, &ballot(&ann, yes("name"), &loose), later(4)).unwrap();
    assert_eq!(approval.state, State::Approved);
}

#[test]
fn a_looser_rule_does_not_lower_the_quorum_of_what_was_asked() {
    let approval = pending(&panel(2));
    let loose = panel(1);
    let (approval, _) = transition(
        &approval,
        &ballot(&person("grace"), yes("name"), &loose),
        later(1),
    )
    .unwrap();
    assert_eq!(approval.state, State::Pending);
    let (approval, _) = transition(
        &approval,
        &ballot(&person("bob"), yes("name"), &panel(3)),
        later(1),
    )
    .unwrap();
    assert_eq!(approval.state, State::Pending, "a stricter rule raises it");
    let (approval, _) = transition(
        &approval,
        &ballot(&person("ann"), yes("name"), &panel(3)),
        later(1),
    )
    .unwrap();
    assert_eq!(approval.state, State::Approved);
}

#[test]
fn only_the_requester_withdraws() {
    let panel = panel(1);
    let event = Event::Withdraw {
        principal: &jwt("dr-jones"),
    };
    let refused = transition(&pending(&panel), &event, later(1)).unwrap_err();
    assert_eq!(refused, Refused::NotTheRequester);
}

#[test]
fn the_same_policy_supersedes_nothing() {
    let event = Event::Supersede(Cause::Policy(policy(1)));
    let refused = transition(&pending(&panel(1)), &event, later(1)).unwrap_err();
    assert_eq!(refused, Refused::Unchanged);
}

#[test]
fn only_who_denies_leaves_a_public_reason() {
    let panel = panel(2);
    let text = Some(Commitment::to("Not needed", &[1; 32]));
    let cast = |approval: &Approval, id: &str, verdict| {
        let event = Event::Vote(Ballot {
            person: &person(id),
            verdict,
            version: None,
            comment: None,
            public_reason: text,
            assertion: None,
            panel: &panel,
            rules: no_rules(),
            grant_lifetime: GRANT,
        });
        transition(approval, &event, later(1)).unwrap().0
    };
    let approval = cast(&pending(&panel), "grace", yes("name"));
    assert_eq!(approval.public_reason, None);
    assert_eq!(cast(&approval, "bob", Verdict::Deny).public_reason, text);
}

#[test]
fn what_nobody_could_approve_is_not_opened() {
    let check = check();
    let mut few = reviewers();
    few.retain(|id, _| ["dr-jones", "cid", "grace"].contains(&id.as_str()));
    let open = |panel: &Panel| Approval::open(opening(&check, panel), START).map(|_| ());
    assert_eq!(open(&panel_of(1, &few)), Ok(()));
    assert_eq!(open(&panel_of(2, &few)), Err(DenyCode::NoReviewer));
    few.remove(&person("grace"));
    assert_eq!(open(&panel_of(1, &few)), Err(DenyCode::NoReviewer));
    // A panel that was made for another request does not exclude the requester.
    let panel = panel(1);
    let mut wrong = opening(&check, &panel);
    wrong.requester = Party::Person { id: person("bob") };
    assert_eq!(
        Approval::open(wrong, START).map(|_| ()),
        Err(DenyCode::LineageUnknown)
    );
}

#[test]
fn a_credential_is_never_asked() {
    let mut asked = classes("name");
    asked.insert(Class::Credential);
    let check = Check {
        classes: asked,
        ..check()
    };
    let (approval, _) = Approval::open(opening(&check, &panel(1)), START).unwrap();
    assert_eq!(approval.classes, classes("name"));
}

#[test]
fn state_names_go_round_and_are_those_of_the_json() {
    for state in State::ALL {
        assert_eq!(State::from_name(state.name()), Some(*state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.name());
    }
    assert_eq!(State::from_name("consumed"), None);
}

#[test]
fn an_approval_goes_through_the_store_without_its_votes() {
    let approval = after_votes(&panel(2), &[("grace", yes("name"))]);
    let json = serde_json::to_string(&approval).unwrap();
    let mut read: Approval = serde_json::from_str(&json).unwrap();
    assert_eq!(read.votes, []);
    let votes: Vec<_> = approval
        .votes
        .iter()
        .map(|vote| serde_json::to_string(vote).unwrap())
        .collect();
    assert_eq!(
        votes,
        [
            r#"{"person":"grace","verdict":{"kind":"approve","scope":{"classes":["name"]}},"at":1795464105123,"comment":null}"#
        ]
    );
    read.votes = votes
        .iter()
        .map(|vote| serde_json::from_str(vote).unwrap())
        .collect();
    assert_eq!(read, approval);
}

#[test]
fn debug_shows_nothing_that_a_caller_wrote() {
    let check = Check {
        method: "CANARY".to_owned(),
        authority: "canary.example".to_owned(),
        principal: jwt("canary"),
        ..check()
    };
    let mut approval = pending(&panel(1));
    approval.id = ApprovalId::new("x").unwrap();
    approval.authority.clone_from(&check.authority);
    approval.method.clone_from(&check.method);
    approval.principal = check.principal.clone();
    let shown = format!("{check:?} {approval:?}").to_lowercase();
    assert!(!shown.contains("canary"), "{shown}");
    assert_ne!(approval.id, approval_id());
}
