//! First light: the main job, end to end on real parts.
//!
//! `cargo xtask test` builds the filter, the service and the command line and says where they are.

mod approvals;
mod bodies;
mod canaries;
mod identities;
mod instructions;
mod masking;
mod paths;
mod readme;
mod service_faults;
mod streaming;
mod traps;
mod wasm_bodies;
mod wasm_host;
mod writes;
