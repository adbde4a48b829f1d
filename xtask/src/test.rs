//! `test`: everything that `cargo test` runs, against the real parts.

use clap::Args;

use crate::{Result, fuzz, playground, process, say, setup, wasm, workspace};

/// How long each fuzz target runs behind the tests.
const FUZZ_SECONDS: u64 = 10;

/// What is handed on to `cargo test`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Arguments for `cargo test`, for instance a filter or `--package velum-engine`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo_test: Vec<String>,
}

/// Sets up, builds and tests.
pub(crate) fn run(arguments: &Arguments) -> Result {
    setup::run()?;
    setup::envoy::install_older()?;
    setup::schemathesis::find_or_install()?;
    setup::go::find_or_install()?;
    setup::chromium::find_or_install()?;
    setup::node::find_or_install()?;
    setup::axe::find_or_install()?;
    wasm::build_modules()?;
    playground::build()?;
    workspace::build_programs(&[])?;
    say::step("cargo test");
    let mut command = process::cargo();
    command.args(["test", "--locked"]);
    if !names_packages(&arguments.cargo_test) {
        command.arg("--workspace");
    }
    workspace::tell_parts(&mut command)?;
    process::run(command.args(&arguments.cargo_test))?;
    if arguments.cargo_test.is_empty() {
        fuzz::run_all(FUZZ_SECONDS)?;
    }
    Ok(())
}

fn names_packages(arguments: &[String]) -> bool {
    let before_tests = arguments.iter().take_while(|argument| *argument != "--");
    before_tests.into_iter().any(|argument| {
        argument.starts_with("-p") || argument.starts_with("--package") || argument == "--workspace"
    })
}

#[cfg(test)]
mod tests {
    use super::names_packages;

    #[test]
    fn the_whole_workspace_unless_packages_are_named() {
        let arguments = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for named in [
            "-p velum-engine",
            "-pvelum-engine",
            "--package=velum-engine x",
        ] {
            assert!(names_packages(&arguments(named)), "{named}");
        }
        for unnamed in ["", "masks_a_list", "masks_a_list -- -p"] {
            assert!(!names_packages(&arguments(unnamed)), "{unnamed}");
        }
    }
}
