//! Operations: what operators see of the filter, and what callers see when something fails.

mod callbacks;
mod checking;
mod failure_policies;
mod failures;
mod full_disk;
mod hot_restart;
mod observing;
mod reporting;
mod seeing;
mod trapping;
