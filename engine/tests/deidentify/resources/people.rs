//! The patient, relatives, and staff.

use serde_json::{Value, json};

use super::Builder;
use crate::patients::{Address, Name, name, phone};
use crate::scene::{Scene, concept};

pub(super) const ALL: &[Builder] = &[
    related_person,
    person,
    practitioner_role,
    location,
    home,
    group,
    patient_by_extensions,
];

fn human_name(scene: &mut Scene<'_>, name: &Name, usage: &str) -> Value {
    let given: Vec<&str> = name.given.split(' ').collect();
    let full = format!("{} {}", name.given, name.family);
    match scene.random.below(5) {
        0 => json!({"use": usage, "text": full}),
        1 => json!({"family": name.family, "given": given, "_family": {"extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/humanname-own-name", "valueString": name.family}]}}),
        2 => json!({"use": usage, "text": full, "family": name.family, "given": [name.given, "Q."],
            "prefix": [scene.patient.prefix], "suffix": [scene.patient.suffix],
            "period": {"start": scene.day()}}),
        3 => json!({"use": usage, "family": name.family, "given": given, "_given": [
            {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier", "valueCode": "LS"}]},
            {"id": "g2", "extension": [{"url": "urn:spoken", "valueString": name.given}]}]}),
        _ => json!({"use": usage, "family": name.family, "given": given}),
    }
}

fn address(scene: &mut Scene<'_>) -> Value {
    let Address {
        lines,
        city,
        district,
        postal_code,
        latitude,
        longitude,
    } = scene.patient.address.clone();
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let mut address = json!({"use": "home", "type": "both", "line": lines, "city": city,
        "district": district, "state": "Massachusetts", "postalCode": postal_code, "country": "US"});
    if scene.chance(60) {
        address["extension"] = json!([{"url": "http://hl7.org/fhir/StructureDefinition/geolocation",
            "extension": [{"url": "latitude", "valueDecimal": number(&latitude)},
                {"url": "longitude", "valueDecimal": number(&longitude)}]}]);
    }
    if scene.chance(40) {
        address["text"] = json!(format!("{}, {city} {postal_code}", lines.join(", ")));
        address["period"] = json!({"start": scene.day()});
    }
    if scene.chance(20) {
        address["_line"] = json!([{"extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName", "valueString": lines[0]}]}]);
    }
    address
}

fn telecoms(scene: &mut Scene<'_>) -> Value {
    let mut all = vec![
        json!({"system": "email", "value": scene.patient.email, "use": "home"}),
        json!({"system": "url", "value": scene.patient.web}),
    ];
    for (index, phone) in scene.patient.phones.iter().enumerate() {
        let system = ["phone", "fax", "sms", "pager"][index % 4];
        all.push(json!({"system": system, "value": phone, "rank": index + 1}));
    }
    if scene.chance(20) {
        all.push(json!({"value": scene.patient.phones[0]}));
    }
    scene.random.shuffle(&mut all);
    json!(all)
}

pub(super) fn patient(scene: &mut Scene<'_>) -> Value {
    let own = scene.patient.name.clone();
    let maiden = scene.patient.maiden.clone();
    let relative = scene.patient.relative.clone();
    let mut names = vec![human_name(scene, &own, "official")];
    if scene.chance(40) {
        names.push(human_name(scene, &maiden, "maiden"));
    }
    if scene.chance(40) {
        names.push(json!({"use": "nickname", "given": [scene.patient.nickname]}));
    }
    // Always with both parts, so that the harvest has what the texts say.
    names.push(json!({"use": "usual", "family": own.family, "given": [own.given]}));
    let identifiers: Vec<Value> = {
        let p = &scene.patient;
        let kind = |code: &str| json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": code}]});
        vec![
            json!({"system": "http://hl7.org/fhir/sid/us-ssn", "value": p.ssn}),
            json!({"type": kind("MR"), "value": p.mrn, "system": "http://hospital.example.org"}),
            json!({"type": kind("DL"), "value": p.license}),
            json!({"value": p.passport, "type": {"text": "Passport Number"}}),
            json!({"value": p.medicare, "system": "http://hl7.org/fhir/sid/us-mbi"}),
            json!({"value": p.member}),
        ]
    };
    let mut identifiers = identifiers;
    identifiers.push(scene.identifier());
    scene.random.shuffle(&mut identifiers);
    let mut patient = json!({
        "resourceType": "Patient",
        "id": scene.patient.id,
        "meta": {"versionId": "3", "lastUpdated": scene.instant(), "tag": [{"system": "urn:tags", "code": "invented"}]},
        "language": "en",
        "text": scene.narrative(),
        "active": true,
        "extension": [
            {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "extension": [
                {"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3", "display": "White"}},
                {"url": "text", "valueString": "White"}]},
            {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity", "extension": [
                {"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2186-5", "display": "Not Hispanic or Latino"}},
                {"url": "text", "valueString": "Not Hispanic or Latino"}]},
            {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex", "valueCode": "F"},
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName", "valueString": scene.patient.mother},
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": scene.patient.birth_place, "country": "US"}}
        ],
        "identifier": identifiers,
        "name": names,
        "telecom": telecoms(scene),
        "gender": "female",
        "birthDate": scene.patient.birth_date(),
        "address": [address(scene)],
        "maritalStatus": concept("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M", "Married"),
        "contact": [{
            "relationship": [concept("http://terminology.hl7.org/CodeSystem/v2-0131", "N", "Next-of-Kin")],
            "name": human_name(scene, &relative, "official"),
            "telecom": [{"system": "phone", "value": phone(scene.random)}],
            "address": {"line": ["7 Hollyhock Row"], "city": "Thistledownham", "postalCode": "99501"},
            "period": scene.period()}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es", "display": "Spanish"}], "text": "Spanish"}, "preferred": true}],
        "generalPractitioner": [scene.practitioner()],
        "managingOrganization": scene.organization(),
    });
    if scene.chance(40) {
        let time = format!("{}T03:04:05-05:00", scene.patient.birth_date());
        patient["_birthDate"] = json!({"extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": time}]});
    }
    if let Some(death) = &scene.patient.death {
        patient["deceasedDateTime"] = json!(death);
    }
    if scene.chance(30) {
        patient["multipleBirthInteger"] = json!(2);
    }
    if scene.chance(30) {
        patient["photo"] = json!([{"contentType": "image/png", "data": scene.patient.photo, "title": scene.mention()}]);
    }
    if scene.chance(30) {
        let organization =
            json!({"resourceType": "Organization", "id": "o1", "name": "Quarry Clinic"});
        patient["contained"] = json!([organization]);
    }
    if scene.chance(20) {
        patient["link"] = json!([{"other": scene.subject(), "type": "seealso"}]);
    }
    patient
}

/// Data of a patient in extensions of a resource that has no place for them.
fn patient_by_extensions(scene: &mut Scene<'_>) -> Value {
    let own = scene.patient.name.clone();
    json!({"resourceType": "Basic", "id": scene.id(), "code": {"text": "Registration"}, "subject": scene.subject(),
        "created": scene.day(), "author": scene.practitioner(),
        "extension": [
            {"url": "urn:example:a", "valueHumanName": human_name(scene, &own, "usual")},
            {"url": "urn:example:b", "valueAddress": address(scene)},
            {"url": "urn:example:c", "valueContactPoint": {"system": "email", "value": scene.patient.email}},
            {"url": "urn:example:d", "valueIdentifier": scene.identifier()},
            {"url": "urn:example:e", "valueString": scene.says()},
            {"url": "urn:example:f", "valueMarkdown": scene.says()},
            {"url": "urn:example:g", "valueReference": scene.subject()},
            {"url": "urn:example:h", "valueDate": scene.patient.birth_date()},
            {"url": "urn:example:i", "valueAnnotation": {"text": scene.says(), "authorString": scene.mention()}},
            {"url": "urn:example:j", "valueAttachment": scene.attachment()},
            {"url": "urn:example:k", "extension": [{"url": "inner", "valueString": scene.mention()}]}
        ],
        "modifierExtension": [{"url": "urn:example:l", "valueString": scene.mention()}]})
}

fn related_person(scene: &mut Scene<'_>) -> Value {
    let relative = scene.patient.relative.clone();
    json!({"resourceType": "RelatedPerson", "id": scene.id(), "active": true, "patient": scene.subject(),
        "relationship": [concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "DAU", "natural daughter")],
        "name": [human_name(scene, &relative, "official")],
        "identifier": [scene.record_number("RP")],
        "telecom": [{"system": "phone", "value": phone(scene.random), "use": "mobile"}],
        "gender": "female", "birthDate": "1961-02-03", "address": [address(scene)], "period": scene.period()})
}

fn person(scene: &mut Scene<'_>) -> Value {
    let own = scene.patient.name.clone();
    json!({"resourceType": "Person", "id": scene.id(), "name": [human_name(scene, &own, "usual")],
        "telecom": telecoms(scene), "gender": "female", "birthDate": scene.patient.birth_date(),
        "address": [address(scene)], "photo": {"contentType": "image/png", "data": scene.patient.photo},
        "identifier": [scene.identifier()],
        "link": [{"target": scene.subject(), "assurance": "level3"}]})
}

pub(super) fn practitioner(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Practitioner", "id": scene.doctor_id, "active": true,
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": format!("1{}", scene.random.digits(9))}],
        "name": [{"family": scene.doctor.family, "given": [scene.doctor.given], "prefix": ["Dr."]}],
        "address": [{"line": ["55 Fruit Street"], "city": scene.patient.address.city, "postalCode": "02114"}],
        "gender": "female"})
}

pub(super) fn organization(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Organization", "id": scene.clinic_id, "active": true,
        "name": "General Hospital of Quarryfield",
        "type": [concept("http://terminology.hl7.org/CodeSystem/organization-type", "prov", "Healthcare Provider")],
        "telecom": [{"system": "phone", "value": phone(scene.random)}],
        "address": [{"line": ["55 Fruit Street"], "city": scene.patient.address.city, "state": "MA"}]})
}

fn practitioner_role(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "PractitionerRole", "id": scene.id(), "practitioner": scene.practitioner(),
        "organization": scene.organization(), "telecom": [{"system": "phone", "value": phone(scene.random)}]})
}

fn location(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Location", "id": scene.id(), "status": "active", "name": "Ward 7",
        "address": {"line": ["55 Fruit Street"], "city": scene.patient.address.city},
        "managingOrganization": scene.organization()})
}

/// Where the patient lives is a place of care, too.
fn home(scene: &mut Scene<'_>) -> Value {
    let place = json!({"resourceType": "Location", "id": scene.id(), "status": "active",
        "name": format!("Home of {}", scene.mention()), "description": scene.says(),
        "physicalType": concept("http://terminology.hl7.org/CodeSystem/location-physical-type", "ho", "House"),
        "address": address(scene),
        "position": {"longitude": serde_json::from_str::<Value>(&scene.patient.address.longitude).unwrap(),
            "latitude": serde_json::from_str::<Value>(&scene.patient.address.latitude).unwrap()}});
    json!({"resourceType": "Encounter", "id": scene.id(), "status": "finished", "contained": [place],
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
        "subject": scene.subject(), "location": [{"location": {"display": scene.mention()}}]})
}

fn group(scene: &mut Scene<'_>) -> Value {
    let stranger = name(scene.random);
    json!({"resourceType": "Group", "id": scene.id(), "type": "person", "actual": true,
        "name": format!("Household of {}", scene.mention()), "quantity": 2,
        "identifier": [scene.record_number("G")],
        "member": [{"entity": scene.subject(), "period": scene.period()},
            {"entity": {"display": format!("{} {}", stranger.given, stranger.family)}}]})
}
