//! What happens with each token: path, decide, mask.

use std::ops::Range;

use super::records::Records;
use crate::decide::{Decision, Member, Treatment, UNRESOLVED, decide, resolve, treat};
use crate::decode::Text;
use crate::mask::{Candidate, Run, Writer, inside, mask_scalar};
use crate::operators::{Scalar, is_placeholder, strip_placeholders};
use crate::path::{KnownName, Names, Path, look_up};
use crate::profiles::Evidence;
use crate::rules::{Automaton, KeyRules};
use crate::scan::{Container, Kind, Scanner};
use crate::{Class, Operator, Options, Report};

/// So many digits make a member name a value, inside of what is masked throughout.
const NUMBER_DIGITS: usize = 4;

/// A token and where it stands.
pub(super) struct Token<'a> {
    source: &'a [u8],
    /// Where in the chunk; a carried token lies there only with its end.
    range: Range<usize>,
    is_carried: bool,
    /// A comma precedes it; where, if in this chunk.
    comma: (bool, Option<usize>),
    /// Behind the token.
    pub(super) position: usize,
}

impl<'a> Token<'a> {
    #[inline]
    pub(super) fn of(scanner: &'a Scanner, chunk: &'a [u8]) -> Self {
        Self {
            source: scanner.token(chunk),
            range: scanner.token_range(),
            is_carried: scanner.is_carried(),
            comma: scanner.comma(),
            position: scanner.position(),
        }
    }
}

/// Everything behind the scanner.
pub(super) struct Stage {
    pub(super) path: Path,
    pub(super) names: Names,
    pub(super) writer: Writer,
    records: Records,
    pub(super) report: Report,
    /// A comma of an earlier chunk, and the white space behind it, whose member may be removed.
    separator: Vec<u8>,
    scratch: Vec<u8>,
    /// Whether the long string under way is dropped.
    drops_long: bool,
}

impl Stage {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            path: Path::default(),
            names: Names::new(),
            writer: Writer::new(options.limits.held_bytes),
            records: Records::new(options.framing),
            report: Report::default(),
            separator: Vec::new(),
            scratch: Vec::new(),
            drops_long: false,
        }
    }

    /// A member name: decides about the member.
    pub(super) fn key(&mut self, run: &mut Run<'_>, token: &Token<'_>) {
        let name = inside(token.source);
        if self.path.frames.len() == 1 {
            self.records.name(name);
        }
        self.scratch.clear();
        let known = match self.names.find(name) {
            Some(known) => known,
            None => self.look_at_name(run, token.source),
        };
        let Some(frame) = self.path.frames.last() else {
            return;
        };
        let automaton = &run.context.rules.automaton;
        let state = automaton.member(frame.state, known.column);
        let place = automaton.place(state);
        let member = decide(run.context.rules, frame.decision, state, place, known.rules);
        self.path.member = member;
        self.begin_member(run, token, member);
        if !self.scratch.is_empty() {
            self.writer.copy_to(run, token.range.start);
            self.writer.write(run.out, &self.scratch);
            run.copied = token.range.end;
        } else if token.is_carried {
            self.writer.write(run.out, token.source);
        }
    }

    /// A whole scalar.
    pub(super) fn scalar(&mut self, run: &mut Run<'_>, token: &Token<'_>, kind: Kind) {
        let depth = self.path.frames.len();
        self.records.begin(depth, None, &mut self.report);
        let mut member = self.begin_value(run, token);
        if matches!(kind, Kind::Boolean | Kind::Null) {
            // Neither names nor numbers anyone.
            member.candidate = None;
        } else if member.candidate.is_some() && is_placeholder(inside(token.source)) {
            // Masked before, when its siblings may have told more.
            member = Member {
                candidate: None,
                decision: Decision::Exempt,
                ..member
            };
        }
        if kind == Kind::String {
            self.records
                .string(depth, inside(token.source), &mut self.report);
            self.tell(run, member, Some(token.source));
        } else if kind != Kind::Null {
            // Masked, it is a string, and must tell no more then than now.
            self.tell(run, member, None);
        }
        if self.writer.is_removing() {
            run.copied = token.range.end;
        } else if let Some(sibling) = member.candidate
            && self.may_wait(run, token)
        {
            let otherwise = self.settle_decision(run, member.decision);
            let candidate = Candidate::new(depth, sibling, otherwise, kind);
            self.wait(run, token, candidate, token.source);
        } else {
            let decision = if member.candidate.is_some() {
                UNRESOLVED
            } else {
                self.settle_decision(run, member.decision)
            };
            let treatment = treat(run.context.rules, run.context.lift, decision);
            self.scratch.clear();
            let (report, scratch) = (&mut self.report, &mut self.scratch);
            if mask_scalar(run.context, treatment, token.source, kind, report, scratch) {
                self.writer.copy_to(run, token.range.start);
                self.writer.write(run.out, &self.scratch);
                run.copied = token.range.end;
            } else if token.is_carried {
                self.writer.write(run.out, token.source);
            }
        }
        self.settle(run);
        self.end_value(run, token.position);
    }

    /// An array or object begins.
    pub(super) fn open(&mut self, run: &mut Run<'_>, token: &Token<'_>, container: Container) {
        self.records
            .begin(self.path.frames.len(), Some(container), &mut self.report);
        let mut member = self.begin_value(run, token);
        if let Some(sibling) = member.candidate.take() {
            // Siblings tell the class of a scalar. In its place this is masked throughout, unless
            // siblings have to select it.
            if let Some(decision) = resolve(run.context.rules, sibling, Evidence::NONE) {
                member.decision = match decision {
                    Decision::Class { class, .. } => Decision::Class {
                        class,
                        forced: true,
                    },
                    other => other,
                };
            }
        }
        self.path.open(container, member);
    }

    /// An array or object has ended; `position` is behind its bracket.
    pub(super) fn close(&mut self, run: &mut Run<'_>, position: usize) {
        let depth = self.path.frames.len();
        let waits = |path: &Path| path.frames.last().is_some_and(|frame| frame.has_candidates);
        if waits(&self.path) {
            self.writer.copy_to(run, position);
            self.settle(run);
        }
        if waits(&self.path) && self.writer.resolve(run.context, depth, &self.path) {
            self.writer.release(run.context, &mut self.report, run.out);
        }
        self.path.frames.pop();
        self.end_value(run, position);
        if self.path.frames.is_empty() {
            self.records.end(&mut self.report);
        }
    }

    /// A string begins that is too long to be looked at.
    pub(super) fn long_start(&mut self, run: &mut Run<'_>, token: &Token<'_>) {
        let depth = self.path.frames.len();
        self.records.begin(depth, None, &mut self.report);
        let member = self.begin_value(run, token);
        self.tell(run, member, None);
        if self.writer.is_removing() {
            run.copied = token.range.end;
            self.drops_long = true;
            return;
        }
        if let Some(sibling) = member.candidate
            && self.may_wait(run, token)
        {
            let otherwise = self.settle_decision(run, member.decision);
            let mut candidate = Candidate::new(depth, sibling, otherwise, Kind::String);
            candidate.is_cut = true;
            self.wait(run, token, candidate, b"");
            self.drops_long = true;
            return;
        }
        let decision = if member.candidate.is_some() {
            UNRESOLVED
        } else {
            self.settle_decision(run, member.decision)
        };
        let passes = match treat(run.context.rules, run.context.lift, decision) {
            Treatment::Pass => None,
            Treatment::Inspect if run.context.rules.detectors.are_none() => None,
            Treatment::Lift(class) => {
                self.report.count(class, true);
                None
            }
            Treatment::Inspect => Some((Class::Other, &Operator::Redact)),
            Treatment::Mask(class, operator) => Some((class, operator)),
        };
        self.drops_long = passes.is_some();
        if let Some((class, operator)) = passes {
            self.report.count(class, false);
            self.scratch.clear();
            operator.write(
                Scalar {
                    source: b"",
                    text: "",
                },
                class,
                &mut self.scratch,
            );
            self.writer.copy_to(run, token.range.start);
            self.writer.write(run.out, &self.scratch);
            run.copied = token.range.end;
        } else if token.is_carried {
            self.writer.write(run.out, token.source);
        }
    }

    /// More of a long string.
    pub(super) fn long_part(&mut self, run: &mut Run<'_>, token: &Token<'_>, is_last: bool) {
        if self.drops_long {
            run.copied = token.range.end;
        }
        if is_last {
            self.end_value(run, token.position);
        }
    }

    /// Writes what of the chunk is decided, and keeps what is not.
    pub(super) fn end_chunk(&mut self, run: &mut Run<'_>, scanner: &Scanner) {
        let settled = scanner.settled();
        let (waits, comma) = scanner.comma();
        if run.context.rules.removes && waits && !self.writer.is_removing() {
            let from = comma.unwrap_or(run.copied);
            self.writer.copy_to(run, from);
            let bytes = run.chunk.get(from..settled).unwrap_or_default();
            self.separator.extend_from_slice(bytes);
            run.copied = settled;
        } else {
            self.writer.copy_to(run, settled);
        }
        self.settle(run);
    }

    /// Looks a name up that is not known yet; if it is to be masked, `scratch` has what to write.
    #[cold]
    fn look_at_name(&mut self, run: &Run<'_>, source: &[u8]) -> KnownName {
        let name = inside(source);
        let text = Text::decode(name);
        let treatment = Treatment::Inspect;
        let (report, scratch) = (&mut self.report, &mut self.scratch);
        if self.writer.is_removing() {
            return KnownName::default();
        }
        if mask_scalar(
            run.context,
            treatment,
            source,
            Kind::String,
            report,
            scratch,
        ) {
            let masked = Text::decode(inside(scratch));
            return look_up(run.context.rules, &strip_placeholders(masked.as_str()));
        }
        let digits = text.as_str().chars().filter(char::is_ascii_digit).count();
        if digits >= NUMBER_DIGITS
            && let Some(class) = self.masked_around(run)
        {
            // Everything here is of that class; a name like this is a value, not a word.
            self.report.count(class, false);
            Operator::Redact.write(Scalar { source, text: "" }, class, &mut self.scratch);
            return KnownName::default();
        }
        // Masked once more, a name must be what it was.
        let stripped = strip_placeholders(text.as_str());
        let known = look_up(run.context.rules, &stripped);
        let is_plain =
            stripped.len() == name.len() && !run.context.rules.detectors.may_find(source);
        if is_plain && digits < NUMBER_DIGITS {
            self.names.keep(name, known);
        }
        known
    }

    /// The class of everything in the innermost object, if it is masked throughout.
    fn masked_around(&self, run: &Run<'_>) -> Option<Class> {
        let decision = self.path.frames.last()?.decision;
        match treat(run.context.rules, run.context.lift, decision) {
            Treatment::Mask(class, _) => Some(class),
            Treatment::Pass | Treatment::Inspect | Treatment::Lift(_) => None,
        }
    }

    /// The decision about a scalar as it is carried out. What is lifted only because an object
    /// around it is, was not told by its own place: detectors still look for other classes in it.
    #[inline]
    fn settle_decision(&mut self, run: &Run<'_>, decision: Decision) -> Decision {
        let Treatment::Lift(class) = treat(run.context.rules, run.context.lift, decision) else {
            return decision;
        };
        let objects = self.path.frames.iter().rev();
        let object = objects
            .into_iter()
            .find(|frame| frame.container == Container::Object);
        if object.is_none_or(|object| object.decision != decision) {
            return decision;
        }
        self.report.count(class, true);
        Decision::Inspect
    }

    /// The member or element whose value begins with this token.
    #[inline]
    fn begin_value(&mut self, run: &mut Run<'_>, token: &Token<'_>) -> Member {
        let rules = run.context.rules;
        let (around, state) = match self.path.frames.last().map(|frame| frame.container) {
            Some(Container::Object) => {
                if token.is_carried {
                    run.copied = token.range.end;
                }
                return self.path.member;
            }
            Some(Container::Array) => match self.path.next_element(&rules.automaton) {
                Some((state, around)) => (around, state),
                None => (Decision::Inspect, Automaton::ROOT),
            },
            None => (Decision::Inspect, Automaton::ROOT),
        };
        let place = rules.automaton.place(state);
        let member = decide(rules, around, state, place, KeyRules::default());
        self.begin_member(run, token, member);
        member
    }

    /// A member begins with its name, an element with its value: deals with the comma before it,
    /// and begins to leave it out if it is to be removed.
    #[inline]
    fn begin_member(&mut self, run: &mut Run<'_>, token: &Token<'_>, member: Member) {
        if token.is_carried {
            // All of the chunk so far is part of the token.
            run.copied = token.range.end;
        }
        if !run.context.rules.removes || self.writer.is_removing() {
            return;
        }
        let Some(frame) = self.path.frames.last_mut() else {
            return;
        };
        let start = if token.is_carried {
            token.range.end
        } else {
            token.range.start
        };
        let removed = match treat(run.context.rules, run.context.lift, member.decision) {
            Treatment::Mask(class, Operator::Remove) if member.candidate.is_none() => Some(class),
            _ => None,
        };
        let drops_comma = removed.is_some() || !frame.has_output;
        let (has_comma, comma) = token.comma;
        if has_comma {
            match comma {
                Some(at) if drops_comma && !token.is_carried => {
                    self.writer.copy_to(run, at);
                    run.copied = start;
                }
                None if drops_comma => run.copied = start,
                None => self.writer.write(run.out, &self.separator),
                Some(_) => {}
            }
            self.separator.clear();
        }
        if let Some(class) = removed {
            self.report.count(class, false);
            self.writer.copy_to(run, start);
            self.writer.begin_removal(self.path.frames.len());
        } else {
            frame.has_output = true;
        }
    }

    #[inline]
    fn end_value(&mut self, run: &mut Run<'_>, position: usize) {
        if self.writer.ends_removal(self.path.frames.len()) {
            run.copied = position;
        }
    }

    /// Whether the value may wait for its siblings: other values of its object have not waited too
    /// long, everything before this one included.
    fn may_wait(&mut self, run: &mut Run<'_>, token: &Token<'_>) -> bool {
        self.writer.copy_to(run, token.range.start);
        self.settle(run);
        self.path
            .frames
            .last()
            .is_some_and(|frame| !frame.overflowed)
    }

    /// Lets the value wait for its siblings.
    fn wait(&mut self, run: &mut Run<'_>, token: &Token<'_>, candidate: Candidate, source: &[u8]) {
        run.copied = token.range.end;
        if let Some(frame) = self.path.frames.last_mut() {
            frame.has_candidates = true;
        }
        self.writer.wait(candidate, source);
        self.settle(run);
    }

    /// Lets go of what has waited longer than the limit.
    #[inline]
    fn settle(&mut self, run: &mut Run<'_>) {
        if self.writer.take_overflow() {
            self.writer.release(run.context, &mut self.report, run.out);
            for frame in &mut self.path.frames {
                frame.overflowed |= frame.has_candidates;
                frame.has_candidates = false;
            }
        }
    }

    /// Tells the siblings what this value says about their class; `None`: it is too long, or no
    /// string, to say more than that it is there.
    #[inline]
    fn tell(&mut self, run: &Run<'_>, member: Member, source: Option<&[u8]>) {
        let place = run.context.rules.automaton.place(member.state);
        if place.evidence.is_empty() {
            return;
        }
        let text = source
            .map(|source| Text::decode(inside(source)))
            .unwrap_or_default();
        for (levels, read) in &place.evidence {
            self.path.tell(*levels, read(text.as_str()));
        }
    }
}
