//! What identifies a person inside of any text: one file each, registered in [`ALL`].
//!
//! A detector works on decoded text. It is called only if the text holds what all its finds hold
//! ([`Hint`]). Finds of several detectors that overlap become one, of the class of the first.

mod email;
mod phone;
mod shape;
mod ssn;

use std::ops::Range;

pub(crate) use email::EMAIL;
pub(crate) use phone::PHONE;
pub(crate) use ssn::SSN;

use crate::operators::push_placeholder;
use crate::{Class, Ruleset};
use shape::Shapes;

/// Every detector.
const ALL: &[&Detector] = &[&EMAIL, &SSN, &PHONE];

/// How often a text is looked at again after finds have been replaced in it. What is still found
/// then was made to be found: such a text is masked whole.
const MOST_PASSES: usize = 4;

/// No find is in a shorter string, quotes included.
const SHORTEST: usize = 6;

/// One detector.
pub(crate) struct Detector {
    pub(crate) class: Class,
    pub(crate) hint: Hint,
    /// Calls back with every find, in order, none overlapping another.
    pub(crate) find: fn(&str, &mut dyn FnMut(Range<usize>)),
}

/// What a text must hold for a detector to find anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    /// An `@` or `%40`.
    At,
    /// Nine digits, in a row or as 3-2-4.
    NineDigits,
    /// Ten digits, in groups of 3-3-4.
    TenDigits,
}

impl Hint {
    #[inline]
    fn is_in(self, shapes: Shapes) -> bool {
        match self {
            Self::At => shapes.sign,
            Self::NineDigits => shapes.nine,
            Self::TenDigits => shapes.ten,
        }
    }
}

/// The detectors in use.
#[derive(Clone, Copy, Default)]
pub(crate) struct Detectors {
    enabled: u32,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Find {
    pub(crate) range: Range<usize>,
    pub(crate) class: Class,
}

impl Detectors {
    pub(crate) fn enable(&mut self, detectors: &[&Detector]) {
        for (bit, known) in ALL.iter().enumerate() {
            if detectors
                .iter()
                .any(|detector| detector.class == known.class)
            {
                self.enabled |= 1 << bit;
            }
        }
    }

    pub(crate) fn are_none(self) -> bool {
        self.enabled == 0
    }

    /// Whether any detector could find something in the source of a string.
    #[inline]
    pub(crate) fn may_find(self, source: &[u8]) -> bool {
        self.may_find_in(source, 0, source.len())
    }

    /// The same of a string that is a part of this text.
    #[inline]
    pub(crate) fn may_find_in(self, text: &[u8], start: usize, end: usize) -> bool {
        self.enabled != 0 && end - start >= SHORTEST && {
            let shapes = Shapes::of_part(text, start, end);
            shapes.sign || shapes.nine || shapes.ten
        }
    }

    /// All finds, in order.
    pub(crate) fn find(self, text: &str) -> Vec<Find> {
        let mut finds = Vec::new();
        let shapes = Shapes::of(text.as_bytes());
        for (bit, detector) in ALL.iter().enumerate() {
            if detector.hint.is_in(shapes) && self.enabled & 1 << bit != 0 {
                (detector.find)(text, &mut |range| {
                    finds.push(Find {
                        range,
                        class: detector.class,
                    });
                });
            }
        }
        merge(&mut finds);
        finds
    }

    /// Whether replacing the finds leaves something to be found.
    pub(crate) fn settle(self, text: &str, finds: Vec<Find>) -> Option<Vec<Find>> {
        let mut finds = finds;
        for _ in 0..MOST_PASSES {
            let (replaced, map) = replace(text, &finds);
            let more = self.find(&replaced);
            if more.is_empty() {
                return Some(finds);
            }
            finds.extend(more.into_iter().map(|find| map.back(&find)));
            merge(&mut finds);
        }
        None
    }
}

/// Free text with every find replaced by its placeholder, for what people write beside a request.
/// Uses the detectors of the rules, and all of them where the rules have none.
///
/// ```
/// use velum_engine::{Profile, Ruleset, mask_text};
/// let rules = Ruleset::builder().profile(Profile::Pii).build()?;
/// assert_eq!(mask_text(&rules, "call 212-555-0123"), "call [masked:phone]");
/// # Ok::<(), velum_engine::RuleError>(())
/// ```
pub fn mask_text(rules: &Ruleset, text: &str) -> String {
    mask_counted(rules, text, |_| ()).unwrap_or_else(|| text.to_owned())
}

/// The same; `None`: there is nothing to mask. Calls back with the class of each find.
pub(crate) fn mask_counted(
    rules: &Ruleset,
    text: &str,
    mut count: impl FnMut(Class),
) -> Option<String> {
    let mut detectors = rules.detectors;
    if detectors.are_none() {
        detectors.enable(ALL);
    }
    let finds = detectors.find(text);
    if finds.is_empty() {
        return None;
    }
    let Some(finds) = detectors.settle(text, finds) else {
        count(Class::Other);
        return Some(format!("[masked:{}]", Class::Other));
    };
    for find in &finds {
        count(find.class);
    }
    Some(replace(text, &finds).0)
}

/// Sorts finds and joins those that overlap.
fn merge(finds: &mut Vec<Find>) {
    finds.sort_by_key(|find| (find.range.start, std::cmp::Reverse(find.range.end)));
    finds.dedup_by(|next, kept| {
        let overlaps = next.range.start < kept.range.end;
        if overlaps {
            kept.range.end = kept.range.end.max(next.range.end);
        }
        overlaps
    });
}

/// Where the parts of a text with placeholders came from: (start there, length there, start here,
/// length here) of each placeholder.
struct Origins(Vec<[usize; 4]>);

fn replace(text: &str, finds: &[Find]) -> (String, Origins) {
    let mut out = Vec::with_capacity(text.len());
    let mut origins = Vec::with_capacity(finds.len());
    let mut copied = 0;
    for find in finds {
        out.extend_from_slice(
            text.as_bytes()
                .get(copied..find.range.start)
                .unwrap_or_default(),
        );
        let start = out.len();
        push_placeholder(find.class, &mut out);
        origins.push([start, out.len() - start, find.range.start, find.range.len()]);
        copied = find.range.end;
    }
    out.extend_from_slice(text.as_bytes().get(copied..).unwrap_or_default());
    (String::from_utf8(out).unwrap_or_default(), Origins(origins))
}

impl Origins {
    /// A find in the replaced text as one in the original.
    fn back(&self, find: &Find) -> Find {
        let (start, end) = (
            self.offset(find.range.start, false),
            self.offset(find.range.end, true),
        );
        Find {
            range: start..end,
            class: find.class,
        }
    }

    fn offset(&self, there: usize, is_end: bool) -> usize {
        let after = self
            .0
            .partition_point(|origin| origin[0] < there || (!is_end && origin[0] == there));
        match after.checked_sub(1).and_then(|index| self.0.get(index)) {
            None => there,
            Some([start, length, here, here_length]) if there < start + length => {
                if is_end {
                    here + here_length
                } else {
                    *here
                }
            }
            Some([start, length, here, here_length]) => {
                here + here_length + (there - (start + length))
            }
        }
    }
}

/// Whether a longer number goes on before the byte: a digit, or a joiner behind a digit. Letters do
/// not count: a number glued to a word is still a number.
pub(crate) fn continues_before(bytes: &[u8], at: usize) -> bool {
    let byte = |back: usize| at.checked_sub(back).and_then(|at| bytes.get(at));
    continues(byte(1), byte(2))
}

/// Whether a longer number goes on at the byte; a full stop that ends a sentence does not count.
pub(crate) fn continues_at(bytes: &[u8], at: usize) -> bool {
    continues(bytes.get(at), bytes.get(at + 1))
}

fn continues(near: Option<&u8>, far: Option<&u8>) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    is_digit(near) || (matches!(near, Some(b'-' | b'.' | b'_')) && is_digit(far))
}
