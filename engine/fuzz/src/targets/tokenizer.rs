//! Bytes as a body without any rule: what is JSON comes out as it came, nothing else is accepted.

use std::sync::{Arc, LazyLock};

use velum_engine::{Framing, Options, Ruleset};

use crate::check::{inspector_agrees, is_sound, mask_whole, same_in_chunks};

/// All of the input is the body, read as one text and as several.
///
/// # Panics
/// Where the engine and `serde_json` differ otherwise than documented.
pub(crate) fn target(data: &[u8]) {
    static RULES: LazyLock<Option<Arc<Ruleset>>> =
        LazyLock::new(|| Ruleset::builder().build().ok().map(Arc::new));
    let Some(rules) = &*RULES else { return };
    for framing in [
        Framing::Document,
        Framing::Lines,
        Framing::Sequence,
        Framing::Concatenated,
    ] {
        let options = Options {
            framing,
            ..Options::default()
        };
        let whole = mask_whole(rules, &options, data);
        if let Some(sound) = is_sound(framing, data) {
            assert_eq!(whole.1.is_ok(), sound, "{framing:?}: {:?}", whole.1);
        }
        if whole.1.is_ok() {
            assert!(whole.0 == data, "what no rule touches comes out as it came");
        }
        same_in_chunks(rules, &options, data, 7, &whole);
        inspector_agrees(&options, data, 5, &whole);
    }
}
