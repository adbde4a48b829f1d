//! From the anonymizer's rules to those of a profile.

use serde_json::{Value, json};
use velum_engine::Class;

use super::claims::Claims;
use super::configuration::{Configuration, Method, Parameters, Rule, WITHOUT_COUNTERPART};
use super::elements::Elements;
use super::fhirpath;
use super::notes::{Fate, Notes};
use super::places::{self, Selected, Target};
use super::profile::Rules;

/// So many levels below what a rule selects are looked at one by one.
const DEEPEST: usize = 3;

/// Reads all rules.
pub(super) fn convert(configuration: &Configuration) -> (Rules, Notes) {
    let mut converter = Converter {
        elements: Elements::of_r4(),
        parameters: &configuration.parameters,
        claims: Claims::default(),
        rules: Rules::default(),
        notes: Notes::default(),
        number: 0,
        path: "",
        has_acted: false,
    };
    converter.say_about_configuration(configuration);
    for (number, rule) in configuration.fhir_path_rules.iter().enumerate() {
        converter.number = number;
        converter.path = &rule.path;
        converter.rule(rule);
    }
    (converter.rules, converter.notes)
}

struct Converter<'c> {
    elements: &'static Elements,
    parameters: &'c Parameters,
    claims: Claims,
    rules: Rules,
    notes: Notes,
    /// The rule that is read.
    number: usize,
    path: &'c str,
    /// Whether what it selects is masked, or an earlier rule decides.
    has_acted: bool,
}

impl Converter<'_> {
    fn say_about_configuration(&mut self, configuration: &Configuration) {
        let version = configuration.fhir_version.as_deref().unwrap_or("R4");
        if !version.eq_ignore_ascii_case("R4") {
            let what = "fhirVersion: the elements are those of R4; check what the rules select";
            self.notes.say(what.to_owned());
        }
        for name in configuration.others.keys() {
            self.notes
                .lose(format!("{name}: not known, and not taken over"));
        }
        for name in self.parameters.others.keys() {
            if !WITHOUT_COUNTERPART.contains(&name.as_str()) {
                let what = format!("parameters.{name}: not known, and not taken over");
                self.notes.lose(what);
            }
        }
        if self.parameters.partial_zips {
            let what = "partial ZIP codes: which three digits stay is Velum's own list \
                        (docs/operators.md), not restrictedZipCodeTabulationAreas";
            self.notes.say(what.to_owned());
        }
        if self.parameters.partial_dates {
            let what = "partial dates: the year of any date stays; of a birth, all that tell an age \
                        over 89 are one";
            self.notes.say(what.to_owned());
        }
    }

    fn tell(&mut self, fate: Fate, what: &str) {
        self.notes.tell(fate, self.number, self.path, what);
    }

    fn rule(&mut self, rule: &Rule) {
        let Some(method) = rule.method() else {
            return self.tell(Fate::Stays, "this method is not known");
        };
        let fate = match method {
            Method::Keep => Fate::Stricter,
            _ => Fate::Stays,
        };
        let Some(paths) = fhirpath::parse(&rule.path) else {
            return self.tell(
                fate,
                "this is more FHIRPath than elements, types and filters",
            );
        };
        for path in paths {
            match places::select(self.elements, &path) {
                Ok(selected) if method == Method::Keep => self.keep(selected),
                Ok(selected) => self.mask_all(selected, &method),
                Err(why) => self.tell(fate, &why),
            }
        }
    }

    fn keep(&mut self, selected: Selected) {
        if !selected.more.is_empty() {
            return self.tell(Fate::Stricter, "a part of elements cannot be kept");
        }
        for target in selected.targets {
            if self.is_elsewhere(selected.resource.as_deref(), &target) {
                let what = "an element cannot be kept in one resource only";
                return self.tell(Fate::Stricter, what);
            }
            self.claims.add(&target, true);
        }
    }

    /// Whether something else than the resource has an element at that place.
    fn is_elsewhere(&self, resource: Option<&str>, target: &Target) -> bool {
        resource.is_some_and(|resource| {
            let owners = self.elements.owners_of(&target.place);
            owners.iter().any(|owner| *owner != resource)
        })
    }

    fn mask_all(&mut self, selected: Selected, method: &Method) {
        for more in &selected.more {
            self.tell(Fate::Stricter, more);
        }
        let resource = selected.resource.as_deref();
        let is_one = resource.is_some_and(|name| !matches!(name, "Resource" | "DomainResource"));
        if is_one
            && selected
                .targets
                .iter()
                .any(|target| self.is_elsewhere(resource, target))
        {
            let what = "it acts on elements of that name in other resources too";
            self.tell(Fate::Stricter, what);
        }
        self.say_about_method(method);
        self.has_acted = false;
        for target in selected.targets {
            self.mask(&target, method, 0);
        }
        if !self.has_acted {
            self.tell(Fate::Stays, "the method does nothing to what is there");
        }
    }

    fn say_about_method(&mut self, method: &Method) {
        let (is_stricter, what) = match method {
            Method::Keep | Method::Redact | Method::Substitute(_) => return,
            Method::DateShift => (
                false,
                "dateShift: dates move by up to 50 days, by the same number for all of one patient \
                 (there: of one resource, file or folder); times stay; what is no whole date, or of \
                 no known patient, is redacted; it is not Safe Harbor",
            ),
            Method::CryptoHash => (
                false,
                "cryptoHash: tokens are HMACs too, but not theirs; a reference becomes a token as a \
                 whole, which is not that of the id in it",
            ),
            Method::Encrypt => (
                false,
                "encrypt: values become tokens, which cannot be turned back",
            ),
            Method::Perturb => (true, "there is no noise: what it selects is removed"),
            Method::Generalize => (true, "cases are not read: what it selects is removed"),
        };
        if is_stricter {
            self.tell(Fate::Stricter, what);
        } else {
            self.notes.say(what.to_owned());
        }
    }

    /// Masks elements; `depth`: how far they are below what the rule selects.
    fn mask(&mut self, target: &Target, method: &Method, depth: usize) {
        if self.claims.decide(target) {
            self.has_acted = true;
            return;
        }
        if let Some(kept) = self.claims.kept_within(target) {
            let what = format!("{} was to be kept, and is not", kept.join("."));
            self.tell(Fate::Stricter, &what);
        }
        let members = self.members(target);
        if members.is_empty() {
            return self.mask_scalar(target, method, depth);
        }
        let name_of = |member: &Target| member.place.last().cloned().unwrap_or_default();
        let is_meant = |member: &Target| match method {
            Method::DateShift => self.holds_dates(member, depth + 1),
            Method::Perturb => name_of(member) == "value",
            _ => true,
        };
        let meant: Vec<_> = members.into_iter().filter(is_meant).collect();
        let is_part = match method {
            Method::DateShift => true,
            Method::Perturb => !meant.is_empty(),
            _ => self.is_mixed(target),
        };
        if !is_part || depth >= DEEPEST {
            let operator = operator_of(method).unwrap_or_else(|| json!("remove"));
            return self.put(target, operator, false);
        }
        for member in meant {
            self.mask(&member, method, depth + 1);
        }
    }

    fn members(&self, target: &Target) -> Vec<Target> {
        let kind = target.kind.as_deref().unwrap_or_default();
        let members = self.elements.members(kind);
        members
            .map(|(name, kind)| places::below(target, name, Some(kind.to_owned())))
            .collect()
    }

    /// Whether an element with others in it cannot be masked as a whole: something else has its name,
    /// an earlier rule speaks about what is in it, or some of that stays in part.
    fn is_mixed(&self, target: &Target) -> bool {
        let kind = target.kind.as_deref().unwrap_or_default();
        self.is_shared(target)
            || self.claims.speak_below(target)
            || (self.parameters.partial_zips && kind == "Address")
            || (self.parameters.partial_ages && kind == "Age")
            || (self.parameters.partial_dates && self.has_dates(kind))
    }

    /// Whether something of another type has the name.
    fn is_shared(&self, target: &Target) -> bool {
        match target.place.as_slice() {
            [name] => self.elements.types_of(name).len() > 1,
            _ => false,
        }
    }

    /// Whether an element of that type has a date or period of its own. An extension goes as a whole:
    /// what it is stands in its URL.
    fn has_dates(&self, kind: &str) -> bool {
        let mut members = self.elements.members(kind);
        kind != "Extension" && members.any(|(_, kind)| is_date(kind) || kind == "Period")
    }

    fn holds_dates(&self, target: &Target, depth: usize) -> bool {
        let kind = target.kind.as_deref().unwrap_or_default();
        is_date(kind)
            || (depth < DEEPEST
                && self.elements.members(kind).any(|(name, kind)| {
                    let member = places::below(target, name, Some(kind.to_owned()));
                    self.holds_dates(&member, depth + 1)
                }))
    }

    fn mask_scalar(&mut self, target: &Target, method: &Method, depth: usize) {
        let operator = match method {
            Method::Redact => self.redacted(target, depth),
            Method::DateShift if target.kind.as_deref().is_some_and(is_date) => {
                Some(json!({"date_shift": {"days": 50}}))
            }
            Method::DateShift => {
                self.tell(Fate::Stricter, "what is no date is removed");
                Some(json!("remove"))
            }
            Method::Substitute(value) if !is_simple(value) => {
                self.tell(
                    Fate::Stricter,
                    "only a text, a number or a truth value is put in: removed",
                );
                Some(json!("remove"))
            }
            other => operator_of(other).or_else(|| Some(json!("remove"))),
        };
        if let Some(operator) = operator {
            // What is of no known type may be an array or object.
            let is_scalar = target.kind.is_some() && self.is_shared(target);
            let operator = if is_scalar && operator == "remove" {
                // It would take away what else has the name.
                json!("redact")
            } else {
                operator
            };
            self.put(target, operator, is_scalar);
        } else {
            // What redaction leaves is kept.
            self.has_acted = true;
            self.claims.add(target, true);
        }
    }

    /// What redaction makes of a scalar; `None`: it stays.
    fn redacted(&self, target: &Target, depth: usize) -> Option<Value> {
        let kind = target.kind.as_deref().unwrap_or_default();
        let owner = target.owner.as_deref().unwrap_or_default();
        let name = target.place.last().map(String::as_str).unwrap_or_default();
        let given = self.parameters;
        Some(match (owner, name, kind) {
            ("Age", "value", _) if given.partial_ages => json!({"generalize": "age-number"}),
            ("Age", ..) if given.partial_ages => return None,
            ("Address", "postalCode", _) if given.partial_zips => json!({"generalize": "zip3"}),
            (_, "birthDate" | "bornDate", _) if given.partial_dates => {
                json!({"generalize": "birth-year"})
            }
            (_, _, "Date" | "DateTime") if given.partial_dates => json!({"generalize": "year"}),
            (_, _, "Instant") if given.partial_dates => json!({"generalize": "instant"}),
            // A text in something that stays, so that this is not left empty.
            (_, _, "String" | "Markdown") if depth > 0 => json!("redact"),
            _ => json!("remove"),
        })
    }

    fn put(&mut self, target: &Target, operator: Value, is_scalar: bool) {
        self.claims.add(target, false);
        self.has_acted = true;
        let place = target.place.join(".");
        self.rules
            .add(class_of(target), operator, is_scalar, place, self.number);
    }
}

/// The operator of a method, where it is the same for every type.
fn operator_of(method: &Method) -> Option<Value> {
    match method {
        Method::CryptoHash | Method::Encrypt => Some(json!("token")),
        Method::Substitute(value) if is_simple(value) => Some(json!({"replace": value})),
        _ => None,
    }
}

fn is_simple(value: &Value) -> bool {
    value.is_string() || value.is_boolean() || value.is_i64()
}

fn is_date(kind: &str) -> bool {
    matches!(kind, "Date" | "DateTime" | "Instant")
}

/// The class of elements, from what holds them and from their type.
fn class_of(target: &Target) -> Class {
    let kind = target.kind.as_deref().unwrap_or_default();
    let owner = target.owner.as_deref().unwrap_or_default();
    let name = target.place.last().map(String::as_str).unwrap_or_default();
    if is_date(kind) || kind == "Period" {
        return Class::Date;
    }
    for of in [kind, owner] {
        match of {
            "HumanName" => return Class::Name,
            "Address" => return Class::Address,
            "ContactPoint" => return Class::Phone,
            "Identifier" => return Class::Identifier,
            "Age" => return Class::Age,
            "Annotation" | "Narrative" | "Attachment" | "Markdown" | "Xhtml" | "Base64Binary" => {
                return Class::Narrative;
            }
            _ => {}
        }
    }
    match (name, kind) {
        ("display" | "name", _) => Class::Name,
        (_, "Url" | "Uri") => Class::Url,
        ("reference", _) | (_, "Id" | "Oid" | "Uuid" | "Reference") => Class::Identifier,
        (_, "String") => Class::Narrative,
        _ => Class::Other,
    }
}
