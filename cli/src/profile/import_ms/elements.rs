//! What elements FHIR R4 has, and of which types.

use std::collections::BTreeMap;
use std::sync::OnceLock;

const TABLE: &str = include_str!("../../../data/fhir-r4-elements.txt");

/// What holds elements: resources, data types and parts of them, by name.
pub(super) struct Elements {
    owners: BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>,
}

/// Elements that every resource, and every part of one, has.
const INHERITED: &[&str] = &["DomainResource", "Resource", "Element", "BackboneElement"];

impl Elements {
    /// The table that is shipped.
    pub(super) fn of_r4() -> &'static Self {
        static READ: OnceLock<Elements> = OnceLock::new();
        READ.get_or_init(|| {
            let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
            let owners = lines.filter_map(|line| {
                let (owner, elements) = line.split_once(' ')?;
                let elements = elements.split(' ');
                let elements = elements.filter_map(|element| element.split_once(':'));
                Some((owner, elements.collect()))
            });
            Self {
                owners: owners.collect(),
            }
        })
    }

    /// Whether it is a resource, a data type with elements, or a part of one.
    pub(super) fn has(&self, owner: &str) -> bool {
        self.owners.contains_key(owner)
    }

    /// The elements of an owner, each with its type.
    pub(super) fn members(
        &self,
        owner: &str,
    ) -> impl Iterator<Item = (&'static str, &'static str)> {
        let members = self.owners.get(owner).into_iter().flatten();
        members.map(|(name, kind)| (*name, *kind))
    }

    /// The elements that a step from an owner leads to: one, or those that an element with a choice of
    /// types can be (`value` is `valueString`, `valueQuantity` and others).
    pub(super) fn step(&self, owner: &str, name: &str) -> Vec<(&'static str, &'static str)> {
        let inherited = INHERITED.iter().copied();
        for owner in std::iter::once(owner).chain(inherited) {
            let same = self.members(owner).find(|(member, _)| *member == name);
            if let Some(same) = same {
                return vec![same];
            }
            let choices = self.members(owner);
            let choices = choices.filter(|(member, kind)| member.strip_prefix(name) == Some(kind));
            let choices: Vec<_> = choices.collect();
            if !choices.is_empty() {
                return choices;
            }
        }
        Vec::new()
    }

    /// The names under which elements of a type stand.
    pub(super) fn named(&self, kind: &str) -> Vec<&'static str> {
        let all = self.owners.values().flatten();
        let names = all.filter(|(_, other)| **other == kind);
        let mut names: Vec<_> = names.map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The types that elements of a name have.
    pub(super) fn types_of(&self, name: &str) -> Vec<&'static str> {
        let all = self.owners.values();
        let mut types: Vec<_> = all
            .filter_map(|members| members.get(name).copied())
            .collect();
        types.sort_unstable();
        types.dedup();
        types
    }

    /// The owners from which the names, one below the other, lead somewhere.
    pub(super) fn owners_of(&self, names: &[String]) -> Vec<&'static str> {
        let leads = |owner: &str| {
            let start = vec![owner.to_owned()];
            let end = names.iter().fold(start, |owners, name| {
                let steps = owners.iter().flat_map(|owner| {
                    let members = self.members(owner);
                    members.filter(|(member, _)| member == name)
                });
                steps.map(|(_, kind)| kind.to_owned()).collect()
            });
            !end.is_empty()
        };
        let owners = self.owners.keys().copied();
        owners.filter(|owner| leads(owner)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let elements = Elements::of_r4();
        for (owner, name, kind) in [
            ("Patient", "name", "HumanName"),
            ("PatientContact", "telecom", "ContactPoint"),
            ("Bundle", "entry", "BundleEntry"),
            ("Age", "value", "Decimal"),
            ("Patient", "active", "Boolean"),
            ("Observation", "id", "Id"),
        ] {
            assert_eq!(elements.step(owner, name), [(name, kind)], "{owner}");
        }
        assert_eq!(elements.step("Condition", "onset").len(), 5);
        assert_eq!(elements.step("Patient", "nothing"), []);
        assert!(elements.named("Address").contains(&"valueAddress"));
        assert_eq!(elements.types_of("telecom"), ["ContactPoint"]);
        let names = ["contact".to_owned(), "relationship".to_owned()];
        assert_eq!(elements.owners_of(&names), ["Patient"]);
    }
}
