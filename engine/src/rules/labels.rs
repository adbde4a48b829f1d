//! Filters as they are compiled: which places tell something, and what rules ask of it.
//!
//! What a filter asks about is a slot: a place below the element, numbered across all rules, so
//! that many rules about one label read it once. Texts that are asked for have numbers too.

use std::collections::BTreeMap;

use super::selector::{Filter, FilterStep};

/// A place below an element that filters ask about.
pub(crate) type Slot = u16;

/// A text that filters compare with.
pub(crate) type TextId = u32;

/// A rule that selects a value if its filter holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filtered {
    pub(crate) rule: u16,
    pub(crate) filter: u16,
    /// How many levels above the value the element is; at least so many, if not exact.
    pub(crate) levels: u8,
    pub(crate) is_exact: bool,
}

/// A place on the way from an element to what is told there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Telling {
    pub(crate) slot: Slot,
    /// How many levels above the place the element is.
    pub(crate) levels: u8,
    /// Whether the value at this place is the label.
    pub(crate) is_label: bool,
    /// Whether the place is reached by name, so that it may be there once only.
    pub(crate) is_named: bool,
}

/// All filters of a rule set.
#[derive(Default)]
pub(crate) struct Filters {
    slots: BTreeMap<(Vec<FilterStep>, Option<String>), Slot>,
    kinds: Vec<SlotKind>,
    texts: BTreeMap<Box<str>, TextId>,
    /// By number, with what each test asks.
    compiled: Vec<(Filter, Vec<Question>)>,
}

/// How many values a slot may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotKind {
    One,
    /// Several, of which one will do; which text is asked for, if any.
    Several(Option<TextId>),
}

/// What a test asks of its slot.
#[derive(Clone, Copy, Debug)]
struct Question {
    slot: Slot,
    /// None: whether there is a value.
    text: Option<TextId>,
}

/// What has been told about a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Told {
    #[default]
    Nothing,
    /// There is a value, and no text that is asked for.
    Other,
    Text(TextId),
    /// It cannot be read, or a name on the way to it is repeated.
    Unclear,
}

impl Filters {
    /// Adds a filter, and gives its number and the slots of its tests.
    pub(crate) fn add(&mut self, filter: &Filter) -> Result<(u16, Vec<Slot>), String> {
        const TOO_MANY: &str = "there are too many filters";
        let mut questions = Vec::new();
        for test in &filter.tests {
            let several = test.path.contains(&FilterStep::Any);
            // One value of several cannot be kept: the slot is about one text then.
            let about = test.equals.clone().filter(|_| several);
            let text = test.equals.as_deref().map(|text| self.text_id(text));
            let new = Slot::try_from(self.slots.len()).map_err(|_| TOO_MANY)?;
            let slot = *self.slots.entry((test.path.clone(), about)).or_insert(new);
            if slot == new {
                self.kinds.push(if several {
                    SlotKind::Several(text)
                } else {
                    SlotKind::One
                });
            }
            questions.push(Question { slot, text });
        }
        let number = u16::try_from(self.compiled.len()).map_err(|_| TOO_MANY)?;
        let slots = questions.iter().map(|question| question.slot).collect();
        self.compiled.push((filter.clone(), questions));
        Ok((number, slots))
    }

    fn text_id(&mut self, text: &str) -> TextId {
        // More texts than that do not fit into memory.
        let new = TextId::try_from(self.texts.len()).unwrap_or(TextId::MAX);
        *self.texts.entry(text.into()).or_insert(new)
    }

    /// What a string tells, as it is decoded.
    pub(crate) fn read(&self, text: &str) -> Told {
        self.texts
            .get(text)
            .map_or(Told::Other, |id| Told::Text(*id))
    }

    /// What a slot tells after one more value.
    pub(crate) fn add_told(&self, slot: Slot, before: Told, told: Told) -> Told {
        match (before, told, self.kind(slot)) {
            (Told::Unclear, ..) | (_, Told::Unclear, _) => Told::Unclear,
            (Told::Text(text), _, SlotKind::Several(Some(wanted))) if text == wanted => before,
            (Told::Nothing, told, _) | (_, told, SlotKind::Several(_)) => told,
            (_, _, SlotKind::One) => Told::Unclear,
        }
    }

    fn kind(&self, slot: Slot) -> SlotKind {
        let kind = self.kinds.get(usize::from(slot));
        kind.copied().unwrap_or(SlotKind::One)
    }

    /// Whether a filter holds by what is told so far; once its element has ended, by all that was.
    ///
    /// What is told twice is unclear, and what hangs on it holds. So a yes is final although the
    /// element goes on, and a no is not.
    pub(crate) fn holds(
        &self,
        filter: u16,
        has_ended: bool,
        told: impl Fn(Slot) -> Told,
    ) -> Option<bool> {
        let Some((filter, questions)) = self.compiled.get(usize::from(filter)) else {
            // Cannot be: numbers come from the same rule set. It is the side to fall to.
            return Some(true);
        };
        let answer = |test: usize| {
            let question = questions.get(test)?;
            let may_come = !has_ended && self.kind(question.slot) != SlotKind::One;
            match (told(question.slot), question.text) {
                (Told::Unclear, _) => None,
                (Told::Nothing, _) => has_ended.then_some(false),
                (_, None) => Some(true),
                (Told::Text(text), Some(wanted)) if text == wanted => Some(true),
                (_, Some(_)) => (!may_come).then_some(false),
            }
        };
        match filter.may_hold(answer) {
            Some(true) => Some(true),
            Some(false) if has_ended => Some(false),
            None if has_ended => Some(true),
            _ => None,
        }
    }
}
