//! The same value as other people and programs write it.

use crate::random::Random;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    AsItIs,
    /// Digits of double width, as Japanese and Chinese keyboards have them.
    Fullwidth,
    /// Dashes that are no ASCII hyphen.
    Dashes,
    /// Spaces that do not break.
    Spaces,
    /// What cannot be seen within it.
    Invisible,
    Upper,
    Lower,
    /// In JSON, letters as `\u` and four digits.
    Escaped,
}

use Spelling::{AsItIs, Dashes, Escaped, Fullwidth, Invisible, Lower, Spaces, Upper};

/// For what is digits and signs.
pub(crate) const OF_NUMBERS: &[Spelling] = &[AsItIs, Fullwidth, Dashes, Spaces, Invisible, Escaped];
/// For what has letters in either case, too.
pub(crate) const OF_ANY_CASE: &[Spelling] = &[
    AsItIs, Fullwidth, Dashes, Spaces, Invisible, Upper, Lower, Escaped,
];
/// For what only programs write and read.
pub(crate) const OF_PROGRAMS: &[Spelling] = &[AsItIs, Escaped];

impl Spelling {
    /// The value in this spelling.
    pub(crate) fn write(self, value: &str, random: &mut Random) -> String {
        match self {
            AsItIs | Escaped => value.to_owned(),
            Upper => value.to_ascii_uppercase(),
            Lower => value.to_ascii_lowercase(),
            Fullwidth => instead(value, |letter| {
                let digit = letter.to_digit(10)?;
                char::from_u32(0xFF10 + digit)
            }),
            Dashes => {
                let dash = ['\u{2010}', '\u{2011}', '\u{2013}', '\u{2212}'][random.below(4)];
                instead(value, |letter| (letter == '-').then_some(dash))
            }
            Spaces => {
                let space = ['\u{A0}', '\u{2009}', '\u{202F}'][random.below(3)];
                instead(value, |letter| (letter == ' ').then_some(space))
            }
            Invisible => {
                let sign = ['\u{200B}', '\u{AD}', '\u{2060}', '\u{FEFF}'][random.below(4)];
                let count = value.chars().count();
                let at = if count < 3 {
                    1
                } else {
                    random.within(1, count - 2)
                };
                let mut letters: Vec<char> = value.chars().collect();
                letters.insert(at, sign);
                letters.into_iter().collect()
            }
        }
    }
}

fn instead(value: &str, other: impl Fn(char) -> Option<char>) -> String {
    let letters = value.chars();
    letters
        .map(|letter| other(letter).unwrap_or(letter))
        .collect()
}
