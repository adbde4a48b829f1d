//! What a body costs in the built wasm, in instructions that it executes: the guard of its speed, the
//! same on every machine however busy it is.
//!
//! Every instruction counts as one, whatever a processor takes for it, and what the host does is not
//! counted: good for being compared only.

use serde_json::{Value, json};

use velum_end_to_end::stage::figure;
use velum_wasm_host::{Filter, profiles};

/// About so many bytes of records as an API answers with; one value in each is masked.
fn body(size: usize) -> String {
    let mut body = String::from("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[");
    let mut number = 0;
    while body.len() < size {
        body += if number > 0 { "," } else { "" };
        body += &format!(
            concat!(
                r#"{{"resource":{{"resourceType":"Observation","id":"o{0}","status":"final","#,
                r#""code":{{"coding":[{{"system":"http://loinc.org","code":"8302-2","#,
                r#""display":"Body height"}}]}},"subject":{{"reference":"Patient/p1"}},"#,
                r#""effectiveDateTime":"2024-05-02T09:30:00Z","#,
                r#""valueQuantity":{{"value":167.2,"unit":"cm"}},"customerNumber":"{0}"}}}}"#,
            ),
            number
        );
        number += 1;
    }
    body + "]}"
}

/// Two hundred rules, half of them by path; one selects something.
fn rules() -> Value {
    let rule = |number: usize| {
        if number == 0 {
            json!({"key": "customerNumber", "class": "other"})
        } else if number.is_multiple_of(2) {
            json!({"key": format!("customField{number}"), "class": "other"})
        } else {
            json!({"path": format!("$..section{number}.value"), "class": "other"})
        }
    };
    let rules: Vec<Value> = (0..200).map(rule).collect();
    json!({"version": 1, "masking": {"rules": rules}})
}

/// What one more body costs for each of its bytes.
fn spent(filter: &mut Filter, size: usize) -> u64 {
    let body = body(size);
    let chunks: Vec<&[u8]> = body.as_bytes().chunks(16 * 1024).collect();
    filter.mask("application/json", &chunks);
    let before = filter.spent();
    filter.mask("application/json", &chunks);
    (filter.spent() - before) / u64::try_from(body.len()).expect("small")
}

#[test]
fn a_body_costs_no_more_than_before() {
    let mut told = Vec::new();
    // A tenth more than was counted when they were last written: compilers differ a little.
    for (name, policy, size, most) in [
        ("200 rules, 2 KB", rules(), 2_000, 76),
        ("200 rules, 64 KB", rules(), 64_000, 53),
        ("profiles, 2 KB", profiles(), 2_000, 92),
        ("profiles, 64 KB", profiles(), 64_000, 68),
    ] {
        let spent = spent(&mut Filter::new(&policy), size);
        told.push(format!("{name}: {spent}"));
        assert!(
            spent <= most,
            "{name}: {spent} for each byte, {most} at most"
        );
    }
    figure(
        "a_body_costs_no_more_than_before",
        &format!("instructions a byte: {}", told.join("; ")),
    );
}
