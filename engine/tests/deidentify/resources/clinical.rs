//! What was seen and done.

use serde_json::{Value, json};

use super::Builder;
use crate::scene::{Scene, concept, loinc, snomed};

pub(super) const ALL: &[Builder] = &[
    encounter,
    condition,
    observation,
    observation_of_text,
    procedure,
    immunization,
    medication_request,
    medication_statement,
    medication_administration,
    allergy,
    diagnostic_report,
    family_history,
    imaging_study,
    specimen,
    flag,
    clinical_impression,
    adverse_event,
    risk_assessment,
    goal,
];

fn encounter(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Encounter", "id": scene.encounter_id, "status": "finished",
        "identifier": [scene.record_number("V")],
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "type": [snomed("185349003", "Encounter for check up (procedure)")],
        "subject": scene.subject(), "period": scene.period(),
        "participant": [{"individual": scene.practitioner(), "period": scene.period()},
            {"individual": scene.subject()}],
        "reasonCode": [scene.free_concept(), snomed("25064002", "Headache")],
        "hospitalization": {"admitSource": concept("http://terminology.hl7.org/CodeSystem/admit-source", "emd", "From accident/emergency department"),
            "preAdmissionIdentifier": scene.record_number("PA"),
            "dischargeDisposition": concept("http://terminology.hl7.org/CodeSystem/discharge-disposition", "home", "Home")},
        "location": [{"location": {"reference": "Location/1", "display": "Ward 7"}, "status": "completed"}],
        "length": {"value": 30, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"},
        "serviceProvider": scene.organization()})
}

fn condition(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Condition", "id": scene.id(), "text": scene.narrative(),
        "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active"),
        "category": [concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item", "Problem List Item")],
        "severity": snomed("24484000", "Severe"),
        "code": snomed("44054006", "Diabetes mellitus type 2 (disorder)"),
        "bodySite": [snomed("38266002", "Entire body")],
        "subject": scene.subject(), "encounter": scene.encounter(), "asserter": scene.subject(),
        "onsetDateTime": scene.time(), "abatementString": scene.says(), "recordedDate": scene.time(),
        "stage": [{"summary": scene.free_concept()}], "note": scene.note()})
}

fn observation(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Observation", "id": scene.id(), "status": "final",
        "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs", "Vital Signs")],
        "code": loinc("85354-9", "Blood pressure panel"), "subject": scene.subject(),
        "encounter": scene.encounter(), "effectiveDateTime": scene.time(), "issued": scene.instant(),
        "performer": [scene.practitioner(), scene.subject()],
        "method": snomed("37931006", "Auscultation"),
        "component": [
            {"code": loinc("8480-6", "Systolic blood pressure"), "valueQuantity": scene.quantity("mm[Hg]")},
            {"code": loinc("8462-4", "Diastolic blood pressure"), "valueQuantity": scene.quantity("mm[Hg]"),
                "referenceRange": [{"low": scene.quantity("mm[Hg]"), "text": "60 to 90"}]}],
        "interpretation": [concept("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "N", "Normal")],
        "note": scene.note()})
}

fn observation_of_text(scene: &mut Scene<'_>) -> Value {
    let value = match scene.random.below(5) {
        0 => ("valueString", json!(scene.says())),
        1 => ("valueDateTime", json!(scene.time())),
        2 => ("valueCodeableConcept", scene.free_concept()),
        3 => ("valuePeriod", scene.period()),
        _ => (
            "valueCodeableConcept",
            snomed("266919005", "Never smoked tobacco"),
        ),
    };
    let mut observation = json!({"resourceType": "Observation", "id": scene.id(), "status": "final",
        "identifier": [scene.record_number("OBS")],
        "code": loinc("11341-5", "History of Occupation"), "subject": scene.subject(),
        "effectivePeriod": scene.period(), "device": {"display": format!("Pump of {}", scene.mention())}});
    observation[value.0] = value.1;
    observation
}

fn procedure(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Procedure", "id": scene.id(), "status": "completed",
        "statusReason": scene.free_concept(),
        "code": snomed("428191000124101", "Documentation of current medications"),
        "subject": scene.subject(), "performedPeriod": scene.period(),
        "performer": [{"actor": scene.practitioner(), "onBehalfOf": scene.organization()}],
        "recorder": scene.practitioner(), "outcome": scene.free_concept(),
        "followUp": [scene.free_concept()], "note": scene.note(),
        "usedReference": [{"display": "Suture kit"}]})
}

fn immunization(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Immunization", "id": scene.id(), "status": "completed",
        "vaccineCode": concept("http://hl7.org/fhir/sid/cvx", "140", "Influenza, seasonal, injectable"),
        "patient": scene.subject(), "occurrenceDateTime": scene.time(), "primarySource": true,
        "lotNumber": format!("L{}", scene.random.digits(6)), "expirationDate": scene.day(),
        "doseQuantity": scene.quantity("mL"), "note": scene.note(),
        "education": [{"presentationDate": scene.day(), "reference": "https://vaccines.example.org/sheet"}],
        "reaction": [{"date": scene.time(), "reported": true}],
        "protocolApplied": [{"doseNumberPositiveInt": 2}]})
}

fn medication_request(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "MedicationRequest", "id": scene.id(), "status": "active", "intent": "order",
        "priority": "routine", "identifier": [scene.record_number("RX")],
        "groupIdentifier": scene.record_number("RXG"),
        "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "198031", "24hr nicotine transdermal patch"),
        "subject": scene.subject(), "authoredOn": scene.time(), "requester": scene.practitioner(),
        "recorder": scene.practitioner(),
        "dosageInstruction": [{"sequence": 1, "text": scene.says(), "patientInstruction": scene.says(),
            "additionalInstruction": [scene.free_concept()],
            "timing": {"event": [scene.time()], "repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "boundsPeriod": scene.period()}},
            "doseAndRate": [{"doseQuantity": scene.quantity("mg")}]}],
        "dispenseRequest": {"validityPeriod": scene.period(), "numberOfRepeatsAllowed": 2, "quantity": scene.quantity("1"),
            "performer": scene.organization()},
        "note": scene.note()})
}

fn medication_statement(scene: &mut Scene<'_>) -> Value {
    let medication = json!({"resourceType": "Medication", "id": "med1",
        "code": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "860975", "Metformin 500 MG"),
        "batch": {"lotNumber": "A1", "expirationDate": "2026-01-02"}});
    json!({"resourceType": "MedicationStatement", "id": scene.id(), "status": "active", "contained": [medication],
        "medicationReference": {"reference": "#med1"}, "subject": scene.subject(),
        "effectivePeriod": scene.period(), "dateAsserted": scene.time(), "informationSource": scene.subject(),
        "dosage": [{"text": scene.says()}], "note": scene.note()})
}

fn medication_administration(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "MedicationAdministration", "id": scene.id(), "status": "completed",
        "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "1190795", "Aspirin 325 MG"),
        "subject": scene.subject(), "effectiveDateTime": scene.time(),
        "performer": [{"actor": scene.practitioner()}],
        "dosage": {"text": scene.says(), "dose": scene.quantity("mg")}})
}

fn allergy(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "AllergyIntolerance", "id": scene.id(), "type": "allergy", "category": ["food"],
        "criticality": "high", "code": snomed("91935009", "Allergy to peanut"), "patient": scene.subject(),
        "onsetString": scene.says(), "recordedDate": scene.time(), "lastOccurrence": scene.time(),
        "asserter": scene.subject(), "note": scene.note(),
        "reaction": [{"manifestation": [snomed("247472004", "Hives")], "description": scene.says(),
            "onset": scene.time(), "severity": "mild", "note": scene.note()}]})
}

fn diagnostic_report(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "DiagnosticReport", "id": scene.id(), "status": "final", "text": scene.narrative(),
        "identifier": [scene.record_number("LAB")],
        "category": [concept("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB", "Laboratory")],
        "code": loinc("51990-0", "Basic Metabolic Panel"), "subject": scene.subject(),
        "effectiveDateTime": scene.time(), "issued": scene.instant(), "performer": [scene.organization()],
        "result": [{"reference": "Observation/9", "display": "Glucose"}],
        "media": [{"comment": scene.says(), "link": {"reference": "Media/1", "display": scene.mention()}}],
        "conclusion": scene.says(), "conclusionCode": [scene.free_concept()],
        "presentedForm": [scene.attachment(), scene.attachment()]})
}

fn family_history(scene: &mut Scene<'_>) -> Value {
    let relative = scene.patient.relative.clone();
    json!({"resourceType": "FamilyMemberHistory", "id": scene.id(), "status": "completed",
        "patient": scene.subject(), "date": scene.time(), "name": format!("{} {}", relative.given, relative.family),
        "relationship": concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "FTH", "father"),
        "bornDate": scene.day(), "deceasedDate": scene.day(), "reasonCode": [scene.free_concept()],
        "note": scene.note(),
        "condition": [{"code": snomed("22298006", "Myocardial infarction"), "onsetString": scene.says(), "note": scene.note()}]})
}

fn imaging_study(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "ImagingStudy", "id": scene.id(), "status": "available",
        "identifier": [{"system": "urn:dicom:uid", "value": format!("urn:oid:1.2.840.99999999.{}", scene.random.digits(8))}],
        "subject": scene.subject(), "started": scene.time(), "numberOfSeries": 1, "description": scene.says(),
        "note": scene.note(), "reasonCode": [scene.free_concept()],
        "procedureCode": [snomed("399208008", "Plain chest X-ray")],
        "series": [{"uid": format!("1.2.840.99999999.1.{}", scene.random.digits(8)), "number": 1, "started": scene.time(),
            "description": scene.says(),
            "modality": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "DX", "display": "Digital Radiography"},
            "instance": [{"uid": "1.2.840.99999999.1.1", "number": 1, "title": scene.mention(),
                "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.840.10008.5.1.4.1.1.1.1"}}]}]})
}

fn specimen(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Specimen", "id": scene.id(), "status": "available",
        "accessionIdentifier": scene.record_number("ACC"), "identifier": [scene.record_number("SP")],
        "type": snomed("119364003", "Serum specimen"), "subject": scene.subject(), "receivedTime": scene.time(),
        "collection": {"collector": scene.practitioner(), "collectedDateTime": scene.time(), "quantity": scene.quantity("mL")},
        "container": [{"description": scene.says(), "identifier": [scene.record_number("TUBE")]}],
        "processing": [{"description": scene.says(), "timeDateTime": scene.time()}], "note": scene.note()})
}

fn flag(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Flag", "id": scene.id(), "status": "active", "code": scene.free_concept(),
        "subject": scene.subject(), "period": scene.period(), "author": scene.practitioner()})
}

fn clinical_impression(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "ClinicalImpression", "id": scene.id(), "status": "completed",
        "description": scene.says(), "summary": scene.says(), "subject": scene.subject(),
        "effectiveDateTime": scene.time(), "date": scene.time(), "assessor": scene.practitioner(),
        "finding": [{"itemCodeableConcept": snomed("44054006", "Diabetes mellitus type 2 (disorder)"), "basis": scene.says()}],
        "prognosisCodeableConcept": [scene.free_concept()], "note": scene.note()})
}

fn adverse_event(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "AdverseEvent", "id": scene.id(), "actuality": "actual",
        "identifier": scene.record_number("AE"), "event": scene.free_concept(), "subject": scene.subject(),
        "date": scene.time(), "detected": scene.time(), "recordedDate": scene.time(),
        "seriousness": concept("http://terminology.hl7.org/CodeSystem/adverse-event-seriousness", "serious", "Serious"),
        "recorder": scene.practitioner(), "contributor": [scene.subject()]})
}

fn risk_assessment(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "RiskAssessment", "id": scene.id(), "status": "final", "subject": scene.subject(),
        "occurrenceDateTime": scene.time(), "mitigation": scene.says(), "note": scene.note(),
        "prediction": [{"outcome": scene.free_concept(), "probabilityDecimal": 0.25, "rationale": scene.says(),
            "whenPeriod": scene.period()}]})
}

fn goal(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Goal", "id": scene.id(), "lifecycleStatus": "accepted",
        "achievementStatus": concept("http://terminology.hl7.org/CodeSystem/goal-achievement", "in-progress", "In Progress"),
        "description": scene.free_concept(), "subject": scene.subject(), "startDate": scene.day(),
        "statusDate": scene.day(), "statusReason": scene.says(), "expressedBy": scene.subject(),
        "target": [{"measure": loinc("4548-4", "Hemoglobin A1c"), "detailQuantity": scene.quantity("%"), "dueDate": scene.day()},
            {"detailString": scene.says()}],
        "note": scene.note()})
}
