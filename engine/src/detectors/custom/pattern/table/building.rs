//! How a table is made: whatever can follow is followed once, from every state, for every byte.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::super::TOO_LARGE;
use super::super::bytes::{ByteSet, Kinds};
use super::super::look::{Holds, Side};
use super::super::program::{Id, Program, State};
use super::reached::{IdSet, Reached};
use super::{DEAD, END, Table};
use crate::CustomDetector;

/// So many steps it takes at most: some hundredths of a second.
const MOST_WORK: usize = 8 << 20;
/// So many states of the program are kept at most to know the states of the table again.
const MOST_KEPT: usize = 512 << 10;

/// An entry can say where any row begins.
const _: () = assert!(CustomDetector::LARGEST_PATTERN <= (1 << 16) * size_of::<u16>());

/// All places at which a program rests, to read a byte or to look to the sides.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Places {
    /// In ascending order.
    states: Box<[Id]>,
    /// What a look may ask for; without one it makes no difference.
    before: Option<Side>,
}

/// What a program can do once it knows what is on both sides.
#[derive(Default)]
struct Choices<'p> {
    reads: Vec<(&'p ByteSet, Id)>,
    is_end: bool,
}

/// A table that is being made.
pub(super) struct Building<'p> {
    program: &'p Program,
    kinds: Kinds,
    /// Of a row: even, so that all rows begin at even places.
    width: usize,
    entries: Vec<u16>,
    known: BTreeMap<Rc<Places>, u16>,
    /// Those without a row, in the order of their rows.
    waiting: VecDeque<Rc<Places>>,
    reached: Reached,
    resting: IdSet,
    work: usize,
    kept: usize,
}

impl<'p> Building<'p> {
    pub(super) fn of(program: &'p Program) -> Self {
        let kinds = kinds(program);
        let width = (kinds.samples().len() + 1).next_multiple_of(2);
        let states = program.states().len();
        Self {
            program,
            kinds,
            width,
            // From the dead state nothing leads away.
            entries: vec![DEAD; width],
            known: BTreeMap::new(),
            waiting: VecDeque::new(),
            reached: Reached::of(states),
            resting: IdSet::of(states),
            work: 0,
            kept: 0,
        }
    }

    pub(super) fn table(mut self) -> Result<Table, &'static str> {
        let mut starts = [DEAD; Side::ALL.len()];
        for (start, before) in starts.iter_mut().zip(Side::ALL) {
            let places = self.rest([self.program.start], before)?;
            *start = self.row(places)?;
        }
        while let Some(places) = self.waiting.pop_front() {
            self.add_row(&places)?;
        }
        Ok(Table {
            entries: self.entries.into(),
            kinds: self.kinds,
            starts,
        })
    }

    /// Where the row of a state begins.
    fn row(&mut self, places: Places) -> Result<u16, &'static str> {
        if places.states.is_empty() {
            return Ok(DEAD);
        }
        if let Some(row) = self.known.get(&places) {
            return Ok(*row);
        }
        let row = (self.known.len() + 1) * self.width;
        self.kept += places.states.len();
        let bytes = (row + self.width) * size_of::<u16>();
        if bytes > CustomDetector::LARGEST_PATTERN || self.kept > MOST_KEPT {
            return Err(TOO_LARGE);
        }
        let row = u16::try_from(row).map_err(|_| TOO_LARGE)?;
        let places = Rc::new(places);
        self.known.insert(Rc::clone(&places), row);
        self.waiting.push_back(places);
        Ok(row)
    }

    /// Where a program rests that goes on from there.
    fn rest(
        &mut self,
        from: impl IntoIterator<Item = Id>,
        before: Side,
    ) -> Result<Places, &'static str> {
        let mut looks = false;
        self.resting.clear();
        self.reached.begin(from);
        while let Some(id) = self.reached.next() {
            match self.program.state(id) {
                Some(State::Either(one, other)) => {
                    self.reached.add(*one);
                    self.reached.add(*other);
                }
                state => {
                    looks |= matches!(state, Some(State::Look(..)));
                    self.resting.add(id);
                }
            }
        }
        self.spend(self.reached.work())?;
        Ok(Places {
            states: self.resting.ids().collect(),
            before: looks.then_some(before),
        })
    }

    /// What it can do from there, before such a byte.
    fn choices(&mut self, places: &Places, behind: Side) -> Result<Choices<'p>, &'static str> {
        let mut choices = Choices::default();
        let holds = |look: &Holds| places.before.is_some_and(|before| look(before, behind));
        self.reached.begin(places.states.iter().copied());
        while let Some(id) = self.reached.next() {
            match self.program.state(id) {
                Some(State::Read(set, next)) => choices.reads.push((set, *next)),
                Some(State::Either(one, other)) => {
                    self.reached.add(*one);
                    self.reached.add(*other);
                }
                Some(State::Look(look, next)) if holds(look) => self.reached.add(*next),
                Some(State::Look(..)) | None => {}
                Some(State::Done) => choices.is_end = true,
            }
        }
        self.spend(self.reached.work())?;
        Ok(choices)
    }

    fn add_row(&mut self, places: &Places) -> Result<(), &'static str> {
        let row = self.entries.len();
        self.entries.resize(row + self.width, DEAD);
        let mut choices = Choices::default();
        for (turn, behind) in Side::ALL.into_iter().enumerate() {
            if turn == 0 || places.before.is_some() {
                choices = self.choices(places, behind)?;
            }
            let end = if choices.is_end { END } else { 0 };
            if behind == Side::Edge {
                self.set(row + self.kinds.samples().len(), DEAD | end);
                continue;
            }
            for column in 0..self.kinds.samples().len() {
                let sample = self.kinds.samples().get(column).copied();
                let Some(sample) = sample.filter(|byte| Side::of(Some(*byte)) == behind) else {
                    continue;
                };
                self.spend(choices.reads.len())?;
                let reads = choices.reads.iter();
                let fitting = reads.filter(|(set, _)| set.has(sample));
                let places = self.rest(fitting.map(|(_, next)| *next), behind)?;
                let entry = self.row(places)? | end;
                self.set(row + column, entry);
            }
        }
        Ok(())
    }

    fn set(&mut self, index: usize, entry: u16) {
        if let Some(place) = self.entries.get_mut(index) {
            *place = entry;
        }
    }

    fn spend(&mut self, work: usize) -> Result<(), &'static str> {
        self.work += work;
        if self.work > MOST_WORK {
            return Err(TOO_LARGE);
        }
        Ok(())
    }
}

/// Tells apart what the program tells apart.
fn kinds(program: &Program) -> Kinds {
    let mut kinds = Kinds::one();
    let mut told = None;
    for state in program.states() {
        match state {
            // Repetitions ask for the same again.
            State::Read(set, _) if told == Some(set) => {}
            State::Read(set, _) => {
                kinds.tell(set);
                told = Some(set);
            }
            State::Look(..) => {
                for side in Side::ALL {
                    let is_there = |byte: &u8| Side::of(Some(*byte)) == side;
                    kinds.tell(&(0..=u8::MAX).filter(is_there).collect());
                }
            }
            State::Either(..) | State::Done => {}
        }
    }
    kinds
}
