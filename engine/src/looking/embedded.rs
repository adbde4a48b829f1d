//! Encodings that stand within other text: base64, and tokens (JWT, RFC 7519). The signature of a token
//! would say that header and payload are what they were, and goes with what is masked in them.

use std::ops::Range;

use super::base64::{self, Decoded, begins, decode};
use super::{DEEPEST, whole};
use crate::Class;
use crate::mask::{Context, masked_text};
use crate::tally::Tally;

/// A shorter run within other text is not taken for base64.
const SHORTEST: usize = 24;

/// Lines so long and longer go on in the next, if that is as long or the last.
const LINE: usize = 20;

/// Lines so long and longer go on in any: those of mail have 76 characters, those of keys 64.
const LONG_LINE: usize = 60;

/// So many parts a token has at most.
const MOST_PARTS: usize = 5;

/// What parts a run of characters that is no base64 as a whole: first lines, then paths of addresses.
const PARTING: [&[u8]; 4] = [b"", LINES, b"/", b"/+-_"];

/// What parts lines, with what they are indented by.
const LINES: &[u8] = b"\r\n \t";

/// An encoding of text.
struct Code {
    range: Range<usize>,
    parts: Vec<(Range<usize>, Decoded)>,
    /// Where the signature is.
    signature: Option<Range<usize>>,
}

/// Whether a text may have an encoding in it; of a text that has none that is seen soon.
pub(super) fn may_be_in(text: &[u8]) -> bool {
    /// What a JSON object begins with in base64.
    const OBJECTS: [&[u8]; 3] = [b"eyJ", b"eyA", b"ew"];
    let mut is_there = false;
    for run in runs(text) {
        let bytes = text.get(run.clone()).unwrap_or_default();
        is_there |= memchr::memchr(b'.', bytes).is_some()
            && OBJECTS
                .iter()
                .any(|start| memchr::memmem::find(bytes, start).is_some());
        for unit in units(text, run) {
            pieces(text, unit, &PARTING, &mut |piece| {
                let start = piece.start..piece.end.min(piece.start + base64::SHORTEST);
                let begins = text.get(start).is_some_and(|start| begins(start).is_some());
                is_there |= begins;
                begins
            });
        }
        if is_there {
            return true;
        }
    }
    false
}

/// The text with what is encoded in it masked; `None`: it stays as it is.
pub(super) fn masked(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    let mut codes = Vec::new();
    for run in runs(text.as_bytes()) {
        add_codes(text, run, &mut codes);
    }
    if codes.is_empty() {
        return None;
    }
    // What a detector takes as a whole is not looked into.
    let secrets = context.rules.detectors.secrets(text, context.cues);
    let mut out = String::new();
    let mut copied = 0;
    for code in codes {
        let overlaps =
            |secret: &Range<usize>| secret.start < code.range.end && code.range.start < secret.end;
        if secrets.iter().any(overlaps) {
            continue;
        }
        let mut parts = masked_parts(context, &code.parts, tally);
        if parts.is_empty() {
            // Lines may be encodings each by itself.
            parts = masked_parts(context, &lines(text, code.range), tally);
        }
        let is_masked = !parts.is_empty();
        for (part, masked) in parts {
            out += text.get(copied..part.start)?;
            out += &masked;
            copied = part.end;
        }
        if let (true, Some(signature)) = (is_masked, code.signature) {
            out += text.get(copied..signature.start)?;
            out += "[masked:";
            out += Class::Credential.name();
            out.push(']');
            copied = signature.end;
        }
    }
    if copied == 0 {
        return None;
    }
    out += text.get(copied..)?;
    Some(out)
}

/// What parts become that do not stay as they are.
fn masked_parts(
    context: Context<'_>,
    parts: &[(Range<usize>, Decoded)],
    tally: &mut Tally,
) -> Vec<(Range<usize>, String)> {
    let parts = parts.iter();
    let masked = parts.filter_map(|(part, decoded)| {
        let masked = masked_part(context, decoded, tally)?;
        Some((part.clone(), masked))
    });
    masked.collect()
}

/// The lines of an encoding that has several, each decoded.
fn lines(text: &str, code: Range<usize>) -> Vec<(Range<usize>, Decoded)> {
    let mut lines = Vec::new();
    let bytes = text.as_bytes();
    let has_lines = |bytes| memchr::memchr(b'\n', bytes).is_some();
    if bytes.get(code.clone()).is_some_and(has_lines) {
        pieces(bytes, code, &[LINES], &mut |line| {
            lines.extend(
                text.get(line.clone())
                    .and_then(decode)
                    .map(|one| (line, one)),
            );
            true
        });
    }
    lines
}

pub(super) fn masked_part(
    context: Context<'_>,
    decoded: &Decoded,
    tally: &mut Tally,
) -> Option<String> {
    if context.depth >= DEEPEST {
        return Some(whole(tally));
    }
    let context = Context {
        depth: context.depth + 1,
        lifted: context.lifted.part(),
        ..context
    };
    let masked = masked_text(context, &decoded.text, tally)?;
    Some(decoded.encode(&masked).unwrap_or_else(|| whole(tally)))
}

/// Adds the encodings in a run.
fn add_codes(text: &str, run: Range<usize>, codes: &mut Vec<Code>) {
    let bytes = text.as_bytes();
    let mut from = run.start;
    for unit in units(bytes, run.clone()) {
        if unit.start < from {
            continue;
        }
        if let Some(token) = token(text, unit.clone(), run.end) {
            from = token.range.end;
            codes.push(token);
            continue;
        }
        pieces(bytes, unit, &PARTING, &mut |piece| {
            let decoded = text.get(piece.clone()).and_then(decode);
            let is_one = decoded.is_some();
            codes.extend(decoded.map(|decoded| Code {
                range: piece.clone(),
                parts: vec![(piece, decoded)],
                signature: None,
            }));
            is_one
        });
    }
}

/// The token whose header is, or ends, a unit of the run that ends there.
fn token(text: &str, unit: Range<usize>, run_end: usize) -> Option<Code> {
    let bytes = text.as_bytes();
    let dot = unit.end;
    let before = bytes.get(unit).filter(|_| bytes.get(dot) == Some(&b'.'))?;
    let part_at = |start: usize| {
        let rest = bytes.get(start..run_end)?;
        let length = rest.iter().take_while(|byte| is_url(**byte)).count();
        (length > 0).then_some(start..start + length)
    };
    let length = before
        .iter()
        .rev()
        .take_while(|byte| is_url(**byte))
        .count();
    let (header, decoded) = header(text, dot - length..dot)?;
    let payload = part_at(dot + 1)?;
    let mut parts = vec![(header.clone(), decoded)];
    let mut end = payload.end;
    if let Some(decoded) = text.get(payload.clone()).and_then(decode) {
        parts.push((payload.clone(), decoded.unpadded()));
    }
    for _ in 2..MOST_PARTS {
        match part_at(end + 1).filter(|_| bytes.get(end) == Some(&b'.')) {
            Some(part) => end = part.end,
            None => break,
        }
    }
    Some(Code {
        range: header.start..end,
        parts,
        signature: (end > payload.end).then_some(payload.end + 1..end),
    })
}

/// A JSON object in base64url at the end of a part, which may be glued to a word.
fn header(text: &str, part: Range<usize>) -> Option<(Range<usize>, Decoded)> {
    let bytes = text.as_bytes().get(part.clone())?;
    let is_begun = |at: &usize| {
        let next = bytes.get(at + 1);
        bytes.get(*at) == Some(&b'e') && matches!(next, Some(b'y' | b'w'))
    };
    let few = memchr::memchr_iter(b'e', bytes).filter(is_begun).take(8);
    let mut starts = few.map(|at| part.start + at..part.end);
    starts.find_map(|header| {
        let decoded = decode(text.get(header.clone())?)?.unpadded();
        let object = decoded.text.trim();
        let is_object = object.starts_with('{') && object.ends_with('}');
        is_object.then_some((header, decoded))
    })
}

/// Calls back with a part of a text, and where that is false with the parts of it.
fn pieces(
    text: &[u8],
    part: Range<usize>,
    parting: &[&[u8]],
    is_one: &mut dyn FnMut(Range<usize>) -> bool,
) {
    let (Some((signs, rest)), Some(bytes)) = (parting.split_first(), text.get(part.clone())) else {
        return;
    };
    let mut start = part.start;
    for piece in bytes.split(|byte| signs.contains(byte)) {
        let range = start..start + piece.len();
        start = range.end + 1;
        if piece.len() >= SHORTEST && is_likely(piece) && !is_one(range.clone()) {
            pieces(text, range, rest, is_one);
        }
    }
}

/// Of base64 of a text, two in five are capital letters; UUIDs, words and paths have few.
fn is_likely(piece: &[u8]) -> bool {
    let capitals = piece.iter().filter(|byte| byte.is_ascii_uppercase());
    capitals.count() * 12 >= piece.len()
}

/// The parts of a run that may be an encoding: with padding at the end alone.
fn units(text: &[u8], run: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut from = run.start;
    std::iter::from_fn(move || {
        let rest = text.get(from..run.end)?;
        let start = from + rest.iter().position(|byte| !is_between(*byte))?;
        let rest = text.get(start..run.end)?;
        let length = rest.iter().take_while(|byte| !is_between(**byte)).count();
        let behind = rest.get(length..)?.iter();
        let padding = behind.take(2).take_while(|byte| **byte == b'=').count();
        from = start + length + padding;
        Some(start..from)
    })
}

fn is_between(byte: u8) -> bool {
    matches!(byte, b'=' | b'.')
}

fn is_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_code(byte: u8) -> bool {
    /// What encodings are written with, by byte.
    const CODE: [bool; 256] = {
        let mut code = [false; 256];
        let all = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=.";
        let mut at = 0;
        while at < all.len() {
            #[expect(clippy::indexing_slicing, reason = "checked when this is compiled")]
            {
                code[all[at] as usize] = true;
            }
            at += 1;
        }
        code
    };
    CODE.get(usize::from(byte)).is_some_and(|is| *is)
}

fn ends_padded(text: &[u8], end: usize) -> bool {
    text.get(..end).is_some_and(|text| text.ends_with(b"="))
}

/// The long runs of what encodings are written with. Lines of base64 are one.
fn runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        // From the end of where a run would be: words and what stands between them are passed at once.
        while let Some(near) = text.get(from..from + LINE) {
            if let Some(between) = near.iter().rposition(|byte| !is_code(*byte)) {
                from += between + 1;
                continue;
            }
            let start = from;
            from = run_end(text, start);
            let has_capital = |run: &[u8]| run.iter().any(u8::is_ascii_uppercase);
            if text.get(start..from).is_some_and(has_capital) {
                return Some(start..from);
            }
        }
        None
    })
}

/// Where the run ends that begins there. Lines of one length, and one that is shorter behind them, are one
/// run, with what they are indented by.
fn run_end(text: &[u8], start: usize) -> usize {
    let length_at = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        rest.iter().take_while(|byte| is_code(**byte)).count()
    };
    let first = length_at(start);
    let (mut end, mut length, mut gap) = (start + first, first, None);
    loop {
        let is_long = length >= LONG_LINE && length.is_multiple_of(4);
        if !is_long && (length != first || length < LINE) || ends_padded(text, end) {
            break;
        }
        let behind = text.get(end..).unwrap_or_default();
        let is_space = |byte: &&u8| matches!(byte, b'\r' | b'\n' | b' ' | b'\t');
        let spaces = behind.iter().take_while(is_space).count();
        let spaces = behind.get(..spaces).unwrap_or_default();
        let is_break = spaces.starts_with(b"\n") || spaces.starts_with(b"\r\n");
        let is_one = is_break && memchr::memchr_iter(b'\n', spaces).count() == 1;
        let next = length_at(end + spaces.len());
        let goes_on = next > 0 && (is_long || next <= first);
        if !is_one || *gap.get_or_insert(spaces) != spaces || !goes_on {
            break;
        }
        (end, length) = (end + spaces.len() + next, next);
    }
    end
}
