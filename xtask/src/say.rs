//! The only place that prints. Progress goes to stderr, results to stdout.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a terminal program prints"
)]

/// One line about what is being done now.
pub(crate) fn step(text: &str) {
    eprintln!("==> {text}");
}

/// One line of the result.
pub(crate) fn result(text: &str) {
    println!("{text}");
}

/// Why the command failed.
pub(crate) fn failure(text: &str) {
    eprintln!("error: {text}");
}
