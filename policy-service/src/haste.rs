//! People who approve faster than they can read: more than so many within a minute.
//!
//! Nothing is refused by it. That somebody is worn down by asks until they say yes to everything is for others to
//! see: it is counted, said once in the service's log when it begins, and shown on the inbox's activity page. The
//! audit log has no record of its own for it, since each yes has one, with who said it and when.

use std::collections::{BTreeMap, VecDeque};

use velum_approval::{PersonId, Timestamp};

use crate::store::Yes;

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;

/// How far back one has to look to tell whether a yes is hasty, and whether the one before it was.
pub(crate) const REACH: std::time::Duration = std::time::Duration::from_mins(2);

/// Somebody who approves too fast, from the first yes that was more than the limit to the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Burst {
    pub(crate) person: PersonId,
    /// When the first of them came.
    pub(crate) begins: Timestamp,
    /// And the last.
    pub(crate) ends: Timestamp,
    /// The most that they approved within a minute.
    pub(crate) most: usize,
    /// How many were more than the limit.
    pub(crate) hasty: usize,
}

/// The bursts among these, which are in the order in which they were said; the limit is so many a minute, and 0
/// is none.
pub(crate) fn bursts(said: &[Yes], limit: u32) -> Vec<Burst> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit == 0 {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut people = BTreeMap::<&PersonId, (VecDeque<i64>, Option<usize>)>::new();
    for Yes { person, at } in said {
        let (lately, burst) = people.entry(person).or_default();
        let now = at.as_millis();
        lately.push_back(now);
        while lately.front().is_some_and(|first| *first <= now - MINUTE) {
            lately.pop_front();
        }
        if lately.len() <= limit {
            *burst = None;
            continue;
        }
        let number = *burst.get_or_insert(all.len());
        if number == all.len() {
            all.push(Burst {
                person: person.clone(),
                begins: *at,
                ends: *at,
                most: 0,
                hasty: 0,
            });
        }
        if let Some(burst) = all.get_mut(number) {
            burst.ends = *at;
            burst.most = burst.most.max(lately.len());
            burst.hasty += 1;
        }
    }
    all
}

/// The burst that the last yes of a person belongs to, where it is hasty. `said`: theirs within [`REACH`] of it
/// and it, in order.
pub(crate) fn of_last(said: &[Yes], limit: u32) -> Option<Burst> {
    let last = said.last()?;
    let burst = bursts(said, limit).pop()?;
    (burst.ends == last.at).then_some(burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one person said at these seconds.
    fn said(person: &str, seconds: impl IntoIterator<Item = i64>) -> Vec<Yes> {
        let yes = |second| Yes {
            person: person.parse().unwrap(),
            at: Timestamp::from_millis(second * 1000),
        };
        seconds.into_iter().map(yes).collect()
    }

    fn found(said: &[Yes], limit: u32) -> Vec<(i64, i64, usize, usize)> {
        let seconds = |at: Timestamp| at.as_millis() / 1000;
        bursts(said, limit)
            .iter()
            .map(|it| (seconds(it.begins), seconds(it.ends), it.most, it.hasty))
            .collect()
    }

    #[test]
    fn more_than_the_limit_within_a_minute_is_a_burst_and_as_many_is_none() {
        assert!(found(&said("grace", 0..10), 10).is_empty());
        assert_eq!(found(&said("grace", 0..11), 10), [(10, 10, 11, 1)]);
        assert_eq!(found(&said("grace", 0..13), 10), [(10, 12, 13, 3)]);
        // A minute that no clock's hand begins.
        assert_eq!(found(&said("grace", 55..66), 10), [(65, 65, 11, 1)]);
        // The first is a minute old when the eleventh comes.
        assert!(found(&said("grace", (0..11).map(|n| n * 6)), 10).is_empty());
        assert!(found(&said("grace", 0..100), 0).is_empty());
    }

    #[test]
    fn a_burst_ends_with_the_first_yes_that_is_not_more() {
        let calm = [0, 1, 2, 3, 100, 101, 102, 103];
        assert_eq!(
            found(&said("grace", calm), 3),
            [(3, 3, 4, 1), (103, 103, 4, 1)]
        );
        let steady = said("grace", (0..60).map(|number| number * 5));
        assert_eq!(found(&steady, 10), [(50, 295, 12, 50)]);
    }

    #[test]
    fn everybody_is_counted_alone() {
        let mut both = said("grace", 0..6);
        both.extend(said("omar", 0..6));
        both.sort_by_key(|yes| yes.at);
        assert!(found(&both, 10).is_empty());
        assert_eq!(found(&both, 5).len(), 2);
    }

    #[test]
    fn the_last_yes_tells_whether_it_is_hasty_and_whether_that_begins_with_it() {
        let of = |seconds: std::ops::Range<i64>| of_last(&said("grace", seconds), 10);
        assert_eq!(of(0..10), None);
        let first = of(0..11).unwrap();
        assert_eq!((first.hasty, first.most), (1, 11));
        assert_eq!(of(0..12).unwrap().hasty, 2);
        let over = said("grace", (0..11).chain([90]));
        assert_eq!(of_last(&over, 10), None);
        assert_eq!(of_last(&[], 10), None);
    }
}
