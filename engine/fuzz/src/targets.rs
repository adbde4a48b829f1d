//! One file a target.

pub(crate) mod detectors;
pub(crate) mod idempotence;
pub(crate) mod inside;
pub(crate) mod labels;
pub(crate) mod operators;
pub(crate) mod policy;
pub(crate) mod splits;
pub(crate) mod tokenizer;
