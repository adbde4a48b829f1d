//! What is planned, by whom, with what.

use serde_json::{Value, json};

use super::Builder;
use crate::scene::{Scene, concept, snomed};

pub(super) const ALL: &[Builder] = &[
    care_plan,
    care_team,
    appointment,
    appointment_response,
    task,
    service_request,
    device,
    device_request,
    supply_delivery,
    nutrition_order,
    episode,
    research_subject,
];

fn care_plan(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "CarePlan", "id": scene.id(), "text": scene.narrative(), "status": "active", "intent": "order",
        "category": [snomed("734163000", "Care Plan")], "title": format!("Plan for {}", scene.mention()),
        "description": scene.says(), "subject": scene.subject(), "period": scene.period(), "created": scene.time(),
        "author": scene.practitioner(), "contributor": [scene.subject()], "note": scene.note(), "addresses": [{"reference": "Condition/1"}, {"reference": "urn:uuid:e2d8ebfe-4d1e-4b52-9ce1-c93b5574cd09", "display": scene.mention()}],
        "activity": [{"outcomeCodeableConcept": [scene.free_concept()], "progress": scene.note(),
            "detail": {"code": snomed("710081004", "Smoking cessation therapy"), "status": "in-progress",
                "description": scene.says(), "scheduledString": scene.says(), "performer": [scene.subject()],
                "goal": [{"display": scene.mention()}]}}]})
}

fn care_team(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "CareTeam", "id": scene.id(), "status": "active", "name": format!("Team of {}", scene.mention()),
        "subject": scene.subject(), "period": scene.period(),
        "participant": [{"role": [snomed("116154003", "Patient")], "member": scene.subject()},
            {"member": scene.practitioner(), "onBehalfOf": scene.organization(), "period": scene.period()}],
        "managingOrganization": [scene.organization()],
        "telecom": [{"system": "phone", "value": scene.patient.phones[0]}], "note": scene.note()})
}

fn appointment(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Appointment", "id": scene.id(), "status": "booked", "identifier": [scene.record_number("APT")],
        "description": scene.says(), "start": scene.instant(), "end": scene.instant(), "minutesDuration": 15,
        "created": scene.time(), "comment": scene.says(), "patientInstruction": scene.says(),
        "reasonCode": [scene.free_concept()], "requestedPeriod": [scene.period()],
        "participant": [{"actor": scene.subject(), "required": "required", "status": "accepted"},
            {"actor": scene.practitioner(), "status": "accepted"}]})
}

fn appointment_response(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "AppointmentResponse", "id": scene.id(), "appointment": {"reference": "Appointment/1", "display": scene.mention()},
        "start": scene.instant(), "actor": scene.subject(), "participantStatus": "accepted", "comment": scene.says()})
}

fn task(scene: &mut Scene<'_>) -> Value {
    let p = &scene.patient;
    let (family, birth) = (p.name.family.clone(), p.birth_date());
    json!({"resourceType": "Task", "id": scene.id(), "status": "requested", "intent": "order", "priority": "urgent",
        "description": scene.says(), "for": scene.subject(), "authoredOn": scene.time(), "lastModified": scene.time(),
        "executionPeriod": scene.period(), "requester": scene.practitioner(), "owner": scene.organization(),
        "businessStatus": scene.free_concept(), "statusReason": scene.free_concept(), "note": scene.note(),
        "input": [{"type": {"text": "family"}, "valueString": family}, {"type": {"text": "birth date"}, "valueDate": birth}],
        "output": [{"type": {"text": "result"}, "valueReference": scene.subject()},
            {"type": {"text": "file"}, "valueAttachment": scene.attachment()}]})
}

fn service_request(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "ServiceRequest", "id": scene.id(), "status": "active", "intent": "order",
        "identifier": [{"type": concept("http://terminology.hl7.org/CodeSystem/v2-0203", "PLAC", "Placer Identifier"), "value": format!("PL{}", scene.random.digits(8))}],
        "requisition": scene.record_number("REQ"), "code": snomed("103696004", "Patient referral to specialist"),
        "orderDetail": [scene.free_concept()], "subject": scene.subject(), "occurrencePeriod": scene.period(),
        "authoredOn": scene.time(), "requester": scene.practitioner(), "reasonCode": [scene.free_concept()],
        "asNeededCodeableConcept": scene.free_concept(), "note": scene.note(), "patientInstruction": scene.says()})
}

fn device(scene: &mut Scene<'_>) -> Value {
    let serial = scene.patient.device_serial.clone();
    json!({"resourceType": "Device", "id": scene.id(), "status": "active", "identifier": [{"value": serial}],
        "udiCarrier": [{"deviceIdentifier": format!("0884{}", scene.random.digits(10)), "issuer": "http://hl7.org/fhir/NamingSystem/gs1",
            "carrierHRF": format!("(01)09504000059118(17)141120(10)7654321D(21){serial}"), "entryType": "barcode"}],
        "distinctIdentifier": format!("DI{}", scene.random.digits(8)), "manufacturer": "Acme Devices", "manufactureDate": scene.time(), "expirationDate": scene.time(),
        "lotNumber": "7654321D", "serialNumber": serial, "deviceName": [{"name": format!("Pump of {}", scene.mention()), "type": "patient-reported-name"}],
        "type": snomed("72506001", "Implantable defibrillator"), "patient": scene.subject(), "owner": scene.organization(),
        "contact": [{"system": "phone", "value": scene.patient.phones[0]}], "url": format!("http://10.0.0.7/{serial}"),
        "location": {"display": scene.mention()}, "note": scene.note()})
}

fn device_request(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "DeviceRequest", "id": scene.id(), "status": "active", "intent": "order",
        "codeCodeableConcept": snomed("58938008", "Wheelchair"), "subject": scene.subject(),
        "occurrenceDateTime": scene.time(), "authoredOn": scene.time(), "reasonCode": [scene.free_concept()], "note": scene.note()})
}

fn supply_delivery(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "SupplyDelivery", "id": scene.id(), "status": "completed", "patient": scene.subject(),
        "occurrenceDateTime": scene.time(), "suppliedItem": {"quantity": scene.quantity("1")},
        "destination": {"display": format!("{} {}", scene.patient.address.lines[0], scene.patient.address.city)}, "receiver": [scene.subject()]})
}

fn nutrition_order(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "NutritionOrder", "id": scene.id(), "status": "active", "intent": "order", "patient": scene.subject(),
        "dateTime": scene.time(), "oralDiet": {"type": [snomed("435801000124108", "Texture modified diet")], "instruction": scene.says()},
        "supplement": [{"productName": "Shake", "instruction": scene.says()}], "note": scene.note()})
}

fn episode(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "EpisodeOfCare", "id": scene.id(), "status": "active", "patient": scene.subject(),
        "statusHistory": [{"status": "planned", "period": scene.period()}], "period": scene.period(),
        "identifier": [scene.record_number("EP")], "managingOrganization": scene.organization(), "careManager": scene.practitioner()})
}

fn research_subject(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "ResearchSubject", "id": scene.id(), "status": "on-study", "individual": scene.subject(),
        "identifier": [scene.record_number("RS")], "period": scene.period(), "assignedArm": "B"})
}
