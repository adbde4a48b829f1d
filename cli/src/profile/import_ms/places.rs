//! Where the elements of a `FHIRPath` are: names from anywhere down, as profiles have them.

use super::elements::Elements;
use super::fhirpath::{Path, Step};

/// Elements that a rule selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Names, one below the other.
    pub(super) place: Vec<String>,
    /// Their type; `None`: several, or not known.
    pub(super) kind: Option<String>,
    /// What holds them, where that is known.
    pub(super) owner: Option<String>,
}

/// What a path selects.
#[derive(Debug, Default)]
pub(super) struct Selected {
    pub(super) targets: Vec<Target>,
    /// The resource that the path begins with.
    pub(super) resource: Option<String>,
    /// What more is selected than the path says.
    pub(super) more: Vec<String>,
}

/// Finds what a path selects.
///
/// # Errors
/// A sentence, where it begins with nothing that R4 has, or asks for a type that is not there.
pub(super) fn select(elements: &Elements, path: &Path) -> Result<Selected, String> {
    let mut selected = Selected::default();
    for step in path {
        match step {
            Step::Name(name) if selected.targets.is_empty() => {
                begin(elements, name, &mut selected)?;
            }
            Step::Name(name) => follow(elements, name, &mut selected),
            Step::OfTypeAnywhere(kind) => anywhere(elements, &capital(kind), &mut selected)?,
            Step::Anywhere(name) => named(elements, name, &mut selected),
            Step::Only(kind) => {
                let kind = capital(kind);
                let is_it = |target: &Target| target.kind.as_deref() == Some(&kind);
                selected.targets.retain(is_it);
                if selected.targets.is_empty() {
                    return Err(format!("R4 has no such element of type {kind}"));
                }
            }
            Step::Fewer(function) => {
                let more = format!("{function} is left out, and all elements are taken");
                selected.more.push(more);
            }
        }
    }
    // A resource as a whole has no place.
    selected.targets.retain(|target| !target.place.is_empty());
    if selected.targets.is_empty() {
        return Err("it selects whole resources, which have no place".to_owned());
    }
    Ok(selected)
}

/// Types begin with a capital in the table: `dateTime` is `DateTime`.
fn capital(kind: &str) -> String {
    let mut letters = kind.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn begin(elements: &Elements, name: &str, selected: &mut Selected) -> Result<(), String> {
    if !elements.has(name) {
        return Err(format!("R4 has no resource {name}"));
    }
    selected.resource = Some(name.to_owned());
    selected.targets.push(Target {
        place: Vec::new(),
        kind: Some(name.to_owned()),
        owner: None,
    });
    Ok(())
}

fn follow(elements: &Elements, name: &str, selected: &mut Selected) {
    let mut targets = Vec::new();
    for target in &selected.targets {
        let steps = match &target.kind {
            Some(kind) => elements.step(kind, name),
            None => Vec::new(),
        };
        if steps.is_empty() {
            let more = format!("R4 has no element {name} there: whatever has that name is taken");
            selected.more.push(more);
            targets.push(below(target, name, None));
        }
        for (member, kind) in steps {
            targets.push(below(target, member, Some(kind.to_owned())));
        }
    }
    selected.targets = targets;
}

/// A member of what is selected.
pub(super) fn below(target: &Target, name: &str, kind: Option<String>) -> Target {
    let mut place = target.place.clone();
    place.push(name.to_owned());
    Target {
        place,
        kind,
        owner: target.kind.clone(),
    }
}

fn anywhere(elements: &Elements, kind: &str, selected: &mut Selected) -> Result<(), String> {
    let names = elements.named(kind);
    if names.is_empty() {
        // A resource is a type too.
        return begin(elements, kind, selected).map_err(|_| format!("R4 has no type {kind}"));
    }
    leave(selected);
    let targets = names.into_iter().map(|name| Target {
        place: vec![name.to_owned()],
        kind: Some(kind.to_owned()),
        owner: None,
    });
    selected.targets = targets.collect();
    Ok(())
}

fn named(elements: &Elements, name: &str, selected: &mut Selected) {
    leave(selected);
    let types = elements.types_of(name);
    let only = match types.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    };
    selected.targets = vec![Target {
        place: vec![name.to_owned()],
        kind: only,
        owner: None,
    }];
}

/// What stood before says in which elements to look, and is forgotten.
fn leave(selected: &mut Selected) {
    if !selected.targets.is_empty() {
        selected.resource = None;
        let more = "what stands before nodesByType or nodesByName is left out";
        selected.more.push(more.to_owned());
    }
}
