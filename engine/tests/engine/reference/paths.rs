//! Which places a path selects: tried from left to right, every number of levels for `..`.

use super::filters;
use super::tree::Tree;

/// One step down in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A member; by its decoded name.
    Name(String),
    /// A member whose name is masked: nothing can name it.
    Unnamed,
    Index(usize),
}

/// A step, and the value that it leads to.
pub(crate) type Stop<'a> = (Step, &'a Tree);

enum Wanted {
    Any,
    Filter(String),
    Name(String),
    Index(usize),
}

struct Segment {
    descends: bool,
    wanted: Wanted,
}

/// Whether the path selects the place.
pub(crate) fn selects(path: &str, place: &[Stop<'_>]) -> bool {
    matches(&segments(path), place, &filters::holds)
}

/// Whether it would, if every filter held.
pub(crate) fn may_select(path: &str, place: &[Stop<'_>]) -> bool {
    matches(&segments(path), place, &|_, _| true)
}

fn matches(segments: &[Segment], place: &[Stop<'_>], holds: &dyn Fn(&str, &Tree) -> bool) -> bool {
    let Some((segment, later)) = segments.split_first() else {
        return place.is_empty();
    };
    let most = if segment.descends { place.len() } else { 1 };
    (0..most).any(|skipped| {
        place.get(skipped).is_some_and(|(step, value)| {
            let fits = match (&segment.wanted, step) {
                (Wanted::Any, _) => true,
                (Wanted::Filter(filter), _) => holds(filter, value),
                (Wanted::Name(wanted), Step::Name(name)) => wanted == name,
                (Wanted::Index(wanted), Step::Index(index)) => wanted == index,
                _ => false,
            };
            fits && matches(later, &place[skipped + 1..], holds)
        })
    })
}

fn segments(path: &str) -> Vec<Segment> {
    let mut rest = path.strip_prefix('$').expect("a path begins with $");
    let mut segments = Vec::new();
    while !rest.is_empty() {
        let descends = rest.starts_with("..");
        rest = rest.trim_start_matches('.');
        let wanted = if let Some(inside) = rest.strip_prefix('[') {
            let (wanted, after) = bracket(inside);
            rest = after;
            wanted
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let name = &rest[..end];
            rest = &rest[end..];
            if name == "*" {
                Wanted::Any
            } else {
                Wanted::Name(name.to_owned())
            }
        };
        segments.push(Segment { descends, wanted });
    }
    segments
}

fn bracket(inside: &str) -> (Wanted, &str) {
    if let Some(after) = inside.strip_prefix("*]") {
        return (Wanted::Any, after);
    }
    if let Some(inside) = inside.strip_prefix('?') {
        // No text in a filter has a bracket.
        let (filter, after) = inside.split_once(']').expect("a bracket closes");
        return (Wanted::Filter(filter.to_owned()), after);
    }
    if !inside.starts_with(['\'', '"']) {
        let (index, after) = inside.split_once(']').expect("a bracket closes");
        return (Wanted::Index(index.parse().expect("an index")), after);
    }
    let quote = inside.chars().next();
    let mut name = String::new();
    let mut letters = inside[1..].chars();
    loop {
        match letters.next() {
            Some('\\') => name.extend(letters.next()),
            letter if letter == quote => break,
            letter => name.push(letter.expect("a quoted name ends")),
        }
    }
    let after = letters
        .as_str()
        .strip_prefix(']')
        .expect("a bracket closes");
    (Wanted::Name(name), after)
}

#[test]
fn paths_select_places() {
    let value = Tree::Empty("{}".into());
    let name = |name: &str| (Step::Name(name.into()), &value);
    let place = [name("a"), (Step::Index(1), &value), name("b c")];
    for path in [
        "$.a[1]['b c']",
        "$..['b c']",
        "$..*",
        "$.*.*.*",
        "$[*][*][*]",
        "$.a..['b c']",
        "$..a..[1]..*",
        "$..[1].*",
        "$.a[?@.b != 'x'].*",
    ] {
        assert!(selects(path, &place), "{path}");
    }
    for path in [
        "$",
        "$.a",
        "$.a[1]",
        "$.a[0].*",
        "$.*.*",
        "$..b",
        "$..a.*",
        "$['1']..*['b c'].x",
        "$.a[?@.b == 'x'].*",
    ] {
        assert!(!selects(path, &place), "{path}");
    }
    assert!(selects("$", &[]) && !selects("$..*", &[]));
    let unnamed = [(Step::Unnamed, &value)];
    assert!(selects("$.*", &unnamed) && !selects("$['']", &unnamed));
    assert!(may_select("$.a[?@.b == 'x'].*", &place));
}
