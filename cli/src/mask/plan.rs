//! Where the outcome of each input goes, and what cannot go together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::arguments::MaskOptions;
use crate::failure::Failure;
use crate::show;

use super::inputs::{Input, Inputs};
use super::names;

/// One input and what becomes of it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) input: Input,
    pub(super) target: Target,
}

#[derive(Debug)]
pub(super) enum Target {
    /// Masked, to standard output.
    Output,
    /// Places of what would be masked, to standard output.
    Findings,
    /// Masked, to this file.
    File {
        path: PathBuf,
        /// Whether a file that exists there is replaced.
        replace: bool,
    },
    /// Masked, in the place of the input; its file is the one behind all symbolic links.
    InPlace(PathBuf),
}

/// Decides before anything is read or written.
pub(super) fn plan(options: &MaskOptions, inputs: Inputs) -> Result<Vec<Job>, Failure> {
    let jobs = match &options.output.folder {
        _ if options.looking.is_asked_for() => {
            let unique = once_each(inputs.all);
            unique.map(|input| job(input, Target::Findings)).collect()
        }
        Some(folder) => into_folder(options, folder, inputs)?,
        None if options.output.in_place => in_place(inputs)?,
        None => to_output(inputs)?,
    };
    if let Some(file) = &options.reporting.report_to {
        refuse_report_over(file, &jobs)?;
    }
    Ok(jobs)
}

fn job(input: Input, target: Target) -> Job {
    Job { input, target }
}

/// Without those whose file came before.
fn once_each(inputs: Vec<Input>) -> impl Iterator<Item = Input> {
    let mut seen = BTreeSet::new();
    inputs
        .into_iter()
        .filter(move |input| seen.insert(real(&input.name)))
}

fn to_output(inputs: Inputs) -> Result<Vec<Job>, Failure> {
    let count = inputs.all.len();
    if count > 1 {
        return Err(Failure::misused(format!(
            "{count} inputs, and standard output takes one: give --output DIR or --in-place, or \
             --check to look only"
        )));
    }
    let jobs = inputs.all.into_iter();
    Ok(jobs.map(|input| job(input, Target::Output)).collect())
}

fn in_place(inputs: Inputs) -> Result<Vec<Job>, Failure> {
    once_each(inputs.all)
        .map(|input| {
            refuse_nameless(&input, "--in-place")?;
            let file = real(&input.name);
            Ok(job(input, Target::InPlace(file)))
        })
        .collect()
}

fn into_folder(options: &MaskOptions, folder: &Path, inputs: Inputs) -> Result<Vec<Job>, Failure> {
    refuse_read_folder(folder, &inputs.folders)?;
    let read: BTreeSet<PathBuf> = inputs.all.iter().map(|input| real(&input.name)).collect();
    let mut taken: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut jobs = Vec::new();
    let mut existing = Vec::new();
    for input in inputs.all {
        refuse_nameless(&input, "--output")?;
        let path = if options.output.decompress {
            folder.join(names::without_compression(&input.below))
        } else {
            folder.join(&input.below)
        };
        if read.contains(&real(&path)) {
            let path = show::path(&path);
            return Err(Failure::misused(format!(
                "{path}: is an input, too; --in-place replaces inputs"
            )));
        }
        let file = real(&input.name);
        match taken.get(&path) {
            Some(other) if *other == file => continue,
            Some(other) => {
                return Err(Failure::misused(format!(
                    "{} and {} would both become {}: give the folder that holds both, or a quoted \
                     glob",
                    show::path(other),
                    input.shown(),
                    show::path(&path)
                )));
            }
            None => drop(taken.insert(path.clone(), file)),
        }
        if !options.output.force && path.symlink_metadata().is_ok() {
            existing.push(path.clone());
        }
        let replace = options.output.force;
        jobs.push(job(input, Target::File { path, replace }));
    }
    match existing.as_slice() {
        [] => Ok(jobs),
        [first, more @ ..] => {
            let more = match more.len() {
                0 => String::new(),
                count => format!(", and {count} more"),
            };
            let first = show::path(first);
            Err(Failure::misused(format!(
                "{first}: exists{more}; --force replaces"
            )))
        }
    }
}

/// Masked files must not be read as inputs the next time.
fn refuse_read_folder(folder: &Path, read: &[PathBuf]) -> Result<(), Failure> {
    let target = real(folder);
    for source in read {
        if target.starts_with(real(source)) {
            return Err(Failure::misused(format!(
                "{}: the output folder is in {}, which is read",
                show::path(folder),
                show::path(source)
            )));
        }
    }
    Ok(())
}

/// What is no file has no name for its output, and cannot be replaced.
fn refuse_nameless(input: &Input, option: &str) -> Result<(), Failure> {
    let is_file = match input.name.metadata() {
        Ok(known) => known.is_file() || known.is_dir(),
        // It fails when it is read.
        Err(_) => true,
    };
    if input.is_standard() || !is_file {
        let input = input.shown();
        return Err(Failure::misused(format!(
            "{option} is for files, and {input} is none: it goes to standard output, alone"
        )));
    }
    Ok(())
}

fn refuse_report_over(file: &Path, jobs: &[Job]) -> Result<(), Failure> {
    let report = real(file);
    let is_taken = jobs.iter().any(|job| {
        let is_output = match &job.target {
            Target::File { path, .. } => real(path) == report,
            _ => false,
        };
        is_output || real(&job.input.name) == report
    });
    if is_taken {
        let file = show::path(file);
        return Err(Failure::misused(format!(
            "{file}: the report would replace an input or an output"
        )));
    }
    Ok(())
}

/// The path behind all symbolic links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => {
            Path::new(".").canonicalize().unwrap_or_default().join(name)
        }
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_path_buf(),
    }
}
