//! Who pays.

use serde_json::{Value, json};

use super::Builder;
use crate::scene::{Scene, concept, snomed};

pub(super) const ALL: &[Builder] = &[
    coverage,
    claim,
    explanation_of_benefit,
    claim_response,
    eligibility,
    account,
    invoice,
];

fn coverage(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Coverage", "id": scene.id(), "status": "active",
        "identifier": [{"type": concept("http://terminology.hl7.org/CodeSystem/v2-0203", "MB", "Member Number"),
            "system": "https://plan.example.com", "value": scene.patient.member}],
        "type": concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", "HMO", "health maintenance organization policy"),
        "policyHolder": scene.subject(), "subscriber": scene.subject(), "subscriberId": scene.patient.member,
        "beneficiary": scene.subject(), "dependent": format!("{}", scene.random.within(100_000, 999_999)),
        "relationship": concept("http://terminology.hl7.org/CodeSystem/subscriber-relationship", "self", "Self"),
        "period": scene.period(), "payor": [scene.organization(), scene.subject()],
        "class": [{"type": concept("http://terminology.hl7.org/CodeSystem/coverage-class", "group", "Group"),
            "value": scene.patient.member, "name": format!("Family plan of {}", scene.mention())}],
        "order": 1, "network": "5"})
}

fn claim(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Claim", "id": scene.id(), "status": "active", "use": "claim",
        "identifier": [scene.record_number("CL")],
        "type": concept("http://terminology.hl7.org/CodeSystem/claim-type", "professional", "Professional"),
        "patient": scene.subject(), "billablePeriod": scene.period(), "created": scene.time(),
        "enterer": scene.practitioner(), "provider": scene.organization(),
        "priority": concept("http://terminology.hl7.org/CodeSystem/processpriority", "normal", "Normal"),
        "payee": {"type": concept("http://terminology.hl7.org/CodeSystem/payeetype", "subscriber", "Subscriber"), "party": scene.subject()},
        "supportingInfo": [{"sequence": 1, "category": concept("http://terminology.hl7.org/CodeSystem/claiminformationcategory", "info", "Information"),
            "timingDate": scene.day(), "valueString": scene.says()},
            {"sequence": 2, "valueAttachment": scene.attachment(), "reason": {"code": "x", "system": "urn:y"}}],
        "insurance": [{"sequence": 1, "focal": true, "coverage": {"display": scene.mention()}, "preAuthRef": [format!("PRE{}", scene.random.digits(8))]}],
        "accident": {"date": scene.day(), "locationAddress": {"line": [scene.patient.address.lines[0]], "city": scene.patient.address.city}},
        "item": [{"sequence": 1, "productOrService": snomed("185349003", "Encounter for check up (procedure)"),
            "servicedDate": scene.day(), "locationAddress": {"line": [scene.patient.address.lines[0]], "postalCode": scene.patient.address.postal_code},
            "quantity": {"value": 1}, "unitPrice": {"value": 129.16, "currency": "USD"}, "encounter": [scene.encounter()]}],
        "total": {"value": 255, "currency": "USD"}})
}

fn explanation_of_benefit(scene: &mut Scene<'_>) -> Value {
    let coverage = json!({"resourceType": "Coverage", "id": "cov", "status": "active", "type": {"text": "private"},
        "beneficiary": scene.subject(), "subscriberId": scene.patient.member, "payor": [{"display": "private"}]});
    json!({"resourceType": "ExplanationOfBenefit", "id": scene.id(), "status": "active", "use": "claim",
        "contained": [coverage], "identifier": [scene.record_number("EOB")],
        "type": concept("http://terminology.hl7.org/CodeSystem/claim-type", "institutional", "Institutional"),
        "patient": scene.subject(), "billablePeriod": scene.period(), "created": scene.time(),
        "insurer": scene.organization(), "provider": scene.practitioner(), "outcome": "complete", "disposition": scene.says(),
        "careTeam": [{"sequence": 1, "provider": scene.practitioner()}],
        "insurance": [{"focal": true, "coverage": {"reference": "#cov", "display": scene.mention()}}],
        "item": [{"sequence": 1, "productOrService": snomed("185349003", "Encounter for check up (procedure)"),
            "servicedPeriod": scene.period(), "adjudication": [{"category": concept("urn:adj", "submitted", "Submitted Amount"), "amount": {"value": 12.5, "currency": "USD"}}]}],
        "processNote": [{"number": 1, "type": "display", "text": scene.says()}],
        "payment": {"date": scene.day(), "amount": {"value": 12.5, "currency": "USD"}, "identifier": scene.record_number("PAY")}})
}

fn claim_response(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "ClaimResponse", "id": scene.id(), "status": "active", "use": "claim", "outcome": "complete",
        "patient": scene.subject(), "created": scene.time(), "insurer": scene.organization(),
        "disposition": scene.says(), "preAuthRef": format!("PA{}", scene.random.digits(8)), "preAuthPeriod": scene.period(),
        "processNote": [{"text": scene.says()}], "error": [{"code": concept("urn:err", "a001", "Missing")}]})
}

fn eligibility(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "CoverageEligibilityResponse", "id": scene.id(), "status": "active", "purpose": ["benefits"],
        "patient": scene.subject(), "servicedDate": scene.day(), "created": scene.time(), "outcome": "complete",
        "disposition": scene.says(), "insurer": scene.organization(),
        "insurance": [{"coverage": {"display": scene.mention()}, "inforce": true, "benefitPeriod": scene.period(),
            "item": [{"name": "Dental", "description": scene.says()}]}]})
}

fn account(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Account", "id": scene.id(), "status": "active", "identifier": [scene.record_number("ACCT")],
        "name": format!("Account of {}", scene.mention()), "subject": [scene.subject()], "servicePeriod": scene.period(),
        "description": scene.says(), "owner": scene.organization(),
        "guarantor": [{"party": scene.subject(), "onHold": false, "period": scene.period()}]})
}

fn invoice(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Invoice", "id": scene.id(), "status": "issued", "identifier": [scene.record_number("INV")],
        "subject": scene.subject(), "recipient": scene.subject(), "date": scene.time(),
        "paymentTerms": scene.says(), "note": scene.note(), "cancelledReason": scene.says(),
        "totalNet": {"value": 40, "currency": "USD"}})
}
