//! A body under every profile and one rule of each operator: masked again, nothing changes.

use std::sync::{Arc, LazyLock};

use velum_engine::{
    Class, Generalize, Keyring, Operator, Options, Profile, Replacement, Rule, Ruleset, Selector,
};

use crate::check::{mask_whole, same_in_chunks, sound_and_stable};

fn rules() -> Option<Arc<Ruleset>> {
    let operators = [
        ("redact", Operator::Redact),
        (
            "text",
            Operator::Replace(Replacement::text("withheld \"\\")),
        ),
        ("number", Operator::Replace(Replacement::number(-1))),
        ("partial", Operator::Partial { keep_last: 4 }),
        ("null", Operator::Null),
        ("remove", Operator::Remove),
        ("year", Operator::Generalize(Generalize::Year)),
        ("zip", Operator::Generalize(Generalize::Zip3)),
        ("old", Operator::Generalize(Generalize::Age)),
        (
            "range",
            Operator::Generalize(Generalize::Range { width: 10 }),
        ),
        (
            "token",
            Operator::Token {
                prefix: "T-".into(),
            },
        ),
    ];
    let mut builder = Ruleset::builder();
    for (name, operator) in operators {
        let rule = |select| Rule {
            name: name.into(),
            select,
            class: Class::Other,
            operator: operator.clone(),
        };
        builder = builder
            .rule(rule(Selector::Keys(vec![name.into()])))
            .rule(rule(Selector::Path(format!("$..at.{name}"))));
    }
    let builder = Profile::STRICTEST
        .iter()
        .fold(builder, |builder, profile| builder.profile(*profile));
    builder.build().ok().map(Arc::new)
}

/// All of the input is the body.
///
/// # Panics
/// Where masked output is no JSON, or is masked further.
pub(crate) fn target(data: &[u8]) {
    static KEYS: LazyLock<Keyring> = LazyLock::new(|| {
        Keyring::new([(
            "fuzz".to_owned(),
            b"a key for fuzzing only, not a secret".to_vec(),
        )])
        .unwrap_or_default()
    });
    static RULES: LazyLock<Option<Arc<Ruleset>>> = LazyLock::new(rules);
    let Some(rules) = &*RULES else { return };
    let options = Options {
        keys: KEYS.clone(),
        ..Options::default()
    };
    let whole = mask_whole(rules, &options, data);
    same_in_chunks(rules, &options, data, 11, &whole);
    if whole.1.is_ok() {
        sound_and_stable(rules, &options, &whole.0);
    }
}
