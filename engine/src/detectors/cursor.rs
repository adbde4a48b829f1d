//! Reads the parts of a value one after the other.

/// A place in a text. What is asked for and is there is read; else the place stays.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// What is not read yet.
    pub(super) fn rest(self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The same text at an earlier place.
    pub(super) fn back_to(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// The byte before a place.
    pub(super) fn before(self, at: usize) -> Option<u8> {
        at.checked_sub(1).and_then(|at| self.bytes.get(at)).copied()
    }

    pub(super) fn next(self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// One of these bytes.
    pub(super) fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.next().filter(|byte| bytes.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn byte(&mut self, byte: u8) -> Option<u8> {
        self.one_of(&[byte])
    }

    /// This text, whatever its case.
    pub(super) fn text(&mut self, text: &[u8]) -> Option<()> {
        let start = self.rest().get(..text.len())?;
        start.eq_ignore_ascii_case(text).then_some(())?;
        self.at += text.len();
        Some(())
    }

    /// So many spaces at most.
    pub(super) fn spaces(&mut self, most: usize) -> usize {
        let count = self.rest().iter().take(most).take_while(|b| **b == b' ');
        let count = count.count();
        self.at += count;
        count
    }

    /// A number of so many digits, neither more nor less.
    pub(super) fn digits(&mut self, length: usize) -> Option<u32> {
        let digits = self.peek_digits(length);
        if digits.len() != length || self.rest().get(length).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        self.at += length;
        Some(number(digits))
    }

    /// A number of one or two digits, not more.
    pub(super) fn one_or_two(&mut self) -> Option<u32> {
        self.digits(1).or_else(|| self.digits(2))
    }

    /// The digits here, so many at most.
    pub(super) fn peek_digits(self, most: usize) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().take(most).take_while(|b| b.is_ascii_digit());
        rest.get(..length.count()).unwrap_or_default()
    }

    /// A word, letters beyond ASCII among them; so many bytes at most are looked at.
    pub(super) fn word(&mut self, most: usize) -> &'a [u8] {
        let rest = self.rest();
        let is_letter = |byte: &&u8| byte.is_ascii_alphabetic() || **byte >= 0x80;
        let length = rest.iter().take(most).take_while(is_letter).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }
}

/// The number that digits write.
pub(super) fn number(digits: &[u8]) -> u32 {
    let add = |number: u32, digit: &u8| {
        number
            .wrapping_mul(10)
            .wrapping_add(u32::from(digit.wrapping_sub(b'0')))
    };
    digits.iter().fold(0, add)
}
