//! Every way a body can come and go: protocols, framings, media types, encodings, outcomes, chunks.
//!
//! All pairs of them in every run, the whole product with `cargo xtask claims filter --long`. What
//! comes out is compared, byte for byte, with what the native engine makes of the body.
#![expect(
    clippy::print_stdout,
    reason = "a failing run says with which seed it can be run again"
)]

mod bodies;
mod case;
mod pairs;

use std::sync::Arc;

use serde_json::{Value, json};
use velum_end_to_end::stage::{Setup, Stage, assert_masked, figure};
use velum_engine::{ClassSet, Masker, Options};
use velum_harness::{Protocol, Response, example_policy};
use velum_policy::Policy;

use case::{Case, Encoding, Framing, Outcome};

/// The example's policy, with encodings decoded and texts read.
fn policy() -> Value {
    let mut policy = example_policy().expect("the example's policy");
    policy["responses"] = json!({
        "otherwise": "refuse", "encodings": "decode", "text": ["text/plain", "text/html"],
    });
    policy
}

async fn stage(upstream: Protocol) -> Stage {
    let mut setup = Setup::new(|request| bodies::reply(&Case::from_path(&request.path)));
    setup.policy = policy();
    setup.protocol = upstream;
    // Over HTTP/1.1 Envoy drops trailers unless it is told to keep them.
    setup.change = |options| {
        options.manager = json!({"http_protocol_options": {"enable_trailers": true}});
        options.upstream_trailers = true;
    };
    setup.start().await
}

/// What the native engine makes of a body, with these classes lifted.
fn expected(policy: &Policy, case: &Case, lift: ClassSet) -> Vec<u8> {
    let body = bodies::plain(case);
    let Some(framing) = case.media.framing() else {
        return velum_engine::mask_text(policy.rules(), &String::from_utf8(body).expect("text"))
            .into_bytes();
    };
    let options = Options {
        framing,
        lift,
        limits: policy.limits().engine,
        ..Options::default()
    };
    let mut masker = Masker::new(Arc::clone(policy.rules()), options);
    let mut out = Vec::new();
    masker
        .feed(&body, &mut out)
        .and_then(|()| masker.finish(&mut out))
        .expect("masked");
    out
}

async fn answer(stage: &Stage, case: &Case, number: usize) -> Response {
    let path = case.to_path(number);
    let call = match case.outcome {
        Outcome::Lift => stage.ask(&path, "name", 30),
        Outcome::Mask | Outcome::Refuse => stage.agent("GET", &path),
    };
    let call = if case.down == Protocol::Http2 {
        call.http2()
    } else {
        call
    };
    match case.outcome {
        Outcome::Lift => stage.approved(call, None).await,
        Outcome::Mask | Outcome::Refuse => call.send().await.expect("an answer"),
    }
}

fn check(policy: &Policy, case: &Case, answer: &Response) {
    let shown = answer.text();
    let is_whole = answer.status == 200 && answer.complete;
    for (name, value) in answer.headers.iter().chain(&answer.trailers) {
        let value = String::from_utf8_lossy(value.as_ref());
        assert!(!value.contains(bodies::SSN), "{case}: {name} shows {value}");
    }
    let has_trailers = answer.trailers.iter().any(|(name, _)| name == "x-checksum");
    if case.outcome == Outcome::Refuse || case.encoding == Encoding::Brotli {
        assert_masked(&shown);
        assert!(
            !is_whole,
            "{case}: a body came out whole that cannot be read"
        );
        return;
    }
    assert!(
        is_whole,
        "{case}: status {}, complete {}: {shown}",
        answer.status, answer.complete
    );
    assert_eq!(answer.header("content-encoding"), None, "{case}");
    let lift: ClassSet = match case.outcome {
        Outcome::Lift => [velum_engine::Class::Name].into_iter().collect(),
        Outcome::Mask | Outcome::Refuse => ClassSet::EMPTY,
    };
    assert_eq!(
        has_trailers,
        case.framing == Framing::Trailers,
        "{case}: trailers"
    );
    let lifted = case.outcome == Outcome::Lift;
    assert_eq!(answer.header("velum-lifted").is_some(), lifted, "{case}");
    assert!(!shown.contains(bodies::SSN), "{case}: {shown}");
    assert_eq!(
        shown.contains(bodies::NAME),
        lifted && case.media.framing().is_some(),
        "{case}"
    );
    assert!(
        answer.body == expected(policy, case, lift),
        "{case}: other bytes than the engine's"
    );
}

async fn run(cases: &[Case]) {
    let policy = Policy::parse(policy().to_string().as_bytes()).expect("a policy");
    for upstream in [Protocol::Http1, Protocol::Http2] {
        let stage = stage(upstream).await;
        for (number, case) in cases
            .iter()
            .enumerate()
            .filter(|(_, case)| case.up == upstream)
        {
            check(&policy, case, &answer(&stage, case, number).await);
        }
    }
}

#[tokio::test]
async fn all_pairs_of_what_a_body_can_be_come_out_as_the_engine_has_them() {
    let seed = std::env::var("VELUM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) ^ 0x5eed);
    println!("VELUM_SEED={seed}");
    let cases = pairs::all_pairs(seed);
    run(&cases).await;
    figure(
        "all_pairs_of_what_a_body_can_be_come_out_as_the_engine_has_them",
        &format!(
            "{} requests cover all pairs, VELUM_SEED={seed}",
            cases.len()
        ),
    );
}

#[tokio::test]
#[ignore = "ten minutes"]
async fn every_combination_of_what_a_body_can_be_comes_out_as_the_engine_has_it() {
    let cases = pairs::product();
    run(&cases).await;
    figure(
        "every_combination_of_what_a_body_can_be_comes_out_as_the_engine_has_it",
        &format!("{} requests", cases.len()),
    );
}
