//! Writes a scalar as it came, or what its treatment makes of it.

mod writer;

pub(crate) use writer::{Candidate, Run, Waiting, Writer};

use crate::decide::Treatment;
use crate::decode::Text;
use crate::detectors::{Cues, Find};
use crate::operators::{Scalar, Setting, is_placeholder, push_placeholder};
use crate::rules::Ruleset;
use crate::scan::Kind;
use crate::subject::Subject;
use crate::tally::{Cause, Tally};
use crate::{Class, ClassSet, Keyring, Operator, Report};

/// What masking needs to know besides the scalar.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) rules: &'a Ruleset,
    pub(crate) lift: ClassSet,
    pub(crate) keys: &'a Keyring,
    /// The reference of the patient whom the record is about, where it is known.
    pub(crate) subject: Option<&'a str>,
    /// What the name of the member at hand speaks for.
    pub(crate) cues: Cues,
}

impl<'a> Context<'a> {
    /// The same in a record about this subject.
    #[inline]
    pub(crate) fn about<'b>(self, current: Option<(usize, &'b Subject)>) -> Context<'b>
    where
        'a: 'b,
    {
        let subject = current.and_then(|(_, subject)| subject.id());
        Context {
            subject: subject.map(|id| &**id),
            ..self
        }
    }

    /// The same of a value whose member has that name.
    #[inline]
    pub(crate) fn cued(self, cues: Cues) -> Self {
        Self { cues, ..self }
    }
}

/// Masks a scalar into `out`. False: it stays as it came, and nothing has been written.
#[inline]
pub(crate) fn mask_scalar(
    context: Context<'_>,
    treatment: Treatment<'_>,
    source: &[u8],
    kind: Kind,
    tally: &mut Tally,
    out: &mut Vec<u8>,
) -> bool {
    match treatment {
        Treatment::Pass => {
            count_exempt(source, &mut tally.report);
            false
        }
        Treatment::Inspect => {
            let detectors = context.rules.detectors;
            let may_find = detectors.may_find(source, context.cues);
            match kind {
                Kind::String => may_find && inspect(context, source, tally, out),
                Kind::Number => may_find && inspect_number(context, source, tally, out),
                Kind::Boolean | Kind::Null => false,
            }
        }
        Treatment::Lift(cause, class) => {
            if kind != Kind::Null {
                tally.count(cause, class, true);
                tally.report.count_lifted(source.len());
            }
            false
        }
        Treatment::Mask(..) if kind == Kind::Null => false,
        Treatment::Mask(cause, class, operator) => {
            tally.count(cause, class, false);
            let setting = Setting {
                class,
                keys: context.keys,
                subject: context.subject,
            };
            let text = match kind {
                _ if !operator.reads() => Text::default(),
                Kind::String => Text::decode(inside(source)),
                _ => Text::decode(source),
            };
            let text = text.as_str();
            operator.write(Scalar { source, text }, setting, out);
            true
        }
    }
}

/// Counts a value that passes without a look; what says nothing is none.
#[inline]
pub(crate) fn count_exempt(source: &[u8], report: &mut Report) {
    let is_masked = source.first() == Some(&b'"') && is_placeholder(inside(source));
    if source != b"null" && !is_masked {
        report.count_exempt(source.len());
    }
}

/// Masks what detectors find in a string; what lies between comes out as it came.
fn inspect(context: Context<'_>, source: &[u8], tally: &mut Tally, out: &mut Vec<u8>) -> bool {
    let detectors = context.rules.detectors;
    let inside = inside(source);
    let text = Text::decode(inside);
    let finds = detectors.find(text.as_str(), context.cues);
    if finds.is_empty() {
        return false;
    }
    let Some(mut finds) = detectors.settle(text.as_str(), finds, context.cues) else {
        tally.count(Cause::Unsettled, Class::Other, false);
        out.push(b'"');
        push_placeholder(Class::Other, out);
        out.push(b'"');
        return true;
    };
    for find in &finds {
        tally.count(
            Cause::Detector(find.detector),
            find.class,
            context.lift.contains(find.class),
        );
    }
    finds.retain(|find| !context.lift.contains(find.class));
    if finds.is_empty() {
        return false;
    }
    out.push(b'"');
    write_finds(inside, &text, &finds, out);
    out.push(b'"');
    true
}

/// Masks a number in which a detector finds something: the whole of it, it is one token.
#[cold]
fn inspect_number(
    context: Context<'_>,
    source: &[u8],
    tally: &mut Tally,
    out: &mut Vec<u8>,
) -> bool {
    let text = str::from_utf8(source).unwrap_or_default();
    let finds = context.rules.detectors.find(text, context.cues);
    let Some(find) = finds.first() else {
        return false;
    };
    let is_lifted = context.lift.contains(find.class);
    tally.count(Cause::Detector(find.detector), find.class, is_lifted);
    if !is_lifted {
        Operator::Redact.write(Scalar { source, text }, find.class, out);
    }
    !is_lifted
}

fn write_finds(inside: &[u8], text: &Text<'_>, finds: &[Find], out: &mut Vec<u8>) {
    let mut copied = 0;
    for find in finds {
        let (start, end) = (text.source(find.range.start), text.source(find.range.end));
        out.extend_from_slice(inside.get(copied..start).unwrap_or_default());
        find.write(inside.get(start..end).unwrap_or_default(), out);
        copied = end;
    }
    out.extend_from_slice(inside.get(copied..).unwrap_or_default());
}

/// A string token without its quotes.
pub(crate) fn inside(source: &[u8]) -> &[u8] {
    source
        .get(1..source.len().saturating_sub(1))
        .unwrap_or_default()
}
