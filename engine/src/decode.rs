//! The decoded text of a JSON string, with a map back to its source.

use std::borrow::Cow;

use crate::scan::Escape;
use crate::scan::Step;

/// Decodes string content piece by piece.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Decoder {
    escape: Option<Escape>,
}

impl Decoder {
    /// Decodes the next piece of (valid) string content.
    pub(crate) fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.feed_mapped(piece, |letter, _| match letter {
            Decoded::Byte(byte) => out.push(byte),
            Decoded::Letter(letter) => {
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
        });
    }

    /// Decodes, and tells with each byte or character where in the piece its source ends.
    fn feed_mapped(&mut self, piece: &[u8], mut emit: impl FnMut(Decoded, usize)) {
        for (index, &byte) in piece.iter().enumerate() {
            match self.escape {
                None if byte == b'\\' => self.escape = Some(Escape::Backslash { high: None }),
                None => emit(Decoded::Byte(byte), index + 1),
                Some(escape) => match escape.step(byte) {
                    Step::Go(escape) => self.escape = Some(escape),
                    Step::Done(letter) => {
                        self.escape = None;
                        emit(Decoded::Letter(letter), index + 1);
                    }
                    Step::Fault => self.escape = None,
                },
            }
        }
    }
}

enum Decoded {
    Byte(u8),
    Letter(char),
}

/// The decoded text of a string token, and for each end of an escape the two offsets.
#[derive(Default)]
pub(crate) struct Text<'a> {
    text: Cow<'a, str>,
    /// (decoded offset, source offset) of places behind an escape; between two, bytes are alike.
    anchors: Vec<(usize, usize)>,
}

impl<'a> Text<'a> {
    /// Decodes the inside of a string token.
    pub(crate) fn decode(inside: &'a [u8]) -> Self {
        if memchr::memchr(b'\\', inside).is_none() {
            return Self {
                text: to_str(Cow::Borrowed(inside)),
                anchors: Vec::new(),
            };
        }
        let mut decoded = Vec::with_capacity(inside.len());
        let mut anchors = Vec::new();
        Decoder::default().feed_mapped(inside, |letter, source_end| match letter {
            Decoded::Byte(byte) => decoded.push(byte),
            Decoded::Letter(letter) => {
                // Where the escape begins the bytes before it are alike; only its end is new.
                decoded.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                anchors.push((decoded.len(), source_end));
            }
        });
        Self {
            text: to_str(Cow::Owned(decoded)),
            anchors,
        }
    }

    /// A text that is its own source.
    pub(crate) fn plain(text: &'a str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            anchors: Vec::new(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The offset in the source of a character boundary of the text.
    pub(crate) fn source(&self, decoded: usize) -> usize {
        let after = self.anchors.partition_point(|anchor| anchor.0 <= decoded);
        match after
            .checked_sub(1)
            .and_then(|index| self.anchors.get(index))
        {
            Some((decoded_anchor, source_anchor)) => source_anchor + (decoded - decoded_anchor),
            None => decoded,
        }
    }
}

/// The scanner has checked the bytes; should it ever not have, nothing is shown.
fn to_str(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        // The first of the two has a fast way through ASCII.
        Cow::Borrowed(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        },
        Cow::Owned(bytes) => {
            Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|_| String::from('\u{FFFD}')))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_leads_back_to_the_source() {
        let source = r"a\u0031b\\c\ud83d\ude00é\n1";
        let text = Text::decode(source.as_bytes());
        assert_eq!(text.as_str(), "a1b\\c😀é\n1");
        let cut = |from: &str, to: &str| {
            let start = text.as_str().find(from).unwrap();
            let end = text.as_str().rfind(to).unwrap() + to.len();
            &source[text.source(start)..text.source(end)]
        };
        assert_eq!(cut("1b", "b"), r"\u0031b");
        assert_eq!(cut("b", "b"), "b");
        assert_eq!(cut("\\", "c"), r"\\c");
        assert_eq!(cut("😀", "é"), r"\ud83d\ude00é");
        assert_eq!(cut("\n", "1"), r"\n1");
        assert_eq!(cut("a", "1"), source);
    }
}
