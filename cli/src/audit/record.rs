//! What commands read of a record: it may be any bytes.

use serde_json::Value;

/// The bytes as JSON; `null` where they are none.
pub(super) fn parse(leaf: &[u8]) -> Value {
    serde_json::from_slice(leaf).unwrap_or_default()
}

/// The event's type without what is the same of all: `grant.used`.
pub(super) fn short_type(name: &str) -> &str {
    let name = name.strip_prefix("org.velum.").unwrap_or(name);
    name.strip_suffix(".v1").unwrap_or(name)
}

/// The approval that a record is about.
pub(super) fn approval(leaf: &Value) -> Option<&str> {
    leaf["subject"].as_str()?.strip_prefix("approval/")
}

/// Who did it: an id, or the kind of those that have none.
pub(super) fn actor(leaf: &Value) -> &str {
    let actor = &leaf["data"]["actor"];
    let id = actor["id"].as_str().or_else(|| actor["kind"].as_str());
    id.unwrap_or_default()
}

/// Whether the record names the person: as who acted, asked, owns who asked, approved, opened an emergency
/// access, is stopped, or is behind what was asked.
pub(super) fn names(leaf: &Value, person: &str) -> bool {
    let data = &leaf["data"];
    let is_party = |party: &Value| {
        let is_person = party["kind"] == "person" && party["id"] == person;
        is_person || party["owner"] == person
    };
    let lists = |list: &Value| {
        list.as_array()
            .is_some_and(|all| all.iter().any(|one| one == person))
    };
    let principal = &data["stop"]["principal"];
    is_party(&data["actor"])
        || is_party(&data["requester"])
        || is_party(principal)
        || lists(&data["approved_by"])
        || lists(&data["excluded"])
        || data["emergency"]["opened_by"] == person
}

/// When it was written.
pub(super) fn time(leaf: &Value) -> Option<jiff::Timestamp> {
    leaf["time"].as_str()?.parse().ok()
}
