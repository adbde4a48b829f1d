//! Character sets of text: UTF-8, UTF-16 and Windows-1252, of which Latin-1 is a part.
//!
//! Bytes do not say what they are. UTF-8 is tried first; what is taken for something else has to look
//! much like it.

/// How a text is written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    /// UTF-8 behind a byte order mark of UTF-16.
    Marked([u8; 2]),
    /// With the half of a letter that it may end in.
    Utf16Le(Option<u8>),
    Utf16Be(Option<u8>),
    Windows1252,
}

/// The scripts of Europe begin and end below this in UTF-16, but for Greek and Cyrillic.
const LATIN: u16 = 0x250;

/// So many tenths of a text are ASCII that can be read, if it has control characters; and of its first
/// bytes, among which there may be some at once.
const TENTHS: usize = 9;
const TENTHS_AT_ONCE: usize = 7;

const BYTE_ORDER_MARK: u16 = 0xFEFF;

/// What the bytes from 0x80 on stand for in Windows-1252; those that it leaves open stay as they are.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

impl Charset {
    /// The text that the bytes are, and in which set; `None`: they are none.
    pub(super) fn decode(bytes: Vec<u8>) -> Option<(Self, String)> {
        if let [first, second, rest @ ..] = &bytes[..]
            && matches!([*first, *second], [0xFF, 0xFE] | [0xFE, 0xFF])
            && is_ascii(rest, TENTHS)
            && let Ok(text) = str::from_utf8(rest)
        {
            return Some((Self::Marked([*first, *second]), text.to_owned()));
        }
        if let Some(decoded) = utf16(&bytes) {
            return Some(decoded);
        }
        if !is_readable(&bytes, TENTHS) {
            return None;
        }
        match String::from_utf8(bytes) {
            Ok(text) => Some((Self::Utf8, text)),
            Err(error) => Some((Self::Windows1252, windows(error.as_bytes())?)),
        }
    }

    /// The bytes of a text; `None`: it has letters that the set does not have.
    pub(super) fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.into()),
            Self::Marked(mark) => Some([&mark, text.as_bytes()].concat()),
            Self::Utf16Le(odd) => Some(units_of(text, u16::to_le_bytes, odd)),
            Self::Utf16Be(odd) => Some(units_of(text, u16::to_be_bytes, odd)),
            Self::Windows1252 => text.chars().map(byte_of).collect(),
        }
    }
}

fn units_of(text: &str, bytes: fn(u16) -> [u8; 2], odd: Option<u8>) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).chain(odd).collect()
}

/// Whether a text may begin with these bytes.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let is_cut = |error: std::str::Utf8Error| error.error_len().is_none();
    is_utf16(units(bytes, u16::from_le_bytes))
        || is_utf16(units(bytes, u16::from_be_bytes))
        || is_readable(bytes, TENTHS_AT_ONCE)
            && (str::from_utf8(bytes).map_or_else(is_cut, |_| true) || is_windows(bytes))
}

/// Whether bytes may be of a text: control characters are not, but for white space, those at the end, and
/// a few where nearly all is ASCII that can be read.
fn is_readable(bytes: &[u8], most: usize) -> bool {
    // Frames and fields of older protocols have some of the control characters.
    let is_text = |byte: &u8| !matches!(byte, 0..=8 | 0x0E..=0x1B | 0x7F);
    bytes.iter().all(is_text) || is_ascii(bytes, most)
}

/// Whether so many tenths are ASCII that can be read; NUL at the end does not count.
fn is_ascii(bytes: &[u8], tenths: usize) -> bool {
    let end = bytes.iter().rposition(|byte| *byte != 0);
    let bytes = bytes.get(..=end.unwrap_or(0)).unwrap_or_default();
    let is_read = |byte: &&u8| matches!(byte, b' '..=b'~') || byte.is_ascii_whitespace();
    let read = bytes.iter().filter(is_read).count();
    read > 0 && read * 10 >= bytes.len() * tenths
}

fn units(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> impl Iterator<Item = u16> + Clone {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs.iter().map(move |pair| unit(*pair))
}

/// Whether units are those of a text: a byte order mark, or Latin letters for the most part.
fn is_utf16(units: impl Iterator<Item = u16> + Clone) -> bool {
    let is_text = |unit: u16| !matches!(unit, 1..=8 | 0x0E..=0x1A | 0x7F..=0x9F);
    let is_marked = units.clone().next() == Some(BYTE_ORDER_MARK);
    let (mut count, mut latin, mut has_ended) = (0, 0, false);
    for unit in units {
        // NUL is at the end, if anywhere.
        has_ended |= unit == 0;
        if !is_text(unit) || has_ended && unit != 0 {
            return false;
        }
        count += usize::from(!has_ended);
        latin += usize::from(!has_ended && unit < LATIN);
    }
    count > 0 && (is_marked || latin * 4 >= count * 3)
}

fn utf16(bytes: &[u8]) -> Option<(Charset, String)> {
    let (_, odd) = bytes.as_chunks::<2>();
    let odd = odd.first().copied();
    let ends = [
        (
            Charset::Utf16Le(odd),
            u16::from_le_bytes as fn([u8; 2]) -> u16,
        ),
        (Charset::Utf16Be(odd), u16::from_be_bytes),
    ];
    let is_one = |(_, unit): &(_, _)| is_utf16(units(bytes, *unit));
    let (charset, unit) = ends.into_iter().find(is_one)?;
    let letters = char::decode_utf16(units(bytes, unit));
    Some((charset, letters.collect::<Result<_, _>>().ok()?))
}

/// Whether the bytes are letters, digits and spaces of ASCII for the most part, and for the rest signs
/// and letters of Western Europe.
fn is_windows(bytes: &[u8]) -> bool {
    let is_plain = |byte: &&u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace();
    let plain = bytes.iter().filter(is_plain).count();
    let is_open = |byte: &u8| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D);
    plain * 3 >= bytes.len() * 2 && !bytes.iter().any(is_open)
}

fn windows(bytes: &[u8]) -> Option<String> {
    let letter = |byte: &u8| match byte {
        0x80..=0x9F => WINDOWS.get(usize::from(byte - 0x80)).copied(),
        byte => Some(char::from(*byte)),
    };
    is_windows(bytes).then(|| bytes.iter().filter_map(letter).collect())
}

fn byte_of(letter: char) -> Option<u8> {
    let open = WINDOWS.iter().position(|other| *other == letter);
    match open.and_then(|at| u8::try_from(at).ok()) {
        Some(at) => Some(0x80 + at),
        None => u8::try_from(letter).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn texts_come_back_in_their_set() {
        let text = "Dear Zo\u{eb}, write to a@b.example";
        let marked = format!("\u{feff}{text}");
        let greek = "\u{feff}\u{3b1}\u{3b2}\u{3b3}\u{3b4}";
        for (bytes, charset, text) in [
            (text.as_bytes().to_vec(), Charset::Utf8, text),
            (utf16(text, u16::to_le_bytes), Charset::Utf16Le(None), text),
            (utf16(text, u16::to_be_bytes), Charset::Utf16Be(None), text),
            (
                utf16(&marked, u16::to_le_bytes),
                Charset::Utf16Le(None),
                &marked,
            ),
            (
                utf16(&marked, u16::to_be_bytes),
                Charset::Utf16Be(None),
                &marked,
            ),
            (
                utf16(greek, u16::to_be_bytes),
                Charset::Utf16Be(None),
                greek,
            ),
            (
                b"Zo\xEB O\x92Neil is 94, \x80 5".to_vec(),
                Charset::Windows1252,
                "Zo\u{eb} O\u{2019}Neil is 94, \u{20ac} 5",
            ),
        ] {
            assert!(may_begin(&bytes[..12.min(bytes.len())]), "{text}");
            let decoded = Charset::decode(bytes.clone());
            assert_eq!(decoded, Some((charset, text.to_owned())), "{text}");
            assert_eq!(charset.encode(text), Some(bytes), "{text}");
        }
        assert_eq!(Charset::Windows1252.encode("\u{3b1}"), None);
    }

    #[test]
    fn other_bytes_are_no_text() {
        for bytes in [
            &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
            b"\0\x01\x02\x03\xC8\xC9\0\x09\x09\x09\x09\x09",
            b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01",
            b"\xE9\xF1\xD3\xC4\xB5\xA6 \xE9a\xF1b\xD3c",
            b"\0\0\0\0\0\0\0\0\0\0\0\0",
            b"a\0b\0\0\0c\0d\0e\0",
            // Half a pair.
            b"\xFF\xFEa\0\0\xD8b\0",
        ] {
            assert_eq!(Charset::decode(bytes.to_vec()), None, "{bytes:?}");
        }
    }
}
