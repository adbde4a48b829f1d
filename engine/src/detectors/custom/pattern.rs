//! A pattern as an automaton: one look-up a byte, whatever the pattern.

use std::fmt;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::start;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{Ast, Flag, Visitor, visit};
use regex_syntax::hir::Hir;
use regex_syntax::hir::translate::TranslatorBuilder;

use super::CustomDetector;
use super::steps::{Spent, Steps};

/// So many groups may stand in one another: reading them recurses.
const DEEPEST: u32 = 32;
/// What an automaton is made from, and what making it takes.
const LARGEST_NFA: usize = 128 << 10;
const LARGEST_WORK: usize = 1 << 20;

const TOO_LARGE: &str =
    "is too large once compiled: use fewer alternatives, and smaller numbers in {…}";

/// A compiled pattern.
pub(super) struct Pattern {
    /// Begins where it is told to, and knows all ends of what it matches there.
    automaton: dense::DFA<Vec<u32>>,
}

impl Pattern {
    /// Compiles a pattern; what is wrong with it else.
    pub(super) fn compile(pattern: &str) -> Result<Self, String> {
        if pattern.is_empty() {
            return Err("is empty: say what to look for".into());
        }
        if pattern.len() > CustomDetector::LONGEST_PATTERN {
            let most = CustomDetector::LONGEST_PATTERN;
            return Err(format!(
                "is longer than {most} bytes: make several detectors of it"
            ));
        }
        let read = read(pattern)?;
        match read.properties().minimum_len() {
            None => return Err("can never match: check its classes".into()),
            Some(0) => {
                return Err("matches the empty text: make some part of it necessary".into());
            }
            Some(_) => {}
        }
        let settings = thompson::Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(LARGEST_NFA));
        let compiled = thompson::Compiler::new()
            .configure(settings)
            .build_from_hir(&read)
            .map_err(|_| TOO_LARGE)?;
        let settings = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .accelerate(false)
            .dfa_size_limit(Some(CustomDetector::LARGEST_PATTERN))
            .determinize_size_limit(Some(LARGEST_WORK));
        let automaton = dense::Builder::new()
            .configure(settings)
            .build_from_nfa(&compiled)
            .map_err(|_| TOO_LARGE)?;
        Ok(Self { automaton })
    }

    /// Whether a match may begin with that byte.
    pub(super) fn may_begin_with(&self, byte: u8) -> bool {
        let before = (0..=u8::MAX).map(Some).chain([None]);
        before.into_iter().any(|before| {
            let start = start::Config::new()
                .anchored(Anchored::Yes)
                .look_behind(before);
            // What cannot be told may be.
            self.automaton.start_state(&start).map_or(true, |state| {
                let next = self.automaton.next_state(state, byte);
                !self.automaton.is_dead_state(next)
            })
        })
    }

    /// Calls back with the end of every match that begins there and ends at most there, the shortest
    /// first, until told that it is enough.
    pub(super) fn ends(
        &self,
        text: &[u8],
        start: usize,
        limit: usize,
        steps: &mut Steps,
        mut enough: impl FnMut(usize) -> bool,
    ) -> Result<(), Spent> {
        let automaton = &self.automaton;
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        let mut state = automaton.start_state_forward(&input).map_err(|_| Spent)?;
        let part = text.get(start..limit).unwrap_or_default();
        for (at, byte) in part.iter().enumerate() {
            steps.take(1)?;
            // A match is told of one byte behind its end.
            state = automaton.next_state(state, *byte);
            if !automaton.is_special_state(state) {
                continue;
            }
            if automaton.is_dead_state(state) {
                return Ok(());
            }
            if automaton.is_match_state(state) && enough(start + at) {
                return Ok(());
            }
        }
        let last = match text.get(limit) {
            Some(byte) => automaton.next_state(state, *byte),
            None => automaton.next_eoi_state(state),
        };
        if automaton.is_match_state(last) {
            enough(limit);
        }
        Ok(())
    }
}

/// Reads the expression; what is wrong with it, and where, else.
fn read(pattern: &str) -> Result<Hir, String> {
    let fault = |at: usize, what: &dyn fmt::Display| {
        format!("is no regular expression from byte {at} on: {what}")
    };
    let mut parser = ParserBuilder::new().nest_limit(DEEPEST).build();
    let read = parser
        .parse(pattern)
        .map_err(|error| fault(error.span().start.offset, error.kind()))?;
    // Without tables, and what other programs link must not make a difference.
    visit(&read, NoUnicode).map_err(|at| {
        let what = "the flag `u` is not known: patterns read bytes, and letters are those of ASCII";
        fault(at, &what)
    })?;
    let mut translator = TranslatorBuilder::new().unicode(false).utf8(false).build();
    translator
        .translate(pattern, &read)
        .map_err(|error| fault(error.span().start.offset, error.kind()))
}

/// Looks for the flag for Unicode.
struct NoUnicode;

impl Visitor for NoUnicode {
    type Output = ();
    type Err = usize;

    fn finish(self) -> Result<(), usize> {
        Ok(())
    }

    fn visit_pre(&mut self, part: &Ast) -> Result<(), usize> {
        let flags = match part {
            Ast::Flags(set) => Some(&set.flags),
            Ast::Group(group) => group.flags(),
            _ => None,
        };
        match flags {
            Some(flags) if flags.flag_state(Flag::Unicode) == Some(true) => {
                Err(flags.span.start.offset)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(pattern: &str, text: &str, start: usize) -> Vec<usize> {
        let pattern = Pattern::compile(pattern).unwrap();
        let mut found = Vec::new();
        let mut steps = Steps::of(text.len());
        let bytes = text.as_bytes();
        let outcome = pattern.ends(bytes, start, bytes.len(), &mut steps, |end| {
            found.push(end);
            false
        });
        assert_eq!(outcome, Ok(()));
        if !found.is_empty() {
            assert!(pattern.may_begin_with(bytes[start]));
        }
        found
    }

    #[test]
    fn all_ends_are_found() {
        for (pattern, text, start, expected) in [
            (r"\d{2,4}", "x12345", 1, &[3, 4, 5][..]),
            (r"\d{6}|\d{8}", "12345678", 0, &[6, 8]),
            (r"a+?", "aaa", 0, &[1, 2, 3]),
            (r"^ab", "ab ab", 3, &[]),
            (r"^ab$", "ab", 0, &[2]),
            (r"ab$", "ab c", 0, &[]),
            (r"\bab\b", "x ab.", 2, &[4]),
            (r"\bab\b", "xab.", 1, &[]),
            (r"(?i)ab", "aB", 0, &[2]),
            (r"é+", "éé", 0, &[2, 4]),
            (r"..x", "éx", 0, &[3]),
            (r"[^a]", "é", 0, &[1]),
        ] {
            assert_eq!(ends(pattern, text, start), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_cannot_be_a_pattern_is_refused() {
        let long = "a".repeat(1025);
        let deep = format!("{}a{}", "(".repeat(40), ")".repeat(40));
        for (pattern, fragment) in [
            ("", "is empty"),
            ("a*", "matches the empty text"),
            ("a|", "matches the empty text"),
            (r"\b", "matches the empty text"),
            ("^$", "matches the empty text"),
            ("(?m)^", "matches the empty text"),
            ("a{0,3}", "matches the empty text"),
            ("[a&&b]", "can never match"),
            ("a(", "from byte 1 on: unclosed group"),
            ("[z-a]", "is no regular expression"),
            (r"(a)\1", "backreferences are not supported"),
            ("(?=a)b", "look-around"),
            (r"(?u:\d)", "from byte 2 on: the flag `u`"),
            (r"a(?iu)b", "from byte 3 on: the flag `u`"),
            (r"\p{L}", "is no regular expression from byte 0"),
            (r"[é]", "is no regular expression from byte 1"),
            ("((a{1,50}){1,50}){1,50}", "is too large"),
            ("[ab]*a[ab]{14}", "is too large"),
            ("a{4294967295}", "is too large"),
            ("a{99999999999}", "is no regular expression"),
            (&deep, "nested"),
            (&long, "is longer than 1024 bytes"),
        ] {
            let error = Pattern::compile(pattern).err().unwrap_or_default();
            assert!(error.contains(fragment), "{pattern}: {error}");
        }
    }

    /// Steps, and not time: they are the same on every machine.
    #[test]
    fn the_steps_from_one_place_are_at_most_one_a_byte() {
        for pattern in [
            "(a|a)*b",
            "(a+)+$",
            "(a*)*b",
            "(a|aa)+$",
            "(a?){30}a{30}",
            "(.*a){6}",
            "((a{1,3}){1,3}){1,3}b",
        ] {
            let compiled = Pattern::compile(pattern).unwrap();
            for length in [1 << 15, 1 << 16] {
                let text = vec![b'a'; length];
                let mut steps = Steps::of(length);
                let outcome = compiled.ends(&text, 0, length, &mut steps, |_| false);
                assert_eq!(outcome, Ok(()), "{pattern}");
                assert!(steps.taken(length) <= length, "{pattern}");
            }
        }
    }
}
