//! Notes one after another, as a file has them that is only ever added to.
//!
//! Between two of them is an empty line. What a crash has cut in the middle is passed over: who adds the next
//! note puts [`Series::MEND`] before it, and it begins anew there.

use super::{Note, SEPARATOR};

/// What a signature begins with.
const SIGNATURE: &str = "\u{2014} ";

/// Notes that were kept, in their order; none is verified.
///
/// ```
/// use velum_ledger::note::{Note, NoteSigner, Series};
/// let signer = NoteSigner::from_seed("log.example".parse()?, &[7; 32]);
/// let mut note = Note::new("text\n")?;
/// note.sign(&[&signer])?;
///
/// let kept = Series::entry(&note).repeat(2);
/// let series = Series::parse(kept.as_bytes());
/// assert_eq!(series.notes, [note.clone(), note]);
/// assert!(!series.is_cut);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Those that are whole. A text with an empty line in it is not found again whole: checkpoints have none.
    pub notes: Vec<Note>,
    /// How many pieces there are that are no note.
    pub pieces: usize,
    /// Whether the end is not that of a note: [`MEND`](Self::MEND) has to come before the next one.
    pub is_cut: bool,
}

impl Series {
    /// A note as it is added: with the empty line behind it.
    pub fn entry(note: &Note) -> String {
        format!("{note}\n")
    }

    /// What comes before the next note where the end [is cut](Self::is_cut): a sign that no signature has, since what
    /// is cut within its signatures could be taken for whole.
    pub const MEND: &str = "-\n\n";

    /// Reads what was kept, or the end of it: a note that it begins within is a piece.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (mut notes, mut pieces) = (Vec::new(), 0);
        let mut paragraphs = text.split(SEPARATOR).peekable();
        while let Some(paragraph) = paragraphs.next() {
            let paragraph = paragraph.trim_start_matches('\n');
            if paragraph.is_empty() {
                continue;
            }
            let lines = paragraphs.next_if(|next| next.starts_with(SIGNATURE));
            // Behind one that is whole there is an empty line.
            let is_whole = paragraphs.peek().is_some();
            let note = lines.filter(|_| is_whole).and_then(|lines| {
                let lines = lines.trim_end_matches('\n');
                Note::parse(format!("{paragraph}{SEPARATOR}{lines}\n").as_bytes()).ok()
            });
            match note {
                Some(note) => notes.push(note),
                None => pieces += 1,
            }
        }
        Self {
            notes,
            pieces,
            is_cut: !text.is_empty() && !text.ends_with(SEPARATOR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Series;
    use crate::note::{Note, NoteSigner};

    fn note(text: &str) -> Note {
        let signer = NoteSigner::from_seed("log.example".parse().unwrap(), &[7; 32]);
        let mut note = Note::new(text).unwrap();
        note.sign(&[&signer, &signer]).unwrap();
        note
    }

    #[test]
    fn nothing_is_no_note() {
        let series = Series::parse(b"");
        assert_eq!(
            (series.notes.len(), series.pieces, series.is_cut),
            (0, 0, false)
        );
    }

    #[test]
    fn wherever_a_crash_cuts_the_notes_before_and_behind_are_found() {
        let (first, second, third) = (note("a\n1\n"), note("a\n2\n"), note("a\n3\n"));
        let whole = Series::entry(&second);
        for cut in 0..=whole.len() {
            let mut kept = Series::entry(&first).into_bytes();
            kept.extend(&whole.as_bytes()[..cut]);
            let series = Series::parse(&kept);
            assert_eq!(series.notes.first(), Some(&first), "{cut}");
            let is_there = cut == whole.len();
            assert_eq!(series.notes.len(), 1 + usize::from(is_there), "{cut}");
            assert_eq!(series.is_cut, !kept.ends_with(b"\n\n"), "{cut}");
            if series.is_cut {
                kept.extend(Series::MEND.bytes());
            }
            kept.extend(Series::entry(&third).bytes());
            let series = Series::parse(&kept);
            assert_eq!(series.notes.last(), Some(&third), "{cut}");
            assert_eq!(series.notes.len(), 2 + usize::from(is_there), "{cut}");
            assert!(!series.is_cut, "{cut}");
        }
    }

    #[test]
    fn the_end_of_a_file_is_read_as_its_notes() {
        let kept = Series::entry(&note("a\n1\n")) + &Series::entry(&note("a\n2\n"));
        for from in 1..kept.len() - Series::entry(&note("a\n2\n")).len() {
            let series = Series::parse(&kept.as_bytes()[from..]);
            assert_eq!(series.notes.last(), Some(&note("a\n2\n")), "{from}");
        }
    }

    #[test]
    fn what_is_no_text_is_a_piece() {
        let mut kept = b"\xff\xfe\n\n\xe2\x80\x94 x\n\n".to_vec();
        kept.extend(Series::entry(&note("a\n1\n")).bytes());
        let series = Series::parse(&kept);
        assert_eq!((series.notes.len(), series.pieces), (1, 1));
    }
}
