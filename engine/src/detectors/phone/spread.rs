//! Digits with what people put between those of a telephone number: a space, dash, dot or slash, and
//! parentheses. `(0)` is not dialled from abroad and does not count.

/// The digits of an international number, and of the prefix to dial it.
const CAPACITY: usize = 18;

/// At most so many groups.
const MOST_GROUPS: usize = 8;

/// So many signs in a row: `) - `.
const MOST_SIGNS: usize = 4;

/// Digits in groups.
#[derive(Default)]
pub(super) struct Spread {
    digits: [u8; CAPACITY],
    /// Where each group ends outside of parentheses, how many digits there are up to there, and how
    /// many groups.
    ends: [(usize, usize); MOST_GROUPS],
    count: usize,
}

/// The first groups of some.
pub(super) struct Head<'s> {
    pub(super) end: usize,
    pub(super) digits: &'s [u8],
    groups: &'s [(usize, usize)],
}

impl Spread {
    /// The digits that begin there.
    pub(super) fn at(text: &[u8], start: usize) -> Self {
        let mut spread = Self::default();
        let (mut at, mut count) = (start, 0);
        let mut is_open = false;
        loop {
            let Some(next) = gap(text, at, &mut is_open) else {
                return spread;
            };
            at = next;
            while let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
                let Some(place) = spread.digits.get_mut(count) else {
                    return spread;
                };
                *place = *digit;
                at += 1;
                count += 1;
            }
            if is_open {
                continue;
            }
            let Some(end) = spread.ends.get_mut(spread.count) else {
                return spread;
            };
            *end = (at, count);
            spread.count += 1;
        }
    }

    /// What the first groups are, the most first.
    pub(super) fn heads(&self) -> impl Iterator<Item = Head<'_>> {
        (1..=self.count).rev().filter_map(|count| {
            let groups = self.ends.get(..count)?;
            let (end, digits) = *groups.last()?;
            Some(Head {
                end,
                digits: self.digits.get(..digits)?,
                groups,
            })
        })
    }
}

impl Head<'_> {
    /// How many digits each group has; one in parentheses counts to the next.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        let before = std::iter::once(0).chain(self.groups.iter().map(|group| group.1));
        self.groups
            .iter()
            .zip(before)
            .map(|(group, before)| group.1 - before)
    }
}

/// Where the next digit is.
fn gap(text: &[u8], start: usize, is_open: &mut bool) -> Option<usize> {
    let mut at = start;
    let mut last = None;
    for _ in 0..=MOST_SIGNS {
        let sign = *text.get(at)?;
        match sign {
            b'0'..=b'9' => return Some(at),
            b'(' if text.get(at..at + 3) == Some(b"(0)") => at += 2,
            b'(' if !*is_open => *is_open = true,
            b')' if *is_open => *is_open = false,
            // With spaces, a slash is between two numbers.
            b'/' if last.is_none() => {}
            b' ' | b'-' | b'.' if last != Some(sign) && last != Some(b'/') => {}
            _ => return None,
        }
        last = Some(sign);
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_through_signs() {
        for (text, digits, end) in [
            ("44 20 7946-0958 x", "442079460958", 15),
            ("44 (0)20 7946 0958", "442079460958", 18),
            ("(030) 12/34.5", "03012345", 13),
            ("12 (34", "12", 2),
            ("12  34", "12", 2),
            ("12 / 34", "12", 2),
            ("12/ 34", "12", 2),
            ("49 (30) - 12", "493012", 12),
        ] {
            let spread = Spread::at(text.as_bytes(), 0);
            let head = spread.heads().next().unwrap();
            assert_eq!((head.digits, head.end), (digits.as_bytes(), end), "{text}");
        }
        assert_eq!(Spread::at(b"x1", 0).heads().count(), 0);
        assert_eq!(Spread::at(&[b'1'; 19], 0).heads().count(), 0);
    }
}
