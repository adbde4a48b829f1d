//! A rule set and a body: whatever the builder takes, the output keeps its promises.

use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use velum_engine::{
    Class, ClassSet, Generalize, Operator, Options, Replacement, Rule, Ruleset, Selector,
};

use crate::check::{mask_whole, same_in_chunks, stays_sound};

#[derive(Arbitrary)]
struct Policy<'a> {
    rules: Vec<Masking<'a>>,
    exempt: Vec<&'a str>,
    lifted: u8,
}

#[derive(Arbitrary)]
struct Masking<'a> {
    select: Select<'a>,
    class: u8,
    how: How<'a>,
}

#[derive(Arbitrary)]
enum Select<'a> {
    Key(&'a str),
    Path(&'a str),
    Steps(Vec<Step>),
}

#[derive(Arbitrary)]
enum Step {
    A,
    B,
    Any,
    Index(u8),
    AnyDepthA,
    AnyDepth,
}

/// Token, fpe, `date_shift` and generalize belong here.
#[derive(Arbitrary)]
enum How<'a> {
    Redact,
    Text(&'a str),
    Number(i64),
    Partial(u8),
    Null,
    Remove,
    Year,
}

fn path(steps: &[Step]) -> String {
    steps
        .iter()
        .take(6)
        .fold("$".into(), |path, step| match step {
            Step::A => path + ".a",
            Step::B => path + "['b']",
            Step::Any => path + "[*]",
            Step::Index(index) => format!("{path}[{index}]"),
            Step::AnyDepthA => path + "..a",
            Step::AnyDepth => path + "..*",
        })
}

fn rule(masking: &Masking<'_>) -> Rule {
    Rule {
        name: "a rule".into(),
        select: match &masking.select {
            Select::Key(key) => Selector::Keys(vec![(*key).to_owned()]),
            Select::Path(text) => Selector::Path((*text).to_owned()),
            Select::Steps(steps) => Selector::Path(path(steps)),
        },
        class: class(masking.class),
        operator: match masking.how {
            How::Redact => Operator::Redact,
            How::Text(text) => Operator::Replace(Replacement::text(text)),
            How::Number(number) => Operator::Replace(Replacement::number(number)),
            How::Partial(keep_last) => Operator::Partial { keep_last },
            How::Null => Operator::Null,
            How::Remove => Operator::Remove,
            How::Year => Operator::Generalize(Generalize::Year),
        },
    }
}

fn class(number: u8) -> Class {
    let class = Class::ALL.get(usize::from(number) % Class::ALL.len());
    class.copied().unwrap_or(Class::Other)
}

/// What the policy leaves of the input is the body.
///
/// # Panics
/// Where masked output is no JSON or depends on the cuts. That masking twice is masking once is
/// not asked here: a rule by index sees other elements once some are removed.
pub(crate) fn target(data: &[u8]) {
    // The policy is drawn from the first half, so that the body is readable in a corpus.
    let (head, body) = data.split_at(data.len() / 2);
    let Ok(policy) = Policy::arbitrary(&mut Unstructured::new(head)) else {
        return;
    };
    let mut builder = Ruleset::builder();
    for masking in policy.rules.iter().take(8) {
        builder = builder.rule(rule(masking));
    }
    for path in policy.exempt.iter().take(4) {
        builder = builder.exempt(path);
    }
    let Ok(rules) = builder.build().map(Arc::new) else {
        return;
    };
    let options = Options {
        lift: [class(policy.lifted)].into_iter().collect::<ClassSet>(),
        ..Options::default()
    };
    let whole = mask_whole(&rules, &options, body);
    same_in_chunks(&rules, &options, body, 7, &whole);
    if whole.1.is_ok() {
        stays_sound(options.framing, &whole.0);
    }
}
