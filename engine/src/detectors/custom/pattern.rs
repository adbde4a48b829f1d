//! A pattern as an automaton: one look-up a byte, whatever the pattern.

mod bytes;
mod look;
mod program;
#[cfg(test)]
mod reference;
mod table;

use std::fmt;

use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{Ast, Flag, Visitor, visit};
use regex_syntax::hir::Hir;
use regex_syntax::hir::translate::TranslatorBuilder;

use self::look::Side;
use self::program::Program;
use self::table::Table;
use super::CustomDetector;
use super::steps::{Spent, Steps};

/// So many groups may stand in one another: reading them recurses.
const DEEPEST: u32 = 32;

const TOO_LARGE: &str =
    "is too large once compiled: use fewer alternatives, and smaller numbers in {…}";

/// A compiled pattern.
pub(super) struct Pattern {
    /// Begins where it is told to, and knows all ends of what it matches there.
    automaton: Table,
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
        let automaton = Table::of(&Program::of(&read)?)?;
        Ok(Self { automaton })
    }

    /// Whether a match may begin with that byte.
    pub(super) fn may_begin_with(&self, byte: u8) -> bool {
        Side::ALL.iter().any(|before| {
            let start = self.automaton.start(*before);
            !self.automaton.next(start, Some(byte)).is_dead()
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
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        let mut state = automaton.start(Side::of(before.copied()));
        let part = text.get(start..limit).unwrap_or_default();
        for (at, byte) in part.iter().enumerate() {
            steps.take(1)?;
            // Whether a match ends at a place is known from the byte behind it.
            let next = automaton.next(state, Some(*byte));
            if next.is_end() && enough(start + at) || next.is_dead() {
                return Ok(());
            }
            state = next.state();
        }
        if automaton.next(state, text.get(limit).copied()).is_end() {
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
            (r"(?:é|è)x", "èx", 0, &[3]),
            (r"\n\A?a", "\na", 0, &[2]),
            (r"a\z|a", "aa", 0, &[1]),
            (r"(?m:^)b\n?", "b\n", 0, &[1, 2]),
            (r"(?m:^)b", "a\nb", 2, &[3]),
            (r"a(?m:$)", "a\n", 0, &[1]),
            (r"a(?m:$)", "a\r\n", 0, &[]),
            (r"a(?Rm:$)\r\n(?Rm:^)", "a\r\nb", 0, &[3]),
            (r"(?Rm:^)b", "\rb", 1, &[2]),
            (r"(?Rm:^)\n", "\r\n", 1, &[]),
            (r"\b{start}a\B", "-ab", 1, &[2]),
            (r"a+\b{end}", "aa-", 0, &[2]),
            (r"\b{start-half}-", "--", 1, &[2]),
            (r"\b{start-half}-", "a-", 1, &[]),
            (r"-\b{end-half}", "--", 0, &[1]),
            (r"-\b{end-half}", "-a", 0, &[]),
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

    #[test]
    fn what_a_team_might_write_is_not_too_large() {
        // As many states and kinds of bytes as terms can have.
        let signs = (b'!'..=b'~').filter(u8::is_ascii_alphanumeric).cycle();
        let mut terms: Vec<u8> = signs.take(CustomDetector::LONGEST_PATTERN).collect();
        for end in terms.iter_mut().skip(15).step_by(16) {
            *end = b'|';
        }
        let terms = String::from_utf8(terms).unwrap();
        let terms = terms.trim_end_matches('|');
        let folded = format!("(?i){}", &terms[..1000]);
        for pattern in [
            r"\d{4}(?: \d{4}){3}",
            "[A-Z0-9]{8,64}",
            r"\b[A-Z][a-z]{1,20}(?: [A-Z][a-z]{1,20}){1,5}\b",
            r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}",
            r"(?:\d{1,3}[.,]?){1,40}",
            ".{0,20}secret.{0,20}",
            r"\w{1,1000}",
            "[ab]*a[ab]{10}",
            terms,
            &folded,
        ] {
            assert_eq!(Pattern::compile(pattern).err(), None, "{pattern}");
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
