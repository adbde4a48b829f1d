//! The inbox in a real Chromium, on requests that a real Envoy holds.

mod deciding;
mod kit;
mod looking;
mod pictures;
