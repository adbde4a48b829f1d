//! Bodies that the upstream compressed although it was asked not to.

use serde_json::Value;
use velum_end_to_end::stage::{assert_masked, bundle, figure, patient, problem};
use velum_harness::{BootstrapOptions, Framing, Protocol, Received, Reply, Step};

use super::{as_in_envoy_gateway, both, decoding, gzip, zlib};

fn json(coding: &str) -> Reply {
    Reply::new(200)
        .header("content-type", "application/fhir+json")
        .header("content-encoding", coding)
        .header("vary", "accept-encoding")
}

fn upstream(request: &Received) -> Reply {
    let document = patient().to_string().into_bytes();
    let whole = gzip(&document);
    match request.path.as_str() {
        "/gzip" => json("gzip").whole(whole),
        "/x-gzip" => json("x-gzip").chunks(whole.chunks(1).map(<[u8]>::to_vec).collect::<Vec<_>>()),
        "/deflate" => json("deflate").whole(zlib(&document)),
        "/members" => {
            let (first, second) = document.split_at(100);
            json("gzip").chunks([gzip(first), gzip(second)])
        }
        "/trailers" => json("gzip").script(
            Framing::Chunked,
            [
                Step::Data(whole),
                Step::Trailers(vec![("x-note".to_owned(), "SSN 000-12-3456".to_owned())]),
            ],
        ),
        "/large" => {
            let large = gzip(varied(5_000).to_string().as_bytes());
            json("gzip").chunks(
                large
                    .chunks(16 * 1024)
                    .map(<[u8]>::to_vec)
                    .collect::<Vec<_>>(),
            )
        }
        "/large/plain" => Reply::json(&varied(5_000)),
        "/identity" => json("identity").whole(document),
        "/empty" => json("").whole(document),
        // From here on nothing may pass.
        "/cut" => json("gzip").chunks([whole[..whole.len() - 5].to_vec()]),
        "/cut/trailers" => json("gzip").script(
            Framing::Chunked,
            [
                Step::Data(whole[..whole.len() - 5].to_vec()),
                Step::Trailers(vec![("x-note".to_owned(), "1".to_owned())]),
            ],
        ),
        "/rubbish" => json("gzip").chunks([whole, b"Thistlewood".to_vec()]),
        "/check" => {
            let mut wrong = whole;
            let at = wrong.len() - 6;
            wrong[at] ^= 1;
            json("gzip").whole(wrong)
        }
        "/lie" => json("gzip").whole(document),
        "/raw" => {
            let stream = zlib(&document);
            json("deflate").whole(&stream[2..stream.len() - 4])
        }
        "/bomb" => json("gzip").whole(gzip(
            &[b"[\"", &vec![b'a'; 30_000_000][..], b"\"]"].concat(),
        )),
        "/br" => json("br").whole(document),
        "/zstd" => json("zstd").whole(document),
        "/list" => json("gzip, br").whole(document),
        _ => json("gzip").whole(gzip(b"{\"name\":\"Thistlewood\"}x")),
    }
}

/// Patients that differ, so that they compress like real ones.
fn varied(count: u64) -> Value {
    let mut bundle = bundle(usize::try_from(count).expect("small"));
    for (number, entry) in (1..=count).zip(bundle["entry"].as_array_mut().expect("entries")) {
        let id = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        entry["resource"]["id"] = format!("{id:016x}").into();
    }
    bundle
}

#[tokio::test]
async fn what_can_be_decoded_is_masked_and_comes_decoded() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut setup = decoding(upstream);
        setup.protocol = protocol;
        let stage = setup.start().await;
        let expected = sent_as_json(&stage).await;
        for path in [
            "/gzip",
            "/x-gzip",
            "/deflate",
            "/members",
            "/trailers",
            "/empty",
        ] {
            for answer in both(&stage, path).await {
                assert_eq!((answer.status, answer.complete), (200, true), "{path}");
                assert_eq!(answer.text(), expected, "{path}");
                assert_eq!(answer.header("content-encoding"), None, "{path}");
                assert_eq!(answer.header("vary"), Some("accept-encoding"));
                for (name, value) in &answer.trailers {
                    assert!(!value.contains("3456"), "{name}: {value}");
                }
            }
        }
    }
}

async fn sent_as_json(stage: &velum_end_to_end::stage::Stage) -> String {
    let [answer, _] = both(stage, "/identity").await;
    assert_masked(&answer.text());
    assert_eq!(answer.status, 200);
    answer.text()
}

#[tokio::test]
async fn a_large_body_streams_through_whatever_envoy_buffers() {
    let example: fn(&mut BootstrapOptions) = |_| {};
    for buffers in [example, as_in_envoy_gateway] {
        let mut setup = decoding(upstream);
        setup.change = buffers;
        let stage = setup.start().await;
        for path in ["/large", "/large/plain"] {
            for answer in both(&stage, path).await {
                assert!(
                    answer.complete && answer.status == 200,
                    "{path} {}: {}",
                    answer.status,
                    stage.envoy.log()
                );
                assert_masked(&answer.text());
                let entries = answer.json()["entry"].as_array().map(Vec::len);
                assert_eq!(entries, Some(5_000));
            }
        }
    }
}

#[tokio::test]
async fn what_is_broken_cut_off_or_a_bomb_is_never_whole_nor_unmasked() {
    let stage = decoding(upstream).start().await;
    for path in [
        "/cut",
        "/cut/trailers",
        "/rubbish",
        "/check",
        "/lie",
        "/raw",
        "/bomb",
        "/json",
    ] {
        for answer in both(&stage, path).await {
            assert_masked(&answer.text());
            assert!(
                answer.status == 502 || !answer.complete,
                "{path}: {} {}",
                answer.status,
                answer.text()
            );
        }
    }
    figure(
        "what_is_broken_cut_off_or_a_bomb_is_never_whole_nor_unmasked",
        "8 bodies",
    );
}

#[tokio::test]
async fn encodings_that_nobody_decodes_here_are_a_502() {
    let stage = decoding(upstream).start().await;
    for path in ["/br", "/zstd", "/list"] {
        for answer in both(&stage, path).await {
            assert_masked(&answer.text());
            assert_eq!(
                problem(&answer),
                (502, "response-not-maskable".into()),
                "{path}"
            );
        }
    }
}
