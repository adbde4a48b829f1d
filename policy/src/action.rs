//! What the policy does with a kind of request.

use std::time::Duration;

use velum_engine::ClassSet;

use crate::condition::Condition;
use crate::policy::UnreadableMedia;
use crate::reach::Reach;

/// A named kind of request, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Action {
    /// Unique in the policy; the service finds its reviewers by it.
    pub name: String,
    /// What is done.
    pub effect: Effect,
    /// The classes that an approval of a review releases at most.
    pub lift: ClassSet,
    /// How long a request waits for its review at most. Zero where there is none.
    pub hold: Duration,
    /// What becomes of a reviewed request that was not approved in time.
    pub otherwise: Otherwise,
    /// What a caller may ask for on top of a masked answer.
    pub ask: Option<Ask>,
    /// What becomes of the bodies of requests; none: only our own output is looked for in them.
    pub requests: Option<Requests>,
    /// Whether a request may replace what is there as a whole.
    pub writes: Writes,
    pub(crate) when: Option<Condition>,
}

/// What is done with a request that matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Neither request nor response is looked at.
    Pass,
    /// The response is masked.
    Mask,
    /// The request waits for a second person.
    Review,
    /// The request is refused.
    Deny,
}

/// What becomes of a reviewed request that was not approved in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// It is refused.
    Refuse,
    /// It is answered, masked.
    Mask,
}

/// What a caller may ask for on top of a masked answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The classes that may be asked for.
    pub lift: ClassSet,
    /// How long a request may wait for the answer at most; zero: asked again later.
    pub hold: Duration,
}

/// How the bodies of requests are inspected: they are masked on their way to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests {
    /// The classes that flag a request whose body holds one of them: it waits for a second person.
    /// Empty: nothing is flagged.
    pub flag_on: ClassSet,
    /// How long a flagged request may wait at most; zero: refused while nobody has decided.
    pub hold: Duration,
    /// What becomes of a body whose media type cannot be inspected.
    pub otherwise: UnreadableMedia,
}

/// Whether a request may replace what is there as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// It may.
    Allow,
    /// `PUT` is refused, and so is a JSON Patch of the whole document.
    Refuse,
}

impl Action {
    /// Whether some request with this method may match, as far as that shows in the conditions.
    pub fn may_match(&self, method: &str) -> bool {
        Reach::of(self.when.as_ref()).is_none_or(|reach| reach.meets_method(method))
    }

    /// The classes that a caller may ask to see; empty where nobody may ask.
    pub fn askable(&self) -> ClassSet {
        match (self.effect, self.ask) {
            (Effect::Review, _) => self.lift,
            (Effect::Mask, Some(ask)) => ask.lift,
            _ => ClassSet::EMPTY,
        }
    }

    /// The classes that flag a request of this action by what its body holds.
    pub fn flag_on(&self) -> ClassSet {
        self.requests
            .map_or(ClassSet::EMPTY, |requests| requests.flag_on)
    }

    /// The classes that an approval of this action may release.
    pub fn grantable(&self) -> ClassSet {
        self.askable().union(self.flag_on())
    }

    /// Whether the policy service may be asked because of this action.
    pub fn needs_service(&self) -> bool {
        self.effect == Effect::Review || self.ask.is_some() || !self.flag_on().is_empty()
    }

    /// Whether this action stops requests, or changes them: for it, a doubt about the request is a
    /// refusal.
    pub(crate) fn restricts(&self) -> bool {
        matches!(self.effect, Effect::Review | Effect::Deny)
            || self.requests.is_some()
            || self.writes == Writes::Refuse
    }
}
