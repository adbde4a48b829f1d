//! A body under every profile and one rule of each operator: masked again, nothing changes.

use std::sync::{Arc, LazyLock};

use velum_engine::{Class, Operator, Options, Profile, Replacement, Rule, Ruleset, Selector};

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
        ("year", Operator::Year),
        // token, fpe, date_shift and generalize belong here.
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
    let builder = Profile::ALL
        .iter()
        .fold(builder, |builder, profile| builder.profile(*profile));
    builder.build().ok().map(Arc::new)
}

/// All of the input is the body.
///
/// # Panics
/// Where masked output is no JSON, or is masked further.
pub(crate) fn target(data: &[u8]) {
    static RULES: LazyLock<Option<Arc<Ruleset>>> = LazyLock::new(rules);
    let Some(rules) = &*RULES else { return };
    let options = Options::default();
    let whole = mask_whole(rules, options, data);
    same_in_chunks(rules, options, data, 11, &whole);
    if whole.1.is_ok() {
        sound_and_stable(rules, options, &whole.0);
    }
}
