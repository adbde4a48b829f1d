//! A text made from another one, with a map back.

use std::borrow::Cow;
use std::ops::Range;

/// The text, and where its parts came from.
#[derive(Debug, Default)]
pub(crate) struct Mapped<'a> {
    pub(crate) text: Cow<'a, str>,
    /// In order; between two of them the bytes are alike.
    anchors: Vec<Anchor>,
}

/// Behind something that is not alike.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    here: usize,
    there: usize,
    /// Whether what lies before it there has nothing here.
    skips: bool,
}

impl<'a> Mapped<'a> {
    /// The same text.
    pub(crate) fn same(text: &'a str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            anchors: Vec::new(),
        }
    }

    /// An empty text, to which parts are added.
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    /// Adds a part that is the same there.
    pub(crate) fn push_same(&mut self, part: &str) {
        self.text.to_mut().push_str(part);
    }

    /// Adds what is written for a part that ends at `there`; nothing, if the part is left out.
    pub(crate) fn push_instead(&mut self, part: &str, there: usize) {
        self.text.to_mut().push_str(part);
        let (here, skips) = (self.text.len(), part.is_empty());
        match self.anchors.last_mut() {
            Some(last) if skips && last.skips && last.here == here => last.there = there,
            _ => self.anchors.push(Anchor { here, there, skips }),
        }
    }

    /// Whether anything is not the same.
    pub(crate) fn is_same(&self) -> bool {
        self.anchors.is_empty()
    }

    /// A range between character boundaries here, as one of the other text. What was left out at its
    /// ends is not in it.
    pub(crate) fn back(&self, range: &Range<usize>) -> Range<usize> {
        let up_to = |at: usize| {
            let count = self.anchors.partition_point(|anchor| anchor.here <= at);
            self.anchors.get(..count).unwrap_or_default()
        };
        let before_start = up_to(range.start).last();
        let before_end = match up_to(range.end) {
            [rest @ .., last] if last.here == range.end && last.skips => rest.last(),
            all => all.last(),
        };
        let there = |anchor: Option<&Anchor>, at: usize| match anchor {
            Some(anchor) => anchor.there + (at - anchor.here),
            None => at,
        };
        let start = there(before_start, range.start);
        start..there(before_end, range.end).max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lead_back_without_what_was_left_out() {
        // "a%31<b>2</b>c" as "a12c"
        let mut mapped = Mapped::empty();
        mapped.push_same("a");
        mapped.push_instead("1", 4);
        mapped.push_instead("", 7);
        mapped.push_same("2");
        mapped.push_instead("", 12);
        mapped.push_same("c");
        assert_eq!(mapped.text, "a12c");
        assert_eq!(mapped.back(&(0..1)), 0..1);
        assert_eq!(mapped.back(&(1..2)), 1..4);
        assert_eq!(mapped.back(&(1..3)), 1..8);
        assert_eq!(mapped.back(&(2..3)), 7..8);
        assert_eq!(mapped.back(&(3..4)), 12..13);
        assert_eq!(mapped.back(&(0..4)), 0..13);
    }
}
