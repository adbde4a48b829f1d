//! What keeps the time for a text linear.
//!
//! A pattern may read far ahead from every place without finding anything: `a+b` does among nothing
//! but `a`. Steps are counted, and a text that takes more than so many for each of its bytes is
//! masked whole.

/// So many for each byte of a text.
const FOR_EACH_BYTE: usize = 64;
/// A text counts as if it were so much longer.
const AHEAD: usize = 64;

/// Steps that are left.
pub(super) struct Steps(usize);

/// There are none left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spent;

impl Steps {
    /// Those for a text of so many bytes.
    pub(super) fn of(length: usize) -> Self {
        Self(length.saturating_add(AHEAD).saturating_mul(FOR_EACH_BYTE))
    }

    /// Takes so many.
    #[inline]
    pub(super) fn take(&mut self, steps: usize) -> Result<(), Spent> {
        self.0 = self.0.checked_sub(steps).ok_or(Spent)?;
        Ok(())
    }

    /// How many have been taken for a text of so many bytes.
    #[cfg(test)]
    pub(super) fn taken(&self, length: usize) -> usize {
        Self::of(length).0 - self.0
    }
}
