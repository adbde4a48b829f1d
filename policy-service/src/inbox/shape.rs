//! Where the values stand that would be released: keys and classes, as a reader sees them.

use velum_approval::{MaskedBy, Shape};

use super::ask::ClassLine;

/// How many fields a card in the list has room for.
const CARD: usize = 8;

/// The fields that would come out.
pub(super) struct Fields {
    pub(super) lines: Vec<Line>,
    /// How many fields are left out for want of room.
    pub(super) more: usize,
    /// What stands in places that the gateway had no room for.
    pub(super) others: Vec<ClassLine>,
}

/// Values of one class in one place.
pub(super) struct Line {
    /// The way to the key, and the key itself.
    pub(super) way: String,
    pub(super) key: String,
    pub(super) class: &'static str,
    pub(super) count: u64,
    /// What masks them.
    pub(super) by: String,
}

impl Fields {
    /// All of them.
    pub(super) fn all(shape: &Shape) -> Fields {
        Fields::cut(shape, usize::MAX)
    }

    /// As many as a card has room for.
    pub(super) fn of_card(shape: &Shape) -> Fields {
        Fields::cut(shape, CARD)
    }

    fn cut(shape: &Shape, most: usize) -> Fields {
        let fields = shape.fields();
        let lines = fields.iter().take(most).map(|field| {
            let path = field.path.as_str();
            let path = path.strip_prefix("$.").unwrap_or(path);
            let (way, key) = path.split_at(path.rfind('.').map_or(0, |dot| dot + 1));
            Line {
                way: way.to_owned(),
                key: key.to_owned(),
                class: field.class.name(),
                count: field.count,
                by: match (field.by, &field.rule) {
                    (MaskedBy::Rule, Some(rule)) => format!("rule {rule}"),
                    (MaskedBy::Rule, None) => "a rule without a name".to_owned(),
                    (MaskedBy::Profile, _) => "a profile".to_owned(),
                    (MaskedBy::Detector, _) => "a detector, in a text".to_owned(),
                },
            }
        });
        let others = shape.others().counts().map(|(class, count)| ClassLine {
            name: class.name(),
            count: Some(count),
        });
        Fields {
            lines: lines.collect(),
            more: fields.len().saturating_sub(most),
            others: others.collect(),
        }
    }

    /// Whether something of it had no room here: whoever decides has to see all that there is.
    pub(super) fn is_cut(&self) -> bool {
        self.more > 0 || !self.others.is_empty()
    }
}
