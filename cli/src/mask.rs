//! `velum mask`: the engine over files, folders and standard input.
//!
//! ```text
//! inputs -> plan -> work, one thread an input -> desk, in the order of the inputs
//! ```
//!
//! It ends with 0 where all went well, 1 where `--check` found something, 2 where it was called wrongly
//! or its policy cannot be used, and 3 where an input failed. 3 wins over 1: who looks at less than
//! everything does not know.

mod compression;
mod desk;
mod engine;
mod findings;
mod inputs;
mod names;
mod plan;
mod progress;
mod report;
mod rules;
mod sameness;
mod scratch;
mod work;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use crate::arguments::MaskOptions;
use crate::failure::Failure;

use desk::{Desk, Outcome};
use progress::Progress;
use report::ReportWriter;
use scratch::Scratch;
use work::Worker;

/// `--check` found something.
const FOUND: u8 = 1;
/// An input could not be read, masked or written.
const FAILED: u8 = 3;

/// Masks all inputs, or says where they would be masked.
pub(crate) fn run(options: &MaskOptions) -> Result<ExitCode, Failure> {
    let setup = rules::setup(options)?;
    let jobs = plan::plan(options, inputs::find(&options.inputs)?)?;
    let scratch = Scratch::watched();
    let report = ReportWriter::new(options, Arc::clone(&setup.rules), &scratch)?;
    let progress = Progress::new(options, &jobs);
    let desk = Desk::new(jobs.len(), options.fail_fast, report, &progress);
    let worker = Worker::new(options, setup, &scratch, &progress);
    let threads = options
        .jobs
        .or_else(|| thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get)
        .min(jobs.len());
    thread::scope(|scope| {
        let ticking = progress.tick(scope);
        let working: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    while let Some((number, job)) = desk.take(&jobs) {
                        desk.finish(number, job, |lane| worker.work(job, lane));
                    }
                })
            })
            .collect();
        let ended: Vec<_> = working.into_iter().map(ScopedJoinHandle::join).collect();
        drop(ticking);
        if let Some(panic) = ended.into_iter().find_map(Result::err) {
            std::panic::resume_unwind(panic);
        }
    });
    Ok(tell(&desk.close(), options))
}

/// Lists what failed, and finds the exit code.
fn tell(outcome: &Outcome, options: &MaskOptions) -> ExitCode {
    let mut lines = String::new();
    for failure in &outcome.failures {
        let _ = writeln!(lines, "velum: {failure}");
    }
    if outcome.inputs > 1 && outcome.failed > 0 {
        let (inputs, failed) = (outcome.inputs, outcome.failed);
        let _ = write!(lines, "velum: {failed} of {inputs} inputs failed");
        if outcome.unread > 0 {
            let _ = write!(lines, "; {} were not read to their end", outcome.unread);
        }
        lines.push('\n');
    }
    // Nothing is left to tell a failure of this to.
    let _ = io::stderr().write_all(lines.as_bytes());
    if !outcome.failures.is_empty() || outcome.closed {
        ExitCode::from(FAILED)
    } else if options.looking.check && outcome.masked > 0 {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    }
}
