//! Who asks, which policy and which action a request meets: on a real Envoy, and the same by the
//! command line.

mod actions;
mod identities;
mod policies;
mod site;
