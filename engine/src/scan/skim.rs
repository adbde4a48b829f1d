//! The shortest way: members and elements whose fate is known where they stand, one after the other.
//!
//! It goes through what is in an array or object, through all that begins in it, and on behind its
//! end. A [`Guide`] says what each member is and does what is to be done with it. What is open is
//! kept aside, in few words: the scanner's own stack is written when the way ends, before the first
//! member or element that the guide leaves to others.

use super::walk::{Value, Walk};
use super::{Container, Open};

/// At most so many arrays and objects are open at once on the way.
const DEPTH: usize = 32;

/// What a skim asks about what it passes. A place is a number that means something to the guide
/// alone.
pub(crate) trait Guide {
    /// What the guide knows about a member name.
    type Name: Copy;

    /// The name that lies there in the text, without its quotes; `None`: it is not known.
    fn name(&self, text: &[u8], start: usize, length: usize) -> Option<Self::Name>;
    /// The place of a member of an object that is at that place, or of an element of an array; `None`:
    /// something is said about it.
    fn inner(&self, place: u16, name: Option<Self::Name>) -> Option<u16>;
    /// The place of an array or object about which something is said, if it is passed all the same.
    fn enter(&self, place: u16, name: Option<Self::Name>) -> Option<u16>;
    /// The place of the array or object so many levels out of that in which the skim begins, if the
    /// one within it may end.
    fn around(&self, levels: usize) -> Option<u16>;
    /// Whether the scalar that lies there in the text, quotes included, is passed without more.
    fn passes(&self, text: &[u8], start: usize, end: usize) -> bool;
    /// Does what is to be done with a scalar about which something is said, given where it begins and
    /// ends; false, and nothing is done: that cannot be told here.
    fn treat(
        &mut self,
        place: u16,
        name: Option<Self::Name>,
        text: &[u8],
        scalar: (usize, usize),
    ) -> bool;
}

/// An array or object that has begun on the way and is open.
#[derive(Clone, Copy)]
pub(crate) struct Inner {
    pub(crate) container: Container,
    pub(crate) place: u16,
}

/// What is open on the way. It is kept for the next one: to clear it every time would cost more than
/// most ways do.
pub(crate) struct Way {
    /// The outermost first.
    begun: [Inner; DEPTH],
    /// What those around each of them may have yet.
    lefts: [usize; DEPTH],
    count: usize,
    closed: usize,
}

impl Default for Way {
    fn default() -> Self {
        let none = Inner {
            container: Container::Array,
            place: 0,
        };
        Self {
            begun: [none; DEPTH],
            lefts: [0; DEPTH],
            count: 0,
            closed: 0,
        }
    }
}

impl Way {
    /// What has begun on the last way and is open, the outermost first.
    pub(crate) fn begun(&self) -> &[Inner] {
        self.begun.get(..self.count).unwrap_or_default()
    }

    /// How many arrays and objects have ended on it that had begun before.
    pub(crate) fn closed(&self) -> usize {
        self.closed
    }
}

impl Walk<'_> {
    /// Passes members and elements from here on; the innermost array or object is at that place.
    #[inline(never)]
    pub(crate) fn skim(&mut self, place: u16, guide: &mut impl Guide) -> &Way {
        let view = self.view;
        let Way { begun, lefts, .. } = &mut *self.way;
        let most = self.depth_limit.saturating_sub(self.stack.len()).min(DEPTH);
        let (mut count, mut closed) = (0_usize, 0);
        let container = self.stack.last().map(|open| open.container);
        let mut base = Inner {
            container: container.unwrap_or(Container::Array),
            place,
        };
        let mut here = base;
        let (mut left, mut keys_left) = (self.left, self.keys_left);
        let (mut is_first, mut end, mut passed) = (self.is_first, self.end, self.passed);
        while let Some((mark, byte)) = view.mark(passed) {
            let is_object = here.container == Container::Object;
            let mut entry = passed;
            if byte == b',' && !is_first {
                entry += 1;
            } else if byte == (if is_object { b'}' } else { b']' }) {
                if let Some(level) = count.checked_sub(1) {
                    count = level;
                    left = lefts.get(level).copied().unwrap_or_default();
                    let around = level.checked_sub(1).and_then(|level| begun.get(level));
                    here = around.copied().unwrap_or(base);
                } else {
                    let level = self.stack.len().checked_sub(closed + 2);
                    let around = level.and_then(|level| self.stack.get(level));
                    let (Some(open), Some(place)) = (around, guide.around(closed + 1)) else {
                        break;
                    };
                    closed += 1;
                    left = open.left;
                    base = Inner {
                        container: open.container,
                        place,
                    };
                    here = base;
                }
                (is_first, end) = (false, mark + 1);
                passed += 1;
                continue;
            } else if !is_first {
                break;
            }
            let member = if is_object {
                view.member(entry)
            } else {
                view.element(entry)
            };
            let Some(member) = member else {
                break;
            };
            let name = if is_object {
                let name = guide.name(view.text(), member.name, member.length);
                if name.is_none() {
                    break;
                }
                name
            } else {
                None
            };
            let inner = guide.inner(here.place, name);
            if left == 0 || keys_left < member.keys {
                break;
            }
            match view.value(&member) {
                Some(Value::Open(container, behind)) => {
                    let (true, Some(open), Some(outer)) =
                        (count < most, begun.get_mut(count), lefts.get_mut(count))
                    else {
                        break;
                    };
                    let Some(place) = inner.or_else(|| guide.enter(here.place, name)) else {
                        break;
                    };
                    here = Inner { container, place };
                    (*open, *outer) = (here, left - 1);
                    count += 1;
                    (left, is_first, end) = (self.member_limit, true, behind);
                }
                Some(Value::String(start, behind) | Value::Other(start, behind)) => {
                    let is_passed = inner.is_some() && guide.passes(view.text(), start, behind);
                    let scalar = (start, behind);
                    if !is_passed && !guide.treat(here.place, name, view.text(), scalar) {
                        break;
                    }
                    (left, is_first, end) = (left - 1, false, behind);
                }
                None => break,
            }
            keys_left -= member.keys;
            passed = member.then;
        }
        self.passed = passed;
        self.end = end;
        self.left = left;
        self.keys_left = keys_left;
        self.is_first = is_first;
        self.way.count = count;
        self.way.closed = closed;
        if closed > 0 {
            self.stack.truncate(self.stack.len() - closed);
        }
        if count > 0 {
            self.open_begun();
        }
        self.way
    }

    /// Opens what has begun on the way.
    fn open_begun(&mut self) {
        let outer = self.way.lefts.get(..self.way.count).unwrap_or_default();
        if let (Some(open), Some(left)) = (self.stack.last_mut(), outer.first()) {
            open.left = *left;
        }
        let lefts = outer.iter().skip(1).chain([&self.left]);
        let begun = self.way.begun().iter().zip(lefts);
        self.stack.extend(begun.map(|(begun, left)| Open {
            container: begun.container,
            left: *left,
        }));
    }
}
