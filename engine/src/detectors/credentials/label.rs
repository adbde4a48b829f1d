//! What the words before a value say about it.

use super::alphabet::Alphabet;

/// What kind of secret a name is that of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// People choose it: short, with words in it.
    Password,
    /// Programs make it.
    Key,
    /// Programs make it, and they call much else so.
    Token,
    /// What a request has been signed with.
    Signature,
}

/// Ends of names, without what separates their words; the first that fits counts.
const NAMES: &[(&str, Option<Kind>)] = &[
    ("password", Some(Kind::Password)),
    ("passwd", Some(Kind::Password)),
    ("passphrase", Some(Kind::Password)),
    ("passcode", Some(Kind::Password)),
    ("passwort", Some(Kind::Password)),
    ("kennwort", Some(Kind::Password)),
    ("pwd", Some(Kind::Password)),
    ("secret", Some(Kind::Key)),
    ("secretkey", Some(Kind::Key)),
    ("secretaccesskey", Some(Kind::Key)),
    ("apikey", Some(Kind::Key)),
    ("accesskey", Some(Kind::Key)),
    ("privatekey", Some(Kind::Key)),
    ("signingkey", Some(Kind::Key)),
    ("encryptionkey", Some(Kind::Key)),
    ("accountkey", Some(Kind::Key)),
    ("masterkey", Some(Kind::Key)),
    ("sharedkey", Some(Kind::Key)),
    ("subscriptionkey", Some(Kind::Key)),
    ("authkey", Some(Kind::Key)),
    ("credential", Some(Kind::Token)),
    ("credentials", Some(Kind::Token)),
    ("authorization", Some(Kind::Token)),
    ("jsessionid", Some(Kind::Token)),
    ("phpsessid", Some(Kind::Token)),
    ("sessionid", Some(Kind::Token)),
    // Where a list goes on is no secret.
    ("pagetoken", None),
    ("pagingtoken", None),
    ("paginationtoken", None),
    ("nexttoken", None),
    ("previoustoken", None),
    ("prevtoken", None),
    ("continuationtoken", None),
    ("continuetoken", None),
    ("cursortoken", None),
    ("synctoken", None),
    ("deltatoken", None),
    ("resumetoken", None),
    ("skiptoken", None),
    ("scrolltoken", None),
    ("changetoken", None),
    ("token", Some(Kind::Token)),
    ("amzsignature", Some(Kind::Signature)),
    ("googsignature", Some(Kind::Signature)),
];

/// What may stand between the word and the value besides the sign.
const SOFT: &[&[u8]] = &[
    b"for", b"of", b"to", b"on", b"at", b"in", b"from", b"value", b"hash", b"you", b"we", b"here",
    b"below",
];

/// How far back a name is read.
const REACH: usize = 48;

/// A name in lower case without what separates its words.
struct Name {
    letters: [u8; REACH],
    length: usize,
}

impl Name {
    fn of(text: &[u8]) -> Self {
        let mut name = Self {
            letters: [0; REACH],
            length: 0,
        };
        let text = text.get(text.len().saturating_sub(REACH)..);
        for byte in text.unwrap_or_default() {
            if byte.is_ascii_alphanumeric()
                && let Some(letter) = name.letters.get_mut(name.length)
            {
                *letter = byte.to_ascii_lowercase();
                name.length += 1;
            }
        }
        name
    }

    fn kind(&self) -> Option<Kind> {
        let text = self.letters.get(..self.length)?;
        // `password2`
        let number = Alphabet::DIGIT.run_back(text);
        let text = text.get(..text.len() - number)?;
        let ends = |(end, _): &&(&str, _)| text.ends_with(end.as_bytes());
        NAMES.iter().find(ends).and_then(|(_, kind)| *kind)
    }
}

/// What the name at the end of the text is that of: letters, digits, `_`, `-` and `.` in a row.
pub(super) fn kind_of_name(text: &[u8]) -> Option<Kind> {
    let near = text.get(text.len().saturating_sub(REACH)..)?;
    let name = near.get(near.len() - Alphabet::DOTTED.run_back(near)..)?;
    if matches!(name, b"sig" | b"Signature" | b"signature") {
        return Some(Kind::Signature);
    }
    Name::of(name).kind()
}

/// What the words at the end of the text say, which may be some steps away: `password for the
/// portal`.
pub(super) fn kind_of_phrase(text: &[u8]) -> Option<Kind> {
    let near = text.get(text.len().saturating_sub(REACH)..)?;
    let is_phrase = |byte: &u8| Alphabet::BASE64URL.has(*byte) || *byte == b' ';
    let length = near.iter().rev().take_while(|byte| is_phrase(byte)).count();
    let phrase = near.get(near.len() - length..)?;
    if let Some(kind) = Name::of(phrase).kind() {
        return Some(kind);
    }
    let spaces = memchr::memchr_iter(b' ', phrase);
    spaces.rev().find_map(|space| {
        let (before, behind) = phrase.split_at_checked(space)?;
        let word = behind.get(1..)?.split(|byte| *byte == b' ').next()?;
        let is_soft = SOFT.iter().any(|soft| word.eq_ignore_ascii_case(soft));
        is_soft.then(|| Name::of(before).kind()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_they_are() {
        for (name, kind) in [
            ("password", Some(Kind::Password)),
            ("DB_PASSWORD", Some(Kind::Password)),
            ("userPasswd", Some(Kind::Password)),
            ("x;Shared-Access-Key", Some(Kind::Key)),
            ("accessToken", Some(Kind::Token)),
            ("X-Amz-Signature", Some(Kind::Signature)),
            ("?sig", Some(Kind::Signature)),
            ("next_page_token", None),
            ("author", None),
            ("tokenizer", None),
            ("passwordless", None),
            ("design", None),
            ("", None),
        ] {
            assert_eq!(kind_of_name(name.as_bytes()), kind, "{name}");
        }
        for (phrase, kind) in [
            ("my password for the portal", Some(Kind::Password)),
            ("{ secret", Some(Kind::Key)),
            ("the page token", None),
            ("password policy", None),
            ("password; the user", None),
        ] {
            assert_eq!(kind_of_phrase(phrase.as_bytes()), kind, "{phrase}");
        }
    }
}
