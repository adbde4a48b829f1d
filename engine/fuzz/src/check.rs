//! What several targets check.

use std::sync::Arc;

use serde::de::IgnoredAny;
use velum_engine::{Error, ErrorKind, Framing, Inspector, Masker, Options, Report, Ruleset};

/// Deeper, `serde_json` gives up.
const DEPTH: usize = 100;

/// The output and the counts, or the error and what had left before it.
pub(crate) type Outcome = (Vec<u8>, Result<Report, Error>);

/// Masks a body given in chunks; a call that fails appends nothing.
pub(crate) fn mask<'a>(
    rules: &Arc<Ruleset>,
    options: &Options,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut masker = Masker::new(Arc::clone(rules), options.clone());
    let mut out = Vec::new();
    for chunk in chunks {
        let before = out.len();
        if let Err(error) = masker.feed(chunk, &mut out) {
            assert_eq!(out.len(), before, "a feed that fails appends nothing");
            assert_eq!(masker.feed(b" ", &mut out), Err(error), "an error stays");
            assert_eq!(masker.finish(&mut out), Err(error), "an error stays");
            assert_eq!(out.len(), before, "nothing follows an error");
            return (out, Err(error));
        }
    }
    let before = out.len();
    let was_closed = masker.is_closed();
    match masker.finish(&mut out) {
        Ok(()) => {
            assert!(
                !was_closed || out.len() == before,
                "what is closed holds nothing back"
            );
            let report = masker.report().clone();
            (out, Ok(report))
        }
        Err(error) => {
            assert!(!was_closed, "what is closed may end");
            assert_eq!(out.len(), before, "a finish that fails appends nothing");
            (out, Err(error))
        }
    }
}

/// Masks a body in one piece.
pub(crate) fn mask_whole(rules: &Arc<Ruleset>, options: &Options, body: &[u8]) -> Outcome {
    mask(rules, options, [body])
}

/// The output does not depend on how the body is cut: at the places given, and at every byte.
pub(crate) fn same_in_chunks(
    rules: &Arc<Ruleset>,
    options: &Options,
    body: &[u8],
    size: usize,
    whole: &Outcome,
) {
    for size in [1, size.max(1)] {
        let chunked = mask(rules, options, body.chunks(size));
        same_result(&chunked.1, &whole.1);
        if whole.1.is_ok() {
            assert!(
                chunked.0 == whole.0,
                "in chunks of {size}:\n{}\nwhole:\n{}",
                String::from_utf8_lossy(&chunked.0),
                String::from_utf8_lossy(&whole.0)
            );
        }
    }
}

/// The counts are the same, or the error is. A body that is wrong in two ways may be refused for
/// either: which fault is met first in a string longer than `limits.token_bytes` depends on the cut.
pub(crate) fn same_result(one: &Result<Report, Error>, other: &Result<Report, Error>) {
    let is_text = |error: &Error| matches!(error.kind, ErrorKind::Syntax | ErrorKind::Utf8);
    match (one, other) {
        (Err(one), Err(other)) if is_text(one) && is_text(other) => {}
        _ => assert_eq!(one, other, "the result depends on the cut"),
    }
}

/// What comes out of a sound body is sound, and masking it again changes nothing.
pub(crate) fn sound_and_stable(rules: &Arc<Ruleset>, options: &Options, out: &[u8]) {
    stays_sound(options.framing, out);
    let (again, result) = mask_whole(rules, options, out);
    assert!(result.is_ok(), "masked again: {result:?}");
    assert!(
        again == out,
        "masked once:\n{}\ntwice:\n{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(&again)
    );
}

/// What comes out of a sound body is sound.
pub(crate) fn stays_sound(framing: Framing, out: &[u8]) {
    assert_ne!(
        is_sound(framing, out),
        Some(false),
        "not sound: {}",
        String::from_utf8_lossy(out)
    );
}

/// The inspector reads a body as the masker does.
pub(crate) fn inspector_agrees(options: &Options, body: &[u8], size: usize, whole: &Outcome) {
    let mut inspector = Inspector::new(options.limits, options.framing);
    let fed = body
        .chunks(size.max(1))
        .try_for_each(|chunk| inspector.feed(chunk));
    let read = fed.and_then(|()| inspector.finish());
    let read = read.map(|()| Report::default());
    same_result(&read, &whole.1.clone().map(|_| Report::default()));
}

/// Whether `serde_json` takes the body, with what the engine is documented to see otherwise: a byte
/// order mark is accepted, a lone surrogate is not, and numbers have any size. `None`: nested too
/// deep to be compared.
pub(crate) fn is_sound(framing: Framing, body: &[u8]) -> Option<bool> {
    let body = match framing {
        Framing::Sequence => body,
        _ => body.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(body),
    };
    let Ok(text) = str::from_utf8(body) else {
        return Some(false);
    };
    match framing {
        Framing::Document | Framing::Events => is_text(text),
        Framing::Sequence => is_sequence(text),
        Framing::Concatenated => are_texts(text),
        Framing::Lines => {
            let lines = text
                .split('\n')
                .filter(|line| !line.trim_matches([' ', '\t', '\r']).is_empty());
            lines
                .map(is_text)
                .try_fold(true, |all, one| Some(all && one?))
        }
    }
}

/// Texts behind their separators, whole ones only.
fn is_sequence(text: &str) -> Option<bool> {
    let is_blank = |text: &str| text.trim_matches([' ', '\t', '\r', '\n']).is_empty();
    let mut parts = text.split('\u{1E}');
    if !parts.next().is_none_or(is_blank) {
        return Some(false);
    }
    let is_whole = |text: &str| {
        let ends = text.ends_with([' ', '\t', '\r', '\n', '"', ']', '}']);
        Some(ends && is_text(text)?)
    };
    parts
        .filter(|text| !is_blank(text))
        .map(is_whole)
        .try_fold(true, |all, one| Some(all && one?))
}

/// Texts one after the other, as `serde_json` reads them, with white space behind bare ones.
fn are_texts(text: &str) -> Option<bool> {
    if is_deep(text) {
        return None;
    }
    let blank = [' ', '\t', '\r', '\n'];
    let mut texts = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut start = 0;
    while let Some(result) = texts.next() {
        let end = texts.byte_offset();
        let (before, behind) = text.split_at_checked(end)?;
        let read = before.get(start..).unwrap_or_default();
        let is_bare = !read.trim_start_matches(blank).starts_with(['[', '{', '"']);
        if result.is_err() || (is_bare && !behind.is_empty() && !behind.starts_with(blank)) {
            return Some(false);
        }
        start = end;
    }
    Some(!has_lone_surrogate(text))
}

fn is_text(text: &str) -> Option<bool> {
    if is_deep(text) {
        return None;
    }
    Some(serde_json::from_str::<IgnoredAny>(text).is_ok() && !has_lone_surrogate(text))
}

/// Whether `serde_json` would give up.
fn is_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut most = 0;
    let mut quoted = false;
    let mut escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most > DEPTH
}

/// Whether sound JSON has the escape of half a character.
fn has_lone_surrogate(text: &str) -> bool {
    let mut rest = text;
    let mut high = false;
    while let Some(at) = rest.find('\\') {
        if high && at > 0 {
            return true;
        }
        let Some(escape) = rest.get(at + 1..) else {
            return high;
        };
        let unit = escape
            .strip_prefix('u')
            .and_then(|digits| u32::from_str_radix(digits.get(..4)?, 16).ok());
        let is_low = unit.is_some_and(|unit| (0xDC00..0xE000).contains(&unit));
        if high != is_low {
            return true;
        }
        high = unit.is_some_and(|unit| (0xD800..0xDC00).contains(&unit));
        let length = if unit.is_some() { 5 } else { 1 };
        rest = escape.get(length..).unwrap_or_default();
    }
    high
}

#[test]
fn halves_of_characters_are_seen() {
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800x\udc00""#,
        r#""\ud800\n""#,
        r#"["\ud800\ud800"]"#,
    ] {
        assert!(has_lone_surrogate(text), "{text}");
    }
    for text in [r#""\ud83d\ude00""#, r#""\\ud800""#, r#""\u0041\\""#, "1"] {
        assert!(!has_lone_surrogate(text), "{text}");
    }
}
