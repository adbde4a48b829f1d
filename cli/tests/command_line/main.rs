//! `velum`, run as a program.

mod approvals;
mod check;
mod documents;
mod mask;
mod pages;
mod program;
