//! The part of `FHIRPath` in which the rules of the anonymizer say what they select: unions of element
//! paths, types, and functions that select fewer of the same (hl7.org/fhirpath).

/// A path: where it begins, and what follows.
pub(super) type Path = Vec<Step>;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An element; as the first step, a resource type.
    Name(String),
    /// All elements of a data type, wherever they are.
    OfTypeAnywhere(String),
    /// All elements of a name, wherever they are.
    Anywhere(String),
    /// Only what is of this type: `as`, `ofType`.
    Only(String),
    /// A function or index that selects a part of the elements before it.
    Fewer(String),
}

/// Functions that select a part of the elements before them.
const FEWER: &[&str] = &[
    "where", "first", "last", "tail", "single", "skip", "take", "exclude", "distinct",
];

/// How deep parentheses go.
const DEEPEST: usize = 16;

/// Reads an expression; `None`: it says more than which elements.
pub(super) fn parse(text: &str) -> Option<Vec<Path>> {
    let mut parser = Parser {
        rest: text.trim(),
        depth: 0,
    };
    let paths = parser.union()?;
    parser.rest.is_empty().then_some(paths)
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn union(&mut self) -> Option<Vec<Path>> {
        let mut paths = self.typed()?;
        while self.sign("|") {
            paths.extend(self.typed()?);
        }
        Some(paths)
    }

    /// A path, perhaps with `as` and a type behind it.
    fn typed(&mut self) -> Option<Vec<Path>> {
        let mut paths = self.path()?;
        let before = self.rest;
        if let Some(word) = self.word() {
            if word != "as" {
                self.rest = before;
                return Some(paths);
            }
            let only = Step::Only(self.word()?.to_owned());
            add(&mut paths, &only);
        }
        Some(paths)
    }

    fn path(&mut self) -> Option<Vec<Path>> {
        let mut paths = if self.sign("(") {
            self.depth += 1;
            let inner = (self.depth <= DEEPEST).then(|| self.union())??;
            self.sign(")").then_some(())?;
            self.depth -= 1;
            inner
        } else {
            vec![vec![self.step()?]]
        };
        loop {
            if self.sign(".") {
                let step = self.step()?;
                add(&mut paths, &step);
            } else if self.sign("[") {
                let index = self.until(']')?;
                let is_index = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
                is_index.then(|| add(&mut paths, &Step::Fewer(format!("[{index}]"))))?;
            } else {
                return Some(paths);
            }
        }
    }

    fn step(&mut self) -> Option<Step> {
        let name = self.word()?;
        if !self.sign("(") {
            return Some(Step::Name(name.to_owned()));
        }
        let inside = self.arguments()?;
        match name {
            "nodesByType" => Some(Step::OfTypeAnywhere(quoted(inside)?)),
            "nodesByName" => Some(Step::Anywhere(quoted(inside)?)),
            "as" | "ofType" => is_word(inside).then(|| Step::Only(inside.to_owned())),
            name if FEWER.contains(&name) => Some(Step::Fewer(name.to_owned())),
            _ => None,
        }
    }

    /// What stands before the parenthesis that closes, texts and other parentheses passed over.
    fn arguments(&mut self) -> Option<&'t str> {
        let (mut open, mut is_text) = (0_usize, false);
        let text = self.rest;
        let mut characters = text.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' if is_text => drop(characters.next()),
                '\'' => is_text = !is_text,
                '(' if !is_text => open += 1,
                ')' if !is_text && open == 0 => {
                    self.rest = text.get(at + 1..)?;
                    return text.get(..at).map(str::trim);
                }
                ')' if !is_text => open -= 1,
                _ => {}
            }
        }
        None
    }

    fn until(&mut self, end: char) -> Option<&'t str> {
        let (inside, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(inside.trim())
    }

    fn sign(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn word(&mut self) -> Option<&'t str> {
        let rest = self.rest.trim_start();
        let end = rest.find(|one: char| !is_letter(one)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let begins = word.starts_with(|first: char| !first.is_ascii_digit());
        begins.then(|| self.rest = after)?;
        Some(word)
    }
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_letter)
}

/// The word in quotes.
fn quoted(text: &str) -> Option<String> {
    let word = text.strip_prefix('\'')?.strip_suffix('\'')?;
    is_word(word).then(|| word.to_owned())
}

fn add(paths: &mut [Path], step: &Step) {
    for path in paths {
        path.push(step.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Step {
        Step::Name(name.to_owned())
    }

    #[test]
    fn paths_are_read() {
        let only = |name: &str| Step::Only(name.to_owned());
        let typed = |name: &str| Step::OfTypeAnywhere(name.to_owned());
        for (text, paths) in [
            ("Patient.name", vec![vec![name("Patient"), name("name")]]),
            (
                " nodesByType('Address') . city | nodesByName('x')",
                vec![
                    vec![typed("Address"), name("city")],
                    vec![Step::Anywhere("x".to_owned())],
                ],
            ),
            (
                "Condition.onset | Condition.abatement as Age",
                vec![
                    vec![name("Condition"), name("onset")],
                    vec![name("Condition"), name("abatement"), only("Age")],
                ],
            ),
            (
                "(nodesByType('Observation').value as Quantity).value",
                vec![vec![
                    typed("Observation"),
                    name("value"),
                    only("Quantity"),
                    name("value"),
                ]],
            ),
            (
                "Patient.telecom.where(use='a)b' and (system='x')).value[0]",
                vec![vec![
                    name("Patient"),
                    name("telecom"),
                    Step::Fewer("where".to_owned()),
                    name("value"),
                    Step::Fewer("[0]".to_owned()),
                ]],
            ),
            (
                "(A | B).c.ofType(string)",
                vec![
                    vec![name("A"), name("c"), only("string")],
                    vec![name("B"), name("c"), only("string")],
                ],
            ),
        ] {
            assert_eq!(parse(text), Some(paths), "{text}");
        }
    }

    #[test]
    fn what_says_more_is_none() {
        for text in [
            "",
            "Patient.",
            "Patient.name = 'x'",
            "Patient.descendants()",
            "nodesByType(Address)",
            "Patient.name[x]",
            "(Patient.name",
            "Patient.where(a",
            "$this.x",
            "9a",
            "a b",
            &"(".repeat(1000),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
