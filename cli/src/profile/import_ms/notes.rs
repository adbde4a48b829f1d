//! What is to be said about an import.

/// What becomes of what a rule selects, where the rule cannot be expressed as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays, though it was to be masked.
    Stays,
    /// More is masked than the rule says.
    Stricter,
}

/// Sentences, each once, in the order in which they came up.
#[derive(Debug, Default)]
pub(super) struct Notes {
    lost: Vec<String>,
    stricter: Vec<String>,
    different: Vec<String>,
}

impl Notes {
    pub(super) fn tell(&mut self, fate: Fate, number: usize, path: &str, what: &str) {
        let list = match fate {
            Fate::Stays => &mut self.lost,
            Fate::Stricter => &mut self.stricter,
        };
        push(list, format!("rule {number}, {path}: {what}"));
    }

    /// Something that is not in the profile.
    pub(super) fn lose(&mut self, what: String) {
        push(&mut self.lost, what);
    }

    /// Something that is otherwise than there.
    pub(super) fn say(&mut self, what: String) {
        push(&mut self.different, what);
    }

    /// Whether something stays that was to be masked.
    pub(super) fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// All of them, under what they are.
    pub(super) fn lines(&self) -> Vec<String> {
        let with = |head: &'static str, list: &[String]| {
            let lines = list.iter().map(move |what| format!("{head}: {what}"));
            lines.collect::<Vec<_>>()
        };
        let mut lines = with("not expressed", &self.lost);
        lines.extend(with("masks more", &self.stricter));
        lines.extend(with("differs", &self.different));
        lines
    }
}

fn push(list: &mut Vec<String>, what: String) {
    if !list.contains(&what) {
        list.push(what);
    }
}
