//! Where values stand: members, sentences, lists, markup and encodings, as templates.

use std::fmt::Write as _;
use std::ops::Range;

use velum_engine::DetectorDoc;

use crate::kind::{CLOSE, Form, Kind, Make, OPEN};
use crate::random::Random;
use crate::sample::{Place, Sample, Wrap};
use crate::spelling::Spelling;

/// What the member is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    /// What its value is.
    Telling,
    /// Nothing that says what its value is.
    Neutral,
}

/// How a text is written within the template.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Code {
    #[default]
    Plain,
    Markup,
    Percent,
}

/// One way in which a value stands somewhere. `{}` is the value, each time another one of the same
/// form; `LABEL` what people call it.
pub(crate) struct Context {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    member: Name,
    wrap: Wrap,
    code: Code,
    templates: &'static [&'static str],
}

const NEUTRAL: &[&str] = &[
    "value", "text", "item", "x", "content", "field7", "data", "entry", "key1", "display",
];

use Code::{Markup, Percent, Plain};
use Name::{Neutral, Telling};
use Place::{Encoded, Json, Prose};

/// Every context.
pub(crate) const ALL: &[Context] = &[
    of("name", Json, Telling, Wrap::String, Plain, &["{}"]),
    of("number", Json, Telling, Wrap::Number, Plain, &["{}"]),
    of("no name", Json, Neutral, Wrap::String, Plain, &["{}"]),
    of(
        "labelled",
        Prose,
        Neutral,
        Wrap::String,
        Plain,
        &[
            "The patient's LABEL is {}, see chart.",
            "LABEL: {}",
            "Please note LABEL {} before the visit.",
            "LABEL {}",
            "Verified (LABEL: {}) by phone today.",
            "LABEL={}",
            "LABEL - {}. No further remarks",
            "line 1\nLABEL:\t{}\nline 3",
            "[LABEL: {}]",
            "\"LABEL\": \"{}\"",
        ],
    ),
    of(
        "near",
        Prose,
        Neutral,
        Wrap::String,
        Plain,
        &[
            "The LABEL on file for this patient is {}.",
            "LABEL given by her sister: {}, not verified",
        ],
    ),
    of(
        "glued",
        Prose,
        Neutral,
        Wrap::String,
        Plain,
        &["LABEL{}", "see LABEL{}, please"],
    ),
    of(
        "behind",
        Prose,
        Neutral,
        Wrap::String,
        Plain,
        &["We have {} (LABEL) on file."],
    ),
    of(
        "list",
        Prose,
        Neutral,
        Wrap::String,
        Plain,
        &["LABEL: {}, {}", "LABEL {} and {}", "LABEL: {}; {}"],
    ),
    of(
        "alone",
        Prose,
        Neutral,
        Wrap::String,
        Plain,
        &[
            "Please check {} today.",
            "{} was noted by the nurse",
            "The nurse has written down {}",
            "Noted: {}.",
            "(see {})",
            "Is it {}?",
            "He said \"{}\" twice.",
            "INFO request done item={} status=200",
            "a;{};b",
            "*{}*",
            "'{}'",
            "|{}|{}|",
            "{}\n{}",
            "\t{}\tnext",
            "noted \u{2014} {} \u{2014} by the nurse",
            "\u{201c}{}\u{201d}",
            "{}!",
            "<{}>",
            "{} \u{2713}",
        ],
    ),
    of(
        "beside letters",
        Prose,
        Neutral,
        Wrap::String,
        Plain,
        &["\u{60a3}\u{8005}{}\u{3067}\u{3059}"],
    ),
    of(
        "markup",
        Encoded,
        Neutral,
        Wrap::String,
        Markup,
        &[
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>LABEL: <b>{}</b></p></div>",
            "<tr><td>LABEL</td><td>{}</td></tr>",
            "<p>LABEL: {}<br/>Next line</p>",
        ],
    ),
    of(
        "percent",
        Encoded,
        Neutral,
        Wrap::String,
        Percent,
        &["LABEL: {}", "note: LABEL {}, see chart"],
    ),
    of(
        "base64",
        Encoded,
        Neutral,
        Wrap::Base64,
        Plain,
        &["The patient's LABEL is {}, see chart."],
    ),
    of(
        "markup alone",
        Encoded,
        Neutral,
        Wrap::String,
        Markup,
        &["<p>Noted: {}</p>"],
    ),
    of(
        "base64 alone",
        Encoded,
        Neutral,
        Wrap::Base64,
        Plain,
        &["Noted by the nurse: {}."],
    ),
    of(
        "JSON in a string",
        Encoded,
        Telling,
        Wrap::Inside,
        Plain,
        &["{}"],
    ),
];

const fn of(
    name: &'static str,
    place: Place,
    member: Name,
    wrap: Wrap,
    code: Code,
    templates: &'static [&'static str],
) -> Context {
    Context {
        name,
        place,
        member,
        wrap,
        code,
        templates,
    }
}

impl Context {
    /// Whether something says what the value is.
    fn tells(&self) -> bool {
        self.member == Telling || self.templates.iter().any(|text| text.contains("LABEL"))
    }

    /// The forms of values that are to be found here.
    pub(crate) fn forms<'k>(&self, kind: &'k Kind) -> impl Iterator<Item = &'k Form> {
        let fits = !kind.skips.contains(&self.name);
        let tells = self.tells();
        let forms = kind.forms.iter();
        forms.filter(move |form| fits && (tells || !form.needs_label))
    }

    /// A sample with values of that form.
    pub(crate) fn sample(
        &self,
        kind: &Kind,
        form: &Form,
        spelling: Spelling,
        random: &mut Random,
    ) -> Sample {
        let template = random.pick(self.templates);
        let label = random.pick(kind.labels);
        let label = if random.chance(25) {
            label.to_uppercase()
        } else {
            label.to_owned()
        };
        let template = template.replace("LABEL", &label);
        let mut pieces = template.split("{}");
        let mut text = Text {
            code: self.code,
            ..Text::default()
        };
        text.push_template(pieces.next().unwrap_or_default());
        for piece in pieces {
            let value = (form.make)(random);
            // Letters would be a part of the word.
            if self.name == "glued" && value.starts_with(|first: char| first.is_alphabetic()) {
                text.push_template(":");
            }
            text.push_value(&value, spelling, random);
            text.push_template(piece);
        }
        let name = match self.member {
            Telling => random.pick(kind.names),
            Neutral => random.pick(NEUTRAL),
        };
        let is_number = text.written.bytes().all(|byte| byte.is_ascii_digit())
            && !text.written.starts_with('0');
        let wrap = match self.wrap {
            Wrap::String if spelling == Spelling::Escaped => Wrap::Escaped,
            Wrap::Number if !is_number => Wrap::String,
            wrap => wrap,
        };
        Sample {
            source: kind.detector,
            context: self.name,
            place: self.place,
            class: class_of(kind.detector),
            name: name.to_owned(),
            wrap,
            text: text.written,
            spans: text.spans,
        }
    }
}

/// A sample in which nothing is to be found: what is nobody's, or a near miss.
pub(crate) fn negative(
    source: &'static str,
    name: Option<&str>,
    make: Make,
    place: Place,
    random: &mut Random,
) -> Sample {
    const SENTENCES: &[&str] = &[
        "Please check {} today.",
        "{} was noted by the nurse",
        "Noted: {}.",
        "(see {})",
        "INFO request done item={} status=200",
        "The item {} is not in stock, use {} instead",
    ];
    let mut text = String::new();
    let template = match place {
        Json => "{}",
        Prose | Encoded => random.pick(SENTENCES),
    };
    for (at, piece) in template.split("{}").enumerate() {
        if at > 0 {
            text += &make(random);
        }
        text += piece;
    }
    Sample {
        source,
        context: "negative",
        place,
        class: velum_engine::Class::Other,
        name: name.unwrap_or_else(|| random.pick(NEUTRAL)).to_owned(),
        wrap: Wrap::String,
        text,
        spans: Vec::new(),
    }
}

fn class_of(detector: &str) -> velum_engine::Class {
    let doc = DetectorDoc::ALL.iter().find(|doc| doc.name == detector);
    doc.expect("a kind has the name of a detector").class
}

/// A text in the making.
#[derive(Default)]
struct Text {
    written: String,
    spans: Vec<Range<usize>>,
    code: Code,
}

impl Text {
    /// Tags stay as they are.
    fn push_template(&mut self, part: &str) {
        match self.code {
            Percent => self.push(part),
            Plain | Markup => self.written += part,
        }
    }

    fn push(&mut self, part: &str) {
        for letter in part.chars() {
            match (self.code, letter) {
                (Markup, '&') => self.written += "&amp;",
                (Markup, '<') => self.written += "&lt;",
                (Markup, '-') => self.written += "&#45;",
                (Percent, letter) if !letter.is_ascii_alphanumeric() && letter != '.' => {
                    for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                        write!(self.written, "%{byte:02X}").unwrap();
                    }
                }
                _ => self.written.push(letter),
            }
        }
    }

    /// What stands between marks is to be found; without marks, all of it.
    fn push_value(&mut self, value: &str, spelling: Spelling, random: &mut Random) {
        if !value.contains(OPEN) {
            return self.push_span(&spelling.write(value, random));
        }
        let mut parts = value.split(OPEN);
        self.push(parts.next().unwrap_or_default());
        for part in parts {
            let (inside, behind) = part.split_once(CLOSE).expect("marks come in pairs");
            self.push_span(&spelling.write(inside, random));
            self.push(behind);
        }
    }

    fn push_span(&mut self, value: &str) {
        let start = self.written.len();
        self.push(value);
        self.spans.push(start..self.written.len());
    }
}
