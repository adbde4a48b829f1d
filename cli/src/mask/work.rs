//! One input, from its first byte to the last.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::path::Path;

use velum_engine::{Framing, Report};

use crate::arguments::{FramingName, MaskOptions};
use crate::failure::Failure;

use super::compression::{Compression, Decoder, Encoder};
use super::desk::{Desk, Ended, Lane};
use super::engine::{self, Engine};
use super::findings::Form;
use super::inputs::Input;
use super::names;
use super::plan::{Job, Target};
use super::progress::Progress;
use super::rules::Setup;
use super::sameness::Sameness;
use super::scratch::{Pending, Scratch};

/// How much is read at once, in bytes.
pub(super) const CHUNK: usize = 64 * 1024;

/// What every thread works by.
pub(super) struct Worker<'w> {
    setup: Setup,
    framing: Option<FramingName>,
    /// How findings are printed; `None`: not at all.
    form: Option<Form>,
    decompress: bool,
    scratch: &'w Scratch,
    progress: &'w Progress,
}

/// An input that has been opened.
struct Opened<'w> {
    input: &'w Input,
    source: Decoder<Box<dyn Read + 'w>>,
    compression: Compression,
    framing: Framing,
    /// `None` of standard input.
    known: Option<Metadata>,
    /// Whether it comes out as it is, where that matters.
    sameness: Option<Sameness>,
}

impl<'w> Worker<'w> {
    pub(super) fn new(
        options: &MaskOptions,
        setup: Setup,
        scratch: &'w Scratch,
        progress: &'w Progress,
    ) -> Self {
        let form = if options.looking.json {
            Form::Json
        } else {
            Form::Tabs
        };
        let is_silent = options.looking.check && options.reporting.quiet;
        Self {
            setup,
            framing: options.framing,
            form: (!is_silent).then_some(form),
            decompress: options.output.decompress,
            scratch,
            progress,
        }
    }

    /// Reads an input and leaves its outcome where it belongs.
    pub(super) fn work(&self, job: &Job, lane: &mut Lane<'_>) -> Result<Report, Ended> {
        let mut opened = self.open(&job.input).map_err(Ended::Failed)?;
        let desk = lane.desk();
        // The desk knows what is wrong with standard output.
        let unprinted = |_| Ended::Stopped;
        let mut engine = match job.target {
            Target::Findings => Engine::finding(&self.setup, opened.framing, self.form),
            _ => Engine::masking(&self.setup, opened.framing),
        };
        match &job.target {
            Target::Findings => opened.pour(&mut engine, lane, desk, unprinted)?,
            Target::Output => {
                let mut encoder = Encoder::new(lane, self.written(&opened)).map_err(unprinted)?;
                opened.pour(&mut engine, &mut encoder, desk, unprinted)?;
                encoder.finish().map_err(unprinted)?;
            }
            Target::File { path, replace } => {
                let pending = self.write(&mut opened, &mut engine, desk, path)?;
                opened.keep(pending, path, *replace)?;
            }
            Target::InPlace(path) => {
                opened.sameness = Some(Sameness::default());
                let pending = self.write(&mut opened, &mut engine, desk, path)?;
                // It is left alone: compressing it again would change it.
                if !opened.sameness.as_ref().is_some_and(Sameness::holds) {
                    opened.refuse_changed()?;
                    opened.keep(pending, path, true)?;
                }
            }
        }
        Ok(engine.report().clone())
    }

    fn open<'i>(&'i self, input: &'i Input) -> Result<Opened<'i>, Failure> {
        let unreadable = |error| Failure::unreadable(&input.name, &error);
        let (source, known): (Box<dyn Read + '_>, _) = if input.is_standard() {
            (Box::new(self.progress.counted(io::stdin())), None)
        } else {
            let file = File::open(&input.name).map_err(unreadable)?;
            let known = file.metadata().map_err(unreadable)?;
            (Box::new(self.progress.counted(file)), Some(known))
        };
        let (source, compression) = Decoder::new(source).map_err(unreadable)?;
        let is_empty = known
            .as_ref()
            .is_some_and(|known| known.is_file() && known.len() == 0);
        if is_empty && names::says_compressed(&input.name) {
            let shown = input.shown();
            return Err(Failure::new(format!(
                "{shown}: compressed data ends too early"
            )));
        }
        Ok(Opened {
            input,
            source,
            compression,
            framing: engine::framing(self.framing, &input.name),
            known,
            sameness: None,
        })
    }

    /// How the output is compressed.
    fn written(&self, opened: &Opened<'_>) -> Compression {
        if self.decompress {
            Compression::None
        } else {
            opened.compression
        }
    }

    /// Writes what is to stand at `target` soon.
    fn write(
        &self,
        opened: &mut Opened<'_>,
        engine: &mut Engine,
        desk: &Desk<'_>,
        target: &Path,
    ) -> Result<Pending, Ended> {
        let unwritten = |error: io::Error| Ended::Failed(Failure::unwritable(target, &error));
        let folder = target.parent().unwrap_or_else(|| Path::new(""));
        let mut pending = self.scratch.begin(folder).map_err(unwritten)?;
        let mut encoder = Encoder::new(&mut pending, self.written(opened)).map_err(unwritten)?;
        opened.pour(engine, &mut encoder, desk, unwritten)?;
        encoder.finish().map_err(unwritten)?;
        drop(encoder);
        Ok(pending)
    }
}

impl Opened<'_> {
    /// Runs all of the input through the engine.
    fn pour(
        &mut self,
        engine: &mut Engine,
        sink: &mut impl Write,
        desk: &Desk<'_>,
        unwritten: impl Fn(io::Error) -> Ended,
    ) -> Result<(), Ended> {
        let mut chunk = vec![0; CHUNK];
        let mut ready = Vec::with_capacity(CHUNK);
        loop {
            if desk.is_stopped() {
                return Err(Ended::Stopped);
            }
            let length = match self.source.read(&mut chunk) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Ended::Failed(self.unreadable(&error))),
            };
            let bytes = chunk.get(..length).filter(|bytes| !bytes.is_empty());
            let fed = engine.feed(&self.input.name, bytes, &mut ready);
            if let Some(sameness) = &mut self.sameness {
                sameness.goes_in(bytes.unwrap_or_default());
                sameness.comes_out(&ready);
            }
            sink.write_all(&ready).map_err(&unwritten)?;
            ready.clear();
            fed.map_err(|error| Ended::Failed(self.faulty(&error)))?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn keep(&self, pending: Pending, target: &Path, replace: bool) -> Result<(), Ended> {
        pending
            .keep(target, self.known.as_ref(), replace)
            .map_err(|error| Ended::Failed(Failure::unwritable(target, &error)))
    }

    /// What was written to the file meanwhile would be lost.
    fn refuse_changed(&self) -> Result<(), Ended> {
        let state = |known: &Metadata| (known.len(), known.modified().ok());
        let now = self.input.name.metadata().ok();
        if now.as_ref().map(state) == self.known.as_ref().map(state) {
            return Ok(());
        }
        let shown = self.input.shown();
        let failure = Failure::new(format!(
            "{shown}: changed while it was read, and is left so"
        ));
        Err(Ended::Failed(failure))
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        let (input, name) = (self.input.shown(), self.compression.name());
        match (self.compression, error.kind()) {
            (Compression::None, _) => Failure::unreadable(&self.input.name, error),
            (_, io::ErrorKind::UnexpectedEof) => {
                Failure::new(format!("{input}: {name} data ends too early"))
            }
            _ => Failure::new(format!("{input}: {name} data cannot be read: {error}")),
        }
    }

    fn faulty(&self, error: &velum_engine::Error) -> Failure {
        let place = match self.compression {
            Compression::None => "",
            _ => " of what is compressed",
        };
        Failure::new(format!("{}: {error}{place}", self.input.shown()))
    }
}
