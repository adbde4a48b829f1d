//! What operations do together.

mod access;
mod answers;
mod erasure;
mod faults;
mod life;
mod races;
mod restart;
