//! What identifies a person inside of any text: one file each, registered in [`ALL`].
//!
//! A detector reads decoded text in one spelling ([`Probe`]). It is called only if the text has one of
//! the shapes that all its finds have ([`Shapes`]), or the name of the member speaks for it ([`Cues`]).
//! Finds that overlap become one, of the class of the surest; of equally sure ones the longest, then
//! the first. Where one is a credential, all is: a grant that shows the rest must not show it. What is
//! less sure never makes less of the text masked.

mod account;
mod age;
mod card;
mod checksum;
mod codes;
mod credentials;
mod cues;
mod cursor;
mod custom;
mod date;
mod dea;
mod edges;
mod ein;
mod email;
mod fax;
mod find;
mod groups;
mod health_plan;
mod iban;
mod iccid;
mod imei;
mod ipv4;
mod ipv6;
mod itin;
mod labelled;
mod license;
mod mac;
mod mbi;
mod mrn;
mod normal;
mod npi;
mod phone;
mod probe;
mod reference;
mod replaced;
mod routing;
mod shape;
mod ssn;
mod street;
mod told;
mod url;
mod views;
mod vin;
mod zip;

use std::ops::Range;
use std::sync::Arc;

pub(crate) use account::ACCOUNT;
pub(crate) use age::AGE;
pub(crate) use card::CARD;
pub(crate) use codes::{is_prose, may_be_prose};
pub(crate) use credentials::{AUTHORIZATION, CONNECTION, JWT, KEYED, PEM, PREFIXED, URL_PASSWORD};
pub(crate) use cues::Cues;
pub use custom::{CustomDetector, LooksFor};
pub(crate) use custom::{Customs, Fault};
pub(crate) use date::{DATE, year_of};
pub(crate) use dea::DEA;
pub(crate) use ein::EIN;
pub(crate) use email::EMAIL;
pub(crate) use fax::FAX;
pub(crate) use find::Find;
pub(crate) use health_plan::HEALTH_PLAN;
pub(crate) use iban::IBAN;
pub(crate) use iccid::ICCID;
pub(crate) use imei::IMEI;
pub(crate) use ipv4::IPV4;
pub(crate) use ipv6::IPV6;
pub(crate) use itin::ITIN;
pub(crate) use license::LICENSE;
pub(crate) use mac::MAC;
pub(crate) use mbi::MBI;
pub(crate) use mrn::MRN;
pub(crate) use normal::normal;
pub(crate) use npi::NPI;
pub(crate) use phone::PHONE;
pub(crate) use probe::{Found, Probe, Strength};
pub use reference::DetectorDoc;
use replaced::replace;
pub(crate) use routing::ROUTING;
pub(crate) use shape::Shapes;
pub(crate) use ssn::SSN;
pub(crate) use street::STREET;
pub(crate) use url::URL;
pub(crate) use views::Readings;
pub(crate) use vin::VIN;
pub(crate) use zip::ZIP;

use crate::scan::SHORTEST_FOUND;
use crate::tally::Cause;
use crate::{Class, ClassSet, Ruleset};

/// Every detector. Of two that are equally sure of the same, the first has it: what has a form of its
/// own comes before what is only labelled.
pub(crate) const ALL: &[&Detector] = &[
    &EMAIL,
    &SSN,
    &ITIN,
    &EIN,
    &ICCID,
    &CARD,
    &IBAN,
    &ROUTING,
    &MBI,
    &NPI,
    &DEA,
    &VIN,
    &IMEI,
    &FAX,
    &PHONE,
    &IPV4,
    &IPV6,
    &MAC,
    &DATE,
    &AGE,
    &ZIP,
    &STREET,
    &URL,
    &MRN,
    &HEALTH_PLAN,
    &ACCOUNT,
    &LICENSE,
    &PREFIXED,
    &JWT,
    &PEM,
    &URL_PASSWORD,
    &CONNECTION,
    &AUTHORIZATION,
    &KEYED,
];

/// How often a text is looked at again after finds have been replaced in it. What is still found
/// then was made to be found: such a text is masked whole.
pub(crate) const MOST_PASSES: usize = 4;

/// What another text may be hidden in.
const HIDING: Shapes = Shapes::SIGN.or(Shapes::WIDE).or(Shapes::CODE);

/// No find is in a shorter string, quotes included.
const SHORTEST: usize = 6;

/// One detector.
#[derive(Debug)]
pub(crate) struct Detector {
    /// Names it in policies and reports.
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    /// Every text in which it finds something without a cue has one of these shapes.
    pub(crate) shapes: Shapes,
    /// Words that say that a value is what it looks for: in lower case, one space between two.
    pub(crate) words: &'static [&'static str],
    /// Calls back with every find, none overlapping another of the same strength.
    pub(crate) find: fn(&Probe<'_>, &mut Found<'_>),
}

/// The detectors in use.
#[derive(Clone, Default)]
pub(crate) struct Detectors {
    enabled: u64,
    shapes: Shapes,
    /// Whether names that fields hold are looked for in other texts.
    pub(crate) mentions: bool,
    /// Those that the policy brought along.
    pub(crate) custom: Option<Arc<Customs>>,
}

impl Detectors {
    pub(crate) fn enable(&mut self, detectors: &[&Detector]) {
        for (bit, known) in ALL.iter().enumerate() {
            if detectors.iter().any(|one| one.name == known.name) {
                self.enabled |= 1 << bit;
                // Beyond ASCII, behind escapes and in base64, anything may be one of its shapes.
                self.shapes = self.shapes | known.shapes | HIDING;
            }
        }
    }

    fn disable(&mut self, detectors: &[&Detector]) {
        for (bit, known) in ALL.iter().enumerate() {
            if detectors.iter().any(|one| one.name == known.name) {
                self.enabled &= !(1 << bit);
            }
        }
    }

    pub(crate) fn has_shipped(&self) -> bool {
        self.enabled != 0
    }

    pub(crate) fn has(&self, detector: &Detector) -> bool {
        let bit = ALL.iter().position(|one| one.name == detector.name);
        bit.is_some_and(|bit| self.enabled & 1 << bit != 0)
    }

    pub(crate) fn are_none(&self) -> bool {
        self.enabled == 0 && self.custom.is_none()
    }

    /// Whether any detector could find something in the source of a scalar.
    #[inline]
    pub(crate) fn may_find(&self, source: &[u8], cues: Cues) -> bool {
        if cues == Cues::CODES {
            return self.may_find_in(source, 0, source.len(), true);
        }
        cues != Cues::NONE
            || if source.first() == Some(&b'"') {
                self.may_find_in(source, 0, source.len(), false)
            } else {
                !self.are_none() && is_long_number(source)
            }
    }

    /// The same of a string that is a part of this text, or a code.
    #[inline]
    pub(crate) fn may_find_in(&self, text: &[u8], start: usize, end: usize, is_code: bool) -> bool {
        let is_short = end - start < SHORTEST || self.enabled == 0;
        let has_shape = !is_short
            && if is_code {
                codes::may_find(text, start, end)
            } else {
                Shapes::of_part(text, start, end).meets(self.shapes)
            };
        has_shape
            || self.custom.as_ref().is_some_and(|custom| {
                custom.may_find(text.get(start..end).unwrap_or_default(), is_code)
            })
    }

    /// All finds, in order: in the text, and in other readings of it.
    pub(crate) fn find(&self, text: &str, cues: Cues) -> Vec<Find> {
        let mut finds = Vec::new();
        self.find_as_it_is(text, cues, &mut |find| finds.push(find));
        let readings = Readings::of(text);
        for reading in readings.iter() {
            self.find_as_it_is(reading.text(), cues, &mut |find| {
                finds.push(find.read_in(&reading));
            });
        }
        if readings.goes_on && !self.are_none() {
            finds.push(Find::unsettled(text));
        }
        merge(&mut finds);
        finds
    }

    fn find_as_it_is(&self, text: &str, cues: Cues, found: &mut dyn FnMut(Find)) {
        let mut probe = Probe::of(text);
        let shapes = Shapes::of(probe.bytes());
        for (bit, detector) in ALL.iter().enumerate() {
            probe.begin(cues.shipped & 1 << bit != 0);
            let is_code = cues == Cues::CODES;
            let is_meant = !is_code || codes::is_meant(detector, text);
            let is_called = is_meant && (probe.named || detector.shapes.meets(shapes));
            if is_called && self.enabled & 1 << bit != 0 {
                (detector.find)(&probe, &mut |range, strength| {
                    if strength == Strength::Labelled {
                        probe.say(&range);
                    }
                    let part = probe.bytes().get(range.clone());
                    if is_code && !part.is_some_and(|part| codes::counts(detector, part)) {
                        return;
                    }
                    let range = probe.back(&range);
                    found(Find {
                        length: range.len(),
                        range,
                        class: detector.class,
                        classes: ClassSet::of(detector.class),
                        cause: Cause::Detector(u8::try_from(bit).unwrap_or(u8::MAX)),
                        strength,
                        has_tags: false,
                    });
                });
            }
        }
        if let Some(custom) = &self.custom {
            custom.find(text, &mut probe, cues, found);
        }
    }

    /// Where credentials are in the text.
    pub(crate) fn secrets(&self, text: &str, cues: Cues) -> Vec<Range<usize>> {
        let is_secret = |(bit, detector): (usize, &&Detector)| {
            self.enabled & 1 << bit != 0 && detector.class == Class::Credential
        };
        if !ALL.iter().enumerate().any(is_secret) {
            return Vec::new();
        }
        let finds = self.find(text, cues).into_iter();
        let secrets = finds.filter(|find| find.class == Class::Credential);
        secrets.map(|find| find.range).collect()
    }

    /// The finds with what replacing them lets be found; `None`: there is no end to it, or some
    /// detectors cannot tell what is in the text.
    pub(crate) fn settle(&self, text: &str, finds: Vec<Find>, cues: Cues) -> Option<Vec<Find>> {
        let mut finds = finds;
        for _ in 0..MOST_PASSES {
            if finds.iter().any(|find| find.cause == Cause::Unsettled) {
                return None;
            }
            let (replaced, map) = replace(text, &finds);
            let more = self.find(&replaced, cues);
            if more.is_empty() {
                return Some(finds);
            }
            finds.extend(more.iter().map(|find| map.back(find)));
            merge(&mut finds);
        }
        None
    }
}

/// Free text with every find replaced by its placeholder, for what people write beside a request.
/// Uses the detectors of the rules, and all shipped ones where the rules have none of them.
///
/// ```
/// use velum_engine::{Profile, Ruleset, mask_text};
/// let rules = Ruleset::builder().profile(Profile::Pii).build()?;
/// assert_eq!(mask_text(&rules, "call 212-555-0123"), "call [masked:phone]");
/// # Ok::<(), velum_engine::RuleError>(())
/// ```
pub fn mask_text(rules: &Ruleset, text: &str) -> String {
    mask_counted(rules, text, |_, _| ()).unwrap_or_else(|| text.to_owned())
}

/// The same of a handle: a cookie, or another value that its reader has to send back as it came. What
/// can only be told to be a secret, and not of what kind, stays: that is what handles are. Keys of
/// known forms, private keys and passwords in addresses do not.
///
/// ```
/// use velum_engine::{Profile, Ruleset, mask_handle};
/// let rules = Ruleset::builder().profile(Profile::Pii).build()?;
/// assert_eq!(mask_handle(&rules, "token=8f7d6e5c4b3a29180f1e2d3c"), None);
/// assert_eq!(mask_handle(&rules, "user=a@b.example").as_deref(), Some("user=[masked:email]"));
/// # Ok::<(), velum_engine::RuleError>(())
/// ```
pub fn mask_handle(rules: &Ruleset, text: &str) -> Option<String> {
    let mut detectors = in_use(rules);
    detectors.disable(&[&JWT, &AUTHORIZATION, &KEYED]);
    mask_by(&detectors, text, |_, _| ())
}

/// The same; `None`: there is nothing to mask. Calls back with who found each find, and its class.
pub(crate) fn mask_counted(
    rules: &Ruleset,
    text: &str,
    count: impl FnMut(Cause, Class),
) -> Option<String> {
    mask_by(&in_use(rules), text, count)
}

/// The detectors of the rules, and all shipped ones where the rules have none of them.
fn in_use(rules: &Ruleset) -> Detectors {
    let mut detectors = rules.detectors.clone();
    if detectors.enabled == 0 {
        detectors.enable(ALL);
    }
    detectors
}

fn mask_by(
    detectors: &Detectors,
    text: &str,
    mut count: impl FnMut(Cause, Class),
) -> Option<String> {
    let finds = detectors.find(text, Cues::NONE);
    if finds.is_empty() {
        return None;
    }
    let Some(finds) = detectors.settle(text, finds, Cues::NONE) else {
        count(Cause::Unsettled, Class::Other);
        return Some(format!("[masked:{}]", Class::Other));
    };
    for find in &finds {
        count(find.cause, find.class);
    }
    Some(replace(text, &finds).0)
}

/// Sorts finds and joins those that overlap.
pub(crate) fn merge(finds: &mut Vec<Find>) {
    finds.sort_by_key(|find| (find.range.start, std::cmp::Reverse(find.range.end)));
    finds.dedup_by(|next, kept| {
        let overlaps = next.range.start < kept.range.end;
        if overlaps {
            kept.range.end = kept.range.end.max(next.range.end);
            kept.has_tags |= next.has_tags;
            kept.classes = kept.classes.union(next.classes);
            let rank = |find: &Find| (!find.class.may_be_lifted(), find.strength, find.length);
            if rank(next) > rank(kept) {
                kept.class = next.class;
                kept.cause = next.cause;
                kept.strength = next.strength;
                kept.length = next.length;
            }
        }
        overlaps
    });
}

/// Whether the source of a scalar is a number that may be found by its digits alone.
#[inline]
fn is_long_number(source: &[u8]) -> bool {
    source.len() >= SHORTEST_FOUND && source.iter().all(u8::is_ascii_digit)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What one detector finds in a text, as it stands there.
    pub(super) fn found<'a>(detector: &Detector, text: &'a str) -> Vec<&'a str> {
        found_under(detector, "", text)
    }

    /// The same of a value whose member has that name.
    pub(super) fn found_under<'a>(detector: &Detector, name: &str, text: &'a str) -> Vec<&'a str> {
        let mut detectors = Detectors::default();
        detectors.enable(&[detector]);
        let cues = detectors.cues(name);
        let finds = detectors.find(text, cues);
        let found: Vec<_> = finds.into_iter().map(|find| &text[find.range]).collect();
        if !found.is_empty() {
            let source = format!("\"{text}\"");
            assert!(
                detectors.may_find(source.as_bytes(), cues),
                "its shapes are not those of {text}"
            );
        }
        found
    }

    #[test]
    fn what_overlaps_a_credential_is_one() {
        let rules = Ruleset::builder().build().unwrap();
        for (text, masked) in [
            (
                "postgres://app:hunter2@db.example/x",
                "postgres://[masked:credential]@db.example/x",
            ),
            // What a lifted address would show.
            (
                "postgres://app:hunter(2@db.example/x",
                "postgres://[masked:credential]/x",
            ),
        ] {
            assert_eq!(mask_text(&rules, text), masked);
        }
    }

    #[test]
    fn what_looks_alike_is_found() {
        for text in [
            "１２３-４５-６７８９",
            "123\u{2011}45\u{2212}6789",
            "12\u{200B}3-45-67\u{AD}89",
        ] {
            assert_eq!(found(&SSN, text), [text]);
        }
    }
}
