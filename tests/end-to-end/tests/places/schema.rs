//! Enough of Kubernetes' structural schemas to tell whether the API server would take a manifest.
//!
//! Stricter than the server in one thing: it drops what it does not know, this refuses it. CEL rules
//! (`x-kubernetes-validations`) are not run.

use regex_automata::Input;
use regex_automata::dfa::{Automaton, dense};
use serde_json::Value;

/// Keywords that are read, or that say nothing about whether a value is valid.
const KNOWN: &[&str] = &[
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "type",
];

/// What is wrong with a value, each fault with its place.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, value, "", true, &mut faults);
    faults
}

/// `whole` is off within `anyOf` and its like, whose parts do not repeat the properties.
fn check(schema: &Value, value: &Value, place: &str, whole: bool, faults: &mut Vec<String>) {
    for keyword in schema.as_object().into_iter().flat_map(|it| it.keys()) {
        assert!(
            KNOWN.contains(&keyword.as_str()) || keyword.starts_with("x-kubernetes-"),
            "the schema says `{keyword}`, which is not read here"
        );
    }
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    let mut fault = |what: String| faults.push(format!("{place}: {what}"));
    if !has_type(schema, value) {
        fault(format!("is not of type {}", schema["type"]));
    }
    if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
        && !matches(pattern, text)
    {
        fault(format!("does not match {pattern}"));
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        fault(format!("is none of {values:?}"));
    }
    let size = match value {
        Value::String(text) => Some(("Length", text.chars().count())),
        Value::Array(items) => Some(("Items", items.len())),
        Value::Object(members) => Some(("Properties", members.len())),
        _ => None,
    };
    if let Some((kind, size)) = size {
        let bound = |name: &str| schema[format!("{name}{kind}")].as_u64();
        let size = u64::try_from(size).expect("small");
        if bound("min").is_some_and(|least| size < least)
            || bound("max").is_some_and(|most| size > most)
        {
            fault(format!("has {size}, which is out of bounds"));
        }
    }
    if let Some(number) = value.as_f64() {
        let bound = |name: &str| schema[name].as_f64();
        if bound("minimum").is_some_and(|least| number < least)
            || bound("maximum").is_some_and(|most| number > most)
        {
            fault(format!("is {number}, which is out of bounds"));
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().expect("a name");
        if value.is_object() && value.get(name).is_none() {
            fault(format!("has no `{name}`"));
        }
    }
    children(schema, value, place, whole, faults);
    combinations(schema, value, place, faults);
}

fn children(schema: &Value, value: &Value, place: &str, whole: bool, faults: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let place = format!("{place}/{name}");
                let known = schema["properties"].get(name);
                let others = Some(&schema["additionalProperties"]).filter(|it| it.is_object());
                match known.or(others) {
                    Some(schema) => check(schema, member, &place, whole, faults),
                    None if !whole
                        || schema["x-kubernetes-preserve-unknown-fields"] == true
                        || schema["additionalProperties"] == true => {}
                    None => faults.push(format!("{place}: is not known")),
                }
            }
        }
        Value::Array(items) if schema["items"].is_object() => {
            for (index, item) in items.iter().enumerate() {
                let place = format!("{place}/{index}");
                check(&schema["items"], item, &place, whole, faults);
            }
        }
        _ => {}
    }
}

fn combinations(schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let holding = |keyword: &str| {
        let parts = schema[keyword].as_array()?;
        let holds = |part: &&Value| {
            let mut faults = Vec::new();
            check(part, value, place, false, &mut faults);
            faults.is_empty()
        };
        Some((parts.iter().filter(holds).count(), parts.len()))
    };
    for (keyword, enough) in [
        (
            "allOf",
            (|count, all| count == all) as fn(usize, usize) -> bool,
        ),
        ("anyOf", |count, _| count > 0),
        ("oneOf", |count, _| count == 1),
    ] {
        if let Some((count, all)) = holding(keyword)
            && !enough(count, all)
        {
            faults.push(format!("{place}: {count} of {all} hold of {keyword}"));
        }
    }
    if schema["not"].is_object() {
        let mut inner = Vec::new();
        check(&schema["not"], value, place, false, &mut inner);
        if inner.is_empty() {
            faults.push(format!("{place}: is what it must not be"));
        }
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let automaton = dense::DFA::new(pattern).expect("a pattern");
    let found = automaton.try_search_fwd(&Input::new(text));
    found.expect("a search").is_some()
}

fn has_type(schema: &Value, value: &Value) -> bool {
    if schema["x-kubernetes-int-or-string"] == true {
        return value.is_string() || value.is_i64() || value.is_u64();
    }
    match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some(other) => panic!("the schema has a type `{other}`"),
    }
}

mod tests {
    use serde_json::json;

    use super::faults;

    #[test]
    fn what_a_schema_allows_and_forbids() {
        let schema = json!({
            "type": "object", "required": ["mode"],
            "properties": {
                "mode": {"type": "string", "enum": ["A", "B"]},
                "size": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                "list": {"type": "array", "maxItems": 1, "items": {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "hash": {"type": "string", "pattern": "(^$|^[a-f0-9]{4}$)"},
                "map": {"type": "object", "additionalProperties": {"type": "string"}},
            },
            "oneOf": [{"required": ["size"]}, {"not": {"required": ["size"]}}],
        });
        let good = json!({"mode": "A", "size": "1Ki", "list": [{"n": 9}], "free": {"x": 1}, "map": {"a": "b"}});
        assert_eq!(faults(&schema, &good), Vec::<String>::new());
        for (value, place) in [
            (json!({"mode": "C"}), "/mode: is none"),
            (json!({}), ": has no `mode`"),
            (json!({"mode": "A", "more": 1}), "/more: is not known"),
            (json!({"mode": "A", "size": true}), "/size: "),
            (json!({"mode": "A", "list": [{}, {}]}), "/list: has 2"),
            (
                json!({"mode": "A", "list": [{"n": 10}]}),
                "/list/0/n: is 10",
            ),
            (
                json!({"mode": "A", "list": [{"n": "1"}]}),
                "/list/0/n: is not of type",
            ),
            (
                json!({"mode": "A", "hash": "abcde"}),
                "/hash: does not match",
            ),
            (
                json!({"mode": "A", "map": {"a": 1}}),
                "/map/a: is not of type",
            ),
        ] {
            let found = faults(&schema, &value);
            assert!(
                found.iter().any(|fault| fault.starts_with(place)),
                "{value}: {found:?}"
            );
        }
    }
}
