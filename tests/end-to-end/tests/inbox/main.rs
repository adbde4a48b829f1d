//! The inbox in a real Chromium, on requests that a real Envoy holds.

mod deciding;
mod doors;
mod elsewhere;
mod filled;
mod keys;
mod kit;
mod looking;
mod measuring;
mod pictures;
mod provider;
mod requesters;
mod revoking;
mod verifying;
