//! Limits, cuts and a body: no cut changes what comes out.

use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary, Unstructured};
use velum_engine::{
    Class, ClassSet, Framing, Limits, Operator, Options, Profile, Rule, Ruleset, Selector,
};

use crate::check::{inspector_agrees, mask, mask_whole, same_in_chunks, same_result};

/// How the body, which is all that follows, is read.
#[derive(Arbitrary)]
struct Reading {
    framing: u8,
    depth: u8,
    token_bytes: u8,
    held_bytes: u8,
    lifted: u8,
    size: u8,
    cut: u8,
    members: u8,
    keys: u8,
}

fn rules() -> Option<Arc<Ruleset>> {
    let remove = |path: &str| Rule {
        name: path.into(),
        select: Selector::Path(path.into()),
        class: Class::Other,
        operator: Operator::Remove,
    };
    let builder = Ruleset::builder()
        .rule(remove("$..drop"))
        .rule(remove("$..line[*]"));
    let builder = Profile::STRICTEST
        .iter()
        .fold(builder, |builder, profile| builder.profile(*profile));
    builder.build().ok().map(Arc::new)
}

/// # Panics
/// Where the output depends on how the body is cut.
pub(crate) fn target(data: &[u8]) {
    static RULES: LazyLock<Option<Arc<Ruleset>>> = LazyLock::new(rules);
    let Some(rules) = &*RULES else { return };
    let Some((head, body)) = data.split_at_checked(10) else {
        return;
    };
    let Ok(reading) = Reading::arbitrary(&mut Unstructured::new(head)) else {
        return;
    };
    let lifted = [Class::Name, Class::Ssn, Class::Identifier, Class::Date];
    let lifted = lifted
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| reading.lifted >> bit & 1 == 1)
        .map(|(_, class)| class);
    let options = Options {
        framing: match reading.framing % 4 {
            0 => Framing::Document,
            1 => Framing::Lines,
            2 => Framing::Sequence,
            _ => Framing::Concatenated,
        },
        limits: Limits {
            depth: usize::from(reading.depth % 16) + 1,
            token_bytes: usize::from(reading.token_bytes),
            held_bytes: usize::from(reading.held_bytes),
            members: usize::from(reading.members) + 1,
            keys: usize::from(reading.keys) + 1,
        },
        lift: lifted.collect::<ClassSet>(),
        ..Options::default()
    };
    let whole = mask_whole(rules, &options, body);
    same_in_chunks(rules, &options, body, usize::from(reading.size), &whole);
    let (left, right) = body.split_at(usize::from(reading.cut).min(body.len()));
    let cut = mask(rules, &options, [left, &[], right]);
    same_result(&cut.1, &whole.1);
    assert!(
        whole.1.is_err() || cut.0 == whole.0,
        "cut at {}",
        reading.cut
    );
    inspector_agrees(&options, body, usize::from(reading.size), &whole);
}
