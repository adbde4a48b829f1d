//! Member names in one spelling, cut into words.

use unicode_normalization::char::canonical_combining_class;

use crate::unicode::{decompose_compatible, is_combining_mark};

/// The hash of a text is a polynomial in its bytes, so that what lies between two places follows
/// from the hashes up to them. Two texts with one hash are told apart by comparing them.
pub(super) const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

#[inline]
fn extend(hash: u64, byte: u8) -> u64 {
    hash.wrapping_mul(BASE).wrapping_add(u64::from(byte))
}

/// A place between words of a folded name.
#[derive(Clone, Copy, Default)]
pub(super) struct Cut {
    pub(super) at: usize,
    /// Of the text before it.
    pub(super) hash: u64,
    /// Whether a number stands after it, and something before.
    pub(super) is_number: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Gap,
    Lower,
    Upper,
    Digit,
}

impl Shape {
    fn of(letter: char) -> Self {
        if letter.is_numeric() {
            Self::Digit
        } else if letter.is_uppercase() {
            Self::Upper
        } else if letter.is_alphabetic() {
            Self::Lower
        } else {
            Self::Gap
        }
    }

    const fn of_ascii(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' => Self::Lower,
            b'A'..=b'Z' => Self::Upper,
            b'0'..=b'9' => Self::Digit,
            _ => Self::Gap,
        }
    }

    /// Whether a word begins with a letter of this shape, by the one before and the two after it.
    #[inline]
    fn begins(self, before: Self, after: impl FnOnce() -> (Option<char>, Self)) -> bool {
        match (before, self) {
            (_, Self::Gap) | (Self::Upper, Self::Lower) => false,
            // The last capital before small letters begins their word (SSNNumber), but the s of
            // SSNs is no word.
            (Self::Upper, Self::Upper) => {
                let (next, one_after) = after();
                next.is_some_and(|next| {
                    Self::of(next) == Self::Lower && (next != 's' || one_after == Self::Lower)
                })
            }
            (before, shape) => before != shape,
        }
    }
}

/// Folds an ASCII name: the end, and the number of words. None: it is not ASCII or does not fit.
pub(super) fn fold_ascii(key: &[u8], text: &mut [u8], cuts: &mut [Cut]) -> Option<(Cut, usize)> {
    let (mut end, mut words) = (Cut::default(), 0);
    let mut before = Shape::Gap;
    for (index, byte) in key.iter().enumerate() {
        if !byte.is_ascii() {
            return None;
        }
        let shape = Shape::of_ascii(*byte);
        let begins = shape.begins(before, || {
            let after = |count: usize| key.get(index + count).copied();
            let one_after = after(2).map_or(Shape::Gap, Shape::of_ascii);
            (after(1).map(char::from), one_after)
        });
        if begins {
            *cuts.get_mut(words)? = Cut {
                is_number: shape == Shape::Digit && end.at > 0,
                ..end
            };
            words += 1;
        }
        if shape != Shape::Gap {
            let small = byte.to_ascii_lowercase();
            *text.get_mut(end.at)? = small;
            end.at += 1;
            end.hash = extend(end.hash, small);
        }
        before = shape;
    }
    Some((end, words))
}

/// Folds any name: compatibility forms (NFKD), then letter case. An accent is a part of its letter.
pub(super) fn fold(key: &str, text: &mut Vec<u8>, cuts: &mut Vec<Cut>) -> Cut {
    let mut letters = Vec::with_capacity(key.len());
    for letter in key.chars().filter(|letter| !is_invisible(*letter)) {
        decompose_compatible(letter, |part| push_in_order(&mut letters, part));
    }
    let mut end = Cut::default();
    let mut before = Shape::Gap;
    for (index, letter) in letters.iter().enumerate() {
        let is_mark = is_combining_mark(*letter);
        let shape = if is_mark { before } else { Shape::of(*letter) };
        let begins = !is_mark && {
            let behind = letters.get(index + 1..).unwrap_or_default().iter();
            let mut after = behind.copied().filter(|letter| !is_combining_mark(*letter));
            shape.begins(before, || {
                (after.next(), after.next().map_or(Shape::Gap, Shape::of))
            })
        };
        if begins {
            cuts.push(Cut {
                is_number: shape == Shape::Digit && end.at > 0,
                ..end
            });
        }
        let is_own_dot = *letter == '\u{307}' && text.last() == Some(&b'i');
        if shape != Shape::Gap && !is_own_dot {
            for small in small(*letter) {
                text.extend_from_slice(small.encode_utf8(&mut [0; 4]).as_bytes());
            }
            for byte in text.iter().skip(end.at) {
                end.hash = extend(end.hash, *byte);
            }
            end.at = text.len();
        }
        before = shape;
    }
    end
}

/// Accents of one letter that stand on different sides of it may come in any order (Unicode 17, section
/// 3.11); of more than a few, the order counts.
fn push_in_order(letters: &mut Vec<char>, letter: char) {
    const FEW: usize = 8;
    let side = canonical_combining_class(letter);
    let last = letters.iter().rev().take(FEW);
    let behind = last.take_while(|other| side != 0 && canonical_combining_class(**other) > side);
    letters.insert(letters.len() - behind.count(), letter);
}

/// Zero-width characters and the soft hyphen: a name with them looks like one without.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}'
    )
}

/// A letter without its case, where that is more than its small form: ß is ss, the final sigma a
/// sigma. The dot of the dotted capital I of Turkish is none of a small i: see [`fold`].
fn small(letter: char) -> impl Iterator<Item = char> {
    let (one, other) = match letter {
        'ß' | 'ẞ' => ('s', Some('s')),
        'ς' => ('σ', None),
        letter => (letter, None),
    };
    one.to_lowercase().chain(other)
}
