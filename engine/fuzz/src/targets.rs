//! One file a target.

pub(crate) mod detectors;
pub(crate) mod forms;
pub(crate) mod idempotence;
pub(crate) mod inflate;
pub(crate) mod inside;
pub(crate) mod labels;
pub(crate) mod multipart;
pub(crate) mod operators;
pub(crate) mod pairs;
pub(crate) mod policy;
pub(crate) mod splits;
pub(crate) mod structs;
pub(crate) mod tokenizer;
