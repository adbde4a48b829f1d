//! What operations do together.

mod access;
mod anchors;
mod answers;
mod canaries;
mod cut;
mod deploy;
mod engines;
mod erasure;
mod events;
mod faults;
mod generated;
mod life;
mod log;
mod many;
mod metrics;
mod moving;
mod putback;
mod races;
mod rate;
mod replicas;
mod rereading;
mod restart;
mod sample;
mod situations;
mod stopping;
mod tls;
