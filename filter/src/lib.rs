//! Velum's proxy-wasm filter: masks what passes, and asks before it lifts.
//!
//! The flow of one stream reads left to right through the modules:
//!
//! ```text
//! abi ─▶ plugin ─▶ stream ─▶ identity ─▶ ask ─▶ check ─▶ respond
//!  │                 │
//!  └── host (the one seam to Envoy; everything else is pure and runs natively in tests)
//! ```
//!
//! A stream sees the host through `watch`, which notices what `metrics` count, what `events` report and
//! what the access log shows; with `mode: observe` nothing that is written gets further than there.
//!
//! The ABI (proxy-wasm 0.2.1) is spoken directly, not through the Rust SDK: the SDK panics on
//! statuses that Envoy does return (a header that is not UTF-8, a body write at trailers), and a
//! panic kills every stream of the worker. Here each status is a value.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]
#![cfg_attr(
    not(any(target_arch = "wasm32", test)),
    expect(dead_code, reason = "only the wasm build has a host to be driven by")
)]

#[cfg(target_arch = "wasm32")]
mod abi;
mod ask;
mod check;
mod choice;
mod events;
#[cfg(any(target_arch = "wasm32", test))]
mod failing;
mod grant;
mod host;
mod identity;
mod lease;
mod media;
mod metrics;
mod outbox;
mod pairs;
mod plugin;
mod problem;
mod protobuf;
mod protocol;
mod request;
mod respond;
mod shape;
mod stream;
mod trace;
mod watch;

#[cfg(any(test, feature = "simulate"))]
mod fake;
#[cfg(feature = "parsers")]
pub mod parsers;
#[cfg(any(test, feature = "simulate"))]
pub mod simulate;
