//! What was masked, in counts: for each input and in total. Never a value.

mod totals;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use velum_engine::{Report, Ruleset};

use crate::arguments::{MaskOptions, ReportForm};
use crate::failure::Failure;
use crate::show;

use super::progress::Progress;
use super::scratch::{Pending, Scratch};
use totals::Totals;

/// The shape of the JSON; it changes when a member goes or means something else.
const VERSION: u64 = 1;
const HEADER: &str = "    masked     records       scanned   not scanned  file\n";

/// Writes the report as inputs are done. Without `--report`, it writes nothing.
pub(super) struct ReportWriter {
    form: Option<ReportForm>,
    place: Place,
    rules: Arc<Ruleset>,
    total: Totals,
    files: u64,
    failed: u64,
}

enum Place {
    Errors,
    /// A file that stands when the report is whole.
    File(Pending, PathBuf),
    /// What is no file, such as a pipe.
    Stream(File, PathBuf),
}

impl ReportWriter {
    pub(super) fn new(
        options: &MaskOptions,
        rules: Arc<Ruleset>,
        scratch: &Scratch,
    ) -> Result<Self, Failure> {
        let place = match &options.reporting.report_to {
            Some(file) => Place::new(file, scratch)
                .map_err(|error| Failure::misused(Failure::unwritable(file, &error).to_string()))?,
            None => Place::Errors,
        };
        Ok(Self {
            form: options.reporting.report,
            place,
            rules,
            total: Totals::default(),
            files: 0,
            failed: 0,
        })
    }

    /// An input was read to its end.
    pub(super) fn add(
        &mut self,
        name: &str,
        report: &Report,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let Some(form) = self.form else {
            return Ok(());
        };
        let counts = Totals::of(report, &self.rules);
        let text = match form {
            ReportForm::Json => {
                let mut object = counts.to_json();
                object["file"] = Value::from(name);
                self.element(&object)
            }
            ReportForm::Table => {
                self.heading() + &counts.row(&show::plain(name)) + &counts.details()
            }
        };
        self.files += 1;
        self.total.add(counts);
        self.place.write(&text, progress)
    }

    /// An input failed.
    pub(super) fn fail(
        &mut self,
        name: &str,
        failure: &Failure,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let Some(form) = self.form else {
            return Ok(());
        };
        let text = match form {
            ReportForm::Json => self.element(&json!({"file": name, "error": failure.to_string()})),
            ReportForm::Table => {
                let name = show::plain(name);
                self.heading()
                    + &format!(
                        "{:>10} {:>11} {:>13} {:>13}  {name}\n",
                        "failed", "-", "-", "-"
                    )
            }
        };
        self.files += 1;
        self.failed += 1;
        self.place.write(&text, progress)
    }

    /// Nothing more comes. `unread` inputs were not read to their end.
    pub(super) fn end(mut self, unread: usize, progress: &Progress) -> Result<(), Failure> {
        let Some(form) = self.form else {
            return Ok(());
        };
        let text = match form {
            ReportForm::Json => {
                let begin = if self.files == 0 {
                    Self::opening()
                } else {
                    String::new()
                };
                let mut total = self.total.to_json();
                total["files"] = Value::from(self.files);
                total["failed"] = Value::from(self.failed);
                total["unread"] = Value::from(unread);
                format!("{begin}\n],\"total\":{total}}}\n")
            }
            ReportForm::Table => {
                let mut name = format!("total of {} files", self.files);
                if self.failed > 0 {
                    let _ = write!(name, ", {} of them failed", self.failed);
                }
                if unread > 0 {
                    let _ = write!(name, ", {unread} more not read");
                }
                self.heading() + &self.total.row(&name) + &self.total.details()
            }
        };
        self.place.write(&text, progress)?;
        self.place.end()
    }

    fn heading(&self) -> String {
        if self.files == 0 {
            HEADER.to_owned()
        } else {
            String::new()
        }
    }

    fn opening() -> String {
        format!("{{\"version\":{VERSION},\"files\":[")
    }

    /// An element of the array, with what comes before it.
    fn element(&self, object: &Value) -> String {
        if self.files == 0 {
            format!("{}\n{object}", Self::opening())
        } else {
            format!(",\n{object}")
        }
    }
}

impl Place {
    fn new(file: &Path, scratch: &Scratch) -> io::Result<Self> {
        let is_stream = file.metadata().is_ok_and(|known| !known.is_file());
        if is_stream {
            let stream = File::options().write(true).open(file)?;
            return Ok(Self::Stream(stream, file.to_path_buf()));
        }
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        Ok(Self::File(scratch.begin(folder)?, file.to_path_buf()))
    }

    fn write(&mut self, text: &str, progress: &Progress) -> Result<(), Failure> {
        match self {
            Self::Errors => {
                progress.say(text);
                Ok(())
            }
            Self::File(pending, file) => pending
                .write_all(text.as_bytes())
                .map_err(|error| Failure::unwritable(file, &error)),
            Self::Stream(stream, file) => stream
                .write_all(text.as_bytes())
                .map_err(|error| Failure::unwritable(file, &error)),
        }
    }

    fn end(self) -> Result<(), Failure> {
        match self {
            Self::File(pending, file) => pending
                .keep(&file, file.metadata().ok().as_ref(), true)
                .map_err(|error| Failure::unwritable(&file, &error)),
            Self::Errors | Self::Stream(..) => Ok(()),
        }
    }
}
