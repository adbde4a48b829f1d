//! Where values are masked, told without a value and without a key that no rule names.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use velum_engine::{
    Class, Framing, MaskedBy, Masker, Operator, Options, Outline, Profile, Rule, Ruleset, Selector,
    TagKey, Terms,
};

use crate::grants::tagged;
use crate::support::all_profiles;

/// A place in words.
type Told = (String, Class, String, u64);

fn told(outline: &Outline) -> (Vec<Told>, Vec<(Class, u64)>) {
    let places = outline.places().map(|place| {
        let by = match place.by {
            MaskedBy::Rule(_) => outline.rule(place.by).unwrap().to_owned(),
            MaskedBy::Profile => "profile".to_owned(),
            MaskedBy::Detector => "detector".to_owned(),
        };
        (place.path.to_owned(), place.class, by, place.count)
    });
    (places.collect(), outline.others().collect())
}

fn outline(rules: &Arc<Ruleset>, options: &Options, chunks: &[&[u8]]) -> Outline {
    let mut masker = Masker::new(Arc::clone(rules), options.clone());
    let mut out = Vec::new();
    for chunk in chunks {
        masker.feed(chunk, &mut out).unwrap();
    }
    masker.finish(&mut out).unwrap();
    let outline = masker.outline().unwrap().clone();
    for (class, count) in sums(&outline) {
        assert_eq!(
            count,
            masker.report().masked(class),
            "{class:?} {outline:?}"
        );
    }
    outline
}

/// How many of each class an outline tells of.
fn sums(outline: &Outline) -> Vec<(Class, u64)> {
    let of = |class| {
        let places = outline.places().filter(|place| place.class == class);
        let others = outline.others().filter(|(other, _)| *other == class);
        places.map(|place| place.count).sum::<u64>() + others.map(|(_, count)| count).sum::<u64>()
    };
    Class::ALL
        .iter()
        .map(|class| (*class, of(*class)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// The same however the body is cut.
fn places(rules: &Arc<Ruleset>, options: &Options, body: &str) -> Vec<Told> {
    let whole = told(&outline(rules, options, &[body.as_bytes()]));
    for cut in 0..=body.len() {
        let (left, right) = body.as_bytes().split_at(cut);
        assert_eq!(
            told(&outline(rules, options, &[left, right])),
            whole,
            "cut at {cut}: {body}"
        );
    }
    assert!(whole.1.is_empty(), "{whole:?}");
    whole.0
}

fn place(path: &str, class: Class, by: &str, count: u64) -> Told {
    (path.to_owned(), class, by.to_owned(), count)
}

fn key(name: &str, key: &str, class: Class) -> Rule {
    let select = Selector::Keys(vec![key.into()]);
    Rule {
        name: name.into(),
        select,
        class,
        operator: Operator::Redact,
    }
}

#[test]
fn keys_that_rules_name_are_told_and_every_other_is_a_star() {
    let rules =
        Ruleset::builder()
            .profile(Profile::FhirR4)
            .rule(key("wards", "ward_nurse", Class::Name));
    let rules = Arc::new(rules.build().unwrap());
    let body = json!({
        "resourceType": "Patient",
        "name": [{"family": "Quill", "given": ["Ann", "Bea"]}],
        "birthDate": "1970-02-03",
        "Quill Thorn": {"wardNurse": "Alder Reed"},
        "MRN-88213": [{"ward_nurse": "Alder"}, {"Ward-Nurse": "Reed"}],
    });
    let options = tagged(&[Class::Name, Class::Date]);
    assert_eq!(
        places(&rules, &options, &body.to_string()),
        [
            place("$.*.wardnurse", Class::Name, "wards", 1),
            place("$.*[*].wardnurse", Class::Name, "wards", 2),
            place("$.birthDate", Class::Date, "profile", 1),
            place("$.name[*].family", Class::Name, "profile", 1),
            place("$.name[*].given[*]", Class::Name, "profile", 2),
        ]
    );
}

#[test]
fn a_key_that_is_a_number_of_somebody_is_not_told_whoever_wrote_it_into_a_policy() {
    let path = Selector::Path("$.people['88213'].x1234.*".into());
    let rule = Rule {
        name: "r".into(),
        select: path,
        class: Class::Name,
        operator: Operator::Redact,
    };
    let rules = Arc::new(Ruleset::builder().rule(rule).build().unwrap());
    let body = r#"{"people":{"88213":{"x1234":{"a":"Quill"}}}}"#;
    assert_eq!(
        places(&rules, &tagged(&[Class::Name]), body),
        [place("$.people.*.*.*", Class::Name, "r", 1)]
    );
}

#[test]
fn names_of_members_texts_and_what_waits_have_their_places() {
    let rules = all_profiles();
    let options = tagged(&[Class::Ssn, Class::Email, Class::Name]);
    // A member name that is a value; values whose siblings tell behind them; a text within a text.
    let body = json!({
        "000-12-3456": 1,
        "identifier": [
            {"value": "000-12-3457", "system": "http://hl7.org/fhir/sid/us-ssn"},
            {"value": "000-12-3458", "system": "http://hl7.org/fhir/sid/us-ssn"},
        ],
        "entry": [{"zzz": "write to ann@clinic.example"}],
        "payload": "{\"email\":\"bea@clinic.example\"}",
    });
    let told = places(&rules, &options, &body.to_string());
    let count = |path: &str| {
        let told = told.iter().filter(|(told, ..)| told == path);
        told.map(|(_, _, _, count)| count).sum::<u64>()
    };
    for (path, expected) in [("$.*", 2), ("$.identifier[*].value", 2), ("$.*[*].*", 1)] {
        assert_eq!(count(path), expected, "{path}: {told:?}");
    }
}

#[test]
fn what_has_no_room_is_counted_by_its_class() {
    let letters = |number: usize| {
        let digits = format!("{number:03}").into_bytes();
        digits
            .into_iter()
            .map(|digit| char::from(digit - b'0' + b'a'))
            .collect::<String>()
    };
    let keys: Vec<String> = (0..Outline::MOST + 6).map(letters).collect();
    let select = Selector::Keys(keys.clone());
    let rule = Rule {
        name: "r".into(),
        select,
        class: Class::Name,
        operator: Operator::Redact,
    };
    let rules = Arc::new(Ruleset::builder().rule(rule).build().unwrap());
    let members = keys.iter().map(|key| (key.clone(), json!("Quill")));
    let wide = Value::Object(members.collect()).to_string();
    let told = outline(&rules, &tagged(&[Class::Name]), &[wide.as_bytes()]);
    assert_eq!(told.places().count(), Outline::MOST);
    assert_eq!(told.others().collect::<Vec<_>>(), [(Class::Name, 6)]);

    let mut deep = json!({"aaa": "Quill"});
    for _ in 0..60 {
        deep = json!({"aaa": deep});
    }
    let told = outline(
        &rules,
        &tagged(&[Class::Name]),
        &[deep.to_string().as_bytes()],
    );
    assert_eq!(told.places().count(), 0, "{told:?}");
    assert_eq!(told.others().collect::<Vec<_>>(), [(Class::Name, 1)]);
}

#[test]
fn every_framing_has_its_places_and_a_text_that_broke_off_leaves_none() {
    let rules = all_profiles();
    let email = place("$.email", Class::Email, "profile", 2);
    for (framing, body) in [
        (
            Framing::Lines,
            "{\"email\":\"a@b.example\"}\n{\"email\":\"c@b.example\"}\n".to_owned(),
        ),
        (
            Framing::Events,
            "data: {\"email\":\"a@b.example\"}\n\ndata: {\"email\":\"c@b.example\"}\n\n".to_owned(),
        ),
    ] {
        let options = Options {
            framing,
            ..tagged(&[Class::Email])
        };
        let told = places(&rules, &options, &body);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0].0, told[0].3), (&email.0, email.3), "{framing:?}");
    }
    // An event whose data is no JSON to its end; the next begins anew.
    let body = "data: {\"name\":[{\"x\n\ndata: {\"email\":\"c@b.example\"}\n\n";
    let options = Options {
        framing: Framing::Events,
        ..tagged(&[Class::Email])
    };
    let mut masker = Masker::new(Arc::clone(&rules), options);
    let fed = masker.feed(body.as_bytes(), &mut Vec::new());
    let told = told(masker.outline().unwrap());
    assert!(
        fed.is_err() || told.0.iter().all(|(path, ..)| path == "$.email"),
        "{told:?}"
    );
}

#[test]
fn without_classes_nothing_is_told_and_a_debug_log_does_not_change_it() {
    let rules = all_profiles();
    let masker = Masker::new(Arc::clone(&rules), Options::default());
    assert!(masker.outline().is_none());
    let mut recorded = Masker::new(Arc::clone(&rules), tagged(&[Class::Email]));
    recorded.record();
    let body = br#"{"x":[{"email":"a@b.example"}]}"#;
    recorded.feed(body, &mut Vec::new()).unwrap();
    assert_eq!(recorded.findings().count(), 1);
    let alone = outline(&rules, &tagged(&[Class::Email]), &[body]);
    assert_eq!(told(recorded.outline().unwrap()), told(&alone));
}

/// Bodies whose keys and values are mostly nobody's but the body's.
fn canaries() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        "Quill[a-z]{3}".prop_map(String::from),
        "MRN-[0-9]{5}",
        "000-[1-9]{2}-[0-9]{4}",
        proptest::sample::select(
            &[
                "name",
                "family",
                "given",
                "birthDate",
                "entry",
                "text",
                "SSN"
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        any::<u32>().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word.clone(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_and_no_key_that_no_rule_names_gets_into_an_outline(
        body in canaries(), cut in any::<proptest::sample::Index>(),
    ) {
        let rules = all_profiles();
        let terms = Terms {
            evidence: Class::ALL.iter().copied().filter(|class| class.may_be_lifted()).collect(),
            tag_key: TagKey::new(&[7; 32]),
            ..Terms::default()
        };
        let options = Options { terms: Some(Arc::new(terms)), ..Options::default() };
        let text = body.to_string();
        let whole = outline(&rules, &options, &[text.as_bytes()]);
        let (left, right) = text.as_bytes().split_at(cut.index(text.len() + 1));
        prop_assert_eq!(told(&outline(&rules, &options, &[left, right])), told(&whole));
        for place in whole.places() {
            for step in place.path.split('.').skip(1) {
                let key = step.trim_end_matches("[*]");
                prop_assert!(key == "*" || rules.told_key(key) == Some(key), "{}", place.path);
                prop_assert!(!key.contains("uill") && !key.contains("MRN-"), "{}", place.path);
            }
        }
    }
}
