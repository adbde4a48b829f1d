//! The engine from outside: whole bodies in, whole bodies out.

mod agreement;
mod custom;
mod dates;
mod events;
mod fhir;
mod framings;
mod generate;
mod held;
mod ids;
mod inside;
mod inspector;
mod json;
mod labels;
mod lessons;
mod limits;
mod masking;
mod mentions;
mod nearly;
mod operators;
mod profiles;
mod properties;
mod reference;
mod reporting;
mod reviewed;
mod safe_harbor;
mod support;
