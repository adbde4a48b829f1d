//! Tokens that begin with what says whose they are; see [`families`](super::families).
//!
//! One pass over the text. A prefix with a separator is looked for at each separator, so that it is
//! found glued to a word, too; others where a word begins. A checksum makes a find surer, and a
//! wrong one no less sure than the prefix does.

use std::ops::Range;

use super::super::{Detector, Found, Probe, Shapes, Strength};
use super::alphabet::Alphabet;
use super::families::{BARE, Check, Family, Lists, SEPARATED};
use crate::Class;

pub(crate) const PREFIXED: Detector = Detector {
    name: "api-token",
    class: Class::Credential,
    shapes: SHAPES,
    words: WORDS,
    find,
};

/// The tail of nearly every family is so long; the secrets of Azure have a tilde.
const SHAPES: Shapes = Shapes::LONG.or(Shapes::TOKEN).or(Shapes::SIGN);

const WORDS: &[&str] = &[
    "token",
    "secret",
    "api key",
    "apikey",
    "access key",
    "accesskey",
    "bot",
    "telegram",
];

/// What tokens are glued to; the same in lower case.
const GLUED: &[&[u8]] = &[b"token", b"secret", b"apikey", b"key"];

/// Within so many bytes of a tail there is what makes it one.
const TELLING: usize = 256;

/// What has no digit is at least so long: [`Shapes::LONG`].
const LONG: usize = 20;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut end, mut before) = (0, Alphabet::DIGIT);
    let begins = |kind: Alphabet| Alphabet::ALNUM.meets(kind);
    for (at, &byte) in bytes.iter().enumerate() {
        let kind = Alphabet::of(byte);
        let is_separator = Alphabet::SEPARATOR.meets(kind);
        let is_start = begins(kind) && (at == 0 || !begins(before));
        before = kind;
        if at < end || !(is_separator || is_start || byte == b':') {
            continue;
        }
        let token = if is_separator {
            behind_separator(probe, end, at)
        } else if is_start {
            at_start(probe, at)
        } else {
            telegram(probe, end, at)
        };
        if let Some((range, strength)) = token {
            end = range.end;
            found(range, strength);
        }
    }
}

type Token = Option<(Range<usize>, Strength)>;

/// A token whose prefix has its first separator here.
fn behind_separator(probe: &Probe<'_>, from: usize, at: usize) -> Token {
    let bytes = probe.bytes();
    let before = *bytes.get(at.checked_sub(1)?)?;
    let known = SEPARATED.of(before).find_map(|family| {
        let start = at.checked_sub(family.separator()?)?;
        (start >= from)
            .then(|| token(probe, family, start))
            .flatten()
    });
    known
        .or_else(|| azure(probe, from, at))
        .or_else(|| discord(probe, from, at))
}

/// A token that begins here, or behind a word that it is glued to.
fn at_start(probe: &Probe<'_>, at: usize) -> Token {
    let bytes = probe.bytes();
    let bare = |start: usize| bare(&BARE, probe, start);
    bare(at).or_else(|| {
        let rest = bytes.get(at..)?;
        let is_here = |word: &&&[u8]| {
            rest.get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        let first = rest.first()?.to_ascii_lowercase();
        if !matches!(first, b't' | b's' | b'a' | b'k') {
            return None;
        }
        let word = GLUED.iter().find(is_here)?;
        bare(at + word.len())
    })
}

fn bare(lists: &Lists, probe: &Probe<'_>, start: usize) -> Token {
    let first = *probe.bytes().get(start)?;
    lists
        .of(first)
        .find_map(|family| token(probe, family, start))
}

/// The token of this family that begins there.
fn token(probe: &Probe<'_>, family: &Family, start: usize) -> Token {
    let bytes = probe.bytes();
    let rest = bytes.get(start..)?.strip_prefix(family.prefix.as_bytes())?;
    // All is decided by the first part of it: what is refused may be looked at often.
    let judged = rest.get(..rest.len().min(TELLING))?;
    let judged = judged.get(..family.tail.run(judged))?;
    let tail = start + family.prefix.len();
    let is_seen = probe.named || Shapes::of(bytes.get(start..tail + judged.len())?).meets(SHAPES);
    if judged.len() < family.least || !is_telling(family, judged) || !is_seen {
        return None;
    }
    let strength = if probe.is_labelled(&(start..tail + judged.len()), WORDS) {
        Strength::Labelled
    } else if is_glued(bytes, family, start) || is_joined(family, rest, judged) {
        return None;
    } else if family.check == Check::Crc && !has_crc(judged) {
        Strength::Shape
    } else {
        Strength::Valid
    };
    let run = rest.get(..family.tail.run(rest))?;
    // The end of a sentence is none of it.
    let dots = run.iter().rev().take_while(|byte| **byte == b'.').count();
    Some((
        start_of(bytes, family, start)..tail + run.len() - dots,
        strength,
    ))
}

/// Whether it is the end of a longer word.
fn is_glued(bytes: &[u8], family: &Family, start: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    !family.anywhere && before.is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether it goes on longer than tokens of the family are.
fn is_joined(family: &Family, rest: &[u8], judged: &[u8]) -> bool {
    family.most.is_some_and(|most| {
        judged.len() > most || rest.get(most).is_some_and(u8::is_ascii_alphanumeric)
    })
}

/// The prefix of Terraform stands within the token.
fn start_of(bytes: &[u8], family: &Family, start: usize) -> usize {
    let before = bytes.get(start.saturating_sub(32)..start);
    match before.and_then(|before| before.strip_suffix(b".")) {
        Some(before) if family.prefix == "atlasv1." => start - 1 - Alphabet::ALNUM.run_back(before),
        _ => start,
    }
}

fn is_telling(family: &Family, tail: &[u8]) -> bool {
    let has = |alphabet: Alphabet| tail.iter().any(|byte| alphabet.has(*byte));
    let has_digit = has(Alphabet::DIGIT);
    let is_long = family.prefix.len() + tail.len() >= LONG;
    let is_mixed = has_digit || has(Alphabet::UPPER) && has(Alphabet::LOWER);
    (is_long || has_digit) && (is_mixed || family.check == Check::None)
}

/// The six digits behind the first thirty are those of their CRC-32 (ISO 3309).
fn has_crc(tail: &[u8]) -> bool {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((random, sum)) = tail.split_at_checked(30) else {
        return false;
    };
    let mut rest = crc32(random);
    sum.len() == 6
        && sum.iter().rev().all(|digit| {
            let expected = DIGITS.get(rest as usize % 62);
            rest /= 62;
            expected == Some(digit)
        })
}

fn crc32(bytes: &[u8]) -> u32 {
    const REVERSED: u32 = 0xEDB8_8320;
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (REVERSED * (sum & 1))
        })
    });
    !sum
}

/// Client secrets of Azure: three characters, a digit, `Q~` and 31 to 34 more. At the tilde.
fn azure(probe: &Probe<'_>, from: usize, at: usize) -> Token {
    let bytes = probe.bytes();
    let start = at.checked_sub(5).filter(|start| *start >= from)?;
    let head = bytes.get(start..=at)?;
    let [a, b, c, digit, b'Q', b'~'] = head else {
        return None;
    };
    let rest = bytes.get(at + 1..)?;
    let run = Alphabet::UNRESERVED.run(rest.get(..rest.len().min(35))?);
    let is_head = [a, b, c]
        .iter()
        .all(|byte| Alphabet::UNRESERVED.has(**byte));
    let end = at + 1 + run;
    (digit.is_ascii_digit() && is_head && (31..=34).contains(&run)).then(|| {
        let range = start..end;
        let strength = strength(probe, &range);
        (range, strength)
    })
}

/// Bot tokens of Discord: the user's number in base64, six characters, 27 or more. At the first dot.
fn discord(probe: &Probe<'_>, from: usize, at: usize) -> Token {
    let bytes = probe.bytes();
    let before = bytes.get(from.max(at.saturating_sub(29))..at)?;
    let length = Alphabet::BASE64URL.run_back(before);
    if !(23..=28).contains(&length) {
        return None;
    }
    let user = before.get(before.len() - length..)?;
    let rest = bytes.get(at..)?.strip_prefix(b".")?;
    let middle = Alphabet::BASE64URL.run(rest.get(..rest.len().min(8))?);
    let last = rest.get(middle..)?.strip_prefix(b".")?;
    let run = Alphabet::BASE64URL.run(last.get(..last.len().min(80))?);
    let is_number =
        super::jwt::decoded(user).is_some_and(|text| text.iter().all(u8::is_ascii_digit));
    ((5..=7).contains(&middle) && (27..80).contains(&run) && is_number).then(|| {
        let range = at - length..at + 1 + middle + 1 + run;
        let strength = strength(probe, &range);
        (range, strength)
    })
}

/// Bot tokens of Telegram: the bot's number, a colon and 35 characters. At the colon; only where
/// something says so.
fn telegram(probe: &Probe<'_>, from: usize, at: usize) -> Token {
    let bytes = probe.bytes();
    let before = bytes.get(from.max(at.saturating_sub(11))..at)?;
    let digits = Alphabet::DIGIT.run_back(before);
    if !(8..=10).contains(&digits) {
        return None;
    }
    let rest = bytes.get(at + 1..)?;
    let run = Alphabet::BASE64URL.run(rest.get(..rest.len().min(36))?);
    let range = at - digits..at + 1 + run;
    (run == 35 && rest.starts_with(b"A") && probe.is_labelled(&range, WORDS))
        .then_some((range, Strength::Labelled))
}

fn strength(probe: &Probe<'_>, range: &Range<usize>) -> Strength {
    if probe.is_labelled(range, WORDS) {
        Strength::Labelled
    } else {
        Strength::Valid
    }
}

#[cfg(test)]
mod tests {
    use super::super::families::FAMILIES;
    use super::super::samples;
    use super::*;
    use crate::detectors::tests::{found, found_under};

    fn strengths(text: &str) -> Vec<Strength> {
        let mut strengths = Vec::new();
        find(&Probe::of(text), &mut |_, strength| {
            strengths.push(strength);
        });
        strengths
    }

    #[test]
    fn every_family_is_found() {
        let mut draw = samples::draws();
        for family in FAMILIES {
            for _ in 0..20 {
                let token = samples::token(family, &mut draw);
                if !Shapes::of(token.as_bytes()).meets(SHAPES) {
                    // Dots or slashes all over: none of them is made so.
                    assert!(family.tail.has(b'.') || family.tail.has(b'/'), "{token}");
                    continue;
                }
                for text in [
                    token.clone(),
                    format!("it is {token}, and"),
                    format!("<{token}>"),
                    format!("\u{201c}{token}\u{201d}"),
                    format!("x=1\n{token}\n"),
                ] {
                    assert_eq!(found(&PREFIXED, &text), [&token], "{}", family.prefix);
                }
                let other = format!("token{token} and api key {token}.");
                assert_eq!(found(&PREFIXED, &other), [&token, &token], "{other}");
                let wide: String = token
                    .chars()
                    .map(|letter| match letter {
                        '0'..='9' => char::from_u32(u32::from(letter) + 0xFEE0).unwrap(),
                        '-' => '\u{2011}',
                        letter => letter,
                    })
                    .collect();
                assert_eq!(found(&PREFIXED, &wide), [&wide]);
            }
        }
    }

    #[test]
    fn a_word_that_ends_so_is_no_prefix() {
        let mut draw = samples::draws();
        for family in FAMILIES.iter().filter(|family| !family.anywhere) {
            let token = samples::token(family, &mut draw);
            let glued = found(&PREFIXED, &format!("q{token}")).concat();
            assert!(!glued.starts_with(family.prefix), "q{token}");
            if family.most.is_some() {
                assert_eq!(
                    found(&PREFIXED, &format!("{token}q7")),
                    [""; 0],
                    "{token}q7"
                );
                let text = format!("secret: {token}q7");
                assert_eq!(found(&PREFIXED, &text).len(), 1, "{text}");
            }
        }
    }

    #[test]
    fn a_checksum_only_makes_it_surer() {
        // The examples of the announcements; no token is in use.
        for (token, strength) in [
            ("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17", Strength::Valid),
            ("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18", Strength::Shape),
            ("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17x", Strength::Shape),
        ] {
            assert_eq!(strengths(&format!("ghp_{token}")), [strength], "{token}");
        }
        let npm = "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";
        assert_eq!(strengths(npm), [Strength::Valid]);
        assert_eq!(strengths(&format!("token {npm}")), [Strength::Labelled]);
    }

    #[test]
    fn tokens_without_a_prefix_are_found() {
        let tail = "abcDEF0123_-456789ghiJKLmnoPQRstuvw";
        for (text, expected) in [
            (
                format!("x8Q7Q~{}", &tail[..34]),
                format!("x8Q7Q~{}", &tail[..34]),
            ),
            (
                format!("is a-.7Q~{}.", &tail[..31]),
                format!("a-.7Q~{}.", &tail[..31]),
            ),
            (
                format!("MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabc_2.{}", &tail[..27]),
                format!("MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabc_2.{}", &tail[..27]),
            ),
            (
                format!("bot123456789:A{}", &tail[1..]),
                format!("123456789:A{}", &tail[1..]),
            ),
            (
                format!("telegram 12345678:A{}!", &tail[1..]),
                format!("12345678:A{}", &tail[1..]),
            ),
        ] {
            assert_eq!(found(&PREFIXED, &text), [expected], "{text}");
        }
        let bot = format!("123456789:A{}", &tail[1..]);
        assert_eq!(found(&PREFIXED, &bot), [""; 0]);
        assert_eq!(found_under(&PREFIXED, "botToken", &bot), [&bot]);
    }

    #[test]
    fn the_organisation_before_terraform_goes_with_it() {
        let token = format!("abcdEFGH012345.atlasv1.{}", "aB3-".repeat(17));
        assert_eq!(found(&PREFIXED, &format!("x {token}")), [&token]);
    }

    #[test]
    fn other_texts_are_left() {
        for text in [
            "8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
            "39048796d6c29c73904879f6d6c29c7390487966",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "2.16.840.1.113883.4.3.25",
            "1.2.840.113619.2.55.3.604688119.969.1268071029.320",
            "2010-05-16T04:15:28.343-04:00",
            "http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference",
            "npm_config_registry_of_the_whole_organisation",
            "sk-fading-circle-of-twelve-dots-and-more",
            "sk-proj-management-of-all-the-projects",
            "task-0123456789abcdef0123456789abcdef01",
            "risk-adjustment-0123456789-factor-model",
            "AKIA",
            "AKIAIOSFODNN7EXAMPL",
            "AKIAIOSFODNN7EXAMPLEXY",
            "AIzaSyShort",
            "ACCOUNT0123456789abcdef0123456789ab",
            "SK0123456789abcdef0123456789abcde",
            "ghp_0123456789",
            "xoxb-your-token-goes-in-here",
            "xoxb-1234",
            "sk_test_yourKeyHere",
            "sk_live_",
            "hf_hub_download_with_retries_for_models",
            "glpat-",
            "SG.short.1",
            "hvs.example.com is no token",
            "dapi0123456789abcdef0123456789abcdef0",
            "the tokens begin with ghp_ or github_pat_",
            "[masked:credential]",
            "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==",
        ] {
            assert_eq!(found(&PREFIXED, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn names_with_separators_are_told_from_others() {
        for family in FAMILIES {
            let before = family.separator().map_or(0, |at| at - 1);
            let byte = family.prefix.as_bytes()[before];
            let lists = if family.separator().is_some() {
                &SEPARATED
            } else {
                &BARE
            };
            assert!(lists.of(byte).any(|other| std::ptr::eq(other, family)));
        }
    }
}
