//! RFC 3629, checked piece by piece: for strings that are never whole in memory.

use crate::{Error, ErrorKind};

/// A sequence that the pieces so far have begun.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8Stream {
    begun: [u8; 4],
    length: usize,
    offset: u64,
}

impl Utf8Stream {
    /// Checks the next piece; `offset` is where in the body it begins.
    pub(super) fn feed(&mut self, piece: &[u8], offset: u64) -> Result<(), Error> {
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
                    return Err(Error {
                        kind: ErrorKind::Utf8,
                        offset: self.offset,
                    });
                }
            }
        }
        let offset = offset + (piece.len() - rest.len()) as u64;
        match str::from_utf8(rest) {
            Ok(_) => Ok(()),
            Err(fault) => {
                let valid = fault.valid_up_to();
                self.offset = offset + valid as u64;
                let tail = rest.get(valid..).unwrap_or_default();
                match (fault.error_len(), self.begun.get_mut(..tail.len())) {
                    (None, Some(begun)) => {
                        begun.copy_from_slice(tail);
                        self.length = tail.len();
                        Ok(())
                    }
                    _ => Err(Error {
                        kind: ErrorKind::Utf8,
                        offset: self.offset,
                    }),
                }
            }
        }
    }

    /// The string ends: no sequence may be open.
    pub(super) fn finish(&self) -> Result<(), Error> {
        if self.length == 0 {
            Ok(())
        } else {
            Err(Error {
                kind: ErrorKind::Utf8,
                offset: self.offset,
            })
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
            let result = result.and_then(|()| stream.finish());
            assert_eq!(result.map_err(|error| error.offset), expected.map(|_| ()));
        }
    }
}
