//! Whether what comes out is what went in.

/// Compares two streams that come in different pieces. What has gone in and not yet come out is kept,
/// which the engine bounds, until the first difference.
#[derive(Debug, Default)]
pub(super) struct Sameness {
    waiting: Vec<u8>,
    differs: bool,
}

impl Sameness {
    pub(super) fn goes_in(&mut self, bytes: &[u8]) {
        if !self.differs {
            self.waiting.extend_from_slice(bytes);
        }
    }

    pub(super) fn comes_out(&mut self, bytes: &[u8]) {
        if self.differs {
            return;
        }
        if self.waiting.starts_with(bytes) {
            self.waiting.drain(..bytes.len());
        } else {
            self.differs = true;
            self.waiting = Vec::new();
        }
    }

    /// Of all that went in and came out.
    pub(super) fn holds(&self) -> bool {
        !self.differs && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_matter() {
        for (input, output, same) in [
            (&["ab", "", "cd"][..], &["a", "bc", "d"][..], true),
            (&["abcd"], &["abc"], false),
            (&["abcd"], &["abcd", "e"], false),
            (&["abcd"], &["abxd"], false),
            (&[], &[], true),
        ] {
            let mut sameness = Sameness::default();
            for piece in input {
                sameness.goes_in(piece.as_bytes());
            }
            for piece in output {
                sameness.comes_out(piece.as_bytes());
            }
            assert_eq!(sameness.holds(), same, "{input:?} {output:?}");
        }
    }
}
