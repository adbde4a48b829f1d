//! What is in a bundle: each entry behind its length in two bytes (C2SP tlog-tiles, "Log entries").

use std::fmt;

use super::Bundle;

/// How long an entry may be, in bytes: its length has two.
pub const MOST_ENTRY_BYTES: usize = 65_535;

impl Bundle {
    /// The bytes of the bundle with these entries. Fails if one is longer than [`MOST_ENTRY_BYTES`] or
    /// they are not as many as the bundle is wide.
    pub fn encode<'e>(
        self,
        entries: impl IntoIterator<Item = &'e [u8]>,
    ) -> Result<Vec<u8>, BundleFault> {
        let mut bytes = Vec::new();
        let mut count = 0;
        for entry in entries {
            let length =
                u16::try_from(entry.len()).map_err(|_| BundleFault::TooLong(EntryTooLong))?;
            bytes.extend(length.to_be_bytes());
            bytes.extend(entry);
            count += 1;
        }
        self.check_count(count)?;
        Ok(bytes)
    }

    /// The entries of the bundle with these bytes. Fails if the bytes end within an entry or there are
    /// more or fewer entries than the bundle is wide.
    pub fn parse(self, bytes: &[u8]) -> Result<Vec<&[u8]>, BundleFault> {
        let mut entries = Vec::with_capacity(self.width().into());
        let mut rest = bytes;
        while !rest.is_empty() {
            let cut_off = BundleFault::CutOff {
                entry: entries.len(),
            };
            let (length, behind) = rest.split_first_chunk::<2>().ok_or(cut_off)?;
            let length = u16::from_be_bytes(*length).into();
            let (entry, behind) = behind.split_at_checked(length).ok_or(cut_off)?;
            // However many there are, memory is bounded by what a bundle may have.
            if entries.len() >= self.width().into() {
                return Err(BundleFault::Beyond {
                    expected: self.width(),
                });
            }
            entries.push(entry);
            rest = behind;
        }
        self.check_count(entries.len())?;
        Ok(entries)
    }

    fn check_count(self, found: usize) -> Result<(), BundleFault> {
        let expected = self.width();
        match found.cmp(&expected.into()) {
            std::cmp::Ordering::Less => Err(BundleFault::Fewer { expected, found }),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(BundleFault::Beyond { expected }),
        }
    }
}

/// An entry has more than [`MOST_ENTRY_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryTooLong;

/// Why bytes are not the bundle that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleFault {
    /// They end within an entry.
    CutOff {
        /// Which one of the bundle, counted from 0.
        entry: usize,
    },
    /// There are fewer entries than the bundle is wide.
    Fewer {
        /// How wide it is.
        expected: u16,
        /// How many there are.
        found: usize,
    },
    /// There are more entries than the bundle is wide.
    Beyond {
        /// How wide it is.
        expected: u16,
    },
    /// An entry is too long to be written.
    TooLong(EntryTooLong),
}

impl fmt::Display for BundleFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff { entry } => write!(formatter, "the bytes end within entry {entry}"),
            Self::Fewer { expected, found } => {
                write!(formatter, "{found} entries in the place of {expected}")
            }
            Self::Beyond { expected } => write!(formatter, "more than {expected} entries"),
            Self::TooLong(EntryTooLong) => {
                write!(formatter, "an entry has more than {MOST_ENTRY_BYTES} bytes")
            }
        }
    }
}

impl std::error::Error for BundleFault {}

#[cfg(test)]
mod tests {
    use super::{Bundle, BundleFault, EntryTooLong, MOST_ENTRY_BYTES};

    fn bundle(width: u16) -> Bundle {
        Bundle::new(0, width).unwrap()
    }

    #[test]
    fn entries_come_back() {
        let longest = vec![7; MOST_ENTRY_BYTES];
        let entries = [&b""[..], b"a", &longest];
        let bytes = bundle(3).encode(entries).unwrap();
        assert_eq!(bundle(3).parse(&bytes).unwrap(), entries);
    }

    #[test]
    fn each_fault_is_told() {
        let too_long = vec![0; MOST_ENTRY_BYTES + 1];
        let fault = bundle(1).encode([&too_long[..]]);
        assert_eq!(fault, Err(BundleFault::TooLong(EntryTooLong)));
        let bytes = bundle(2).encode([&b"ab"[..], b"c"]).unwrap();
        for (end, fault) in [
            (
                0,
                BundleFault::Fewer {
                    expected: 2,
                    found: 0,
                },
            ),
            (1, BundleFault::CutOff { entry: 0 }),
            (3, BundleFault::CutOff { entry: 0 }),
            (
                4,
                BundleFault::Fewer {
                    expected: 2,
                    found: 1,
                },
            ),
            (5, BundleFault::CutOff { entry: 1 }),
            (6, BundleFault::CutOff { entry: 1 }),
        ] {
            assert_eq!(bundle(2).parse(&bytes[..end]), Err(fault), "{end}");
        }
        let beyond = Err(BundleFault::Beyond { expected: 1 });
        assert_eq!(bundle(1).parse(&bytes), beyond);
        assert_eq!(
            bundle(1).encode([&b""[..], b""]),
            Err(BundleFault::Beyond { expected: 1 })
        );
    }
}
