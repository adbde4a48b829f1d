//! RFC 8259, section 7: the escapes of strings.

/// Where in an escape sequence a string stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// After a backslash; `high` is the high surrogate that waits for its other half.
    Backslash { high: Option<u16> },
    /// After `\u` and so many digits.
    Digits {
        count: u8,
        value: u16,
        high: Option<u16>,
    },
    /// After a high surrogate, which a `\u` must follow.
    Half { high: u16 },
}

/// What an escape has come to after a byte.
pub(crate) enum Step {
    Go(Escape),
    /// The character that the escape stands for.
    Done(char),
    Fault,
}

impl Escape {
    /// The escape after this byte.
    pub(crate) fn step(self, byte: u8) -> Step {
        match self {
            Self::Half { high } if byte == b'\\' => Step::Go(Self::Backslash { high: Some(high) }),
            Self::Backslash { high } if byte == b'u' => Step::Go(Self::Digits {
                count: 0,
                value: 0,
                high,
            }),
            Self::Half { .. } | Self::Backslash { high: Some(_) } => Step::Fault,
            Self::Backslash { high: None } => match byte {
                b'"' | b'\\' | b'/' => Step::Done(char::from(byte)),
                b'b' => Step::Done('\u{8}'),
                b'f' => Step::Done('\u{C}'),
                b'n' => Step::Done('\n'),
                b'r' => Step::Done('\r'),
                b't' => Step::Done('\t'),
                _ => Step::Fault,
            },
            Self::Digits { count, value, high } => {
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    b'a'..=b'f' => byte - b'a' + 10,
                    b'A'..=b'F' => byte - b'A' + 10,
                    _ => return Step::Fault,
                };
                let value = value << 4 | u16::from(digit);
                if count < 3 {
                    return Step::Go(Self::Digits {
                        count: count + 1,
                        value,
                        high,
                    });
                }
                Self::unit(value, high)
            }
        }
    }

    /// A whole UTF-16 code unit, perhaps after a high surrogate.
    fn unit(value: u16, high: Option<u16>) -> Step {
        if high.is_none() && (0xD800..0xDC00).contains(&value) {
            return Step::Go(Self::Half { high: value });
        }
        match char::decode_utf16(high.into_iter().chain([value])).next() {
            // A high surrogate and its other half are one character; nothing else uses both.
            Some(Ok(letter)) if high.is_none() || letter as u32 > 0xFFFF => Step::Done(letter),
            _ => Step::Fault,
        }
    }
}
