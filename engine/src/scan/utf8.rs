//! RFC 3629, checked piece by piece.

/// A sequence that the pieces so far have begun.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8Stream {
    begun: [u8; 4],
    length: usize,
    offset: u64,
}

/// What is no UTF-8; offsets in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Utf8Fault {
    /// Where the sequence begins.
    pub(super) start: u64,
    /// The byte that cannot stand where it does.
    pub(super) at: u64,
}

impl Utf8Stream {
    /// Whether a sequence is begun.
    pub(super) fn is_begun(&self) -> bool {
        self.length > 0
    }

    /// Checks the next piece; `offset` is where in the body it begins.
    pub(super) fn feed(&mut self, piece: &[u8], offset: u64) -> Result<(), Utf8Fault> {
        let mut rest = piece;
        while self.length > 0 {
            let Some((&byte, after)) = rest.split_first() else {
                return Ok(());
            };
            if let Some(place) = self.begun.get_mut(self.length) {
                *place = byte;
            }
            self.length += 1;
            rest = after;
            match str::from_utf8(self.begun.get(..self.length).unwrap_or_default()) {
                Ok(_) => self.length = 0,
                Err(fault) if fault.error_len().is_none() => {}
                Err(_) => {
                    let at = self.offset + self.length as u64 - 1;
                    return Err(Utf8Fault {
                        start: self.offset,
                        at,
                    });
                }
            }
        }
        let offset = offset + (piece.len() - rest.len()) as u64;
        let Err(fault) = str::from_utf8(rest) else {
            return Ok(());
        };
        let valid = fault.valid_up_to();
        self.offset = offset + valid as u64;
        let tail = rest.get(valid..).unwrap_or_default();
        match (fault.error_len(), self.begun.get_mut(..tail.len())) {
            (None, Some(begun)) => {
                begun.copy_from_slice(tail);
                self.length = tail.len();
                Ok(())
            }
            (length, _) => {
                // What may begin no sequence is itself the fault.
                let begins = matches!(tail.first(), Some(0xC2..=0xF4));
                let good = if begins {
                    length.unwrap_or_default()
                } else {
                    0
                };
                Err(Utf8Fault {
                    start: self.offset,
                    at: self.offset + good as u64,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_the_whole_agree() {
        for text in [
            "aé€😀z".as_bytes(),
            b"\xC0\x80",
            b"ab\xE2\x82",
            b"\xED\xA0\x80",
            b"\xF4\x90\x80\x80",
            b"x\x80",
            b"\xE2\x28\xA1",
        ] {
            let expected = str::from_utf8(text).map_err(|fault| fault.valid_up_to() as u64);
            let mut stream = Utf8Stream::default();
            let mut result = Ok(());
            for (offset, byte) in text.iter().enumerate() {
                result = result.and_then(|()| stream.feed(&[*byte], offset as u64));
            }
            let mut whole = Utf8Stream::default();
            assert_eq!(whole.feed(text, 0), result);
            let start = match result {
                Ok(()) if stream.is_begun() => Err(stream.offset),
                Ok(()) => Ok(()),
                Err(fault) => Err(fault.start),
            };
            assert_eq!(start, expected.map(|_| ()));
        }
    }
}
