//! Held requests: what becomes of them when callers leave, come again, or are many.

mod bodies;
mod ending;
mod leaving;
mod many;
mod timeouts;
