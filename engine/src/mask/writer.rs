//! Where bytes go: out, into waiting, or nowhere.
//!
//! What needs no change is not touched: `Run::copied` says up to where the chunk has been dealt
//! with, and a whole stretch is copied when something else must be written.
//!
//! While an object holds a value whose class its siblings tell, everything from that value on waits
//! in `held`; the value itself waits as it came. It is resolved when its object closes, or when
//! more than `limits.held_bytes` wait: then it counts as an identifier. That length is looked at
//! exactly where a value begins to wait and where one is resolved, so that it does not depend on
//! how the input was cut.

use crate::decide::{Decision, UNRESOLVED, resolve, treat};
use crate::mask::{Context, mask_scalar};
use crate::path::Path;
use crate::scan::Kind;
use crate::{Class, Operator, Report};

/// One call with one chunk.
pub(crate) struct Run<'a> {
    pub(crate) context: Context<'a>,
    pub(crate) chunk: &'a [u8],
    pub(crate) out: &'a mut Vec<u8>,
    /// Up to where the chunk has been dealt with.
    pub(crate) copied: usize,
}

/// A value that waits for its siblings.
#[derive(Clone, Copy)]
pub(crate) struct Candidate {
    /// The number of open arrays and objects around it.
    pub(crate) depth: usize,
    /// Which sibling rule decides.
    pub(crate) sibling: u8,
    /// What becomes of it if siblings do not select it.
    pub(crate) otherwise: Decision,
    pub(crate) kind: Kind,
    /// Whether the value was too long to be kept: it can only be masked.
    pub(crate) is_cut: bool,
    start: usize,
    end: usize,
    resolved: Option<Decision>,
}

impl Candidate {
    pub(crate) fn new(depth: usize, sibling: u8, otherwise: Decision, kind: Kind) -> Self {
        let (start, end, resolved, is_cut) = (0, 0, None, false);
        Self {
            depth,
            sibling,
            otherwise,
            kind,
            is_cut,
            start,
            end,
            resolved,
        }
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
    overflowed: bool,
}

impl Writer {
    pub(crate) fn new(held_limit: usize) -> Self {
        let (held, candidates) = (Vec::new(), Vec::new());
        Self {
            held_limit,
            held,
            candidates,
            unresolved: 0,
            removing: None,
            overflowed: false,
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

    /// Whether a hold-back has run over its limit since this was last asked.
    pub(crate) fn take_overflow(&mut self) -> bool {
        std::mem::take(&mut self.overflowed)
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
            self.hold(bytes);
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        if self.held.len() > self.held_limit {
            self.overflowed = true;
        }
    }

    /// Lets a value wait. Everything before it has been written.
    pub(crate) fn wait(&mut self, mut candidate: Candidate, source: &[u8]) {
        candidate.start = self.held.len();
        candidate.end = candidate.start + source.len();
        self.candidates.push(candidate);
        self.unresolved += 1;
        self.hold(source);
    }

    /// The object at this depth has closed (everything before has been written): its values know
    /// their siblings. True if nothing that waits has siblings to come.
    pub(crate) fn resolve(&mut self, context: Context<'_>, depth: usize, path: &Path) -> bool {
        let evidence = path
            .frames
            .last()
            .map(|frame| frame.evidence)
            .unwrap_or_default();
        for candidate in self.candidates.iter_mut().rev() {
            if candidate.depth < depth {
                break;
            }
            if candidate.depth == depth && candidate.resolved.is_none() {
                let decision = resolve(context.rules, candidate.sibling, evidence);
                candidate.resolved = Some(decision.unwrap_or(candidate.otherwise));
                self.unresolved = self.unresolved.saturating_sub(1);
            }
        }
        self.unresolved == 0
    }

    /// Writes what has waited; values that are not resolved count as identifiers.
    pub(crate) fn release(&mut self, context: Context<'_>, report: &mut Report, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let mut copied = 0;
        self.unresolved = 0;
        for candidate in std::mem::take(&mut self.candidates) {
            out.extend_from_slice(held.get(copied..candidate.start).unwrap_or_default());
            let source = held.get(candidate.start..candidate.end).unwrap_or_default();
            mask_candidate(context, &candidate, source, report, out);
            copied = candidate.end;
        }
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
    report: &mut Report,
    out: &mut Vec<u8>,
) {
    let decision = candidate.resolved.unwrap_or(UNRESOLVED);
    if candidate.is_cut {
        let class = match decision {
            Decision::Class { class, .. } => class,
            Decision::Rule(id) => context
                .rules
                .rules
                .get(usize::from(id))
                .map_or(Class::Other, |rule| rule.class),
            Decision::Inspect | Decision::Exempt => Class::Other,
        };
        report.count(class, false);
        Operator::Redact.write(
            crate::operators::Scalar {
                source: b"",
                text: "",
            },
            class,
            out,
        );
        return;
    }
    let treatment = treat(context.rules, context.lift, decision);
    if !mask_scalar(context, treatment, source, candidate.kind, report, out) {
        out.extend_from_slice(source);
    }
}
