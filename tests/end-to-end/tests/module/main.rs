//! The built module in a host of our own, which does what Envoy rarely does. Whatever it does: no trap,
//! no unmasked byte.
//!
//! `cargo xtask test` builds the filter and says where it is. No Envoy is needed.

mod answers;
mod calls;
mod cast;
mod contexts;
mod counting;
mod cuts;
mod faults;
mod limits;
mod maps;
mod memory;
mod observing;
mod order;
mod room;
mod scenarios;
