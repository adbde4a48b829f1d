//! Digits in groups, with one space, dash or dot between two: how people write long numbers.

use std::ops::Range;

/// No number has more digits.
pub(super) const MOST_DIGITS: usize = 20;

/// At most so many groups are told apart.
const MOST_GROUPS: usize = 8;

/// Groups of digits from some place on.
#[derive(Default)]
pub(super) struct Groups {
    start: usize,
    digits: [u8; MOST_DIGITS],
    /// Where each group ends, and how many digits there are up to there.
    ends: [(usize, usize); MOST_GROUPS],
    count: usize,
}

/// The first groups of some, as a number.
pub(super) struct Head<'g> {
    pub(super) range: Range<usize>,
    pub(super) digits: &'g [u8],
    groups: &'g [(usize, usize)],
}

impl Groups {
    /// The groups that begin there.
    pub(super) fn at(bytes: &[u8], start: usize) -> Self {
        let mut groups = Self {
            start,
            ..Self::default()
        };
        let (mut at, mut count) = (start, 0);
        while groups.count < MOST_GROUPS {
            let from = at;
            while let Some(digit) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
                let Some(place) = groups.digits.get_mut(count) else {
                    return groups;
                };
                *place = *digit;
                at += 1;
                count += 1;
            }
            if at == from {
                return groups;
            }
            if let Some(end) = groups.ends.get_mut(groups.count) {
                *end = (at, count);
                groups.count += 1;
            }
            if !matches!(bytes.get(at), Some(b' ' | b'-' | b'.')) {
                return groups;
            }
            at += 1;
        }
        groups
    }

    /// The numbers that the first groups make, the longest first.
    pub(super) fn heads(&self) -> impl Iterator<Item = Head<'_>> {
        (1..=self.count).rev().filter_map(|count| {
            let groups = self.ends.get(..count)?;
            let (end, digits) = *groups.last()?;
            Some(Head {
                range: self.start..end,
                digits: self.digits.get(..digits)?,
                groups,
            })
        })
    }
}

impl Head<'_> {
    /// How long each group is.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        let before = std::iter::once(0).chain(self.groups.iter().map(|group| group.1));
        self.groups
            .iter()
            .zip(before)
            .map(|(group, before)| group.1 - before)
    }

    /// Whether it is written together, or in fours and a rest.
    pub(super) fn is_in_fours(&self) -> bool {
        let last = self.groups.len() - 1;
        last == 0
            || self
                .lengths()
                .enumerate()
                .all(|(at, length)| length == 4 || (at == last && length < 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_whole_groups() {
        let text = b"x4111 1111-111.1 2 x";
        let groups = Groups::at(text, 1);
        let heads: Vec<_> = groups.heads().map(|head| head.range).collect();
        assert_eq!(heads, [1..18, 1..16, 1..14, 1..10, 1..5]);
        let head = groups.heads().nth(2).unwrap();
        assert_eq!(head.digits, b"41111111111");
        assert_eq!(head.lengths().collect::<Vec<_>>(), [4, 4, 3]);
        assert!(head.is_in_fours());
        assert!(!groups.heads().next().unwrap().is_in_fours());
        assert_eq!(Groups::at(text, 0).heads().count(), 0);
        assert_eq!(Groups::at(&[b'1'; 21], 0).heads().count(), 0);
        assert_eq!(Groups::at(b"1", 7).heads().count(), 0);
    }
}
