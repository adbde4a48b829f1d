//! What the upstream sends in each case.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};
use velum_end_to_end::stage::patient;
use velum_harness::{Framing as Length, Reply, Step};

use crate::case::{Case, Chunk, Encoding, Framing, Media, Outcome};

/// Shows only where names are lifted.
pub(crate) const NAME: &str = "Thistlewood";
/// Never shows.
pub(crate) const SSN: &str = "000-12-3456";

/// The body before it is encoded and cut.
pub(crate) fn plain(case: &Case) -> Vec<u8> {
    let records = case.chunk.records();
    let mut body = match case.media {
        Media::Json => Value::from(vec![patient(); records]).to_string(),
        Media::Fhir => velum_end_to_end::stage::bundle(records).to_string(),
        Media::Lines => format!("{}\n", patient()).repeat(records),
        Media::Sequence => format!("\u{1e}{}\n", patient()).repeat(records),
        Media::Events => format!("event: message\ndata: {}\n\n", patient()).repeat(records),
        Media::ToolResult => {
            let text = Value::from(vec![patient(); records.min(200)]).to_string();
            let content = vec![json!({"type": "text", "text": text}); records.div_ceil(200)];
            json!({"jsonrpc": "2.0", "id": 7, "result": {
                "content": content, "structuredContent": {"patient": patient()},
            }})
            .to_string()
        }
        Media::Text => {
            format!("Seen today, SSN {SSN}, write to orla@example.org.\n").repeat(records)
        }
    };
    if case.outcome == Outcome::Refuse {
        // Of events, what is no field is left out, and only data can be broken.
        let field = if case.media == Media::Events {
            "data: "
        } else {
            ""
        };
        body.insert_str(0, &format!("{field}{{\"broken\": nul, "));
    }
    body.into_bytes()
}

/// The whole answer.
pub(crate) fn reply(case: &Case) -> Reply {
    let body = encoded(case);
    let reply = Reply::new(200)
        .header("content-type", content_type(case))
        .header("x-patient-ssn", SSN);
    let reply = match case.encoding {
        Encoding::Identity => reply,
        Encoding::Gzip => reply.header("content-encoding", "gzip"),
        Encoding::Deflate => reply.header("content-encoding", "deflate"),
        Encoding::Brotli => reply.header("content-encoding", "br"),
    };
    let length = match case.framing {
        Framing::Length => Length::Length(body.len() as u64),
        Framing::Chunked | Framing::Trailers => Length::Chunked,
    };
    let mut steps: Vec<Step> = body
        .chunks(case.chunk.size())
        .map(|chunk| Step::Data(chunk.to_vec()))
        .collect();
    if case.framing == Framing::Trailers {
        steps.push(Step::Trailers(vec![
            ("x-note".to_owned(), format!("SSN {SSN}")),
            ("x-checksum".to_owned(), "ok".to_owned()),
        ]));
    }
    reply.script(length, steps)
}

/// Text that cannot be read is of a kind that the policy does not name.
fn content_type(case: &Case) -> &'static str {
    match (case.media, case.outcome) {
        (Media::Text, Outcome::Refuse) => "text/csv",
        (media, _) => media.content_type(),
    }
}

fn encoded(case: &Case) -> Vec<u8> {
    let body = plain(case);
    match case.encoding {
        // What is refused need not be compressed to be told.
        Encoding::Identity | Encoding::Brotli => body,
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level(case));
            encoder.write_all(&body).expect("written");
            encoder.finish().expect("compressed")
        }
        Encoding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level(case));
            encoder.write_all(&body).expect("written");
            encoder.finish().expect("compressed")
        }
    }
}

/// Records repeat, so that a compressed body would be smaller than a chunk: large ones are stored.
fn level(case: &Case) -> Compression {
    match case.chunk {
        Chunk::Byte => Compression::best(),
        Chunk::Middle | Chunk::Large => Compression::none(),
    }
}
