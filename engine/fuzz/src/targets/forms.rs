//! A form with a secret in it, under a name that the rules select: it is refused, or comes out as a form
//! of the same pairs without the secret.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use velum_engine::{Class, Masker, Operator, Options, Profile, Rule, Ruleset, Selector, mask_form};

/// Not of any form that a detector knows: only the name tells.
pub(crate) const SECRET: &str = "Thistlewood-keeps-bees";

/// Spellings of a name that the rules select.
const NAMES: &[&str] = &["keeper", "Keeper", "%6beeper", "KEEPER", "kee%70er"];

pub(crate) fn rules() -> Option<Arc<Ruleset>> {
    let rule = Rule {
        name: "keeper".into(),
        select: Selector::Keys(vec!["keeper".into()]),
        class: Class::Other,
        operator: Operator::Redact,
    };
    let builder = Ruleset::builder().profile(Profile::Pii).rule(rule);
    builder.build().ok().map(Arc::new)
}

pub(crate) static RULES: LazyLock<Option<Arc<Ruleset>>> = LazyLock::new(rules);

/// The first two bytes say how the secret is spelled and behind which of the pairs it stands.
///
/// # Panics
/// Where the secret comes out, or other pairs than those that came.
pub(crate) fn target(data: &[u8]) {
    let Some(rules) = &*RULES else { return };
    let Some(([spelling, place], body)) = data.split_first_chunk::<2>() else {
        return;
    };
    let Ok(body) = str::from_utf8(body) else {
        return;
    };
    let mask = |form: &str| {
        let mut masker = Masker::new(Arc::clone(rules), Options::default());
        let form = mask_form(&mut masker, form)?;
        Some((form, masker.report().masked_total()))
    };
    let mut pairs: Vec<&str> = body.split('&').collect();
    let name = NAMES.get(usize::from(*spelling) % NAMES.len());
    let value = if spelling & 0x80 == 0 {
        SECRET.to_owned()
    } else {
        encoded(SECRET)
    };
    let secret = format!("{}={value}", name.copied().unwrap_or_default());
    pairs.insert(usize::from(*place) % (pairs.len() + 1), &secret);
    let Some((form, masked)) = mask(&pairs.join("&")) else {
        return;
    };
    assert!(masked > 0, "nothing is masked in {form}");
    let has_own = decoded(body).contains(SECRET);
    assert!(has_own || !decoded(&form).contains(SECRET), "{form}");
    let names = |form: &str| {
        let names = form.split('&').map(|pair| pair.split('=').next());
        names
            .map(|name| name.unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&form), names(&pairs.join("&")));
    let (again, _) = mask(&form).unwrap_or_default();
    assert_eq!(again, form, "masked twice");
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let _infallible = write!(out, "%{byte:02x}");
    }
    out
}

/// Decoded as anyone would, and what is no text left out.
fn decoded(form: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = form.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        let code = (*byte == b'%').then(|| Some(digit(0)? << 4 | digit(1)?));
        let code = code.flatten().and_then(|code| u8::try_from(code).ok());
        rest = match code {
            Some(_) => behind.get(2..).unwrap_or_default(),
            None => behind,
        };
        bytes.push(code.unwrap_or(*byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
