//! A text in encodings of each other: no cut changes what comes out, what comes out is sound, and
//! masked again it is the same.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use velum_engine::{Options, Ruleset};

use super::detectors::{document, rules};
use crate::check::{mask_whole, same_in_chunks, sound_and_stable};

/// A text in one more encoding.
fn encoded(text: &str, choice: u8) -> String {
    match choice % 8 {
        0 => text.to_owned(),
        1 => STANDARD.encode(text),
        2 => URL_SAFE_NO_PAD.encode(text),
        3 => String::from_utf8_lossy(&document(choice / 8, "", text)).into_owned(),
        4 => text
            .bytes()
            .fold(String::new(), |out, byte| out + &format!("%{byte:02X}")),
        5 => text.chars().fold(String::new(), |out, letter| {
            out + &format!("<b>&#{};</b>", u32::from(letter))
        }),
        6 => format!("data:text/plain;base64,{}", STANDARD_NO_PAD.encode(text)),
        _ => {
            let payload = document(choice / 8, "", text);
            format!(
                "eyJhbGciOiJub25lIn0.{}.c2ln",
                URL_SAFE_NO_PAD.encode(payload)
            )
        }
    }
}

/// The first byte chooses the name, three the encodings, the rest is the text.
///
/// # Panics
/// Where a property does not hold.
pub(crate) fn target(data: &[u8]) {
    static RULES: LazyLock<Option<Arc<Ruleset>>> = LazyLock::new(rules);
    let (Some(rules), Some((head, text))) = (&*RULES, data.split_at_checked(4)) else {
        return;
    };
    let (Some((name, encodings)), Ok(text)) = (head.split_first(), str::from_utf8(text)) else {
        return;
    };
    let encode = |text: String, choice: &u8| encoded(&text, *choice);
    let text = encodings.iter().fold(text.to_owned(), encode);
    let body = document(*name, "Quillan", &text);
    let options = Options::default();
    let whole = mask_whole(rules, &options, &body);
    assert!(whole.1.is_ok(), "{:?}", whole.1);
    same_in_chunks(rules, &options, &body, text.len() / 2 + 1, &whole);
    sound_and_stable(rules, &options, &whole.0);
}
