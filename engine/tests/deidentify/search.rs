//! Looks for harvested values in what came out.
//!
//! # When a value counts as leaked
//!
//! A harvested value is leaked where a string, a number or a member's name of the output holds it,
//! read as it is or [decoded](views), outside of staff and organisations ([`Place::is_staff`]: their
//! resources whole, and the displays of references to them). It does not matter whose value it is
//! there: a practitioner who shares a patient's name is passed over in the place of the
//! practitioner only.
//!
//! Texts are compared without case, accents and marks. Words of a value must stand there as whole
//! words in a row, whatever is between them; besides:
//! - Each word of a name that has four letters or more counts on its own, and from six letters on
//!   inside of a longer word, too ("nunezmaria"). A title does not.
//! - A name of less than four letters counts as a whole word that does not begin in lower case, so
//!   that "An" is found and "an exam" is none. A single letter does not count.
//! - In scripts without spaces, two letters in a row count anywhere.
//! - Identifiers and phone numbers are compared by their letters and digits alone, also glued to
//!   something else from eight on; one of less than four does not count. A phone number may lose
//!   or gain the country code of the US.
//! - A birth date counts in ISO, in a row of digits, in the US and European order, and with the
//!   month as a word. Its year alone may stand.
//! - Coordinates count as they are spelled.
//!
//! Chance: codes, units and words that come with a code ([`Place::is_coded`]) are the same for every
//! patient. What is no more than one word, or less than six digits, does not count there, nor does a
//! city: "Boston" in the display of a code says nothing about where somebody lives. Full names,
//! addresses and longer numbers count there, too. An identifier that is the logical id of a
//! resource of the document is not looked for in `id`, `fullUrl`, `url` and `reference`: ids stay.

mod views;
mod wanted;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::harvest::Value;
use crate::place::{Place, Types, each_leaf};
use crate::tree::{Kind, Tree};
use wanted::Wanted;

/// A value found where it must not be.
pub(crate) struct Leak {
    pub(crate) resource: String,
    /// From the resource on, without indexes.
    pub(crate) path: String,
    /// In the document.
    pub(crate) pointer: String,
    pub(crate) value: Value,
    /// Codings around the value.
    pub(crate) how: Vec<&'static str>,
}

#[derive(Clone)]
struct Hit {
    value: Value,
    how: Vec<&'static str>,
    may_be_chance: bool,
}

pub(crate) struct Search {
    wanted: Wanted,
    /// Logical ids of the documents, without punctuation.
    ids: HashSet<String>,
    seen: HashMap<String, Rc<[Hit]>>,
}

impl Search {
    pub(crate) fn new(values: &[Value], ids: HashSet<String>) -> Self {
        Self {
            wanted: Wanted::new(values),
            ids,
            seen: HashMap::new(),
        }
    }

    /// Every leak in a document of the output.
    pub(crate) fn leaks(&mut self, document: &Tree<'_>, types: &Types) -> Vec<Leak> {
        let mut leaks = Vec::new();
        each_leaf(document, &mut Place::default(), &mut |place, leaf| {
            let hits = match leaf {
                None => self.hits(place.member()),
                Some(Tree {
                    kind: Kind::String(text),
                    ..
                }) => self.hits(text),
                Some(number) => self.wanted.in_number(number.raw).into(),
            };
            if hits.is_empty() || place.is_staff(types) {
                return;
            }
            let is_coded = leaf.is_none() || place.is_coded();
            let is_link = ["id", "fullUrl", "url", "reference"].contains(&place.member());
            for hit in &*hits {
                let is_id = is_link && self.ids.contains(&squeezed(&hit.value.text));
                if is_id || (is_coded && hit.may_be_chance) {
                    continue;
                }
                leaks.push(Leak {
                    resource: place.resource().to_owned(),
                    path: place.path(),
                    pointer: place.pointer(),
                    value: hit.value.clone(),
                    how: hit.how.clone(),
                });
            }
        });
        leaks
    }

    /// What a text holds; each value once.
    fn hits(&mut self, text: &str) -> Rc<[Hit]> {
        if let Some(hits) = self.seen.get(text) {
            return Rc::clone(hits);
        }
        let mut hits: Vec<Hit> = Vec::new();
        for view in views::views(&without_placeholders(text)) {
            for hit in self.wanted.in_view(&view) {
                if hits.iter().all(|other| other.value != hit.value) {
                    hits.push(hit);
                }
            }
        }
        let hits: Rc<[Hit]> = hits.into();
        self.seen.insert(text.to_owned(), Rc::clone(&hits));
        hits
    }
}

/// `[masked:name]` is not the name of anybody.
fn without_placeholders(text: &str) -> String {
    let mut parts = text.split("[masked:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push(' ');
        out.push_str(part.split_once(']').map_or(part, |(_, after)| after));
    }
    out
}

/// Without case, accents, marks, and characters that are not seen.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    let letters = text.nfkd().filter(|letter| !is_combining_mark(*letter));
    for letter in letters.flat_map(char::to_lowercase) {
        match letter {
            'ł' => out.push('l'),
            'ø' => out.push('o'),
            'đ' | 'ð' => out.push('d'),
            'ı' => out.push('i'),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
            letter if is_combining_mark(letter) => {}
            letter => out.push(letter),
        }
    }
    out
}

/// Folded, with nothing but letters and digits.
pub(crate) fn squeezed(text: &str) -> String {
    let mut text = fold(text);
    text.retain(char::is_alphanumeric);
    text
}
