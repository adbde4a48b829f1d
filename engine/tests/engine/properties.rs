//! What holds for every body.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::Value;

use crate::grants::{run, tagged, under};
use crate::support::{all_profiles, limits, mask, mask_chunks, no_rules};
use velum_engine::{
    Class, CustomDetector, Operator, Options, Rule, Ruleset, RulesetBuilder, Selector, TagKey,
    Terms,
};

const NAMES: &[&str] = &[
    "a",
    "name",
    "family",
    "ssn",
    "identifier",
    "value",
    "system",
    "type",
    "coding",
    "code",
    "text",
    "div",
    "display",
    "reference",
    "telecom",
    "url",
    "extension",
    "valueString",
    "photo",
    "address",
    "line",
    "period",
    "birthDate",
    "_birthDate",
    "_value",
    "_display",
    "version",
    "drop",
    "123-45-6789",
    "use",
];

const TEXTS: &[&str] = &[
    "",
    "x",
    "123-45-6789",
    "call 212-555-0123 now",
    "a@b.example",
    "http://hl7.org/fhir/sid/us-ssn",
    "MR",
    "phone",
    "email",
    "1936-08-18",
    "é\u{1F600}\"\\\n",
    "[masked:ssn]",
    "a string that is longer than the rest of them",
    "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",
    "Patient/1",
    "123-45-6789-212-555-0123@b.example",
    "1 212 555 0123 212 555 0124 123 45 6789",
];

/// JSON text, with every kind of token, escape and white space.
fn json() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        4 => proptest::sample::select(TEXTS).prop_map(str::to_owned),
        1 => ".{0,12}",
    ];
    let text = (string, 0..3u8).prop_map(|(text, style)| quote(&text, style));
    let leaf = prop_oneof![
        6 => text,
        1 => proptest::sample::select(&["null", "true", "false", "0", "-12.5e+3", "123456789"][..])
            .prop_map(str::to_owned),
    ];
    let space = || proptest::sample::select(&["", "", " ", "\n  ", "\t\r\n      "][..]);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let name = (proptest::sample::select(NAMES), 0..3u8).prop_map(|(name, style)| quote(name, style));
        let member = (space(), name, space(), space(), inner.clone(), space())
            .prop_map(|(a, name, b, c, value, d)| format!("{a}{name}{b}:{c}{value}{d}"));
        let element = (space(), inner, space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
        prop_oneof![
            3 => proptest::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            1 => proptest::collection::vec(element, 0..5).prop_map(|elements| format!("[{}]", elements.join(","))),
        ]
    })
}

/// A JSON string, plain or with more escapes than it needs.
fn quote(text: &str, style: u8) -> String {
    if style == 0 {
        return serde_json::to_string(text).unwrap();
    }
    let units: String = text
        .encode_utf16()
        .enumerate()
        .map(|(index, unit)| match char::from_u32(unit.into()) {
            Some(letter) if letter.is_alphanumeric() && (style == 1 && index % 3 > 0) => {
                letter.to_string()
            }
            _ => format!("\\u{unit:04x}"),
        })
        .collect();
    format!("\"{units}\"")
}

/// What is granted in parts.
const GRANTED: &[Class] = &[
    Class::Name,
    Class::Ssn,
    Class::Mrn,
    Class::Email,
    Class::Phone,
    Class::Date,
    Class::Identifier,
    Class::Other,
];

/// Every profile, and rules that take members and elements away.
fn rules() -> Arc<Ruleset> {
    static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(removing_rules);
    Arc::clone(&RULES)
}

/// The same with detectors that find much: within words, across them, at ends, in a dictionary.
fn custom_rules() -> Arc<Ruleset> {
    static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| {
        let patterns = [
            (r"[A-Z]{2}", true),
            (r".\d{2}.", false),
            (r"(?i)call \d+", true),
            (r"[a-z]{6}|^x", true),
            (r"\d-\d+", false),
            (r"[^ ]{9}x|(e|e)*x", false),
        ];
        let mut builder = removing();
        for (number, (pattern, boundaries)) in patterns.iter().enumerate() {
            let name = format!("own-{number}");
            let mut detector = CustomDetector::pattern(&name, Class::Identifier, pattern);
            detector.boundaries = *boundaries;
            detector.codes = number == 0;
            detector.words = vec!["now".into(), "use".into(), format!("word {number}")];
            detector.required = number == 1;
            builder = builder.detector(detector);
        }
        let terms = ["than the", "Patient", "example", "string", "mas", "ssn"];
        let terms = terms.map(str::to_owned);
        builder = builder.detector(CustomDetector::dictionary("terms", Class::Name, terms));
        Arc::new(builder.build().unwrap())
    });
    Arc::clone(&RULES)
}

fn removing_rules() -> Arc<Ruleset> {
    Arc::new(removing().build().unwrap())
}

fn removing() -> RulesetBuilder {
    let rule = |path: &str, operator| Rule {
        name: path.into(),
        select: Selector::Path(path.into()),
        class: Class::Other,
        operator,
    };
    let mut builder = Ruleset::builder()
        .rule(rule("$..drop", Operator::Remove))
        .rule(rule("$..line[*]", Operator::Remove))
        .rule(rule("$.code", Operator::Partial { keep_last: 2 }));
    for profile in velum_engine::Profile::STRICTEST {
        builder = builder.profile(*profile);
    }
    builder
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(800) })]

    #[test]
    fn every_cut_gives_the_same(body in json(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        held in prop_oneof![Just(24usize), Just(80), Just(65536)], token in prop_oneof![Just(20usize), Just(65536)],
        mask_lift in any::<u8>(), is_custom in any::<bool>())
    {
        let mut options = limits(128, token, held);
        if mask_lift & 1 == 1 {
            options.lift = [Class::Name, Class::Ssn, Class::Mrn].into_iter().collect();
        }
        let rules = if is_custom { custom_rules() } else { rules() };
        let (whole, result) = mask(&rules, options.clone(), body.as_bytes());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|pair| &body.as_bytes()[pair[0]..pair[1]]);
        let (split, split_result) = mask_chunks(&rules, options.clone(), chunks);
        prop_assert_eq!(&split_result, &result);
        let (single, single_result) = mask_chunks(&rules, options, body.as_bytes().chunks(1));
        prop_assert_eq!(&single_result, &result);
        if result.is_ok() {
            prop_assert_eq!(String::from_utf8_lossy(&split), String::from_utf8_lossy(&whole));
            prop_assert_eq!(String::from_utf8_lossy(&single), String::from_utf8_lossy(&whole));
        }
    }

    #[test]
    fn every_cut_gives_the_same_under_a_grant(body in json(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        held in prop_oneof![Just(24usize), Just(80), Just(65536)], token in prop_oneof![Just(20usize), Just(65536)],
        bounds in any::<u8>(), bytes in any::<prop::sample::Index>(), is_custom in any::<bool>())
    {
        let rules = if is_custom { custom_rules() } else { rules() };
        let mut options = tagged(GRANTED);
        options.limits = limits(128, token, held).limits;
        let seen = run(&rules, &options, [body.as_bytes()]);
        let single = run(&rules, &options, body.as_bytes().chunks(1));
        prop_assert_eq!(&single.1, &seen.1);
        let Ok((_, tags, _)) = seen.1 else { return Ok(()) };
        prop_assert_eq!(&single.0, &seen.0);
        // Some of the values that were seen.
        let tags = tags.into_iter().filter(|tag| (tag[0] % 4) & bounds == 0);
        options.lift = GRANTED.iter().copied().collect();
        options.terms = Some(Arc::new(Terms {
            tags: (bounds & 4 != 0).then(|| tags.collect()),
            records: (bounds & 8 != 0).then_some(u64::from(bounds >> 6)),
            bytes: (bounds & 16 != 0).then(|| bytes.index(body.len() + 1) as u64),
            rules: (bounds & 32 != 0).then(|| vec!["$.code".to_owned()]),
            evidence: options.lift,
            tag_key: TagKey::new(&[7; 32]),
        }));
        let whole = run(&rules, &options, [body.as_bytes()]);
        prop_assert!(serde_json::from_str::<Value>(&whole.0).is_ok(), "{}", whole.0);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|pair| &body.as_bytes()[pair[0]..pair[1]]);
        prop_assert_eq!(&run(&rules, &options, chunks), &whole);
        prop_assert_eq!(&run(&rules, &options, body.as_bytes().chunks(1)), &whole);
    }

    #[test]
    fn what_was_seen_and_granted_comes_out(body in json()) {
        let rules = rules();
        let options = tagged(GRANTED);
        let (_, seen) = run(&rules, &options, [body.as_bytes()]);
        let Ok((_, tags, true)) = seen else { return Ok(()) };
        let mut options = under(options, tags.into_iter().collect());
        let (out, result) = run(&rules, &options, [body.as_bytes()]);
        let drift = *result.unwrap().0.drift_by_class();
        prop_assert_eq!(drift.iter().sum::<u64>(), 0);
        options.terms = None;
        prop_assert_eq!(out, run(&rules, &options, [body.as_bytes()]).0);
    }

    #[test]
    fn valid_json_comes_out_and_masking_it_again_changes_nothing(body in json(), is_custom in any::<bool>()) {
        let rules = if is_custom { custom_rules() } else { rules() };
        let (out, result) = mask(&rules, Options::default(), body.as_bytes());
        prop_assert!(result.is_ok(), "{:?}", result);
        prop_assert!(serde_json::from_slice::<Value>(&out).is_ok(), "{}", String::from_utf8_lossy(&out));
        let (again, _) = mask(&rules, Options::default(), &out);
        prop_assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&out));
    }

    #[test]
    fn without_rules_every_byte_comes_out_as_it_came(body in json()) {
        let (out, result) = mask(&no_rules(), Options::default(), body.as_bytes());
        prop_assert!(result.is_ok());
        prop_assert_eq!(out, body.into_bytes());
    }

    #[test]
    fn planted_identifiers_never_come_out(body in json()) {
        let (out, _) = mask(&all_profiles(), Options::default(), body.as_bytes());
        let out: Value = serde_json::from_slice(&out).unwrap();
        let text = out.to_string();
        for canary in ["123-45-6789", "212-555-0123", "a@b.example"] {
            prop_assert!(!text.contains(canary), "{}", text);
        }
    }

    #[test]
    fn any_bytes_are_judged_alike_however_they_are_cut(body in proptest::collection::vec(
        proptest::sample::select(&b"{}[]:,\"\\u0d8 1e.-tnfalsru\n\xC3\xA9\xED\xF0"[..]), 0..40),
        framing in any::<bool>())
    {
        let options = if framing { crate::support::lines() } else { Options::default() };
        let whole = mask(&all_profiles(), options.clone(), &body).1;
        let single = mask_chunks(&all_profiles(), options, body.chunks(1)).1;
        prop_assert_eq!(&single, &whole);
        if !framing && serde_json::from_slice::<Value>(&body).is_ok() {
            prop_assert!(whole.is_ok());
        }
        if !framing && whole.is_ok() {
            let number = |error: &serde_json::Error| error.to_string().contains("number out of range");
            let theirs = serde_json::from_slice::<Value>(&body);
            prop_assert!(theirs.is_ok() || number(&theirs.unwrap_err()));
        }
    }
}
