//! A masker that is slow and simple: a tree, and for every value all rules tried one by one.
//!
//! It is written from the documentation of [`Selector`], [`Operator`] and the precedence in
//! `rules.rs`, and shares no code with the engine. Profiles and detectors are not part of it.

mod filters;
pub(crate) mod names;
pub(crate) mod paths;
pub(crate) mod tree;

use std::sync::Arc;

use velum_engine::{Class, ClassSet, Operator, Options, Replacement, Rule, Ruleset, Selector};

use paths::{Step, Stop};
use tree::{Member, Node, Tree, decode};

/// What is to be masked, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) rules: Vec<Masking>,
    pub(crate) exempt: Vec<String>,
    pub(crate) lift: Vec<Class>,
}

/// One rule.
#[derive(Clone, Debug)]
pub(crate) struct Masking {
    pub(crate) select: Selector,
    pub(crate) class: Class,
    pub(crate) how: How,
}

/// The operators that this masker knows. `token`, `fpe`, `date_shift` and `generalize` belong here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Redact,
    Text(&'static str),
    Number(i64),
    Boolean(bool),
    Partial(u8),
    Null,
    Remove,
    Year,
}

/// What was done, as the engine's report counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) masked: u64,
    pub(crate) lifted: u64,
}

/// What holds for a value, and whether a filter had a say in it.
#[derive(Clone, Copy, Default)]
struct Holding {
    verdict: Verdict,
    is_conditional: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Verdict {
    #[default]
    Untouched,
    Exempt,
    Selected(usize),
}

impl Policy {
    /// The same for the engine.
    pub(crate) fn ruleset(&self) -> Result<Arc<Ruleset>, velum_engine::RuleError> {
        let mut builder = Ruleset::builder();
        for rule in &self.rules {
            builder = builder.rule(Rule {
                name: "a rule".into(),
                select: rule.select.clone(),
                class: rule.class,
                operator: rule.how.operator(),
            });
        }
        for path in &self.exempt {
            builder = builder.exempt(path);
        }
        builder.build().map(Arc::new)
    }

    /// The engine's options with what is lifted.
    pub(crate) fn options(&self) -> Options {
        Options {
            lift: self.lift.iter().copied().collect::<ClassSet>(),
            ..Options::default()
        }
    }

    /// Masks a JSON text.
    pub(crate) fn mask<'a>(&'a self, text: &'a Node) -> (String, Counts) {
        let mut masking = Walk {
            policy: self,
            place: Vec::new(),
            counts: Counts::default(),
            out: String::new(),
            objects: Vec::new(),
        };
        masking.out.push_str(&text.before);
        let verdict = masking.judge(Holding::default(), None);
        masking.value(&text.value, verdict);
        masking.out.push_str(&text.after);
        (masking.out, masking.counts)
    }

    fn lifts(&self, class: Class) -> bool {
        class != Class::Credential && self.lift.contains(&class)
    }
}

impl How {
    pub(crate) fn operator(self) -> Operator {
        match self {
            Self::Redact => Operator::Redact,
            Self::Text(text) => Operator::Replace(Replacement::text(text)),
            Self::Number(number) => Operator::Replace(Replacement::number(number)),
            Self::Boolean(value) => Operator::Replace(Replacement::boolean(value)),
            Self::Partial(keep_last) => Operator::Partial { keep_last },
            Self::Null => Operator::Null,
            Self::Remove => Operator::Remove,
            Self::Year => Operator::Generalize(velum_engine::Generalize::Year),
        }
    }

    /// What stands for a scalar that is not `null`.
    fn apply(self, raw: &str, class: Class) -> String {
        let placeholder = format!("\"[masked:{}]\"", class.name());
        let is_string = raw.starts_with('"');
        let text = if is_string {
            decode(raw)
        } else {
            raw.to_owned()
        };
        match self {
            Self::Redact => placeholder,
            Self::Text(text) => serde_json::to_string(text).expect("a text"),
            Self::Number(number) => number.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::Null | Self::Remove => "null".into(),
            Self::Partial(_) | Self::Year if is_placeholder(&text) => raw.to_owned(),
            Self::Partial(keep) => {
                let letters: Vec<char> = text.chars().filter(|it| it.is_alphanumeric()).collect();
                let keep = usize::from(keep);
                if letters.len() < 2 * keep {
                    return placeholder;
                }
                let tail: String = letters[letters.len() - keep..].iter().collect();
                format!("\"[masked:{}:{tail}]\"", class.name())
            }
            Self::Year => match year(&text) {
                Some(year) if is_string => format!("\"{year}\""),
                // A number is a year only if it is nothing else.
                Some(year) if year == text => year,
                _ => placeholder,
            },
        }
    }
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, with or without a time.
fn year(text: &str) -> Option<String> {
    let date = text.split(['T', ' ']).next().unwrap_or_default();
    let shape: String = date
        .chars()
        .map(|it| if it.is_ascii_digit() { 'd' } else { it })
        .collect();
    let is_date = ["dddd", "dddd-dd", "dddd-dd-dd"].contains(&shape.as_str());
    let is_plausible = ["18", "19", "20"].iter().any(|it| date.starts_with(it));
    (is_date && is_plausible).then(|| date[..4].to_owned())
}

/// Whether a text is what masking has written, and nothing else.
fn is_placeholder(text: &str) -> bool {
    let Some(inner) = text
        .strip_prefix("[masked:")
        .and_then(|rest| rest.strip_suffix(']'))
    else {
        return false;
    };
    let (name, tail) = inner
        .split_once(':')
        .map_or((inner, None), |(name, tail)| (name, Some(tail)));
    let sound = tail.is_none_or(|tail| {
        (1..=4).contains(&tail.chars().count()) && tail.chars().all(char::is_alphanumeric)
    });
    Class::from_name(name).is_some() && sound
}

/// A name without the placeholders in it.
fn without_placeholders(name: &str) -> String {
    let mut name = name.to_owned();
    let mut from = 0;
    while let Some(at) = name[from..].find("[masked:").map(|at| at + from) {
        let end = name[at..].find(']').map(|end| at + end + 1);
        match end.filter(|end| is_placeholder(&name[at..*end])) {
            Some(end) => {
                name.replace_range(at..end, "");
                from = at;
            }
            None => from = at + 1,
        }
    }
    name
}

/// So many digits make a member name a value, inside of what is masked throughout.
const NUMBER_DIGITS: usize = 4;

struct Walk<'a> {
    policy: &'a Policy,
    place: Vec<Stop<'a>>,
    counts: Counts,
    out: String,
    /// What holds for the objects around.
    objects: Vec<Holding>,
}

impl<'a> Walk<'a> {
    /// What holds for the value at hand: an exemption; a path rule; a key rule; what holds around
    /// it. Of several rules of a kind, the first. Below an exempt place, keys do not count, except
    /// below a path rule there.
    fn judge(&self, around: Holding, name: Option<&str>) -> Holding {
        let settled = |verdict| Holding {
            verdict,
            is_conditional: false,
        };
        let exempt = &self.policy.exempt;
        if exempt.iter().any(|path| paths::selects(path, &self.place)) {
            return settled(Verdict::Exempt);
        }
        let rules = &self.policy.rules;
        let first = |selects: &dyn Fn(&Selector) -> bool| {
            rules.iter().position(|rule| selects(&rule.select))
        };
        let by_path = first(&|select| match select {
            Selector::Path(path) => paths::selects(path, &self.place),
            Selector::Keys(_) => false,
        });
        let sure = first(&|select| match select {
            Selector::Path(path) => !path.contains('?') && paths::selects(path, &self.place),
            Selector::Keys(_) => false,
        });
        let before = &rules[..sure.unwrap_or(rules.len())];
        let may_be_filtered = before.iter().any(|rule| match &rule.select {
            Selector::Path(path) => path.contains('?') && paths::may_select(path, &self.place),
            Selector::Keys(_) => false,
        });
        let is_conditional = may_be_filtered || (sure.is_none() && around.is_conditional);
        let holding = |verdict| Holding {
            verdict,
            is_conditional,
        };
        if let Some(rule) = by_path {
            return holding(Verdict::Selected(rule));
        }
        let by_key = first(&|select| match (select, name) {
            (Selector::Keys(keys), Some(name)) => keys.iter().any(|key| names::selects(key, name)),
            _ => false,
        });
        match by_key {
            Some(rule) if around.verdict != Verdict::Exempt => holding(Verdict::Selected(rule)),
            _ => holding(around.verdict),
        }
    }

    /// The rule that masks what the verdict is about; none where its class is lifted.
    fn masks(&self, holding: Holding) -> Option<&'a Masking> {
        match holding.verdict {
            Verdict::Selected(rule) => {
                let rule = &self.policy.rules[rule];
                (!self.policy.lifts(rule.class)).then_some(rule)
            }
            Verdict::Untouched | Verdict::Exempt => None,
        }
    }

    fn value(&mut self, value: &'a Tree, verdict: Holding) {
        match value {
            Tree::Empty(raw) => self.out.push_str(raw),
            Tree::Scalar(raw) => self.scalar(raw, verdict),
            Tree::Array(elements) => self.array(elements, verdict),
            Tree::Object(members) => self.object(members, verdict),
        }
    }

    fn scalar(&mut self, raw: &str, holding: Holding) {
        let is_own = raw.starts_with('"') && is_placeholder(&raw[1..raw.len() - 1]);
        if holding.is_conditional && is_own {
            // The label that told more the first time may be gone.
            self.out.push_str(raw);
            return;
        }
        match self.masks(holding) {
            Some(rule) if raw != "null" => {
                let masked = rule.how.apply(raw, rule.class);
                // Masked before, it is not masked again.
                self.counts.masked += u64::from(masked != raw);
                self.out.push_str(&masked);
            }
            None if raw != "null" && matches!(holding.verdict, Verdict::Selected(_)) => {
                self.counts.lifted += 1;
                // What is lifted is looked into.
                let inside = self.inside(raw);
                self.out.push_str(inside.as_deref().unwrap_or(raw));
            }
            None if holding.verdict == Verdict::Untouched => match self.inside(raw) {
                Some(masked) => self.out.push_str(&masked),
                None => self.out.push_str(raw),
            },
            _ => self.out.push_str(raw),
        }
    }

    /// JSON in a string is masked as a text of its own.
    fn inside(&mut self, raw: &str) -> Option<String> {
        let text = raw.starts_with('"').then(|| decode(raw))?;
        let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
        let is_meant = ["{", "[", "\"{", "\"["]
            .iter()
            .any(|start| trimmed.starts_with(start))
            && !self.policy.rules.is_empty();
        let node = is_meant.then(|| tree::parse(&text).ok())??;
        // What is exempt in the body is not in its strings.
        let policy = Policy {
            exempt: Vec::new(),
            ..self.policy.clone()
        };
        let (masked, counts) = policy.mask(&node);
        self.counts.masked += counts.masked;
        self.counts.lifted += counts.lifted;
        (masked != text).then(|| serde_json::to_string(&masked).expect("a text"))
    }

    fn array(&mut self, elements: &'a [Node], around: Holding) {
        self.out.push('[');
        let mut follows = false;
        for (index, element) in elements.iter().enumerate() {
            self.place.push((Step::Index(index), &element.value));
            let verdict = self.judge(around, None);
            if self.begins(index, &mut follows, &element.before, verdict) {
                self.value(&element.value, verdict);
            }
            self.out.push_str(&element.after);
            self.place.pop();
        }
        self.out.push(']');
    }

    fn object(&mut self, members: &'a [Member], around: Holding) {
        self.out.push('{');
        self.objects.push(around);
        let mut follows = false;
        for (index, member) in members.iter().enumerate() {
            let name = decode(&member.name);
            let digits = name.chars().filter(char::is_ascii_digit).count();
            // What is masked throughout has names that are values.
            let is_value = digits >= NUMBER_DIGITS;
            let masked = self.masks(around).filter(|_| is_value);
            let is_nothing = |name: &str| name.is_empty() && member.name != "\"\"";
            let name = without_placeholders(&name);
            self.counts.masked += u64::from(masked.is_some());
            let is_known = masked.is_none() || around.is_conditional;
            let known = Some(name.as_str()).filter(|name| is_known && !is_nothing(name));
            let step = known.map_or(Step::Unnamed, |name| Step::Name(name.to_owned()));
            self.place.push((step, &member.value.value));
            let verdict = self.judge(around, known);
            if self.begins(index, &mut follows, &member.before, verdict) {
                match masked {
                    Some(rule) => {
                        let placeholder = How::Redact.apply("\"\"", rule.class);
                        self.out.push_str(&placeholder);
                    }
                    None => self.out.push_str(&member.name),
                }
                self.out.push_str(&member.after_name);
                self.out.push(':');
                self.out.push_str(&member.value.before);
                self.value(&member.value.value, verdict);
            }
            self.out.push_str(&member.value.after);
            self.place.pop();
        }
        self.objects.pop();
        self.out.push('}');
    }

    /// Writes what stands before a member or element; false: it is removed. Its comma goes with
    /// it, and the white space behind that comma; the comma of the first one that stays goes too.
    fn begins(&mut self, index: usize, follows: &mut bool, before: &str, verdict: Holding) -> bool {
        let removed = self
            .masks(verdict)
            .is_some_and(|rule| rule.how == How::Remove && !verdict.is_conditional);
        if index == 0 {
            self.out.push_str(before);
        } else if !removed && *follows {
            self.out.push(',');
            self.out.push_str(before);
        }
        if removed {
            self.counts.masked += 1;
        } else {
            *follows = true;
        }
        !removed
    }
}
