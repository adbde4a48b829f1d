//! Paths: a subset of JSONPath (RFC 9535).
//!
//! Names, `*`, indices, `..`, and one filter on the text of a sibling. What is supported, and how
//! everything else is refused, stands in two tables that also are documentation and tests.

mod filter;
mod parse;
#[cfg(test)]
mod reference;

use std::fmt;

pub(crate) use filter::{Filter, FilterStep};

/// A parsed path. [`fmt::Display`] writes it in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// From the body down. At most one step is a filter.
    pub(crate) segments: Vec<Segment>,
    /// Whether arrays are passed through, as in `FHIRPath`: `name.family` is `family` of every element
    /// of `name`. The paths of profiles are so.
    pub(crate) through_arrays: bool,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Whether any number of levels may lie before it (`..`).
    pub(crate) descends: bool,
    /// Which children it selects.
    pub(crate) step: PathStep,
}

/// Which children of an array or object a step selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathStep {
    /// The member of that (decoded) name.
    Name(String),
    /// The element at that place, from 0.
    Index(u32),
    /// Every element or member value.
    Any,
    /// The elements or member values for which it holds.
    Filter(Filter),
}

impl From<FilterStep> for PathStep {
    fn from(step: FilterStep) -> Self {
        match step {
            FilterStep::Name(name) => Self::Name(name),
            FilterStep::Index(index) => Self::Index(index),
            FilterStep::Any => Self::Any,
        }
    }
}

impl Pattern {
    /// A path of a profile: names with dots between, from anywhere down.
    pub(crate) fn of_profile(path: &str) -> Self {
        let segments = path.split('.').enumerate().map(|(at, name)| Segment {
            descends: at == 0,
            step: PathStep::Name(name.to_owned()),
        });
        Self {
            segments: segments.collect(),
            through_arrays: true,
        }
    }

    /// Parses a path. The message of a refusal says at which character (from 1), and what would do.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        parse::pattern(path)
    }

    /// Whether what it selects can be taken away.
    pub(crate) fn check_removable(&self) -> Result<(), String> {
        if self.filter().is_some() {
            // It would have to be held back with its name and comma, however large it is.
            return Err("what a filter selects cannot be removed: use null or redact".into());
        }
        match self.segments.last().map(|segment| &segment.step) {
            None => Err("the whole body cannot be removed".into()),
            // The next element would have that index then, and go when it is masked once more.
            Some(PathStep::Index(_)) => Err("one element of an array cannot be removed".into()),
            _ => Ok(()),
        }
    }

    /// Its filter, and which step that is.
    pub(crate) fn filter(&self) -> Option<(usize, &Filter)> {
        let mut steps = self.segments.iter().enumerate();
        steps.find_map(|(at, segment)| match &segment.step {
            PathStep::Filter(filter) => Some((at, filter)),
            _ => None,
        })
    }

    /// Whether every path goes through it. One with a filter never does.
    pub(crate) fn selects_everything(&self) -> bool {
        self.segments
            .iter()
            .all(|segment| segment.step == PathStep::Any)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("$")?;
        for Segment { descends, step } in &self.segments {
            let dots = if *descends { ".." } else { "." };
            let bare = if *descends { ".." } else { "" };
            match step {
                PathStep::Name(name) if is_plain(name) => write!(formatter, "{dots}{name}")?,
                PathStep::Name(name) => write!(formatter, "{bare}[{}]", Quoted(name))?,
                PathStep::Index(index) => write!(formatter, "{bare}[{index}]")?,
                PathStep::Any => write!(formatter, "{dots}*")?,
                PathStep::Filter(filter) => write!(formatter, "{bare}[?{filter}]")?,
            }
        }
        Ok(())
    }
}

/// Whether a name can be written after a dot. RFC 9535 has no `-` there; we do.
fn is_plain(name: &str) -> bool {
    name.starts_with(begins_name) && name.chars().all(continues_name)
}

fn begins_name(letter: char) -> bool {
    letter.is_ascii_alphabetic() || letter == '_' || !letter.is_ascii()
}

fn continues_name(letter: char) -> bool {
    begins_name(letter) || letter.is_ascii_digit() || letter == '-'
}

/// A text between single quotes, as RFC 9535 writes normalized paths.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("'")?;
        for letter in self.0.chars() {
            match letter {
                '\'' | '\\' => write!(formatter, "\\{letter}")?,
                '\u{8}' => formatter.write_str("\\b")?,
                '\t' => formatter.write_str("\\t")?,
                '\n' => formatter.write_str("\\n")?,
                '\u{c}' => formatter.write_str("\\f")?,
                '\r' => formatter.write_str("\\r")?,
                '\0'..' ' => write!(formatter, "\\u{:04x}", u32::from(letter))?,
                letter => write!(formatter, "{letter}")?,
            }
        }
        formatter.write_str("'")
    }
}

#[cfg(test)]
mod tests;
