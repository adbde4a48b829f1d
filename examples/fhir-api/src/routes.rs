//! The interactions: read, search, create, update, delete, and a bulk file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use crate::bulk::Export;
use crate::patient::{observation, patient};

const FHIR: &str = "application/fhir+json; charset=utf-8";

/// All routes, with `patients` patients.
pub(crate) fn application(patients: u64) -> Router {
    let store = (1..=patients).map(|id| (id, (1, patient(id)))).collect();
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/metadata", get(metadata))
        .route("/Patient", get(search).post(create))
        .route("/Patient/{id}", get(read).put(update).delete(remove))
        .route("/Observation/{id}", get(read_observation))
        .route("/bulk/Patient.ndjson", get(bulk))
        .fallback(async || outcome(StatusCode::NOT_FOUND, "not-found"))
        .layer(DefaultBodyLimit::max(16 * 1024 * 1024))
        .with_state(Store(Arc::new(Mutex::new(store))))
}

/// Version and resource by id.
type Patients = BTreeMap<u64, (u64, Value)>;

#[derive(Clone)]
struct Store(Arc<Mutex<Patients>>);

impl Store {
    fn with<T>(&self, act: impl FnOnce(&mut Patients) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn metadata() -> Response {
    let interaction = |code: &str| json!({"code": code});
    let statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-15",
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": [
            {"type": "Patient", "interaction": [
                interaction("read"), interaction("search-type"), interaction("create"),
                interaction("update"), interaction("delete"),
            ]},
            {"type": "Observation", "interaction": [interaction("read")]},
        ]}],
    });
    document(StatusCode::OK, &statement).into_response()
}

async fn read(State(store): State<Store>, Path(id): Path<String>) -> Response {
    let found = number(&id).and_then(|id| store.with(|patients| patients.get(&id).cloned()));
    let Some((version, patient)) = found else {
        return outcome(StatusCode::NOT_FOUND, "not-found");
    };
    versioned(StatusCode::OK, version, &patient)
}

/// Searches by `family`, `gender`, `birthdate` and `_id`; `_count` and `_offset` page.
async fn search(
    State(store): State<Store>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let size = |name: &str, otherwise: usize| {
        query
            .get(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(otherwise)
    };
    let (count, offset) = (size("_count", 20).min(1000), size("_offset", 0));
    let (total, page) = store.with(|patients| {
        let found: Vec<_> = patients
            .values()
            .filter(|(_, found)| matches(found, &query))
            .collect();
        let page = found
            .iter()
            .skip(offset)
            .take(count)
            .map(|(_, found)| found.clone());
        (found.len(), page.collect::<Vec<Value>>())
    });
    let mut link = vec![json!({"relation": "self", "url": "http://fhir.example.org/Patient"})];
    if offset + page.len() < total {
        let url = format!(
            "http://fhir.example.org/Patient?_count={count}&_offset={}",
            offset + page.len()
        );
        link.push(json!({"relation": "next", "url": url}));
    }
    let entries: Vec<Value> = page
        .into_iter()
        .map(|patient| {
            let id = patient["id"].as_str().unwrap_or_default();
            json!({
                "fullUrl": format!("http://fhir.example.org/Patient/{id}"),
                "resource": patient,
                "search": {"mode": "match"},
            })
        })
        .collect();
    let bundle = json!({
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": link,
        "entry": entries,
    });
    document(StatusCode::OK, &bundle).into_response()
}

fn matches(patient: &Value, query: &BTreeMap<String, String>) -> bool {
    let is = |name: &str, value: &Value| {
        query
            .get(name)
            .is_none_or(|wanted| value.as_str() == Some(wanted))
    };
    let family = patient["name"][0]["family"]
        .as_str()
        .unwrap_or_default()
        .to_lowercase();
    is("_id", &patient["id"])
        && is("gender", &patient["gender"])
        && is("birthdate", &patient["birthDate"])
        && query
            .get("family")
            .is_none_or(|wanted| family.starts_with(&wanted.to_lowercase()))
}

async fn create(State(store): State<Store>, body: Bytes) -> Response {
    let Some(mut patient) = parse(&body) else {
        return outcome(StatusCode::BAD_REQUEST, "invalid");
    };
    let id = store.with(|patients| {
        let id = patients.keys().next_back().map_or(1, |last| last + 1);
        patient["id"] = json!(id.to_string());
        patients.insert(id, (1, patient.clone()));
        id
    });
    let location = [("location", format!("/Patient/{id}/_history/1"))];
    (location, versioned(StatusCode::CREATED, 1, &patient)).into_response()
}

async fn update(State(store): State<Store>, Path(id): Path<String>, body: Bytes) -> Response {
    let (Some(number), Some(patient)) = (number(&id), parse(&body)) else {
        return outcome(StatusCode::BAD_REQUEST, "invalid");
    };
    if patient["id"] != id.as_str() {
        return outcome(StatusCode::BAD_REQUEST, "invariant");
    }
    let version = store.with(|patients| {
        let version = patients.get(&number).map_or(1, |(version, _)| version + 1);
        patients.insert(number, (version, patient.clone()));
        version
    });
    let status = if version == 1 {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    versioned(status, version, &patient)
}

async fn remove(State(store): State<Store>, Path(id): Path<String>) -> Response {
    // FHIR: deleting what is not there succeeds.
    if let Some(id) = number(&id) {
        store.with(|patients| patients.remove(&id));
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn read_observation(Path(id): Path<String>) -> Response {
    match number(&id) {
        Some(id) => versioned(StatusCode::OK, 1, &observation(id)),
        None => outcome(StatusCode::NOT_FOUND, "not-found"),
    }
}

/// `?megabytes=` is the least size, in units of 10^6 bytes; without it one megabyte.
async fn bulk(Query(query): Query<BTreeMap<String, String>>) -> Response {
    let megabytes = match query.get("megabytes").map(|value| value.parse::<u64>()) {
        None => 1,
        Some(Ok(megabytes)) if megabytes <= 1_000_000 => megabytes,
        Some(_) => return outcome(StatusCode::BAD_REQUEST, "value"),
    };
    let body = Body::new(Export::new(megabytes * 1_000_000));
    ([("content-type", "application/fhir+ndjson")], body).into_response()
}

fn number(id: &str) -> Option<u64> {
    id.parse()
        .ok()
        .filter(|number: &u64| number.to_string() == id)
}

fn parse(body: &[u8]) -> Option<Value> {
    let patient: Value = serde_json::from_slice(body).ok()?;
    (patient["resourceType"] == "Patient").then_some(patient)
}

fn document(status: StatusCode, document: &Value) -> impl IntoResponse + use<> {
    (status, [("content-type", FHIR)], document.to_string())
}

fn versioned(status: StatusCode, version: u64, resource: &Value) -> Response {
    let etag = [("etag", format!("W/\"{version}\""))];
    (etag, document(status, resource)).into_response()
}

fn outcome(status: StatusCode, code: &str) -> Response {
    let outcome = json!({
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code}],
    });
    document(status, &outcome).into_response()
}
