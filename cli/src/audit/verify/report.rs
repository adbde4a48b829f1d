//! What a verification comes to, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};
use velum_approval::replay::{Finding, Report};
use velum_ledger::checkpoint::{Cosignature, SignedCheckpoint};

use super::Verdict;
use crate::failure::Failure;
use crate::show;
use crate::table::Table;

/// How many findings are printed for people; JSON has all.
const MOST: usize = 20;

/// A table of what holds and what does not, what there is, and what was not shown.
pub(in crate::audit) fn print(verdict: &Verdict) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let mut checks = Table::new(["CHECK", "RESULT", ""]);
    for (name, result, detail) in checks_of(verdict) {
        checks.row([name.to_owned(), result.to_owned(), detail]);
    }
    checks.write(&mut output)?;
    writeln!(output)?;
    for (name, value) in facts(verdict) {
        writeln!(output, "{name:<14}{value}")?;
    }
    let failures: Vec<String> = verdict.report.failures().map(sentence).collect();
    let notes: Vec<String> = verdict.report.notes().map(sentence).collect();
    let differences: Vec<String> = verdict
        .differences
        .iter()
        .map(|text| show::plain(text))
        .collect();
    let keys = verdict.keys.faults.clone();
    for (heading, lines) in [
        ("Not what was signed:", differences),
        ("Of its keys:", keys),
        ("Against the rules:", failures),
        ("Worth knowing:", notes),
    ] {
        list(&mut output, heading, &lines)?;
    }
    if verdict.report.omitted > 0 {
        writeln!(
            output,
            "\n{} findings more are not listed.",
            verdict.report.omitted
        )?;
    }
    if let Some(foundation) = rests_on(&verdict.report) {
        writeln!(output, "\n{foundation}")?;
    }
    writeln!(output, "\n{}", verdict.limit())?;
    let sentence = if verdict.holds() {
        "The log holds."
    } else {
        "The log does NOT hold."
    };
    writeln!(output, "{sentence}")?;
    output.flush()?;
    Ok(())
}

fn checks_of(verdict: &Verdict) -> [(&'static str, &'static str, String); 5] {
    let said = |is_so: bool| if is_so { "holds" } else { "FAILS" };
    let Some(_) = &verdict.head else {
        let unread = || "nothing is known without a checkpoint to believe".to_owned();
        return [
            ("signature", "FAILS", String::new()),
            ("keys", "not tried", unread()),
            ("records", "not tried", unread()),
            ("older", "not tried", unread()),
            ("rules", "not tried", unread()),
        ];
    };
    let size = verdict.size();
    let (all, of_older) = (verdict.differences.len(), verdict.older_differences);
    let differing = all.saturating_sub(of_older);
    let records = match (verdict.verified, differing) {
        (Some(whole), 0) => format!("{} records, {} tiles", whole.entries, whole.tiles),
        (_, 0) => format!("{size} records"),
        _ => format!("{differing} difference(s)"),
    };
    let older = match (verdict.heads + of_older, of_older, differing) {
        (0, ..) => ("not tried", "none was given".to_owned()),
        (given, 0, 0) => ("holds", format!("{given} checkpoint(s)")),
        (_, 0, _) => (
            "not known",
            "the records are not what was signed".to_owned(),
        ),
        _ => ("FAILS", format!("{of_older} difference(s)")),
    };
    let exchanges = match verdict.keys.rotations.len() {
        0 => "never exchanged".to_owned(),
        count => format!("exchanged {count} time(s)"),
    };
    let failures = verdict.report.failures().count();
    let rules = if verdict.read < size {
        format!(
            "{failures} failure(s); records from {} on were not read",
            verdict.read
        )
    } else {
        format!(
            "{failures} failure(s), {} note(s)",
            verdict.report.notes().count()
        )
    };
    [
        ("signature", "holds", show::plain(&verdict.origin)),
        ("keys", said(verdict.keys.faults.is_empty()), exchanges),
        ("records", said(differing == 0), records),
        ("older", older.0, older.1),
        (
            "rules",
            said(verdict.report.is_sound() && verdict.read == size),
            rules,
        ),
    ]
}

fn facts(verdict: &Verdict) -> Vec<(&'static str, String)> {
    let releases = verdict.report.releases;
    let mut facts = Vec::new();
    if let Some(head) = &verdict.head {
        let head = head.checkpoint();
        facts.push(("size", head.size().to_string()));
        facts.push(("root", head.root().to_string()));
        facts.push(("signed by", verdict.keys.signed_by.clone()));
    }
    for cosignature in cosignatures(verdict) {
        let time = moment(cosignature.time);
        let witness = show::plain(cosignature.witness.as_str());
        facts.push(("witness", format!("{witness}, at {time}")));
    }
    facts.push((
        "last record",
        verdict.last.clone().unwrap_or_else(|| "-".to_owned()),
    ));
    facts.push((
        "released",
        format!(
            "{} approved, {} in an emergency; of {} it was told what left",
            releases.approved, releases.in_emergency, releases.told
        ),
    ));
    facts
}

fn cosignatures(verdict: &Verdict) -> &[Cosignature] {
    verdict
        .head
        .as_ref()
        .map_or(&[], SignedCheckpoint::cosignatures)
}

/// When a witness says that it signed.
fn moment(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok();
    let moment = moment.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    moment.map_or_else(|| seconds.to_string(), |moment| moment.to_string())
}

/// What a log rests on that goes on from one which was not read.
pub(in crate::audit) fn rests_on(report: &Report) -> Option<String> {
    let before = report.rests_on.as_ref()?;
    Some(format!(
        "It goes on from {} ({} records), which was not read: {} of its releases rest on approvals there, and \
         stops that were begun there are not known. Verify them together.",
        show::plain(before.name.as_str()),
        before.size,
        report.releases.resting,
    ))
}

pub(super) fn sentence(finding: &Finding) -> String {
    show::plain(&finding.to_string())
}

pub(super) fn list(output: &mut impl Write, heading: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(output, "\n{heading}")?;
    for line in lines.iter().take(MOST) {
        writeln!(output, "  {line}")?;
    }
    if lines.len() > MOST {
        writeln!(output, "  and {} more; --json has them", lines.len() - MOST)?;
    }
    Ok(())
}

/// The same as one JSON object.
pub(super) fn print_json(verdict: &Verdict) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", to_json(verdict))?;
    output.flush()?;
    Ok(())
}

pub(super) fn finding_json(finding: &Finding) -> Value {
    json!({
        "index": finding.index,
        "approval": finding.approval.as_ref().map(ToString::to_string),
        "kind": finding.kind.name(),
        "sentence": finding.sentence,
    })
}

pub(in crate::audit) fn rests_on_json(report: &Report) -> Value {
    let before = report.rests_on.as_ref();
    before.map_or(
        Value::Null,
        |before| json!({"name": before.name.as_str(), "size": before.size}),
    )
}

fn to_json(verdict: &Verdict) -> Value {
    let finding = finding_json;
    let report = &verdict.report;
    let head = verdict.head.as_ref().map(SignedCheckpoint::checkpoint);
    let older = verdict.older.iter();
    let rotations = verdict.keys.rotations.iter();
    json!({
        "holds": verdict.holds(),
        "origin": verdict.origin,
        "signature": verdict.head.is_some(),
        "signed_by": verdict.head.as_ref().map(|_| &verdict.keys.signed_by),
        "rotations": rotations.map(|(rotation, is_covered)| json!({
            "index": rotation.index, "signed_by_the_key_before": is_covered,
        })).collect::<Value>(),
        "key_faults": verdict.keys.faults,
        "size": head.map(velum_ledger::checkpoint::Checkpoint::size),
        "root": head.map(|head| head.root().to_string()),
        "last_record": verdict.last,
        "witnesses": cosignatures(verdict).iter().map(|cosignature| json!({
            "name": cosignature.witness.as_str(), "time": moment(cosignature.time),
        })).collect::<Value>(),
        "older_heads": verdict.heads,
        "older": older.map(|(file, size)| json!({"file": file.to_string_lossy(), "size": size})).collect::<Value>(),
        "differences": verdict.differences,
        "records_read": verdict.read,
        "failures": report.failures().map(finding).collect::<Value>(),
        "notes": report.notes().map(finding).collect::<Value>(),
        "omitted": report.omitted,
        "events": report.counts,
        "releases": {
            "approved": report.releases.approved,
            "in_emergency": report.releases.in_emergency,
            "told": report.releases.told,
            "resting": report.releases.resting,
        },
        "rests_on": rests_on_json(report),
        "not_shown": verdict.limit(),
    })
}
