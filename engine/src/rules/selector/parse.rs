//! The grammar of paths, by recursive descent; how deep parentheses go is bounded.

use super::filter::{Condition, Filter, FilterStep, Test};
use super::{PathStep, Pattern, Segment, begins_name, continues_name};

const MOST_PARENTHESES: usize = 16;

const BRACKETS: &str = "brackets hold a quoted name, *, an index such as 0, or a filter [?…]";
const COMPARED: &str = "a filter compares with a quoted text only";
const TESTS: &str = "a filter is made of @.name == 'text', != and @.name, with &&, ||, ! and ()";
const DOTTED: &str = "after a dot comes * or a name; write names with other characters as ['…']";
const FUNCTION: &str = "functions are not supported: a filter compares with == and != only";

type Parsed<T> = Result<T, String>;

pub(super) fn pattern(path: &str) -> Parsed<Pattern> {
    let mut parser = Parser { path, rest: path };
    if !parser.take("$") {
        return parser.refuse("a path begins with $, the body");
    }
    let mut segments = Vec::new();
    while !parser.rest.is_empty() {
        segments.push(parser.segment(&segments)?);
    }
    Ok(Pattern {
        segments,
        through_arrays: false,
    })
}

struct Parser<'a> {
    path: &'a str,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, text: &str) -> bool {
        let after = self.rest.strip_prefix(text);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn next(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next();
        self.rest = letters.as_str();
        letter
    }

    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|letter| !is_part(letter));
        let length = length.unwrap_or(self.rest.len());
        let (part, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        part
    }

    /// A refusal at the next character.
    fn refuse<T>(&self, message: &str) -> Parsed<T> {
        self.refuse_at(self.rest, message)
    }

    /// A refusal at the first character of `rest`, an end of the path.
    fn refuse_at<T>(&self, rest: &str, message: &str) -> Parsed<T> {
        let place = 1 + self.path.chars().count() - rest.chars().count();
        Err(format!("at character {place} of the path: {message}"))
    }

    fn segment(&mut self, before: &[Segment]) -> Parsed<Segment> {
        let start = self.rest;
        self.blank();
        if self.rest.is_empty() {
            return self.refuse_at(start, "a path does not end with white space");
        }
        let descends = self.take("..");
        let step = if !descends && self.take(".") {
            self.dotted()?
        } else if self.take("[") {
            let filtered = before
                .iter()
                .any(|segment| matches!(segment.step, PathStep::Filter(_)));
            self.bracket(filtered)?
        } else if descends {
            self.dotted()?
        } else {
            return self.refuse("a step begins with . or .. or [");
        };
        Ok(Segment { descends, step })
    }

    fn dotted(&mut self) -> Parsed<PathStep> {
        if self.take("*") {
            return Ok(PathStep::Any);
        }
        let start = self.rest;
        let name = self.name()?;
        if self.rest.starts_with('(') {
            return self.refuse_at(start, FUNCTION);
        }
        Ok(PathStep::Name(name))
    }

    fn name(&mut self) -> Parsed<String> {
        match self.peek() {
            Some(letter) if begins_name(letter) => Ok(self.take_while(continues_name).to_owned()),
            Some('0'..='9' | '-') => self.refuse(
                "a name after a dot does not begin with a digit or -: write ['…'], or [0] for an index",
            ),
            _ => self.refuse(DOTTED),
        }
    }

    /// What stands in brackets, after `[`.
    fn bracket(&mut self, filtered: bool) -> Parsed<PathStep> {
        self.blank();
        let start = self.rest;
        let step = if self.take("?") {
            if filtered {
                return self.refuse_at(start, "a path has at most one filter");
            }
            PathStep::Filter(self.filter()?)
        } else {
            match self.child()? {
                FilterStep::Name(name) => PathStep::Name(name),
                FilterStep::Index(index) => PathStep::Index(index),
                FilterStep::Any => PathStep::Any,
            }
        };
        self.close()?;
        Ok(step)
    }

    fn close(&mut self) -> Parsed<()> {
        self.blank();
        match self.peek() {
            Some(']') => {
                self.next();
                Ok(())
            }
            Some(',') => {
                self.refuse("brackets hold one selector: write a path for each of several")
            }
            Some(':') => self.refuse("slices are not supported: write [*] or an index such as [0]"),
            _ => self.refuse("a ] is missing here"),
        }
    }

    fn child(&mut self) -> Parsed<FilterStep> {
        match self.peek() {
            Some('*') => {
                self.next();
                Ok(FilterStep::Any)
            }
            Some('\'' | '"') => Ok(FilterStep::Name(self.text()?)),
            Some('0'..='9') => self.index(),
            Some('-') => self.refuse("indices count from the start: 0 or more"),
            Some(':') => self.refuse("slices are not supported: write [*] or an index such as [0]"),
            Some(letter) if begins_name(letter) => {
                self.refuse("a name in brackets stands in quotes: ['…']")
            }
            _ => self.refuse(BRACKETS),
        }
    }

    fn index(&mut self) -> Parsed<FilterStep> {
        let start = self.rest;
        let digits = self.take_while(|letter| letter.is_ascii_digit());
        if digits.len() > 1 && digits.starts_with('0') {
            return self.refuse_at(start, "an index has no leading zero");
        }
        match digits.parse() {
            Ok(index) => Ok(FilterStep::Index(index)),
            Err(_) => self.refuse_at(start, "an index is at most 4294967295"),
        }
    }

    /// A text in quotes, with the escapes of RFC 9535.
    fn text(&mut self) -> Parsed<String> {
        let start = self.rest;
        let quote = self.next();
        let mut text = String::new();
        loop {
            let place = self.rest;
            match self.next() {
                None => return self.refuse_at(start, "the quote that opens here is not closed"),
                letter if letter == quote => return Ok(text),
                Some('\\') => text.push(self.escape(place, quote)?),
                Some('\0'..' ') => {
                    return self.refuse_at(
                        place,
                        "a control character is written as \\u and four hexadecimal digits",
                    );
                }
                Some(letter) => text.push(letter),
            }
        }
    }

    fn escape(&mut self, place: &str, quote: Option<char>) -> Parsed<char> {
        match self.next() {
            Some('b') => Ok('\u{8}'),
            Some('t') => Ok('\t'),
            Some('n') => Ok('\n'),
            Some('f') => Ok('\u{c}'),
            Some('r') => Ok('\r'),
            Some(letter @ ('\\' | '/')) => Ok(letter),
            Some('u') => self.code_point(place),
            Some(letter) if Some(letter) == quote => Ok(letter),
            _ => self.refuse_at(
                place,
                "escapes are \\b \\t \\n \\f \\r \\\\ \\/ \\uXXXX and the quote around",
            ),
        }
    }

    fn code_point(&mut self, place: &str) -> Parsed<char> {
        const HALF: &str = "half of a surrogate pair: \\uD800 to \\uDBFF, then \\uDC00 to \\uDFFF";
        let first = self.hexadecimal(place)?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).map_or_else(|| self.refuse_at(place, HALF), Ok);
        }
        if !self.take("\\u") {
            return self.refuse_at(place, HALF);
        }
        let second = self.hexadecimal(place)?;
        let pair = (0xDC00..0xE000)
            .contains(&second)
            .then(|| 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00));
        let letter = pair.and_then(char::from_u32);
        letter.map_or_else(|| self.refuse_at(place, HALF), Ok)
    }

    fn hexadecimal(&mut self, place: &str) -> Parsed<u32> {
        let mut value = 0;
        for _ in 0..4 {
            match self.next().and_then(|letter| letter.to_digit(16)) {
                Some(digit) => value = value * 16 + digit,
                None => return self.refuse_at(place, "\\u has four hexadecimal digits"),
            }
        }
        Ok(value)
    }

    /// A filter, after `?`.
    fn filter(&mut self) -> Parsed<Filter> {
        let mut reading = Reading::default();
        let condition = self.any(&mut reading, 0)?;
        Ok(Filter {
            tests: reading.tests,
            condition,
        })
    }

    fn any(&mut self, reading: &mut Reading, depth: usize) -> Parsed<Condition> {
        let mut conditions = vec![self.all(reading, depth)?];
        while self.take("||") {
            conditions.push(self.all(reading, depth)?);
        }
        Ok(Condition::any(conditions))
    }

    fn all(&mut self, reading: &mut Reading, depth: usize) -> Parsed<Condition> {
        let mut conditions = vec![self.basic(reading, depth)?];
        self.blank();
        while self.take("&&") {
            conditions.push(self.basic(reading, depth)?);
            self.blank();
        }
        if self.rest.starts_with(['&', '|']) && !self.rest.starts_with("||") {
            return self.refuse("conditions are joined by && and ||");
        }
        Ok(Condition::all(conditions))
    }

    fn basic(&mut self, reading: &mut Reading, depth: usize) -> Parsed<Condition> {
        self.blank();
        let negated = self.take("!");
        self.blank();
        let start = self.rest;
        if self.take("(") {
            if depth == MOST_PARENTHESES {
                return self.refuse_at(start, "parentheses nest at most 16 deep");
            }
            let inner = self.any(reading, depth + 1)?;
            if !self.take(")") {
                return self.refuse("a ) is missing here");
            }
            return Ok(if negated {
                Condition::not(inner)
            } else {
                inner
            });
        }
        let (test, differs) = self.test()?;
        if negated && test.equals.is_some() {
            return self.refuse_at(start, "put parentheses round what ! denies, or write !=");
        }
        let Some(number) = reading.number(test) else {
            return self.refuse_at(start, "a filter makes at most 8 comparisons");
        };
        let condition = Condition::Test(number);
        Ok(if negated || differs {
            Condition::not(condition)
        } else {
            condition
        })
    }

    /// A comparison, and whether it is `!=`; or whether there is a value.
    fn test(&mut self) -> Parsed<(Test, bool)> {
        if self.rest.starts_with(['\'', '"']) {
            let equals = Some(self.text()?);
            let Some(differs) = self.sign()? else {
                return self.refuse("after a text comes == or !=, and a path such as @.name");
            };
            self.blank();
            if !self.rest.starts_with('@') {
                return self.refuse("one side of a comparison is a path such as @.name");
            }
            let path = self.place()?;
            return Ok((Test { path, equals }, differs));
        }
        let path = self.place()?;
        let Some(differs) = self.sign()? else {
            return Ok((Test { path, equals: None }, false));
        };
        self.blank();
        if !self.rest.starts_with(['\'', '"']) {
            return self.literal();
        }
        let equals = Some(self.text()?);
        Ok((Test { path, equals }, differs))
    }

    /// A refusal of what stands where a quoted text should.
    fn literal<T>(&self) -> Parsed<T> {
        match self.peek() {
            Some('0'..='9' | '-') => self.refuse(&format!("{COMPARED}, not with a number")),
            Some('@' | '$') => self.refuse(&format!("{COMPARED}, not with another path")),
            _ if self.is_function() => self.refuse(FUNCTION),
            _ if ["true", "false", "null"]
                .iter()
                .any(|word| self.rest.starts_with(word)) =>
            {
                self.refuse(&format!("{COMPARED}, not with true, false or null"))
            }
            _ => self.refuse(COMPARED),
        }
    }

    fn is_function(&self) -> bool {
        let name = self.rest.trim_start_matches(continues_name);
        name.starts_with('(') && self.peek().is_some_and(begins_name)
    }

    /// `==` is false, `!=` is true.
    fn sign(&mut self) -> Parsed<Option<bool>> {
        self.blank();
        if self.take("==") {
            return Ok(Some(false));
        }
        if self.take("!=") {
            return Ok(Some(true));
        }
        if self.rest.starts_with(['<', '>', '=', '~']) {
            return self.refuse("a filter compares with == and != only");
        }
        Ok(None)
    }

    /// A path from the element: `@`, then names, indices and `*`.
    fn place(&mut self) -> Parsed<Vec<FilterStep>> {
        let start = self.rest;
        if !self.take("@") {
            return match self.peek() {
                Some('$') => self.refuse("a filter looks below its element only: @.name"),
                _ if self.is_function() => self.refuse(FUNCTION),
                Some('0'..='9' | '-') => self.refuse(&format!("{COMPARED}, not with a number")),
                _ => self.refuse(TESTS),
            };
        }
        let mut steps = Vec::new();
        loop {
            let before = self.rest;
            self.blank();
            if self.rest.starts_with("..") {
                return self.refuse("a path in a filter has no .. step");
            } else if self.take(".") {
                steps.push(match self.dotted()? {
                    PathStep::Name(name) => FilterStep::Name(name),
                    _ => FilterStep::Any,
                });
            } else if self.take("[") {
                self.blank();
                if self.rest.starts_with('?') {
                    return self.refuse("a filter holds no other filter");
                }
                steps.push(self.child()?);
                self.close()?;
            } else {
                self.rest = before;
                break;
            }
        }
        if steps.is_empty() {
            return self.refuse_at(start, "a filter looks at what its element holds: @.name");
        }
        Ok(steps)
    }
}

/// The tests of a filter so far.
#[derive(Default)]
struct Reading {
    tests: Vec<Test>,
    mentions: usize,
}

impl Reading {
    /// The number of a test; None beyond the bound.
    fn number(&mut self, test: Test) -> Option<usize> {
        self.mentions += 1;
        if self.mentions > Filter::MOST_TESTS {
            return None;
        }
        let known = self.tests.iter().position(|other| *other == test);
        Some(known.unwrap_or_else(|| {
            self.tests.push(test);
            self.tests.len() - 1
        }))
    }
}
