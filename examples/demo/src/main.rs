//! The main job, told as a story: an example FHIR API, the policy service and a real Envoy with the
//! filter, all on loopback, with the real requests and answers.

mod patient;
mod stage;
mod story;
mod telling;

use std::process::ExitCode;

use clap::Parser;

use stage::Stage;
use telling::say;

/// Shows Velum at work; `cargo xtask demo` builds what it needs and starts it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Run through, check every answer, and end: exit status 0 if all were as told.
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("\nThe demo failed: {failure}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> velum_harness::Result<()> {
    telling::opening();
    let mut stage = Stage::start().await?;
    telling::parts(&stage);
    let told = story::tell(&mut stage).await;
    if let Err(failure) = told {
        telling::logs(&stage);
        return Err(failure);
    }
    if arguments.once {
        say("\nEvery answer was as told.");
        return Ok(());
    }
    telling::your_turn(&stage)?;
    // A failure to listen for Ctrl-C ends the demo as Ctrl-C would.
    let _ = tokio::signal::ctrl_c().await;
    say("\nStopped.");
    Ok(())
}
