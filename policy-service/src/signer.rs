//! The signer: a process of its own, with a user of its own, that holds the key of the audit log and signs
//! its heads.
//!
//! Whoever has taken over the service can write what they like into its store, and cannot have it signed
//! over what was signed before: the signer keeps the last head of each log, durably and before it signs, and
//! signs only what continues it, by a proof. It knows nothing else: no records, no store, no network.

mod config;
mod desk;
pub(crate) mod protocol;
mod serving;

pub use config::SignerConfig;
pub use serving::{RunningSigner, run_signer};
