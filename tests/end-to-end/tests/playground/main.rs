//! The built playground: its package in Node.js against the program `velum`, and what its page holds.

mod browser;

use std::process::Command;

use velum_end_to_end::stage::figure;
use velum_harness::{Failure, Result, locations};

/// The tests are JavaScript, as what they try is. What they say is shown where one fails.
fn run(file: &str) -> Result<String> {
    let script = locations::project().join("playground/npm/tests").join(file);
    let ended = Command::new("node")
        .args(["--test", "--test-reporter=tap"])
        .arg(script)
        .env("VELUM_PLAYGROUND", locations::playground()?)
        .output()
        .map_err(|error| Failure::new(format!("node: {error}")))?;
    let told = String::from_utf8_lossy(&ended.stdout);
    if !ended.status.success() {
        return Err(Failure::new(format!("{file}:\n{told}")));
    }
    // A file without tests would succeed too.
    let passed = told.lines().find_map(|line| line.strip_prefix("# pass "));
    let passed: u64 = passed.and_then(|count| count.parse().ok()).unwrap_or(0);
    assert!(passed > 1, "{file}: {told}");
    Ok(told.into_owned())
}

#[test]
fn the_package_masks_as_the_program_does() -> Result<()> {
    locations::program("velum")?;
    let told = run("masking.test.js")?;
    let mut lines = told
        .lines()
        .filter_map(|line| line.split("vectors: ").nth(1));
    let compared: u64 = lines
        .next()
        .and_then(|count| count.trim().parse().ok())
        .unwrap_or(0);
    assert!(compared > 40, "{told}");
    figure(
        "the_package_masks_as_the_program_does",
        &format!("{compared} bodies byte for byte as from velum mask"),
    );
    Ok(())
}

#[test]
fn the_package_verifies_proofs() -> Result<()> {
    run("proofs.test.js").map(drop)
}

#[test]
fn the_page_finds_places_and_keeps_its_own_rules() -> Result<()> {
    run("page.test.js").map(drop)
}
