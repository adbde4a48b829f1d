//! Hands out the inputs, and takes in what came of them in the order of the inputs.
//!
//! What an input prints waits until it is its turn: a little of it in memory, and then the thread waits.
//! Threads run ahead of the input whose turn it is by so many inputs only. That one never waits, so
//! the work always goes on, and memory stays bounded whatever is found.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use velum_engine::Report;

use crate::failure::Failure;

use super::plan::Job;
use super::progress::Progress;
use super::report::ReportWriter;

/// How much of what an input prints waits in memory, in bytes.
const WAITING: usize = 256 * 1024;
/// How many inputs may be done before their turn.
const AHEAD: usize = 64;

pub(super) struct Desk<'p> {
    inputs: usize,
    fail_fast: bool,
    progress: &'p Progress,
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

struct State {
    /// The next input to hand out.
    next: usize,
    /// The input whose turn it is.
    turn: usize,
    /// What came of inputs before their turn.
    early: BTreeMap<usize, Done>,
    report: ReportWriter,
    failures: Vec<Failure>,
    failed: usize,
    settled: usize,
    masked: u64,
    closed: bool,
}

struct Done {
    name: String,
    printed: Vec<u8>,
    result: Result<Report, Ended>,
}

/// Why an input was not read to its end.
pub(super) enum Ended {
    Failed(Failure),
    /// The work is to stop, for a reason that lies elsewhere.
    Stopped,
}

/// What came of everything.
pub(super) struct Outcome {
    pub(super) inputs: usize,
    /// In the order of the inputs.
    pub(super) failures: Vec<Failure>,
    /// How many inputs failed.
    pub(super) failed: usize,
    /// How many were not read to their end although nothing was found wrong with them.
    pub(super) unread: usize,
    /// How many values were masked, or would be.
    pub(super) masked: u64,
    /// Whether standard output was closed by its reader.
    pub(super) closed: bool,
}

impl<'p> Desk<'p> {
    pub(super) fn new(
        inputs: usize,
        fail_fast: bool,
        report: ReportWriter,
        progress: &'p Progress,
    ) -> Self {
        Self {
            inputs,
            fail_fast,
            progress,
            state: Mutex::new(State {
                next: 0,
                turn: 0,
                early: BTreeMap::new(),
                report,
                failures: Vec::new(),
                failed: 0,
                settled: 0,
                masked: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
        }
    }

    /// The next input and its number; `None` where there is none, or the work is to stop.
    pub(super) fn take<'j>(&self, jobs: &'j [Job]) -> Option<(usize, &'j Job)> {
        let mut state = self.lock();
        loop {
            let job = jobs.get(state.next).filter(|_| !self.is_stopped())?;
            if state.next < state.turn + AHEAD {
                let number = state.next;
                state.next += 1;
                return Some((number, job));
            }
            state = self.wait(state);
        }
    }

    /// Does the work of an input and takes in what comes of it.
    pub(super) fn finish(
        &self,
        number: usize,
        job: &Job,
        work: impl FnOnce(&mut Lane<'_>) -> Result<Report, Ended>,
    ) {
        let mut lane = Lane {
            desk: self,
            number,
            waiting: Vec::new(),
        };
        let guard = StopOnPanic(self);
        let result = work(&mut lane);
        drop(guard);
        let printed = lane.waiting;
        self.progress.count();
        if self.fail_fast && matches!(result, Err(Ended::Failed(_))) {
            self.stop();
        }
        let name = job.input.name.to_string_lossy().into_owned();
        let mut state = self.lock();
        state.early.insert(
            number,
            Done {
                name,
                printed,
                result,
            },
        );
        let mut turn = state.turn;
        while let Some(done) = state.early.remove(&turn) {
            self.settle(&mut state, done);
            turn += 1;
        }
        state.turn = turn;
        drop(state);
        self.changed.notify_all();
    }

    /// Takes in what was done out of turn before the work stopped, and ends the report.
    pub(super) fn close(self) -> Outcome {
        let progress = self.progress;
        let mut state = self.lock();
        for done in std::mem::take(&mut state.early).into_values() {
            self.settle(&mut state, done);
        }
        drop(state);
        let state = self.state.into_inner();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let unread = self.inputs - state.settled;
        if let Err(failure) = state.report.end(unread, progress) {
            state.failures.push(failure);
        }
        Outcome {
            inputs: self.inputs,
            failures: state.failures,
            failed: state.failed,
            unread,
            masked: state.masked,
            closed: state.closed,
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// It is the turn of this input.
    fn settle(&self, state: &mut State, done: Done) {
        if let Err(error) = print(&done.printed) {
            self.output_failed(state, error);
        }
        let told = match done.result {
            Ok(report) => {
                state.settled += 1;
                state.masked += report.masked_total();
                state.report.add(&done.name, &report, self.progress)
            }
            Err(Ended::Failed(failure)) => {
                state.settled += 1;
                state.failed += 1;
                let told = state.report.fail(&done.name, &failure, self.progress);
                state.failures.push(failure);
                told
            }
            Err(Ended::Stopped) => Ok(()),
        };
        if let Err(failure) = told {
            state.failures.push(failure);
        }
    }

    fn output_failed(&self, state: &mut State, error: io::Error) {
        match Failure::from(error) {
            Failure::OutputClosed => state.closed = true,
            failure if state.closed => drop(failure),
            failure => {
                state.closed = true;
                state.failures.push(failure);
            }
        }
        self.stop();
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let state = self.changed.wait(state);
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever waits for the turn of an input that never ends must not wait for ever.
struct StopOnPanic<'d>(&'d Desk<'d>);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Locked, so that nobody is between looking and waiting.
            let _state = self.0.lock();
            self.0.stop();
        }
    }
}

/// What was masked goes out with its chunk: a pipe's reader does not wait for the end.
fn print(bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut output = io::stdout().lock();
    output.write_all(bytes)?;
    output.flush()
}

/// What one input prints.
pub(super) struct Lane<'d> {
    desk: &'d Desk<'d>,
    number: usize,
    waiting: Vec<u8>,
}

impl<'d> Lane<'d> {
    pub(super) fn desk(&self) -> &'d Desk<'d> {
        self.desk
    }
}

impl Write for Lane<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        let mut state = self.desk.lock();
        while state.turn != self.number && self.waiting.len() > WAITING && !self.desk.is_stopped() {
            state = self.desk.wait(state);
        }
        if self.desk.is_stopped() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if state.turn == self.number {
            let printed = print(&self.waiting);
            self.waiting.clear();
            if let Err(error) = printed {
                self.desk.output_failed(&mut state, error);
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
