//! Which reference of a document leads to which resource in it.

use std::collections::HashMap;

use crate::place::each_object;
use crate::tree::Tree;

/// Of every reference, in order, the number of the resource that it leads to, if that is there.
pub(super) fn of(document: &Tree<'_>) -> Vec<Option<usize>> {
    let mut places = HashMap::new();
    let mut number = 0;
    each_object(document, &mut |object| {
        if let (Some(url), Some(resource)) =
            (object.member_text("fullUrl"), object.member("resource"))
        {
            // A resource is numbered when it is met, right behind the entry around it.
            places.insert(key(url), number);
            name(resource, number, &mut places);
        }
        if object.member("resourceType").is_some() {
            name(object, number, &mut places);
            number += 1;
        }
    });
    let mut found = Vec::new();
    each_object(document, &mut |object| {
        if let Some(reference) = object.member_text("reference") {
            found.push(places.get(&key(reference)).copied());
        }
    });
    found
}

fn name(resource: &Tree<'_>, number: usize, places: &mut HashMap<String, usize>) {
    let kind = resource.member_text("resourceType");
    if let (Some(kind), Some(id)) = (kind, resource.member_text("id")) {
        places.entry(key(&format!("{kind}/{id}"))).or_insert(number);
        places.entry(key(&format!("#{id}"))).or_insert(number);
    }
}

/// Without the version and the server, and UUIDs without their case.
fn key(reference: &str) -> String {
    let reference = reference.split("/_history/").next().unwrap();
    let parts: Vec<&str> = reference.rsplit('/').take(2).collect();
    let short = match parts[..] {
        [id, kind] => format!("{kind}/{id}"),
        _ => reference.to_owned(),
    };
    let start = short.len().saturating_sub(36);
    match short.get(start..) {
        Some(end) if super::is_uuid(end) => short.to_lowercase(),
        _ => short,
    }
}
