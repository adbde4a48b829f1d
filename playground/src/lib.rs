//! The engine and the verifier of proofs, for browsers and Node.js: `wasm-bindgen` round what other
//! packages do. Nothing is decided here.
//!
//! What a call gives in several parts is JSON. `playground/npm/index.js` stands in front of it, and says
//! in `playground/npm/index.d.ts` what is in there.
//!
//! ```
//! let policy = velum_playground::Policy::read("{version: 1, masking: {profiles: [pii]}}")?;
//! let masked = policy.mask(br#"{"phone":"555-0123"}"#, "application/json", 4, 2026)?;
//! assert_eq!(masked.output(), br#"{"phone":"[masked:phone]"}"#);
//! # Ok::<(), String>(())
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod masking;
mod proofs;

use wasm_bindgen::prelude::wasm_bindgen;

pub use masking::{Masked, Policy};

/// Whether a proof holds (C2SP tlog-proof). `leaf` is its record; empty: the one that the proof brings
/// along. `keys` are those to believe, one a line as in `velum audit check-proof --key-file`: of the log,
/// and of witnesses, each of which must have cosigned. Gives a JSON object.
#[wasm_bindgen(js_name = verifyProof)]
pub fn verify_proof(proof: &[u8], leaf: &[u8], keys: &str) -> String {
    proofs::verify_proof(proof, leaf, keys).to_string()
}

/// Whether the head of a log is one to believe, by these keys. Gives a JSON object.
#[wasm_bindgen(js_name = verifyCheckpoint)]
pub fn verify_checkpoint(checkpoint: &[u8], keys: &str) -> String {
    proofs::verify_checkpoint(checkpoint, keys).to_string()
}
