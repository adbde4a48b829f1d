//! The shortest way: members and elements whose fate is known where they stand, one after the other.
//!
//! It goes through what is in an array or object, through all that begins in it, and up to its end. A
//! [`Guide`] says what each member is and does what is to be done with it. What is open is kept
//! aside, in few words: the scanner's own stack is written when the way ends, before the first member
//! or element that the guide leaves to others.

use super::index::Sight;
use super::walk::{Begun, Value, Walk};
use super::{Container, Open};

/// At most so many arrays and objects are open at once on the way.
const DEPTH: usize = 32;

/// A number with fewer bytes is passed unless something is said about it.
pub(crate) const SHORTEST_FOUND: usize = 12;

/// What a skim asks about what it passes. A place is a number that means something to the guide
/// alone.
pub(crate) trait Guide {
    /// What the guide knows about a member name.
    type Name: Copy;

    /// The name that lies there in the text, without its quotes, of a member of an object that is at
    /// that place; and the place of the member, or `None`: something is said about it. `None` in all:
    /// the name is not known.
    fn member(
        &self,
        place: u16,
        text: &Sight,
        start: usize,
        length: usize,
    ) -> Option<(Self::Name, Option<u16>)>;
    /// The place of an element of an array that is at that place; `None`: something is said about it.
    fn element(&self, place: u16) -> Option<u16>;
    /// The place of an array or object about which something is said, if it is passed all the same.
    fn enter(&self, place: u16, name: Option<Self::Name>) -> Option<u16>;
    /// Whether the string at that place that lies there in the text, quotes included, is passed without more; or the
    /// number, if it has [`SHORTEST_FOUND`] digits.
    fn passes(&self, place: u16, text: &[u8], start: usize, end: usize) -> bool;
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

/// An array or object that is open.
#[derive(Clone, Copy)]
pub(crate) struct Level {
    pub(crate) container: Container,
    pub(crate) place: u16,
}

/// What is open on the way. It is kept for the next one: to clear it every time would cost more than
/// most ways do.
pub(crate) struct Way {
    /// That in which the way began, and what has begun on it, the outermost first.
    levels: [Level; DEPTH + 1],
    /// How many members or elements each of them may have yet.
    lefts: [usize; DEPTH + 1],
    begun: usize,
}

impl Default for Way {
    fn default() -> Self {
        let none = Level {
            container: Container::Array,
            place: 0,
        };
        Self {
            levels: [none; DEPTH + 1],
            lefts: [0; DEPTH + 1],
            begun: 0,
        }
    }
}

impl Way {
    /// What has begun on the last way and is open, the outermost first.
    pub(crate) fn begun(&self) -> &[Level] {
        self.levels.get(1..=self.begun).unwrap_or_default()
    }
}

impl Walk<'_> {
    /// Passes members and elements from here on; the innermost array or object is at that place.
    #[inline(never)]
    pub(crate) fn skim(&mut self, place: u16, guide: &mut impl Guide) -> &Way {
        let view = self.view;
        let Way { levels, lefts, .. } = &mut *self.way;
        let most = self.depth_limit.saturating_sub(self.stack.len()).min(DEPTH);
        let mut begun = 0_usize;
        let container = self.stack.last().map(|open| open.container);
        let mut here = Level {
            container: container.unwrap_or(Container::Array),
            place,
        };
        let (mut rest, mut is_first) = (self.rest, self.is_first);
        let (mut left, mut keys_left) = (self.left, self.keys_left);
        while let Some((mark, behind)) = rest.split_first() {
            let byte = view.byte((*mark).into());
            let mut entries = rest;
            if byte == b',' && !is_first {
                entries = behind;
            } else if byte == here.container.bracket() {
                let Some(level) = begun.checked_sub(1) else {
                    break;
                };
                let (Some(around), Some(around_left)) = (levels.get(level), lefts.get(level))
                else {
                    break;
                };
                (here, left, begun) = (*around, *around_left, level);
                (rest, is_first) = (behind, false);
                continue;
            } else if !is_first {
                break;
            }
            let (member, name, inner, keys) = if here.container == Container::Object {
                let Some(member) = view.member(entries) else {
                    break;
                };
                let known = guide.member(here.place, view.text(), member.name, member.length);
                let (Some((name, inner)), Some(keys)) = (known, keys_left.checked_sub(1)) else {
                    break;
                };
                (member, Some(name), inner, keys)
            } else {
                let Some(element) = Begun::element(entries) else {
                    break;
                };
                (element, None, guide.element(here.place), keys_left)
            };
            if left == 0 {
                break;
            }
            let scalar = match view.value(&member) {
                Some(Value::Open(container)) => {
                    let inner = inner.or_else(|| guide.enter(here.place, name));
                    let (true, Some(place), Some(around), Some(around_left)) = (
                        begun < most,
                        inner,
                        levels.get_mut(begun),
                        lefts.get_mut(begun),
                    ) else {
                        break;
                    };
                    (*around, *around_left) = (here, left - 1);
                    begun += 1;
                    here = Level { container, place };
                    left = self.member_limit;
                    (rest, keys_left, is_first) = (member.then, keys, true);
                    continue;
                }
                Some(Value::String(start, end)) => {
                    let is_passed =
                        inner.is_some_and(|place| guide.passes(place, view.text(), start, end));
                    (start, end, is_passed)
                }
                Some(Value::Other(start, end)) => {
                    let is_short = end - start < SHORTEST_FOUND;
                    let is_passed = inner.is_some_and(|place| {
                        is_short || guide.passes(place, view.text(), start, end)
                    });
                    (start, end, is_passed)
                }
                None => break,
            };
            let (start, end, is_passed) = scalar;
            if !is_passed && !guide.treat(here.place, name, view.text(), (start, end)) {
                break;
            }
            left -= 1;
            (rest, keys_left, is_first) = (member.then, keys, false);
        }
        if let (Some(level), Some(level_left)) = (levels.get_mut(begun), lefts.get_mut(begun)) {
            (*level, *level_left) = (here, left);
        }
        self.rest = rest;
        self.left = left;
        self.keys_left = keys_left;
        self.is_first = is_first;
        self.way.begun = begun;
        self.open_begun();
        self.way
    }

    /// Opens what has begun on the way.
    fn open_begun(&mut self) {
        if let (Some(open), Some(left)) = (self.stack.last_mut(), self.way.lefts.first()) {
            open.left = *left;
        }
        let lefts = self.way.lefts.iter().skip(1);
        let begun = self.way.begun().iter().zip(lefts);
        self.stack.extend(begun.map(|(level, left)| Open {
            container: level.container,
            left: *left,
        }));
    }
}
