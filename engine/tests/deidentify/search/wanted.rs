//! Values made ready to be looked for.

use std::collections::HashMap;
use std::ops::Range;

use super::views::View;
use super::{Hit, fold, squeezed};
use crate::harvest::Value;

/// Not names, though they stand in the text of one.
const TITLES: &[&str] = &["miss", "prof", "senior", "junior", "frau", "herr", "dame"];

/// Words that addresses have in common.
const STREETS: &[&str] = &[
    "street",
    "road",
    "avenue",
    "lane",
    "drive",
    "unit",
    "suite",
    "floor",
    "apartment",
    "house",
];

const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Words in a row.
struct Row {
    words: Vec<String>,
    value: Value,
    may_be_chance: bool,
}

pub(crate) struct Wanted {
    /// Rows by their first word.
    rows: HashMap<String, Vec<Row>>,
    /// The same with digits apart from letters: dates.
    dates: HashMap<String, Vec<Row>>,
    /// Names of few letters.
    short: Vec<(String, Value)>,
    /// Looked for inside of words.
    inside: Vec<(String, Value)>,
    /// Looked for anywhere in the folded text.
    anywhere: Vec<(String, Value)>,
    /// Letters and digits, punctuation apart.
    squeezed: Vec<(String, Value)>,
    /// Whether one of those begins with this byte: most words are told by it.
    first_bytes: [bool; 256],
    coordinates: Vec<Value>,
}

impl Wanted {
    pub(crate) fn new(values: &[Value]) -> Self {
        let mut wanted = Self {
            rows: HashMap::new(),
            dates: HashMap::new(),
            short: Vec::new(),
            inside: Vec::new(),
            anywhere: Vec::new(),
            squeezed: Vec::new(),
            first_bytes: [false; 256],
            coordinates: Vec::new(),
        };
        // The country code may stand before a phone number.
        wanted.first_bytes[usize::from(b'1')] = true;
        for value in values {
            match value.kind {
                "name" | "full name" => wanted.name(value),
                "address line" => wanted.words(value, false),
                "city" => wanted.words(value, true),
                "birth date" | "date of death" => wanted.date(value),
                "email" | "web address" | "photograph" => {
                    if value.text.len() >= 6 {
                        wanted.anywhere.push((fold(&value.text), value.clone()));
                    }
                }
                "coordinate" => {
                    let decimals = value
                        .text
                        .split_once('.')
                        .map_or(0, |(_, after)| after.len());
                    if decimals >= 3 {
                        wanted.coordinates.push(value.clone());
                    }
                }
                "phone" => {
                    let number = value.text.to_ascii_lowercase();
                    let number = number.split(['x', ';']).next().unwrap_or_default();
                    let mut digits: String = number.chars().filter(char::is_ascii_digit).collect();
                    if digits.len() == 11 && digits.starts_with('1') {
                        digits.remove(0);
                    }
                    wanted.squeeze(digits, value);
                }
                "postal code" => {
                    let first = value.text.split('-').next().unwrap_or_default();
                    wanted.squeeze(squeezed(first), value);
                    wanted.squeeze(squeezed(&value.text), value);
                }
                _ => wanted.squeeze(squeezed(&value.text), value),
            }
        }
        wanted
    }

    fn squeeze(&mut self, text: String, value: &Value) {
        if text.len() >= 4 {
            self.first_bytes[usize::from(text.as_bytes()[0])] = true;
            self.squeezed.push((text, value.clone()));
        }
    }

    fn words(&mut self, value: &Value, may_be_chance: bool) {
        let text = fold(&value.text);
        let words: Vec<String> = words(&text).map(|range| text[range].to_owned()).collect();
        let letters: usize = words.iter().map(|word| word.chars().count()).sum();
        if letters < 4 || words.iter().all(|word| STREETS.contains(&&**word)) {
            return;
        }
        let may_be_chance = may_be_chance || words.len() == 1;
        let row = Row {
            words,
            value: value.clone(),
            may_be_chance,
        };
        self.rows.entry(row.words[0].clone()).or_default().push(row);
    }

    fn name(&mut self, value: &Value) {
        let text = fold(&value.text);
        if is_without_spaces(&text) {
            let letters = squeezed(&text);
            if letters.chars().count() >= 2 {
                self.anywhere.push((letters, value.clone()));
            }
        }
        let all: Vec<&str> = words(&text).map(|range| &text[range]).collect();
        if let [word] = all[..]
            && (2..4).contains(&word.chars().count())
        {
            self.short.push((word.to_owned(), value.clone()));
            return;
        }
        self.words(value, false);
        if value.kind == "full name" {
            return;
        }
        for word in all {
            let letters = word.chars().count();
            if letters < 4 || TITLES.contains(&word) {
                continue;
            }
            let row = Row {
                words: vec![word.to_owned()],
                value: value.clone(),
                may_be_chance: true,
            };
            self.rows.entry(word.to_owned()).or_default().push(row);
            if letters >= 6 {
                self.inside.push((word.to_owned(), value.clone()));
            }
        }
    }

    fn date(&mut self, value: &Value) {
        let day = value.text.get(..10).unwrap_or("");
        let parts: Vec<&str> = day.split('-').collect();
        let [year, month, day] = parts[..] else {
            return;
        };
        let number = month.parse::<usize>().unwrap_or(0);
        let Some(word) = number.checked_sub(1).and_then(|index| MONTHS.get(index)) else {
            return;
        };
        let short = |part: &str| part.trim_start_matches('0').to_owned();
        let (m, d) = (short(month), short(day));
        let abbreviated = word.get(..3).unwrap_or(word);
        let rows: [&[&str]; 12] = [
            &[year, month, day],
            &[year, &m, &d],
            &[&format!("{year}{month}{day}")],
            &[month, day, year],
            &[&m, &d, year],
            &[day, month, year],
            &[&d, &m, year],
            &[word, &d, year],
            &[abbreviated, &d, year],
            &[&d, word, year],
            &[&d, abbreviated, year],
            &[day, abbreviated, year],
        ];
        for row in rows {
            let words: Vec<String> = row.iter().map(|&part| part.to_owned()).collect();
            let row = Row {
                words,
                value: value.clone(),
                may_be_chance: false,
            };
            self.dates
                .entry(row.words[0].clone())
                .or_default()
                .push(row);
        }
    }

    /// What one reading of a text holds.
    pub(crate) fn in_view(&self, view: &View) -> Vec<Hit> {
        let text = fold(&view.text);
        let mut hits = Vec::new();
        let mut hit = |value: &Value, may_be_chance: bool| {
            // Few letters in bytes that are no text are chance.
            if view.is_sound || value.text.chars().count() >= 6 {
                let how = view.how.clone();
                hits.push(Hit {
                    value: value.clone(),
                    how,
                    may_be_chance,
                });
            }
        };
        let words: Vec<Range<usize>> = words(&text).collect();
        rows_in(&self.rows, &text, &words, &mut hit);
        let runs: Vec<Range<usize>> = runs(&text).collect();
        rows_in(&self.dates, &text, &runs, &mut hit);
        // The shortest that is looked for inside of a word has six letters.
        let long = words.iter().filter(|range| range.len() > 6);
        for word in long.map(|range| &text[range.clone()]) {
            for (name, value) in &self.inside {
                if word.len() > name.len() && word.contains(name.as_str()) {
                    hit(value, true);
                }
            }
            for (number, value) in &self.squeezed {
                if number.len() >= 8 && word.len() > number.len() && has_number(word, number) {
                    hit(value, false);
                }
            }
        }
        self.squeezed_in(&text, &words, &mut hit);
        self.squeezed_in(&text, &runs, &mut hit);
        for (wanted, value) in &self.anywhere {
            if text.contains(wanted.as_str()) {
                hit(value, false);
            }
        }
        for value in &self.coordinates {
            if has_number(&text, value.text.trim_start_matches('-')) {
                hit(value, false);
            }
        }
        if !self.short.is_empty() {
            for word in view.text.split(|letter: char| !letter.is_alphanumeric()) {
                // The first letter tells a name from a word.
                if (1..=8).contains(&word.len()) && !word.starts_with(char::is_lowercase) {
                    let word = fold(word);
                    for (name, value) in &self.short {
                        if *name == word {
                            hit(value, true);
                        }
                    }
                }
            }
        }
        hits
    }

    /// Numbers whose letters and digits stand in a row, with little between them.
    fn squeezed_in(&self, text: &str, words: &[Range<usize>], hit: &mut impl FnMut(&Value, bool)) {
        for (index, first) in words.iter().enumerate() {
            let head = &text[first.clone()];
            if !self.first_bytes[usize::from(head.as_bytes()[0])] {
                continue;
            }
            for (number, value) in &self.squeezed {
                let may_be_chance = number.len() < 6;
                let mut rest = if let Some(rest) = number.strip_prefix(head) {
                    rest
                } else if value.kind == "phone" && head == format!("1{number}") {
                    ""
                } else {
                    continue;
                };
                let mut end = first.end;
                for next in &words[index + 1..] {
                    let word = &text[next.clone()];
                    if rest.is_empty() || next.start - end > 3 || !rest.starts_with(word) {
                        break;
                    }
                    rest = &rest[word.len()..];
                    end = next.end;
                }
                if rest.is_empty() {
                    hit(value, may_be_chance);
                }
            }
        }
    }

    /// Coordinates and numbers of six digits and more, where the output has a number.
    pub(crate) fn in_number(&self, raw: &str) -> Vec<Hit> {
        let coordinates = self
            .coordinates
            .iter()
            .filter(|value| raw.trim_start_matches('-') == value.text.trim_start_matches('-'));
        let digits = raw.trim_start_matches('-');
        let numbers = self
            .squeezed
            .iter()
            .filter(|(number, _)| number.len() >= 6 && number == digits);
        let values = coordinates.chain(numbers.map(|(_, value)| value));
        let hit = |value: &Value| Hit {
            value: value.clone(),
            how: Vec::new(),
            may_be_chance: false,
        };
        values.map(hit).collect()
    }
}

fn rows_in(
    rows: &HashMap<String, Vec<Row>>,
    text: &str,
    words: &[Range<usize>],
    hit: &mut impl FnMut(&Value, bool),
) {
    for (index, first) in words.iter().enumerate() {
        let Some(rows) = rows.get(&text[first.clone()]) else {
            continue;
        };
        for row in rows {
            let here = words[index..].iter().map(|range| &text[range.clone()]);
            if here.take(row.words.len()).eq(row.words.iter()) {
                hit(&row.value, row.may_be_chance);
            }
        }
    }
}

/// Runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    pieces(text, |_, _| false)
}

/// Runs of letters or of digits.
fn runs(text: &str) -> impl Iterator<Item = Range<usize>> {
    pieces(text, |before, letter| {
        before.is_ascii_digit() != letter.is_ascii_digit()
    })
}

fn pieces(text: &str, is_cut: impl Fn(char, char) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut letters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, mut before) = letters.find(|(_, letter)| letter.is_alphanumeric())?;
        let mut end = start + before.len_utf8();
        while let Some(&(at, letter)) = letters.peek() {
            if !letter.is_alphanumeric() || is_cut(before, letter) {
                break;
            }
            letters.next();
            end = at + letter.len_utf8();
            before = letter;
        }
        Some(start..end)
    })
}

/// Not as a part of a longer number.
fn has_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
        let after = text[at + number.len()..].chars().next();
        !is_digit(text[..at].chars().next_back()) && !is_digit(after)
    })
}

/// Chinese, Japanese, Korean and Thai: no space tells a name from what is beside it.
fn is_without_spaces(text: &str) -> bool {
    text.chars().any(|letter| {
        matches!(letter,
            '\u{0e00}'..='\u{0e7f}' | '\u{1100}'..='\u{11ff}' | '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
    })
}
