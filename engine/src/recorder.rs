//! Where values stand that are found: JSON Pointers (RFC 6901), never a value.

use std::sync::Arc;

use crate::decode::Text;
use crate::outline::{Masked, Outline};
use crate::scan::Container;
use crate::tally::Cause;
use crate::{Class, Ruleset};

/// The way to the value at hand.
enum Step {
    /// In an object, as it would be written: masked, where it is a value itself.
    Name(String),
    /// In an array; `None` before the first element.
    Index(Option<u64>),
}

/// A value that has been found.
pub(crate) struct Found {
    /// Of two finds, which comes first in the body; equal in one string.
    order: u64,
    pub(crate) text: u64,
    pub(crate) pointer: Option<String>,
    pub(crate) cause: Cause,
    pub(crate) class: Class,
    pub(crate) lifted: bool,
}

/// Follows the path and keeps what is found until it is taken away.
#[derive(Default)]
pub(crate) struct Recorder {
    steps: Vec<Step>,
    /// JSON texts that have begun.
    texts: u64,
    /// Names and values that have begun.
    begun: u64,
    /// The values that wait: their pointers, and which they are of those that have begun.
    waiting: Vec<(String, u64)>,
    /// Which of them is counted.
    at_waiting: Option<usize>,
    /// While a name is read: how many of the finds at the end are in it.
    in_name: Option<usize>,
    /// Whether what is counted stands outside of the texts.
    outside: bool,
    found: Vec<Found>,
    /// Where only names are told that these rules know.
    known: Option<Arc<Ruleset>>,
    /// What counts places, if that is asked for.
    outline: Option<Outline>,
    /// Whether it does that and nothing else: no find is kept.
    only_outlines: bool,
}

/// What stands for a member name that the rules do not know: it may be an identifier itself.
const UNKNOWN: &str = "{…}";

impl Recorder {
    /// A recorder that counts places and keeps no find.
    pub(crate) fn outlining(outline: Outline) -> Self {
        Self {
            outline: Some(outline),
            only_outlines: true,
            ..Self::default()
        }
    }

    /// From here on it keeps finds, too, and tells only the member names that the rules know. Nothing has
    /// been read yet.
    pub(crate) fn keep_discreetly(&mut self, rules: Arc<Ruleset>) {
        self.known = Some(rules);
        self.only_outlines = false;
    }

    /// What it has counted by places.
    pub(crate) fn outline(&self) -> Option<&Outline> {
        self.outline.as_ref()
    }

    /// The text is forgotten, complete or not: another one follows.
    pub(crate) fn restart(&mut self) {
        self.steps.clear();
        self.waiting.clear();
        if let Some(outline) = &mut self.outline {
            outline.restart();
        }
    }

    /// A member name, without its quotes and as it is written; `waits`: it may be a value itself.
    pub(crate) fn name(&mut self, name: &[u8], waits: bool) {
        if let Some(outline) = &mut self.outline {
            let text = Text::decode(name);
            outline.name((!waits).then_some(text.as_str()));
        }
        if self.only_outlines {
            self.in_name = None;
            return;
        }
        let name = if waits {
            format!("[masked:{}]", Class::Identifier.name())
        } else {
            Text::decode(name).as_str().to_owned()
        };
        let is_told = self.known.as_ref().is_none_or(|rules| rules.knows(&name));
        let name = if is_told { name } else { UNKNOWN.to_owned() };
        if let Some(step) = self.steps.last_mut() {
            *step = Step::Name(name);
        }
        let finds = self.in_name.take().unwrap_or_default();
        let pointer = self.pointer();
        for found in self.found.iter_mut().rev().take(finds) {
            found.pointer = Some(pointer.clone());
        }
    }

    /// What is found until the name is told is in it.
    pub(crate) fn begin_name(&mut self) {
        self.in_name = Some(0);
        self.begun += 1;
    }

    /// A value begins in such a container.
    pub(crate) fn value(&mut self, container: Option<Container>) {
        self.begun += 1;
        if let Some(outline) = &mut self.outline {
            match container {
                Some(Container::Array) => outline.element(),
                Some(Container::Object) => {}
                None => outline.restart(),
            }
        }
        match (container, self.steps.last_mut()) {
            (Some(Container::Array), Some(step)) => {
                let index = match step {
                    Step::Index(Some(index)) => *index + 1,
                    _ => 0,
                };
                *step = Step::Index(Some(index));
            }
            (None, _) => self.texts += 1,
            _ => {}
        }
    }

    /// An array or object begins.
    pub(crate) fn open(&mut self) {
        if let Some(outline) = &mut self.outline {
            outline.open();
        }
        self.steps.push(Step::Index(None));
    }

    /// An array or object has ended.
    pub(crate) fn close(&mut self) {
        if let Some(outline) = &mut self.outline {
            outline.close();
        }
        self.steps.pop();
    }

    /// The value at hand waits.
    pub(crate) fn wait(&mut self) {
        if let Some(outline) = &mut self.outline {
            outline.wait();
        }
        if !self.only_outlines {
            self.waiting.push((self.pointer(), self.begun));
        }
    }

    /// What is found next is a value that has waited, by its number; `None`: nothing waits any more.
    pub(crate) fn at_waiting(&mut self, number: Option<usize>) {
        self.at_waiting = number;
        if number.is_none() {
            self.waiting.clear();
            if let Some(outline) = &mut self.outline {
                outline.let_go();
            }
        }
    }

    /// Whether what is found next stands outside of the JSON texts.
    pub(crate) fn outside(&mut self, outside: bool) {
        self.outside = outside;
    }

    /// A value has been found.
    pub(crate) fn find(&mut self, cause: Cause, class: Class, lifted: bool) {
        let masked = match self.at_waiting {
            _ if self.outside => Masked::Outside,
            Some(number) => Masked::Waited(number),
            None if self.in_name.is_some() => Masked::Name,
            None => Masked::AtHand,
        };
        if let Some(outline) = self.outline.as_mut().filter(|_| !lifted) {
            outline.count(cause, class, masked);
        }
        if self.only_outlines {
            return;
        }
        let waited = self
            .at_waiting
            .map(|number| self.waiting.get(number).cloned());
        let (pointer, order) = match (self.outside, waited) {
            (true, _) | (false, Some(None)) => (None, self.begun),
            (false, Some(Some((pointer, order)))) => (Some(pointer), order),
            (false, None) => (Some(self.pointer()), self.begun),
        };
        if let Some(finds) = &mut self.in_name {
            *finds += 1;
        }
        self.found.push(Found {
            order,
            text: self.texts.saturating_sub(1),
            pointer,
            cause,
            class,
            lifted,
        });
    }

    /// What has been found since this was last asked, in the order of the body.
    pub(crate) fn take(&mut self) -> Vec<Found> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|found| found.order);
        found
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.steps {
            pointer.push('/');
            match step {
                Step::Name(name) => pointer += &name.replace('~', "~0").replace('/', "~1"),
                Step::Index(index) => pointer += &index.unwrap_or_default().to_string(),
            }
        }
        pointer
    }
}
