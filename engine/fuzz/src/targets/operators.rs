//! One scalar under one operator: what comes out is one scalar that tells no more than it may.

use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use serde_json::Value;
use velum_engine::{Class, Generalize, Operator, Options, Replacement, Rule, Ruleset, Selector};

use crate::check::{mask_whole, same_in_chunks, sound_and_stable};

#[derive(Arbitrary)]
struct Masking {
    how: How,
    class: u8,
    quoted: bool,
}

/// Token, fpe, `date_shift` and generalize belong here.
#[derive(Arbitrary, Clone, Copy)]
enum How {
    Redact,
    Text,
    Number,
    Boolean,
    Partial(u8),
    Null,
    Year,
}

impl How {
    fn operator(self) -> Operator {
        match self {
            Self::Redact => Operator::Redact,
            Self::Text => Operator::Replace(Replacement::text("withheld")),
            Self::Number => Operator::Replace(Replacement::number(0)),
            Self::Boolean => Operator::Replace(Replacement::boolean(false)),
            Self::Partial(keep) => Operator::Partial {
                keep_last: keep % 4 + 1,
            },
            Self::Null => Operator::Null,
            Self::Year => Operator::Generalize(Generalize::Year),
        }
    }

    /// How many characters of a value this operator may show.
    fn shows(self) -> usize {
        match self {
            Self::Partial(keep) => usize::from(keep % 4) + 1,
            Self::Year => 4,
            _ => 0,
        }
    }
}

/// What the operator leaves of the input is the value: the text of a string, or JSON as it is.
///
/// # Panics
/// Where the output is no scalar, is masked further, or shows more than the operator keeps.
pub(crate) fn target(data: &[u8]) {
    let Some((head, rest)) = data.split_at_checked(8) else {
        return;
    };
    let (Ok(masking), Ok(text)) = (
        Masking::arbitrary(&mut Unstructured::new(head)),
        str::from_utf8(rest),
    ) else {
        return;
    };
    let value = if masking.quoted {
        serde_json::to_string(text).unwrap_or_default()
    } else {
        text.to_owned()
    };
    let class = Class::ALL.get(usize::from(masking.class) % Class::ALL.len());
    let class = class.copied().unwrap_or(Class::Other);
    let rule = Rule {
        name: "a rule".into(),
        select: Selector::Keys(vec!["k".into()]),
        class,
        operator: masking.how.operator(),
    };
    let Ok(rules) = Ruleset::builder().rule(rule).build().map(Arc::new) else {
        return;
    };
    let body = format!("{{\"k\":{value}}}");
    let options = Options::default();
    let whole = mask_whole(&rules, &options, body.as_bytes());
    same_in_chunks(&rules, &options, body.as_bytes(), 3, &whole);
    if whole.1.is_err() {
        assert!(!masking.quoted, "{body}: {:?}", whole.1);
        return;
    }
    sound_and_stable(&rules, &options, &whole.0);
    let read = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
    let (Some(before), Some(after)) = (read(body.as_bytes()), read(&whole.0)) else {
        return;
    };
    let (before, after) = (&before["k"], &after["k"]);
    if let (Some(before), Some(after)) = (before.as_str(), after.as_str()) {
        shows_little(before, after, class, masking.how.shows());
    }
}

/// Beside what the operator writes itself, no more than so many characters of the value come out.
fn shows_little(before: &str, after: &str, class: Class, shows: usize) {
    if before == after {
        let fixed = before == "withheld" || before.starts_with("[masked:");
        assert!(
            fixed || before.chars().count() <= shows,
            "{before} comes out"
        );
        return;
    }
    let tail = after
        .strip_prefix("[masked:")
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|rest| rest.strip_prefix(class.name()));
    match tail {
        Some(tail) => assert!(tail.chars().count() <= shows + 1, "{after} shows too much"),
        None => assert!(
            after == "withheld" || after.len() <= shows,
            "{after} shows too much"
        ),
    }
}
