//! A deterministic token: the same value of a class gives the same token under one key, and nobody
//! without the key can tell which value it was.
//!
//! `<prefix><body><check>`: the body is 80 bits of HMAC-SHA-256 over the class and the value, the
//! check 30 bits of another, keyed over prefix, body and class. By the check our own tokens are
//! known again, and come out as they came; one in 2^30 forged tokens would too.

use subtle::ConstantTimeEq as _;

use crate::keys::Keys;
use crate::operators::{Scalar, Setting, redact};
use crate::{Class, Keyring};

/// The most characters that a prefix may have.
const LONGEST_PREFIX: usize = 16;
pub(super) const BODY: usize = 16;
pub(super) const CHECK: usize = 6;
const VERSION: &[u8] = b"velum token 1";

/// RFC 4648, section 6, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What is wrong with a prefix.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if prefix.len() <= LONGEST_PREFIX && prefix.bytes().all(is_plain) {
        Ok(())
    } else {
        Err("a token's prefix is at most 16 letters, digits, - and _")
    }
}

/// Writes the token of the value, or the token that the value is.
pub(crate) fn write(scalar: Scalar<'_>, prefix: &str, setting: Setting<'_>, out: &mut Vec<u8>) {
    let Some(keys) = setting.keys.first() else {
        redact::write(setting.class, out);
        return;
    };
    let text = scalar.text.trim();
    out.push(b'"');
    if is_own_token(setting.keys, prefix, setting.class, text) {
        out.extend_from_slice(text.as_bytes());
    } else {
        let class = setting.class.name().as_bytes();
        let body: [u8; BODY] = base32(&keys.token(&[VERSION, class, text.as_bytes()]));
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(&body);
        out.extend_from_slice(&check(keys, prefix, &body, setting.class));
    }
    out.push(b'"');
}

/// Whether the text is a token of that prefix and class which was made under any key of the ring.
///
/// It is proved by the token's keyed check: what merely looks like a token is none.
///
/// ```
/// use velum_engine::{Class, Keyring, is_own_token};
/// let keys = Keyring::new([("k1".to_owned(), vec![1; 32])])?;
/// assert!(!is_own_token(&keys, "MRN-", Class::Mrn, "MRN-aaaaaaaaaaaaaaaaaaaaaa"));
/// # Ok::<(), velum_engine::KeyError>(())
/// ```
pub fn is_own_token(keys: &Keyring, prefix: &str, class: Class, text: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else {
        return false;
    };
    let Some((body, proof)) = parts(rest.as_bytes()) else {
        return false;
    };
    keys.all()
        .iter()
        .any(|keys| check(keys, prefix, body, class).ct_eq(proof).into())
}

fn check(keys: &Keys, prefix: &str, body: &[u8], class: Class) -> [u8; CHECK] {
    base32(&keys.token_check(&[VERSION, prefix.as_bytes(), body, class.name().as_bytes()]))
}

/// Body and check of what looks like a token without its prefix.
pub(super) fn parts(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_like_one = text.len() == BODY + CHECK && text.iter().all(|byte| BASE32.contains(byte));
    is_like_one.then(|| text.split_at_checked(BODY)).flatten()
}

/// The first bits of a code, five a character.
pub(super) fn base32<const LENGTH: usize>(code: &[u8; 32]) -> [u8; LENGTH] {
    let byte = |index: usize| u16::from(code.get(index).copied().unwrap_or_default());
    std::array::from_fn(|position| {
        let bit = position * 5;
        let window = byte(bit / 8) << 8 | byte(bit / 8 + 1);
        let five = usize::from(window >> (11 - bit % 8) & 31);
        BASE32.get(five).copied().unwrap_or(b'a')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::{Operator, testing::written};

    fn token(prefix: &str) -> Operator {
        Operator::Token {
            prefix: prefix.to_owned(),
        }
    }

    fn made(keys: &Keyring, class: Class, source: &str) -> String {
        let setting = Setting {
            keys,
            ..class.into()
        };
        written(&token("MRN-"), source, setting)
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        let mut code = [0; 32];
        code[..6].copy_from_slice(b"foobar");
        assert_eq!(&base32::<9>(&code), b"mzxw6ytbo");
    }

    #[test]
    fn tokens_stay_what_they_were() {
        // The expected value is that of Python's hmac, hashlib and base64.
        let keys = Keyring::of(&[1]);
        assert_eq!(
            made(&keys, Class::Mrn, "\"12\""),
            "\"MRN-dzcniiylz3vrlcol5s2fx2\""
        );
    }

    #[test]
    fn one_value_has_one_token_however_it_is_written() {
        let keys = Keyring::of(&[1]);
        let one = made(&keys, Class::Mrn, "\"12\"");
        assert_eq!(one.len(), "\"MRN-\"".len() + BODY + CHECK);
        for same in ["\"1\\u0032\"", "\" 12\\t\"", "12"] {
            assert_eq!(made(&keys, Class::Mrn, same), one, "{same}");
        }
        assert_ne!(made(&keys, Class::Mrn, "\"13\""), one);
        assert_ne!(made(&keys, Class::Account, "\"12\""), one);
        assert_ne!(made(&Keyring::of(&[2]), Class::Mrn, "\"12\""), one);
        assert_ne!(
            made(&keys, Class::Mrn, "true"),
            made(&keys, Class::Mrn, "false")
        );
    }

    #[test]
    fn own_tokens_stay_and_what_looks_like_one_does_not() {
        let (old, new) = (Keyring::of(&[1]), Keyring::of(&[2, 1]));
        let one = made(&old, Class::Mrn, "\"12\"");
        assert_eq!(made(&old, Class::Mrn, &one), one);
        assert_eq!(
            made(&new, Class::Mrn, &one),
            one,
            "an older key still proves it"
        );
        assert_ne!(made(&Keyring::of(&[2]), Class::Mrn, &one), one);
        assert_ne!(made(&old, Class::Account, &one), one);
        for at in 5..one.len() - 1 {
            let mut forged = one.clone().into_bytes();
            forged[at] = if forged[at] == b'a' { b'b' } else { b'a' };
            let forged = String::from_utf8(forged).unwrap();
            assert_ne!(made(&old, Class::Mrn, &forged), forged, "{at}");
        }
        let text = one.trim_matches('"');
        assert!(is_own_token(&new, "MRN-", Class::Mrn, text));
        for (prefix, class) in [("MRN", Class::Mrn), ("", Class::Mrn), ("MRN-", Class::Ssn)] {
            assert!(!is_own_token(&new, prefix, class, text));
        }
        assert!(!is_own_token(
            &new,
            "MRN-",
            Class::Mrn,
            &text.to_uppercase()
        ));
        assert!(!is_own_token(&Keyring::default(), "MRN-", Class::Mrn, text));
    }

    #[test]
    fn without_a_key_it_redacts() {
        assert_eq!(
            made(&Keyring::default(), Class::Mrn, "\"12\""),
            "\"[masked:mrn]\""
        );
    }

    #[test]
    fn prefixes_are_short_and_plain() {
        for (prefix, is_fine) in [
            ("", true),
            ("MRN-", true),
            ("a_b-C9", true),
            ("1234567890123456", true),
            ("12345678901234567", false),
            ("a b", false),
            ("a\"", false),
            ("é", false),
        ] {
            assert_eq!(check_prefix(prefix).is_ok(), is_fine, "{prefix}");
        }
    }
}
