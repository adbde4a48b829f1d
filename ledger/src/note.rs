//! Signed notes: text with signatures behind it (C2SP signed-note).
//!
//! ```text
//! This is an example message.
//!
//! — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
//! ```
//!
//! The text means nothing before [`Note::verify`] has found a signature of a known key.

mod key;
mod line;
mod series;
mod signer;
mod verify;

pub use key::{Algorithm, InvalidKey, InvalidName, KeyId, KeyName, VerifierKey};
pub use line::NoteSignature;
pub use series::Series;
pub use signer::NoteSigner;
pub use verify::{ValidSignature, VerifyError};

use std::fmt;

/// How many signatures a note may have. The specification wants 16 to be taken, and a limit.
pub const MOST_SIGNATURES: usize = 64;

/// How long a note may be, in bytes: room for 16 signatures of the longest kind, and a text.
pub const MOST_BYTES: usize = 256 * 1024;

/// Between text and signatures: the last empty line.
const SEPARATOR: &str = "\n\n";

/// A text and its signatures, not yet verified.
///
/// ```
/// use velum_ledger::note::{Note, VerifierKey};
/// // The example of the specification.
/// let note = Note::parse("This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv\
///     1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n".as_bytes())?;
/// let key: VerifierKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse()?;
/// let known = [key];
/// let signatures = note.verify(&known)?;
/// assert_eq!(signatures[0].key().name().as_str(), "example.com/foo");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// A note without signatures yet. Fails if the text is no text of a note: it must end in a newline,
    /// and hold no other control character.
    ///
    /// ```
    /// # use velum_ledger::note::Note;
    /// assert!(Note::new("a line\n").is_ok());
    /// assert!(Note::new("no newline at the end").is_err());
    /// ```
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidNote> {
        let text = text.into();
        let is_short = text.len() <= MOST_BYTES;
        let is_text = text.ends_with('\n') && !text.chars().any(is_forbidden);
        match (is_short, is_text) {
            (true, true) => Ok(Self {
                text,
                signatures: Vec::new(),
            }),
            (false, _) => Err(InvalidNote::TooLong),
            (true, false) => Err(InvalidNote::Text),
        }
    }

    /// Reads a note, byte for byte as the specification has it: what is read is written the same by
    /// [`to_string`](ToString::to_string). Signatures are not verified. Fails on a note without any, and
    /// beyond [`MOST_SIGNATURES`] and [`MOST_BYTES`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidNote> {
        if bytes.len() > MOST_BYTES {
            return Err(InvalidNote::TooLong);
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| InvalidNote::Text)?;
        let split = whole.rfind(SEPARATOR).ok_or(InvalidNote::Unsigned)?;
        // The text keeps the first of the two newlines.
        let (text, lines) = whole.split_at_checked(split + 1).ok_or(InvalidNote::Text)?;
        let mut note = Self::new(text)?;
        let lines = lines.strip_prefix('\n').ok_or(InvalidNote::Unsigned)?;
        for line in lines.split_inclusive('\n') {
            let line = line.strip_suffix('\n').ok_or(InvalidNote::Signature)?;
            note.push(NoteSignature::parse(line)?)?;
        }
        if note.signatures.is_empty() {
            return Err(InvalidNote::Unsigned);
        }
        Ok(note)
    }

    /// Adds a signature behind the others; who made it elsewhere gets one by
    /// [`VerifierKey::signature`]. Fails beyond [`MOST_SIGNATURES`] and [`MOST_BYTES`].
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), InvalidNote> {
        let length = self.to_string().len() + signature.to_string().len();
        if length >= MOST_BYTES {
            return Err(InvalidNote::TooLong);
        }
        self.push(signature)
    }

    fn push(&mut self, signature: NoteSignature) -> Result<(), InvalidNote> {
        if self.signatures.len() >= MOST_SIGNATURES {
            return Err(InvalidNote::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Adds a signature by each of the signers. Fails as [`add`](Self::add) does.
    ///
    /// ```
    /// # use velum_ledger::note::{Note, NoteSigner};
    /// let signer = NoteSigner::from_seed("log.example".parse()?, &[7; 32]);
    /// let mut note = Note::new("text\n")?;
    /// note.sign(&[&signer])?;
    /// assert!(note.verify(&[signer.verifier().clone()]).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sign(&mut self, signers: &[&NoteSigner]) -> Result<(), InvalidNote> {
        for signer in signers {
            self.add(signer.sign(&self.text))?;
        }
        Ok(())
    }

    /// The text, with its last newline: what is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, of known and unknown keys, in their order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| writeln!(formatter, "{signature}"))
    }
}

/// Control characters of ASCII are not in a note, but for newlines.
fn is_forbidden(character: char) -> bool {
    character < ' ' && character != '\n'
}

/// Why something is no note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidNote {
    /// It is longer than [`MOST_BYTES`].
    TooLong,
    /// It is not UTF-8, has a control character, or its text does not end in a newline.
    Text,
    /// It has no signatures: no empty line, or none behind it.
    Unsigned,
    /// A line among the signatures is not `— name base64`.
    Signature,
    /// It has more than [`MOST_SIGNATURES`].
    TooManySignatures,
}

impl fmt::Display for InvalidNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(formatter, "a note of more than {MOST_BYTES} bytes"),
            Self::Text => formatter.write_str(
                "a note's text must be UTF-8, without control characters, and end in a newline",
            ),
            Self::Unsigned => formatter.write_str("a note without an empty line and signatures"),
            Self::Signature => formatter.write_str("a note with a line that is no signature"),
            Self::TooManySignatures => {
                write!(
                    formatter,
                    "a note with more than {MOST_SIGNATURES} signatures"
                )
            }
        }
    }
}

impl std::error::Error for InvalidNote {}

#[cfg(test)]
mod tests {
    use super::{InvalidNote, MOST_BYTES, MOST_SIGNATURES, Note, NoteSigner};

    const LINE: &str = "— a.example AAAAAAE=\n";

    fn parse(text: &str) -> Result<Note, InvalidNote> {
        Note::parse(text.as_bytes())
    }

    #[test]
    fn notes_come_back_as_they_were() {
        for text in [
            "text\n",
            "\n",
            "a\n\nb\n",
            "a\n\n— x AAAAAAE=\nb\n",
            "a\n\n\n",
            "é — +\n",
            "\n\n\n",
        ] {
            let whole = format!("{text}\n{LINE}{LINE}");
            let note = parse(&whole).unwrap();
            assert_eq!(
                (note.text(), note.signatures().len()),
                (text, 2),
                "{text:?}"
            );
            assert_eq!(note.to_string(), whole);
        }
    }

    #[test]
    fn what_is_no_note_is_refused() {
        for (whole, fault) in [
            (String::new(), InvalidNote::Unsigned),
            ("text\n".to_owned(), InvalidNote::Unsigned),
            ("text\n\n".to_owned(), InvalidNote::Unsigned),
            (format!("text\n{LINE}"), InvalidNote::Unsigned),
            (format!("text\r\n\r\n{LINE}"), InvalidNote::Unsigned),
            (format!("te\txt\n\n{LINE}"), InvalidNote::Text),
            (format!("te\0xt\n\n{LINE}"), InvalidNote::Text),
            (
                format!("text\n\n{}", LINE.trim_end()),
                InvalidNote::Signature,
            ),
            (format!("text\n\n{LINE} "), InvalidNote::Signature),
            (format!("text\n\n{LINE}x\n"), InvalidNote::Signature),
            (format!("text\n\n {LINE}"), InvalidNote::Signature),
            (
                format!("text\n\n{}", LINE.replace('\n', "\r\n")),
                InvalidNote::Signature,
            ),
        ] {
            assert_eq!(parse(&whole), Err(fault), "{whole:?}");
        }
        assert_eq!(Note::parse(b"t\xff\n\n"), Err(InvalidNote::Text));
        assert_eq!(Note::new("no end"), Err(InvalidNote::Text));
        assert_eq!(Note::new(""), Err(InvalidNote::Text));
    }

    #[test]
    fn limits_are_kept() {
        let most = format!("text\n\n{}", LINE.repeat(MOST_SIGNATURES));
        assert!(parse(&most).is_ok());
        assert_eq!(
            parse(&format!("{most}{LINE}")),
            Err(InvalidNote::TooManySignatures)
        );
        let mut note = parse(&most).unwrap();
        let signer = NoteSigner::from_seed("a.example".parse().unwrap(), &[1; 32]);
        assert_eq!(note.sign(&[&signer]), Err(InvalidNote::TooManySignatures));
        let long = "x".repeat(MOST_BYTES);
        assert_eq!(
            parse(&format!("{long}\n\n{LINE}")),
            Err(InvalidNote::TooLong)
        );
        assert_eq!(Note::new(format!("{long}\n")), Err(InvalidNote::TooLong));
        let mut nearly = Note::new(format!("{}\n", &long[1..])).unwrap();
        assert_eq!(nearly.sign(&[&signer]), Err(InvalidNote::TooLong));
    }
}
