//! A text under a member name, with every detector and names to be mentioned: no cut changes what
//! comes out, what comes out is sound, and masked again it is the same.

use std::sync::{Arc, LazyLock};

use velum_engine::{Class, ClassSet, Options, ProfileDocument, Ruleset};

use crate::check::{mask_whole, same_in_chunks, sound_and_stable, stays_sound};

/// Detectors alone, with a name that teaches.
const PROFILE: &str = r#"{"profile": "all", "version": 1, "about": "Every detector.",
    "rules": [{"class": "name", "keys": ["surname"]}],
    "detectors": ["identifiers", "credentials"], "mentions": true}"#;

/// Names of members, of which most speak for a detector.
const NAMES: &[&str] = &[
    "note",
    "ssn",
    "npi",
    "mrn",
    "phone",
    "accountNumber",
    "vin",
    "date",
    "age",
    "zip",
    "password",
    "card",
    "iban",
    "ip",
    "memberId",
    "text",
];

pub(crate) fn rules() -> Option<Arc<Ruleset>> {
    let profile = ProfileDocument::from_json(PROFILE).ok()?;
    Ruleset::builder()
        .document(profile)
        .build()
        .ok()
        .map(Arc::new)
}

/// A document with that text under a name, and a name that the text may mention.
pub(crate) fn document(name: u8, surname: &str, text: &str) -> Vec<u8> {
    let name = NAMES
        .get(usize::from(name) % NAMES.len())
        .unwrap_or(&"note");
    let string = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let (surname, text) = (string(surname), string(text));
    format!(r#"{{"surname":{surname},"{name}":{text},"list":[{text}]}}"#).into_bytes()
}

/// The first byte chooses the name and what is lifted, four are a surname, the rest is the text.
///
/// # Panics
/// Where a property does not hold.
pub(crate) fn target(data: &[u8]) {
    static RULES: LazyLock<Option<Arc<Ruleset>>> = LazyLock::new(rules);
    let (Some(rules), Some((head, text))) = (&*RULES, data.split_at_checked(5)) else {
        return;
    };
    let (Some((choice, surname)), Ok(text)) = (head.split_first(), str::from_utf8(text)) else {
        return;
    };
    let lifted = [Class::Phone, Class::Date, Class::Ssn, Class::Name];
    let lifted = lifted
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| choice >> 4 >> bit & 1 == 1)
        .map(|(_, class)| class);
    let options = Options {
        lift: lifted.collect::<ClassSet>(),
        ..Options::default()
    };
    let body = document(*choice, &String::from_utf8_lossy(surname), text);
    let whole = mask_whole(rules, &options, &body);
    assert!(whole.1.is_ok(), "{:?}", whole.1);
    same_in_chunks(rules, &options, &body, text.len() / 2 + 1, &whole);
    // What is lifted stands beside placeholders then, and may be read as a part of something else.
    if options.lift.is_empty() {
        sound_and_stable(rules, &options, &whole.0);
    } else {
        stays_sound(options.framing, &whole.0);
    }
}
