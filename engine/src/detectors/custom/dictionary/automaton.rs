//! The automaton of Aho and Corasick (1975): all terms, wherever they are, in one pass.
//!
//! A state is what some terms begin with. A byte leads from a state to a child, which is longer by
//! that byte; where it leads to none, the failure link leads to the longest shorter state that the
//! text ends with as well. No text fails more often than it has bytes, since each of them makes the
//! state longer by at most one. So there are at most two look-ups a byte, and nobody has to count them.
//!
//! States are numbered by their length, then in the order of what they are. So the children of a
//! state are next to one another, in the order of their bytes, and end where those of the next state
//! begin.

use std::collections::BTreeMap;
use std::ops::Range;

use super::CustomDetector;

/// So many states there are at most: some megabytes. The terms of a rule set have a quarter of them,
/// unless folding makes them longer: one character may become eighteen.
const MOST_STATES: usize = 4 * CustomDetector::LARGEST_DICTIONARIES;

/// The empty state.
const ROOT: usize = 0;

/// Sixteen bits can say which term.
const _: () = assert!(CustomDetector::MOST_TERMS < 1 << 16);

/// Where a term ends.
#[derive(Default)]
struct Ending {
    length: u16,
    /// The next shorter one that ends at the same place.
    shorter: u16,
}

/// An automaton of terms in small letters; texts may have letters of ASCII in either case.
pub(super) struct Automaton {
    /// Where the children of each state begin, and after the last state their end.
    children: Vec<u32>,
    /// The byte that leads to each state.
    bytes: Vec<u8>,
    failures: Vec<u32>,
    /// The longest term that each state ends with.
    endings: Vec<u16>,
    /// The first one stands for no term.
    terms: Vec<Ending>,
    /// Where each byte leads from the root, which most bytes of a text are looked up in.
    from_root: Box<[u32; 256]>,
}

impl Automaton {
    /// An automaton of the keys; `None`: they are too many, or too long.
    ///
    /// The keys of a map are in order, so that those that begin alike stand together.
    pub(super) fn of(terms: &BTreeMap<String, usize>) -> Option<Self> {
        let terms: Vec<_> = terms.keys().map(String::as_bytes).collect();
        let mut automaton = Self {
            children: Vec::new(),
            bytes: vec![0],
            failures: vec![0],
            endings: vec![0],
            terms: vec![Ending::default()],
            from_root: Box::new([0; 256]),
        };
        let mut level = vec![&*terms];
        let mut length = 0;
        while !level.is_empty() {
            let mut next = Vec::new();
            for alike in level {
                let parent = automaton.children.len();
                automaton.children.push(automaton.count()?);
                for group in alike.chunk_by(|one, other| one.get(length) == other.get(length)) {
                    // The shortest comes first. One that does not go on has been seen to end.
                    let first = group.first()?;
                    if let Some(byte) = first.get(length) {
                        let longer = length + 1;
                        let ends = (first.len() == longer).then_some(longer);
                        automaton.add(parent, *byte, ends)?;
                        next.push(group);
                    }
                }
            }
            level = next;
            length += 1;
        }
        automaton.children.push(automaton.count()?);
        automaton.shrink();
        Some(automaton)
    }

    /// How many states there are.
    fn count(&self) -> Option<u32> {
        u32::try_from(self.bytes.len()).ok()
    }

    /// Adds a child; `ends`: the length of the term that it is. All shorter states are there, and
    /// those before the parent have all of their children.
    fn add(&mut self, parent: usize, byte: u8, ends: Option<usize>) -> Option<()> {
        let state = self.count().filter(|_| self.bytes.len() < MOST_STATES)?;
        // A child of the root is not yet known to it: it fails to the root, and not to itself.
        let failure = self.next(self.failure(parent), byte);
        let mut ending = self.ending(failure);
        if let Some(length) = ends {
            let number = u16::try_from(self.terms.len()).ok()?;
            self.terms.push(Ending {
                length: u16::try_from(length).ok()?,
                shorter: ending,
            });
            ending = number;
        }
        self.bytes.push(byte);
        self.failures.push(u32::try_from(failure).ok()?);
        self.endings.push(ending);
        if parent == ROOT {
            *self.from_root.get_mut(usize::from(byte))? = state;
        }
        Some(())
    }

    fn shrink(&mut self) {
        self.children.shrink_to_fit();
        self.bytes.shrink_to_fit();
        self.failures.shrink_to_fit();
        self.endings.shrink_to_fit();
        self.terms.shrink_to_fit();
    }

    /// All terms in a text, in the order of their ends; of those with the same, the longest first.
    #[inline]
    pub(super) fn terms_in<'a>(&'a self, text: &'a [u8]) -> TermsIn<'a> {
        TermsIn {
            automaton: self,
            text,
            at: 0,
            state: ROOT,
            ending: 0,
        }
    }

    /// Where a small letter, or what is none, leads.
    #[inline]
    fn next(&self, mut state: usize, byte: u8) -> usize {
        while state != ROOT {
            if let Some(child) = self.child(state, byte) {
                return child;
            }
            state = self.failure(state);
        }
        let child = self.from_root.get(usize::from(byte));
        child.map_or(ROOT, |child| *child as usize)
    }

    #[inline]
    fn child(&self, state: usize, byte: u8) -> Option<usize> {
        let [first, end] = *self.children.get(state..)?.first_chunk()?;
        let bytes = self.bytes.get(first as usize..end as usize)?;
        let place = bytes.binary_search(&byte).ok()?;
        Some(first as usize + place)
    }

    #[inline]
    fn failure(&self, state: usize) -> usize {
        let failure = self.failures.get(state);
        failure.map_or(ROOT, |failure| *failure as usize)
    }

    #[inline]
    fn ending(&self, state: usize) -> u16 {
        self.endings.get(state).copied().unwrap_or_default()
    }
}

/// See [`Automaton::terms_in`].
pub(super) struct TermsIn<'a> {
    automaton: &'a Automaton,
    text: &'a [u8],
    at: usize,
    state: usize,
    /// Which term ends there and has not been told.
    ending: u16,
}

impl Iterator for TermsIn<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        while self.ending == 0 {
            let byte = self.text.get(self.at)?.to_ascii_lowercase();
            self.at += 1;
            self.state = self.automaton.next(self.state, byte);
            self.ending = self.automaton.ending(self.state);
        }
        let ending = self.automaton.terms.get(usize::from(self.ending))?;
        self.ending = ending.shorter;
        let start = self.at.checked_sub(usize::from(ending.length))?;
        Some(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn automaton(terms: &[&str]) -> Option<Automaton> {
        let terms = terms.iter().map(|term| ((*term).to_owned(), 0));
        Automaton::of(&terms.collect())
    }

    /// The example of the paper.
    #[test]
    fn terms_in_one_another_are_all_found() {
        let automaton = automaton(&["he", "she", "his", "hers"]).unwrap();
        let found: Vec<_> = automaton.terms_in(b"uSHErs, hi").collect();
        assert_eq!(found, [1..4, 2..4, 2..6]);
        assert_eq!(automaton.terms_in(b"").count(), 0);
    }

    #[test]
    fn no_text_fails_more_often_than_it_has_bytes() {
        let long = "a".repeat(100) + "c";
        let automaton = automaton(&["ab", "aab", &long]).unwrap();
        for last in ["b", "d"] {
            let text = ("a".repeat(100) + last).repeat(100);
            let (mut state, mut failures) = (ROOT, 0);
            for byte in text.bytes() {
                while state != ROOT && automaton.child(state, byte).is_none() {
                    state = automaton.failure(state);
                    failures += 1;
                }
                state = automaton.next(state, byte);
            }
            assert!(
                (text.len() / 2..=text.len()).contains(&failures),
                "{failures}"
            );
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let long = "a".repeat(1 << 16);
        assert!(automaton(&[&long]).is_none());
        assert!(automaton(&[&long[1..]]).is_some());
        let many: Vec<_> = (0..17)
            .map(|number| format!("{number:02}{}", &long[1..]))
            .collect();
        let many: Vec<_> = many.iter().map(|term| &term[..(1 << 16) - 1]).collect();
        assert!(automaton(&many).is_none());
    }
}
