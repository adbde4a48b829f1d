//! The engine from outside: whole bodies in, whole bodies out.

mod events;
mod fhir;
mod inspector;
mod json;
mod masking;
mod operators;
mod properties;
mod support;
