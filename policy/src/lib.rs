//! The configuration document, parsed into what can only be valid, and the one evaluator of it.
//!
//! A document is JSON as Envoy hands it over. [`Policy::parse`] refuses what it does not know, what
//! is given twice, and what could never have an effect, with the JSON Pointer of the fault;
//! [`Policy::evaluate`] says which action a request matches, or refuses it where upstreams could
//! read it in different ways.
//!
//! ```
//! use velum_policy::{Effect, Policy, Request};
//!
//! let policy = Policy::parse(br#"{
//!     "version": 1,
//!     "masking": {"profiles": ["fhir-r4"]},
//!     "actions": [
//!         {"name": "health", "when": {"method": "GET", "path": "/healthz"}, "effect": "pass"},
//!         {"name": "admin", "when": {"path": {"prefix": "/admin/"}}, "effect": "deny"}
//!     ]
//! }"#)?;
//! let request = Request {
//!     method: b"GET", authority: b"ehr.example", path: b"/Patient/1", headers: &[], route: None,
//!     caller: None,
//! };
//! let verdict = policy.evaluate(&request).map_err(|refusal| refusal.code())?;
//! assert_eq!(verdict.effect(), Effect::Mask);
//! let fault = Policy::parse(br#"{"version": 1, "masking": {"profile": []}}"#).unwrap_err();
//! assert_eq!(fault.pointer, "/masking/profile");
//! # Ok::<(), Box<dyn std::error::Error>>(())
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

mod action;
mod authorities;
mod condition;
mod cursor;
#[cfg(feature = "yaml")]
pub mod document;
mod error;
mod evaluate;
mod explain;
mod load;
mod path;
mod policies;
mod policy;
mod reach;
mod request;
mod text;
mod tree;

pub use action::{Action, Ask, Effect, Otherwise, Requests, Writes};
pub use authorities::Authorities;
pub use error::ConfigError;
pub use explain::{Answer, ExplainedAction, ExplainedCondition, Explanation, StatedCondition};
pub use path::{CanonicalPath, Spelling};
pub use policies::Policies;
pub use policy::{
    CertificateField, Encodings, IdentitySource, Limits, MaskingKey, Mode, Peers, Policy,
    PolicyService, Responses, TokenRoles, UnreadableMedia,
};
pub use request::{Caller, Refusal, Request, Verdict};
