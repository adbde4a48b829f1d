//! `velum`, run as a program.

mod approvals;
mod auditing;
mod check;
mod deciding;
mod desk;
mod documents;
mod import_ms;
mod mask;
mod pages;
mod profile;
mod program;
mod stopping;
mod surroundings;
mod trial;
