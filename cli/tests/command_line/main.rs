//! `velum`, run as a program.

mod approvals;
mod check;
mod documents;
mod import_ms;
mod mask;
mod pages;
mod profile;
mod program;
mod surroundings;
mod trial;
