//! FHIR objects whose members tell the class of one of them: their order does not matter, and the
//! value never comes out.

use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary, Unstructured};
use serde_json::{Value, json};
use velum_engine::{ClassSet, Options, Profile, Ruleset};

use crate::check::{mask_whole, same_in_chunks, sound_and_stable};

/// What must not come out.
const CANARY: &str = "Thistle";

#[derive(Arbitrary)]
struct Object {
    place: Place,
    members: Vec<Member>,
    held_bytes: Option<u8>,
    size: u8,
}

#[derive(Arbitrary)]
enum Place {
    Identifier,
    Telecom,
    Extension,
    Subject,
}

#[derive(Arbitrary)]
enum Member {
    System(System),
    TypeCode(Code),
    TypeText,
    Use,
    Period,
    Assigner,
    Padding(u8),
    Rank(u8),
}

#[derive(Arbitrary)]
enum System {
    Ssn,
    Phone,
    Email,
    Other,
    Number(u8),
}

#[derive(Arbitrary)]
enum Code {
    MedicalRecord,
    License,
    Social,
    Other,
}

impl Member {
    fn print(&self) -> (&'static str, Value) {
        match self {
            Self::System(System::Ssn) => ("system", json!("http://hl7.org/fhir/sid/us-ssn")),
            Self::System(System::Phone) => ("system", json!("phone")),
            Self::System(System::Email) => ("system", json!("email")),
            Self::System(System::Other) => ("system", json!("urn:other")),
            Self::System(System::Number(number)) => ("system", json!(number)),
            Self::TypeCode(code) => {
                let code = match code {
                    Code::MedicalRecord => "MR",
                    Code::License => "DL",
                    Code::Social => "SS",
                    Code::Other => "X",
                };
                ("type", json!({"coding": [{"code": code}]}))
            }
            Self::TypeText => ("type", json!({"text": "Driver's License"})),
            Self::Use => ("use", json!("official")),
            Self::Period => ("period", json!({"start": "1936-08-18"})),
            Self::Assigner => (
                "assigner",
                json!({"display": CANARY, "reference": "Organization/1"}),
            ),
            Self::Padding(length) => ("padding", json!("x".repeat(usize::from(*length)))),
            Self::Rank(rank) => ("rank", json!(rank)),
        }
    }
}

/// The bodies with the value before, between and behind the members that tell its class.
fn bodies(object: &Object) -> Vec<String> {
    let (place, candidate) = match object.place {
        Place::Identifier => ("identifier", "value"),
        Place::Telecom => ("telecom", "value"),
        Place::Extension => ("extension", "valueString"),
        Place::Subject => ("subject", "display"),
    };
    let url = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName";
    let mut members: Vec<(&str, Value)> =
        object.members.iter().take(6).map(Member::print).collect();
    if matches!(object.place, Place::Extension) {
        members.push(("url", json!(url)));
    }
    let print = |members: &[(&str, Value)]| {
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!(r#"{{"{place}":[{{{}}}]}}"#, members.join(","))
    };
    let value = (candidate, json!(CANARY));
    let places = [0, members.len() / 2, members.len()];
    let with = |at: &usize| {
        let mut members = members.clone();
        members.insert(*at, value.clone());
        print(&members)
    };
    places.iter().map(with).collect()
}

/// # Panics
/// Where the value comes out, or becomes something else in another order.
pub(crate) fn target(data: &[u8]) {
    static RULES: LazyLock<Option<Arc<Ruleset>>> = LazyLock::new(|| {
        let builder = Ruleset::builder().profile(Profile::FhirR4);
        builder.build().ok().map(Arc::new)
    });
    let Some(rules) = &*RULES else { return };
    let Ok(object) = Object::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let mut options = Options {
        lift: ClassSet::default(),
        ..Options::default()
    };
    if let Some(bytes) = object.held_bytes {
        options.limits.held_bytes = usize::from(bytes);
    }
    let mut became: Option<String> = None;
    for body in bodies(&object) {
        let whole = mask_whole(rules, &options, body.as_bytes());
        same_in_chunks(
            rules,
            &options,
            body.as_bytes(),
            usize::from(object.size),
            &whole,
        );
        assert!(whole.1.is_ok(), "{body}: {:?}", whole.1);
        let out = String::from_utf8_lossy(&whole.0);
        assert!(!out.contains(CANARY), "{out}");
        // What waited too long is an identifier, and once masked it may wait in vain no more.
        if object.held_bytes.is_none() {
            sound_and_stable(rules, &options, &whole.0);
            let found = placeholder(&out, &object.place);
            let expected = became.get_or_insert_with(|| found.clone());
            assert_eq!(found, *expected, "in another order: {body}");
        }
    }
}

/// What the value has become.
fn placeholder(out: &str, place: &Place) -> String {
    let out: Value = serde_json::from_str(out).unwrap_or_default();
    let (place, candidate) = match place {
        Place::Identifier => ("identifier", "value"),
        Place::Telecom => ("telecom", "value"),
        Place::Extension => ("extension", "valueString"),
        Place::Subject => ("subject", "display"),
    };
    out.pointer(&format!("/{place}/0/{candidate}"))
        .map(Value::to_string)
        .unwrap_or_default()
}
