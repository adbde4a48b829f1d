//! How far the work is, on a terminal; and standard error, which nobody else writes to meanwhile.

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};

use crate::arguments::MaskOptions;

use super::plan::{Job, Target};

/// Work that is done by then shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
const PERIOD: Duration = Duration::from_millis(200);
/// Back to the beginning of the line, and nothing on it.
const CLEAR: &str = "\r\x1b[2K";

pub(super) struct Progress {
    is_shown: bool,
    inputs: usize,
    /// All bytes of all inputs, where that is known.
    expected: Option<u64>,
    started: Instant,
    read: AtomicU64,
    done: AtomicU64,
    /// Whether there is a line of ours on the terminal.
    line: Mutex<bool>,
}

impl Progress {
    pub(super) fn new(options: &MaskOptions, jobs: &[Job]) -> Self {
        let writes_output = jobs.iter().any(|job| match job.target {
            Target::Output => true,
            Target::Findings => !(options.looking.check && options.reporting.quiet),
            _ => false,
        });
        // A line in the midst of the output would be taken for a part of it.
        let would_mix = writes_output && io::stdout().is_terminal();
        let is_wanted = !options.reporting.quiet && !options.reporting.no_progress;
        Self {
            is_shown: is_wanted && !would_mix && io::stderr().is_terminal(),
            inputs: jobs.len(),
            expected: jobs.iter().map(|job| length(&job.input.name)).sum(),
            started: Instant::now(),
            read: AtomicU64::new(0),
            done: AtomicU64::new(0),
            line: Mutex::new(false),
        }
    }

    /// Draws now and then until what is returned is dropped.
    pub(super) fn tick<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
    ) -> Option<Sender<()>> {
        if !self.is_shown {
            return None;
        }
        let (ticking, ended) = mpsc::channel();
        scope.spawn(move || {
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let elapsed = self.started.elapsed();
                if elapsed >= PATIENCE {
                    self.draw(&self.state(elapsed));
                }
            }
            self.say("");
        });
        Some(ticking)
    }

    /// One more input is done.
    pub(super) fn count(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// A reader whose bytes are counted.
    pub(super) fn counted<R: Read>(&self, reader: R) -> Counted<'_, R> {
        Counted {
            reader,
            read: &self.read,
        }
    }

    /// Writes to standard error, where no line of ours is in the way.
    pub(super) fn say(&self, text: &str) {
        let mut is_there = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let mut errors = io::stderr().lock();
        // Nothing is left to tell a failure of this to.
        if std::mem::take(&mut *is_there) {
            let _ = errors.write_all(CLEAR.as_bytes());
        }
        let _ = errors.write_all(text.as_bytes());
    }

    fn draw(&self, state: &str) {
        let mut is_there = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        *is_there = true;
        let _ = write!(io::stderr().lock(), "{CLEAR}{state}");
    }

    fn state(&self, elapsed: Duration) -> String {
        let read = self.read.load(Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed);
        line(done, self.inputs, read, self.expected, elapsed)
    }
}

/// In bytes; `None` of what is no file.
fn length(file: &Path) -> Option<u64> {
    let known = file.metadata().ok()?;
    known.is_file().then_some(known.len())
}

fn line(done: u64, inputs: usize, read: u64, expected: Option<u64>, elapsed: Duration) -> String {
    let milliseconds = u64::try_from(elapsed.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let pace = size(read.saturating_mul(1000) / milliseconds);
    let of = expected.map_or(String::new(), |expected| format!(" of {}", size(expected)));
    let read = size(read);
    format!("velum: {done} of {inputs} inputs, {read}{of}, {pace}/s")
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let mut tenths = bytes / 100;
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    for unit in units {
        if tenths < 10_000 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        tenths /= 1000;
    }
    format!("{bytes} B")
}

/// Counts what is read.
pub(super) struct Counted<'p, R> {
    reader: R,
    read: &'p AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1234, "1.2 kB"),
            (999_999, "999.9 kB"),
            (12_345_678, "12.3 MB"),
            (4_000_000_000, "4.0 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn the_line_says_how_far_the_work_is() {
        let second = Duration::from_secs(2);
        assert_eq!(
            line(3, 120, 2_000_000, Some(8_000_000), second),
            "velum: 3 of 120 inputs, 2.0 MB of 8.0 MB, 1.0 MB/s"
        );
        assert_eq!(
            line(0, 1, 0, None, Duration::ZERO),
            "velum: 0 of 1 inputs, 0 B, 0 B/s"
        );
    }
}
