//! The body that is masked: what a FHIR server would answer to a search.

use serde_json::Value;

/// About so many bytes of a minified Bundle, invented patients and observations in turn, members in
/// the order of FHIR R4's definitions.
pub(crate) fn minified(size: usize) -> String {
    const PAIR: [&str; 2] = [
        concat!(
            r#"{"resource":{"resourceType":"Patient","id":"p1","identifier":["#,
            r#"{"system":"http://hl7.org/fhir/sid/us-ssn","value":"000-12-3456"},"#,
            r#"{"type":{"coding":[{"code":"MR"}]},"value":"MRN-88213"}],"#,
            r#""name":[{"use":"official","family":"Thistlewood","given":["Orla"]}],"#,
            r#""telecom":[{"system":"phone","value":"555-0142","use":"home"}],"#,
            r#""gender":"female","birthDate":"1971-04-09","#,
            r#""address":[{"line":["4 Lantern Court"],"city":"Millbrook","state":"VT"}]}}"#,
        ),
        concat!(
            r#"{"resource":{"resourceType":"Observation","id":"o1","status":"final","#,
            r#""category":[{"coding":[{"#,
            r#""system":"http://terminology.hl7.org/CodeSystem/observation-category","#,
            r#""code":"vital-signs","display":"Vital signs"}]}],"#,
            r#""code":{"coding":[{"system":"http://loinc.org","code":"8302-2","#,
            r#""display":"Body height"}],"text":"Body height"},"#,
            r#""subject":{"reference":"Patient/p1"},"effectiveDateTime":"2024-05-02T09:30:00Z","#,
            r#""valueQuantity":{"value":167.2,"unit":"cm","#,
            r#""system":"http://unitsofmeasure.org","code":"cm"}}}"#,
        ),
    ];
    let mut body = String::from(r#"{"resourceType":"Bundle","type":"searchset","entry":["#);
    let mut entries = PAIR.iter().cycle();
    while body.len() < size {
        if !body.ends_with('[') {
            body.push(',');
        }
        body.extend(entries.next().copied());
    }
    body + "]}"
}

/// About so many bytes of the same, indented as a FHIR server does for people.
pub(crate) fn indented(size: usize) -> String {
    let indent = |body: &str| {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        serde_json::to_string_pretty(&value).unwrap_or_default()
    };
    // How much it grows by depends on the members, which are the same all along.
    let sample = minified(10_000);
    let grown = indent(&sample).len();
    indent(&minified(size * sample.len() / grown))
}
