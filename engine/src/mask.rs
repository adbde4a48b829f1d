//! Writes a scalar as it came, or what its treatment makes of it.

mod writer;

pub(crate) use writer::{Candidate, Run, Waiting, Writer};

use crate::decide::Treatment;
use crate::decode::Text;
use crate::evidence::Value;
use crate::grant::{Lifted, Terms};
use std::sync::Arc;

use crate::detectors::{Cues, Find, MOST_PASSES, Readings, is_prose, may_be_prose, merge, normal};
use crate::looking::{Inside, begins_like_json, has_code, json, look_inside, whole};
use crate::operators::{Scalar, Setting, is_placeholder, push_escaped, push_placeholder};
use crate::people::Mentions;
use crate::rules::Ruleset;
use crate::scan::Kind;
use crate::subject::Subject;
use crate::tally::{Cause, Tally};
use crate::{Class, ClassSet, Keyring, Operator, Report};

/// What masking needs to know besides the scalar.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) rules: &'a Arc<Ruleset>,
    /// The classes of the grant.
    pub(crate) lift: ClassSet,
    /// What else it asks for, unless the value at hand is part of one that it is for.
    pub(crate) grant: Option<&'a Arc<Terms>>,
    /// Whether the value stands beyond the records or bytes of the grant.
    pub(crate) is_beyond: bool,
    pub(crate) keys: &'a Keyring,
    /// The present one.
    pub(crate) year: u16,
    /// The reference of the patient whom the record is about, where it is known.
    pub(crate) subject: Option<&'a str>,
    /// What the name of the member at hand speaks for.
    pub(crate) cues: Cues,
    /// Which names are looked for in the value at hand.
    pub(crate) mentions: Mentions,
    /// Whether it is lifted.
    pub(crate) lifted: Lifted,
    /// In how many encodings the text stands.
    pub(crate) depth: u8,
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

    /// Whether strings are looked into that begin like JSON.
    fn looks_inside(&self) -> bool {
        self.rules.looks_inside && self.cues != Cues::CODES
    }

    /// The same of a value whose member has a name that speaks for detectors.
    #[inline]
    pub(crate) fn at(self, cues: Cues, mentions: Mentions) -> Self {
        Self {
            cues,
            mentions,
            ..self
        }
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
        Treatment::Inspect => look_at(context, source, kind, tally, out),
        Treatment::Lift(..) | Treatment::Inherit(..) | Treatment::Mask(..)
            if kind == Kind::Null =>
        {
            false
        }
        Treatment::Inherit(cause, class) => {
            show(context, (cause, class, None), source, kind, tally, out)
        }
        Treatment::Lift(cause, class, _) => {
            let lifted = Some(Lifted::of(class));
            show(context, (cause, class, lifted), source, kind, tally, out)
        }
        Treatment::Mask(cause, class, operator, is_drift) => {
            if kind == Kind::String && looks_into_json(context, cause) {
                let text = Text::decode(inside(source));
                if let Some(masked) = json(context, text.as_str(), tally) {
                    let is_changed = masked != text.as_str();
                    if is_changed {
                        write_string(&masked, out);
                    }
                    return is_changed;
                }
            }
            let setting = Setting {
                class,
                keys: context.keys,
                year: context.year,
                subject: context.subject,
            };
            let text = match kind {
                _ if !operator.reads() => Text::default(),
                Kind::String => Text::decode(inside(source)),
                _ => Text::decode(source),
            };
            let text = text.as_str();
            if class == Class::Name && learns(context, cause) {
                learn(source, tally);
            }
            let begun = out.len();
            operator.write(Scalar { source, text }, setting, out);
            if out.get(begun..) == Some(source) {
                // What has been masked before, for one.
                out.truncate(begun);
                return false;
            }
            tally.mask(cause, class, is_drift, Value::Source(source));
            true
        }
    }
}

/// Shows a value, but for what else is in it; `lifted`: it is not inherited. The grant is for this class:
/// for nothing else that is in there, and for no secret. A name is looked for wherever the grant does not
/// reach.
#[inline(never)]
fn show(
    context: Context<'_>,
    (cause, class, lifted): (Cause, Class, Option<Lifted>),
    source: &[u8],
    kind: Kind,
    tally: &mut Tally,
    out: &mut Vec<u8>,
) -> bool {
    tally.count(cause, class, true);
    if class == Class::Name && learns(context, cause) {
        learn(source, tally);
    }
    let mut context = context.within_shown();
    if let Some(lifted) = lifted {
        if context.rules.detectors.are_none() {
            tally.report.count_lifted(source.len());
        }
        context.mentions = Mentions::None;
        context.lifted = lifted;
    }
    look_at(context, source, kind, tally, out)
}

/// Masks what is found in a scalar. False: it stays as it came.
#[inline]
fn look_at(
    context: Context<'_>,
    source: &[u8],
    kind: Kind,
    tally: &mut Tally,
    out: &mut Vec<u8>,
) -> bool {
    let detectors = &context.rules.detectors;
    match kind {
        Kind::String => {
            let is_text =
                || may_be_prose(source) && is_prose(Text::decode(inside(source)).as_str());
            let context = if context.cues == Cues::CODES && is_text() {
                context.at(Cues::NONE, Mentions::Now)
            } else {
                context
            };
            let is_clean = context.cues == Cues::NONE && tally.clean.has(source);
            let may_find = !is_clean && detectors.may_find(source, context.cues)
                || context.looks_inside() && begins_like_json(source, 0)
                || context.mentions != Mentions::None && tally.people.may_be_in(source);
            may_find && inspect(context, source, tally, out)
        }
        Kind::Number => {
            detectors.may_find(source, context.cues) && inspect_number(context, source, tally, out)
        }
        Kind::Boolean | Kind::Null => false,
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

/// Whether a rule is for texts that may be JSON, which has members with rules of their own.
#[inline]
fn looks_into_json(context: Context<'_>, cause: Cause) -> bool {
    let Cause::Rule(rule) = cause else {
        return false;
    };
    let rule = context.rules.rules.get(usize::from(rule));
    rule.is_some_and(|rule| rule.json)
}

fn learns(context: Context<'_>, cause: Cause) -> bool {
    let is_one = match cause {
        Cause::Rule(rule) if context.mentions == Mentions::Now => {
            let rule = context.rules.rules.get(usize::from(rule));
            rule.is_some_and(|rule| rule.learn)
        }
        Cause::Siblings => true,
        _ => false,
    };
    is_one && context.rules.detectors.mentions
}

/// What is masked as a name where it stands is one wherever else it stands.
fn learn(source: &[u8], tally: &mut Tally) {
    if source.first() == Some(&b'"') {
        let text = Text::decode(inside(source));
        if !is_placeholder(text.as_str().as_bytes()) {
            tally.people.learn(text.as_str());
        }
    }
}

/// Masks what is found in a string; what lies between comes out as it came. An encoding of something
/// is written anew.
fn inspect(context: Context<'_>, source: &[u8], tally: &mut Tally, out: &mut Vec<u8>) -> bool {
    let is_masked = inspect_text(context, source, tally, out);
    // Texts within it have been searched by now, and so has it.
    tally.people.forget_doubted();
    is_masked
}

fn inspect_text(context: Context<'_>, source: &[u8], tally: &mut Tally, out: &mut Vec<u8>) -> bool {
    let inside = inside(source);
    let text = Text::decode(inside);
    match look_inside(context, text.as_str(), tally) {
        Inside::Read(Some(masked)) => write_string(&masked, out),
        Inside::Read(None) => return false,
        Inside::Masked(masked) => {
            let found = masked_as_it_is(context, &masked, tally);
            write_string(&settled(context, found.unwrap_or(masked), tally), out);
        }
        Inside::Nothing => match find(context, text.as_str(), tally) {
            Finds::Whole(class) => write_placeholder(class, out),
            Finds::Parts(finds) if finds.is_empty() => return false,
            Finds::Parts(finds) => {
                let masked = replaced(text.as_str(), &finds);
                if has_code(&masked) {
                    write_string(&settled(context, masked, tally), out);
                } else {
                    out.push(b'"');
                    write_finds(inside, &text, &finds, out);
                    out.push(b'"');
                }
            }
            Finds::Nothing => {
                // What is in an encoding hangs on the names known then.
                let is_prose = || text.as_str().trim().contains(' ') && !has_code(text.as_str());
                if context.cues == Cues::NONE && is_prose() {
                    tally.clean.add(source);
                }
                return false;
            }
        },
    }
    true
}

/// A text with what is found in it masked; `None`: it stays as it is.
pub(crate) fn masked_text(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    match look_inside(context, text, tally) {
        Inside::Read(masked) => masked,
        Inside::Masked(masked) => {
            let found = masked_as_it_is(context, &masked, tally);
            Some(settled(context, found.unwrap_or(masked), tally))
        }
        Inside::Nothing => {
            let masked = masked_as_it_is(context, text, tally)?;
            Some(settled(context, masked, tally))
        }
    }
}

/// A text in which something has been masked: what stands beside that may be an encoding now. `W21h` is
/// none in `1/W21h`, and one in `[masked:date]/W21h`.
fn settled(context: Context<'_>, text: String, tally: &mut Tally) -> String {
    let mut text = text;
    for _ in 0..MOST_PASSES {
        if !has_code(&text) {
            return text;
        }
        let Inside::Masked(masked) = look_inside(context, &text, tally) else {
            return text;
        };
        let found = masked_as_it_is(context, &masked, tally);
        text = found.unwrap_or(masked);
    }
    whole(tally)
}

/// The same, of what can be read without looking into it.
fn masked_as_it_is(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    match find(context, text, tally) {
        Finds::Whole(class) => {
            let mut out = Vec::new();
            push_placeholder(class, &mut out);
            String::from_utf8(out).ok()
        }
        Finds::Nothing => None,
        Finds::Parts(finds) if finds.is_empty() => None,
        Finds::Parts(finds) => Some(replaced(text, &finds)),
    }
}

/// What is found in a text and is to be masked.
enum Finds {
    Nothing,
    /// All of it, as that class.
    Whole(Class),
    /// Parts of it; none, if all are lifted.
    Parts(Vec<Find>),
}

/// Finds what detectors and names find in a text, and counts it.
fn find(context: Context<'_>, text: &str, tally: &mut Tally) -> Finds {
    let detectors = &context.rules.detectors;
    let mut finds = detectors.find(text, context.cues);
    let mut mentioned = Vec::new();
    let mut is_whole = false;
    let shows_names = context.grant.is_none() && context.lift.contains(Class::Name);
    if context.mentions != Mentions::None && !tally.people.is_empty() && !shows_names {
        let people = &tally.people;
        let same = normal(text);
        let mut mention = |range| mentioned.push(Find::mention(range).spelt_in(&same));
        is_whole = people.find(&same.text, &mut mention);
        for reading in Readings::of(text).iter() {
            let spelt = normal(reading.text());
            let mut mention = |range| {
                mentioned.push(Find::mention(range).spelt_in(&spelt).read_in(&reading));
            };
            people.find(&spelt.text, &mut mention);
        }
    }
    if is_whole {
        let is_granted = context.lift.contains(Class::Name);
        let value = Value::Text(text);
        if !is_granted || !context.permits(Cause::Mention, Class::Name, value) {
            tally.mask(Cause::Mention, Class::Name, is_granted, value);
            return Finds::Whole(Class::Name);
        }
    }
    finds.extend(mentioned);
    if finds.is_empty() {
        return Finds::Nothing;
    }
    merge(&mut finds);
    let Some(mut finds) = detectors.settle(text, finds, context.cues) else {
        tally.count(Cause::Unsettled, Class::Other, false);
        return Finds::Whole(Class::Other);
    };
    finds.retain(|find| {
        let value = Value::Text(text.get(find.range.clone()).unwrap_or_default());
        !is_shown(context, find, context.shows(find, text), value, tally)
    });
    Finds::Parts(finds)
}

/// Counts a find, and tells whether it comes out; `is_granted`: its classes are lifted.
fn is_shown(
    context: Context<'_>,
    find: &Find,
    is_granted: bool,
    value: Value<'_>,
    tally: &mut Tally,
) -> bool {
    let is_shown = is_granted && context.permits(find.cause, find.class, value);
    if !is_shown {
        tally.mask(find.cause, find.class, is_granted, value);
    } else if context.lifted == Lifted::No {
        // What is shown of a lifted value has been counted with it.
        tally.count(find.cause, find.class, true);
    }
    is_shown
}

/// A text with its finds masked.
fn replaced(text: &str, finds: &[Find]) -> String {
    let mut out = Vec::with_capacity(text.len());
    write_finds(text.as_bytes(), &Text::plain(text), finds, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn write_placeholder(class: Class, out: &mut Vec<u8>) {
    out.push(b'"');
    push_placeholder(class, out);
    out.push(b'"');
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    push_escaped(text, out);
    out.push(b'"');
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
    let is_granted = finds.iter().all(|find| context.shows(find, text));
    let is_shown = is_shown(context, find, is_granted, Value::Text(text), tally);
    if !is_shown {
        Operator::Redact.write(Scalar { source, text }, find.class, out);
    }
    !is_shown
}

fn write_finds(inside: &[u8], text: &Text<'_>, finds: &[Find], out: &mut Vec<u8>) {
    let mut copied = 0;
    for find in finds {
        let (start, end) = (text.source(find.range.start), text.source(find.range.end));
        out.extend_from_slice(inside.get(copied..start).unwrap_or_default());
        find.write(
            text.as_str().get(find.range.clone()).unwrap_or_default(),
            out,
        );
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
