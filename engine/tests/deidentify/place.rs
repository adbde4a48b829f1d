//! Where in a document a leaf stands, and whose it is.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::search::fold;
use crate::tree::{Kind, Tree};

/// Resources about who gives care, and where: not about a patient.
const STAFF: &[&str] = &[
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "OrganizationAffiliation",
    "HealthcareService",
    "Location",
    "Endpoint",
    "InsurancePlan",
];

/// References that lead to staff and organisations only, by their name in FHIR R4.
const TO_STAFF: &[&str] = &[
    "generalPractitioner",
    "managingOrganization",
    "serviceProvider",
    "assigner",
    "custodian",
    "insurer",
    "practitioner",
    "organization",
    "facility",
];

/// Members of FHIR's type `code` or of closed meaning: vocabulary, whatever the word.
const VOCABULARY: &[&str] = &[
    "resourceType",
    "system",
    "code",
    "version",
    "unit",
    "status",
    "intent",
    "priority",
    "use",
    "gender",
    "language",
    "state",
    "country",
    "currency",
    "comparator",
    "contentType",
    "sigFormat",
    "mode",
    "kind",
    "outcome",
    "action",
    "relation",
    "linkId",
    "valueCode",
    "profile",
    "criticality",
    "severity",
    "method",
];

pub(crate) enum Step<'t> {
    Member(&'t str),
    Index(usize),
}

/// The way from the root of a document to a value.
#[derive(Default)]
pub(crate) struct Place<'t, 'a> {
    pub(crate) steps: Vec<Step<'t>>,
    /// The objects passed through, with how many steps led to each.
    objects: Vec<(usize, &'t Tree<'a>)>,
    /// Types of resources passed through, with how many steps led to each.
    resources: Vec<(usize, &'t str)>,
}

impl<'t, 'a> Place<'t, 'a> {
    /// Steps into an object; whether it is a resource, for [`Self::leave`].
    pub(crate) fn enter(&mut self, object: &'t Tree<'a>) -> bool {
        let depth = self.steps.len();
        self.objects.push((depth, object));
        let resource = object.member_text("resourceType");
        self.resources.extend(resource.map(|name| (depth, name)));
        resource.is_some()
    }

    pub(crate) fn leave(&mut self, is_resource: bool) {
        self.objects.pop();
        if is_resource {
            self.resources.pop();
        }
    }

    /// JSON Pointer, RFC 6901.
    pub(crate) fn pointer(&self) -> String {
        let mut out = String::new();
        for step in &self.steps {
            match step {
                Step::Member(name) => {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    write!(out, "/{name}").unwrap();
                }
                Step::Index(index) => write!(out, "/{index}").unwrap(),
            }
        }
        out
    }

    /// The way from the innermost resource on, without indexes.
    pub(crate) fn path(&self) -> String {
        let start = self.resources.last().map_or(0, |(depth, _)| *depth);
        let names = self.steps[start..].iter().filter_map(|step| match step {
            Step::Member(name) => Some(*name),
            Step::Index(_) => None,
        });
        names.collect::<Vec<_>>().join(".")
    }

    pub(crate) fn resource(&self) -> &'t str {
        self.resources.last().map_or("(none)", |(_, name)| name)
    }

    /// Names of the members passed, innermost first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'t str> {
        self.steps.iter().rev().filter_map(|step| match step {
            Step::Member(name) => Some(*name),
            Step::Index(_) => None,
        })
    }

    pub(crate) fn member(&self) -> &'t str {
        self.names().next().unwrap_or("")
    }

    /// The innermost object around.
    pub(crate) fn parent(&self) -> Option<&'t Tree<'a>> {
        self.objects.last().map(|(_, object)| *object)
    }

    /// A code, the name of a system or a unit, or the words that come with a code: a member of a
    /// Coding, a Quantity, or a `text` that repeats the display of its codings.
    pub(crate) fn is_coded(&self) -> bool {
        let member = self.member();
        let Some(parent) = self.parent() else {
            return false;
        };
        if VOCABULARY.contains(&member) {
            return true;
        }
        match member {
            "display" => {
                ["system", "code"]
                    .iter()
                    .any(|name| parent.member(name).is_some())
                    && ["reference", "identifier"]
                        .iter()
                        .all(|name| parent.member(name).is_none())
            }
            "text" => {
                let codings = parent.member("coding").map_or(&[][..], Tree::elements);
                let text = parent.member_text("text").map(fold);
                text.is_some()
                    && codings
                        .iter()
                        .any(|coding| coding.member_text("display").map(fold) == text)
            }
            "url" => parent
                .members()
                .iter()
                .any(|(name, _)| name.starts_with("value") || name == "extension"),
            _ => false,
        }
    }

    /// Inside of a resource of [`STAFF`], or in the display of a reference to one. A patient's home
    /// is a Location too, and does not count as one.
    pub(crate) fn is_staff(&self, types: &Types) -> bool {
        if STAFF.contains(&self.resource()) {
            let resource = self.resources.last().map_or(0, |(depth, _)| *depth);
            let object = self.objects.iter().find(|(depth, _)| *depth == resource);
            return object.is_none_or(|(_, object)| !is_home(object));
        }
        let Some(parent) = self.parent().filter(|_| self.member() == "display") else {
            return false;
        };
        match (parent.member_text("reference"), parent.member_text("type")) {
            (Some(reference), _) => types
                .of(reference)
                .is_some_and(|name| STAFF.contains(&name)),
            (None, Some(name)) => STAFF.contains(&name),
            (None, None) => self
                .names()
                .nth(1)
                .is_some_and(|name| TO_STAFF.contains(&name)),
        }
    }
}

/// terminology.hl7.org: `PTRES` of v3-RoleCode, `ho` of location-physical-type.
fn is_home(location: &Tree<'_>) -> bool {
    ["type", "physicalType"].iter().any(|name| {
        location.member(name).is_some_and(|kind| {
            ["\"PTRES\"", "\"ho\""]
                .iter()
                .any(|code| kind.raw.contains(code))
        })
    })
}

/// What kind of resource a reference leads to.
#[derive(Default)]
pub(crate) struct Types(HashMap<String, String>);

impl Types {
    /// From the `fullUrl` and `id` of what is in the documents.
    pub(crate) fn read(documents: &[Tree<'_>]) -> Self {
        let mut types = HashMap::new();
        for document in documents {
            each_object(document, &mut |object| {
                let inner = object
                    .member("resource")
                    .and_then(|r| r.member_text("resourceType"));
                if let (Some(url), Some(name)) = (object.member_text("fullUrl"), inner) {
                    types.insert(url.to_owned(), name.to_owned());
                }
                if let (Some(id), Some(name)) =
                    (object.member_text("id"), object.member_text("resourceType"))
                {
                    types.insert(format!("#{id}"), name.to_owned());
                }
            });
        }
        Self(types)
    }

    fn of<'r>(&'r self, reference: &'r str) -> Option<&'r str> {
        if let Some(name) = self.0.get(reference) {
            return Some(name);
        }
        // `Practitioner?identifier=…`, `Practitioner/1`, `https://host/Practitioner/1/_history/2`
        let before = reference.split('?').next()?;
        let mut parts = before.rsplit('/');
        parts.find(|part| part.starts_with(|first: char| first.is_ascii_uppercase()))
    }
}

/// Every object of a tree, from the outside in.
pub(crate) fn each_object<'t, 'a>(tree: &'t Tree<'a>, see: &mut impl FnMut(&'t Tree<'a>)) {
    if let Kind::Object(_) = tree.kind {
        see(tree);
    }
    for (_, member) in tree.members() {
        each_object(member, see);
    }
    if let Kind::Array(elements) = &tree.kind {
        for element in elements {
            each_object(element, see);
        }
    }
}

/// Every leaf and every name of a member, in the order of the document. The leaf is None for a name.
pub(crate) fn each_leaf<'t, 'a>(
    tree: &'t Tree<'a>,
    place: &mut Place<'t, 'a>,
    see: &mut impl FnMut(&Place<'t, 'a>, Option<&'t Tree<'a>>),
) {
    match &tree.kind {
        Kind::Object(members) => {
            let is_resource = place.enter(tree);
            for (name, member) in members {
                place.steps.push(Step::Member(name));
                see(place, None);
                each_leaf(member, place, see);
                place.steps.pop();
            }
            place.leave(is_resource);
        }
        Kind::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                place.steps.push(Step::Index(index));
                each_leaf(element, place, see);
                place.steps.pop();
            }
        }
        Kind::String(_) | Kind::Other => see(place, Some(tree)),
    }
}
