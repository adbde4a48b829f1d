//! Notes, files and forms.

use serde_json::{Value, json};

use super::Builder;
use crate::encode::base64;
use crate::scene::{Scene, loinc};

pub(super) const ALL: &[Builder] = &[
    document_reference,
    binary,
    composition,
    questionnaire_response,
    communication,
    communication_request,
    media,
    list,
    parameters,
    message,
    inner_bundle,
];

fn document_reference(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "DocumentReference", "id": scene.id(), "status": "current",
        "masterIdentifier": scene.record_number("DOC"), "identifier": [scene.record_number("D")],
        "type": loinc("34117-2", "History and physical note"), "subject": scene.subject(), "date": scene.instant(),
        "author": [scene.practitioner()], "authenticator": scene.practitioner(), "custodian": scene.organization(),
        "description": scene.says(),
        "content": [{"attachment": scene.attachment(), "format": {"system": "urn:oid:1.3.6.1.4.1.19376.1.2.3", "code": "urn:ihe:pcc:hp:2008"}},
            {"attachment": scene.attachment()}],
        "context": {"period": scene.period(), "encounter": [scene.encounter()], "sourcePatientInfo": scene.subject(),
            "related": [{"display": scene.mention()}]}})
}

fn binary(scene: &mut Scene<'_>) -> Value {
    let text = scene.says();
    json!({"resourceType": "Binary", "id": scene.id(), "contentType": "text/plain",
        "securityContext": scene.subject(), "data": base64(text.as_bytes())})
}

fn composition(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Composition", "id": scene.id(), "status": "final", "text": scene.narrative(),
        "identifier": scene.record_number("C"), "type": loinc("11503-0", "Medical records"),
        "subject": scene.subject(), "date": scene.time(), "author": [scene.practitioner()],
        "title": format!("Summary for {}", scene.mention()),
        "attester": [{"mode": "legal", "time": scene.time(), "party": scene.practitioner()}],
        "event": [{"period": scene.period()}],
        "section": [
            {"title": format!("History of {}", scene.mention()), "code": loinc("10164-2", "History of present illness"),
                "text": scene.narrative(), "entry": [{"reference": "Condition/1", "display": scene.mention()}],
                "section": [{"title": "Plan", "text": scene.narrative()}]}]})
}

fn questionnaire_response(scene: &mut Scene<'_>) -> Value {
    let p = &scene.patient;
    let (family, birth, phone) = (p.name.family.clone(), p.birth_date(), p.phones[0].clone());
    json!({"resourceType": "QuestionnaireResponse", "id": scene.id(), "status": "completed",
        "identifier": scene.record_number("QR"),
        "questionnaire": "http://example.org/Questionnaire/intake|1.0", "subject": scene.subject(),
        "authored": scene.time(), "source": scene.subject(),
        "item": [
            {"linkId": "1", "text": "Your last name?", "answer": [{"valueString": family}]},
            {"linkId": "2", "text": "Your date of birth?", "answer": [{"valueDate": birth}]},
            {"linkId": "3", "text": "Your phone?", "answer": [{"valueString": phone}]},
            {"linkId": "4", "text": "Smoker?", "answer": [{"valueCoding": {"system": "http://snomed.info/sct", "code": "266919005", "display": "Never smoked tobacco"}}]},
            {"linkId": "5", "text": "How many?", "answer": [{"valueInteger": 3}, {"valueBoolean": true}, {"valueDecimal": 1.5}]},
            {"linkId": "6", "item": [{"linkId": "6.1", "text": scene.says(), "answer": [
                {"valueReference": scene.subject()}, {"valueAttachment": scene.attachment()},
                {"valueUri": scene.patient.web}, {"valueDateTime": scene.time()}, {"valueTime": "12:30:00"},
                {"valueQuantity": scene.quantity("kg")},
                {"valueString": scene.says(), "item": [{"linkId": "6.1.1", "answer": [{"valueString": scene.mention()}]}]}]}]}]})
}

fn communication(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Communication", "id": scene.id(), "status": "completed", "subject": scene.subject(),
        "topic": scene.free_concept(), "sent": scene.time(), "received": scene.time(),
        "recipient": [scene.subject()], "sender": scene.practitioner(),
        "payload": [{"contentString": scene.says()}, {"contentAttachment": scene.attachment()},
            {"contentReference": {"display": scene.mention()}}],
        "note": scene.note()})
}

fn communication_request(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "CommunicationRequest", "id": scene.id(), "status": "active", "subject": scene.subject(),
        "payload": [{"contentString": scene.says()}], "occurrenceDateTime": scene.time(), "authoredOn": scene.time(),
        "requester": scene.practitioner(), "recipient": [scene.subject()], "reasonCode": [scene.free_concept()]})
}

fn media(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Media", "id": scene.id(), "status": "completed", "subject": scene.subject(),
        "createdDateTime": scene.time(), "issued": scene.instant(), "operator": scene.practitioner(),
        "deviceName": "Camera", "height": 480, "width": 640, "content": scene.attachment(), "note": scene.note()})
}

fn list(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "List", "id": scene.id(), "status": "current", "mode": "snapshot",
        "title": format!("Problems of {}", scene.mention()), "code": loinc("11450-4", "Problem list"),
        "subject": scene.subject(), "date": scene.time(), "source": scene.practitioner(), "note": scene.note(),
        "entry": [{"date": scene.time(), "item": {"reference": "Condition/1", "display": scene.mention()}}]})
}

fn parameters(scene: &mut Scene<'_>) -> Value {
    let patient = super::people::patient(scene);
    let p = &scene.patient;
    json!({"resourceType": "Parameters", "id": "q1", "parameter": [
        {"name": "patient", "resource": patient},
        {"name": "family", "valueString": p.name.family},
        {"name": "birthdate", "valueDate": p.birth_date()},
        {"name": "who", "valueHumanName": {"family": p.name.family, "given": [p.name.given]}},
        {"name": "where", "part": [{"name": "city", "valueString": p.address.city},
            {"name": "zip", "valueString": p.address.postal_code}]},
        {"name": "identifier", "valueIdentifier": {"system": "urn:x", "value": p.mrn}},
        {"name": "token", "valueString": format!("http://hl7.org/fhir/sid/us-ssn|{}", p.ssn)},
        {"name": "url", "valueUri": format!("https://fhir.example.org/Patient?phone={}", crate::encode::percent(&p.phones[0]))},
        {"name": "code", "valueCode": "active"},
        {"name": "count", "valueInteger": 10}]})
}

fn message(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "OperationOutcome", "id": "oo", "issue": [{"severity": "error", "code": "not-found",
        "diagnostics": format!("No patient {}", scene.says()), "details": scene.free_concept(),
        "expression": ["Patient.name"]}]})
}

fn inner_bundle(scene: &mut Scene<'_>) -> Value {
    let (composition, patient) = (composition(scene), super::people::patient(scene));
    json!({"resourceType": "Bundle", "id": scene.id(), "type": "document", "timestamp": scene.instant(),
        "identifier": scene.record_number("B"),
        "entry": [{"resource": composition}, {"resource": patient}]})
}
