//! The signed head of a log: its size and root (C2SP tlog-checkpoint).
//!
//! ```text
//! example.com/behind-the-sofa
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```

mod trust;

pub use trust::{Cosignature, InvalidTrust, OpenError, SignedCheckpoint, Trust};

use std::fmt;
use std::str::FromStr;

use crate::hash::{EMPTY_ROOT, Hash};
use crate::note::{InvalidNote, Note, NoteSigner};
use crate::text;
use crate::tree::MOST_LEAVES;

/// What a head says, without its signatures.
///
/// ```
/// use velum_ledger::checkpoint::Checkpoint;
/// let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
/// let checkpoint: Checkpoint = text.parse()?;
/// assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
/// assert_eq!(checkpoint.size(), 20_852_163);
/// assert_eq!(checkpoint.to_string(), text);
/// # Ok::<(), velum_ledger::checkpoint::InvalidCheckpoint>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// The head of the log `origin` with `size` leaves. Fails on an origin that is no line, on a size
    /// over [`MOST_LEAVES`], and on the size 0 with a root that is not [`EMPTY_ROOT`].
    ///
    /// ```
    /// use velum_ledger::{checkpoint::Checkpoint, hash::EMPTY_ROOT};
    /// assert!(Checkpoint::new("log.example/audit", 0, EMPTY_ROOT).is_ok());
    /// assert!(Checkpoint::new("two\nlines", 0, EMPTY_ROOT).is_err());
    /// ```
    pub fn new(
        origin: impl Into<String>,
        size: u64,
        root: Hash,
    ) -> Result<Self, InvalidCheckpoint> {
        let origin = origin.into();
        if !is_line(&origin) {
            return Err(InvalidCheckpoint::Origin);
        }
        if size > MOST_LEAVES {
            return Err(InvalidCheckpoint::Size);
        }
        if size == 0 && root != EMPTY_ROOT {
            return Err(InvalidCheckpoint::Root);
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions: Vec::new(),
        })
    }

    /// The same with another line behind it. The specification advises against such lines, since nobody
    /// can audit them. Fails on text that is not one line, or empty.
    ///
    /// ```
    /// # use velum_ledger::{checkpoint::Checkpoint, hash::EMPTY_ROOT};
    /// let checkpoint = Checkpoint::new("log.example", 0, EMPTY_ROOT)?.with_extension("more")?;
    /// assert_eq!(checkpoint.extensions(), ["more"]);
    /// # Ok::<(), velum_ledger::checkpoint::InvalidCheckpoint>(())
    /// ```
    pub fn with_extension(mut self, line: impl Into<String>) -> Result<Self, InvalidCheckpoint> {
        let line = line.into();
        if !is_line(&line) {
            return Err(InvalidCheckpoint::Extension);
        }
        self.extensions.push(line);
        Ok(self)
    }

    /// Which log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves it has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    pub const fn root(&self) -> &Hash {
        &self.root
    }

    /// The lines behind, which mean nothing here.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// A note of it with a signature by each of the signers. A log must never sign two heads of which one
    /// is not the beginning of the other: see [`verify_consistency`](crate::proof::verify_consistency).
    /// Fails beyond the limits of a note.
    ///
    /// ```
    /// # use velum_ledger::{checkpoint::Checkpoint, hash::EMPTY_ROOT, note::NoteSigner};
    /// let checkpoint = Checkpoint::new("log.example", 0, EMPTY_ROOT)?;
    /// let (old, new) = ([1; 32], [2; 32]);
    /// let signer = |seed| Ok::<_, Box<dyn std::error::Error>>(NoteSigner::from_seed("log.example".parse()?, seed));
    /// // While keys are rotated, both sign.
    /// let note = checkpoint.sign(&[&signer(&old)?, &signer(&new)?])?;
    /// assert_eq!(note.signatures().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sign(&self, signers: &[&NoteSigner]) -> Result<Note, InvalidNote> {
        let mut note = Note::new(self.to_string())?;
        note.sign(signers)?;
        Ok(note)
    }
}

impl fmt::Display for Checkpoint {
    /// The note's text, with its last newline.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            origin,
            size,
            root,
            extensions,
        } = self;
        writeln!(formatter, "{origin}\n{size}\n{root}")?;
        extensions
            .iter()
            .try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = InvalidCheckpoint;

    /// Reads a note's text: what is read is written the same.
    fn from_str(text: &str) -> Result<Self, InvalidCheckpoint> {
        let mut lines = text
            .strip_suffix('\n')
            .ok_or(InvalidCheckpoint::Lines)?
            .split('\n');
        let mut line = || lines.next().ok_or(InvalidCheckpoint::Lines);
        let (origin, size, root) = (line()?, line()?, line()?);
        let size = text::parse_number(size).ok_or(InvalidCheckpoint::Size)?;
        let root = root.parse().map_err(|_| InvalidCheckpoint::Root)?;
        let checkpoint = Self::new(origin, size, root)?;
        lines.try_fold(checkpoint, Self::with_extension)
    }
}

/// One line of a checkpoint: not empty, and without control characters.
fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|next| next < ' ')
}

/// Why something is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidCheckpoint {
    /// It has fewer than three lines, or does not end in a newline.
    Lines,
    /// The origin is empty or holds control characters.
    Origin,
    /// The size is no number in its one spelling, or over [`MOST_LEAVES`].
    Size,
    /// The root is no hash, or of an empty log another than [`EMPTY_ROOT`].
    Root,
    /// A line behind is empty or holds control characters.
    Extension,
}

impl fmt::Display for InvalidCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lines => "a checkpoint has three lines or more, each with its newline",
            Self::Origin => "a checkpoint's origin is one line that is not empty",
            Self::Size => "a checkpoint's size is a decimal number, of at most 2^63 - 1",
            Self::Root => "a checkpoint's root is a hash in base64; an empty log has one root only",
            Self::Extension => "a checkpoint's further lines are not empty",
        })
    }
}

impl std::error::Error for InvalidCheckpoint {}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, InvalidCheckpoint};
    use crate::hash::{EMPTY_ROOT, leaf_hash};
    use crate::tree::MOST_LEAVES;

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = leaf_hash(b"").to_string();
        let good = format!("log.example\n1\n{root}\nmore\neven more\n");
        let checkpoint: Checkpoint = good.parse().unwrap();
        assert_eq!(checkpoint.extensions(), ["more", "even more"]);
        assert_eq!(checkpoint.to_string(), good);
        for (bad, fault) in [
            (String::new(), InvalidCheckpoint::Lines),
            ("\n".to_owned(), InvalidCheckpoint::Lines),
            ("log.example\n1\n".to_owned(), InvalidCheckpoint::Lines),
            (good.trim_end().to_owned(), InvalidCheckpoint::Lines),
            (
                good.replacen("log.example", "", 1),
                InvalidCheckpoint::Origin,
            ),
            (
                good.replacen("log", "l\to\rg", 1),
                InvalidCheckpoint::Origin,
            ),
            (good.replacen("\n1\n", "\n01\n", 1), InvalidCheckpoint::Size),
            (good.replacen("\n1\n", "\n\n", 1), InvalidCheckpoint::Size),
            (good.replacen("\n1\n", "\n1 \n", 1), InvalidCheckpoint::Size),
            (good.replacen("\n1\n", "\n-1\n", 1), InvalidCheckpoint::Size),
            (
                good.replacen("\n1\n", "\n9223372036854775808\n", 1),
                InvalidCheckpoint::Size,
            ),
            (good.replacen("\n1\n", "\n0\n", 1), InvalidCheckpoint::Root),
            (good.replacen('=', "", 1), InvalidCheckpoint::Root),
            (good.replacen("B0=", "B1=", 1), InvalidCheckpoint::Root),
            (format!("{good}\n"), InvalidCheckpoint::Extension),
            (good.replacen("more", "", 1), InvalidCheckpoint::Extension),
            (
                good.replacen("more", "mo\rre", 1),
                InvalidCheckpoint::Extension,
            ),
        ] {
            assert_eq!(bad.parse::<Checkpoint>(), Err(fault), "{bad:?}");
        }
    }

    #[test]
    fn an_empty_log_has_one_root() {
        assert!(Checkpoint::new("a", 0, EMPTY_ROOT).is_ok());
        let other = Checkpoint::new("a", 0, leaf_hash(b""));
        assert_eq!(other, Err(InvalidCheckpoint::Root));
        let large = Checkpoint::new("a", MOST_LEAVES + 1, EMPTY_ROOT);
        assert_eq!(large, Err(InvalidCheckpoint::Size));
    }
}
