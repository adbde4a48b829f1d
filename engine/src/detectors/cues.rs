//! What the name of a member says about its values.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::{ALL, Detectors};

/// What a member name says of a value is said in at most so many of its words.
const MOST_WORDS: usize = 4;

/// Which detectors the name of a member speaks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cues {
    /// A bit for each of [`ALL`].
    pub(super) shipped: u64,
    /// A bit for each custom one.
    pub(super) custom: u32,
}

impl Cues {
    pub(crate) const NONE: Self = Self {
        shipped: 0,
        custom: 0,
    };
    /// Codes are there: only detectors of what no code looks like are called.
    pub(crate) const CODES: Self = Self {
        shipped: 1 << 63,
        custom: 0,
    };
}

impl Detectors {
    /// Which of them a member name speaks for.
    pub(crate) fn cues(&self, name: &str) -> Cues {
        let name = spoken(name);
        let mut cues = Cues::NONE;
        let ends: Vec<_> = memchr::memchr_iter(b' ', name.as_bytes()).collect();
        for (index, start) in ends.iter().enumerate() {
            for end in ends.iter().skip(index + 1).take(MOST_WORDS) {
                let part = name.get(start + 1..*end).unwrap_or_default();
                cues.shipped |= words().get(part).copied().unwrap_or_default() & self.enabled;
            }
        }
        if let Some(custom) = &self.custom {
            cues.custom = custom.cues(&name);
        }
        cues
    }
}

/// The detectors that words speak for.
fn words() -> &'static BTreeMap<&'static str, u64> {
    static WORDS: OnceLock<BTreeMap<&'static str, u64>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let mut words = BTreeMap::new();
        for (bit, detector) in ALL.iter().enumerate() {
            for word in detector.words {
                *words.entry(*word).or_default() |= 1 << bit;
            }
        }
        words
    })
}

/// A member name as it would be spoken: its words in lower case, each between two spaces.
fn spoken(name: &str) -> String {
    let mut spoken = String::from(" ");
    for word in crate::rules::words(name) {
        spoken += &word;
        spoken.push(' ');
    }
    spoken
}

#[cfg(test)]
mod tests {
    use super::super::SSN;
    use super::super::tests::found_under;
    use super::*;

    #[test]
    fn names_speak_for_detectors() {
        let mut detectors = Detectors::default();
        detectors.enable(ALL);
        for (name, expected) in [
            ("patientSSN", &["ssn"][..]),
            ("tax_id", &["ssn", "ein"]),
            ("Cell-Phone", &["phone"]),
            ("npiNumber", &["npi"]),
            ("PatientMRN", &["mrn"]),
        ] {
            let cues = detectors.cues(name);
            let named: Vec<_> = (0..ALL.len())
                .filter(|bit| cues.shipped & 1 << bit != 0)
                .map(|bit| ALL[bit].name)
                .collect();
            assert_eq!(named, expected, "{name}");
        }
        assert_eq!(detectors.cues("lesson"), Cues::NONE);
        for word in words().keys() {
            assert!(word.split(' ').count() <= MOST_WORDS, "{word}");
        }
        assert_eq!(found_under(&SSN, "ssn", "123456789"), ["123456789"]);
        assert_eq!(found_under(&SSN, "code", "123456789"), [""; 0]);
    }
}
