//! What the engine makes of an input.

use std::path::Path;
use std::sync::Arc;

use velum_engine::{ClassSet, Error, Finder, Framing, Masker, Options, Report};

use crate::arguments::FramingName;

use super::findings::{self, Form};
use super::names;
use super::rules::Setup;

/// One of the engine's two pipelines, over one input.
pub(super) enum Engine {
    Masked(Box<Masker>),
    /// Where values are, in a form; `None`: they are only counted.
    Findings(Box<Finder>, Option<Form>),
}

impl Engine {
    pub(super) fn masking(setup: &Setup, framing: Framing) -> Self {
        let options = options(setup, framing);
        Self::Masked(Box::new(Masker::new(Arc::clone(&setup.rules), options)))
    }

    pub(super) fn finding(setup: &Setup, framing: Framing, form: Option<Form>) -> Self {
        let finder = Finder::new(Arc::clone(&setup.rules), options(setup, framing));
        Self::Findings(Box::new(finder), form)
    }

    /// Reads a chunk, or at `None` the end, and appends what is to be written. Where it fails, what was
    /// appended may leave.
    pub(super) fn feed(
        &mut self,
        name: &Path,
        chunk: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match self {
            Self::Masked(masker) => match chunk {
                Some(chunk) => masker.feed(chunk, out),
                None => masker.finish(out),
            },
            Self::Findings(finder, form) => {
                let fed = match chunk {
                    Some(chunk) => finder.feed(chunk),
                    None => finder.finish(),
                };
                // They are taken in any case, so that they do not pile up.
                for finding in finder.findings() {
                    if let Some(form) = form {
                        findings::write(name, &finding, *form, out);
                    }
                }
                fed
            }
        }
    }

    pub(super) fn report(&self) -> &Report {
        match self {
            Self::Masked(masker) => masker.report(),
            Self::Findings(finder, _) => finder.report(),
        }
    }
}

fn options(setup: &Setup, framing: Framing) -> Options {
    Options {
        framing,
        limits: setup.limits,
        lift: ClassSet::EMPTY,
        terms: None,
        keys: setup.keys.clone(),
        year: setup.year,
    }
}

/// What the option says, else the name of the file, else one text.
pub(super) fn framing(option: Option<FramingName>, file: &Path) -> Framing {
    match option {
        Some(FramingName::Json) => Framing::Document,
        Some(FramingName::Ndjson) => Framing::Lines,
        Some(FramingName::JsonSeq) => Framing::Sequence,
        Some(FramingName::Concatenated) => Framing::Concatenated,
        Some(FramingName::Events) => Framing::Events,
        None => names::layout(file).unwrap_or(Framing::Document),
    }
}
