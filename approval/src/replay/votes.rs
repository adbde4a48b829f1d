//! Votes, and the grants that they issue.

use std::time::Duration;

use super::cases::{Case, Cases, Granted, Place, Word};
use super::credentials::{self, Credentials};
use super::extent::Extent;
use super::findings::Findings;
use super::kind::Kind;
use super::members::{Grant, Reach, Verdict};
use super::said::{Outcome, Voted};
use crate::case::State;
use crate::words::{CredentialId, PersonId, Timestamp};

impl Cases {
    pub(super) fn voted(
        &mut self,
        said: &Voted,
        outcome: Outcome,
        now: Timestamp,
        (keys, may_rest): (&mut Credentials, (bool, bool)),
        found: &mut Findings,
    ) {
        if let Place::Over(over) = self.place(&said.approval.id) {
            let sentence = format!("The approval is over: {}.", over.why());
            found.add(Kind::VoteNotOpen, sentence);
            over.version = said.approval.version;
            return;
        }
        let Some(case) = self.changed(&said.approval, found) else {
            return;
        };
        let person = said.actor.id();
        found.require(
            !case.excluded.contains(person),
            Kind::ExcludedVote,
            "The vote is by somebody who is behind the request.",
        );
        found.require(
            case.state == State::Pending && now < case.decide_by,
            Kind::VoteNotOpen,
            "The approval is not open to votes: not shown yet, decided, or out of time.",
        );
        let key = said.vote.scope.as_ref().and_then(|reach| {
            let said = credentials::Said {
                person,
                approval: &said.approval.id,
                reach,
                signed: said.vote.assertion.as_ref(),
                now,
                may_rest,
            };
            keys.check(case, &said, found)
        });
        if said.vote.scope.is_some() {
            case.confirmed.remove(person);
        }
        case.take(person, said, key, found);
        case.count(said, found);
        if let (Outcome::Issued, Some(grant)) = (outcome, &said.grant) {
            case.issue(said, grant, now, found);
        }
        case.step(&said.approval, found);
        self.settle(&said.approval.id, now);
    }
}

impl Case {
    fn take(
        &mut self,
        person: &PersonId,
        said: &Voted,
        key: Option<CredentialId>,
        found: &mut Findings,
    ) {
        let word = match (said.vote.verdict, &said.vote.scope) {
            (Verdict::Approve, Some(reach)) => self.yes(reach, key, found),
            (Verdict::TakeBack, _) => {
                let is_there = matches!(self.words.get(person), Some(Word::Yes { .. }));
                found.require(
                    is_there,
                    Kind::IllegalChange,
                    "A yes is taken back that was not given.",
                );
                Word::TakenBack
            }
            _ => Word::No,
        };
        self.words.insert(person.clone(), word);
    }

    fn yes(&self, reach: &Reach, key: Option<CredentialId>, found: &mut Findings) -> Word {
        found.require(
            !self.is_unseen || reach.unseen,
            Kind::UnseenApproved,
            "Nobody has seen what the response holds, and the vote does not say that it may be so.",
        );
        let extent = reach.extent();
        if let Some(what) = extent.beyond(&Extent::of(self.asked)) {
            let sentence = format!("The vote approves more than was asked: {what}.");
            found.add(Kind::VoteWider, sentence);
        }
        Word::Yes {
            extent,
            seconds: reach.seconds,
            key,
        }
    }

    /// Each who says yes and is not behind the request, once.
    pub(super) fn yeses(&self) -> impl Iterator<Item = (&PersonId, &Extent, Option<u32>)> {
        self.words.iter().filter_map(|(person, word)| match word {
            Word::Yes {
                extent, seconds, ..
            } if !self.excluded.contains(person) => Some((person, extent, *seconds)),
            _ => None,
        })
    }

    /// Whom the service counted is not in the record, only how many: no more than there are.
    fn count(&self, said: &Voted, found: &mut Findings) {
        let is_ended = self.words.values().any(|word| matches!(word, Word::No));
        let most = if is_ended { 0 } else { self.yeses().count() };
        if usize::try_from(said.got).unwrap_or(usize::MAX) > most {
            let sentence = format!("{} are counted, where {most} said yes.", said.got);
            found.add(Kind::Miscounted, sentence);
        }
        found.require(
            said.needed >= self.needed,
            Kind::Miscounted,
            "Fewer people are needed than when it was asked.",
        );
    }

    fn issue(&mut self, said: &Voted, grant: &Grant, now: Timestamp, found: &mut Findings) {
        let needed = self.needed.max(said.needed);
        let there = people(self.yeses().count());
        if said.got < needed || there < needed {
            let sentence = format!("{needed} people are needed, {there} said yes.");
            found.add(Kind::GrantWithoutVotes, sentence);
        }
        if let Some(what) = grant.scope.beyond(&Extent::of(self.asked)) {
            let sentence = format!("The grant is wider than what was asked: {what}.");
            found.add(Kind::GrantWider, sentence);
        }
        // As many as were counted, the one who completes it among them, have to agree to it.
        let own = said.actor.id();
        let is_enough = |agrees: &dyn Fn(&Extent, Option<u32>) -> bool| {
            let agreeing = self.yeses().filter(|(_, extent, it)| agrees(extent, *it));
            let agreeing: Vec<_> = agreeing.map(|(person, ..)| person).collect();
            people(agreeing.len()) >= said.got && agreeing.contains(&own)
        };
        found.require(
            is_enough(&|extent, _| grant.scope.beyond(extent).is_none()),
            Kind::GrantWider,
            "The grant is wider than what those who are counted have in common.",
        );
        let expires = grant.expires.0;
        let is_within = |_: &Extent, seconds: Option<u32>| {
            seconds.is_none_or(|it| expires <= now.after(Duration::from_secs(it.into())))
        };
        found.require(
            is_enough(&is_within),
            Kind::GrantTooLong,
            "The grant lasts longer than those who are counted said.",
        );
        found.require(
            grant.uses == self.uses,
            Kind::Miscounted,
            "The grant has another number of uses than the request.",
        );
        self.grant = Some(Granted {
            extent: grant.scope.clone(),
            expires,
            needed,
        });
    }
}

pub(super) fn people(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
