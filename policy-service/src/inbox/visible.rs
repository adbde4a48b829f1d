//! Text that somebody else wrote, so that a reader sees what is there: characters that show nothing, or that
//! turn the text round them, are shown by their names (threat 24).

use askama::Template;
use askama::filters::HtmlSafe;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Text with whatever is invisible in it made visible, isolated from the text beside it.
///
/// Its template escapes every piece, so it may stand in a page as it is.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(
    ext = "html",
    source = "<bdi>{% for piece in pieces %}{% match piece %}{% when Piece::Text(text) %}{{ text }}\
              {% when Piece::Mark(name) %}<span class=\"mark\">{{ name }}</span>{% endmatch %}{% endfor %}\
              {% if is_cut %}<span class=\"cut\">… cut</span>{% endif %}</bdi>"
)]
pub(super) struct Visible {
    pieces: Vec<Piece>,
    is_cut: bool,
}

impl HtmlSafe for Visible {}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The code of a character that is not shown as itself.
    Mark(String),
}

impl Visible {
    /// The whole text.
    pub(super) fn new(text: &str) -> Visible {
        Visible::cut(text, usize::MAX)
    }

    /// At most so many characters of it, as they are shown.
    pub(super) fn cut(text: &str, most: usize) -> Visible {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut room = most;
        let mut is_cut = false;
        for character in text.chars() {
            let mark = is_hidden(character).then(|| format!("U+{:04X}", u32::from(character)));
            let width = mark.as_ref().map_or(1, String::len);
            if width > room {
                is_cut = true;
                break;
            }
            room -= width;
            match mark {
                None => plain.push(character),
                Some(mark) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Mark(mark));
                }
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Visible { pieces, is_cut }
    }

    /// Whether some of it is left out.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// Characters that show nothing, that look like a space and are none, that change the direction of others, or
/// that nobody has given a meaning.
fn is_hidden(character: char) -> bool {
    match character.general_category() {
        GeneralCategory::Control
        | GeneralCategory::Format
        | GeneralCategory::Surrogate
        | GeneralCategory::PrivateUse
        | GeneralCategory::Unassigned
        | GeneralCategory::LineSeparator
        | GeneralCategory::ParagraphSeparator => true,
        GeneralCategory::SpaceSeparator => character != ' ',
        // Letters, marks and signs by their category that show nothing all the same.
        _ => matches!(
            u32::from(character),
            0x034F
                | 0x115F..=0x1160
                | 0x17B4..=0x17B5
                | 0x180B..=0x180F
                | 0x2800
                | 0x3164
                | 0xFE00..=0xFE0F
                | 0xFFA0
                | 0xFFFC
                | 0xE_0100..=0xE_01EF
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        Visible::new(text).to_string()
    }

    #[test]
    fn what_shows_nothing_or_turns_text_round_is_shown_by_its_code() {
        for (text, shown) in [
            ("discharge summary", "<bdi>discharge summary</bdi>"),
            ("Ærø – schön, 漢字", "<bdi>Ærø – schön, 漢字</bdi>"),
            (
                "a\u{202e}b",
                "<bdi>a<span class=\"mark\">U+202E</span>b</bdi>",
            ),
            ("\u{0}", "<bdi><span class=\"mark\">U+0000</span></bdi>"),
            (
                "\u{e0041}",
                "<bdi><span class=\"mark\">U+E0041</span></bdi>",
            ),
        ] {
            assert_eq!(html(text), shown);
        }
        for hidden in [
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{a0}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2028}',
            '\u{202a}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{e001}',
            '\u{10ffff}',
            '\u{0600}',
            '\u{1bca0}',
            '\u{13430}',
            '\u{110bd}',
            '\u{0378}',
            '\u{e0100}',
            '\n',
            '\t',
        ] {
            let shown = html(&format!("a{hidden}b"));
            assert!(!shown.contains(hidden), "{hidden:?}");
            assert!(shown.contains("class=\"mark\""), "{hidden:?}");
        }
    }

    #[test]
    fn markup_stays_text() {
        let shown = html("<script>alert('x')</script>&amp;\"{{ x }}");
        assert!(!shown.contains("<script"), "{shown}");
        assert!(!shown.contains('\''), "{shown}");
        assert!(!shown.contains("&amp;\""), "{shown}");
        assert!(shown.contains("{{ x }}"), "{shown}");
    }

    #[test]
    fn what_is_left_out_is_said() {
        let cut = Visible::cut("Thistlewood", 5);
        assert!(cut.is_cut());
        assert_eq!(
            cut.to_string(),
            "<bdi>Thist<span class=\"cut\">… cut</span></bdi>"
        );
        assert!(!Visible::cut("Thist", 5).is_cut());
        // A mark that has no room is not cut in half.
        let cut = Visible::cut("ab\u{202e}", 7);
        assert_eq!(
            cut.to_string(),
            "<bdi>ab<span class=\"cut\">… cut</span></bdi>"
        );
    }
}
