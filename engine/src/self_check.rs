//! Known values, masked once before anything real is: a build or a configuration that lets one of
//! them through must not start.

use std::sync::Arc;

use crate::detectors::ALL;
use crate::{Keyring, Masker, Options, Ruleset};

/// For each detector, in their order: what stands before an invented value, and the value.
const SAMPLES: &[(&str, &str)] = &[
    ("write to ", "ann@mail.example"),
    ("SSN ", "000-12-3456"),
    ("ITIN: ", "912903456"),
    ("EIN ", "12-3456789"),
    ("SIM ", "89014103211118510720"),
    ("paid with ", "4111 1111 1111 1111"),
    ("to ", "GB82 WEST 1234 5698 7654 32"),
    ("routing number ", "021000021"),
    ("card ", "1EG4-TE5-MK73"),
    ("NPI ", "1234567893"),
    ("seen by ", "AB1234563"),
    ("drives ", "1HGCM82633A004352"),
    ("IMEI ", "490154203237518"),
    ("fax ", "202-555-0173"),
    ("call ", "(202) 555-0173"),
    ("from ", "192.0.2.7"),
    ("from ", "2001:db8::7"),
    ("lease for ", "00:00:5e:00:53:af"),
    ("seen on ", "March 14, 2024"),
    ("a woman who is ", "94 years old"),
    ("in ", "Boston, MA 02115"),
    ("at ", "12 Main St, Apt 4"),
    ("https://a.example/users/", "ann?mrn=12345"),
    ("MRN: ", "A123456"),
    ("Member ID ", "XYZ123456789"),
    ("account no. ", "00123456"),
    ("driver's license ", "S1234567"),
    ("export ", "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567"),
    ("", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
    (
        "-----BEGIN PRIVATE KEY-----\\n",
        "MIIE\\n-----END PRIVATE KEY-----",
    ),
    ("postgres://", "app:hunter2@db.example/x"),
    ("Server=db;Password=", "opensesame"),
    ("Authorization: Bearer ", "abc.def-123"),
    ("password: ", "hunter2"),
];

/// What no operator leaves as it is.
const NAME: &str = "Orla Thistlewood";

impl Ruleset {
    /// Masks a value that each detector in use must find, and one under each key of an explicit rule.
    /// Detectors of the policy's own are not asked, nor are paths: what they select depends on
    /// documents.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use velum_engine::{Keyring, Profile, Ruleset};
    /// let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build()?);
    /// assert_eq!(rules.self_check(&Keyring::default()), Ok(()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What lets a known value through.
    pub fn self_check(self: &Arc<Self>, keys: &Keyring) -> Result<(), String> {
        for (detector, (before, value)) in ALL.iter().zip(SAMPLES) {
            let is_hidden = || self.hides(keys, &format!("\"{before}{value}\""), value);
            if self.detectors.has(detector) && !is_hidden() {
                return Err(format!(
                    "the detector {} lets a value through",
                    detector.name
                ));
            }
        }
        for key in self.keys.explicit() {
            if !self.hides(keys, &format!("{{\"{key}\":\"{NAME}\"}}"), NAME) {
                return Err(format!("the rule of the key {key} lets a value through"));
            }
        }
        Ok(())
    }

    /// Whether the value is gone from the masked text, at a place where nobody exempts anything.
    fn hides(self: &Arc<Self>, keys: &Keyring, text: &str, value: &str) -> bool {
        let options = Options {
            keys: keys.clone(),
            ..Options::default()
        };
        let mut masker = Masker::new(Arc::clone(self), options);
        let mut out = Vec::new();
        let document = format!("{{\"velum\":{{\"self-check\":[[{text}]]}}}}");
        let fed = masker.feed(document.as_bytes(), &mut out);
        let fed = fed.and_then(|()| masker.finish(&mut out));
        let is_there = out
            .windows(value.len())
            .any(|window| window == value.as_bytes());
        fed.is_ok() && !is_there && !out.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, Operator, Rule, Selector};

    fn with_key(key: &str) -> crate::RulesetBuilder {
        Ruleset::builder().rule(Rule {
            name: "own".into(),
            select: Selector::Keys(vec![key.into()]),
            class: Class::Name,
            operator: Operator::Redact,
        })
    }

    #[test]
    fn every_detector_has_a_sample_that_it_finds_alone() {
        assert_eq!(SAMPLES.len(), ALL.len());
        for detector in ALL {
            let mut rules = Ruleset::builder().build().unwrap();
            rules.detectors.enable(&[detector]);
            rules.looks_inside = true;
            let checked = Arc::new(rules).self_check(&Keyring::default());
            assert_eq!(checked, Ok(()), "{}", detector.name);
        }
    }

    #[test]
    fn a_key_that_masks_nothing_is_told() {
        for key in ["badge", "Staff Card", "*_name", "größe"] {
            let rules = Arc::new(with_key(key).build().unwrap());
            assert_eq!(rules.self_check(&Keyring::default()), Ok(()), "{key}");
        }
        let rules = Arc::new(with_key("badge").exempt("$..badge").build().unwrap());
        assert_eq!(
            rules.self_check(&Keyring::default()),
            Err("the rule of the key badge lets a value through".into())
        );
    }

    #[test]
    fn a_detector_that_finds_nothing_is_told() {
        let mut rules = Ruleset::builder().build().unwrap();
        rules.detectors.enable(&[&crate::detectors::SSN]);
        let mut exempt = Ruleset::builder().exempt("$.velum").build().unwrap();
        exempt.detectors = rules.detectors;
        assert_eq!(
            Arc::new(exempt).self_check(&Keyring::default()),
            Err("the detector ssn lets a value through".into())
        );
    }
}
