//! `velum`, run as a program.

mod approvals;
mod check;
mod mask;
mod pages;
mod program;
