//! The fast way through what no rule speaks about: whole members at once, straight from the list.
//!
//! Whatever is not plain is left to the stages, which see it as if this did not exist: a member is
//! passed here only if they would have done nothing but let it pass.

use super::Masker;
use super::stage::Stage;
use crate::decide::{Decision, Member};
use crate::mask::{Run, count_exempt};
use crate::path::Frame;
use crate::rules::Ruleset;
use crate::scan::{Container, Next, Value};
use crate::subject::{Role, Word};

/// Nearer to the top, records are counted.
const NEAR_TOP: usize = 3;

impl Masker {
    /// Passes as many plain members and elements as there are.
    #[inline]
    pub(super) fn cruise(&mut self, run: &Run<'_>) {
        let rules = run.context.rules;
        let Stage {
            path,
            names,
            writer,
            tally,
            ..
        } = &mut self.stage;
        if path.frames.len() < NEAR_TOP || writer.is_removing() || tally.recorder.is_some() {
            return;
        }
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
}

/// Whether what no rule speaks about passes here, apart from what detectors say.
#[inline]
fn is_plain(frame: &Frame, lead: usize, rules: &Ruleset) -> bool {
    let passes = matches!(frame.decision, Decision::Inspect | Decision::Exempt);
    let comma_waits = rules.removes && lead > 0 && !frame.has_output;
    passes && !comma_waits
}
