//! Several logs, a year each: every one by itself, that each goes on from the one before, and the records of
//! all of them together.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, json};
use velum_approval::replay::{Replay, Report};
use velum_ledger::checkpoint::{Checkpoint, SignedCheckpoint};
use velum_ledger::note::VerifierKey;

use super::report::{finding_json, list, rests_on, rests_on_json, sentence};
use super::{Verdict, kept, verify_one};
use crate::arguments::{Kept, VerifyOptions};
use crate::audit::export::LIST;
use crate::audit::{folder, record, trust};
use crate::failure::Failure;
use crate::show;
use crate::table::Table;

/// More than a list of logs takes.
const MOST: usize = 1 << 20;

/// A log of the list. What it says is verified, or it is where to look.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    #[serde(rename = "number")]
    _number: u64,
    folder: String,
    /// The index of the record which says that it was removed.
    pruned: Option<u64>,
}

/// What the logs were found to be.
#[derive(Default)]
struct Years {
    verdicts: Vec<Verdict>,
    /// Where they do not go on from each other, or one is missing.
    links: Vec<String>,
    /// Of which of them not all is here, although the next one goes on from that.
    gone: Vec<String>,
    /// Those that were removed, as the records say.
    removed: Vec<Removed>,
    /// The log that the first one goes on from.
    foundation: Option<Value>,
    /// Whether the first one goes on from it because records were lost: there was less of it then.
    is_recovered: bool,
    /// The log that the last one says goes on from it.
    next: Option<String>,
}

/// What a record says of a log that was removed.
struct Removed {
    log: Value,
    by: String,
    time: String,
}

/// Whether the folder has several logs.
pub(super) fn is_there(path: &Path) -> bool {
    path.join(LIST).exists() && !path.join("checkpoint").exists()
}

pub(super) fn run(options: &VerifyOptions) -> Result<ExitCode, Failure> {
    let mut keys = trust::keys(&options.trusted)?;
    let listed = read(&options.folder)?;
    let mut replay = super::replay(options.heartbeat);
    let mut years = Years::default();
    let mut older = Older::read(&options.kept)?;
    let there: Vec<&Listed> = listed.iter().filter(|log| log.pruned.is_none()).collect();
    for (place, log) in there.iter().enumerate() {
        if place > 0 {
            replay.begin_next();
        }
        let kept = older.take(&log.name);
        // The last of them has the roots of those before it: whoever cosigned it has seen these too.
        let witnesses: &[_] = if place + 1 == there.len() {
            &options.trusted.witnesses
        } else {
            &[]
        };
        let given = (&keys[..], witnesses);
        let believed = years.add(&options.folder, log, given, &kept, &mut replay)?;
        // The key that a log ends with signs the next one.
        keys.extend(believed);
    }
    let report = replay.finish();
    years.account_for(&listed);
    for log in listed.iter().filter(|log| log.pruned.is_some()) {
        years.compare_removed(&log.name, &keys, &older.take(&log.name))?;
    }
    for file in older.rest() {
        let file = show::path(&file);
        years.links.push(format!(
            "the older checkpoint {file}: it is of none of these logs"
        ));
    }
    let printed = if options.json {
        print_json(&years, &report)
    } else {
        print(&years, &report)
    };
    match printed {
        Ok(()) | Err(Failure::OutputClosed) => {}
        Err(failure) => return Err(Failure::Unread(failure.to_string())),
    }
    Ok(if holds(&years, &report) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read(path: &Path) -> Result<Vec<Listed>, Failure> {
    let file = path.join(LIST);
    let bytes = folder::read(&file, MOST).map_err(|error| Failure::unread(&file, &error))?;
    let unread = |fault: &str| Failure::Unread(format!("{}: {fault}", show::path(&file)));
    let listed: Vec<Listed> =
        serde_json::from_slice(&bytes).map_err(|_| unread("it is no list of logs"))?;
    let is_plain = |log: &Listed| {
        let edges = log.folder.starts_with('.') || log.folder.is_empty();
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        !edges && log.folder.bytes().all(letters)
    };
    if !listed.iter().all(is_plain) {
        return Err(unread("it names a folder that no log has"));
    }
    if listed.iter().all(|log| log.pruned.is_some()) {
        return Err(unread("there is no log in it"));
    }
    Ok(listed)
}

/// What was kept elsewhere, by the log that it is of.
struct Older {
    checkpoints: Vec<(String, PathBuf)>,
    /// An anchor's file has the heads of several years.
    anchors: Vec<Anchor>,
}

struct Anchor {
    file: PathBuf,
    origins: BTreeSet<String>,
    is_taken: bool,
}

impl Older {
    fn read(kept: &Kept) -> Result<Self, Failure> {
        let mut checkpoints = Vec::new();
        for file in &kept.since {
            let bytes = folder::checkpoint_file(file)?;
            // Its signature is verified with its log; of one that is no checkpoint nobody is the log.
            let origin = folder::unverified(&bytes)
                .map_or_else(|_| String::new(), |(_, head)| head.origin().to_owned());
            checkpoints.push((origin, file.clone()));
        }
        let anchors = kept.anchors.iter().map(|file| {
            Ok(Anchor {
                file: file.clone(),
                origins: kept::origins(file)?,
                is_taken: false,
            })
        });
        let anchors = anchors.collect::<Result<_, Failure>>()?;
        Ok(Self {
            checkpoints,
            anchors,
        })
    }

    fn take(&mut self, name: &str) -> Kept {
        let own = self
            .checkpoints
            .extract_if(.., |(origin, _)| origin == name);
        let since = own.map(|(_, file)| file).collect();
        let mut anchors = Vec::new();
        for anchor in &mut self.anchors {
            if anchor.origins.contains(name) {
                anchor.is_taken = true;
                anchors.push(anchor.file.clone());
            }
        }
        Kept { since, anchors }
    }

    fn rest(self) -> impl Iterator<Item = PathBuf> {
        let anchors = self.anchors.into_iter().filter(|anchor| !anchor.is_taken);
        let checkpoints = self.checkpoints.into_iter().map(|(_, file)| file);
        checkpoints.chain(anchors.map(|anchor| anchor.file))
    }
}

impl Years {
    fn add(
        &mut self,
        path: &Path,
        log: &Listed,
        (keys, witnesses): (&[VerifierKey], &[VerifierKey]),
        kept: &Kept,
        replay: &mut Replay,
    ) -> Result<Vec<VerifierKey>, Failure> {
        let Some(trust) = trust::of_year(keys, witnesses, &log.name) else {
            let name = show::plain(&log.name);
            let message =
                format!("no key that was given signs for {name}: give --key or --key-file");
            return Err(Failure::misused(message));
        };
        let (mut first, mut last, mut removed) = (Value::Null, Value::Null, Vec::new());
        let folder = path.join(&log.folder);
        let verdict = verify_one(&folder, &trust, kept, replay, |index, leaf| {
            let leaf = record::parse(leaf);
            if leaf["data"]["code"] == "VA1706I" {
                removed.push(Removed {
                    log: leaf["data"]["log"]["pruned"].clone(),
                    by: show::plain(record::actor(&leaf)),
                    time: show::plain(leaf["time"].as_str().unwrap_or_default()),
                });
            }
            if index == 0 {
                first = leaf["data"]["log"].clone();
            }
            last = leaf["data"]["log"]["next"].clone();
            Ok(())
        })?;
        if self.verdicts.is_empty() {
            self.is_recovered = first["restored"].is_u64();
        }
        self.link(&first["previous"], &verdict);
        self.removed.extend(removed);
        self.next = last.as_str().map(show::plain);
        let believed = verdict.believed.clone();
        self.verdicts.push(verdict);
        Ok(believed)
    }

    /// The first record of a log has the root of the one before it. Its name and size are seen where the
    /// records are read again.
    fn link(&mut self, previous: &Value, verdict: &Verdict) {
        let Some(before) = self.verdicts.last() else {
            self.foundation = Some(previous.clone()).filter(Value::is_object);
            return;
        };
        let Some(head) = before.head.as_ref().map(SignedCheckpoint::checkpoint) else {
            return;
        };
        let is_it = previous["name"] == before.origin.as_str();
        if previous.is_object() && (!is_it || previous["size"].as_u64() > Some(head.size())) {
            let of = show::plain(previous["name"].as_str().unwrap_or_default());
            self.gone.push(format!(
                "{} goes on from {of} ({} records), and not all of them are here: they were lost, or no head over \
                 them was signed",
                show::plain(&verdict.origin),
                previous["size"]
            ));
        }
        // Of one that has lost records another root is known than what is left has.
        let is_whole = previous["size"] == head.size();
        if is_whole && previous["root"] != in_url(&head.root().to_string()) {
            let (name, before) = (show::plain(&verdict.origin), show::plain(&before.origin));
            self.links.push(format!(
                "{name} goes on from another {before} than this one: its root is not the one that was signed"
            ));
        }
    }

    /// What was kept of a log that was removed: of the same size it has the root that the record says; of a
    /// smaller one nobody can say any more.
    fn compare_removed(
        &mut self,
        name: &str,
        keys: &[VerifierKey],
        kept: &Kept,
    ) -> Result<(), Failure> {
        if kept.since.is_empty() && kept.anchors.is_empty() {
            return Ok(());
        }
        let shown = show::plain(name);
        let Some(trust) = trust::of_year(keys, &[], name) else {
            let message =
                format!("no key that was given signs for {shown}: give --key or --key-file");
            return Err(Failure::misused(message));
        };
        let mut verdict = Verdict::of(&trust);
        let opened = kept::open(kept, &trust, &mut verdict)?;
        let own = verdict.differences.iter();
        self.links
            .extend(own.map(|text| format!("{shown}: {text}")));
        let removed = self.removed.iter();
        let Some(removed) = removed.rev().find(|removed| removed.log["name"] == name) else {
            return Ok(());
        };
        // Of one that had lost records more is known than was left, and removed.
        let foundation = self.foundation.as_ref();
        let foundation = foundation.filter(|known| self.is_recovered && known["name"] == name);
        let ends: Vec<&Value> = [Some(&removed.log), foundation]
            .into_iter()
            .flatten()
            .collect();
        let sizes = ends.iter().filter_map(|end| end["size"].as_u64());
        let most = sizes.max().unwrap_or(0);
        for head in opened.iter().flat_map(|file| &file.heads) {
            let head = head.checkpoint();
            let root = in_url(&head.root().to_string());
            let is_other = ends
                .iter()
                .any(|end| end["size"] == head.size() && end["root"] != root.as_str());
            if is_other || head.size() > most {
                self.links.push(format!(
                    "{shown}: a checkpoint of {} records was kept, and the record of its removal says another \
                     size or root",
                    head.size()
                ));
            }
        }
        Ok(())
    }

    /// Each log that is not there was removed, and a record says so; so was what the first one goes on from.
    fn account_for(&mut self, listed: &[Listed]) {
        for log in listed.iter().filter(|log| log.pruned.is_some()) {
            if !self
                .removed
                .iter()
                .any(|removed| removed.log["name"] == log.name.as_str())
            {
                let name = show::plain(&log.name);
                self.links.push(format!(
                    "{name} is not there, and no record says that it was removed"
                ));
            }
        }
        let Some(foundation) = &self.foundation else {
            return;
        };
        let said = self
            .removed
            .iter()
            .find(|removed| removed.log["name"] == foundation["name"]);
        let is_less = said.is_some_and(|said| {
            let (left, known) = (said.log["size"].as_u64(), foundation["size"].as_u64());
            self.is_recovered && left < known
        });
        if let Some(said) = said
            && said.log != *foundation
            && !is_less
        {
            let name = show::plain(foundation["name"].as_str().unwrap_or_default());
            self.links.push(format!(
                "{name} was removed with another size or root than the log after it says that it had"
            ));
        }
    }
}

/// Base64 as records have it.
fn in_url(text: &str) -> String {
    let text = text.trim_end_matches('=');
    text.replace('+', "-").replace('/', "_")
}

fn holds(years: &Years, report: &Report) -> bool {
    years.verdicts.iter().all(Verdict::is_whole) && years.links.is_empty() && report.is_sound()
}

fn print(years: &Years, report: &Report) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let mut table = Table::new(["LOG", "RECORDS", "RESULT", "OLDER CHECKPOINTS"]);
    for verdict in &years.verdicts {
        let is_whole = verdict.is_whole();
        table.row([
            show::plain(&verdict.origin),
            verdict.size().to_string(),
            if is_whole { "holds" } else { "FAILS" }.to_owned(),
            verdict.older.len().to_string(),
        ]);
    }
    table.write(&mut output)?;
    let releases = report.releases;
    writeln!(
        output,
        "\nreleased      {} approved, {} in an emergency; of {} it was told what left",
        releases.approved, releases.in_emergency, releases.told
    )?;
    let mut differences = Vec::new();
    for verdict in &years.verdicts {
        let name = show::plain(&verdict.origin);
        let own = verdict.differences.iter().chain(&verdict.keys.faults);
        differences.extend(own.map(|text| format!("{name}: {}", show::plain(text))));
    }
    let removed = years.removed.iter().map(|removed| {
        let name = show::plain(removed.log["name"].as_str().unwrap_or_default());
        let size = &removed.log["size"];
        format!(
            "{name} ({size} records) by {} at {}",
            removed.by, removed.time
        )
    });
    for (heading, lines) in [
        ("Not what was signed:", differences),
        ("Not one after the other:", years.links.clone()),
        (
            "Against the rules:",
            report.failures().map(sentence).collect(),
        ),
        (
            "Worth knowing:",
            years
                .gone
                .iter()
                .cloned()
                .chain(report.notes().map(sentence))
                .collect(),
        ),
        ("Removed after its retention:", removed.collect()),
    ] {
        list(&mut output, heading, &lines)?;
    }
    if report.omitted > 0 {
        writeln!(output, "\n{} findings more are not listed.", report.omitted)?;
    }
    if let Some(foundation) = rests_on(report) {
        writeln!(output, "\n{foundation}")?;
    }
    if let Some(next) = &years.next {
        writeln!(
            output,
            "\nThe last of them was closed: {next} goes on, and is not here."
        )?;
    }
    writeln!(output)?;
    for verdict in &years.verdicts {
        writeln!(
            output,
            "{}: {}",
            show::plain(&verdict.origin),
            verdict.limit()
        )?;
    }
    let sentence = if holds(years, report) {
        "The logs hold."
    } else {
        "The logs do NOT hold."
    };
    writeln!(output, "{sentence}")?;
    output.flush()?;
    Ok(())
}

fn print_json(years: &Years, report: &Report) -> Result<(), Failure> {
    let logs = years.verdicts.iter().map(|verdict| {
        let head = verdict.head.as_ref().map(SignedCheckpoint::checkpoint);
        let older = verdict.older.iter();
        json!({
            "origin": verdict.origin,
            "signature": head.is_some(),
            "size": head.map(Checkpoint::size),
            "root": head.map(|head| head.root().to_string()),
            "last_record": verdict.last,
            "older": older.map(|(file, size)| json!({"file": file.to_string_lossy(), "size": size})).collect::<Value>(),
            "differences": verdict.differences,
            "signed_by": verdict.keys.signed_by,
            "key_faults": verdict.keys.faults,
            "records_read": verdict.read,
            "not_shown": verdict.limit(),
        })
    });
    let removed = years
        .removed
        .iter()
        .map(|removed| json!({"log": removed.log, "by": removed.by, "time": removed.time}));
    let whole = json!({
        "holds": holds(years, report),
        "logs": logs.collect::<Value>(),
        "links": years.links,
        "gone": years.gone,
        "removed": removed.collect::<Value>(),
        "next": years.next,
        "failures": report.failures().map(finding_json).collect::<Value>(),
        "notes": report.notes().map(finding_json).collect::<Value>(),
        "omitted": report.omitted,
        "events": report.counts,
        "rests_on": rests_on_json(report),
        "releases": {
            "approved": report.releases.approved,
            "in_emergency": report.releases.in_emergency,
            "told": report.releases.told,
            "resting": report.releases.resting,
        },
    });
    let mut output = io::stdout().lock();
    writeln!(output, "{whole}")?;
    output.flush()?;
    Ok(())
}
