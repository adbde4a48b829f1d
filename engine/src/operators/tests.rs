//! What holds of every operator.

use proptest::prelude::*;

use super::testing::written;
use super::*;

/// Values of every kind that an operator knows, and some that look like them.
const TEXTS: &[&str] = &[
    "",
    "x",
    "12",
    "123456",
    "4111111111111111",
    "123-45-6789",
    "1980",
    "1980-02-03",
    "19800203",
    "1980-02-03T04:05:06Z",
    "02139",
    "02139-1234",
    "021",
    "000",
    "036",
    "94",
    "94 years",
    "90+",
    "89.5",
    "47",
    "-0.5",
    "40-49",
    "-10--1",
    "[masked:ssn]",
    "[masked:ssn:6789]",
    "[masked:soul]",
    "MRN-aaaaaaaaaaaaaaaaaaaaaa",
    "é\u{1F600}\"\\\n",
    "true",
];

fn operators() -> Vec<Operator> {
    let mut operators: Vec<_> = Operator::REFERENCE
        .iter()
        .map(OperatorDoc::operator)
        .collect();
    operators
        .extend([1, 7, u32::MAX].map(|width| Operator::Generalize(Generalize::Range { width })));
    operators.push(Operator::Token {
        prefix: String::new(),
    });
    operators.push(Operator::Replace(Replacement::number(-1)));
    operators
}

fn is_idempotent(operator: &Operator) -> bool {
    !matches!(operator, Operator::Fpe(_) | Operator::DateShift { .. })
}

/// A scalar: a string with or without escapes, a number or a boolean.
fn scalar() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        proptest::sample::select(TEXTS).prop_map(str::to_owned),
        ".{0,12}",
        "[0-9A-Za-z .:+-]{0,24}",
    ];
    let string = (text, any::<bool>()).prop_map(|(text, escapes)| {
        if escapes {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            format!("\"{}\"", units.collect::<String>())
        } else {
            serde_json::to_string(&text).unwrap()
        }
    });
    prop_oneof![
        4 => string,
        2 => "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?",
        1 => proptest::sample::select(&["true", "false"][..]).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn the_output_is_json_and_masking_it_again_changes_nothing(source in scalar()) {
        let keys = Keyring::of(&[1]);
        for keys in [&keys, Keyring::none()] {
            let setting = Setting { class: Class::Other, keys, year: 2026, subject: Some("Patient/1") };
            for operator in operators() {
                let once = written(&operator, &source, setting);
                let value = serde_json::from_str::<serde_json::Value>(&once);
                prop_assert!(value.is_ok_and(|value| !value.is_object() && !value.is_array()), "{once}");
                let twice = written(&operator, &once, setting);
                if is_idempotent(&operator) || keys.is_empty() {
                    prop_assert_eq!(twice, once, "{:?}", operator);
                }
            }
        }
    }
}

#[test]
fn keyed_operators_without_a_key_redact() {
    let setting = Setting {
        subject: Some("Patient/1"),
        ..Class::Mrn.into()
    };
    let keyed = operators().into_iter().filter(Operator::needs_key);
    for operator in keyed {
        for source in ["\"123456\"", "123456", "\"1980-02-03\"", "\"\"", "true"] {
            assert_eq!(written(&operator, source, setting), "\"[masked:mrn]\"");
        }
    }
}

#[test]
fn exact_placeholders_stay_and_a_value_that_was_not_seen_is_redacted() {
    let keys = Keyring::of(&[1]);
    let setting = Setting {
        class: Class::Mrn,
        keys: &keys,
        year: Options::EARLIEST_YEAR,
        subject: Some("Patient/1"),
    };
    for operator in operators().into_iter().filter(Operator::reads) {
        for placeholder in [
            "\"[masked:ssn]\"",
            "\"[masked:ssn:6789]\"",
            "\"\\u005bmasked:ssn]\"",
        ] {
            assert_eq!(written(&operator, placeholder, setting), placeholder);
        }
        let almost = "\"[masked:ssn:12345]\"";
        assert_ne!(written(&operator, almost, setting), almost, "{operator:?}");
        assert_eq!(written(&operator, "", setting), "\"[masked:mrn]\"");
    }
}

#[test]
fn parameters_out_of_their_bounds_are_refused() {
    for operator in [
        Operator::Partial { keep_last: 0 },
        Operator::Partial { keep_last: 5 },
        Operator::Token {
            prefix: "a b".to_owned(),
        },
        Operator::DateShift { days: 0 },
        Operator::DateShift { days: 3651 },
        Operator::Generalize(Generalize::Range { width: 0 }),
    ] {
        assert!(operator.check().is_err(), "{operator:?}");
    }
}
