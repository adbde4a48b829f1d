//! How many records go by.

use crate::Framing;
use crate::decode::Text;
use crate::scan::Container;
use crate::tally::Tally;

/// Counts records: lines, events, elements of a top-level array or of `entry` of a Bundle, else bodies.
pub(super) struct Records {
    framing: Framing,
    root: Option<Container>,
    name: RootName,
    is_bundle: bool,
    in_entry: bool,
    /// Entries that went by, whatever they are those of.
    entered: u64,
    /// Entries that went by before it was known that they are those of a Bundle.
    entries: u64,
    /// Whether all of it is a part of a record.
    is_inside: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum RootName {
    Other,
    Entry,
    ResourceType,
}

impl Records {
    pub(super) fn new(framing: Framing) -> Self {
        let name = RootName::Other;
        Self {
            framing,
            root: None,
            name,
            is_bundle: false,
            in_entry: false,
            entered: 0,
            entries: 0,
            is_inside: false,
        }
    }

    /// The text is a part of a record.
    pub(super) fn be_inside(&mut self) {
        self.is_inside = true;
    }

    /// A member of the top-level object begins.
    pub(super) fn name(&mut self, name: &[u8]) {
        self.name = match name {
            b"entry" => RootName::Entry,
            b"resourceType" => RootName::ResourceType,
            name if memchr::memchr(b'\\', name).is_some() => match Text::decode(name).as_str() {
                "entry" => RootName::Entry,
                "resourceType" => RootName::ResourceType,
                _ => RootName::Other,
            },
            _ => RootName::Other,
        };
    }

    /// A value begins, so many levels deep.
    #[inline]
    pub(super) fn begin(&mut self, depth: usize, container: Option<Container>, tally: &mut Tally) {
        if depth <= 2 {
            self.begin_near_top(depth, container, tally);
        }
    }

    fn begin_near_top(&mut self, depth: usize, container: Option<Container>, tally: &mut Tally) {
        match (self.framing, depth, self.root) {
            (Framing::Document, 1, Some(Container::Array)) => {
                tally.report.count_records(1);
                tally.record += 1;
                self.next_record(true, tally);
            }
            (Framing::Document, 0, _) => {
                self.root = container;
                tally.record = u64::from(container != Some(Container::Array));
                tally.report.count_records(u64::from(container.is_none()));
            }
            (Framing::Document, 1, _) => {
                self.in_entry = self.name == RootName::Entry && container == Some(Container::Array);
            }
            // Elsewhere each text is a record.
            (framing, 0, _) if framing != Framing::Document => {
                tally.report.count_records(1);
                tally.record += 1;
                self.next_record(true, tally);
            }
            (_, _, Some(Container::Object)) if self.in_entry => {
                // Those of a Bundle are mostly about one patient.
                self.next_record(false, tally);
                // All of the body before the second is one.
                self.entered += 1;
                tally.record = self.entered;
                if self.is_bundle {
                    tally.report.count_records(1);
                } else {
                    self.entries += 1;
                }
            }
            _ => {}
        }
    }

    /// Another record begins, unless all of it is a part of one: what a string holds must not make the
    /// names be forgotten that are known around it.
    fn next_record(&self, forget: bool, tally: &mut Tally) {
        if !self.is_inside {
            tally.people.next_record(forget);
        }
    }

    /// A string stands so many levels deep.
    #[inline]
    pub(super) fn string(&mut self, depth: usize, text: &[u8], tally: &mut Tally) {
        if depth == 1 && self.name == RootName::ResourceType && text == b"Bundle" {
            self.is_bundle = true;
            tally
                .report
                .count_records(std::mem::take(&mut self.entries));
        }
    }

    /// The top-level value closes.
    pub(super) fn end(&mut self, tally: &mut Tally) {
        if self.root == Some(Container::Object) && !self.is_bundle {
            tally.report.count_records(1);
        }
    }
}
