//! Where bytes go: out, into waiting, or nowhere.
//!
//! What needs no change is not touched: `Run::copied` says up to where the chunk has been dealt
//! with, and a whole stretch is copied when something else must be written.
//!
//! While an object holds a value whose class its siblings or labels tell, everything from that value
//! on waits in `held`; the value itself waits as it came. It is resolved when the last array or
//! object ends that it waits for, or when more than `limits.held_bytes` wait: then it counts as an
//! identifier. What waits only grows until it is let go (but for the decision about a value that may not
//! wait, which is forgotten at once), and it is weighed at least wherever a value begins to wait, where
//! labels begin to be kept, and wherever one is about to be resolved: so the outcome does not depend on
//! how the input was cut.

use std::sync::Arc;

use crate::decide::{Decision, Member, Treatment, UNRESOLVED, resolve};
use crate::detectors::Cues;
use crate::evidence::Value;
use crate::labels::Labels;
use crate::mask::{Context, mask_scalar};
use crate::operators::Scalar;
use crate::path::Path;
use crate::people::Mentions;
use crate::profiles::Evidence;
use crate::rules::Ruleset;
use crate::scan::Kind;
use crate::tally::{Cause, Tally};
use crate::{Class, Operator};

/// One call with one chunk.
pub(crate) struct Run<'a> {
    pub(crate) context: Context<'a>,
    pub(crate) chunk: &'a [u8],
    pub(crate) out: &'a mut Vec<u8>,
    /// Up to where the chunk has been dealt with.
    pub(crate) copied: usize,
    /// How much has been read before the chunk.
    pub(crate) base: u64,
}

/// A value that waits for its siblings or labels, or a member name that waits for those of what it
/// is in.
#[derive(Clone)]
pub(crate) struct Candidate {
    /// The number of open arrays and objects around it.
    pub(crate) depth: usize,
    /// It waits until the array or object that so many are open within, itself included, has ended.
    pub(crate) until: usize,
    /// Which sibling rule decides, and what its object had to tell.
    pub(crate) sibling: Option<u8>,
    pub(crate) evidence: Evidence,
    /// What becomes of it if siblings do not select it.
    pub(crate) otherwise: Decision,
    /// Whether that is what becomes of the object around it.
    pub(crate) is_inherited: bool,
    pub(crate) what: Waiting,
    /// Whether nothing but whom the record is about is missing.
    pub(crate) needs_only_subject: bool,
    /// Whom the record is about, once that is known.
    pub(crate) subject: Option<Arc<str>>,
    /// What the name of its member speaks for.
    pub(crate) cues: Cues,
    /// Which names are looked for in it.
    pub(crate) mentions: Mentions,
    /// Whether it stands beyond the records or bytes of the grant.
    pub(crate) is_beyond: bool,
    start: usize,
    end: usize,
    resolved: Option<Decision>,
}

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    Value(Kind),
    /// A string that was too long to be kept: it can only be masked.
    Cut,
    /// A member name.
    Name,
}

impl Candidate {
    pub(crate) fn new(depth: usize, member: Member, what: Waiting) -> Self {
        Self {
            depth,
            until: depth,
            sibling: member.candidate,
            evidence: Evidence::NONE,
            otherwise: member.decision,
            is_inherited: false,
            what,
            needs_only_subject: false,
            subject: None,
            cues: Cues::NONE,
            mentions: Mentions::None,
            is_beyond: false,
            start: 0,
            end: 0,
            resolved: None,
        }
    }

    /// What becomes of it now that all it waited for has ended.
    fn judge(&mut self, rules: &Ruleset, labels: &Labels) -> Decision {
        let Some(member) = labels.judge(rules, self.otherwise) else {
            return UNRESOLVED;
        };
        if matches!(
            self.what,
            Waiting::Value(Kind::Boolean | Kind::Null) | Waiting::Name
        ) {
            // Neither names nor numbers anyone.
            return member.decision;
        }
        let sibling = match self.otherwise {
            Decision::Deferred(_) => member.candidate,
            _ => self.sibling,
        };
        let told = sibling.and_then(|sibling| resolve(rules, sibling, self.evidence));
        // What siblings tell is of its own place.
        self.is_inherited &= told.is_none();
        told.unwrap_or(member.decision)
    }
}

/// The way out.
pub(crate) struct Writer {
    held_limit: usize,
    held: Vec<u8>,
    candidates: Vec<Candidate>,
    /// How many of them do not know their siblings yet.
    unresolved: usize,
    /// Depth of the member or element that is being removed.
    removing: Option<usize>,
}

/// What a value that waits counts for beside its length.
const CANDIDATE_WEIGHT: usize = 64;

impl Writer {
    pub(crate) fn new(held_limit: usize) -> Self {
        let (held, candidates) = (Vec::new(), Vec::new());
        Self {
            held_limit,
            held,
            candidates,
            unresolved: 0,
            removing: None,
        }
    }

    pub(crate) fn is_removing(&self) -> bool {
        self.removing.is_some()
    }

    /// From here on nothing is written until the member at this depth has ended.
    pub(crate) fn begin_removal(&mut self, depth: usize) {
        self.removing = Some(depth);
    }

    /// Whether the member whose removal began at this depth has just ended.
    pub(crate) fn ends_removal(&mut self, depth: usize) -> bool {
        let ends = self.removing == Some(depth);
        if ends {
            self.removing = None;
        }
        ends
    }

    /// Whether more waits than may: bytes, values, and what is known about labels.
    #[inline]
    pub(crate) fn is_over(&self, labels: &Labels) -> bool {
        !self.candidates.is_empty()
            && self.held.len() + self.candidates.len() * CANDIDATE_WEIGHT + labels.weight()
                > self.held_limit
    }

    /// Whether anything waits.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.candidates.is_empty()
    }

    /// Writes the chunk up to a position as it came.
    #[inline]
    pub(crate) fn copy_to(&mut self, run: &mut Run<'_>, position: usize) {
        if position > run.copied {
            let bytes = run.chunk.get(run.copied..position).unwrap_or_default();
            run.copied = position;
            self.write(run.out, bytes);
        }
    }

    /// Writes bytes.
    #[inline]
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        if self.removing.is_some() {
            return;
        }
        if self.candidates.is_empty() {
            out.extend_from_slice(bytes);
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    /// Lets a value wait. Everything before it has been written.
    pub(crate) fn wait(&mut self, mut candidate: Candidate, source: &[u8]) {
        candidate.start = self.held.len();
        candidate.end = candidate.start + source.len();
        self.candidates.push(candidate);
        self.unresolved += 1;
        self.held.extend_from_slice(source);
    }

    /// The array or object at this depth has ended (everything before has been written). True if
    /// nothing that waits has anything to wait for.
    pub(crate) fn resolve(&mut self, rules: &Ruleset, depth: usize, path: &Path) -> bool {
        let evidence = path.frames.last().map(|frame| frame.evidence);
        let subject = path
            .subjects
            .current()
            .and_then(|(_, subject)| subject.id());
        for candidate in self.candidates.iter_mut().rev() {
            if candidate.depth < depth {
                break;
            }
            if candidate.depth == depth {
                candidate.evidence = evidence.unwrap_or_default();
            }
            if candidate.until == depth && candidate.resolved.is_none() {
                candidate.resolved = Some(candidate.judge(rules, &path.labels));
                if candidate.subject.is_none() {
                    candidate.subject = subject.cloned();
                }
                self.unresolved = self.unresolved.saturating_sub(1);
            }
        }
        self.unresolved == 0
    }

    /// It is known, or never will be, whom the record at this depth is about (everything before has
    /// been written). True if nothing that waits has anything to wait for.
    pub(crate) fn settle_subject(&mut self, depth: usize, subject: Option<&Arc<str>>) -> bool {
        for candidate in &mut self.candidates {
            let waits = candidate.until == depth && candidate.resolved.is_none();
            if waits && candidate.needs_only_subject {
                candidate.resolved = Some(candidate.otherwise);
                candidate.subject = subject.cloned();
                self.unresolved = self.unresolved.saturating_sub(1);
            }
        }
        self.unresolved == 0
    }

    /// Writes what has waited; values that are not resolved count as identifiers.
    pub(crate) fn release(&mut self, context: Context<'_>, tally: &mut Tally, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let mut copied = 0;
        self.unresolved = 0;
        for (number, candidate) in self.candidates.drain(..).enumerate() {
            tally.at_waiting(Some(number));
            out.extend_from_slice(held.get(copied..candidate.start).unwrap_or_default());
            let source = held.get(candidate.start..candidate.end).unwrap_or_default();
            mask_candidate(context, &candidate, source, tally, out);
            copied = candidate.end;
        }
        tally.at_waiting(None);
        out.extend_from_slice(held.get(copied..).unwrap_or_default());
        // The memory is kept for the next object.
        self.held = held;
        self.held.clear();
    }
}

fn mask_candidate(
    context: Context<'_>,
    candidate: &Candidate,
    source: &[u8],
    tally: &mut Tally,
    out: &mut Vec<u8>,
) {
    // Without knowing whom it is about, a date can still be masked as what it is.
    let unresolved = if candidate.needs_only_subject {
        candidate.otherwise
    } else {
        UNRESOLVED
    };
    let decision = candidate.resolved.unwrap_or(unresolved);
    let mut context = Context {
        subject: candidate.subject.as_deref(),
        cues: candidate.cues,
        mentions: candidate.mentions,
        is_beyond: candidate.is_beyond,
        ..context
    };
    let value = match candidate.what {
        Waiting::Cut => Value::Unread,
        Waiting::Value(_) | Waiting::Name => Value::Source(source),
    };
    let mut treatment = context.treat(decision, value);
    let kind = match candidate.what {
        Waiting::Value(kind) => kind,
        Waiting::Cut => {
            let (cause, class) = match treatment {
                Treatment::Mask(cause, class, ..)
                | Treatment::Lift(cause, class, _)
                | Treatment::Inherit(cause, class) => (cause, class),
                Treatment::Pass | Treatment::Inspect => (Cause::Unclear, Class::Other),
            };
            tally.mask(cause, class, false, value);
            return redact(class, out);
        }
        Waiting::Name => {
            if let Treatment::Mask(cause, class, _, is_drift) = treatment {
                tally.mask(cause, class, is_drift, value);
                return redact(class, out);
            }
            if matches!(treatment, Treatment::Lift(..)) {
                context = context.within_shown();
            }
            // What a detector finds in it is masked whatever comes of the rest.
            treatment = Treatment::Inspect;
            Kind::String
        }
    };
    let treatment = treatment.inherited(candidate.is_inherited);
    if !mask_scalar(context, treatment, source, kind, tally, out) {
        out.extend_from_slice(source);
    }
}

fn redact(class: Class, out: &mut Vec<u8>) {
    let scalar = Scalar {
        source: b"",
        text: "",
    };
    Operator::Redact.write(scalar, class, out);
}
