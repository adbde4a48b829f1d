//! What tokens are written with: a set of kinds of bytes.

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Alphabet(u16);

impl Alphabet {
    pub(super) const DIGIT: Self = Self(1);
    const LOWER_HEX: Self = Self(1 << 1);
    const LOWER_REST: Self = Self(1 << 2);
    const UPPER_HEX: Self = Self(1 << 3);
    const UPPER_REST: Self = Self(1 << 4);
    const UNDERSCORE: Self = Self(1 << 5);
    const DASH: Self = Self(1 << 6);
    const DOT: Self = Self(1 << 7);
    const TILDE: Self = Self(1 << 8);
    const PLUS_SLASH: Self = Self(1 << 9);
    const EQUALS: Self = Self(1 << 10);
    const SIGN: Self = Self(1 << 11);

    pub(super) const LOWER: Self = Self::LOWER_HEX.or(Self::LOWER_REST);
    pub(super) const UPPER: Self = Self::UPPER_HEX.or(Self::UPPER_REST);
    /// `0` to `9` and `a` to `f`
    pub(super) const HEX: Self = Self::DIGIT.or(Self::LOWER_HEX);
    /// Those of UUIDs.
    pub(super) const HEX_DASH: Self = Self::HEX.or(Self::DASH);
    /// Hexadecimal digits in either case.
    pub(super) const ANY_HEX: Self = Self::HEX.or(Self::UPPER_HEX);
    /// Digits and capital letters.
    pub(super) const CAPITAL: Self = Self::DIGIT.or(Self::UPPER);
    /// Digits and letters.
    pub(super) const ALNUM: Self = Self::CAPITAL.or(Self::LOWER);
    /// Those of identifiers in programs.
    pub(super) const WORD: Self = Self::ALNUM.or(Self::UNDERSCORE);
    /// base64url (RFC 4648, section 5), without padding.
    pub(super) const BASE64URL: Self = Self::WORD.or(Self::DASH);
    pub(super) const DOTTED: Self = Self::BASE64URL.or(Self::DOT);
    /// base64 (RFC 4648, section 4), with padding.
    pub(super) const BASE64: Self = Self::ALNUM.or(Self::PLUS_SLASH).or(Self::EQUALS);
    /// `token68` of RFC 9110, section 11.2.
    pub(super) const TOKEN68: Self = Self::DOTTED.or(Self::TILDE).or(Self::BASE64);
    /// Those of the path of a web address; `@` too.
    pub(super) const PATH: Self = Self::DOTTED
        .or(Self::PLUS_SLASH)
        .or(Self::EQUALS)
        .or(Self::SIGN);
    /// The unreserved ones of RFC 3986, section 2.3.
    pub(super) const UNRESERVED: Self = Self::DOTTED.or(Self::TILDE);
    /// What separates the parts of a token.
    pub(super) const SEPARATOR: Self = Self::UNDERSCORE
        .or(Self::DASH)
        .or(Self::DOT)
        .or(Self::TILDE);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The kind that a byte is of, for what the compiler runs.
    pub(super) const fn kind(byte: u8) -> Self {
        match byte {
            b'0'..=b'9' => Self::DIGIT,
            b'a'..=b'f' => Self::LOWER_HEX,
            b'g'..=b'z' => Self::LOWER_REST,
            b'A'..=b'F' => Self::UPPER_HEX,
            b'G'..=b'Z' => Self::UPPER_REST,
            b'_' => Self::UNDERSCORE,
            b'-' => Self::DASH,
            b'.' => Self::DOT,
            b'~' => Self::TILDE,
            b'+' | b'/' => Self::PLUS_SLASH,
            b'=' => Self::EQUALS,
            b'@' | b'$' => Self::SIGN,
            _ => Self(0),
        }
    }

    /// The kind that a byte is of.
    #[inline]
    pub(super) fn of(byte: u8) -> Self {
        KINDS.get(usize::from(byte)).copied().unwrap_or(Self(0))
    }

    /// Whether some bytes are in both.
    #[inline]
    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    #[inline]
    pub(super) fn has(self, byte: u8) -> bool {
        self.meets(Self::of(byte))
    }

    pub(super) fn is_all(self, text: &[u8]) -> bool {
        text.iter().all(|byte| self.has(*byte))
    }

    /// How many bytes of it the text begins with.
    pub(super) fn run(self, text: &[u8]) -> usize {
        text.iter().take_while(|byte| self.has(**byte)).count()
    }

    /// How many bytes of it the text ends with.
    pub(super) fn run_back(self, text: &[u8]) -> usize {
        let backwards = text.iter().rev();
        backwards.take_while(|byte| self.has(**byte)).count()
    }
}

const KINDS: [Alphabet; 256] = {
    let mut kinds = [Alphabet(0); 256];
    let mut rest: &mut [Alphabet] = &mut kinds;
    let mut byte = 0_u8;
    while let Some((kind, others)) = rest.split_first_mut() {
        *kind = Alphabet::kind(byte);
        byte = byte.wrapping_add(1);
        rest = others;
    }
    kinds
};
