//! The API's document (OpenAPI 3.1), made of the table of routes, what each operation says of itself,
//! and the types that are read and written.

mod described;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::MethodFilter;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;
use velum_approval::schema;

pub(crate) use described::Described;

use super::{ROUTES, Route};
use crate::auth::Access;
use crate::problem::ProblemDocument;

const DESCRIPTION: &str = "Approvals: what the filter asks, what reviewers decide, what auditors read. Every \
     refusal is a problem (RFC 9457) whose `type` tells its kind, with `retryable` and a sentence that \
     says what to do. A GET never decides anything. Requests refuse fields that they do not know; \
     answers may have new ones.";

/// `GET /v1/openapi.json`.
pub(crate) async fn handle() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text())
}

/// What this operation says of itself.
pub(crate) fn describe() -> Described {
    Described::new("showDocument", "This document", "In OpenAPI 3.1.").answers(
        200,
        "The document.",
        &json!({"type": "object"}),
    )
}

/// The document, which does not change while the service runs.
pub(crate) fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));
    &TEXT
}

fn document() -> Value {
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for (name, schema) in schema::words() {
        schemas.insert(name.into_owned(), json!(schema));
    }
    schemas.insert("Problem".to_owned(), json!(ProblemDocument::schema()));
    let mut paths = Map::new();
    for route in ROUTES {
        let mut operation = (route.describe)();
        schemas.append(&mut operation.schemas);
        let item = paths.entry(path(route)).or_insert_with(|| json!({}));
        item[method(route)] = complete(route, operation);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Velum policy service",
            "version": "1",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [
            {"name": "gateway", "description": "What the filter calls, with a gateway's token."},
            {"name": "reviewer", "description": "What people and their tools call, with a reviewer's token."},
            {"name": "audit", "description": "What reads the audit log, with a reviewer's or an auditor's token."},
            {"name": "public", "description": "What anyone may call who reaches the listener."},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "gateway": bearer("The token of a gateway."),
                "reviewer": bearer("The token of a reviewer."),
                "auditor": bearer("The token of an auditor: it reads the audit log and does nothing else."),
            },
        },
    });
    let used = used(&document, schemas);
    document["components"]["schemas"] = json!(used);
    tidy(&mut document);
    document
}

fn bearer(description: &str) -> Value {
    json!({"type": "http", "scheme": "bearer", "description": description})
}

/// A route's path in the document, which knows of no part that goes on over slashes.
pub(crate) fn path(route: &Route) -> String {
    route.path.replace("{*", "{")
}

/// The name of a route's method in the document.
pub(crate) fn method(route: &Route) -> &'static str {
    if route.method == MethodFilter::GET {
        "get"
    } else {
        "post"
    }
}

/// Adds what every operation of its kind has.
fn complete(route: &Route, mut operation: Described) -> Value {
    let tag = match route.access {
        Access::Public => "public",
        Access::Gateway => "gateway",
        Access::Reviewer | Access::Session => "reviewer",
        Access::Audit(_) => "audit",
    };
    if route.path.contains("{id}") {
        operation = operation.path_id();
    }
    if operation.has_body() {
        operation = operation
            .refuses(400, &["malformed-body", "body-unreadable"])
            .refuses(408, &["body-too-slow"])
            .refuses(413, &["body-too-large"])
            .refuses(415, &["not-json"]);
    }
    if route.access != Access::Public {
        operation = operation
            .refuses(401, &["unauthenticated"])
            .refuses(403, &["wrong-caller"])
            .refuses(503, &["unavailable"]);
    }
    let mut value = operation.into_value();
    value["tags"] = json!([tag]);
    value["security"] = match route.access {
        Access::Public => json!([]),
        Access::Audit(_) => json!([{"reviewer": []}, {"auditor": []}]),
        _ => json!([{tag: []}]),
    };
    value
}

/// The schemas that the document names, and those that these name.
fn used(document: &Value, mut schemas: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut used = BTreeMap::new();
    let mut open = named(document);
    while let Some(name) = open.pop() {
        if let Some(schema) = schemas.remove(&name) {
            open.append(&mut named(&schema));
            used.insert(name, schema);
        }
    }
    used
}

fn named(value: &Value) -> Vec<String> {
    let mut names = Vec::new();
    visit(value, &mut |key, value| {
        let name = value.as_str().filter(|_| key == "$ref");
        let name = name.and_then(|text| text.strip_prefix("#/components/schemas/"));
        names.extend(name.map(str::to_owned));
    });
    names
}

fn visit(value: &Value, each: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                each(key, value);
                visit(value, each);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, each)),
        _ => {}
    }
}

/// Descriptions are the types' own, which name other items as rustdoc does.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if key == "description" => *text = plain(text),
                    value => tidy(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The text as people read it who do not know the code: no examples in Rust, no links of rustdoc, a line
/// for each paragraph.
fn plain(text: &str) -> String {
    let text = text.split("\n```").next().unwrap_or_default().trim();
    let paragraphs = text.split("\n\n").map(|one| one.replace('\n', " "));
    without_links(&paragraphs.collect::<Vec<_>>().join("\n\n"))
}

/// `` [`Name`](path) `` and `` [`Name`] `` become `` `Name` ``.
fn without_links(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, behind)) = after.split_once("`]") else {
            break;
        };
        plain.extend([before, "`", name, "`"]);
        rest = match behind.strip_prefix('(').and_then(|it| it.split_once(')')) {
            Some((_, behind)) => behind,
            None => behind,
        };
    }
    plain + rest
}

#[cfg(test)]
mod tests;
