//! The options of `velum mask`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum, ValueHint};
use velum_engine::{Ids, LimitDoc, Limits, Profile};

use crate::near::nearest;

/// What `--help` says behind the options.
pub(super) const AFTER_HELP: &str = "Examples:
  velum mask patient.json
  velum mask --policy policy.yaml --framing ndjson < export.ndjson > masked.ndjson
  velum mask export/ --output masked/ --report
  velum mask 'export/**/*.json.gz' --in-place
  velum mask --check fixtures/
  velum mask --ids pseudonym --key-file masking.key bundle.json
  velum mask --profile ./our-profile.yaml --profile pii people.json
  curl -s https://ehr.example/Patient/1 | velum mask --profile fhir-r4 --profile credentials
  curl -sN https://ehr.example/notifications | velum mask --framing events

Exit codes:
  0  done
  1  --check: something would be masked
  2  called wrongly, or the policy cannot be used; nothing was read
  3  an input could not be read, masked or written; the others were, without --fail-fast

A file is written whole or not at all. Standard output is streamed: on a fault it ends where the
fault is, and nothing that leaves is unmasked.";

#[derive(Debug, Args)]
pub(crate) struct MaskOptions {
    /// What to mask: a policy (YAML or JSON), or an Envoy configuration that holds one
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    pub(crate) policy: Option<PathBuf>,
    /// What to mask, by profile, may be repeated: the name of a shipped one, or a file (JSON or YAML)
    /// whose name ends so or has a slash. Where neither is given, all shipped profiles but
    /// hipaa-limited-data-set
    #[arg(long, value_name = "NAME|FILE", value_parser = profile)]
    pub(crate) profile: Vec<ChosenProfile>,
    /// What becomes of the ids of records and of references to them; pseudonym needs a key, and
    /// hipaa-safe-harbor or fhir-r4
    #[arg(long, value_name = "WHAT", value_parser = ids, default_value = "keep", hide_default_value = true, conflicts_with = "policy")]
    pub(crate) ids: Ids,
    #[command(flatten)]
    pub(crate) keys: KeyOptions,
    /// How JSON texts are laid out; where it is absent, the name of a file that ends in .ndjson, .jsonl
    /// or .json-seq (or so before .gz or .zst) says it, and anything else is one text
    #[arg(long, value_name = "FRAMING")]
    pub(crate) framing: Option<FramingName>,
    /// Set a limit, over what the policy says; may be repeated. With one that is exceeded, the error
    /// names it
    #[arg(long, value_name = "NAME=NUMBER", value_parser = limit)]
    pub(crate) limit: Vec<(&'static LimitDoc, usize)>,

    /// How many inputs are worked on at once; as many as there are processors where absent
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Stop at the first input that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Files, folders and globs; - and none at all are standard input. In folders, those that end in
    /// .json, .ndjson, .jsonl or .json-seq, or so before .gz or .zst
    pub(crate) inputs: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) looking: LookingOptions,
    #[command(flatten)]
    pub(crate) reporting: ReportingOptions,
}

/// The keys of what is masked with one; a policy names its own.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("keys").args(["key", "key_file"]).conflicts_with("policy")))]
pub(crate) struct KeyOptions {
    /// An environment variable that holds a key, at least 32 random bytes in base64; may be repeated:
    /// the first writes, all know their own output again
    #[arg(long, value_name = "VARIABLE", conflicts_with = "key_file")]
    pub(crate) key: Vec<String>,
    /// The same from files
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key_file: Vec<PathBuf>,
}

/// Where masked files go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// Write each input to a file in this folder: a file under its name, what is in a folder or
    /// matches a glob under its path from there
    #[arg(
        id = "output",
        long = "output",
        short = 'o',
        value_name = "DIR",
        value_hint = ValueHint::DirPath
    )]
    pub(crate) folder: Option<PathBuf>,
    /// Replace each input by what it is masked to; a file that this does not change is left alone
    #[arg(long, conflicts_with = "output")]
    pub(crate) in_place: bool,
    /// With --output, replace files that exist
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    /// Write compressed input (gzip, zstd) without compression; it is compressed again otherwise
    #[arg(long, conflicts_with = "in_place")]
    pub(crate) decompress: bool,
}

/// To know where values are without writing anything.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Looking only",
    group(ArgGroup::new("looking").args(["check", "report_only"]).multiple(true))
)]
pub(crate) struct LookingOptions {
    /// Mask nothing: print where values would be masked as --report-only does, and end with 1 if there
    /// are any
    #[arg(long, conflicts_with_all = ["output", "in_place", "decompress"])]
    pub(crate) check: bool,
    /// Mask nothing: print where values would be masked, one a line, as file, number of the JSON text,
    /// JSON Pointer, class and rule; never a value
    #[arg(long, conflicts_with_all = ["output", "in_place", "decompress"])]
    pub(crate) report_only: bool,
    /// With --check or --report-only, print one JSON object a line
    #[arg(long, requires = "looking")]
    pub(crate) json: bool,
}

impl LookingOptions {
    /// Whether nothing is masked.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.check || self.report_only
    }
}

/// What is told besides.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct ReportingOptions {
    /// Say for each input and in total how many values of each class were masked, by which rules, in
    /// how many records, and how many bytes no detector looked at; on standard error
    #[arg(
        long,
        value_name = "FORM",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "table"
    )]
    pub(crate) report: Option<ReportForm>,
    /// Write the report to this file instead
    #[arg(long, value_name = "FILE", requires = "report")]
    pub(crate) report_to: Option<PathBuf>,
    /// Show no progress, and with --check no findings either
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Show no progress; it is shown on a terminal only, when work takes more than a second
    #[arg(long)]
    pub(crate) no_progress: bool,
}

/// How JSON texts are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FramingName {
    /// One JSON text
    Json,
    /// One a line
    Ndjson,
    /// A JSON text sequence (RFC 7464)
    JsonSeq,
    /// One after the other
    Concatenated,
    /// Server-sent events (text/event-stream) with JSON data; each leaves as it is complete
    Events,
}

/// How a report is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    /// For people
    Table,
    /// For programs: one object
    Json,
}

/// A profile on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChosenProfile {
    Shipped(Profile),
    File(PathBuf),
}

fn profile(text: &str) -> Result<ChosenProfile, String> {
    if let Some(profile) = Profile::from_name(text) {
        return Ok(ChosenProfile::Shipped(profile));
    }
    let endings = [".json", ".yaml", ".yml"];
    if text.contains('/') || endings.iter().any(|ending| text.ends_with(ending)) {
        return Ok(ChosenProfile::File(PathBuf::from(text)));
    }
    let known: Vec<_> = Profile::ALL.iter().map(|profile| profile.name()).collect();
    let meant =
        nearest(text, &known).map_or_else(String::new, |near| format!("did you mean {near}? "));
    let known = known.join(", ");
    Err(format!(
        "{meant}known profiles: {known}; the name of a file ends in .json, .yaml or .yml, or has a slash"
    ))
}

fn ids(text: &str) -> Result<Ids, String> {
    let found = Ids::ALL.iter().find(|ids| ids.name() == text);
    found.copied().ok_or_else(|| {
        let known: Vec<_> = Ids::ALL.iter().map(|ids| ids.name()).collect();
        format!("known: {}", known.join(", "))
    })
}

fn limit(text: &str) -> Result<(&'static LimitDoc, usize), String> {
    let known = || {
        let known: Vec<_> = Limits::REFERENCE.iter().map(|doc| doc.name).collect();
        format!("write NAME=NUMBER; known limits: {}", known.join(", "))
    };
    let (name, number) = text.split_once('=').ok_or_else(known)?;
    let doc = Limits::REFERENCE.iter().find(|doc| doc.name == name);
    let doc = doc.ok_or_else(known)?;
    let number = number.parse().ok();
    let number = number.filter(|number| (doc.lowest..=doc.highest).contains(number));
    let range = || format!("a whole number from {} to {}", doc.lowest, doc.highest);
    Ok((doc, number.ok_or_else(range)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_names_or_files() {
        for (text, chosen) in [
            ("pii", ChosenProfile::Shipped(Profile::Pii)),
            ("pii.json", ChosenProfile::File("pii.json".into())),
            ("a.yml", ChosenProfile::File("a.yml".into())),
            ("./pii", ChosenProfile::File("./pii".into())),
        ] {
            assert_eq!(profile(text), Ok(chosen), "{text}");
        }
        let error = profile("hipaa-safe-habor").unwrap_err();
        assert!(
            error.starts_with("did you mean hipaa-safe-harbor? "),
            "{error}"
        );
        assert!(profile("x").unwrap_err().starts_with("known profiles: "));
    }
}
