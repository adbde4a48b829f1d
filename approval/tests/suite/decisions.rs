//! What may be released, and what is refused how.

use std::time::Duration;

use velum_approval::{
    Ask, Cause, Decision, DenyCode, Event, GatewayId, Grant, GroupName, Lineage, Panel,
    REPLAY_WINDOW, Refused, ReviewRule, Scope, State, Use, Verdict, Vote, decide, transition,
};

use crate::cast::{
    GRANT, START, after_votes, ask, classes, directory, gateway, jwt, later, leaf, mac, panel,
    panel_of, pending, person, policy, reviewers, use_key, yes,
};

fn made(byte: u8, at: u64) -> Use {
    Use {
        gateway: gateway(),
        use_key: use_key(byte),
        at: later(at),
        index: 5,
    }
}

#[test]
fn only_the_same_request_of_the_same_principal_under_the_same_policy_is_released() {
    let panel = panel(1);
    let approval = after_votes(&panel, &[("grace", yes("name"))]);
    let (gateway, bot, jones) = (gateway(), jwt("triage-bot"), jwt("dr-jones"));
    let base = ask(&gateway, &bot);
    let expires = later(1).after(GRANT);
    let allowed = Decision::Allow(Grant {
        scope: Scope::of(classes("name")),
        seen: false,
        expires,
    });
    let refused = Decision::Refused;
    for (ask, expected) in [
        (base, allowed.clone()),
        (
            Ask {
                use_key: use_key(2),
                ..base
            },
            allowed,
        ),
        (
            Ask {
                principal: &jones,
                ..base
            },
            refused(DenyCode::UnknownApproval),
        ),
        (
            Ask {
                fingerprint_mac: mac(2),
                ..base
            },
            refused(DenyCode::Mismatch),
        ),
        (
            Ask {
                policy: policy(2),
                ..base
            },
            refused(DenyCode::Superseded),
        ),
        // To another principal it does not exist, whatever else is wrong.
        (
            Ask {
                principal: &jones,
                fingerprint_mac: mac(2),
                policy: policy(2),
                ..base
            },
            refused(DenyCode::UnknownApproval),
        ),
    ] {
        assert_eq!(decide(&approval, &ask, &[], &panel, later(2)), expected);
        let event = Event::Consume {
            ask,
            uses: &[],
            panel: &panel,
        };
        match (transition(&approval, &event, later(2)), expected) {
            (Ok((next, record)), Decision::Allow(_)) => {
                assert_eq!(next.state, State::Used);
                assert_eq!(leaf(&record)["data"]["use"]["key"], ask.use_key.to_string());
                assert_eq!(
                    leaf(&record)["data"]["approved_by"],
                    serde_json::json!(["grace"])
                );
            }
            (Err(Refused::Use(code)), Decision::Refused(expected)) => assert_eq!(code, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_undecided_approval_is_waited_for_and_an_ended_one_says_how() {
    let panel = panel(1);
    let (gateway, bot, grace) = (gateway(), jwt("triage-bot"), person("grace"));
    let ask = ask(&gateway, &bot);
    let approved = after_votes(&panel, &[("grace", yes("name"))]);
    let after = |event: Event<'_>| transition(&approved, &event, later(2)).unwrap().0;
    for (approval, expected) in [
        (pending(&panel), Decision::Pending),
        (
            after_votes(&panel, &[("grace", Verdict::Deny)]),
            Decision::Refused(DenyCode::Denied),
        ),
        (
            after(Event::Withdraw { principal: &bot }),
            Decision::Refused(DenyCode::Cancelled),
        ),
        (
            after(Event::Supersede(Cause::Reviewers)),
            Decision::Refused(DenyCode::Superseded),
        ),
        (
            after(Event::Revoke { person: &grace }),
            Decision::Refused(DenyCode::Revoked),
        ),
        (
            after(Event::Consume {
                ask,
                uses: &[],
                panel: &panel,
            }),
            Decision::Refused(DenyCode::Used),
        ),
    ] {
        assert_eq!(decide(&approval, &ask, &[], &panel, later(3)), expected);
    }
    let late = later(1).after(GRANT);
    let expired = Decision::Refused(DenyCode::Expired);
    assert_eq!(decide(&approved, &ask, &[], &panel, late), expired);
    assert_eq!(
        decide(&pending(&panel), &ask, &[], &panel, later(901)),
        expired
    );
}

#[test]
fn a_grant_is_used_once_and_the_same_stream_gets_the_same_answer() {
    let panel = panel(1);
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let base = ask(&gateway, &bot);
    let approved = after_votes(&panel, &[("grace", yes("name"))]);
    let event = Event::Consume {
        ask: base,
        uses: &[],
        panel: &panel,
    };
    let (after_use, _) = transition(&approved, &event, later(10)).unwrap();
    let uses = [made(1, 10)];
    let window = later(10).after(REPLAY_WINDOW);
    let another_gateway = GatewayId::new("other").unwrap();
    for (ask, now, expected) in [
        (base, later(10), Decision::Replay(made(1, 10))),
        (base, window, Decision::Replay(made(1, 10))),
        (
            base,
            window.after(Duration::from_millis(1)),
            Decision::Refused(DenyCode::Used),
        ),
        (
            Ask {
                use_key: use_key(2),
                ..base
            },
            later(11),
            Decision::Refused(DenyCode::Used),
        ),
        (
            Ask {
                use_key: use_key(2),
                waiting: true,
                ..base
            },
            later(11),
            Decision::Taken,
        ),
        (
            Ask {
                gateway: &another_gateway,
                ..base
            },
            later(11),
            Decision::Refused(DenyCode::Used),
        ),
        (
            Ask {
                fingerprint_mac: mac(2),
                ..base
            },
            later(11),
            Decision::Refused(DenyCode::Mismatch),
        ),
    ] {
        assert_eq!(decide(&after_use, &ask, &uses, &panel, now), expected);
        // A state set back by somebody who can write the store changes nothing.
        assert_eq!(decide(&approved, &ask, &uses, &panel, now), expected);
    }
}

#[test]
fn votes_are_counted_again_when_the_grant_is_used() {
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let ask = ask(&gateway, &bot);
    let superseded = Decision::Refused(DenyCode::Superseded);

    // A state that somebody wrote into the store, with no vote behind it.
    let mut forged = pending(&panel(1));
    forged.state = State::Approved;
    forged.granted = forged.asked();
    forged.grant_expires = Some(later(600));
    assert_eq!(decide(&forged, &ask, &[], &panel(1), later(1)), superseded);
    forged.grant_expires = None;
    let expired = Decision::Refused(DenyCode::Expired);
    assert_eq!(decide(&forged, &ask, &[], &panel(1), later(1)), expired);

    // Votes of those who may not vote do not help it, nor does one that was a no since.
    let vote = |id: &str, verdict| Vote {
        person: person(id),
        verdict,
        at: START,
        comment: None,
        assertion: None,
    };
    forged.grant_expires = Some(later(600));
    for votes in [
        vec![vote("dr-jones", yes("name"))],
        vec![vote("cid", yes("name"))],
        vec![vote("grace", yes("name")), vote("bob", Verdict::Deny)],
        vec![vote("grace", yes("name")), vote("grace", Verdict::TakeBack)],
    ] {
        forged.votes = votes;
        assert_eq!(decide(&forged, &ask, &[], &panel(1), later(1)), superseded);
    }
    // A grant written wider than the vote lifts no more than the vote.
    forged.votes = vec![vote("grace", yes("name"))];
    let Decision::Allow(grant) = decide(&forged, &ask, &[], &panel(1), later(1)) else {
        panic!()
    };
    assert_eq!(grant.scope, Scope::of(classes("name")));

    // Who approved has left, or more are needed now.
    let approved = after_votes(&panel(1), &[("grace", yes("name"))]);
    let mut without_grace = reviewers();
    without_grace.remove(&person("grace"));
    for panel in [panel_of(1, &without_grace), panel(2)] {
        assert_eq!(decide(&approved, &ask, &[], &panel, later(2)), superseded);
    }
}

#[test]
fn who_may_not_vote_does_not_count_towards_the_quorum_as_it_was() {
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let ask = ask(&gateway, &bot);
    let approved = after_votes(&panel(2), &[("grace", yes("name")), ("bob", yes("name"))]);
    assert!(matches!(
        decide(&approved, &ask, &[], &panel(1), later(2)),
        Decision::Allow(_)
    ));
    let with = |id: &str, panel: &Panel| {
        let mut approval = approved.clone();
        approval.votes[1].person = person(id);
        decide(&approval, &ask, &[], panel, later(2))
    };
    let superseded = Decision::Refused(DenyCode::Superseded);
    // Cid is of another group.
    assert_eq!(with("cid", &panel(1)), superseded);
    // Dr Jones is behind the request, even where the directory has forgotten it since.
    let lineage = Lineage::new(vec![jwt("grace")]).unwrap();
    let of_another = directory().resolve(&lineage).unwrap();
    let anyone = ReviewRule::new(1, vec![]).unwrap();
    let forgetful = Panel::new(&anyone, &reviewers(), &of_another);
    assert!(forgetful.admits(&person("dr-jones")) && forgetful.admits(&person("bob")));
    let mut approval = approved.clone();
    approval.votes[0].person = person("dr-jones");
    assert_eq!(
        decide(&approval, &ask, &[], &forgetful, later(2)),
        superseded
    );
}

#[test]
fn what_was_granted_is_not_widened_when_somebody_leaves_who_approved_less() {
    let (gateway, bot) = (gateway(), jwt("triage-bot"));
    let group = |name: &str| GroupName::new(name).unwrap();
    let rule = ReviewRule::new(2, vec![group("clinical"), group("legal")]).unwrap();
    let excluded = pending(&panel(1)).excluded;
    let everyone = Panel::new(&rule, &reviewers(), &excluded);
    // Two of the clinic do not do without the lawyer, so three votes count.
    let votes = [
        ("grace", yes("name")),
        ("bob", yes("name date")),
        ("cid", yes("name date")),
    ];
    let approved = after_votes(&everyone, &votes);
    assert_eq!(approved.granted, Scope::of(classes("name")));
    let mut without_grace = reviewers();
    without_grace.remove(&person("grace"));
    let others = Panel::new(&rule, &without_grace, &excluded);
    let Decision::Allow(grant) = decide(&approved, &ask(&gateway, &bot), &[], &others, later(2))
    else {
        panic!("the others are enough")
    };
    assert_eq!(grant.scope, Scope::of(classes("name")));
}
