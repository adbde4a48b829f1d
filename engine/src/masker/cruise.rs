//! The fast way through values whose fate is known where they stand: whole members at once, straight
//! from the list.
//!
//! Whatever hangs on siblings, on labels or on the subject of a record, is removed or lifted, is left
//! to the stages. What is dealt with here becomes exactly what it would have become there: a list may
//! end anywhere, so the tests that cut at random compare the two, and so does a slow tree masker.

use super::Masker;
use super::stage::Stage;
use crate::decide::{Decision, Member, Treatment, decide, treat, within};
use crate::detectors::{Cues, Detectors};
use crate::looking::begins_like_json;
use crate::mask::{Context, Run, Writer, mask_scalar};
use crate::path::{AllNames, Frame, KnownName};
use crate::people::Mentions;
use crate::rules::{Automaton, Place, Ruleset, StateId};
use crate::scan::{Begun, Container, Guide, Kind, Next, Sight, Value, Walk};
use crate::subject::{Role, Word};
use crate::tally::Tally;
use crate::{ClassSet, Operator};

/// Nearer to the top, records are counted.
const NEAR_TOP: usize = 3;

/// What rules and detectors say about what is skimmed, and what is done with it.
struct Decided<'a, 'r> {
    run: &'a mut Run<'r>,
    /// Where in the chunk the text begins.
    window: usize,
    names: AllNames<'a>,
    automaton: &'a Automaton,
    detectors: &'a Detectors,
    looks_inside: bool,
    writer: &'a mut Writer,
    tally: &'a mut Tally,
    scratch: &'a mut Vec<u8>,
}

impl<'a> Guide for Decided<'a, '_> {
    type Name = &'a KnownName;

    #[inline]
    fn member(
        &self,
        place: StateId,
        text: &Sight,
        start: usize,
        length: usize,
    ) -> Option<(Self::Name, Option<StateId>)> {
        let (known, is_plain) = self.names.find(text, start, length)?;
        let state = self.automaton.plain_member(place, known.column);
        Some((known, state.filter(|_| is_plain)))
    }

    #[inline]
    fn element(&self, place: StateId) -> Option<StateId> {
        self.automaton.plain_element(place)
    }

    #[inline]
    fn passes(&self, place: StateId, text: &[u8], start: usize, end: usize) -> bool {
        let has_codes = Automaton::has_codes(place);
        !(self.detectors.may_find_in(text, start, end, has_codes)
            || !has_codes && self.looks_inside && begins_like_json(text, start)
            || !self.tally.people.is_empty()
                && Automaton::has_mentions(place)
                && self
                    .tally
                    .people
                    .may_be_in(text.get(start..end).unwrap_or_default()))
    }

    #[inline(never)]
    fn enter(&self, place: StateId, name: Option<Self::Name>) -> Option<StateId> {
        if name.is_some_and(|name| name.cues != Cues::NONE) {
            return None;
        }
        let (state, decision, _) = self.decide(place, name)?;
        let rules = self.run.context.rules;
        let key = name.and_then(|name| name.rules.profile);
        let within = within(rules, decision, Decision::Inspect, key);
        (within == Decision::Inspect).then_some(state)
    }

    #[inline(never)]
    fn treat(
        &mut self,
        place: StateId,
        name: Option<Self::Name>,
        text: &[u8],
        (start, end): (usize, usize),
    ) -> bool {
        let context = self.run.context;
        let decided = self.decide(place, name);
        let cues = name.map_or(Cues::NONE, |name| name.cues);
        let context = decided.map_or(context, |(_, _, place)| at(context, place, cues));
        let treatment = decided.and_then(|(_, decision, place)| {
            // What tells about others has to have its frame.
            let tells = !place.evidence.is_empty();
            (!tells).then_some(treat_alone(context.rules, context.lift, decision)?)
        });
        let Some(treatment) = treatment else {
            return false;
        };
        let source = text.get(start..end).unwrap_or_default();
        self.scratch.clear();
        if mask_scalar(
            context,
            treatment,
            source,
            kind(source),
            self.tally,
            self.scratch,
        ) {
            self.writer.copy_to(self.run, self.window + start);
            self.writer.write(self.run.out, self.scratch);
            self.run.copied = self.window + end;
        }
        true
    }
}

impl<'a> Decided<'a, '_> {
    /// What is decided about a member or element, if that hangs on nothing else.
    #[inline]
    fn decide(
        &self,
        place: StateId,
        name: Option<&KnownName>,
    ) -> Option<(StateId, Decision, &'a Place)> {
        let rules = self.run.context.rules;
        let (known, state) = match name {
            Some(known) => (*known, rules.automaton.member(place, known.column)),
            None => (KnownName::default(), rules.automaton.any_element(place)?),
        };
        let (decision, place) = decide_alone(rules, Decision::Inspect, state, &known)?;
        Some((state, decision, place))
    }
}

impl Masker {
    /// Passes or masks as many members and elements as there are that stand for themselves.
    #[inline]
    pub(super) fn cruise(&mut self, run: &mut Run<'_>) {
        let stage = &self.stage;
        let is_near_top = stage.path.frames.len() < NEAR_TOP;
        // What a grant asks for may hang on the place in the body.
        let is_narrow = run.context.grant.is_some();
        if is_near_top || is_narrow || stage.writer.is_removing() || stage.tally.recorder.is_some()
        {
            return;
        }
        let Some(mut walk) = self.scanner.walk(run.chunk) else {
            return;
        };
        loop {
            self.stage.skim(run, &mut walk);
            if self.stage.pass_alone(run, &mut walk).is_none() {
                break;
            }
        }
        let arrival = walk.arrival();
        self.scanner.arrive(&arrival);
    }
}

impl Stage {
    /// Passes or masks as many as there are that are decided where they stand and tell nothing about
    /// others, and ends of arrays and objects that mean nothing more. Most of a body goes this way.
    #[inline]
    fn skim(&mut self, run: &mut Run<'_>, walk: &mut Walk<'_>) {
        let rules = run.context.rules;
        let Self {
            path,
            names,
            writer,
            tally,
            scratch,
            ..
        } = self;
        let Some(names) = names.all() else {
            return;
        };
        while let Some(frame) = path.frames.last() {
            if !comma_waits(frame, walk, rules) && is_skimmed(frame, rules) {
                let mut guide = Decided {
                    window: walk.window(),
                    run,
                    names,
                    automaton: &rules.automaton,
                    detectors: &rules.detectors,
                    looks_inside: rules.looks_inside,
                    writer,
                    tally,
                    scratch,
                };
                let way = walk.skim(frame.state, &mut guide);
                for begun in way.begun() {
                    path.word = Word::None;
                    path.cues = Cues::NONE;
                    path.mark_output();
                    path.open(begun.container, Member::plain(begun.place));
                }
                if walk.passed() > 0 && !walk.is_first() {
                    path.mark_output();
                }
            }
            let Some(frame) = path.frames.last() else {
                break;
            };
            let ends = walk.next(frame.container) == Some(Next::End);
            if !ends || !may_end(frame, path.frames.len(), rules) {
                break;
            }
            walk.pass_end();
            path.frames.pop();
        }
    }

    /// Passes or masks one that has nothing to do with others; `None`: it has, and nothing has
    /// happened.
    #[inline(never)]
    fn pass_alone(&mut self, run: &mut Run<'_>, walk: &mut Walk<'_>) -> Option<()> {
        let context = run.context;
        let rules = context.rules;
        let Self {
            path,
            names,
            writer,
            tally,
            scratch,
            ..
        } = self;
        let frame = path.frames.last_mut()?;
        let Next::Member(entries) = walk.next(frame.container)? else {
            return None;
        };
        if comma_waits(frame, walk, rules) {
            return None;
        }
        let mut known = KnownName::default();
        let (begun, state) = if frame.container == Container::Object {
            let begun = walk.member(entries)?;
            known = names.find_in(walk.text(), begun.name, begun.length)?;
            (begun, rules.automaton.member(frame.state, known.column))
        } else {
            let state = rules.automaton.element(frame.state, frame.elements);
            known.cues = frame.cues;
            (Begun::element(entries)?, state)
        };
        let around = frame.decision;
        let (decision, place) = decide_alone(rules, around, state, &known)?;
        let treatment = treat_alone(rules, context.lift, decision)?;
        let value = walk.value(&begun)?;
        walk.pass(&begun, value).then_some(())?;
        frame.has_output |= rules.removes;
        frame.elements = frame.elements.saturating_add(1);
        match value {
            Value::Open(container) => {
                let member = Member {
                    decision: within(rules, decision, around, known.rules.profile),
                    ..Member::plain(state)
                };
                path.word = Word::None;
                path.cues = known.cues;
                path.open(container, member);
            }
            Value::String(start, end) | Value::Other(start, end) => {
                let source = walk.text().get(start..end).unwrap_or_default();
                path.tell_evidence(rules, place, source, kind(source));
                scratch.clear();
                let context = at(context, place, known.cues);
                if mask_scalar(context, treatment, source, kind(source), tally, scratch) {
                    writer.copy_to(run, walk.window() + start);
                    writer.write(run.out, scratch);
                    run.copied = walk.window() + end;
                }
            }
        }
        Some(())
    }
}

/// What masking has to know at a place under a name that speaks for detectors.
#[inline]
fn at<'a>(context: Context<'a>, place: &Place, cues: Cues) -> Context<'a> {
    let mentions = if place.is_known() {
        Mentions::None
    } else {
        Mentions::Now
    };
    let cues = if place.codes { Cues::CODES } else { cues };
    context.at(cues, mentions)
}

/// Whether that array or object may be skimmed.
#[inline]
fn is_skimmed(frame: &Frame, rules: &Ruleset) -> bool {
    let has_records = rules.shifts && matches!(frame.role, Role::List | Role::Entries);
    frame.decision == Decision::Inspect && !has_records && frame.cues == Cues::NONE
}

/// Whether the end of an array or object, which is the innermost of so many, means nothing more.
#[inline]
fn may_end(frame: &Frame, depth: usize, rules: &Ruleset) -> bool {
    let is_record = rules.shifts && frame.role == Role::Record;
    let has_labels = frame.owns_scope || matches!(frame.decision, Decision::Deferred(_));
    let means_more = frame.has_candidates || has_labels || is_record;
    !means_more && depth > NEAR_TOP
}

/// Whether the comma before the next member may have to go with what comes before or behind it.
#[inline]
fn comma_waits(frame: &Frame, walk: &Walk<'_>, rules: &Ruleset) -> bool {
    rules.removes && !walk.is_first() && !frame.has_output
}

/// What becomes of a member or element; `None`: it hangs on others.
#[inline]
fn decide_alone<'a>(
    rules: &'a Ruleset,
    around: Decision,
    state: StateId,
    known: &KnownName,
) -> Option<(Decision, &'a Place)> {
    let is_known = matches!(
        around,
        Decision::Inspect | Decision::Exempt | Decision::Rule(_) | Decision::Within(_)
    );
    if !is_known || known.word != Word::None {
        return None;
    }
    let place = rules.automaton.place_alone(state)?;
    let member = decide(rules, around, state, place, known.rules);
    (!member.waits()).then_some((member.decision, place))
}

/// How a decision is carried out that hangs on nothing else.
#[inline]
fn treat_alone(rules: &Ruleset, lift: ClassSet, decision: Decision) -> Option<Treatment<'_>> {
    match decision {
        Decision::Inspect => Some(Treatment::Inspect),
        Decision::Exempt => Some(Treatment::Pass),
        Decision::Rule(_) | Decision::Within(_) if lift.is_empty() => {
            match treat(rules, lift, decision) {
                Treatment::Mask(_, _, Operator::Remove | Operator::DateShift { .. }, _) => None,
                treatment => Some(treatment),
            }
        }
        Decision::Rule(_)
        | Decision::Within(_)
        | Decision::Class { .. }
        | Decision::Deferred(_) => None,
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
