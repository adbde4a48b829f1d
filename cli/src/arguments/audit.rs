//! `velum audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use velum_approval::{ApprovalId, Salt};
use velum_ledger::note::VerifierKey;

pub(super) const AFTER_HELP: &str = "Examples:
  velum audit tail
  velum audit export --format tiles --out audit-2026
  velum audit verify audit-2026 --key-file log.keys --since last-year.checkpoint

`verify`, `check-proof`, `check-text`, `evidence`, and `prove` with --dir, ask no service. They end with 0 where all
holds, 1 where something does not, 2 where they were called wrongly, 3 where something cannot be read.";

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the last records
    #[command(after_help = "Examples:
  velum audit tail
  velum audit tail --after 41 --json
  velum audit tail --follow")]
    Tail(TailOptions),
    /// Find records by type, approval, person or time
    #[command(after_help = "Examples:
  velum audit search --type grant.used --after 2026-11-01
  velum audit search --approval 0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e --json
  velum audit search --person grace")]
    Search(SearchOptions),
    /// Write the log into a folder that anyone can verify, or into one file
    #[command(after_help = "Examples:
  velum audit export --format tiles --out audit-2026
  velum audit export --format cloudevents --out audit.jsonl
  velum audit export --format csv --out -
  velum audit export --format tiles --all --out audit

Exported is what is under the last signed head. A folder that is there goes on where it was.")]
    Export(ExportOptions),
    /// Verify an exported log: its signature, every record, every tile, and what the records say
    #[command(after_help = "Examples:
  velum audit verify audit-2026 --key-file log.keys
  velum audit verify audit-2026 --key-file log.keys --since last-month.checkpoint --json
  velum audit verify audit-2026 --key-file log.keys --anchor heads \\
    --witness witness.example/w1+eb762cc2+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea

Ends with 0 where all holds, 1 where something does not, 2 where it was called wrongly, 3 where something
cannot be read. Without an older checkpoint from elsewhere, a log that was rewritten and signed again by
whoever has the key is not seen.")]
    Verify(VerifyOptions),
    /// Print the proof that a record is in the log, for keeping
    #[command(after_help = "Examples:
  velum audit prove --index 41 > 41.tlog-proof
  velum audit prove --index 41 --dir audit-2026 > 41.tlog-proof")]
    Prove(ProveOptions),
    /// Verify a proof, and print the record in it
    #[command(after_help = "Example:
  velum audit check-proof 41.tlog-proof --key-file log.keys

Ends with 0 where it holds, 1 where it does not, 2 where it was called wrongly, 3 where it cannot be read.")]
    CheckProof(CheckProofOptions),
    /// Check that a reason or a comment is the one that the log has a commitment to
    #[command(after_help = "Example:
  velum audit check-text reason.txt --salt 6nS2...Zk --dir audit-2026 --key-file log.keys

Text and salt are in the receipt of an approval (GET /v1/approvals/{id}/receipt), for those who may read them. The
log is verified first. Ends with 0 where a record has a commitment to exactly this text, 1 where none has or the
log does not hold, 2 where it was called wrongly, 3 where something cannot be read.")]
    CheckText(CheckTextOptions),
    /// Write a folder for an auditor: a sample of releases with proofs, who decided, what is missing
    #[command(after_help = "Example:
  velum audit evidence --dir audit-2026 --key-file log.keys --from 2026-01-01 --to 2026-04-01 --sample 25 \\
    --seed q1-2026 --out evidence-q1

Verifies the log first, and writes nothing where something does not hold. The same log, period and seed
give the same sample.")]
    Evidence(EvidenceOptions),
    /// Print what records there are: when each is written, why, and what it holds
    #[command(after_help = "Examples:
  velum audit events
  velum audit events --json")]
    Events(EventsOptions),
}

#[derive(Debug, Args)]
pub(crate) struct EventsOptions {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TailOptions {
    /// How many of the last records
    #[arg(long, default_value_t = 20, value_name = "N", conflicts_with = "after")]
    pub(crate) lines: usize,
    /// All records after this index instead
    #[arg(long, value_name = "INDEX")]
    pub(crate) after: Option<u64>,
    /// Stay, and print what comes
    #[arg(long)]
    pub(crate) follow: bool,
    /// Print JSON, one record a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SearchOptions {
    /// Of this type: `grant.used`, or `grant` for all that begin so
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// About this approval
    #[arg(long, value_name = "ID")]
    pub(crate) approval: Option<ApprovalId>,
    /// That name this person: who acted, asked, approved, opened, or is behind what was asked
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<String>,
    /// From this time on: `2026-11-23`, or `2026-11-23T20:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) after: Option<jiff::Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) before: Option<jiff::Timestamp>,
    /// Print JSON, one record a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A folder as C2SP tlog-tiles has it, with everything to verify it
    Tiles,
    /// A file with one record a line, byte for byte
    Cloudevents,
    /// A file for a spreadsheet: index, time, type, code, approval, actor
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// What to write
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: ExportFormat,
    /// The folder, or the file; `-` is standard output
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// Which log: 1, 2, …; the one that grows where absent
    #[arg(long, value_name = "N")]
    pub(crate) log: Option<u64>,
    /// Up to the last checkpoint that a witness has cosigned, which may be an older one; with --all the last log
    #[arg(long)]
    pub(crate) cosigned: bool,
    /// Every log, each in a folder of its own within the folder
    #[arg(long, conflicts_with = "log")]
    pub(crate) all: bool,
}

/// Whose signature is believed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct Trusted {
    /// The key of the log, `name+id+base64`, from somewhere else than the log; one that it had leads to those after
    #[arg(
        long = "key",
        value_name = "VKEY",
        required_unless_present = "key_file"
    )]
    pub(crate) keys: Vec<VerifierKey>,
    /// A file with such keys, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The origin of its checkpoints; the keys' name where absent
    #[arg(long, value_name = "NAME")]
    pub(crate) origin: Option<String>,
    /// The key of a witness that must have cosigned the checkpoint, each that is wanted
    #[arg(long = "witness", value_name = "VKEY")]
    pub(crate) witnesses: Vec<VerifierKey>,
}

/// What was kept of a log elsewhere.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kept elsewhere")]
pub(crate) struct Kept {
    /// A checkpoint of the same log that was kept somewhere else, each that there is
    #[arg(long, value_name = "CHECKPOINT")]
    pub(crate) since: Vec<PathBuf>,
    /// A file in which an anchor keeps checkpoints, each that there is: all of them are compared
    #[arg(long = "anchor", value_name = "FILE")]
    pub(crate) anchors: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// The folder, as `velum audit export --format tiles` writes it; with `--all` those of every year
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
    #[command(flatten)]
    pub(crate) kept: Kept,
    /// Note where nothing was recorded for longer than so many minutes, and one more: the log's heartbeat
    #[arg(long, value_name = "MINUTES")]
    pub(crate) heartbeat: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckTextOptions {
    /// The file with the text, and nothing else: one line break at its end is not counted
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The salt, as the receipt has it
    #[arg(long, value_name = "SALT")]
    pub(crate) salt: Salt,
    /// The folder, as `velum audit export --format tiles` writes it
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

#[derive(Debug, Args)]
pub(crate) struct ProveOptions {
    /// The record's place in its log, from 0
    #[arg(long, value_name = "N")]
    pub(crate) index: u64,
    /// From an exported folder, without asking the service
    #[arg(long, value_name = "DIR", conflicts_with = "log")]
    pub(crate) dir: Option<PathBuf>,
    /// Which log: 1, 2, …; the one that grows where absent
    #[arg(long, value_name = "N")]
    pub(crate) log: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckProofOptions {
    /// The proof
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
    /// The record, where the proof does not have it
    #[arg(long, value_name = "FILE")]
    pub(crate) leaf: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EvidenceOptions {
    /// The folder, as `velum audit export --format tiles` writes it
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) trusted: Trusted,
    #[command(flatten)]
    pub(crate) kept: Kept,
    /// The first moment of the period: `2026-11-23`, or `2026-11-23T20:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: jiff::Timestamp,
    /// The moment at which it is over
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: jiff::Timestamp,
    /// How many releases to choose
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub(crate) sample: usize,
    /// What the choice depends on: any text, best given by the auditor
    #[arg(long, value_name = "TEXT")]
    pub(crate) seed: String,
    /// The longest that the log may be silent, in minutes: its heartbeat
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    pub(crate) heartbeat: u32,
    /// The folder to write; it must not be there
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}

/// A moment, or the first one of a day in UTC.
fn time(text: &str) -> Result<jiff::Timestamp, String> {
    let whole = if text.contains('T') {
        text.to_owned()
    } else {
        format!("{text}T00:00:00Z")
    };
    let moment = whole.parse();
    moment.map_err(|_| {
        "a day such as 2026-11-23, or a moment such as 2026-11-23T20:00:00Z".to_owned()
    })
}
