//! The subset of JSONPath (RFC 9535) that selects by place alone.

/// A parsed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) segments: Vec<Segment>,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Whether any number of levels may lie before it (`..`).
    pub(crate) descends: bool,
    pub(crate) step: PathStep,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathStep {
    Name(String),
    Index(u32),
    Any,
}

impl Pattern {
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let mut rest = path.strip_prefix('$').ok_or("a path begins with $")?;
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let descends = rest.starts_with("..");
            let (step, after) =
                if let Some(inside) = rest.strip_prefix("..[").or(rest.strip_prefix('[')) {
                    bracket(inside)?
                } else if let Some(name) = rest.strip_prefix("..").or(rest.strip_prefix('.')) {
                    dotted(name)?
                } else {
                    return Err(format!("a step begins with . or [ in {path}"));
                };
            segments.push(Segment { descends, step });
            rest = after;
        }
        Ok(Self { segments })
    }

    /// Whether what it selects can be taken away.
    pub(crate) fn check_removable(&self) -> Result<(), String> {
        match self.segments.last().map(|segment| &segment.step) {
            None => Err("the whole body cannot be removed".into()),
            // The next element would have that index then, and go when it is masked once more.
            Some(PathStep::Index(_)) => Err("one element of an array cannot be removed".into()),
            Some(PathStep::Name(_) | PathStep::Any) => Ok(()),
        }
    }

    /// Whether every path goes through it.
    pub(crate) fn selects_everything(&self) -> bool {
        self.segments
            .iter()
            .all(|segment| segment.step == PathStep::Any)
    }
}

fn dotted(text: &str) -> Result<(PathStep, &str), String> {
    if let Some(after) = text.strip_prefix('*') {
        return Ok((PathStep::Any, after));
    }
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    let length = text.find(|letter| !is_name(letter)).unwrap_or(text.len());
    let (name, after) = text.split_at_checked(length).unwrap_or_default();
    if name.is_empty() {
        return Err("a name is missing; write names with other characters as ['…']".into());
    }
    Ok((PathStep::Name(name.to_owned()), after))
}

fn bracket(inside: &str) -> Result<(PathStep, &str), String> {
    if let Some(after) = inside.strip_prefix("*]") {
        return Ok((PathStep::Any, after));
    }
    if let Some(quote) = inside
        .chars()
        .next()
        .filter(|letter| matches!(letter, '\'' | '"'))
    {
        return quoted(inside.get(1..).unwrap_or_default(), quote);
    }
    let (index, after) = inside.split_once(']').ok_or("a ] is missing")?;
    let index = index.parse().map_err(
        |_| "brackets hold *, a whole number or a quoted name; filters do not exist here",
    )?;
    Ok((PathStep::Index(index), after))
}

fn quoted(text: &str, quote: char) -> Result<(PathStep, &str), String> {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some((_, escaped @ ('\\' | '\'' | '"'))) => name.push(escaped),
                _ => return Err("only \\\\ and quotes can be escaped in a name".into()),
            },
            _ if letter == quote => {
                let after = text.get(at + 1..).unwrap_or_default();
                let after = after
                    .strip_prefix(']')
                    .ok_or("a ] is missing after a name")?;
                return Ok((PathStep::Name(name), after));
            }
            _ => name.push(letter),
        }
    }
    Err("a quoted name does not end".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> PathStep {
        PathStep::Name(name.into())
    }

    #[test]
    fn paths_of_the_subset_are_read() {
        for (path, expected) in [
            ("$", vec![]),
            ("$.a", vec![(false, name("a"))]),
            ("$..a.b", vec![(true, name("a")), (false, name("b"))]),
            (
                "$['a b'][\"c'\"]",
                vec![(false, name("a b")), (false, name("c'"))],
            ),
            (
                "$[*][3].*",
                vec![
                    (false, PathStep::Any),
                    (false, PathStep::Index(3)),
                    (false, PathStep::Any),
                ],
            ),
            (
                "$..[*]..['x\\'y']",
                vec![(true, PathStep::Any), (true, name("x'y"))],
            ),
            ("$.naïve-name_1", vec![(false, name("naïve-name_1"))]),
        ] {
            let found = Pattern::parse(path).unwrap();
            let found: Vec<_> = found
                .segments
                .into_iter()
                .map(|segment| (segment.descends, segment.step))
                .collect();
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for path in [
            "",
            "a",
            "$a",
            "$.",
            "$..",
            "$...a",
            "$[",
            "$[]",
            "$[-1]",
            "$[1:2]",
            "$[?@.a]",
            "$['a]",
            "$['a'",
            "$[a]",
            "$.a b",
            "$['a','b']",
            "$['\\u0041']",
        ] {
            assert!(Pattern::parse(path).is_err(), "{path}");
        }
    }
}
