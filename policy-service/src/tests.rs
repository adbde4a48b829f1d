//! What operations do together.

mod access;
mod answers;
mod erasure;
mod events;
mod faults;
mod life;
mod races;
mod restart;
