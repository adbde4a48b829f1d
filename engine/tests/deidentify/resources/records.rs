//! Who did what with the record, and who may.

use serde_json::{Value, json};

use super::Builder;
use crate::encode::{base64, percent};
use crate::scene::{Scene, concept};

pub(super) const ALL: &[Builder] = &[provenance, audit_event, consent, contract, detected_issue];

fn provenance(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Provenance", "id": scene.id(), "target": [scene.subject(), {"reference": "Observation/1"}],
        "recorded": scene.instant(), "occurredPeriod": scene.period(), "reason": [scene.free_concept()],
        "agent": [{"who": scene.practitioner(), "onBehalfOf": scene.subject()}],
        "entity": [{"role": "source", "what": {"display": scene.mention(), "identifier": scene.identifier()}}],
        "signature": [{"when": scene.instant(), "who": scene.practitioner(), "sigFormat": "application/jose",
            "data": base64(scene.patient.name.family.as_bytes()),
            "type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}]}]})
}

fn audit_event(scene: &mut Scene<'_>) -> Value {
    let query = format!(
        "name={}&birthdate={}",
        percent(&scene.patient.name.family),
        scene.patient.birth_date()
    );
    json!({"resourceType": "AuditEvent", "id": scene.id(), "action": "R", "recorded": scene.instant(), "period": scene.period(),
        "outcome": "0", "outcomeDesc": scene.says(), "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "agent": [{"who": scene.subject(), "altId": scene.patient.email, "name": scene.mention(), "requestor": true,
            "network": {"address": "203.0.113.77", "type": "2"}}],
        "source": {"site": "Cloud", "observer": {"display": "Gateway"}},
        "entity": [{"what": scene.subject(), "name": scene.mention(), "description": scene.says(),
            "query": base64(query.as_bytes()), "detail": [{"type": "patient", "valueString": scene.mention()},
                {"type": "url", "valueBase64Binary": base64(query.as_bytes())}]}]})
}

fn consent(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Consent", "id": scene.id(), "status": "active", "patient": scene.subject(), "dateTime": scene.time(),
        "identifier": [scene.record_number("CON")],
        "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy", "Privacy Consent"),
        "performer": [scene.subject()], "organization": [scene.organization()], "sourceAttachment": scene.attachment(),
        "verification": [{"verified": true, "verifiedWith": scene.subject(), "verificationDate": scene.time()}],
        "provision": {"type": "permit", "period": scene.period(), "dataPeriod": scene.period(),
            "actor": [{"role": concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP", "information recipient"), "reference": scene.subject()}]}})
}

fn contract(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "Contract", "id": scene.id(), "status": "executed", "issued": scene.time(), "applies": scene.period(),
        "subject": [scene.subject()], "title": format!("Agreement with {}", scene.mention()), "name": "c", "alias": [scene.mention()],
        "friendly": [{"contentAttachment": scene.attachment()}],
        "signer": [{"type": {"system": "http://terminology.hl7.org/CodeSystem/contractsignertypecodes", "code": "COVPTY"}, "party": scene.subject(),
            "signature": [{"when": scene.instant(), "who": scene.subject(), "type": [{"code": "x"}], "data": base64(scene.patient.email.as_bytes())}]}]})
}

fn detected_issue(scene: &mut Scene<'_>) -> Value {
    json!({"resourceType": "DetectedIssue", "id": scene.id(), "status": "final", "severity": "high", "patient": scene.subject(),
        "identifiedDateTime": scene.time(), "author": scene.practitioner(), "detail": scene.says(), "reference": "http://example.org/rule/7",
        "mitigation": [{"action": scene.free_concept(), "date": scene.time(), "author": scene.practitioner()}]})
}
