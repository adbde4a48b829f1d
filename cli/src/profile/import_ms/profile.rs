//! The profile that an import writes.

use serde::Serialize;
use serde_json::Value;
use velum_engine::Class;

use super::notes::Notes;

/// Rules in the order in which they came up, those that do the same as one.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    class: Class,
    operator: Value,
    is_scalar: bool,
    places: Vec<String>,
    /// The rules of the configuration.
    numbers: Vec<usize>,
}

impl Rules {
    pub(super) fn add(
        &mut self,
        class: Class,
        operator: Value,
        is_scalar: bool,
        place: String,
        number: usize,
    ) {
        let mut rules = self.0.iter_mut();
        let same = rules.find(|rule| {
            (rule.class, &rule.operator, rule.is_scalar) == (class, &operator, is_scalar)
        });
        if let Some(rule) = same {
            rule.places.push(place);
            if rule.numbers.last() != Some(&number) {
                rule.numbers.push(number);
            }
        } else {
            self.0.push(Rule {
                class,
                operator,
                is_scalar,
                places: vec![place],
                numbers: vec![number],
            });
        }
    }

    /// Whether an operator needs a key.
    pub(super) fn need_key(&self) -> bool {
        let mut operators = self.0.iter().map(|rule| &rule.operator);
        operators.any(|operator| operator == "token" || operator.get("date_shift").is_some())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The profile as JSON.
    pub(super) fn document(&self, name: &str, notes: &Notes) -> serde_json::Result<String> {
        let mut about = "Made of a configuration of Microsoft's FHIR anonymizer by velum profile \
                         import-ms; it has no detectors, as that has none."
            .to_owned();
        for line in notes.lines() {
            about += "\n";
            about += &line;
        }
        let rules = self.0.iter().map(|rule| {
            let operator = match &rule.operator {
                Value::String(word) => word.as_str(),
                Value::Object(one) => one.keys().next().map_or("", String::as_str),
                _ => "",
            };
            RuleDocument {
                name: format!("{operator}: {}", rule.class),
                class: rule.class.name(),
                source: source(&rule.numbers),
                operator: &rule.operator,
                scalars: rule.is_scalar,
                at: &rule.places,
            }
        });
        let document = Document {
            profile: name,
            version: 1,
            about,
            primitives: true,
            rules: rules.collect(),
        };
        serde_json::to_string_pretty(&document).map(|json| json + "\n")
    }
}

fn source(numbers: &[usize]) -> String {
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    format!("fhirPathRules {}", numbers.join(", "))
}

#[derive(Serialize)]
struct Document<'d> {
    profile: &'d str,
    version: u32,
    about: String,
    primitives: bool,
    rules: Vec<RuleDocument<'d>>,
}

#[derive(Serialize)]
struct RuleDocument<'d> {
    name: String,
    class: &'d str,
    source: String,
    operator: &'d Value,
    scalars: bool,
    at: &'d [String],
}
