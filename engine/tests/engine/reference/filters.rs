//! Filters, asked of the whole tree of an element.
//!
//! Of the grammar, what `generate.rs` writes: tests `@.a == 'x'`, `!=`, `@.a` and `!@.a`, joined by
//! `&&` or by `||`.

use super::tree::{Tree, decode};
use super::without_placeholders;

/// Whether an element is selected. What cannot be told counts as told.
pub(crate) fn holds(filter: &str, element: &Tree) -> bool {
    may_hold(filter, element).unwrap_or(true)
}

fn may_hold(filter: &str, element: &Tree) -> Option<bool> {
    let (sign, decisive) = if filter.contains("||") {
        ("||", true)
    } else {
        ("&&", false)
    };
    let answers: Vec<_> = filter
        .split(sign)
        .map(|test| answer(test.trim(), element))
        .collect();
    if answers.contains(&Some(decisive)) {
        Some(decisive)
    } else if answers.contains(&None) {
        None
    } else {
        Some(!decisive)
    }
}

fn answer(test: &str, element: &Tree) -> Option<bool> {
    if let Some((path, text)) = test.split_once("!=") {
        return equals(path, text, element).map(|equals| !equals);
    }
    if let Some((path, text)) = test.split_once("==") {
        return equals(path, text, element);
    }
    match test.strip_prefix('!') {
        Some(path) => values(path, element).map(|values| values.is_empty()),
        None => values(test, element).map(|values| !values.is_empty()),
    }
}

fn equals(path: &str, text: &str, element: &Tree) -> Option<bool> {
    let text = text.trim().trim_matches('\'');
    let is_it = |value: &&Tree| match value {
        Tree::Scalar(raw) => raw.starts_with('"') && decode(raw) == text,
        _ => false,
    };
    Some(values(path, element)?.iter().any(is_it))
}

/// All values at a path. None: a name on the way is there more than once.
fn values<'a>(path: &str, element: &'a Tree) -> Option<Vec<&'a Tree>> {
    let mut values = vec![element];
    for step in path.trim().trim_start_matches("@.").split('.') {
        let mut next = Vec::new();
        for value in values {
            match value {
                Tree::Object(members) => {
                    let named = members.iter().filter(|member| {
                        step == "*" || without_placeholders(&decode(&member.name)) == step
                    });
                    let found: Vec<_> = named.map(|member| &member.value.value).collect();
                    if step != "*" && found.len() > 1 {
                        return None;
                    }
                    next.extend(found);
                }
                Tree::Array(elements) if step == "*" => {
                    next.extend(elements.iter().map(|element| &element.value));
                }
                _ => {}
            }
        }
        values = next;
    }
    Some(values)
}

#[test]
fn filters_are_asked_of_a_tree() {
    let ask =
        |filter: &str, element: &str| may_hold(filter, &super::tree::parse(element).unwrap().value);
    for (filter, element, expected) in [
        ("@.a == 'x'", r#"{"a":"x"}"#, Some(true)),
        ("@.a == 'x'", r#"{"b":"x"}"#, Some(false)),
        ("@.a == 'x'", "1", Some(false)),
        ("@.a != 'x'", "[]", Some(true)),
        ("@.a == 'x'", r#"{"a":"x","\u0061":"x"}"#, None),
        ("@.a || @.b", r#"{"b":null}"#, Some(true)),
        ("@.a && !@.b", r#"{"a":0,"b":null}"#, Some(false)),
        ("@.a.*.b == 'x'", r#"{"a":[{"b":1},{"b":"x"}]}"#, Some(true)),
    ] {
        assert_eq!(ask(filter, element), expected, "{filter} of {element}");
    }
}
