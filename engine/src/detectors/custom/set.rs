//! All custom detectors of a rule set, and which of them may find something in a text.
//!
//! One pass over the bytes of a string asks, wherever a find may begin, the automaton of each
//! detector that has finds with that first byte: what passes has no match. What is not plain ASCII,
//! or may hide another text, is looked at.

use std::ops::Range;
use std::sync::Arc;

use super::super::edges::{token_ends, token_starts};
use super::super::probe::{Probe, Strength};
use super::super::{Cues, Find};
use super::detector::{Compiled, Form, check_name};
use super::search::Looking;
use super::steps::{Spent, Steps};
use super::{CustomDetector, Fault, LooksFor};
use crate::looking::begins_like_code;
use crate::operators::placeholders;
use crate::tally::Cause;
use crate::{Class, ClassSet, RuleError};

/// Bit of a byte behind which anything may be.
const HIDES: u64 = 1 << 63;

/// The custom detectors of a rule set.
pub(crate) struct Customs {
    detectors: Vec<Compiled>,
    /// For each byte, which of them have finds that begin with it.
    begins: Box<[u64; 256]>,
    /// Those that do not heed boundaries.
    anywhere: u64,
    /// Those that look among codes.
    in_codes: u64,
    /// Those that have a dictionary.
    dictionaries: u64,
}

/// What is called back with every find: which detector, where in the text of the probe, how sure.
type Found<'f> = dyn FnMut(u8, Range<usize>, Strength) + 'f;

impl Customs {
    /// Compiles them; `None`: there are none.
    pub(crate) fn compile(detectors: &[CustomDetector]) -> Result<Option<Arc<Self>>, RuleError> {
        let mut customs = Self {
            detectors: Vec::new(),
            begins: Box::new([0; 256]),
            anywhere: 0,
            in_codes: 0,
            dictionaries: 0,
        };
        let (mut terms, mut bytes) = (0, 0);
        for (index, detector) in detectors.iter().enumerate() {
            let compiled = customs.check_new(index, detector);
            let compiled = compiled
                .and_then(|()| check_total(detector, &mut terms, &mut bytes))
                .and_then(|()| Compiled::new(detector));
            let compiled =
                compiled.map_err(|fault| RuleError::detector(index, &detector.name, fault))?;
            customs.add(index, compiled, detector);
        }
        for (byte, bits) in (0..=u8::MAX).zip(customs.begins.iter_mut()) {
            if !byte.is_ascii() || matches!(byte, b'\\' | b'%' | b'<' | b'&') {
                *bits |= HIDES;
            }
        }
        Ok((!detectors.is_empty()).then(|| Arc::new(customs)))
    }

    fn check_new(&self, index: usize, detector: &CustomDetector) -> Result<(), Fault> {
        let name = &detector.name;
        check_name(name).map_err(|message| Fault::new("name", message))?;
        if self.detectors.iter().any(|other| *other.name == **name) {
            let message = "is the name of another detector too: rename one";
            return Err(Fault::new("name", message));
        }
        if index >= CustomDetector::MOST {
            let most = CustomDetector::MOST;
            let message = format!("is one too many: at most {most} are looked for; join some");
            return Err(Fault::new("", message));
        }
        Ok(())
    }

    fn add(&mut self, index: usize, compiled: Compiled, detector: &CustomDetector) {
        let bit = 1_u64 << index;
        for (byte, bits) in (0..=u8::MAX).zip(self.begins.iter_mut()) {
            let begins = match &compiled.form {
                Form::Pattern(pattern, _) => pattern.may_begin_with(byte),
                Form::Dictionary(dictionary) => dictionary.may_begin_with(byte),
            };
            *bits |= if begins { bit } else { 0 };
        }
        self.anywhere |= if compiled.boundaries { 0 } else { bit };
        let is_dictionary = matches!(compiled.form, Form::Dictionary(_));
        self.dictionaries |= if is_dictionary { bit } else { 0 };
        self.in_codes |= if detector.codes { bit } else { 0 };
        self.detectors.push(compiled);
    }

    /// The name of one of them.
    pub(crate) fn name(&self, number: u8) -> &str {
        let detector = self.detectors.get(usize::from(number));
        detector.map_or("", |detector| &*detector.name)
    }

    /// Which of them a member name speaks for that is spoken.
    pub(crate) fn cues(&self, spoken: &str) -> u32 {
        let speaks = |detector: &Compiled| {
            let mut words = detector.spoken.iter();
            words.any(|word| spoken.contains(&**word))
        };
        let bits = self.detectors.iter().enumerate();
        bits.filter(|(_, detector)| speaks(detector))
            .fold(0, |cues, (bit, _)| cues | 1 << bit)
    }

    /// Those that look: among codes, or elsewhere.
    fn meant(&self, is_code: bool) -> u64 {
        if is_code { self.in_codes } else { HIDES - 1 }
    }

    /// Whether any of them could find something in the source of a scalar.
    #[inline(never)]
    pub(crate) fn may_find(&self, source: &[u8], is_code: bool) -> bool {
        let mut meant = self.meant(is_code);
        if meant == 0 {
            return false;
        }
        meant |= HIDES;
        let inside = source.strip_prefix(b"\"").unwrap_or(source);
        let text = inside.strip_suffix(b"\"").unwrap_or(inside);
        let mut steps = Steps::of(text.len());
        for (at, byte) in text.iter().enumerate() {
            let begins = self.begins.get(usize::from(*byte));
            let mut begins = begins.copied().unwrap_or(HIDES) & meant;
            if begins == 0 {
                continue;
            }
            if begins & HIDES != 0 {
                return true;
            }
            begins &= self.where_starts(text, at);
            while begins != 0 {
                let bit = begins.trailing_zeros();
                begins &= begins - 1;
                match self.may_match(bit, text, at, &mut steps) {
                    Ok(Chance::None) => {}
                    Ok(Chance::Nowhere) => meant &= !(1 << bit),
                    Ok(Chance::Some) | Err(Spent) => return true,
                }
            }
        }
        begins_like_code(text)
    }

    /// Those whose boundaries let a find begin there.
    #[inline]
    fn where_starts(&self, text: &[u8], at: usize) -> u64 {
        if goes_on_before(text, at) {
            self.anywhere
        } else if starts(text, at) {
            HIDES - 1
        } else {
            // What joins the words of a token does not join the words of a text.
            self.anywhere | self.dictionaries
        }
    }

    fn may_match(
        &self,
        bit: u32,
        text: &[u8],
        at: usize,
        steps: &mut Steps,
    ) -> Result<Chance, Spent> {
        let Some(detector) = self.detectors.get(bit as usize) else {
            return Ok(Chance::Nowhere);
        };
        let has_chance = match &detector.form {
            Form::Dictionary(dictionary) if !dictionary.may_begin(text, at) => false,
            Form::Dictionary(dictionary) if dictionary.is_in(text) => true,
            Form::Dictionary(_) => return Ok(Chance::Nowhere),
            Form::Pattern(pattern, _) => {
                let mut has_end = false;
                pattern.ends(text, at, text.len(), steps, |end| {
                    has_end |= !detector.boundaries || ends(text, end);
                    has_end
                })?;
                has_end
            }
        };
        Ok(if has_chance {
            Chance::Some
        } else {
            Chance::None
        })
    }

    /// Calls back with every find in a text; with all of the text, if it takes too many steps.
    pub(crate) fn find(
        &self,
        text: &str,
        probe: &mut Probe<'_>,
        cues: Cues,
        found: &mut dyn FnMut(Find),
    ) {
        let mut finds = Vec::new();
        let outcome = self.find_in(probe, cues, &mut |number, range, strength| {
            finds.push((number, range, strength));
        });
        if outcome.is_err() {
            return found(Find::unsettled(text));
        }
        for (number, range, strength) in finds {
            let detector = self.detectors.get(usize::from(number));
            let range = probe.back(&range);
            found(Find {
                length: range.len(),
                range,
                class: detector.map_or(Class::Other, |detector| detector.class),
                classes: ClassSet::of(detector.map_or(Class::Other, |detector| detector.class)),
                cause: Cause::Custom(number),
                strength,
                has_tags: false,
            });
        }
    }

    fn find_in(
        &self,
        probe: &mut Probe<'_>,
        cues: Cues,
        found: &mut Found<'_>,
    ) -> Result<(), Spent> {
        let meant = self.meant(cues == Cues::CODES);
        let masked: Vec<_> = placeholders(probe.text()).collect();
        for (detector, number) in self.detectors.iter().zip(0_u8..) {
            if meant & 1 << number == 0 {
                continue;
            }
            probe.begin(cues.custom & 1 << number != 0);
            let looking = Looking {
                detector,
                probe,
                masked: &masked,
            };
            let mut steps = Steps::of(probe.bytes().len());
            let mut found = |range, strength| found(number, range, strength);
            match &detector.form {
                Form::Pattern(pattern, checksum) => {
                    let begins = |byte: u8| self.begins_with(byte) & 1 << number != 0;
                    looking.pattern(pattern, *checksum, begins, &mut steps, &mut found)?;
                }
                Form::Dictionary(dictionary) => {
                    looking.dictionary(dictionary, &mut steps, &mut found)?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn begins_with(&self, byte: u8) -> u64 {
        let bits = self.begins.get(usize::from(byte));
        bits.copied().unwrap_or(u64::MAX)
    }
}

/// Whether a detector has a match.
enum Chance {
    /// Not there.
    None,
    /// Not in all of the text.
    Nowhere,
    Some,
}

/// Whether letters or digits stand on both sides of a place.
#[inline]
fn goes_on_before(text: &[u8], at: usize) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    is_word(at.checked_sub(1).and_then(|before| text.get(before))) && is_word(text.get(at))
}

/// Whether a token may begin there, or what begins there is a sign that is in none.
#[inline]
pub(super) fn starts(text: &[u8], at: usize) -> bool {
    text.get(at).copied().is_some_and(is_sign) || token_starts(text, at)
}

/// The same of its end.
#[inline]
pub(super) fn ends(text: &[u8], end: usize) -> bool {
    let last = end.checked_sub(1).and_then(|last| text.get(last));
    last.copied().is_some_and(is_sign) || token_ends(text, end)
}

fn is_sign(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'.')
}

/// Counts the terms of all dictionaries and their bytes.
fn check_total(
    detector: &CustomDetector,
    terms: &mut usize,
    bytes: &mut usize,
) -> Result<(), Fault> {
    let LooksFor::Dictionary(own) = &detector.looks_for else {
        return Ok(());
    };
    *terms += own.len();
    *bytes += own.iter().map(String::len).sum::<usize>();
    let most = CustomDetector::MOST_TERMS;
    if *terms > most {
        let message = format!("has too many terms: all dictionaries together have at most {most}");
        return Err(Fault::new("dictionary", message));
    }
    let most = CustomDetector::LARGEST_DICTIONARIES;
    if *bytes > most {
        let message = format!("is too large: all terms together have at most {most} bytes");
        return Err(Fault::new("dictionary", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::Detectors;

    fn detectors() -> Vec<CustomDetector> {
        let pattern = |number: usize, expression: &str| {
            CustomDetector::pattern(&format!("p{number}"), Class::Identifier, expression)
        };
        let expressions = [
            r"[A-Z]{2}-?\d{4}",
            r"(?i)case \d+",
            r"#\d+",
            r"\bq.",
            r"^x|y$",
            r"-\d",
            "\u{e9}x?",
        ];
        let mut detectors: Vec<_> = expressions
            .iter()
            .enumerate()
            .map(|(number, expression)| pattern(number, expression))
            .collect();
        let terms = ["Birch Ward", "C++", "#!x", "Łódź", "ann", "x-y"];
        let terms = terms.map(str::to_owned);
        detectors.push(CustomDetector::dictionary("terms", Class::Name, terms));
        for detector in &mut detectors.clone() {
            detector.name += "-anywhere";
            detector.boundaries = false;
            detectors.push(detector.clone());
        }
        detectors
    }

    /// A text of what begins finds and what keeps them from being some.
    fn made(seed: &mut u64) -> String {
        const PARTS: [&str; 36] = [
            "AB",
            "-",
            "1",
            "2345",
            " ",
            "case",
            "CASE ",
            "#",
            "q",
            "qx",
            "x",
            "y",
            "\u{e9}",
            "birch",
            " ward",
            "C++",
            "c+",
            "#!",
            "lodz",
            "\u{141}\u{f3}d\u{17a}",
            "Ann",
            "an",
            ".",
            "_",
            "%41",
            "&amp;",
            "<b>",
            "</b>",
            "\n",
            "\"",
            "\u{ff11}",
            "\u{200b}",
            "[masked:ssn]",
            "UVgx",
            "[",
            "]",
        ];
        let mut next = |below: usize| {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            usize::try_from(*seed % 1_000_003).unwrap() % below
        };
        let length = 1 + next(8);
        let parts = (0..length).map(|_| PARTS[next(PARTS.len())]);
        parts.collect()
    }

    #[test]
    fn no_text_with_a_find_is_passed() {
        let mut seed = 0x2545_F491_4F6C_DD1D;
        let alone: Vec<_> = detectors()
            .into_iter()
            .map(|detector| Detectors {
                custom: Customs::compile(&[detector]).unwrap(),
                ..Detectors::default()
            })
            .collect();
        let mut finds = vec![0; alone.len()];
        let mut passed = 0;
        for _ in 0..100_000 {
            let text = made(&mut seed);
            let source = serde_json::to_string(&text).unwrap();
            for (detectors, count) in alone.iter().zip(&mut finds) {
                let is_found = !detectors.find(&text, Cues::NONE).is_empty();
                let may_find = detectors.may_find(source.as_bytes(), Cues::NONE);
                assert!(may_find || !is_found, "{text}");
                *count += usize::from(is_found);
                passed += usize::from(!may_find);
            }
        }
        assert!(finds.iter().all(|count| *count > 50), "{finds:?}");
        assert!(passed > 100_000, "{passed}");
    }

    /// What is said for a shipped detector says nothing for one of your own.
    #[test]
    fn a_label_of_another_detector_does_not_hold_for_the_next_in_a_list() {
        let mut badge = CustomDetector::pattern("badge", Class::Identifier, r"QX\d{5}x");
        badge.words = vec!["badge".to_owned()];
        badge.required = true;
        let mut detectors = Detectors {
            custom: Customs::compile(&[badge]).unwrap(),
            ..Detectors::default()
        };
        detectors.enable(&[&crate::detectors::KEYED]);
        let found = |text: &str| {
            let finds = detectors.find(text, Cues::NONE);
            finds.iter().map(|find| find.class).collect::<Vec<_>>()
        };
        assert_eq!(found("password: hunter2x, QX12345x"), [Class::Credential]);
        assert_eq!(found("badge QX12345x"), [Class::Identifier]);
    }

    #[test]
    fn texts_that_hide_others_are_not_passed() {
        let badge = CustomDetector::pattern("badge", Class::Identifier, r"QX-\d{4}");
        let customs = Customs::compile(&[badge]).unwrap().unwrap();
        for (source, expected) in [
            (r#""QX-1042""#, true),
            (r#""\u0051X-1042""#, true),
            (r#""%51X-1042""#, true),
            ("\"\u{e9}\"", true),
            (r#""UVgtMTA0MiBpcyBoZXJl""#, true),
            (r#""eyJhIjoxfQ.e30.x""#, true),
            (r#""DATA:text/plain,x""#, true),
            (r#""8b0484cd-3dbd-8b8d-1b72-a32f74a5a846""#, false),
            (r#""QX-10421, QY-1042 and no more""#, false),
            ("123456789012", false),
            (r#""""#, false),
            ("", false),
        ] {
            assert_eq!(
                customs.may_find(source.as_bytes(), false),
                expected,
                "{source}"
            );
            assert!(!customs.may_find(source.as_bytes(), true), "{source}");
        }
    }
}
