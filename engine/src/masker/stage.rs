//! What happens with each token: path, decide, mask.

mod waiting;

use std::ops::Range;

use super::records::Records;
use crate::decide::{Decision, Member, Treatment, UNRESOLVED, decide};
use crate::decode::Text;
use crate::detectors::Cues;
use crate::evidence::Value;
use crate::looking::{begins_like_code, begins_like_json};
use crate::mask::{Candidate, Run, Waiting, Writer, inside, mask_scalar};
use crate::operators::{Scalar, strip_placeholders};
use crate::path::{KnownName, Names, Path, look_up_masked};
use crate::people::Mentions;
use crate::rules::{Automaton, KeyRules};
use crate::scan::{Container, Kind, Scanner};
use crate::tally::{Cause, Tally};
use crate::{Class, Operator, Options};

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
    pub(super) records: Records,
    pub(super) tally: Tally,
    /// A comma of an earlier chunk, and the white space behind it, whose member may be removed.
    separator: Vec<u8>,
    pub(super) scratch: Vec<u8>,
    /// Whether the long string under way is dropped.
    drops_long: bool,
}

impl Stage {
    pub(super) fn new(options: &Options, names: Names) -> Self {
        Self {
            path: Path::default(),
            names,
            writer: Writer::new(options.limits.held_bytes),
            records: Records::new(options.framing),
            tally: Tally::default(),
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
        self.see_limits(run, token);
        self.scratch.clear();
        if let Some(recorder) = &mut self.tally.recorder {
            recorder.begin_name();
        }
        let (known, waits) = match self.names.find(name) {
            Some(known) => (known, false),
            None => self.look_at_name(run, token.source),
        };
        if let Some(recorder) = &mut self.tally.recorder {
            recorder.name(
                if self.scratch.is_empty() {
                    name
                } else {
                    inside(&self.scratch)
                },
                waits,
            );
        }
        let Some(frame) = self.path.frames.last() else {
            return;
        };
        let (rules, around) = (run.context.rules, frame.decision);
        let state = rules.automaton.member(frame.state, known.column);
        let place = rules.automaton.place(state);
        if !place.tellings.is_empty() {
            self.path.name_label(rules, place, known.column);
        }
        let member = decide(rules, around, state, place, known.rules);
        self.path.member = member;
        self.path.word = known.word;
        self.path.cues = known.cues;
        self.begin_member(run, token, member);
        if waits {
            self.wait_name(run, token);
        } else if !self.scratch.is_empty() {
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
        self.records.begin(depth, None, &mut self.tally);
        self.see_limits(run, token);
        self.begin_value(run, token);
        if kind == Kind::String {
            self.records
                .string(depth, inside(token.source), &mut self.tally);
        }
        let member = self.path.member;
        let place = run.context.rules.automaton.place(member.state);
        self.path
            .tell_evidence(run.context.rules, place, token.source, kind);
        if place.codes {
            self.path.cues = Cues::CODES;
        }
        let mentions = if place.is_known() {
            Mentions::None
        } else {
            Mentions::Now
        };
        self.tell_labels(run, member, Some((token.source, kind)));
        if run.context.rules.shifts {
            self.tell_subject(run, token, (kind == Kind::String).then_some(token.source));
        }
        let is_inherited = self.judge(run, Some((token.source, kind)));
        let value = Value::Source(token.source);
        let needs_subject = self.needs_subject(run, value);
        let (member, may_wait) = self.take_member(run, token, needs_subject);
        if self.writer.is_removing() {
            run.copied = token.range.end;
        } else if may_wait {
            let mut candidate = Candidate::new(depth, member, Waiting::Value(kind));
            candidate.is_inherited = is_inherited;
            candidate.needs_only_subject = needs_subject;
            candidate.cues = self.path.cues;
            candidate.mentions = mentions;
            self.wait(run, token, candidate, token.source);
        } else {
            let decision = if member.waits() {
                UNRESOLVED
            } else {
                member.decision
            };
            let treatment = run.context.treat(decision, value).inherited(is_inherited);
            self.scratch.clear();
            let (tally, scratch) = (&mut self.tally, &mut self.scratch);
            let context = run.context.about(self.path.subjects.current());
            let context = context.at(self.path.cues, mentions);
            if mask_scalar(context, treatment, token.source, kind, tally, scratch) {
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
            .begin(self.path.frames.len(), Some(container), &mut self.tally);
        self.see_limits(run, token);
        self.begin_value(run, token);
        let member = std::mem::take(&mut self.path.member);
        self.tell_labels(run, member, Some((b"", Kind::Null)));
        let labels = self.path.labels.mark();
        self.path.open_place(run.context.rules, container, member);
        if self.writer.is_waiting() && self.path.labels.mark() != labels {
            // Many may open and end before another value waits.
            self.weigh(run, token);
        }
        if run.context.rules.shifts {
            self.open_subject(run, token);
        }
        if let Some(recorder) = &mut self.tally.recorder {
            recorder.open();
        }
    }

    /// An array or object has ended; `position` is behind its bracket.
    pub(super) fn close(&mut self, run: &mut Run<'_>, position: usize) {
        let depth = self.path.frames.len();
        let waits = |path: &Path| path.frames.last().is_some_and(|frame| frame.has_candidates);
        if waits(&self.path) {
            self.writer.copy_to(run, position);
            self.settle(run);
        }
        self.path.close_scope();
        if waits(&self.path) && self.writer.resolve(run.context.rules, depth, &self.path) {
            self.release(run);
        }
        if run.context.rules.shifts {
            self.path.close_record();
        }
        if let Some(frame) = self.path.frames.last()
            && !self.writer.is_waiting()
        {
            self.path.labels.back_to(frame.labels);
        }
        self.path.frames.pop();
        if let Some(recorder) = &mut self.tally.recorder {
            recorder.close();
        }
        self.end_value(run, position);
        if self.path.frames.is_empty() {
            self.records.end(&mut self.tally);
        }
    }

    /// A string begins that is too long to be looked at.
    pub(super) fn long_start(&mut self, run: &mut Run<'_>, token: &Token<'_>) {
        self.tally.report.count_too_long(token.source.len());
        let depth = self.path.frames.len();
        self.records.begin(depth, None, &mut self.tally);
        self.see_limits(run, token);
        self.begin_value(run, token);
        let member = self.path.member;
        let place = run.context.rules.automaton.place(member.state);
        self.path.tell_text(run.context.rules, place, None);
        self.tell_labels(run, member, None);
        if run.context.rules.shifts {
            self.tell_subject(run, token, None);
        }
        let is_inherited = self.judge(run, None);
        let (member, may_wait) = self.take_member(run, token, false);
        if self.writer.is_removing() {
            run.copied = token.range.end;
            self.drops_long = true;
            return;
        }
        if may_wait {
            let candidate = Candidate::new(depth, member, Waiting::Cut);
            self.wait(run, token, candidate, b"");
            self.drops_long = true;
            return;
        }
        let decision = if member.waits() {
            UNRESOLVED
        } else {
            member.decision
        };
        let mut context = run.context;
        // Nobody can say where it ends.
        context.is_beyond |= context.grant.is_some_and(|grant| grant.bytes.is_some());
        let treatment = context.treat(decision, Value::Unread);
        let treatment = treatment.inherited(is_inherited);
        if let Treatment::Inherit(cause, class) = treatment {
            self.tally.count(cause, class, true);
        }
        let has_detectors = !context.rules.detectors.are_none();
        let passes = match treatment {
            Treatment::Mask(cause, class, operator, drift) => Some((cause, class, operator, drift)),
            // Nobody can say what is in it.
            Treatment::Lift(cause, class, _) if has_detectors => {
                Some((cause, class, &Operator::Redact, false))
            }
            Treatment::Inspect | Treatment::Inherit(..) if has_detectors => {
                Some((Cause::Unclear, Class::Other, &Operator::Redact, false))
            }
            Treatment::Lift(cause, class, _) => {
                self.tally.count(cause, class, true);
                None
            }
            Treatment::Pass | Treatment::Inspect | Treatment::Inherit(..) => None,
        };
        self.drops_long = passes.is_some();
        if let Some((cause, class, operator, is_drift)) = passes {
            self.tally.mask(cause, class, is_drift, Value::Unread);
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
        self.tally.report.count_too_long(token.range.len());
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

    /// Looks a name up that is not known yet; if it is to be masked, `scratch` has what to write. And
    /// whether it waits for what becomes of the object around it.
    #[cold]
    fn look_at_name(&mut self, run: &Run<'_>, source: &[u8]) -> (KnownName, bool) {
        let name = inside(source);
        let text = Text::decode(name);
        // What is not written still tells labels and records what it would have told otherwise.
        let is_removing = self.writer.is_removing();
        let digits = text.as_str().chars().filter(char::is_ascii_digit).count();
        let around = self.path.frames.last().map(|frame| frame.decision);
        let mut waits = false;
        let mut context = run.context;
        if digits >= NUMBER_DIGITS
            && !is_removing
            && let Some(around) = around
        {
            // Everything here may be of one class; a name like this is a value then, not a word.
            // Asked before the detectors: they would take some of the digits, and what is left
            // would be judged otherwise the next time.
            let judged = self.path.labels.judge(run.context.rules, around);
            let value = Value::Source(source);
            match judged.map(|member| context.treat(member.decision, value)) {
                None => waits = true,
                Some(Treatment::Mask(cause, class, _, is_drift)) => {
                    self.tally.mask(cause, class, is_drift, value);
                    Operator::Redact.write(Scalar { source, text: "" }, class, &mut self.scratch);
                    return (KnownName::default(), false);
                }
                Some(Treatment::Lift(..)) => context = context.within_shown(),
                Some(_) => {}
            }
        }
        // What is found in a name that waits is counted when it is let go.
        let mut uncounted = Tally::default();
        let tally = if waits || is_removing {
            &mut uncounted
        } else {
            &mut self.tally
        };
        let (scratch, treatment) = (&mut self.scratch, Treatment::Inspect);
        if mask_scalar(context, treatment, source, Kind::String, tally, scratch) {
            let masked = Text::decode(inside(scratch));
            return (look_up_masked(run.context.rules, masked.as_str()), waits);
        }
        // Masked once more, a name must be what it was.
        let stripped = strip_placeholders(text.as_str());
        let known = look_up_masked(run.context.rules, text.as_str());
        let detectors = &run.context.rules.detectors;
        // What is lifted here is masked elsewhere, by another masker that remembers the same names.
        let is_encoding = begins_like_code(name) || begins_like_json(source, 0);
        let is_clean = !detectors.may_find(source, Cues::NONE)
            || !is_encoding && detectors.find(text.as_str(), Cues::NONE).is_empty();
        let is_plain = is_clean && stripped.len() == name.len();
        if is_plain && digits < NUMBER_DIGITS {
            self.names.keep(name, known);
        }
        (known, waits)
    }

    /// Sets the member or element whose value begins with this token.
    #[inline]
    fn begin_value(&mut self, run: &mut Run<'_>, token: &Token<'_>) {
        let rules = run.context.rules;
        let container = self.path.frames.last().map(|frame| frame.container);
        if let Some(recorder) = &mut self.tally.recorder {
            recorder.value(container);
        }
        let (around, state) = match container {
            Some(Container::Object) => {
                if token.is_carried {
                    run.copied = token.range.end;
                }
                return;
            }
            Some(Container::Array) => match self.path.next_element(&rules.automaton) {
                Some((state, around)) => (around, state),
                None => (Decision::Inspect, Automaton::ROOT),
            },
            None => (Decision::Inspect, Automaton::ROOT),
        };
        let place = rules.automaton.place(state);
        let member = decide(rules, around, state, place, KeyRules::default());
        self.path.member = member;
        self.begin_member(run, token, member);
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
        let removed = match run.context.treat(member.decision, Value::Unread) {
            Treatment::Mask(cause, class, Operator::Remove, is_drift)
                if member.candidate.is_none() =>
            {
                Some((cause, class, is_drift))
            }
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
        if let Some((cause, class, is_drift)) = removed {
            self.tally.mask(cause, class, is_drift, Value::Unread);
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
}
