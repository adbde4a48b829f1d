//! What must not come out, taken from the document that goes in.
//!
//! - Of every Patient, `RelatedPerson` and Person, wherever it stands, and of a Patient's contacts:
//!   names, telecom, addresses, identifiers, birth date and time, date of death, coordinates,
//!   mother's maiden name, place of birth, photographs.
//! - Of family histories: names. Of coverages: the numbers of who is insured. Of other resources that
//!   are not those of staff: their identifiers, and serial numbers of devices.
//!
//! A name, telecom, address or identifier is known by its FHIR type, so that extensions are seen too.
//! State, country and year may come out and are not harvested.

use std::collections::HashSet;

use crate::place::{Place, Types, each_leaf, each_object};
use crate::search::{Search, squeezed};
use crate::tree::Tree;

/// Whose resources are those of a person that is to stay unknown.
const PERSONS: &[&str] = &["Patient", "RelatedPerson", "Person"];

/// Members of type Identifier have these names, or one that ends in `dentifier`.
const IDENTIFIERS: &[&str] = &["requisition"];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Value {
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// All values of the documents, each once.
pub(crate) fn harvest(documents: &[Tree<'_>]) -> Vec<Value> {
    let mut found = Found::default();
    let types = Types::read(documents);
    for document in documents {
        each_leaf(document, &mut Place::default(), &mut |place, leaf| {
            if let Some(leaf) = leaf
                && !place.is_staff(&types)
            {
                found.leaf(place, leaf);
            }
        });
        each_object(document, &mut |object| found.full_names(object));
    }
    found.values
}

/// A search for everything that these documents must lose.
pub(crate) fn search_for(documents: &[Tree<'_>]) -> Search {
    let mut ids = HashSet::new();
    for document in documents {
        each_object(document, &mut |object| {
            if object.member("resourceType").is_some() {
                ids.extend(object.member_text("id").map(squeezed));
            }
        });
    }
    Search::new(&harvest(documents), ids)
}

#[derive(Default)]
struct Found {
    values: Vec<Value>,
    seen: HashSet<Value>,
}

impl Found {
    fn add(&mut self, kind: &'static str, text: &str) {
        let text = text.trim().to_owned();
        let value = Value { kind, text };
        if !value.text.is_empty() && self.seen.insert(value.clone()) {
            self.values.push(value);
        }
    }

    fn leaf(&mut self, place: &Place<'_, '_>, leaf: &Tree<'_>) {
        let text = leaf.text().unwrap_or(leaf.raw);
        if matches!(text, "null" | "true" | "false") && leaf.text().is_none() {
            return;
        }
        let member = place.member();
        let holder = place.names().nth(1).unwrap_or("");
        let is_person = PERSONS.contains(&place.resource());
        let url = || {
            place
                .parent()
                .and_then(|parent| parent.member_text("url"))
                .unwrap_or("")
        };
        match member {
            _ if is_identifier(holder) && member == "value" => {
                self.add(
                    if is_person {
                        "identifier"
                    } else {
                        "record number"
                    },
                    text,
                );
            }
            "subscriberId" | "serialNumber" | "deviceIdentifier" | "carrierHRF" | "dependent" => {
                self.add("record number", text);
            }
            "name" if place.resource() == "FamilyMemberHistory" => self.add("name", text),
            // The rest only of persons, or where an extension carries a whole data type.
            _ if !is_person && !holder.starts_with("value") => {}
            "family" | "given" if ["name", "valueHumanName"].contains(&holder) => {
                self.add("name", text);
            }
            "text" if ["name", "valueHumanName"].contains(&holder) => self.add("name", text),
            "line" | "text" if ["address", "valueAddress"].contains(&holder) => {
                self.add("address line", text);
            }
            "city" | "district" if ["address", "valueAddress"].contains(&holder) => {
                self.add("city", text);
            }
            "postalCode" if ["address", "valueAddress"].contains(&holder) => {
                self.add("postal code", text);
            }
            "value" if ["telecom", "valueContactPoint"].contains(&holder) => {
                let system = place
                    .parent()
                    .and_then(|parent| parent.member_text("system"));
                let kind = match system {
                    Some("email") => "email",
                    Some("url") => "web address",
                    Some("phone" | "fax" | "pager" | "sms") => "phone",
                    _ if text.contains('@') => "email",
                    _ if text.contains("://") => "web address",
                    _ => "phone",
                };
                self.add(kind, text);
            }
            _ if !is_person => {}
            // The first moment of a year is what an instant of that year becomes.
            "birthDate" | "valueDateTime" if text.get(4..10) == Some("-01-01") => {}
            "birthDate" => self.add("birth date", text),
            "deceasedDateTime" => self.add("date of death", text),
            "valueDateTime" if url().ends_with("birthTime") => self.add("birth date", text),
            "valueDecimal" if matches!(url(), "latitude" | "longitude") => {
                self.add("coordinate", text);
            }
            "valueString" if url().ends_with("mothersMaidenName") => self.add("name", text),
            "data" if holder == "photo" => self.add("photograph", text),
            _ => {}
        }
    }

    /// First and last name side by side, in both orders: known as a name in any text.
    fn full_names(&mut self, object: &Tree<'_>) {
        let is_person = |kind: &str| PERSONS.contains(&kind);
        if !object.member_text("resourceType").is_some_and(is_person) {
            return;
        }
        for name in object.member("name").map_or(&[][..], Tree::elements) {
            let family = name.member_text("family");
            let given = name
                .member("given")
                .and_then(|given| given.elements().first());
            if let (Some(family), Some(given)) = (family, given.and_then(Tree::text)) {
                self.add("full name", &format!("{given} {family}"));
                self.add("full name", &format!("{family} {given}"));
            }
        }
    }
}

fn is_identifier(member: &str) -> bool {
    member.ends_with("dentifier") || IDENTIFIERS.contains(&member)
}
