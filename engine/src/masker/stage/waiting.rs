//! Values that hang on what stands beside them: what they tell, and how they wait.

use super::{Stage, Token};
use crate::decide::{Decision, Member, Treatment};
use crate::decode::Text;
use crate::evidence::Value;
use crate::mask::{Candidate, Run, Waiting, inside};
use crate::operators::{Scalar, is_placeholder};
use crate::path::Frame;
use crate::rules::Told;
use crate::scan::{Container, Kind};
use crate::subject::{Role, Subject, tells};
use crate::tally::Cause;
use crate::{Class, Operator};

impl Stage {
    /// A member name waits for what becomes of the object that it is in.
    pub(super) fn wait_name(&mut self, run: &mut Run<'_>, token: &Token<'_>) {
        self.weigh(run, token);
        let frame = self.path.frames.last();
        let member = Member {
            decision: frame.map(|frame| frame.decision).unwrap_or_default(),
            ..Member::default()
        };
        if self.may_wait(run, member.decision) {
            let candidate = Candidate::new(self.path.frames.len(), member, Waiting::Name);
            self.wait(run, token, candidate, token.source);
            return;
        }
        let class = Class::Identifier;
        let value = Value::Source(token.source);
        self.tally.mask(Cause::Unclear, class, false, value);
        self.scratch.clear();
        let (source, text) = (token.source, "");
        Operator::Redact.write(Scalar { source, text }, class, &mut self.scratch);
        self.writer.write(run.out, &self.scratch);
        run.copied = token.range.end;
    }

    /// Finds out what is known about the value at hand, which may hang on labels, and whether it is
    /// what is known about the object around it; `None`: the value is too long to be looked at.
    #[inline]
    pub(super) fn judge(&mut self, run: &Run<'_>, value: Option<(&[u8], Kind)>) -> bool {
        let member = self.path.member;
        let is_inherited = !run.context.lift.is_empty() && self.is_inherited(member);
        if !member.is_deferred() && member.candidate.is_none() {
            return is_inherited;
        }
        let settled = |decision| Member {
            decision,
            candidate: None,
            open: None,
            ..member
        };
        match value {
            Some((_, Kind::Null)) if member.is_deferred() => {
                self.path.member = settled(Decision::Exempt);
                return false;
            }
            // Masked before, when its siblings or labels may have told more.
            Some((source, Kind::String)) if is_placeholder(inside(source)) => {
                self.path.member = settled(Decision::Exempt);
                return false;
            }
            _ => {}
        }
        let mut member = if member.is_deferred() {
            self.judge_labels(run, member)
        } else {
            member
        };
        if let Some((_, Kind::Boolean | Kind::Null)) = value {
            // Neither names nor numbers anyone.
            member.candidate = None;
        }
        self.path.member = member;
        is_inherited
    }

    /// Whether what becomes of the value is what becomes of the object around it.
    fn is_inherited(&self, member: Member) -> bool {
        let mut frames = self.path.frames.iter().rev();
        let object = frames.find(|frame| frame.container == Container::Object);
        member.open.is_none() && object.is_some_and(|object| object.decision == member.decision)
    }

    /// The same, of one that hangs on labels: what they tell now, or a decision that has to wait.
    fn judge_labels(&mut self, run: &Run<'_>, member: Member) -> Member {
        let rules = run.context.rules;
        let mark = self.path.labels.mark();
        let decision = if member.open.is_some() {
            let scope = self.path.scope();
            self.path.defer(member, scope, false)
        } else {
            member.decision
        };
        if let Some(judged) = self.path.labels.judge(rules, decision) {
            self.path.labels.back_to(mark);
            return Member {
                state: member.state,
                ..judged
            };
        }
        Member {
            decision,
            candidate: None,
            open: None,
            ..member
        }
    }

    /// Takes note of a value or name that stands beyond the records or bytes of the grant.
    #[inline]
    pub(super) fn see_limits(&self, run: &mut Run<'_>, token: &Token<'_>) {
        if let Some(grant) = run.context.grant {
            // At the end of the body the position is that of the chunk before.
            let end = run.base + token.position.min(run.chunk.len()) as u64;
            let is_over = grant.records.is_some_and(|most| self.tally.record > most)
                || grant.bytes.is_some_and(|most| end > most);
            // What stands in a string has its place.
            run.context.is_beyond |= is_over && run.context.depth == 0;
        }
    }

    /// What is known about the value at hand, and whether it has to wait and may. Labels keep what
    /// they know about it only if it does.
    #[inline]
    pub(super) fn take_member(
        &mut self,
        run: &mut Run<'_>,
        token: &Token<'_>,
        needs_subject: bool,
    ) -> (Member, bool) {
        let has_to_wait = self.path.member.waits() || needs_subject;
        let is_weighed = has_to_wait && !self.writer.is_removing();
        if is_weighed {
            self.weigh(run, token);
        }
        let member = std::mem::take(&mut self.path.member);
        let may_wait = is_weighed && self.may_wait(run, member.decision);
        if has_to_wait && !may_wait {
            self.path.forget(member.decision);
        }
        (member, may_wait)
    }

    /// Weighs what waits, everything before this token included.
    pub(super) fn weigh(&mut self, run: &mut Run<'_>, token: &Token<'_>) {
        self.writer.copy_to(run, token.range.start);
        self.settle(run);
    }

    /// Whether a value may wait: what it waits for has not been waited for too long.
    fn may_wait(&mut self, run: &Run<'_>, decision: Decision) -> bool {
        let until = self.until(run, decision);
        self.frame_at(until).is_some_and(|frame| !frame.overflowed)
    }

    /// How many arrays and objects are open within the last one that the value waits for, itself
    /// included.
    fn until(&self, run: &Run<'_>, decision: Decision) -> usize {
        let depth = self.path.frames.len();
        let labels = self.path.labels.hangs_on(run.context.rules, decision);
        let labels = labels.map_or(depth, |labels| labels.min(depth));
        match self.path.subjects.current() {
            // Whatever it turns out to be, it may be a date that is shifted.
            Some((record, Subject::Unknown)) => labels.min(record),
            _ => labels,
        }
    }

    /// Whether what becomes of the scalar at hand hangs on nothing but whom the record is about, and
    /// that may be told yet.
    #[inline]
    pub(super) fn needs_subject(&self, run: &Run<'_>, value: Value<'_>) -> bool {
        let (rules, decision) = (run.context.rules, self.path.member.decision);
        rules.shifts
            && !self.path.member.waits()
            && matches!(self.path.subjects.current(), Some((_, Subject::Unknown)))
            && matches!(
                run.context.treat(decision, value),
                Treatment::Mask(_, _, Operator::DateShift { .. }, _)
            )
    }

    /// An array or object has begun, which may be a record or the records in one.
    #[cold]
    pub(super) fn open_subject(&mut self, run: &mut Run<'_>, token: &Token<'_>) {
        let depth = self.path.frames.len();
        match self.path.frames.last().map(|frame| frame.role) {
            Some(Role::Record) => self.path.subjects.open(depth),
            Some(Role::Entries) => {
                self.path.subjects.blur();
                self.settle_subject(run, token);
            }
            _ => {}
        }
    }

    /// Takes note of a scalar that says whom a record is about; `None`: it is no string, or too long.
    pub(super) fn tell_subject(
        &mut self,
        run: &mut Run<'_>,
        token: &Token<'_>,
        source: Option<&[u8]>,
    ) {
        let role = self
            .path
            .frames
            .last()
            .map(|frame| frame.role)
            .unwrap_or_default();
        let word = self.path.word;
        if !tells(role, word) {
            return;
        }
        match source {
            Some(source) => {
                let text = Text::decode(inside(source));
                self.path.subjects.tell(role, word, text.as_str());
            }
            None => self.path.subjects.blur(),
        }
        self.settle_subject(run, token);
    }

    /// Lets go of what waited for whom the record is about, where that is known now.
    fn settle_subject(&mut self, run: &mut Run<'_>, token: &Token<'_>) {
        if !self.writer.is_waiting() {
            return;
        }
        self.writer.copy_to(run, token.range.start);
        self.settle(run);
        if let Some((depth, subject)) = self.path.subjects.current()
            && *subject != Subject::Unknown
            && self.writer.settle_subject(depth, subject.id())
        {
            self.release(run);
        }
    }

    fn frame_at(&mut self, depth: usize) -> Option<&mut Frame> {
        self.path.frames.get_mut(depth.checked_sub(1)?)
    }

    /// Lets the value wait for its siblings or labels.
    pub(super) fn wait(
        &mut self,
        run: &mut Run<'_>,
        token: &Token<'_>,
        mut candidate: Candidate,
        source: &[u8],
    ) {
        run.copied = token.range.end;
        candidate.until = self.until(run, candidate.otherwise);
        for depth in [candidate.depth, candidate.until] {
            if let Some(frame) = self.frame_at(depth) {
                frame.has_candidates = true;
            }
        }
        candidate.is_beyond = run.context.is_beyond;
        candidate.subject = self
            .path
            .subjects
            .current()
            .and_then(|(_, subject)| subject.id())
            .cloned();
        self.writer.wait(candidate, source);
        if let Some(recorder) = &mut self.tally.recorder {
            recorder.wait();
        }
        self.settle(run);
    }

    /// Lets go of all that waits.
    pub(super) fn release(&mut self, run: &mut Run<'_>) {
        self.writer.release(run.context, &mut self.tally, run.out);
        self.path.forget_ended(run.context.rules);
    }

    /// Lets go of what has waited longer than the limit.
    #[inline]
    pub(super) fn settle(&mut self, run: &mut Run<'_>) {
        if self.writer.is_over(&self.path.labels) {
            self.release(run);
            for frame in &mut self.path.frames {
                frame.overflowed |= frame.has_candidates;
                frame.has_candidates = false;
            }
        }
    }

    /// Tells the filters around what this value says; `None`: it is too long to be read.
    #[inline]
    pub(super) fn tell_labels(
        &mut self,
        run: &Run<'_>,
        member: Member,
        value: Option<(&[u8], Kind)>,
    ) {
        let rules = run.context.rules;
        let place = rules.automaton.place(member.state);
        if place.tellings.is_empty() {
            return;
        }
        let told = match value {
            None => Told::Unclear,
            Some((source, Kind::String)) => {
                rules.filters.read(Text::decode(inside(source)).as_str())
            }
            Some(_) => Told::Other,
        };
        self.path.tell_labels(rules, place, told);
    }
}
