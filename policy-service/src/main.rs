//! The command: reads the configuration, runs the service, stops on a signal.
#![expect(
    clippy::print_stdout,
    reason = "the one line on standard output is the interface"
)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use velum_policy_service::{Config, Options, Running, serve};

/// Velum's policy service: approvals and their audit log.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example:\n  velum-policy-service --config policy-service.toml --try\n\n\
        It prints one line of JSON with its address, its public key and, with --try, tokens.\n\
        Logs are lines of JSON on standard error; RUST_LOG sets what they tell (default: info)."
)]
struct Arguments {
    /// The configuration, in TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// For a first try on loopback: make and print tokens for callers that have none.
    #[arg(long = "try")]
    try_mode: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(arguments).await {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "velum-policy-service: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let config = Config::from_file(&arguments.config)?;
    let options = Options {
        try_mode: arguments.try_mode,
        ..Options::default()
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let service = serve(config, options).await?;
    announce(&service)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = service.failed() => return Ok(ExitCode::FAILURE),
    }
    service.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn announce(service: &Running) -> std::io::Result<()> {
    println!("{}", service.announcement());
    std::io::stdout().flush()
}
