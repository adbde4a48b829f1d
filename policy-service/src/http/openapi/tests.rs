use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::testing::{Service, reply};

#[test]
fn the_document_and_the_table_of_routes_have_the_same_operations() {
    let document = document();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["responses"].is_object(), "{method} {path}");
            described.insert((method.clone(), path.clone()));
        }
    }
    let routed = ROUTES.iter();
    let routed: BTreeSet<_> = routed
        .map(|route| (method(route).to_owned(), path(route)))
        .collect();
    assert_eq!(routed.len(), ROUTES.len(), "an operation stands twice");
    assert_eq!(described, routed);
}

#[test]
fn every_operation_says_who_may_call_it_and_is_called_by_a_name_of_its_own() {
    let document = document();
    let mut ids = BTreeSet::new();
    for route in ROUTES {
        let operation = &document["paths"][path(route)][method(route)];
        let security = match route.access {
            Access::Public => json!([]),
            Access::Gateway => json!([{"gateway": []}]),
            Access::Reviewer => json!([{"reviewer": []}]),
            Access::Audit(_) => json!([{"reviewer": []}, {"auditor": []}]),
            Access::Session => panic!("pages are no operations"),
        };
        assert_eq!(operation["security"], security, "{}", route.path);
        assert!(ids.insert(operation["operationId"].as_str().unwrap()));
    }
}

#[test]
fn every_reference_leads_somewhere_and_bodies_refuse_what_they_do_not_know() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    for name in named(&document) {
        assert!(schemas[&name].is_object(), "{name} is nowhere");
    }
    for route in ROUTES {
        let operation = &document["paths"][path(route)][method(route)];
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        for name in named(body) {
            let closed = &schemas[&name]["additionalProperties"];
            assert_eq!(closed, false, "{name} of {}", route.path);
        }
    }
}

#[test]
fn the_written_document_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("VELUM_WRITE_DOCS").is_some() {
        std::fs::write(&path, text()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text(),
        "docs/openapi.json is not up to date: VELUM_WRITE_DOCS=1 cargo test -p velum-policy-service"
    );
}

#[tokio::test]
async fn anyone_may_read_the_document() {
    let service = Service::start().await;
    let (status, served) = reply(service.request("GET", "/v1/openapi.json")).await;
    assert_eq!((status.as_u16(), served), (200, document()));
}

#[test]
fn descriptions_are_for_people_who_do_not_know_the_code() {
    assert_eq!(
        plain("One\nline.\n\nNext.\n\n```\ncode\n```"),
        "One line.\n\nNext."
    );
    assert_eq!(
        plain("The answer to a [`Check`](crate::Check), or [`Answer`]; an [array]."),
        "The answer to a `Check`, or `Answer`; an [array]."
    );
}
