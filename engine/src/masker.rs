//! The masker: drives the scanner over each chunk and hands what it finds to the stage.

mod cruise;
mod records;
mod stage;

use std::fmt;
use std::sync::Arc;

use crate::detectors::Cues;
use crate::events::Events;
use crate::evidence::Evidence;
use crate::grant::{Lifted, Terms};
use crate::mask::{Context, Run};
use crate::outline::Outline;
use crate::people::Mentions;
use crate::recorder::Recorder;
use crate::scan::{Event, Scanner};
use crate::tally::Tally;
use crate::{Class, ClassSet, Error, ErrorKind, Framing, Keyring, Options, Report, Ruleset};
use stage::{Stage, Token};

/// Masks one body.
///
/// See the [crate documentation](crate) for an example and for what holds of its output.
pub struct Masker {
    rules: Arc<Ruleset>,
    lift: ClassSet,
    terms: Option<Arc<Terms>>,
    is_beyond: bool,
    keys: Keyring,
    /// The present one.
    year: u16,
    scanner: Scanner,
    stage: Stage,
    /// With [`Framing::Events`], what reads the body in place of the two above.
    events: Option<Box<Events>>,
    /// Whether its texts are parts of a body, whose bytes are counted elsewhere.
    is_part: bool,
    /// In how many encodings its texts stand.
    depth: u8,
    failed: Option<Error>,
    offset: u64,
    /// How much was read of the texts before.
    before: u64,
    is_finished: bool,
}

impl Masker {
    /// A masker for one body.
    pub fn new(rules: Arc<Ruleset>, options: Options) -> Self {
        let events = (options.framing == Framing::Events)
            .then(|| Box::new(Events::new(&rules, options.clone())));
        Self::made(rules, options, events, false)
    }

    /// A masker for one JSON text after the other, with [`restart`](Self::restart) between them.
    pub(crate) fn of_texts(rules: Arc<Ruleset>, options: Options) -> Self {
        Self::made(rules, options, None, true)
    }

    /// All at once, where it stays: it is large, and who changes it afterwards moves it.
    fn made(
        rules: Arc<Ruleset>,
        options: Options,
        events: Option<Box<Events>>,
        is_part: bool,
    ) -> Self {
        let (names, room) = rules.shelf.take();
        let mut lift = options.lift;
        lift.remove(Class::Credential);
        let evidence = options
            .terms
            .as_ref()
            .filter(|terms| !terms.evidence.is_empty());
        let evidence = evidence.map(|terms| Box::new(Evidence::new(Arc::clone(terms))));
        let mut masker = Self {
            scanner: Scanner::new(options.framing, &options.limits, room),
            stage: Stage::new(&options, names),
            rules,
            lift,
            terms: options.terms.filter(|terms| terms.is_narrow()),
            is_beyond: false,
            keys: options.keys,
            year: options.year.max(Options::EARLIEST_YEAR),
            events,
            is_part,
            depth: 0,
            failed: None,
            offset: 0,
            before: 0,
            is_finished: false,
        };
        if let Some(evidence) = evidence {
            let outline = Outline::new(Arc::clone(&masker.rules), evidence.classes());
            let tally = &mut masker.stage.tally;
            tally.evidence = Some(evidence);
            tally.recorder = Some(Box::new(Recorder::outlining(outline)));
        }
        masker
    }

    /// A masker for a JSON text in a string, under the same grant.
    pub(crate) fn inside(rules: Arc<Ruleset>, options: Options, around: Context<'_>) -> Self {
        let mut masker = Self::of_texts(rules, options);
        masker.stage.path.cues = around.cues;
        masker.depth = around.depth + 1;
        masker.terms = around.grant.cloned();
        masker.is_beyond = around.is_beyond;
        masker.stage.records.be_inside();
        masker.stage.tally.recorder = Some(Box::default());
        masker
    }

    /// Reads the next bytes of the body and appends to `out` what may leave.
    ///
    /// # Errors
    /// The body is not valid JSON, or a limit is exceeded. Nothing is appended then, and every
    /// later call gives the same error.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let rules = Arc::clone(&self.rules);
        let keys = self.keys.clone();
        let terms = self.terms.clone();
        self.guarded(out, |masker, out| {
            if masker.is_finished && !chunk.is_empty() {
                return Err(Error {
                    kind: ErrorKind::Finished,
                    offset: masker.offset,
                });
            }
            if let Some(events) = &mut masker.events {
                masker.offset += chunk.len() as u64;
                events.feed(chunk, out)?;
                events.tally_mut().report.count_read(chunk.len());
                return Ok(());
            }
            let context = Context {
                rules: &rules,
                lift: masker.lift,
                grant: terms.as_ref(),
                is_beyond: masker.is_beyond,
                keys: &keys,
                year: masker.year,
                subject: None,
                cues: Cues::NONE,
                mentions: Mentions::None,
                lifted: Lifted::No,
                depth: masker.depth,
            };
            let mut run = Run {
                context,
                chunk,
                out,
                copied: 0,
                base: masker.before + masker.offset,
            };
            masker.scanner.begin();
            masker.drive(&mut run)?;
            masker.stage.end_chunk(&mut run, &masker.scanner);
            masker.scanner.end(chunk);
            if !masker.is_part {
                masker.stage.tally.report.count_read(chunk.len());
            }
            masker.offset += chunk.len() as u64;
            Ok(())
        })
    }

    /// Tells that the body has ended, and appends what the last byte held back: a number that
    /// stands alone.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if the JSON text is not complete; an error of an earlier call.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let rules = Arc::clone(&self.rules);
        let keys = self.keys.clone();
        let terms = self.terms.clone();
        self.guarded(out, |masker, out| {
            if let Some(events) = &mut masker.events {
                masker.is_finished = true;
                return events.finish(out);
            }
            let context = Context {
                rules: &rules,
                lift: masker.lift,
                grant: terms.as_ref(),
                is_beyond: masker.is_beyond,
                keys: &keys,
                year: masker.year,
                subject: None,
                cues: Cues::NONE,
                mentions: Mentions::None,
                lifted: Lifted::No,
                depth: masker.depth,
            };
            let mut run = Run {
                context,
                chunk: b"",
                out,
                copied: 0,
                base: masker.before + masker.offset,
            };
            masker.is_finished = true;
            if let Some(event) = masker.scanner.finish()? {
                masker.handle(&mut run, event);
            }
            Ok(())
        })
    }

    /// Whether the top-level value is complete (with [`Framing::Lines`](crate::Framing::Lines):
    /// whether no line is begun; with [`Framing::Events`]: no line, and no event has data that
    /// waits for its end) and nothing is held back, so that the body may end here.
    pub fn is_closed(&self) -> bool {
        self.failed.is_none()
            && match &self.events {
                Some(events) => events.is_closed(),
                None => self.scanner.is_closed(),
            }
    }

    /// What has been done so far.
    pub fn report(&self) -> &Report {
        match &self.events {
            Some(events) => events.report(),
            None => &self.stage.tally.report,
        }
    }

    /// The tags of what has been masked so far; `None`: [`Terms::evidence`] has no class.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use velum_engine::{Class, ClassSet, Masker, Options, Profile, Ruleset, TagKey, Terms};
    /// let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build()?);
    /// let phones: ClassSet = [Class::Phone].into_iter().collect();
    /// let tag_key = TagKey::new(&[7; 32]);
    /// let terms = Terms { evidence: phones, tag_key, ..Terms::default() };
    /// let options = Options { terms: Some(terms.into()), ..Options::default() };
    /// let mut masker = Masker::new(Arc::clone(&rules), options);
    /// masker.feed(br#"[{"phone":"555-0123"}]"#, &mut Vec::new())?;
    /// let evidence = masker.evidence().ok_or("none")?;
    /// assert!(evidence.is_complete() && evidence.tags().len() == 1);
    ///
    /// let (tags, tag_key) = (Some(evidence.tags().clone()), TagKey::new(&[7; 32]));
    /// let terms = Terms { tags, tag_key, ..Terms::default() };
    /// let options = Options { lift: phones, terms: Some(terms.into()), ..Options::default() };
    /// let (mut masker, mut out) = (Masker::new(rules, options), Vec::new());
    /// masker.feed(br#"[{"phone":"555-0123"},{"phone":"555-0199"}]"#, &mut out)?;
    /// assert_eq!(out, br#"[{"phone":"555-0123"},{"phone":"[masked:phone]"}]"#);
    /// assert_eq!(masker.report().drift(Class::Phone), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn evidence(&self) -> Option<&Evidence> {
        match &self.events {
            Some(events) => events.evidence(),
            None => self.stage.tally.evidence.as_deref(),
        }
    }

    /// Where values of those classes have been masked so far, in counts: under keys that the rules name, and no
    /// others. `None`: [`Terms::evidence`] has no class.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use velum_engine::{Class, Masker, Options, Profile, Ruleset, TagKey, Terms};
    /// let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build()?);
    /// let evidence = [Class::Phone].into_iter().collect();
    /// let terms = Terms { evidence, tag_key: TagKey::new(&[7; 32]), ..Terms::default() };
    /// let options = Options { terms: Some(terms.into()), ..Options::default() };
    /// let mut masker = Masker::new(rules, options);
    /// let body = br#"{"Quill Thorn":[{"phone":"555-0123"},{"phone":"555-0199"}]}"#;
    /// masker.feed(body, &mut Vec::new())?;
    /// let outline = masker.outline().ok_or("none")?;
    /// let places: Vec<_> = outline.places().map(|place| (place.path, place.count)).collect();
    /// assert_eq!(places, [("$.*[*].phone", 2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn outline(&self) -> Option<&Outline> {
        let tally = match &self.events {
            Some(events) => events.tally(),
            None => &self.stage.tally,
        };
        tally.recorder.as_ref()?.outline()
    }

    /// Lifts nothing from the next value on: one that is not decided yet is masked.
    pub fn stop_lifting(&mut self) {
        self.lift = ClassSet::EMPTY;
        self.terms = None;
        if let Some(events) = &mut self.events {
            events.stop_lifting();
        }
    }

    pub(crate) fn rules(&self) -> Arc<Ruleset> {
        Arc::clone(&self.rules)
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.stage.tally
    }

    /// For what is masked beside the text.
    pub(crate) fn tally_mut(&mut self) -> &mut Tally {
        match &mut self.events {
            Some(events) => events.tally_mut(),
            None => &mut self.stage.tally,
        }
    }

    /// Forgets the text, complete or not, and goes on counting: another one follows.
    pub(crate) fn restart(&mut self, options: &Options) {
        let mut tally = std::mem::take(&mut self.stage.tally);
        tally.people.next_record(false);
        if let Some(recorder) = &mut tally.recorder {
            recorder.restart();
        }
        let room = self.scanner.give_up();
        self.scanner = Scanner::new(options.framing, &options.limits, room);
        let names = std::mem::take(&mut self.stage.names);
        self.stage = Stage::new(options, names);
        self.stage.tally = tally;
        self.before += self.offset;
        self.offset = 0;
        self.is_finished = false;
    }

    /// After a failure nothing is ever written; what the failing call had written is taken back.
    fn guarded(
        &mut self,
        out: &mut Vec<u8>,
        step: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let length = out.len();
        step(self, out).inspect_err(|error| {
            out.truncate(length);
            self.failed = Some(*error);
        })
    }

    fn drive(&mut self, run: &mut Run<'_>) -> Result<(), Error> {
        loop {
            self.cruise(run);
            match self.scanner.next(run.chunk)? {
                Event::More => return Ok(()),
                event => self.handle(run, event),
            }
        }
    }

    #[inline]
    fn handle(&mut self, run: &mut Run<'_>, event: Event) {
        let chunk = run.chunk;
        let token = Token::of(&self.scanner, chunk);
        match event {
            Event::More => return,
            Event::Key => self.stage.key(run, &token),
            Event::Scalar(kind) => self.stage.scalar(run, &token, kind),
            Event::Open(container) => self.stage.open(run, &token, container),
            Event::Close(_) => self.stage.close(run, token.position),
            Event::LongStart => self.stage.long_start(run, &token),
            Event::LongPart => self.stage.long_part(run, &token, false),
            Event::LongEnd => self.stage.long_part(run, &token, true),
        }
        self.scanner.take_comma();
    }
}

impl Drop for Masker {
    fn drop(&mut self) {
        let names = std::mem::take(&mut self.stage.names);
        self.rules.shelf.put((names, self.scanner.give_up()));
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Masker");
        debug
            .field("offset", &self.offset)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
