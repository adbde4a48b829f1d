//! Profiles beside one another: what one masks, another does not show.

use std::sync::Arc;

use velum_engine::{Options, Profile, Ruleset};

use crate::support::masked;

fn rules(profiles: &[Profile]) -> Arc<Ruleset> {
    let builder = profiles
        .iter()
        .fold(Ruleset::builder(), |builder, one| builder.profile(*one));
    Arc::new(builder.build().unwrap())
}

/// Every name that a profile has a rule for, holding what the rule is for or an object of it.
#[test]
fn a_profile_beside_another_shows_nothing_of_what_that_masks() {
    let profiles = [
        Profile::HipaaSafeHarbor,
        Profile::FhirR4,
        Profile::Credentials,
        Profile::Pii,
    ];
    let mut names: Vec<String> = Vec::new();
    for profile in profiles.map(Profile::document) {
        for rule in profile.rules() {
            let keys = rule
                .keys()
                .iter()
                .map(|key| key.replace('*', "").replace(' ', "_"));
            let places = rule.places().iter();
            names.extend(places.filter_map(|path| path.split('.').next_back().map(str::to_owned)));
            names.extend(keys);
        }
    }
    names.sort();
    names.dedup();
    let mut seen = 0;
    for alone in profiles.iter().take(1).chain(&profiles[2..]) {
        let (one, both) = (rules(&[*alone]), rules(&[*alone, Profile::FhirR4]));
        for name in &names {
            for value in [
                r#"{"first":"Quillan","last":"Thistle"}"#,
                r#"{"value":["Quillan",{"x":"Thistle"}]}"#,
                r#"[{"first":"Quillan"},[{"x":"Thistle"}]]"#,
            ] {
                let body = format!(r#"{{"a":1,"{name}":{value},"b":2}}"#);
                let alone = masked(&one, Options::default(), &body);
                let together = masked(&both, Options::default(), &body);
                for word in ["Quillan", "Thistle"] {
                    let is_masked = !alone.contains(word);
                    seen += usize::from(is_masked);
                    assert!(
                        !is_masked || !together.contains(word),
                        "{body}\nalone: {alone}\ntogether: {together}"
                    );
                }
            }
        }
    }
    assert!(seen > 1000, "{seen}");
}

#[test]
fn a_year_of_birth_is_one_wherever_it_stands() {
    let rules = rules(&[Profile::HipaaSafeHarbor, Profile::FhirR4]);
    for (body, expected) in [
        (
            r#"{"dob":{"date":"1920-03-08","time":"1920-03-08T00:00:00Z"}}"#,
            r#"{"dob":{"date":"1936","time":"1936"}}"#,
        ),
        (
            r#"{"birthDate":{"start":"1920-03-08","visit date":"1920-03-08"}}"#,
            r#"{"birthDate":{"start":"1936","visit date":"1936"}}"#,
        ),
        (
            r#"{"visit":{"date":"1920-03-08"}}"#,
            r#"{"visit":{"date":"1920"}}"#,
        ),
    ] {
        assert_eq!(masked(&rules, Options::default(), body), expected);
    }
}

/// Names that hold codes in FHIR hold anything in other APIs.
#[test]
fn prose_among_codes_is_read_as_prose() {
    let rules = rules(&[Profile::HipaaSafeHarbor, Profile::FhirR4]);
    for name in ["status", "method", "language", "reference", "intent"] {
        let body = format!(
            r#"{{"surname":"Quillan","{name}":"Quillan MRN A123456 seen March 14, 2024","b":[1]}}"#
        );
        let out = masked(&rules, Options::default(), &body);
        for leak in ["Quillan", "A123456", "March 14"] {
            assert!(!out.contains(leak), "{out}");
        }
        let hidden = body.replace(" MRN ", r"\u0020MRN\u0020");
        let out = masked(&rules, Options::default(), &hidden);
        assert!(!out.contains("A123456"), "{out}");
    }
    for code in [
        "final",
        "mm Hg",
        "http://loinc.org",
        "Patient/p1",
        "not-done",
    ] {
        let body = format!(r#"{{"status":"{code}","reference":"{code}"}}"#);
        assert_eq!(masked(&rules, Options::default(), &body), body);
    }
}
