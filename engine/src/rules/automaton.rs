//! All paths as one deterministic automaton: a place in a document is one state number.
//!
//! Subset construction over (pattern, step) pairs. Names that no path mentions share one column,
//! and so do array indices. The paths of profiles go through arrays as if these were not there. The number of states is bounded; rule sets that need more are refused.

use std::collections::{BTreeMap, BTreeSet};

use super::labels::Filtered;
use super::place::{Mark, Place};
use super::selector::{PathStep, Pattern, Segment};

/// A place in a document, as far as the paths tell places apart.
pub(crate) type StateId = u16;

const MOST_STATES: usize = 4096;
/// What marks a state in the table of whose place nothing is said; more than there are states.
const PLAIN: StateId = 1 << 15;
/// What marks a state at whose place codes are; more than there are states.
const CODES: StateId = 1 << 14;
/// What marks a state at whose place no name is looked for.
const KNOWN: StateId = 1 << 13;
const MARKS: StateId = PLAIN | CODES | KNOWN;
/// The columns of other names and of other indices.
const OTHER: usize = 0;
const ELEMENT: usize = 1;
const TOO_MANY: &str = "the paths are too many, or have too many .. steps";

/// The compiled paths.
pub(crate) struct Automaton {
    names: BTreeMap<Box<str>, usize>,
    indices: BTreeMap<u32, usize>,
    columns: usize,
    /// Next state, by state and column, marked as [`PLAIN`] if it is.
    table: Vec<StateId>,
    places: Vec<Place>,
    /// Whose values are decided by themselves, by state.
    alone: Vec<bool>,
    /// Whose elements are alike whatever their index is, by state.
    any_index: Vec<bool>,
    /// Rules that win at some place.
    used: Vec<bool>,
    /// Where no path says anything.
    nowhere: Place,
}

impl Automaton {
    /// The state of the body itself.
    pub(crate) const ROOT: StateId = 0;

    /// The column of a member name (decoded).
    pub(crate) fn column(&self, name: &str) -> u16 {
        let column = self.names.get(name).copied().unwrap_or(OTHER);
        // The builder bounds the number of columns.
        u16::try_from(column).unwrap_or_default()
    }

    /// Whether a path names this member.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// The name as a path writes it, if one names this member.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        let (word, _) = self.names.get_key_value(name)?;
        Some(word)
    }

    /// The state of a member.
    pub(crate) fn member(&self, state: StateId, column: u16) -> StateId {
        self.next(state, usize::from(column))
    }

    /// The state of an element.
    pub(crate) fn element(&self, state: StateId, index: u32) -> StateId {
        let column = if self.indices.is_empty() {
            ELEMENT
        } else {
            self.indices.get(&index).copied().unwrap_or(ELEMENT)
        };
        self.next(state, column)
    }

    /// The state of an element whatever its index is; `None`: it depends on that.
    #[inline]
    pub(crate) fn any_element(&self, state: StateId) -> Option<StateId> {
        let is_any = self.any_index.get(usize::from(state & !MARKS)).copied();
        is_any.unwrap_or(false).then(|| self.next(state, ELEMENT))
    }

    /// The same where the paths say nothing about the place.
    #[inline]
    pub(crate) fn plain_element(&self, state: StateId) -> Option<StateId> {
        let is_any = self.any_index.get(usize::from(state & !MARKS)).copied();
        let next = self.next_marked(state, ELEMENT);
        (is_any == Some(true) && next & PLAIN != 0).then_some(next & !PLAIN)
    }

    /// Whether codes are at the place; of a state as [`plain_member`](Self::plain_member) and
    /// [`plain_element`](Self::plain_element) give it.
    #[inline]
    pub(crate) fn has_codes(state: StateId) -> bool {
        state & CODES != 0
    }

    /// Whether names are looked for at the place, of such a state.
    #[inline]
    pub(crate) fn has_mentions(state: StateId) -> bool {
        state & KNOWN == 0
    }

    /// Whether a path has an index.
    pub(crate) fn has_indices(&self) -> bool {
        !self.indices.is_empty()
    }

    pub(crate) fn place(&self, state: StateId) -> &Place {
        let place = self.places.get(usize::from(state & !MARKS));
        place.unwrap_or(&self.nowhere)
    }

    /// The state of a member about whose place the paths say nothing.
    #[inline]
    pub(crate) fn plain_member(&self, state: StateId, column: u16) -> Option<StateId> {
        let next = self.next_marked(state, usize::from(column));
        (next & PLAIN != 0).then_some(next & !PLAIN)
    }

    /// The place, if a value there is decided by itself.
    #[inline]
    pub(crate) fn place_alone(&self, state: StateId) -> Option<&Place> {
        let index = usize::from(state & !MARKS);
        let is_alone = self.alone.get(index).copied().unwrap_or(false);
        is_alone.then(|| self.places.get(index))?
    }

    /// Whether the path rule decides anywhere.
    pub(crate) fn uses_rule(&self, rule: usize) -> bool {
        self.used.get(rule).copied().unwrap_or_default()
    }

    fn next(&self, state: StateId, column: usize) -> StateId {
        self.next_marked(state, column) & !MARKS
    }

    fn next_marked(&self, state: StateId, column: usize) -> StateId {
        let index = usize::from(state & !MARKS) * self.columns + column;
        self.table.get(index).copied().unwrap_or_default()
    }
}

/// The states that have been come upon, each a set of items.
#[derive(Default)]
struct States {
    items: Vec<Items>,
    numbers: BTreeMap<Items, StateId>,
}

impl States {
    /// The number of a state, new or not.
    fn number(&mut self, items: Items) -> Result<StateId, String> {
        if let Some(number) = self.numbers.get(&items) {
            return Ok(*number);
        }
        if self.items.len() >= MOST_STATES {
            return Err(TOO_MANY.into());
        }
        let number = StateId::try_from(self.items.len()).map_err(|_| TOO_MANY)?;
        self.items.push(items.clone());
        self.numbers.insert(items, number);
        Ok(number)
    }
}

/// Collects patterns.
#[derive(Default)]
pub(crate) struct Builder {
    patterns: Vec<(Pattern, Mark)>,
}

#[derive(Clone, Copy)]
enum Input<'a> {
    Other,
    Name(&'a str),
    OtherIndex,
    Index(u32),
}

impl Input<'_> {
    fn is_element(self) -> bool {
        matches!(self, Self::OtherIndex | Self::Index(_))
    }
}

type Items = Vec<(u16, u8)>;

impl Builder {
    pub(crate) fn add(&mut self, pattern: Pattern, mark: Mark) {
        self.patterns.push((pattern, mark));
    }

    pub(crate) fn build(self) -> Result<Automaton, String> {
        let patterns =
            u16::try_from(self.patterns.len()).map_err(|_| "there are too many paths")?;
        if self
            .patterns
            .iter()
            .any(|(pattern, _)| pattern.segments.len() > 64)
        {
            return Err("a path has more than 64 steps".into());
        }
        let (names, indices) = self.alphabet();
        let columns = ELEMENT + 1 + names.len() + indices.len();
        if u16::try_from(columns).is_err() {
            return Err(TOO_MANY.into());
        }
        let mut inputs = vec![Input::Other; columns];
        if let Some(input) = inputs.get_mut(ELEMENT) {
            *input = Input::OtherIndex;
        }
        let known = names
            .iter()
            .map(|(name, column)| (*column, Input::Name(name)));
        let known = known.chain(
            indices
                .iter()
                .map(|(index, column)| (*column, Input::Index(*index))),
        );
        for (column, input) in known {
            if let Some(place) = inputs.get_mut(column) {
                *place = input;
            }
        }
        let anywhere: Items = (0..patterns).map(|pattern| (pattern, 0)).collect();
        let (anywhere, root): (Items, Items) = anywhere
            .into_iter()
            .partition(|(pattern, _)| self.begins_anywhere(*pattern));
        let fresh: Vec<Items> = inputs
            .iter()
            .map(|input| {
                let next = self.step(&anywhere, *input).into_iter();
                next.filter(|(_, done)| *done > 0).collect()
            })
            .collect();
        let mut states = States::default();
        states.number(root)?;
        // Where nothing is under way, only what begins anywhere does.
        let begun = fresh.iter().map(|items| states.number(items.clone()));
        let begun: Vec<StateId> = begun.collect::<Result<_, _>>()?;
        let mut table = Vec::new();
        let mut current = 0;
        while let Some(items) = states.items.get(current).cloned() {
            let goes_on = !self.step(&items, Input::Other).is_empty();
            let awaited =
                |input: &Input<'_>| input.is_element() || goes_on || self.awaits(&items, *input);
            for ((input, always), begun) in inputs.iter().zip(&fresh).zip(&begun) {
                if !awaited(input) {
                    table.push(*begun);
                    continue;
                }
                let mut next = BTreeSet::new();
                next.extend(self.step(&items, *input));
                next.extend(always);
                table.push(states.number(next.into_iter().collect())?);
            }
            current += 1;
        }
        let states = states.items;
        let mut used = Vec::new();
        let places: Vec<Place> = states
            .iter()
            .map(|items| self.place(items, &mut used))
            .collect();
        let alone = places.iter().map(Place::is_alone).collect();
        let rows = table.chunks(columns);
        let any_index = rows.map(|row| {
            let mut indexed = indices.values().filter_map(|column| row.get(*column));
            indexed.all(|next| Some(next) == row.get(ELEMENT))
        });
        let any_index = any_index.collect();
        for next in &mut table {
            let place = places.get(usize::from(*next));
            let is_plain = place.is_some_and(Place::is_plain);
            let has_codes = place.is_some_and(|place| place.codes);
            let is_known = place.is_some_and(Place::is_known);
            if is_plain {
                *next |= PLAIN;
            }
            if has_codes {
                *next |= CODES;
            }
            if is_known {
                *next |= KNOWN;
            }
        }
        Ok(Automaton {
            names,
            indices,
            columns,
            table,
            places,
            alone,
            any_index,
            used,
            nowhere: Place::default(),
        })
    }

    /// Whether an item of the state is about to match that name.
    fn awaits(&self, items: &Items, input: Input<'_>) -> bool {
        let Input::Name(given) = input else {
            return false;
        };
        items.iter().any(|&(pattern, done)| {
            let found = self.patterns.get(usize::from(pattern));
            let segment = found.and_then(|(found, _)| found.segments.get(usize::from(done)));
            matches!(segment, Some(Segment { step: PathStep::Name(name), .. }) if name == given)
        })
    }

    fn alphabet(&self) -> (BTreeMap<Box<str>, usize>, BTreeMap<u32, usize>) {
        let mut names = BTreeMap::new();
        let mut indices = BTreeMap::new();
        let mut columns = ELEMENT + 1..;
        // The names of labels come first: their columns are bits of a frame.
        let labels = self
            .patterns
            .iter()
            .filter_map(|(pattern, mark)| match mark {
                Mark::Telling(_) => pattern.segments.last(),
                _ => None,
            });
        let all = self
            .patterns
            .iter()
            .flat_map(|(pattern, _)| &pattern.segments);
        for segment in labels.chain(all) {
            match &segment.step {
                PathStep::Name(name) if !names.contains_key(name.as_str()) => {
                    names.extend(columns.next().map(|column| (name.as_str().into(), column)));
                }
                PathStep::Index(index) if !indices.contains_key(index) => {
                    indices.extend(columns.next().map(|column| (*index, column)));
                }
                _ => {}
            }
        }
        (names, indices)
    }

    /// The state one level down. Every item of a state is either about to match its next step, or
    /// is complete: then it marks this place alone and leads nowhere.
    fn step(&self, items: &Items, input: Input<'_>) -> Items {
        let mut next = Items::new();
        for &(pattern, done) in items {
            let Some((found, _)) = self.patterns.get(usize::from(pattern)) else {
                continue;
            };
            if found.through_arrays && input.is_element() && done > 0 {
                next.push((pattern, done));
                continue;
            }
            let Some(segment) = found.segments.get(usize::from(done)) else {
                continue;
            };
            if segment.descends {
                next.push((pattern, done));
            }
            let matches = match (&segment.step, input) {
                (PathStep::Any, _) => true,
                (PathStep::Name(name), Input::Name(given)) => name == given,
                (PathStep::Index(index), Input::Index(given)) => *index == given,
                _ => false,
            };
            if matches {
                next.push((pattern, done + 1));
            }
        }
        next
    }

    /// Whether the pattern begins with `..`: it may begin at every place, so that its first step is
    /// not part of what tells states apart.
    fn begins_anywhere(&self, pattern: u16) -> bool {
        let segments = self
            .patterns
            .get(usize::from(pattern))
            .map(|found| &found.0.segments);
        segments
            .and_then(|segments| segments.first())
            .is_some_and(|segment| segment.descends)
    }

    fn place(&self, items: &Items, used: &mut Vec<bool>) -> Place {
        let mut place = Place::default();
        let here = |&&(pattern, done): &&(u16, u8)| {
            let (pattern, mark) = self.patterns.get(usize::from(pattern))?;
            (pattern.segments.len() == usize::from(done)).then_some(mark)
        };
        let marks: Vec<_> = items.iter().filter_map(|item| here(&item)).collect();
        // What is known of a place comes before what holds of any object.
        let is_known = |mark: &&Mark| matches!(mark, Mark::Keep | Mark::Codes | Mark::Known);
        let is_known = marks.iter().any(is_known);
        let mut ids = None;
        for mark in marks {
            // Patterns come in the order in which they were added: the first one wins.
            match *mark {
                Mark::Exempt => place.exempt = true,
                Mark::Rule(id) if place.rule.is_none() => place.rule = Some(id),
                Mark::Profile(id) if place.profile.is_none() => place.profile = Some(id),
                Mark::Ids(id) => ids = ids.or(Some(id)),
                Mark::Keep => place.keep = true,
                Mark::Candidate { anywhere, .. } | Mark::Evidence { anywhere, .. }
                    if anywhere && is_known => {}
                Mark::Candidate { sibling, .. } if place.candidate.is_none() => {
                    place.candidate = Some(sibling);
                }
                Mark::Evidence { levels, reader, .. } => place.evidence.push((levels, reader)),
                Mark::Codes => place.codes = true,
                Mark::Known => place.known = true,
                Mark::Filtered(filtered) => {
                    let is_before = |other: &Filtered| other.rule <= filtered.rule;
                    let at = place.filtered.partition_point(is_before);
                    place.filtered.insert(at, filtered);
                }
                Mark::Slot(slot) => {
                    if let Err(at) = place.slots.binary_search(&slot) {
                        place.slots.insert(at, slot);
                    }
                }
                Mark::Element(filter) => place.elements.push(filter),
                // Elements of several paths may be one.
                Mark::Telling(telling) if !place.tellings.contains(&telling) => {
                    place.tellings.push(telling);
                }
                Mark::Rule(_) | Mark::Profile(_) | Mark::Candidate { .. } | Mark::Telling(_) => {}
            }
        }
        if ids.is_some()
            && (place.is_known() || place.profile.is_none_or(|first| ids < Some(first)))
        {
            // An id is one, whatever else profiles know of the place.
            (place.profile, place.codes, place.keep, place.known) = (ids, false, false, false);
        }
        if place.is_known() {
            // Whatever rules of profiles say of a name like this elsewhere.
            place.profile = None;
        }
        if place.exempt {
            place.filtered.clear();
        }
        let rule = place.rule.filter(|_| !place.exempt);
        let comes_first = |filtered: &Filtered| rule.is_none_or(|rule| filtered.rule < rule);
        place.filtered.retain(comes_first);
        let conditional = place.filtered.iter().map(|filtered| filtered.rule);
        for id in conditional.chain(rule).map(usize::from) {
            used.resize(used.len().max(id + 1), false);
            if let Some(used) = used.get_mut(id) {
                *used = true;
            }
        }
        place
    }
}
