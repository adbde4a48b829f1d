//! With `--try`: links that sign a reviewer in without a provider, each once and for ten minutes.

use std::collections::BTreeMap;
use std::time::Duration;

use velum_approval::{PersonId, Timestamp};

use super::session::{SessionId, id_of};

/// How long a link may be used.
pub(crate) const LIFETIME: Duration = Duration::from_mins(10);

/// Whose links there are, each known by the SHA-256 of its token.
#[derive(Debug)]
pub(crate) struct Links {
    people: BTreeMap<SessionId, PersonId>,
    until: Timestamp,
}

impl Links {
    /// None yet; those that are added may be used from `now` on.
    pub(crate) fn new(now: Timestamp) -> Links {
        Links {
            people: BTreeMap::new(),
            until: now.after(LIFETIME),
        }
    }

    /// Adds one.
    pub(crate) fn add(&mut self, token: &str, person: PersonId) {
        self.people.insert(id_of(token), person);
    }

    /// Whose this is, by what it is known, and until when. That it is used once is the store's to keep.
    pub(crate) fn find(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Option<(&PersonId, SessionId, Timestamp)> {
        let id = id_of(token);
        let person = self.people.get(&id)?;
        (now < self.until).then_some((person, id, self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lasts_ten_minutes() {
        let begun = Timestamp::from_millis(1_000);
        let mut links = Links::new(begun);
        let grace = PersonId::new("grace").unwrap();
        links.add("token", grace.clone());
        let at = |milliseconds: i64| Timestamp::from_millis(1_000 + milliseconds);
        assert_eq!(links.find("token", at(599_999)).unwrap().0, &grace);
        assert!(links.find("token", at(600_000)).is_none());
        assert!(links.find("other", at(0)).is_none());
    }
}
