//! Masks files again and again, for profilers.
use std::sync::Arc;
use velum_engine::{Masker, Options, Profile, Ruleset};
fn main() {
    let mut args = std::env::args().skip(1);
    let n: usize = args.next().unwrap().parse().unwrap();
    let mut values = Vec::new();
    for path in args {
        let v: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        values.push(v);
    }
    let body = serde_json::to_vec(&values).unwrap();
    let rules = Arc::new(
        Ruleset::builder()
            .profile(Profile::HipaaSafeHarbor)
            .profile(Profile::FhirR4)
            .profile(Profile::Credentials)
            .build()
            .unwrap(),
    );
    let mut out = Vec::with_capacity(1 << 18);
    let start = std::time::Instant::now();
    for _ in 0..n {
        let mut masker = Masker::new(Arc::clone(&rules), Options::default());
        for chunk in body.chunks(65536) {
            out.clear();
            masker.feed(chunk, &mut out).unwrap();
        }
    }
    println!(
        "{} bytes, {:.0} MB/s",
        body.len(),
        (n * body.len()) as f64 / start.elapsed().as_secs_f64() / 1e6
    );
}
