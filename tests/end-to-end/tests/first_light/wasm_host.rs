//! The built wasm in a host of our own, which can cut a body anywhere: Envoy joins small chunks.

use velum_end_to_end::stage::{Setup, assert_masked, figure, patient};
use velum_harness::{Reply, Step};
use velum_wasm_host::{Filter, native, profiles};

#[test]
fn every_split_gives_the_same_bytes_in_the_built_wasm() {
    let mut filter = Filter::new(&profiles());
    let odd = r#"{"name":"Zo\u00eb \ud83d\ude00","ssn":"\u0030\u0030\u0030-12-3456","n":[-1.5e+3,true,null]}"#;
    let mut splits = 0;
    for body in [patient().to_string(), odd.to_owned()] {
        let body = body.as_bytes();
        let whole = filter.mask("application/json", &[body]);
        assert_eq!(whole, native(body), "as the native engine has it");
        let text = String::from_utf8_lossy(&whole);
        assert!(
            text.contains("[masked:ssn]") && text.contains("[masked:name]"),
            "{text}"
        );
        for cut in 0..=body.len() {
            let (front, back) = body.split_at(cut);
            assert_eq!(
                filter.mask("application/json", &[front, back]),
                whole,
                "cut at {cut}"
            );
            splits += 1;
        }
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(
            filter.mask("application/json", &bytes),
            whole,
            "byte by byte"
        );
    }
    figure(
        "every_split_gives_the_same_bytes_in_the_built_wasm",
        &format!("{splits} splits"),
    );
}

#[tokio::test]
async fn one_byte_chunks_through_a_real_envoy_give_the_same_bytes() {
    let stage = Setup::new(|request| {
        let body = patient().to_string().into_bytes();
        let reply = Reply::new(200).header("content-type", "application/fhir+json");
        if request.path.ends_with("bytes") {
            let steps: Vec<Step> = body
                .chunks(1)
                .map(|byte| Step::Data(byte.to_vec()))
                .collect();
            reply.script(velum_harness::Framing::Chunked, steps)
        } else {
            reply.whole(body)
        }
    })
    .start()
    .await;
    let whole = stage
        .agent("GET", "/Patient/whole")
        .send()
        .await
        .expect("an answer");
    let bytes = stage
        .agent("GET", "/Patient/bytes")
        .send()
        .await
        .expect("an answer");
    assert_eq!(whole.body, bytes.body);
    assert_masked(&whole.text());
}
