//! What a pattern asks for, step by step: bytes to read, ways to go on, looks to the sides.

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};
use regex_syntax::utf8::Utf8Sequences;

use super::TOO_LARGE;
use super::bytes::ByteSet;
use super::look::{Holds, asks};

/// So many states a program has at most; repetitions are written out.
const MOST_STATES: usize = 4096;

/// The number of a state.
pub(super) type Id = u16;

/// Where a program is.
pub(super) enum State {
    /// Reads one of these bytes.
    Read(ByteSet, Id),
    /// Goes on in both ways.
    Either(Id, Id),
    /// Goes on where the look holds.
    Look(Holds, Id),
    /// All has been read.
    Done,
}

/// A pattern that can be followed byte by byte.
pub(super) struct Program {
    states: Vec<State>,
    pub(super) start: Id,
}

impl Program {
    /// Writes out what an expression asks for; why it cannot be done else.
    pub(super) fn of(expression: &Hir) -> Result<Self, &'static str> {
        let mut program = Self {
            states: Vec::new(),
            start: 0,
        };
        let done = program.push(State::Done)?;
        program.start = program.before(expression, done)?;
        Ok(program)
    }

    pub(super) fn state(&self, id: Id) -> Option<&State> {
        self.states.get(usize::from(id))
    }

    pub(super) fn states(&self) -> impl ExactSizeIterator<Item = &State> {
        self.states.iter()
    }

    fn push(&mut self, state: State) -> Result<Id, &'static str> {
        if self.states.len() >= MOST_STATES {
            return Err(TOO_LARGE);
        }
        let id = Id::try_from(self.states.len()).map_err(|_| TOO_LARGE)?;
        self.states.push(state);
        Ok(id)
    }

    /// Writes an expression behind which the program goes on at `next`; where it begins.
    ///
    /// Written from its end, every part knows where to go on. This recurses as deep as groups stand in
    /// one another. No part that only matches the empty text is repeated ([`Hir::repetition`]), so
    /// that every repetition adds states, and soon there are too many.
    fn before(&mut self, expression: &Hir, next: Id) -> Result<Id, &'static str> {
        match expression.kind() {
            HirKind::Empty => Ok(next),
            HirKind::Literal(literal) => {
                let mut bytes = literal.0.iter().rev();
                bytes.try_fold(next, |next, byte| {
                    self.push(State::Read(ByteSet::of(*byte..=*byte), next))
                })
            }
            HirKind::Class(class) => self.before_class(class, next),
            HirKind::Look(look) => {
                let holds = asks(*look).ok_or("looks for words of Unicode: they are not known")?;
                self.push(State::Look(holds, next))
            }
            HirKind::Repetition(repetition) => self.before_repetition(repetition, next),
            HirKind::Capture(group) => self.before(&group.sub, next),
            HirKind::Concat(parts) => {
                let mut parts = parts.iter().rev();
                parts.try_fold(next, |next, part| self.before(part, next))
            }
            HirKind::Alternation(ways) => {
                let mut begun = None;
                for way in ways {
                    let way = self.before(way, next)?;
                    begun = Some(self.join(begun, way)?);
                }
                self.or_never(begun, next)
            }
        }
    }

    /// Adds a way to go on.
    fn join(&mut self, begun: Option<Id>, way: Id) -> Result<Id, &'static str> {
        match begun {
            Some(other) => self.push(State::Either(other, way)),
            None => Ok(way),
        }
    }

    fn before_class(&mut self, class: &Class, next: Id) -> Result<Id, &'static str> {
        let class = match class {
            Class::Bytes(class) => {
                let ranges = class.ranges().iter();
                let set = ranges.map(|range| ByteSet::of(range.start()..=range.end()));
                return self.push(State::Read(set.collect(), next));
            }
            Class::Unicode(class) => class,
        };
        // What `é|è` is read as: its characters are spelled out.
        let mut begun = None;
        for range in class.ranges() {
            for spelling in Utf8Sequences::new(range.start(), range.end()) {
                let mut bytes = spelling.as_slice().iter().rev();
                let way = bytes.try_fold(next, |next, range| {
                    self.push(State::Read(ByteSet::of(range.start..=range.end), next))
                })?;
                begun = Some(self.join(begun, way)?);
            }
        }
        self.or_never(begun, next)
    }

    /// Of no ways at all, none is ever gone.
    fn or_never(&mut self, begun: Option<Id>, next: Id) -> Result<Id, &'static str> {
        match begun {
            Some(begun) => Ok(begun),
            None => self.push(State::Read(ByteSet::default(), next)),
        }
    }

    /// Whether a quantifier is lazy makes no difference: all ends are wanted.
    fn before_repetition(&mut self, repetition: &Repetition, next: Id) -> Result<Id, &'static str> {
        let part = &*repetition.sub;
        let mut begun = next;
        let mut necessary = repetition.min;
        if let Some(most) = repetition.max {
            for _ in necessary..most {
                let once_more = self.before(part, begun)?;
                begun = self.push(State::Either(once_more, next))?;
            }
        } else {
            let again = self.push(State::Either(next, next))?;
            let first = self.before(part, again)?;
            if let Some(state) = self.states.get_mut(usize::from(again)) {
                *state = State::Either(first, next);
            }
            // What is necessary at least once is so by being where the repetition begins.
            begun = if necessary == 0 { again } else { first };
            necessary = necessary.saturating_sub(1);
        }
        for _ in 0..necessary {
            begun = self.before(part, begun)?;
        }
        Ok(begun)
    }
}
