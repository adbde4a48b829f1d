//! `schemathesis`: requests generated from the API's document, against a service that runs. It fails on
//! an answer of 5xx, and on one that the document does not name.

use clap::Args;

use crate::{Result, process, say, setup, workspace};

/// What shows it.
const TEST: &str = "tests::generated";

/// How many requests.
#[derive(Args)]
pub(crate) struct Arguments {
    /// 500 requests of each operation in the place of 20: minutes
    #[arg(long)]
    long: bool,
}

/// Sets it up and runs it.
pub(crate) fn run(arguments: &Arguments) -> Result {
    setup::schemathesis::find_or_install()?;
    say::step("schemathesis against the policy service");
    let mut command = process::cargo();
    workspace::tell_parts(&mut command)?;
    if arguments.long {
        command.env("VELUM_LONG", "1");
    }
    let figures = workspace::root().join("target/claims");
    std::fs::create_dir_all(&figures).map_err(|error| error.to_string())?;
    command.env("VELUM_FIGURES", &figures);
    process::run(command.args([
        "test",
        "--locked",
        "--package",
        "velum-policy-service",
        "--lib",
        TEST,
    ]))?;
    let name = "no_generated_request_finds_a_fault_or_an_answer_that_is_not_in_the_document.txt";
    let figure = std::fs::read_to_string(figures.join(name)).map_err(|error| error.to_string())?;
    say::result(&format!("schemathesis: {figure}"));
    Ok(())
}
