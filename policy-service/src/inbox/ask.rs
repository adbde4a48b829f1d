//! An ask as a person reads it: who, on whose behalf, what exactly, why, and what is known of the answer. What
//! somebody else wrote is [`Visible`] here, and never plain text.

use velum_approval::{Approval, Directory, Found, Identity, Party, PersonId, Timestamp, Verdict};
use velum_engine::Class;

use super::Present;
use super::moment::Moment;
use super::visible::Visible;
use crate::http::App;
use crate::store::Written;

/// Somebody, by the name that the directory has for them.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// The name, or the subject of an identity that the directory does not have.
    pub(super) name: Visible,
    /// Of an agent: who answers for it.
    pub(super) owner: Option<Visible>,
    /// What vouches for them.
    pub(super) kind: &'static str,
    pub(super) issuer: Visible,
    pub(super) subject: Visible,
}

impl Who {
    /// Whom an identity belongs to.
    pub(super) fn new(identity: &Identity, directory: &Directory) -> Who {
        let (name, owner) = match directory.party(identity) {
            Some(Party::Person { id }) => (id.as_str(), None),
            Some(Party::Agent { id, owner }) => (id.as_str(), Some(owner.as_str())),
            None => (identity.subject(), None),
        };
        Who {
            name: Visible::cut(name, 96),
            owner: owner.map(Visible::new),
            kind: identity.kind().name(),
            issuer: Visible::new(identity.issuer()),
            subject: Visible::new(identity.subject()),
        }
    }
}

/// A class that is asked for, with how many values of it the answer holds.
#[derive(Clone, Debug)]
pub(super) struct ClassLine {
    pub(super) name: &'static str,
    /// Unknown where nobody has seen the answer.
    pub(super) count: Option<u64>,
}

/// What is known of the answer.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// It was seen.
    Seen {
        records: u64,
        bytes: String,
        values: u64,
        /// Whether that is all of it.
        complete: bool,
    },
    /// It was awaited and never came: approving has to say that this is known.
    Unseen,
    /// It is bound to the request, and none was awaited.
    NotAwaited,
}

/// How the reader stands to an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    /// They may decide.
    Decides,
    /// They are behind it.
    Behind,
    /// They are in none of its groups.
    OfOthers,
    /// Somebody behind it is unknown, so nobody may.
    Unknown,
}

impl Stance {
    /// How this person stands to it now.
    pub(super) fn of(
        person: &PersonId,
        approval: &Approval,
        app: &App,
        present: &Present,
    ) -> Stance {
        let parts = app.parts();
        let excluded = parts
            .directory
            .resolve_with(&approval.principal, &approval.lineage);
        let Ok(excluded) = excluded else {
            return Stance::Unknown;
        };
        if excluded.contains(person) || approval.excluded.contains(person) {
            return Stance::Behind;
        }
        let panel = parts.actions.panel_of(approval, &excluded, present);
        match panel {
            Some(panel) if panel.admits(person) => Stance::Decides,
            _ => Stance::OfOthers,
        }
    }

    /// Why the reader cannot decide; empty where they can.
    pub(super) fn why(self) -> &'static str {
        match self {
            Stance::Decides => "",
            Stance::Behind => "You are behind this request, so another person decides.",
            Stance::OfOthers => {
                "You are in none of the groups that review this action, or have come after it was asked."
            }
            Stance::Unknown => {
                "Somebody behind this request is not in the directory, so nobody can decide."
            }
        }
    }

    pub(super) fn decides(self) -> bool {
        self == Stance::Decides
    }
}

/// How much of what somebody wrote is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    path: usize,
    reason: usize,
}

impl Room {
    /// All of it.
    pub(super) const PAGE: Room = Room {
        path: usize::MAX,
        reason: usize::MAX,
    };
    /// What a card in a list has room for.
    pub(super) const CARD: Room = Room {
        path: 160,
        reason: 280,
    };
}

/// The ask itself.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) action: Visible,
    pub(super) who: Who,
    pub(super) behalf: Vec<Who>,
    pub(super) method: Visible,
    pub(super) authority: Visible,
    pub(super) path: Visible,
    pub(super) query: Option<Visible>,
    pub(super) reason: Option<Visible>,
    /// Whether the reason is not what its requester wrote.
    pub(super) has_changed: bool,
    /// Whether there may be one that the reader is not shown.
    pub(super) is_withheld: bool,
    pub(super) classes: Vec<ClassLine>,
    pub(super) known: Known,
    /// What the request's own body holds.
    pub(super) carries: Vec<ClassLine>,
    pub(super) asked: Moment,
    pub(super) left: Moment,
    pub(super) quorum: u32,
    pub(super) agreed: usize,
    pub(super) needs_reason: bool,
    /// How many callers wait for it at this service.
    pub(super) waiting: usize,
    /// Until when, where that is known.
    pub(super) waits: Option<Moment>,
}

impl Ask {
    pub(super) fn new(
        approval: &Approval,
        reason: Option<&Written>,
        room: Room,
        app: &App,
        now: Timestamp,
    ) -> Ask {
        let parts = app.parts();
        let lineage = approval.lineage.identities().iter();
        let behalf = lineage.filter(|one| **one != approval.principal);
        let behalf: Vec<_> = behalf.map(|one| Who::new(one, &parts.directory)).collect();
        let mut who = Who::new(&approval.principal, &parts.directory);
        // Said once where it is asked on behalf of the very owner.
        let is_said = |owner: &Visible| behalf.iter().any(|one| one.name == *owner);
        who.owner = who.owner.filter(|owner| !is_said(owner));
        let wait = parts.streams.wait(&approval.id);
        Ask {
            id: approval.id.to_string(),
            version: approval.version,
            action: Visible::new(approval.action.as_str()),
            who,
            behalf,
            method: Visible::new(&approval.method),
            authority: Visible::cut(&approval.authority, room.path),
            path: Visible::cut(&approval.path, room.path),
            query: (!approval.query.is_empty()).then(|| Visible::cut(&approval.query, room.path)),
            reason: reason.map(|reason| Visible::cut(reason.shown(), room.reason)),
            has_changed: reason.is_some_and(Written::is_changed),
            is_withheld: false,
            classes: classes(approval),
            known: known(approval),
            carries: approval.found.as_ref().map(lines).unwrap_or_default(),
            asked: Moment::ago(approval.created, now),
            left: Moment::left(approval.decide_by, now),
            quorum: approval.quorum,
            agreed: agreed(approval),
            needs_reason: approval.needs.is_some(),
            waiting: wait.map_or(0, |wait| wait.count),
            waits: wait
                .and_then(|wait| wait.until)
                .map(|until| Moment::left(until, now)),
        }
    }

    /// The same for somebody who is not to read why.
    pub(super) fn without_reason(mut self) -> Ask {
        self.reason = None;
        self.has_changed = false;
        self.is_withheld = true;
        self
    }

    /// Whether something of it had no room: whoever decides has to see all of it.
    pub(super) fn is_cut(&self) -> bool {
        let texts = [&self.who.name, &self.authority, &self.path, &self.method];
        let optional = self.query.iter().chain(&self.reason);
        let behalf = self.behalf.iter().map(|who| &who.name);
        texts
            .into_iter()
            .chain(optional)
            .chain(behalf)
            .any(Visible::is_cut)
    }

    /// Whether the answer was seen.
    pub(super) fn is_seen(&self) -> bool {
        matches!(self.known, Known::Seen { .. })
    }

    /// Whether approving has to say that nobody has.
    pub(super) fn is_unseen(&self) -> bool {
        matches!(self.known, Known::Unseen)
    }
}

/// How many approve as it stands.
fn agreed(approval: &Approval) -> usize {
    let verdicts = approval.latest_verdicts();
    let yes = verdicts.values();
    yes.filter(|verdict| matches!(verdict, Verdict::Approve { .. }))
        .count()
}

fn classes(approval: &Approval) -> Vec<ClassLine> {
    let asked = approval.classes.iter();
    asked
        .map(|class| ClassLine {
            name: class.name(),
            count: approval.seen.as_ref().map(|seen| count(&seen.found, class)),
        })
        .collect()
}

fn count(found: &Found, class: Class) -> u64 {
    let mut counts = found.counts();
    counts
        .find(|(found, _)| *found == class)
        .map_or(0, |(_, count)| count)
}

fn lines(found: &Found) -> Vec<ClassLine> {
    let counts = found.counts();
    counts
        .map(|(class, count)| ClassLine {
            name: class.name(),
            count: Some(count),
        })
        .collect()
}

fn known(approval: &Approval) -> Known {
    match &approval.seen {
        Some(seen) => Known::Seen {
            records: seen.records,
            bytes: bytes(seen.bytes),
            values: seen.values,
            complete: seen.complete,
        },
        None if approval.is_unseen => Known::Unseen,
        None => Known::NotAwaited,
    }
}

/// So many bytes in words.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(size, _)| count >= *size);
    match unit {
        Some((size, name)) => {
            let tenths = u128::from(count) * 10 / u128::from(*size);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_told_in_their_largest_unit() {
        for (count, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_600_000, "1.5 MiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
