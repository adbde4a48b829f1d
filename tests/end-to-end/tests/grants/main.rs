//! Approvals through a real Envoy: what is granted and no more, and taking it back.

mod emergencies;
mod evidence;
mod narrower;
mod proofs;
mod replicas;
mod stopping;
