//! Format-preserving encryption: an identifier becomes another one of the same shape.
//!
//! FF1 of NIST SP 800-38G with AES-256, the class as tweak; cycle walking keeps what must be kept
//! (a check digit, no leading zero). Who encrypts twice gets a third value: it is not idempotent,
//! and nothing tells its output from data.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use fpe::ff1::{FF1, NumeralString, Operations};

use crate::operators::replace::push_escaped;
use crate::operators::{Scalar, Setting, redact};

/// What format-preserving encryption replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fpe {
    /// Digits become digits.
    Digits {
        /// Whether a number whose Luhn check digit is right gets one that is right.
        luhn: bool,
    },
    /// Digits and ASCII letters become digits and ASCII letters; a letter in the place of a letter
    /// keeps its case.
    Alphanumeric,
}

/// Below so many possible values they could all be tried (NIST SP 800-38G Rev. 1, section 5.2).
const SMALLEST_DOMAIN: u128 = 1_000_000;

/// No half may have so many values: an octet more must fit 128 bits.
const LARGEST_HALF: u128 = 1 << 120;

/// Even the rarest shape that is walked for, one value in a hundred, is found long before.
const LONGEST_WALK: usize = 10_000;

/// Writes what the value is encrypted to, or the placeholder.
pub(crate) fn write(scalar: Scalar<'_>, fpe: Fpe, setting: Setting<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    if try_write(scalar, fpe, setting, out).is_none() {
        out.truncate(start);
        redact::write(setting.class, out);
    }
}

fn try_write(scalar: Scalar<'_>, fpe: Fpe, setting: Setting<'_>, out: &mut Vec<u8>) -> Option<()> {
    let keys = setting.keys.first()?;
    let tweak = setting.class.name().as_bytes();
    let is_string = scalar.source.first() == Some(&b'"');
    if !is_string && !scalar.text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (radix, luhn, ff1) = match fpe {
        Fpe::Digits { luhn } => (10, luhn, &keys.digits),
        Fpe::Alphanumeric if is_string => (36, false, &keys.alphanumerics),
        // A number must stay one.
        Fpe::Alphanumeric => (10, false, &keys.digits),
    };
    let plain = Numerals::read(scalar.text, radix)?;
    let luhn = luhn && plain.passes_luhn();
    let encrypted = walk(ff1, tweak, plain, |numerals| {
        (is_string || numerals.numeral(0) != 0) && (!luhn || numerals.passes_luhn())
    })?;
    if is_string {
        out.push(b'"');
        encrypted.write_over(scalar.text, out);
        out.push(b'"');
    } else {
        encrypted.write_over(scalar.text, out);
    }
    Some(())
}

/// Encrypts until the result is of the wanted shape. The input is of that shape, so that the walk
/// comes to an end.
fn walk<C: KeyInit + BlockCipherEncrypt + Clone>(
    ff1: &FF1<C>,
    tweak: &[u8],
    plain: Numerals,
    is_wanted: impl Fn(&Numerals) -> bool,
) -> Option<Numerals> {
    let mut numerals = plain;
    for _ in 0..LONGEST_WALK {
        numerals = ff1.encrypt(tweak, &numerals).ok()?;
        if is_wanted(&numerals) {
            return Some(numerals);
        }
    }
    None
}

/// A numeral string, as FF1 works on it: its two halves as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numerals {
    left: Half,
    right: Half,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Half {
    value: u128,
    length: usize,
    radix: u32,
}

/// A number in the octets that FF1 asks for.
struct Octets {
    octets: [u8; 16],
    length: usize,
}

impl Numerals {
    /// The digits, or digits and letters, of a text; `None` where another letter or digit is among
    /// them, which would stay in clear, or where they are too few or too many.
    fn read(text: &str, radix: u32) -> Option<Self> {
        let mut count = 0_usize;
        for letter in text.chars() {
            if letter.is_ascii() && letter.is_digit(radix) {
                count += 1;
            } else if letter.is_alphanumeric() {
                return None;
            }
        }
        let half = |length| {
            let values = power(radix, length)?;
            (values < LARGEST_HALF).then_some(Half {
                value: 0,
                length,
                radix,
            })
        };
        let (mut left, mut right) = (half(count / 2)?, half(count - count / 2)?);
        let values = power(radix, left.length)?.saturating_mul(power(radix, right.length)?);
        if values < SMALLEST_DOMAIN {
            return None;
        }
        let numerals = text.chars().filter_map(|letter| letter.to_digit(radix));
        for (index, numeral) in numerals.enumerate() {
            let half = if index < left.length {
                &mut left
            } else {
                &mut right
            };
            half.value = half.value * u128::from(radix) + u128::from(numeral);
        }
        Some(Self { left, right })
    }

    fn length(&self) -> usize {
        self.left.length + self.right.length
    }

    /// The numeral at an index from the left.
    fn numeral(&self, index: usize) -> u8 {
        match index.checked_sub(self.left.length) {
            Some(index) => self.right.numeral(index),
            None => self.left.numeral(index),
        }
    }

    /// Whether the last digit is the check digit of those before (ISO/IEC 7812-1, annex B).
    fn passes_luhn(&self) -> bool {
        let sum: u32 = (0..self.length())
            .rev()
            .map(|index| u32::from(self.numeral(index)))
            .enumerate()
            .map(|(place, digit)| match place % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            })
            .sum();
        sum.is_multiple_of(10)
    }

    /// Writes the text with these numerals in the place of its own.
    fn write_over(&self, text: &str, out: &mut Vec<u8>) {
        let radix = self.left.radix;
        // Without a letter of its own to go by, a letter is like the others of the text.
        let mut letters = text.chars().filter(char::is_ascii_alphabetic).peekable();
        let shouts = letters.peek().is_some() && letters.all(|letter| letter.is_ascii_uppercase());
        let mut index = 0;
        for letter in text.chars() {
            if letter.is_digit(radix) {
                let numeral = char::from_digit(self.numeral(index).into(), radix).unwrap_or('0');
                let is_upper = if letter.is_ascii_alphabetic() {
                    letter.is_ascii_uppercase()
                } else {
                    shouts
                };
                let numeral = if is_upper {
                    numeral.to_ascii_uppercase()
                } else {
                    numeral
                };
                out.extend_from_slice(numeral.encode_utf8(&mut [0; 4]).as_bytes());
                index += 1;
            } else {
                push_escaped(letter.encode_utf8(&mut [0; 4]), out);
            }
        }
    }
}

impl Half {
    fn numeral(&self, index: usize) -> u8 {
        let places = self.length.saturating_sub(index + 1);
        let shifted = power(self.radix, places).map_or(0, |power| self.value / power);
        u8::try_from(shifted % u128::from(self.radix)).unwrap_or_default()
    }
}

impl NumeralString for Numerals {
    type Ops = Half;

    fn is_valid(&self, radix: u32) -> bool {
        let is_valid = |half: Half| {
            half.radix == radix
                && power(radix, half.length).is_some_and(|values| half.value < values)
        };
        is_valid(self.left) && is_valid(self.right)
    }

    fn numeral_count(&self) -> usize {
        self.length()
    }

    fn split(&self) -> (Half, Half) {
        (self.left, self.right)
    }

    fn concat(left: Half, right: Half) -> Self {
        Self { left, right }
    }
}

impl Operations for Half {
    type Bytes = Octets;

    fn numeral_count(&self) -> usize {
        self.length
    }

    fn to_be_bytes(&self, _radix: u32, length: usize) -> Octets {
        Octets {
            octets: self.value.to_be_bytes(),
            length,
        }
    }

    fn add_mod_exp(self, other: impl Iterator<Item = u8>, radix: u32, length: usize) -> Self {
        let modulus = modulus(radix, length);
        let value = (self.value + remainder(other, modulus)) % modulus;
        Self {
            value,
            length,
            radix,
        }
    }

    fn sub_mod_exp(self, other: impl Iterator<Item = u8>, radix: u32, length: usize) -> Self {
        let modulus = modulus(radix, length);
        let value = (self.value + modulus - remainder(other, modulus)) % modulus;
        Self {
            value,
            length,
            radix,
        }
    }
}

impl AsRef<[u8]> for Octets {
    fn as_ref(&self) -> &[u8] {
        let start = self.octets.len().saturating_sub(self.length);
        self.octets.get(start..).unwrap_or_default()
    }
}

fn power(radix: u32, exponent: usize) -> Option<u128> {
    u128::from(radix).checked_pow(u32::try_from(exponent).ok()?)
}

/// `read` has made sure that it is less than [`LARGEST_HALF`].
fn modulus(radix: u32, length: usize) -> u128 {
    power(radix, length).unwrap_or(LARGEST_HALF)
}

fn remainder(octets: impl Iterator<Item = u8>, modulus: u128) -> u128 {
    octets.fold(0, |rest, octet| ((rest << 8) | u128::from(octet)) % modulus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::{Operator, testing::written};
    use crate::{Class, Keyring};
    use aes::{Aes128, Aes192, Aes256};

    const KEY: [u8; 32] = [
        0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6, 0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F,
        0x3C, 0xEF, 0x43, 0x59, 0xD8, 0xD5, 0x80, 0xAA, 0x4F, 0x7F, 0x03, 0x6D, 0x6F, 0x04, 0xFC,
        0x6A, 0x94,
    ];
    const TWEAK: &[u8] = b"9876543210";
    const TWEAK_36: &[u8] = b"7777pqrs777";

    /// NIST, "Block Cipher Modes of Operation, FF1 Method for Format-Preserving Encryption", the
    /// nine samples.
    #[test]
    fn the_samples_of_nist_are_met() {
        fn check<C: KeyInit + BlockCipherEncrypt + Clone>(length: usize, expected: [&str; 3]) {
            let plain = ["0123456789", "0123456789", "0123456789abcdefghi"];
            let tweaks = [b"", TWEAK, TWEAK_36];
            for (((plain, tweak), expected), radix) in
                plain.iter().zip(tweaks).zip(expected).zip([10, 10, 36])
            {
                let ff1 = FF1::<C>::new(&KEY[..length], radix).unwrap();
                let numerals = Numerals::read(plain, radix).unwrap();
                let encrypted = walk(&ff1, tweak, numerals, |_| true).unwrap();
                let mut out = Vec::new();
                encrypted.write_over(plain, &mut out);
                assert_eq!(str::from_utf8(&out).unwrap(), expected);
                assert_eq!(ff1.decrypt(tweak, &encrypted).unwrap(), numerals);
            }
        }
        check::<Aes128>(16, ["2433477484", "6124200773", "a9tv40mll9kdu509eum"]);
        check::<Aes192>(24, ["2830668132", "2496655549", "xbj3kv35jrawxv32ysr"]);
        check::<Aes256>(32, ["6657667009", "1001623463", "xs8a0azh2avyalyzuwd"]);
    }

    fn encrypted(fpe: Fpe, source: &str) -> String {
        let keys = Keyring::of(&[1]);
        let setting = Setting {
            keys: &keys,
            ..Class::Card.into()
        };
        written(&Operator::Fpe(fpe), source, setting)
    }

    const DIGITS: Fpe = Fpe::Digits { luhn: false };
    const LUHN: Fpe = Fpe::Digits { luhn: true };
    const MASKED: &str = "\"[masked:card]\"";

    #[test]
    fn the_shape_is_kept() {
        let shape = |text: &str| -> String {
            let sign = |letter: char| match letter {
                '0'..='9' => '9',
                other => other,
            };
            text.chars().map(sign).collect()
        };
        for source in [
            "\"123-45-6789\"",
            "\" 12 34.56/7 \"",
            "123456",
            "\"000000\"",
            "\"\\\"123456\\n\"",
        ] {
            let out = encrypted(DIGITS, source);
            assert_ne!(out, source);
            assert_eq!(shape(&out.replace("\\u000a", "\\n")), shape(source));
        }
        let out = encrypted(Fpe::Alphanumeric, "\"Ab-Cd-eF-GH\"");
        assert_ne!(out, "\"Ab-Cd-eF-GH\"");
        for (was, is) in "\"Ab-Cd-eF-GH\"".chars().zip(out.chars()) {
            assert!(is.is_ascii_alphanumeric() == was.is_ascii_alphanumeric());
            assert!(
                !is.is_ascii_alphabetic() || is.is_uppercase() == was.is_uppercase(),
                "{out}"
            );
        }
        let out = encrypted(Fpe::Alphanumeric, "\"H12345678\"");
        assert!(!out.contains(|letter: char| letter.is_lowercase()), "{out}");
    }

    #[test]
    fn what_would_show_or_tell_too_much_is_redacted() {
        let long = |count| format!("\"{}\"", "7".repeat(count));
        for (fpe, source) in [
            (DIGITS, "\"12345\""),
            (DIGITS, "12345"),
            (DIGITS, "\"\""),
            (DIGITS, "\"Ann 123456\""),
            (DIGITS, "\"\u{661}23456789\""),
            (DIGITS, "-1234567"),
            (DIGITS, "1234567.5"),
            (DIGITS, "1234567e8"),
            (DIGITS, "true"),
            (Fpe::Alphanumeric, "\"abc\""),
            (Fpe::Alphanumeric, "\"éabcdef\""),
            (DIGITS, &long(100_000)),
            (Fpe::Alphanumeric, &long(100_000)),
        ] {
            assert_eq!(encrypted(fpe, source), MASKED, "{source:.20}");
        }
        assert_eq!(encrypted(Fpe::Alphanumeric, "\"abcd\"").len(), 6);
        assert_eq!(encrypted(DIGITS, &long(70)).len(), 72);
    }

    #[test]
    fn a_number_stays_one_and_has_no_leading_zero() {
        for number in 100_000..100_300 {
            for fpe in [DIGITS, LUHN, Fpe::Alphanumeric] {
                let out = encrypted(fpe, &number.to_string());
                assert!(out.len() == 6 && !out.starts_with('0'), "{out}");
                assert!(out.parse::<u32>().is_ok(), "{out}");
            }
        }
    }

    #[test]
    fn a_check_digit_that_was_right_is_right() {
        let passes = |text: &str| {
            Numerals::read(text.trim_matches('"'), 10)
                .unwrap()
                .passes_luhn()
        };
        assert!(passes("4111 1111 1111 1111") && !passes("4111 1111 1111 1112"));
        for source in [
            "\"4111 1111 1111 1111\"",
            "4111111111111111",
            "\"79927398713\"",
        ] {
            let out = encrypted(LUHN, source);
            assert_ne!(out, source);
            assert!(passes(&out), "{out}");
        }
        let wrong = "\"4111 1111 1111 1112\"";
        assert_eq!(encrypted(LUHN, wrong), encrypted(DIGITS, wrong));
    }

    #[test]
    fn key_and_class_matter_and_without_a_key_it_redacts() {
        let out = |keys: &Keyring, class: Class| {
            let setting = Setting {
                keys,
                ..class.into()
            };
            written(&Operator::Fpe(DIGITS), "\"123456789\"", setting)
        };
        let one = out(&Keyring::of(&[1, 2]), Class::Ssn);
        assert_eq!(one, out(&Keyring::of(&[1]), Class::Ssn));
        assert_ne!(one, out(&Keyring::of(&[2]), Class::Ssn));
        assert_ne!(one, out(&Keyring::of(&[1]), Class::Mrn));
        assert_eq!(out(&Keyring::default(), Class::Ssn), "\"[masked:ssn]\"");
    }
}
