//! The body that is masked: what a FHIR server would answer to a search.

/// About so many bytes of a minified Bundle, invented patients and observations in turn, members in
/// the order of FHIR R4's definitions.
pub(crate) fn bundle(size: usize) -> String {
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
