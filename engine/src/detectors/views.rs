//! Other readings of a text, in which identifiers may stand that are not seen in it as it is:
//! percent-encoded text (RFC 3986, and `+` in forms), XHTML without its tags and entities, escapes, and
//! all of that in one another.
//!
//! A text is decoded step by step, all that is encoded in it at once, so that the order in which it
//! was encoded does not matter. There are at most [`DEEPEST`] steps.

mod entity;
mod escape;
mod percent;
mod tags;

use std::ops::Range;

pub(super) use self::tags::copy_tags;
use crate::mapped::Mapped;

/// So often a text is decoded.
const DEEPEST: usize = 3;

/// The readings of a text but for the text as it is.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    /// Each decoded from the one before, the first from the text.
    steps: Vec<Mapped<'static>>,
    /// What else is read.
    others: Vec<Other>,
    /// Whether something is still encoded behind the last step.
    pub(crate) goes_on: bool,
}

/// A reading of the text behind so many steps, from which none goes on.
#[derive(Debug)]
struct Other {
    steps: usize,
    view: Mapped<'static>,
}

/// One reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    steps: &'a [Mapped<'static>],
    view: Option<&'a Mapped<'static>>,
}

impl Readings {
    pub(crate) fn of(text: &str) -> Self {
        let mut readings = Self::default();
        if Signs::of(text).is_empty() {
            return readings;
        }
        for depth in 0..=DEEPEST {
            let text = readings.steps.last().map_or(text, |step| &*step.text);
            let signs = Signs::of(text);
            let (addresses, references) = (Signs::PERCENT.with(Signs::FORM), Signs::ENTITIES);
            let is_mixed = signs.has(Signs::PERCENT) && signs.has(references);
            let unmarked = (signs.has(Signs::TAGS) || is_mixed)
                .then(|| decoded(text, signs.only(Signs::TAGS.with(references))));
            let percent = is_mixed.then(|| decoded(text, signs.only(addresses)));
            let all = addresses.with(references).with(Signs::ESCAPES);
            let step = decoded(text, signs.only(all));
            for view in [unmarked.flatten(), percent.flatten()]
                .into_iter()
                .flatten()
            {
                readings.add(depth, view);
            }
            match step {
                Some(_) if depth == DEEPEST => readings.goes_on = true,
                Some(step) => readings.steps.push(step),
                None => break,
            }
        }
        readings
    }

    /// Adds a reading, if it is not that of the step before once more.
    fn add(&mut self, steps: usize, view: Mapped<'static>) {
        if self.others.iter().all(|other| other.view.text != view.text) {
            self.others.push(Other { steps, view });
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Reading<'_>> {
        let before = |count: usize| self.steps.get(..count).unwrap_or_default();
        let steps = (1..=self.steps.len()).map(move |count| Reading {
            steps: before(count),
            view: None,
        });
        let others = self.others.iter().map(move |other| Reading {
            steps: before(other.steps),
            view: Some(&other.view),
        });
        steps.chain(others)
    }
}

impl Reading<'_> {
    pub(crate) fn text(&self) -> &str {
        let last = self.view.or(self.steps.last());
        last.map_or("", |view| &*view.text)
    }

    /// A range of it as one of the text that is read.
    pub(crate) fn back(&self, range: &Range<usize>) -> Range<usize> {
        let range = self
            .view
            .map_or_else(|| range.clone(), |view| view.back(range));
        let steps = self.steps.iter().rev();
        steps.fold(range, |range, step| step.back(&range))
    }

    /// Whether tags were left out, which are to stay.
    pub(crate) fn has_tags(&self) -> bool {
        self.view.is_some()
    }
}

/// What may be decoded in a text: a set.
#[derive(Clone, Copy)]
struct Signs(u8);

impl Signs {
    const PERCENT: Self = Self(1);
    /// `+` stands for a space.
    const FORM: Self = Self(1 << 1);
    const ENTITIES: Self = Self(1 << 2);
    const TAGS: Self = Self(1 << 3);
    const ESCAPES: Self = Self(1 << 4);

    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut signs = Self(0);
        let mut add = |sign: Self, byte: u8| {
            if memchr::memchr(byte, bytes).is_some() {
                signs = signs.with(sign);
            }
        };
        // Nearly all texts have none.
        if memchr::memchr3(b'%', b'&', b'<', bytes).is_some() {
            add(Self::PERCENT, b'%');
            add(Self::ENTITIES, b'&');
            add(Self::TAGS, b'<');
        }
        if memchr::memchr2(b'\\', b'+', bytes).is_some() {
            add(Self::ESCAPES, b'\\');
            if has_form(bytes) {
                signs = signs.with(Self::FORM);
            }
        }
        signs
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn only(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }
}

/// Whether there is a form with `+` in a value. `=` stands at the end of base64 alone.
fn has_form(bytes: &[u8]) -> bool {
    let equals = memchr::memchr(b'=', bytes);
    let is_value = |equals| memchr::memrchr(b'+', bytes).is_some_and(|plus| plus > equals);
    equals.is_some_and(is_value) && memchr::memchr(b' ', bytes).is_none()
}

/// The text with these decoded or left out; `None`: there are none of them.
fn decoded(text: &str, signs: Signs) -> Option<Mapped<'static>> {
    if signs.is_empty() {
        return None;
    }
    let bytes = text.as_bytes();
    let tags = signs.has(Signs::TAGS).then(|| tags::Tags::of(text));
    let read = |at: usize, byte: u8| {
        let rest = || text.get(at..);
        match byte {
            b'%' if signs.has(Signs::PERCENT) => {
                let (letter, end) = percent::encoded_letter(bytes, at)?;
                Some((Some(letter), end))
            }
            b'+' if signs.has(Signs::FORM) => Some((Some(' '), at + 1)),
            b'&' if signs.has(Signs::ENTITIES) => {
                let (letter, length) = entity::entity(rest()?)?;
                Some((Some(letter), at + length))
            }
            b'\\' if signs.has(Signs::ESCAPES) => {
                let (letter, length) = escape::escaped(rest()?)?;
                Some((Some(letter), at + length))
            }
            b'<' => {
                let (instead, length) = tags.as_ref()?.at(at)?;
                Some((instead, at + length))
            }
            _ => None,
        }
    };
    let mut mapped = Mapped::empty();
    let (mut at, mut copied) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        let Some((letter, end)) = read(at, *byte) else {
            at += 1;
            continue;
        };
        mapped.push_same(text.get(copied..at)?);
        let mut room = [0; 4];
        let part = letter.map_or("", |letter| letter.encode_utf8(&mut room));
        mapped.push_instead(part, end);
        (at, copied) = (end, end);
    }
    mapped.push_same(text.get(copied..)?);
    (!mapped.is_same()).then_some(mapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reading, the steps first.
    fn readings(text: &str) -> Vec<String> {
        let readings = Readings::of(text);
        readings.iter().map(|one| one.text().to_owned()).collect()
    }

    #[test]
    fn percent_encoding_is_decoded() {
        for (text, decoded) in [
            ("a%40b%2Eexample", &["a@b.example"][..]),
            ("ssn=123%2d45%2D6789&n=J+D", &["ssn=123-45-6789&n=J D"]),
            ("n=Ann+Lee", &["n=Ann Lee"]),
            ("Jos%C3%A9", &["Jos\u{e9}"]),
            ("100%", &[]),
            ("1 + 1 = 2", &[]),
            ("ab+c==", &[]),
            ("%zz %C3%28", &["%zz %C3("]),
        ] {
            let steps = readings(text);
            let is_same = steps
                .iter()
                .zip(decoded)
                .all(|(step, decoded)| step == decoded);
            assert!(is_same && steps.len() >= decoded.len(), "{text}: {steps:?}");
        }
    }

    #[test]
    fn tags_and_entities_are_read_over() {
        for (text, read) in [
            ("<p>123-<b>45</b>-6789</p>", Some(" 123-45-6789 ")),
            ("<td>Lee</td><td>Ann</td>", Some(" Lee  Ann ")),
            ("<i>123&#45;45</i>&#x2d;6789&nbsp;x", Some("123-45-6789 x")),
            ("a < b > c && d", None),
            ("x<!-- 1 -->y", Some("xy")),
            ("<<<<", None),
            ("&bogus; &#xD800;", None),
        ] {
            assert_eq!(readings(text).last().map(|last| &**last), read, "{text}");
        }
    }

    #[test]
    fn what_is_encoded_in_one_another_is_decoded() {
        for text in [
            "123%252D45%25252D6789",
            "123&amp;#45;45&amp;amp;#45;6789",
            "<b>123%2D45</b>%2D6789",
            "%3Cb%3E123-45%3C/b%3E-6789",
            "&lt;b&gt;123&amp;#45;45&lt;/b&gt;-6789",
            "123&#45;45%2D6789",
            "123%26%2345%3B45&#37;2D6789",
        ] {
            let all = readings(text);
            let is_plain = |reading: &String| reading.contains("123-45-6789");
            assert!(all.iter().any(is_plain), "{text}: {all:?}");
            assert!(!Readings::of(text).goes_on, "{text}");
        }
        let deep = "123%2525252D45";
        assert_eq!(readings(deep).last().map(|last| &**last), Some("123%2D45"));
        assert!(Readings::of(deep).goes_on);
    }

    #[test]
    fn ranges_lead_back_through_all_steps() {
        let text = "é %3Cb%3E12%252D3</b>4 z";
        for reading in Readings::of(text).iter() {
            let Some(start) = reading.text().find("12-34") else {
                continue;
            };
            assert_eq!(&text[reading.back(&(start..start + 5))], "12%252D3</b>4");
            return;
        }
        panic!("it is read");
    }
}
