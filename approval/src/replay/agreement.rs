//! Whether a record says what its code says.

use super::members::{Anybody, Cause, Nameless, Step, Stop, StopKind, Verdict};
use super::said::{Emergency, Ended, Event, LogEvent, Outcome, Read, Released, Used, Voted};
use crate::case::State;
use crate::evidence::End;

/// What the record of this code says against itself.
pub(super) fn fault(code: &str, event: &Event) -> Option<&'static str> {
    match event {
        Event::Requested(it) => {
            let is_open = matches!(it.approval.state, State::Collecting | State::Pending);
            let is_first = is_open && it.approval.version == 1;
            (!is_first || it.uses == 0 || it.needed == 0).then_some(
                "An approval begins with version 1, undecided, with a use and somebody to decide.",
            )
        }
        Event::Collected(it) => {
            let is_agreed = match (code, &it.actor) {
                ("VA1003I", Nameless::Gateway {}) => it.evidence.is_some(),
                ("VA1004W", Nameless::Service {}) => it.evidence.is_none(),
                _ => false,
            };
            not(is_agreed && is(&it.approval, State::Pending))
        }
        Event::Questioned(it) => not(is(&it.approval, State::Pending)),
        Event::Explained(it) => {
            let is_theirs = matches!(it.actor, Nameless::Requester {});
            not(is_theirs && is(&it.approval, State::Pending))
        }
        Event::Voted(it, outcome) => of_vote(it, *outcome),
        Event::Used(it) => of_use(code, it),
        Event::Ended(it) => of_end(code, it),
        Event::Released(it) => of_release(code, it),
        Event::Stopped(it) | Event::Resumed(it) => of_stop(&it.stop),
        Event::Opened(it) => of_opening(it),
        Event::LogBegun(it) => of_log(code, it),
        Event::Summarised(it) => it.summary.fault(),
        Event::LogClosed(it) => of_close(it),
        Event::LogPruned(it) => of_pruning(it),
        Event::LogRotated(it) => of_rotation(it),
        Event::Configured(it) => not(matches!(it.actor, Anybody::Service {})),
        Event::Read(it) => of_reading(it),
        Event::RequestRefused
        | Event::Log
        | Event::Cut(_)
        | Event::Refused(_)
        | Event::Reported(_)
        | Event::Barred
        | Event::Session
        | Event::Confirmed(_)
        | Event::KeyAdded(_)
        | Event::KeyRemoved(_)
        | Event::Reviewed(_) => None,
    }
}

fn not(is_agreed: bool) -> Option<&'static str> {
    (!is_agreed).then_some("Who did it, or what it led to, is not what the record's code says.")
}

fn is(step: &Step, state: State) -> bool {
    step.state == state
}

fn of_vote(voted: &Voted, outcome: Outcome) -> Option<&'static str> {
    let (verdict, state) = match outcome {
        Outcome::Approved => (Verdict::Approve, State::Pending),
        Outcome::Issued => (Verdict::Approve, State::Approved),
        Outcome::Empty => (Verdict::Approve, State::Denied),
        Outcome::Denied => (Verdict::Deny, State::Denied),
        Outcome::TakenBack => (Verdict::TakeBack, State::Pending),
    };
    if voted.vote.verdict != verdict || voted.approval.state != state {
        return not(false);
    }
    if voted.vote.scope.is_some() != (verdict == Verdict::Approve) {
        return Some("A yes says to what, and nothing else does.");
    }
    if voted.vote.assertion.is_some() && verdict != Verdict::Approve {
        return Some("Security keys sign a yes, and nothing else.");
    }
    let is_granted = outcome == Outcome::Issued;
    (voted.grant.is_some() != is_granted).then_some("A grant is in the record that issues it.")
}

fn of_use(code: &str, used: &Used) -> Option<&'static str> {
    let (is_emergency, state) = (used.r#use.emergency.is_some(), used.approval.state);
    if is_emergency != (code == "VA1203W") {
        return Some("A use names an emergency access, or is none of an emergency.");
    }
    if is_emergency {
        let is_agreed = used.approved_by.is_empty() && state == State::Used;
        return (!is_agreed).then_some("In an emergency nobody approves, and it is used up.");
    }
    let is_last = used.r#use.number >= used.r#use.of;
    let expected = if is_last {
        State::Used
    } else {
        State::Approved
    };
    (state != expected).then_some("The last use ends an approval, and no other does.")
}

fn of_end(code: &str, ended: &Ended) -> Option<&'static str> {
    let state = ended.approval.state;
    let is_agreed = match (code, &ended.actor) {
        ("VA1301I", Anybody::Service {}) => state == State::Expired,
        ("VA1302I", Anybody::Requester {}) => state == State::Cancelled,
        ("VA1303W", Anybody::Service {}) => state == State::Superseded,
        ("VA1304W", Anybody::Person { .. }) => state == State::Revoked,
        _ => false,
    };
    let is_superseded = code == "VA1303W";
    let is_policy = ended.cause == Some(Cause::Policy);
    let is_told = ended.cause.is_some() == is_superseded && ended.policy.is_some() == is_policy;
    not(is_agreed && is_told)
}

fn of_release(code: &str, released: &Released) -> Option<&'static str> {
    let release = &released.release;
    let expected = match release.end {
        End::Cut => "VA1213W",
        End::Complete if release.drift.is_empty() => "VA1211I",
        End::Complete | End::Stopped => "VA1212W",
    };
    (code != expected).then_some("How it ended is not what the record's code says.")
}

fn of_stop(stop: &Stop) -> Option<&'static str> {
    let is_named = match stop.kind {
        StopKind::Everything => stop.what.is_none(),
        // Of a principal whom the directory does not know there is no name.
        StopKind::Principal => true,
        _ => stop.what.is_some(),
    };
    let is_principal = stop.kind == StopKind::Principal || stop.principal.is_none();
    (!is_named || !is_principal).then_some("What is stopped does not fit its kind.")
}

fn of_log(code: &str, begun: &LogEvent) -> Option<&'static str> {
    let log = &begun.log;
    let is_recovered = code == "VA1704W";
    let is_by_somebody = matches!(begun.actor, Anybody::Person { .. });
    let is_told = log.name.is_some() && log.key.is_some() && log.old_key.is_none();
    let is_agreed = is_recovered == is_by_somebody
        && is_recovered == begun.reason.is_some()
        && is_recovered == log.restored.is_some()
        && log.unsigned.unwrap_or(0) <= log.restored.unwrap_or(0)
        && (log.previous.is_some() || !is_recovered)
        && (log.previous.is_some() || log.first.is_none())
        && log.next.is_none()
        && log.pruned.is_none()
        && log.previous.as_ref().is_none_or(|previous| {
            Some(&previous.name) != log.name.as_ref() && log.restored <= Some(previous.size)
        });
    not(is_told && is_agreed)
}

fn of_close(closed: &LogEvent) -> Option<&'static str> {
    let (log, is_service) = (&closed.log, matches!(closed.actor, Anybody::Service {}));
    let is_told = log.next.is_some() && log.name.is_none() && log.key.is_none();
    not(is_told && is_service && log.previous.is_none() && log.pruned.is_none())
}

fn of_pruning(pruned: &LogEvent) -> Option<&'static str> {
    let is_by_somebody = matches!(pruned.actor, Anybody::Person { .. });
    let is_told = pruned.log.pruned.is_some() && pruned.reason.is_some();
    not(is_by_somebody && is_told && pruned.log.name.is_none())
}

fn of_rotation(rotated: &LogEvent) -> Option<&'static str> {
    let log = &rotated.log;
    let is_told = log.key.is_some() && log.old_key.is_some() && log.key != log.old_key;
    let is_nothing_else = log.name.is_none() && log.previous.is_none() && log.restored.is_none();
    let is_services = matches!(rotated.actor, Anybody::Service {}) && rotated.reason.is_none();
    not(is_told && is_nothing_else && is_services)
}

fn of_reading(read: &Read) -> Option<&'static str> {
    let counts = &read.reading.counts;
    let is_told = !counts.is_empty() && counts.values().all(|count| *count > 0);
    (!is_told).then_some("Who has read nothing has no record of it.")
}

fn of_opening(opened: &Emergency) -> Option<&'static str> {
    let access = &opened.access;
    let is_new = access.version == 1 && access.uses == 0 && opened.comment.is_none();
    let is_theirs = access.opened_by == *opened.actor.id();
    (!is_new || !is_theirs).then_some("An emergency access begins unused, by who opens it.")
}
