//! `velum audit evidence`: a folder for an auditor, from an exported log, which is verified first.

mod gathering;
mod page;
mod sampling;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use velum_approval::replay::{Finding, Kind};
use velum_ledger::checkpoint::SignedCheckpoint;
use velum_ledger::tile::{Resource, bundles_of_growth};

use self::gathering::{Gathered, Period};
use super::export::lines::cell;
use super::folder::Folder;
use super::verify::{Verdict, report, verify};
use super::{prove, record, trust};
use crate::arguments::EvidenceOptions;
use crate::failure::Failure;
use crate::show;

/// A release that was chosen, and the records of its approval and its emergency access.
struct Chosen {
    index: u64,
    leaf: Value,
    related: Vec<u64>,
}

/// Verifies, chooses, and writes the folder whole or not at all.
pub(super) fn run(options: &EvidenceOptions) -> Result<ExitCode, Failure> {
    if options.from >= options.to {
        return Err(Failure::misused("--from is not before --to"));
    }
    if options.out.exists() {
        let message = format!(
            "{}: it is there already: give another folder",
            show::path(&options.out)
        );
        return Err(Failure::misused(message));
    }
    let trust = trust::of(&options.trusted)?;
    let period = Period {
        from: options.from,
        to: options.to,
    };
    let mut gathered = Gathered::new(period, options.heartbeat);
    let verdict = verify(&options.dir, &trust, &options.kept, None, |index, leaf| {
        gathered.take(index, &record::parse(leaf));
        Ok(())
    })?;
    let Some(head) = verdict.head.as_ref().filter(|_| verdict.holds()) else {
        report::print(&verdict)?;
        return Err(Failure::new(
            "no evidence was written: the log does not hold",
        ));
    };
    let sample = sampling::choose(&options.seed, &gathered.releases, options.sample);
    let chosen = related(&options.dir, head, &sample)?;
    write(options, &verdict, head, &gathered, &chosen)?;
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "{}: {} of {} release(s) in the period, with {} proof(s)",
        show::path(&options.out),
        chosen.len(),
        gathered.releases.len(),
        chosen.iter().map(|one| one.related.len()).sum::<usize>(),
    )?;
    writeln!(output, "{}", verdict.limit())?;
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What has to do with the releases of the sample, found in a second reading.
fn related(path: &Path, head: &SignedCheckpoint, sample: &[u64]) -> Result<Vec<Chosen>, Failure> {
    let (folder, size) = (Folder::new(path), head.checkpoint().size());
    let mut chosen = Vec::new();
    for index in sample {
        chosen.push(Chosen {
            index: *index,
            leaf: record::parse(&folder.entry(*index, size)?),
            related: Vec::new(),
        });
    }
    let mut approvals: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let mut emergencies: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (place, one) in chosen.iter().enumerate() {
        if let Some(approval) = record::approval(&one.leaf) {
            approvals
                .entry(approval.to_owned())
                .or_default()
                .insert(place);
        }
        if let Some(emergency) = one.leaf["data"]["use"]["emergency"].as_str() {
            emergencies
                .entry(emergency.to_owned())
                .or_default()
                .insert(place);
        }
    }
    for bundle in bundles_of_growth(0, size) {
        let Some(bytes) = folder.read(Resource::Bundle(bundle))? else {
            return Err(changed(path));
        };
        let leaves = bundle.parse(&bytes).map_err(|_| changed(path))?;
        for (index, leaf) in (bundle.entries().start..).zip(leaves) {
            let leaf = record::parse(leaf);
            let of_approval = record::approval(&leaf).and_then(|id| approvals.get(id));
            let id = leaf["data"]["emergency"]["id"].as_str();
            let of_emergency = id.and_then(|id| emergencies.get(id));
            for place in of_approval.into_iter().chain(of_emergency).flatten() {
                if let Some(one) = chosen.get_mut(*place) {
                    one.related.push(index);
                }
            }
        }
    }
    Ok(chosen)
}

fn changed(path: &Path) -> Failure {
    let path = show::path(path);
    Failure::Unread(format!("{path}: it changed while it was read: try again"))
}

fn write(
    options: &EvidenceOptions,
    verdict: &Verdict,
    head: &SignedCheckpoint,
    gathered: &Gathered,
    chosen: &[Chosen],
) -> Result<(), Failure> {
    let out = &options.out;
    let unwritable = |error: &io::Error| Failure::unwritable(out, error);
    let parent = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let scratch = tempfile::Builder::new()
        .prefix(".velum-")
        .tempdir_in(parent);
    let scratch = scratch.map_err(|error| unwritable(&error))?;
    let put = |name: &str, bytes: &[u8]| {
        let file = scratch.path().join(name);
        let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
        folder
            .and_then(|()| fs::write(&file, bytes))
            .map_err(|error| unwritable(&error))
    };
    let note = head.note();
    put("checkpoint", note.to_string().as_bytes())?;
    for one in chosen {
        for index in &one.related {
            let proof = prove::under(&options.dir, note.clone(), head.checkpoint(), *index)?;
            let name = if *index == one.index {
                "use".to_owned()
            } else {
                format!("record-{index}")
            };
            let name = format!("sample/{}/{name}.tlog-proof", one.index);
            put(&name, proof.to_string().as_bytes())?;
        }
    }
    let population = population(options, verdict, head, gathered, chosen);
    put("population.json", format!("{population:#}\n").as_bytes())?;
    let gaps = gaps(verdict, gathered);
    put("gaps.json", format!("{gaps:#}\n").as_bytes())?;
    let configurations = Value::from(gathered.configurations.clone());
    let text = format!("{configurations:#}\n");
    put("configurations.json", text.as_bytes())?;
    put("reviewers.csv", reviewers(gathered).as_bytes())?;
    let page = page::write(&page::Shown {
        options,
        verdict,
        head: head.checkpoint(),
        gathered,
        chosen,
        gaps: &gaps,
    });
    put("index.html", page.as_bytes())?;
    fs::rename(scratch.path(), out).map_err(|error| unwritable(&error))
}

fn population(
    options: &EvidenceOptions,
    verdict: &Verdict,
    head: &SignedCheckpoint,
    gathered: &Gathered,
    chosen: &[Chosen],
) -> Value {
    let head = head.checkpoint();
    json!({
        "origin": head.origin(),
        "size": head.size(),
        "root": head.root().to_string(),
        "period": {"from": options.from.to_string(), "to": options.to.to_string()},
        "releases": {
            "all": gathered.releases.len(),
            "in_emergency": gathered.in_emergency,
        },
        "sample": {
            "seed": options.seed,
            "asked": options.sample,
            "method": sampling::METHOD,
            "indices": chosen.iter().map(|one| one.index).collect::<Vec<_>>(),
        },
        "older_checkpoints": verdict.older.iter().map(|(_, size)| *size).collect::<Vec<_>>(),
        "not_shown": verdict.limit(),
    })
}

fn gaps(verdict: &Verdict, gathered: &Gathered) -> Value {
    let place = |note: &Finding| note.index.saturating_sub(verdict.report.first);
    let missing = verdict.report.notes().filter(|note| {
        note.kind == Kind::OutcomeMissing && gathered.releases.binary_search(&place(note)).is_ok()
    });
    json!({
        "worker_batches": gathered.batches,
        "silences": gathered.silences,
        "silent_at_most_seconds": gathered.patience(),
        "outcomes_missing": missing.map(|note| json!({
            "index": place(note),
            "approval": note.approval.as_ref().map(ToString::to_string),
        })).collect::<Vec<_>>(),
        "log_begins_after_the_period_does": gathered.begins_late(),
        "log_ends_before_the_period_does": gathered.ends_early(),
        "rests_on": report::rests_on_json(&verdict.report),
        "releases_that_rest_on_it": verdict.report.releases.resting,
        "not_listed": gathered.omitted,
    })
}

fn reviewers(gathered: &Gathered) -> String {
    let mut text = "person,verdict,votes\n".to_owned();
    for ((person, verdict), votes) in &gathered.votes {
        let (person, verdict, votes) = (cell(person), cell(verdict), votes.to_string());
        text.extend([&*person, ",", &verdict, ",", &votes, "\n"]);
    }
    text
}
