//! Sets of states of a program.

use super::super::program::Id;

/// States that are reached, each once.
pub(super) struct Reached {
    seen: IdSet,
    waiting: Vec<Id>,
}

impl Reached {
    /// None of so many.
    pub(super) fn of(states: usize) -> Self {
        Self {
            seen: IdSet::of(states),
            waiting: Vec::new(),
        }
    }

    /// Begins anew, with these.
    pub(super) fn begin(&mut self, ids: impl IntoIterator<Item = Id>) {
        self.seen.clear();
        self.waiting.clear();
        for id in ids {
            self.add(id);
        }
    }

    pub(super) fn add(&mut self, id: Id) {
        if self.seen.add(id) {
            self.waiting.push(id);
        }
    }

    /// One that has been reached and not yet gone through.
    pub(super) fn next(&mut self) -> Option<Id> {
        self.waiting.pop()
    }

    /// What it has taken.
    pub(super) fn work(&self) -> usize {
        self.seen.words.len() + self.seen.count
    }
}

/// A set of states of a program.
pub(super) struct IdSet {
    words: Box<[u64]>,
    count: usize,
}

impl IdSet {
    /// None of so many.
    pub(super) fn of(states: usize) -> Self {
        Self {
            words: vec![0; states.div_ceil(64)].into(),
            count: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.words.fill(0);
        self.count = 0;
    }

    /// Whether it has been none of them.
    pub(super) fn add(&mut self, id: Id) -> bool {
        let bit = 1 << (id & 63);
        match self.words.get_mut(usize::from(id >> 6)) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                self.count += 1;
                true
            }
            _ => false,
        }
    }

    /// In ascending order.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        let words = (0_u16..).step_by(64).zip(&self.words);
        words.flat_map(|(first, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = u16::try_from(left.trailing_zeros()).ok();
                let bit = bit.filter(|_| left != 0)?;
                left &= left - 1;
                Some(first + bit)
            })
        })
    }
}
