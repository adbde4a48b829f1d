//! What the headers of an answer cost, as an interpreter counts it.

use velum_end_to_end::stage::{bundle, figure};
use velum_wasm_host::{Filter, profiles};

const JSON: (&str, &str) = ("content-type", "application/fhir+json");

/// Those of an ordinary answer.
const ORDINARY: &[(&str, &str)] = &[
    JSON,
    ("content-length", "2048"),
    ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
    ("server", "api"),
    ("x-envoy-upstream-service-time", "3"),
    ("last-modified", "Wed, 21 Oct 2026 07:28:00 GMT"),
    ("etag", "W/\"3\""),
    ("cache-control", "private, max-age=60"),
    ("vary", "accept"),
    ("x-request-id", "0b9a3b8e-2b3c-4d7e-8f50-123456789abc"),
];

/// Of which nothing is known.
const OTHERS: &[(&str, &str)] = &[
    ("x-total-count", "1234567"),
    ("x-cache", "HIT"),
    ("x-tenant", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
];

/// In which detectors look closer.
const CLOSER: &[(&str, &str)] = &[("server-timing", "db;dur=53.2, app;dur=47.2")];

fn spent(filter: &mut Filter, headers: &[(&str, &str)]) -> u64 {
    let body = bundle(3).to_string();
    filter.answer(headers, &[body.as_bytes()]);
    let before = filter.spent();
    filter.answer(headers, &[body.as_bytes()]);
    filter.spent() - before
}

#[test]
fn ordinary_headers_add_little_to_a_small_answer() {
    let mut filter = Filter::new(&profiles());
    let bare = spent(&mut filter, &[JSON]);
    let more = |filter: &mut Filter, headers: &[(&str, &str)]| spent(filter, headers) - bare;
    let ordinary = more(&mut filter, ORDINARY);
    let others = more(&mut filter, &[&[JSON], OTHERS].concat());
    let closer = more(&mut filter, &[&[JSON], CLOSER].concat());
    figure(
        "ordinary_headers_add_little_to_a_small_answer",
        &format!(
            "fuel: {bare}; nine ordinary headers {ordinary} more, three others {others} more, \
             one that is looked at closer {closer} more"
        ),
    );
    for (name, more, part) in [
        ("ordinary", ordinary, 20),
        ("others", others, 5),
        ("closer", closer, 1),
    ] {
        assert!(more * part <= bare, "{name}: {bare}, and {more} more");
    }
}
