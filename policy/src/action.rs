//! What the policy does with a kind of request.

use std::time::Duration;

use velum_engine::ClassSet;

use crate::condition::Condition;

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

impl Action {
    /// The classes that a caller may ask to see; empty where nobody may ask.
    pub fn askable(&self) -> ClassSet {
        match (self.effect, self.ask) {
            (Effect::Review, _) => self.lift,
            (Effect::Mask, Some(ask)) => ask.lift,
            _ => ClassSet::EMPTY,
        }
    }

    /// Whether this action stops requests: for it, a doubt about the request is a refusal.
    pub(crate) fn restricts(&self) -> bool {
        matches!(self.effect, Effect::Review | Effect::Deny)
    }

    /// Whether the policy service may be asked because of this action.
    pub(crate) fn needs_service(&self) -> bool {
        self.effect == Effect::Review || self.ask.is_some()
    }
}
