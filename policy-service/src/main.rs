//! The command: reads the configuration, runs the service, stops on a signal.
#![expect(
    clippy::print_stdout,
    reason = "the lines on standard output are the interface"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use velum_approval::{PersonId, Reason};
use velum_policy_service::{
    Config, Options, Pruning, Running, SignerConfig, check_config, check_store, make_keys,
    migrate_store, prune, recover, run_signer, serve,
};

/// Velum's policy service: approvals and their audit log.
#[derive(Parser)]
#[command(
    version,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  velum-policy-service --config policy-service.toml --try\n\n\
        It prints one line of JSON with its address, its public key and, with --try, tokens and links.\n\
        Logs are lines of JSON on standard error; RUST_LOG sets what they tell (default: info).\n\
        SIGTERM and SIGINT: answers who waits, lets open requests end, exits within 10 s.\n\
        SIGHUP: reads certificates anew; connections stay."
)]
struct Arguments {
    /// The configuration, in TOML.
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// For a first try on loopback: make and print tokens for callers that have none, and
    /// a link for each reviewer that signs them in once.
    #[arg(long = "try")]
    try_mode: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Says whether the service would start with a configuration, and every fault with its place.
    ///
    /// Reads the files that it names too: policies, certificates, keys. Opens no store and no address,
    /// and makes nothing. Exits with 1 where there is a fault.
    CheckConfig {
        /// The configuration, in TOML.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Signs the heads of the audit log for a service that has not got the key (`[audit] signer`).
    ///
    /// It listens on a Unix socket, signs only what continues what it has signed before, and prints one line
    /// of JSON with its socket and its public keys. Run it as a user of its own. SIGTERM ends it.
    Signer {
        /// Its configuration, in TOML.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Goes on after a database was restored that has lost records, or the log's key was lost or stolen. Stop
    /// the service first.
    ///
    /// The service starts in recovery when the fence, or the last signed head, is beyond the log: it only
    /// reads then. This closes the log as it is, opens the next one, whose first record says so, and ends
    /// every approval and grant of before: what was used since the backup is not used again.
    Recover {
        /// The configuration, in TOML.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Say that this is meant.
        #[arg(long, required = true)]
        open_new_log: bool,
        /// Who you are: a reviewer of the configuration.
        #[arg(long, value_name = "PERSON")]
        by: PersonId,
        /// Why, for the auditor.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Makes signing.key, fingerprint.key and log.key where they are missing, and prints the public key.
    MakeKeys {
        /// The folder, made where it is missing.
        #[arg(long, value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Moves a store from SQLite to an empty PostgreSQL database. Stop the service first.
    MigrateStore {
        /// The data folder of the service, as `sqlite:FOLDER` or `FOLDER`.
        #[arg(long, value_name = "FOLDER")]
        from: String,
        #[command(flatten)]
        to: To,
    },
    /// Removes audit logs of years before one, whole, after their retention. Stop the service first.
    ///
    /// Takes with each what belongs to it, and writes a record that says so in the log that is open, in the
    /// same transaction. Only says what would go unless --yes is given. See docs/audit.md.
    Prune {
        /// The configuration, in TOML.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The first year that stays.
        #[arg(long, value_name = "YEAR")]
        before: u32,
        /// Who you are: a reviewer of the configuration.
        #[arg(long, value_name = "PERSON")]
        by: PersonId,
        /// Why, for the auditor.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Say what would go, and remove nothing: so it is without --yes too.
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
        /// Say that this is meant.
        #[arg(long)]
        yes: bool,
    },
    /// Checks that a database keeps what a store has to, in a schema of its own that it drops.
    StoreCheck {
        #[command(flatten)]
        dsn: Dsn,
        /// Over how many grants 16 racers race.
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        grants: usize,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct To {
    /// The database: `postgres://user@host/database`.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The environment variable that holds it, so that a password stands in no list of processes.
    #[arg(long, value_name = "NAME")]
    to_environment: Option<String>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Dsn {
    /// The database: `postgres://user@host/database`.
    #[arg(long, value_name = "URL")]
    dsn: Option<String>,
    /// The environment variable that holds it, so that a password stands in no list of processes.
    #[arg(long, value_name = "NAME")]
    dsn_environment: Option<String>,
}

/// How long threads are waited for at the end: one that waits for a volume which does not answer would be for
/// ever.
const LAST_WORK: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let outcome = Runtime::new().map_err(Into::into).and_then(|runtime| {
        let outcome = runtime.block_on(run_arguments(arguments));
        runtime.shutdown_timeout(LAST_WORK);
        outcome
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "velum-policy-service: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run_arguments(mut arguments: Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match arguments.command.take() {
        None => run(arguments).await,
        Some(command) => run_command(command).await,
    }
}

async fn run_command(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::CheckConfig { config } => match check_config(&config).await {
            Ok(summary) => {
                println!("{summary}");
                Ok(ExitCode::SUCCESS)
            }
            Err(faults) => {
                for fault in faults {
                    println!("{fault}");
                }
                Ok(ExitCode::FAILURE)
            }
        },
        Command::Recover {
            config, by, reason, ..
        } => {
            let config = Config::from_file(&config)?;
            let reason = Reason::new(reason)?;
            let done = recover(config, Options::default(), by, reason).await?;
            println!("{done}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Signer { config } => {
            let config = SignerConfig::from_file(&config)?;
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let signer = run_signer(&config, &*Options::default().random)?;
            println!("{}", signer.announcement());
            std::io::stdout().flush()?;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::MakeKeys { folder } => {
            println!("{}", make_keys(&folder)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::MigrateStore { from, to } => {
            let from = Path::new(from.strip_prefix("sqlite:").unwrap_or(&from));
            let to = database(to.to, to.to_environment)?;
            println!("{}", migrate_store(from, &to).await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Prune {
            config,
            before,
            by,
            reason,
            dry_run,
            yes,
        } => {
            let config = Config::from_file(&config)?;
            let pruning = Pruning {
                before,
                by,
                reason: Reason::new(reason)?,
                is_dry: dry_run || !yes,
            };
            println!("{}", prune(config, Options::default(), pruning).await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::StoreCheck { dsn, grants } => {
            let dsn = database(dsn.dsn, dsn.dsn_environment)?;
            let holds = check_store(&dsn, grants, |line| println!("{line}")).await?;
            Ok(if holds {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

fn database(url: Option<String>, variable: Option<String>) -> Result<String, String> {
    let of_variable = |name: String| {
        std::env::var(&name).map_err(|_| format!("the environment variable `{name}` is not set"))
    };
    match variable {
        Some(name) => of_variable(name),
        None => url.ok_or_else(|| "no database is named".to_owned()),
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let config = arguments.config.ok_or("--config is missing")?;
    let config = Config::from_file(&config)?;
    let options = Options {
        try_mode: arguments.try_mode,
        ..Options::default()
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let service = serve(config, options).await?;
    announce(&service)?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => service.reload(),
            () = service.failed() => return Ok(ExitCode::FAILURE),
        }
    }
    service.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn announce(service: &Running) -> std::io::Result<()> {
    println!("{}", service.announcement());
    std::io::stdout().flush()
}
