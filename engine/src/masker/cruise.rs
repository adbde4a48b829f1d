//! The fast way through what no rule speaks about: whole members at once, straight from the list.
//!
//! Whatever is not plain is left to the stages, which see it as if this did not exist: a member is
//! passed here only if they would have done nothing but let it pass.

use super::Masker;
use crate::decide::{Decision, Member};
use crate::mask::Run;
use crate::rules::{KeyRules, StateId};
use crate::scan::{Ahead, Container};

/// Nearer to the top, records are counted.
const NEAR_TOP: usize = 3;

/// What has been found to be plain.
enum Plain {
    /// A string; entries passed, and where it ends.
    String(usize, usize),
    /// The begin of an array or object.
    Open(usize, usize, Container, StateId),
    /// The end of one.
    Close(usize),
}

impl Masker {
    /// Passes as many plain members and elements as there are.
    #[inline]
    pub(super) fn cruise(&mut self, run: &Run<'_>) {
        while let Some(plain) = self.plain(run) {
            let removes = run.context.rules.removes;
            let frames = &mut self.stage.path.frames;
            if let Plain::Close(end) = plain {
                self.scanner.pass_close(end);
                frames.pop();
                continue;
            }
            let Some(frame) = frames.last_mut() else {
                return;
            };
            match plain {
                Plain::String(entries, end) => self.scanner.pass_string(entries, end),
                Plain::Open(entries, end, container, _) => {
                    if !self.scanner.pass_open(entries, container, end) {
                        return;
                    }
                }
                Plain::Close(_) => {}
            }
            frame.has_output |= removes;
            if frame.container == Container::Array {
                frame.elements = frame.elements.saturating_add(1);
            }
            if let Plain::Open(_, _, container, state) = plain {
                let member = Member {
                    state,
                    decision: frame.decision,
                    candidate: None,
                    open: None,
                };
                self.stage.path.open(container, member);
            }
        }
    }

    /// The next member, element or end, if it is plain.
    #[inline]
    fn plain(&self, run: &Run<'_>) -> Option<Plain> {
        let ahead = self.scanner.ahead()?;
        let path = &self.stage.path;
        let frame = path.frames.last()?;
        if path.frames.len() < NEAR_TOP || self.stage.writer.is_removing() {
            return None;
        }
        let place = |entry: usize| {
            let at = ahead.window + usize::from(*ahead.entries.get(entry)?);
            Some((at, *run.chunk.get(at)?))
        };
        let (first, byte) = place(0)?;
        let lead = match (byte, ahead.container) {
            (b'}', Container::Object) | (b']', Container::Array) => {
                let is_near = path.frames.len() == NEAR_TOP;
                return (!frame.has_candidates && !frame.owns_scope && !is_near)
                    .then_some(Plain::Close(first + 1));
            }
            (b',', _) if !ahead.is_first => 1,
            (_, _) if ahead.is_first => 0,
            _ => return None,
        };
        let is_said = !matches!(frame.decision, Decision::Inspect | Decision::Exempt);
        let waits_for_comma = run.context.rules.removes && lead == 1 && !frame.has_output;
        if is_said || waits_for_comma {
            return None;
        }
        let (begin, opening) = place(lead)?;
        if lead == 1 && !self.scanner.is_short(begin - first) {
            return None;
        }
        let automaton = &run.context.rules.automaton;
        let (value, state) = match ahead.container {
            Container::Object => {
                let name = self.name(run, &ahead, begin, opening, lead)?;
                (lead + 3, automaton.member(frame.state, name))
            }
            Container::Array => (lead, automaton.element(frame.state, frame.elements)),
        };
        if !automaton.is_plain(state) {
            return None;
        }
        let (start, byte) = place(value)?;
        match byte {
            b'"' => {
                let end = place(value + 1)?.0 + 1;
                let passes = self.scanner.is_short(end - start)
                    && (frame.decision == Decision::Exempt
                        || !run
                            .context
                            .rules
                            .detectors
                            .may_find(run.chunk.get(start..end)?));
                passes.then_some(Plain::String(value + 2, end))
            }
            b'{' => Some(Plain::Open(value + 1, start + 1, Container::Object, state)),
            b'[' => Some(Plain::Open(value + 1, start + 1, Container::Array, state)),
            _ => None,
        }
    }

    /// The column of a name that begins here, if it is known and no rule speaks about it.
    #[inline]
    fn name(
        &self,
        run: &Run<'_>,
        ahead: &Ahead<'_>,
        begin: usize,
        opening: u8,
        lead: usize,
    ) -> Option<u16> {
        let place = |entry: usize| Some(ahead.window + usize::from(*ahead.entries.get(entry)?));
        let (end, colon) = (place(lead + 1)?, place(lead + 2)?);
        let is_member = opening == b'"' && run.chunk.get(colon) == Some(&b':');
        if !is_member || !self.scanner.is_short(end + 1 - begin) {
            return None;
        }
        let known = self.stage.names.find(run.chunk.get(begin + 1..end)?)?;
        (known.rules == KeyRules::default()).then_some(known.column)
    }
}
