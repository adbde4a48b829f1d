//! What the built module tells of the fields of an answer: what it costs, in memory that does not grow, and
//! without anything of the answer's own words.

use serde_json::{Value, json};
use velum_approval::Evidence;
use velum_approval::messages::{Answer as Decision, Check};
use velum_end_to_end::stage::figure;
use velum_wasm_host::{ROOT, Vm, header};

use crate::cast::{approval, decide, policy, request, response, undecided, vm};

/// The masked answer is asked for; the service awaits what it holds, or not.
fn answered(vm: &mut Vm, chunks: &[&[u8]], is_awaited: bool) -> u64 {
    let stream = vm.open(ROOT);
    let asks = request("GET", "/Patient/p1", &[("velum-lift", "name,date")]);
    vm.request_headers(stream, &asks, true);
    decide(vm, |check: &Check| {
        assert!(check.evidence);
        match undecided() {
            Decision::Pending {
                approval,
                retry_after_seconds,
                expires,
                ..
            } => Decision::Pending {
                approval,
                retry_after_seconds,
                expires,
                evidence: is_awaited,
            },
            other => other,
        }
    });
    vm.response_headers(stream, &response("application/fhir+json"), false);
    let before = vm.spent();
    for chunk in chunks {
        vm.response_body(stream, chunk, false);
    }
    vm.response_body(stream, b"", true);
    let spent = vm.spent() - before;
    assert!(vm.close(stream).client.ended);
    assert_eq!(vm.trap, None);
    spent
}

/// The evidence that the last stream left.
fn evidence(vm: &mut Vm) -> (Evidence, String) {
    vm.tick(ROOT);
    let path = format!("/v1/approvals/{}/evidence", approval());
    let call = vm
        .calls()
        .iter()
        .rev()
        .find(|call| header(&call.headers, ":path") == Some(path.as_bytes()))
        .expect("evidence")
        .clone();
    let text = String::from_utf8(call.body).expect("text");
    (serde_json::from_str(&text).expect("evidence"), text)
}

/// A bundle of so many patients; keys and values hold what must not show.
fn patients(count: usize) -> String {
    let patient = |number: usize| {
        json!({"resource": {
            "resourceType": "Patient", "birthDate": "1971-04-09",
            "name": [{"family": "Thistlewood", "given": ["Orla"]}],
            format!("Kanarienvogel{number}"): {"name": [{"family": format!("MRN-7{number:05}")}]},
            "active": true, "maritalStatus": {"coding": [{"system": "http://x.example", "code": "M"}]},
        }})
    };
    let entries: Vec<Value> = (0..count).map(patient).collect();
    json!({"resourceType": "Bundle", "type": "searchset", "entry": entries}).to_string()
}

#[test]
fn fields_are_told_of_an_answer_that_is_awaited_and_cost_no_other_anything() {
    let mut vm = vm(&policy());
    vm.want_less_log();
    let body = patients(400);
    let chunks: Vec<&[u8]> = body.as_bytes().chunks(16 * 1024).collect();
    answered(&mut vm, &chunks, true);
    let (seen, text) = evidence(&mut vm);
    for canary in ["Kanarienvogel", "Thistlewood", "Orla", "1971", "MRN-7"] {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
    let shape = seen.shape.expect("a shape");
    let paths: Vec<_> = shape
        .fields()
        .iter()
        .map(|field| (field.path.as_str(), field.count))
        .collect();
    let resource = |field: &str| format!("$.entry[*].resource.{field}");
    for field in ["birthDate", "name[*].family", "name[*].given[*]"] {
        assert!(
            paths.contains(&(resource(field).as_str(), 400)),
            "{field}: {paths:?}"
        );
    }
    assert!(shape.others().is_empty());

    let each = |spent: u64| spent / u64::try_from(body.len()).expect("small");
    let plain = each(answered(&mut vm, &chunks, false));
    let told = each(answered(&mut vm, &chunks, true));
    let memory = vm.memory();
    for _ in 0..20 {
        answered(&mut vm, &chunks, true);
        evidence(&mut vm);
    }
    let grown = vm.memory() - memory;
    figure(
        "fields_are_told_of_an_answer_that_is_awaited_and_cost_no_other_anything",
        &format!(
            "instructions a byte of {} KiB: {plain} where nothing is awaited, {told} with tags and fields; \
             evidence of {} bytes; memory after twenty more: {grown} bytes more",
            body.len() / 1024,
            text.len(),
        ),
    );
    assert!(
        told <= plain * 12,
        "{told} for each byte where {plain} are without"
    );
    assert!(grown <= 1 << 20, "{grown} bytes more");
}
