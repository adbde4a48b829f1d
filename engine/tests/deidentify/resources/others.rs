//! Types that are seen less often, and values of every kind.

use serde_json::{Value, json};

use super::Builder;
use crate::scene::{Scene, concept, loinc, snomed};

pub(super) const ALL: &[Builder] = &[
    every_value,
    medication_dispense,
    document_manifest,
    body_structure,
    immunization_recommendation,
    slot,
    guidance_response,
    request_group,
    device_use,
    vision_prescription,
    eligibility_request,
    verification_result,
];

/// An observation with a component for each kind of value: most of them say nothing about anybody.
fn every_value(scene: &mut Scene<'_>) -> Value {
    let mg = scene.quantity("mg");
    let values = json!([
        {"valueInteger": 37},
        {"valueBoolean": false},
        {"valueTime": "12:30:00"},
        {"valueRange": {"low": mg, "high": mg}},
        {"valueRatio": {"numerator": mg, "denominator": {"value": 1, "unit": "h", "comparator": "<"}}},
        {"valueSampledData": {"origin": mg, "period": 10.0, "dimensions": 1, "data": "2041 2043 2037 E 2047"}},
        {"valueCodeableConcept": snomed("260373001", "Detected")},
        {"valueQuantity": mg},
        {"valueString": scene.says()},
        {"valueDateTime": scene.time()},
        {"valuePeriod": scene.period()},
        {"dataAbsentReason": concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown", "Unknown")}
    ]);
    let components = values.as_array().unwrap().iter().map(|value| {
        let mut component = json!({"code": loinc("8480-6", "Systolic blood pressure")});
        for (name, value) in value.as_object().unwrap() {
            component[name] = value.clone();
        }
        component
    });
    json!({"resourceType": "Observation", "id": scene.id(), "status": "final",
        "code": loinc("85354-9", "Blood pressure panel"), "subject": scene.subject(),
        "effectiveTiming": {"event": [scene.time()], "repeat": {"boundsDuration": {"value": 2, "unit": "d"},
            "count": 3, "dayOfWeek": ["mon"], "timeOfDay": ["08:00:00"], "when": ["ACM"]},
            "code": concept("http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "BID", "BID")},
        "component": components.collect::<Vec<_>>(),
        "hasMember": [{"reference": "Observation/7", "display": "Glucose"}], "derivedFrom": [{"reference": "Media/1"}]})
}

fn medication_dispense(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "MedicationDispense", "id": scene.id(), "status": "completed",
        "identifier": [scene.record_number("DSP")],
        "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "860975", "Metformin 500 MG"),
        "subject": scene.subject(), "performer": [{"actor": scene.practitioner()}], "quantity": scene.quantity("1"),
        "daysSupply": {"value": 30, "unit": "d"}, "whenPrepared": scene.time(), "whenHandedOver": scene.time(),
        "destination": {"display": format!("{}, {}", scene.patient.address.lines[0], scene.patient.address.city)},
        "receiver": [scene.subject()], "note": scene.note(), "dosageInstruction": [{"text": scene.says()}]})
}

fn document_manifest(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "DocumentManifest", "id": scene.id(), "status": "current",
        "masterIdentifier": scene.record_number("M"), "subject": scene.subject(), "created": scene.time(),
        "recipient": [scene.subject()], "source": "urn:oid:1.3.6.1.4.1.99999.1", "description": scene.says(),
        "content": [{"reference": "DocumentReference/1", "display": scene.mention()}],
        "related": [{"identifier": scene.identifier()}]})
}

fn body_structure(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "BodyStructure", "id": scene.id(), "active": true, "location": snomed("38266002", "Entire body"),
        "description": scene.says(), "image": [scene.attachment()], "patient": scene.subject()})
}

fn immunization_recommendation(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "ImmunizationRecommendation", "id": scene.id(), "patient": scene.subject(), "date": scene.time(),
        "recommendation": [{"vaccineCode": [concept("http://hl7.org/fhir/sid/cvx", "140", "Influenza, seasonal, injectable")],
            "forecastStatus": concept("http://terminology.hl7.org/CodeSystem/immunization-recommendation-status", "due", "Due"),
            "dateCriterion": [{"code": loinc("30980-7", "Date vaccine due"), "value": scene.time()}],
            "description": scene.says(), "series": scene.says()}]})
}

fn slot(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Slot", "id": scene.id(), "schedule": {"reference": "Schedule/1", "display": scene.mention()},
        "status": "busy", "start": scene.instant(), "end": scene.instant(), "overbooked": false, "comment": scene.says()})
}

fn guidance_response(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "GuidanceResponse", "id": scene.id(), "status": "success", "moduleUri": "http://example.org/guide",
        "requestIdentifier": scene.record_number("GR"), "subject": scene.subject(), "occurrenceDateTime": scene.time(),
        "note": scene.note(), "dataRequirement": [{"type": "Patient", "profile": ["http://hl7.org/fhir/StructureDefinition/Patient"]}]})
}

fn request_group(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "RequestGroup", "id": scene.id(), "status": "active", "intent": "plan", "subject": scene.subject(),
        "authoredOn": scene.time(), "note": scene.note(),
        "action": [{"prefix": "1", "title": scene.mention(), "description": scene.says(), "textEquivalent": scene.says(),
            "timingDateTime": scene.time(), "documentation": [{"type": "citation", "label": scene.mention(),
                "display": scene.mention(), "citation": scene.says(), "document": scene.attachment()}],
            "participant": [scene.subject()]}]})
}

fn device_use(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "DeviceUseStatement", "id": scene.id(), "status": "active", "subject": scene.subject(),
        "timingPeriod": scene.period(), "recordedOn": scene.time(), "source": scene.subject(),
        "device": {"reference": "Device/1", "identifier": {"value": scene.patient.device_serial}}, "note": scene.note()})
}

fn vision_prescription(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "VisionPrescription", "id": scene.id(), "status": "active", "created": scene.time(),
        "patient": scene.subject(), "dateWritten": scene.time(), "prescriber": scene.practitioner(),
        "lensSpecification": [{"product": concept("http://terminology.hl7.org/CodeSystem/ex-visionprescriptionproduct", "lens", "Lens"),
            "eye": "right", "sphere": -2.00, "prism": [{"amount": 0.5, "base": "down"}], "color": "green", "brand": "B", "note": scene.note()}]})
}

fn eligibility_request(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "CoverageEligibilityRequest", "id": scene.id(), "status": "active", "purpose": ["validation"],
        "patient": scene.subject(), "servicedPeriod": scene.period(), "created": scene.time(), "insurer": scene.organization(),
        "insurance": [{"focal": true, "coverage": {"display": scene.mention()}, "businessArrangement": scene.patient.member}]})
}

fn verification_result(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "VerificationResult", "id": scene.id(), "status": "validated", "target": [scene.subject()],
        "targetLocation": ["Patient.name"], "statusDate": scene.time(), "lastPerformed": scene.time(),
        "attestation": {"who": scene.practitioner(), "date": scene.day(), "proxyIdentityCertificate": scene.mention()}})
}
