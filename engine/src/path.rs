//! Where in a document a token stands: one small frame per open array or object.

mod names;

pub(crate) use names::{AllNames, KnownName, Names, Shelf, look_up_masked};

use crate::decide::{Decision, Member, UNRESOLVED};
use crate::decode::Text;
use crate::detectors::Cues;
use crate::labels::{Labels, Mark, Node, ScopeId};
use crate::mask::inside;
use crate::profiles::{Evidence, Reader};
use crate::rules::{Automaton, Place, Ruleset, StateId, Told};
use crate::scan::{Container, Kind};
use crate::subject::{Role, Subjects, Word};

/// An open array or object.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
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
    /// The innermost scope of labels.
    pub(crate) scope: Option<ScopeId>,
    /// Whether that is its own.
    pub(crate) owns_scope: bool,
    /// The labels that were there before it.
    pub(crate) labels: Mark,
    /// The names of labels that it has had, as bits.
    pub(crate) named: u64,
    /// What it is for a record, where rules shift dates.
    pub(crate) role: Role,
    /// Which detectors its name speaks for, if it is an array.
    pub(crate) cues: Cues,
}

/// The stack of frames, and the member at hand.
#[derive(Default)]
pub(crate) struct Path {
    pub(crate) frames: Vec<Frame>,
    /// The member whose value comes next, or the element at hand.
    pub(crate) member: Member,
    pub(crate) labels: Labels,
    /// What the name of that member says.
    pub(crate) word: Word,
    /// Which detectors it speaks for; of an element, the name of the array.
    pub(crate) cues: Cues,
    /// Whom the open records are about.
    pub(crate) subjects: Subjects,
}

impl Path {
    /// An array or object that filters do not look at begins.
    #[inline]
    pub(crate) fn open(&mut self, container: Container, member: Member) {
        let (scope, labels) = (self.scope(), self.labels.mark());
        self.push(container, member, scope, labels);
    }

    /// An array or object begins about which paths may say anything.
    pub(crate) fn open_place(&mut self, rules: &Ruleset, container: Container, member: Member) {
        let (mut member, labels) = (member, self.labels.mark());
        let place = rules.automaton.place(member.state);
        let depth = self.frames.len();
        let outer = self.scope();
        let scope = self.labels.open(place, member.state, depth, outer);
        if member.open.is_some() {
            member.decision = self.defer(member, scope, true);
        }
        let around = self.frames.last().map(|frame| frame.decision);
        let member = member.contains(rules, around.unwrap_or_default());
        self.push(container, member, scope, labels);
        if let Some(frame) = self.frames.last_mut() {
            frame.owns_scope = scope != outer;
        }
    }

    /// A member or element of the innermost array or object has been written.
    #[inline]
    pub(crate) fn mark_output(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.has_output = true;
        }
    }

    #[inline]
    fn push(&mut self, container: Container, member: Member, scope: Option<ScopeId>, labels: Mark) {
        let role = match self.frames.last() {
            Some(frame) => frame.role.below(self.word, container),
            None => Role::root(container),
        };
        self.frames.push(Frame {
            container,
            state: member.state,
            decision: member.decision,
            evidence: Evidence::NONE,
            elements: 0,
            has_output: false,
            has_candidates: false,
            overflowed: false,
            scope,
            owns_scope: false,
            labels,
            named: 0,
            role,
            cues: match container {
                Container::Array => self.cues,
                Container::Object => Cues::NONE,
            },
        });
    }

    /// The innermost array or object ends: what filters look at in it is complete.
    pub(crate) fn close_scope(&mut self) {
        let frame = self.frames.last().filter(|frame| frame.owns_scope);
        if let Some(scope) = frame.and_then(|frame| frame.scope) {
            self.labels.close(scope);
        }
    }

    /// The innermost array or object ends: perhaps it is a record.
    pub(crate) fn close_record(&mut self) {
        if self
            .frames
            .last()
            .is_some_and(|frame| frame.role == Role::Record)
        {
            self.subjects.close();
        }
    }

    /// The innermost scope of labels.
    #[inline]
    pub(crate) fn scope(&self) -> Option<ScopeId> {
        self.frames.last().and_then(|frame| frame.scope)
    }

    /// The decision about the member or element at hand, which hangs on labels.
    pub(crate) fn defer(
        &mut self,
        member: Member,
        scope: Option<ScopeId>,
        is_container: bool,
    ) -> Decision {
        self.labels.defer(Node {
            state: member.state,
            key: member.open.unwrap_or_default(),
            around: member.decision,
            depth: self.frames.len(),
            scope,
            is_container,
        })
    }

    /// Forgets the decision about the scalar at hand, if labels alone had a say in it.
    pub(crate) fn forget(&mut self, decision: Decision) {
        let around = self.frames.last().map(|frame| frame.decision);
        if let Decision::Deferred(node) = decision
            && around != Some(decision)
        {
            self.labels.back_before(node);
        }
    }

    /// Nothing waits any more: forgets the labels of all that has ended. Those of what is open, and of
    /// the member at hand, move together.
    pub(crate) fn forget_ended(&mut self, rules: &Ruleset) {
        if self.labels.is_empty() {
            return;
        }
        let Self {
            frames,
            member,
            labels,
            ..
        } = self;
        let (mut kept, mut scope) = (Mark::default(), None);
        // What held around, as it was and as it is now.
        let mut around = (Decision::Inspect, Decision::Inspect);
        let mut keep_decision = |labels: &mut Labels, kept: &mut Mark, decision, scope| {
            let moved = match decision {
                Decision::Deferred(_) if decision == around.0 => around.1,
                Decision::Deferred(node) => labels
                    .keep_node(kept, node, around.1, scope)
                    .map_or(UNRESOLVED, Decision::Deferred),
                known => known,
            };
            around = (decision, moved);
            moved
        };
        for frame in frames {
            frame.labels = kept;
            if frame.owns_scope
                && let Some(own) = frame.scope
            {
                scope = labels.keep_scope(rules, &mut kept, own, scope);
            }
            frame.scope = scope;
            frame.decision = keep_decision(labels, &mut kept, frame.decision, scope);
        }
        member.decision = keep_decision(labels, &mut kept, member.decision, scope);
        labels.back_to(kept);
    }

    /// A member name that labels are on or below: one that is repeated makes them unclear.
    pub(crate) fn name_label(&mut self, rules: &Ruleset, place: &Place, column: u16) {
        let (depth, scope) = (self.frames.len(), self.scope());
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        // With more than 64 names of labels, two of them can share a bit: that is the side to fall to.
        let bit = 1 << (column % 64);
        let is_repeated = frame.named & bit != 0;
        frame.named |= bit;
        if is_repeated {
            for telling in place.tellings.iter().filter(|telling| telling.is_named) {
                self.labels
                    .tell(rules, scope, depth, *telling, Told::Unclear);
            }
        }
    }

    /// Tells the filters around what is at a place of labels.
    pub(crate) fn tell_labels(&mut self, rules: &Ruleset, place: &Place, told: Told) {
        let (depth, scope) = (self.frames.len(), self.scope());
        for telling in place.tellings.iter().filter(|telling| telling.is_label) {
            self.labels.tell(rules, scope, depth, *telling, told);
        }
    }

    /// Tells the siblings what a scalar says about their class.
    #[inline]
    pub(crate) fn tell_evidence(
        &mut self,
        rules: &Ruleset,
        place: &Place,
        source: &[u8],
        kind: Kind,
    ) {
        match kind {
            _ if place.evidence.is_empty() => {}
            Kind::String => self.tell_text(rules, place, Some(source)),
            // Masked, it is a string, and must tell no more then than now.
            Kind::Number | Kind::Boolean => self.tell_text(rules, place, None),
            Kind::Null => {}
        }
    }

    /// The same of a string; `None`: it is too long, or no string, to say more than that it is there.
    pub(crate) fn tell_text(&mut self, rules: &Ruleset, place: &Place, source: Option<&[u8]>) {
        let readers = |number: u16| rules.readers.get(usize::from(number));
        let mut numbers = place.evidence.iter().map(|(_, number)| *number);
        let reads = numbers.any(|number| readers(number).is_some_and(Reader::reads));
        let text = source
            .filter(|_| reads)
            .map(|source| Text::decode(inside(source)))
            .unwrap_or_default();
        for (levels, number) in &place.evidence {
            if let Some(reader) = readers(*number) {
                self.tell(*levels, reader.read(text.as_str()));
            }
        }
    }

    /// Adds evidence to an object around the value at hand, so many objects further out than the
    /// innermost one.
    fn tell(&mut self, levels: u8, evidence: Evidence) {
        let objects = self.frames.iter_mut().rev();
        let mut objects = objects.filter(|frame| frame.container == Container::Object);
        if let Some(frame) = objects.nth(usize::from(levels)) {
            frame.evidence.add(evidence);
        }
    }

    /// The state of the next element of the innermost array.
    pub(crate) fn next_element(&mut self, automaton: &Automaton) -> Option<(StateId, Decision)> {
        let frame = self.frames.last_mut()?;
        let state = automaton.element(frame.state, frame.elements);
        frame.elements = frame.elements.saturating_add(1);
        self.cues = frame.cues;
        Some((state, frame.decision))
    }
}
