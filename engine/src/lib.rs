//! Streaming JSON masking: bytes in, masked bytes out.
//!
//! A body is fed chunk by chunk to a [`Masker`]; what may leave is appended to an output buffer at
//! once, what must stay behind the veil is replaced. There is no document tree and no buffer for a
//! whole body: memory is bounded by [`Limits`], whatever the size of the body.
//!
//! ```
//! use std::sync::Arc;
//! use velum_engine::{Masker, Options, Profile, Ruleset};
//!
//! let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build()?);
//! let mut masker = Masker::new(rules, Options::default());
//! let mut out = Vec::new();
//! masker.feed(br#"{"id":7,"phone":"555-0"#, &mut out)?;
//! masker.feed(br#"123","note":"ask a@b.example"}"#, &mut out)?;
//! masker.finish(&mut out)?;
//! assert_eq!(out, br#"{"id":7,"phone":"[masked:phone]","note":"ask [masked:email]"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The pipeline
//!
//! ```text
//! scan -> path -> decide -> mask        each stage knows only the stages to its left
//! ```
//!
//! - `scan`: bytes to tokens; strict RFC 8259, resumable at every byte.
//! - `path`: where in the document a token stands: a stack of small frames, one state number each.
//! - `decide`: what the rules say about that place.
//! - `mask`: writes the value as it came, or what its operator makes of it.
//!
//! With [`Framing::Events`], `events` stands before it: it takes the data of each event out of its
//! lines, and what comes out of the pipeline goes back into lines.
//!
//! Detectors, operators and profiles are one file each, registered in one table each.
//!
//! # Invariants
//!
//! - The output does not depend on how the input was cut into chunks.
//! - What no rule and no detector touches comes out byte for byte; what [`Framing::Events`] says is
//!   the exception.
//! - The output of valid JSON is valid JSON; masking it again changes nothing, but where the
//!   operators [`Fpe`](Operator::Fpe) and [`DateShift`](Operator::DateShift) are used.
//! - An operator that needs a key and has none redacts.
//! - A feed that fails appends nothing, and nothing is ever emitted after it.
//! - No error, report or `Debug` form holds a byte of the body.
//! - A value is emitted only after the decision about it has been made; where the decision needs a
//!   sibling, the value waits, at most [`Limits::held_bytes`], and then counts as an identifier.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod class;
mod clean;
mod decide;
mod decode;
mod detectors;
mod error;
mod events;
mod evidence;
mod finder;
mod grant;
mod inspect;
mod keys;
mod labels;
mod limits;
mod looking;
mod mapped;
mod mask;
mod masker;
mod operators;
mod options;
mod outline;
mod path;
mod people;
mod pieces;
mod profiles;
mod recorder;
mod report;
mod rules;
mod scan;
mod self_check;
mod subject;
mod tally;
mod unicode;

pub use class::{Class, ClassSet};
pub use detectors::{CustomDetector, DetectorDoc, LooksFor, mask_handle, mask_text};
pub use error::{Error, ErrorKind};
pub use evidence::{Evidence, TagKey};
pub use finder::{Finder, Finding};
pub use grant::{Tags, Terms};
pub use inspect::Inspector;
pub use keys::{KeyError, Keyring};
pub use limits::{LimitDoc, Limits};
pub use looking::{mask_fields, mask_form};
pub use masker::Masker;
pub use operators::{Fpe, Generalize, Operator, OperatorDoc, Pseudonym, Replacement, is_own_token};
pub use options::{Framing, Options, year_at};
pub use outline::{MaskedBy, Outline, Outlined};
pub use pieces::feed_in_pieces;
pub use profiles::{Profile, ProfileDocument, ProfileError, ProfileRule};
pub use report::{NotScanned, Report, RuleCount};
pub use rules::{Ids, Rule, RuleError, Ruleset, RulesetBuilder, Selector};
