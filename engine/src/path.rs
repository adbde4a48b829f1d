//! Where in a document a token stands: one small frame per open array or object.

mod names;

pub(crate) use names::{KnownName, Names, look_up};

use crate::decide::{Decision, Member};
use crate::profiles::Evidence;
use crate::rules::{Automaton, StateId};
use crate::scan::Container;

/// An open array or object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) container: Container,
    pub(crate) state: StateId,
    /// What holds for everything in it, as far as nothing says otherwise.
    pub(crate) decision: Decision,
    /// What the strings of this object tell about its members.
    pub(crate) evidence: Evidence,
    /// How many elements have begun.
    pub(crate) elements: u32,
    /// Whether a member or element has been written.
    pub(crate) has_output: bool,
    /// Whether members wait for their siblings.
    pub(crate) has_candidates: bool,
    /// Whether members have waited longer than the limit.
    pub(crate) overflowed: bool,
}

/// The stack of frames, and the member at hand.
#[derive(Default)]
pub(crate) struct Path {
    pub(crate) frames: Vec<Frame>,
    /// The member whose value comes next, in an object.
    pub(crate) member: Member,
}

impl Path {
    pub(crate) fn open(&mut self, container: Container, member: Member) {
        self.frames.push(Frame {
            container,
            state: member.state,
            decision: member.decision,
            evidence: Evidence::NONE,
            elements: 0,
            has_output: false,
            has_candidates: false,
            overflowed: false,
        });
    }

    /// Adds evidence to the object so many levels above the value at hand.
    pub(crate) fn tell(&mut self, levels: u8, evidence: Evidence) {
        let depth = self.frames.len().checked_sub(1 + usize::from(levels));
        if let Some(frame) = depth.and_then(|depth| self.frames.get_mut(depth)) {
            frame.evidence.add(evidence);
        }
    }

    /// The state of the next element of the innermost array.
    pub(crate) fn next_element(&mut self, automaton: &Automaton) -> Option<(StateId, Decision)> {
        let frame = self.frames.last_mut()?;
        let state = automaton.element(frame.state, frame.elements);
        frame.elements = frame.elements.saturating_add(1);
        Some((state, frame.decision))
    }
}
