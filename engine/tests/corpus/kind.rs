//! What the corpus knows of one detector.

use crate::random::Random;
use crate::spelling::Spelling;

/// Makes a text from a seed. Where only parts of it are to be found, those stand between
/// [`OPEN`] and [`CLOSE`]; else all of it is.
pub(crate) type Make = fn(&mut Random) -> String;

pub(crate) const OPEN: char = '\u{E000}';
pub(crate) const CLOSE: char = '\u{E001}';

/// One way to write a value.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) make: Make,
    /// Whether it is to be found only where a label or the name of the member says what it is.
    pub(crate) needs_label: bool,
}

/// Found wherever it stands.
pub(crate) const fn plain(make: Make) -> Form {
    Form {
        make,
        needs_label: false,
    }
}

/// Found where something says what it is.
pub(crate) const fn told(make: Make) -> Form {
    Form {
        make,
        needs_label: true,
    }
}

/// The values of one detector.
pub(crate) struct Kind {
    pub(crate) detector: &'static str,
    /// Names of members that say what their value is.
    pub(crate) names: &'static [&'static str],
    /// Words before a value in prose.
    pub(crate) labels: &'static [&'static str],
    pub(crate) forms: &'static [Form],
    /// What looks alike and has to stay where nothing says what it is.
    pub(crate) near: &'static [Make],
    pub(crate) spellings: &'static [Spelling],
    /// Names of contexts in which its values make no sense.
    pub(crate) skips: &'static [&'static str],
}

/// Puts what has to be found between marks.
pub(crate) fn marked(value: &str) -> String {
    format!("{OPEN}{value}{CLOSE}")
}
