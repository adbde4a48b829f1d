//! The fast way through values whose fate is known where they stand: whole members at once, straight
//! from the list.
//!
//! Whatever hangs on siblings, on labels or on the subject of a record, is removed or lifted, is left
//! to the stages. What is dealt with here becomes exactly what it would have become there; a list
//! may end anywhere, so the tests that cut at random compare the two.

use super::Masker;
use super::stage::Stage;
use crate::decide::{Decision, Member, Treatment, decide, treat};
use crate::mask::{Run, count_exempt, mask_scalar};
use crate::path::{Frame, KnownName};
use crate::rules::{Place, Ruleset, StateId};
use crate::scan::{Container, Kind, Next, Value};
use crate::subject::{Role, Word};
use crate::{ClassSet, Operator};

/// Nearer to the top, records are counted.
const NEAR_TOP: usize = 3;

impl Masker {
    /// Passes or masks as many members and elements as there are that stand for themselves.
    #[inline]
    pub(super) fn cruise(&mut self, run: &mut Run<'_>) {
        let stage = &self.stage;
        let is_near_top = stage.path.frames.len() < NEAR_TOP;
        if is_near_top || stage.writer.is_removing() || stage.tally.recorder.is_some() {
            return;
        }
        loop {
            self.pass_plain(run);
            if self.pass_alone(run).is_none() {
                return;
            }
        }
    }

    /// Passes as many as there are about which no rule speaks and in which no detector may find
    /// anything. Most of a body goes this way: all that it needs stays in registers.
    #[inline]
    fn pass_plain(&mut self, run: &Run<'_>) {
        let rules = run.context.rules;
        let Stage {
            path, names, tally, ..
        } = &mut self.stage;
        let Some(mut walk) = self.scanner.walk(run.chunk) else {
            return;
        };
        loop {
            let depth = path.frames.len();
            let Some(frame) = path.frames.last_mut() else {
                break;
            };
            let lead = match walk.next(frame.container) {
                Some(Next::Member(lead)) => lead,
                Some(Next::End) => {
                    // What is masked throughout ends like everything else.
                    if frame.has_candidates
                        || frame.owns_scope
                        || depth == NEAR_TOP
                        || (rules.shifts && frame.role == Role::Record)
                    {
                        break;
                    }
                    walk.pass_end();
                    path.frames.pop();
                    continue;
                }
                None => break,
            };
            if !is_plain(frame, lead, rules) {
                break;
            }
            let is_named = frame.container == Container::Object;
            let (entries, state) = if is_named {
                let Some(name) = walk.name(lead) else {
                    break;
                };
                let Some(column) = names.find_plain(walk.text(), name.start, name.length) else {
                    break;
                };
                (lead + 2, rules.automaton.member(frame.state, column))
            } else {
                (lead, rules.automaton.element(frame.state, frame.elements))
            };
            if !rules.automaton.is_plain(state) {
                break;
            }
            let Some(value) = walk.value(entries) else {
                break;
            };
            if let Value::String(start, end) = value
                && frame.decision == Decision::Inspect
                && rules.detectors.may_find_in(walk.text(), start, end)
            {
                break;
            }
            if !walk.pass(entries + 1, is_named, value) {
                break;
            }
            if let Value::String(start, end) | Value::Other(start, end) = value
                && frame.decision == Decision::Exempt
            {
                let value = walk.text().get(start..end).unwrap_or_default();
                count_exempt(value, &mut tally.report);
            }
            frame.has_output |= rules.removes;
            frame.elements = frame.elements.saturating_add(1);
            if let Value::Open(container, _) = value {
                let member = Member {
                    state,
                    decision: frame.decision,
                    candidate: None,
                    open: None,
                };
                path.word = Word::None;
                path.open(container, member);
            }
        }
        let arrival = walk.arrival();
        self.scanner.arrive(&arrival);
    }

    /// Passes or masks one that has nothing to do with others; `None`: it has, and nothing has
    /// happened.
    #[inline(never)]
    fn pass_alone(&mut self, run: &mut Run<'_>) -> Option<()> {
        let context = run.context;
        let rules = context.rules;
        let Stage {
            path,
            names,
            writer,
            tally,
            scratch,
            ..
        } = &mut self.stage;
        let mut walk = self.scanner.walk(run.chunk)?;
        let frame = path.frames.last_mut()?;
        let Next::Member(lead) = walk.next(frame.container)? else {
            return None;
        };
        if comma_waits(frame, lead, rules) {
            return None;
        }
        let is_named = frame.container == Container::Object;
        let mut known = KnownName::default();
        let (entries, state) = if is_named {
            let name = walk.name(lead)?;
            let name = walk.text().get(name.start..name.start + name.length)?;
            known = names.find(name)?;
            (lead + 2, rules.automaton.member(frame.state, known.column))
        } else {
            (lead, rules.automaton.element(frame.state, frame.elements))
        };
        let (decision, place) = decide_alone(rules, frame, state, &known)?;
        let treatment = treat_alone(rules, context.lift, decision)?;
        let value = walk.value(entries)?;
        walk.pass(entries + 1, is_named, value).then_some(())?;
        frame.has_output |= rules.removes;
        frame.elements = frame.elements.saturating_add(1);
        match value {
            Value::Open(container, _) => {
                let member = Member {
                    state,
                    decision,
                    candidate: None,
                    open: None,
                };
                path.word = Word::None;
                path.open(container, member);
            }
            Value::String(start, end) | Value::Other(start, end) => {
                let source = walk.text().get(start..end).unwrap_or_default();
                path.tell_evidence(place, source, kind(source));
                scratch.clear();
                if mask_scalar(context, treatment, source, kind(source), tally, scratch) {
                    writer.copy_to(run, walk.window() + start);
                    writer.write(run.out, scratch);
                    run.copied = walk.window() + end;
                }
            }
        }
        let arrival = walk.arrival();
        self.scanner.arrive(&arrival);
        Some(())
    }
}

/// Whether what no rule speaks about passes here, apart from what detectors say.
#[inline]
fn is_plain(frame: &Frame, lead: usize, rules: &Ruleset) -> bool {
    let passes = matches!(frame.decision, Decision::Inspect | Decision::Exempt);
    passes && !comma_waits(frame, lead, rules)
}

/// Whether the comma before the member may have to go with what comes before or behind it.
#[inline]
fn comma_waits(frame: &Frame, lead: usize, rules: &Ruleset) -> bool {
    rules.removes && lead > 0 && !frame.has_output
}

/// What becomes of a member or element; `None`: it hangs on others.
#[inline]
fn decide_alone<'a>(
    rules: &'a Ruleset,
    frame: &Frame,
    state: StateId,
    known: &KnownName,
) -> Option<(Decision, &'a Place)> {
    let is_known = matches!(
        frame.decision,
        Decision::Inspect | Decision::Exempt | Decision::Rule(_)
    );
    if !is_known || known.word != Word::None {
        return None;
    }
    let place = rules.automaton.place_alone(state)?;
    let member = decide(rules, frame.decision, state, place, known.rules);
    (!member.waits()).then_some((member.decision, place))
}

/// How a decision is carried out that hangs on nothing else.
#[inline]
fn treat_alone(rules: &Ruleset, lift: ClassSet, decision: Decision) -> Option<Treatment<'_>> {
    match decision {
        Decision::Inspect => Some(Treatment::Inspect),
        Decision::Exempt => Some(Treatment::Pass),
        Decision::Rule(_) if lift.is_empty() => match treat(rules, lift, decision) {
            Treatment::Mask(_, _, Operator::Remove | Operator::DateShift { .. }) => None,
            treatment => Some(treatment),
        },
        Decision::Rule(_) | Decision::Class { .. } | Decision::Deferred(_) => None,
    }
}

/// The kind of a valid scalar.
#[inline]
fn kind(source: &[u8]) -> Kind {
    match source.first() {
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}
