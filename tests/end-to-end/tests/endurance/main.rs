//! Long and hard: callers that read slowly or not at all, that leave anywhere, and mixed load.

mod callers;
mod mixed;
mod slow;

use velum_end_to_end::stage::patient;
use velum_harness::{Framing, Reply, Step};

const MEBIBYTE: u64 = 1024 * 1024;
const LINES_A_CHUNK: usize = 64;

/// NDJSON of patients, at least so many bytes, made while it is sent.
fn ndjson(bytes: usize) -> Reply {
    let lines = format!("{}\n", patient()).repeat(LINES_A_CHUNK);
    let chunk = lines.into_bytes();
    let count = bytes.div_ceil(chunk.len());
    let steps = (0..count).map(move |_| Step::Data(chunk.clone()));
    Reply::new(200)
        .header("content-type", "application/fhir+ndjson")
        .script(Framing::Chunked, steps)
}
