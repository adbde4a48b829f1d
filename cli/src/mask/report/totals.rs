//! The counts of one input or of several.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use velum_engine::{Class, Report, Ruleset};

#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    masked: u64,
    records: u64,
    scanned: u64,
    exempt: u64,
    too_long: u64,
    /// In the order of the classes; only those that were found.
    classes: Vec<(Class, u64)>,
    /// In the order in which they were first met.
    rules: Vec<(String, u64)>,
}

impl Totals {
    pub(super) fn of(report: &Report, rules: &Ruleset) -> Self {
        let not_scanned = report.not_scanned();
        let counts = Class::ALL
            .iter()
            .map(|class| (*class, report.masked(*class)));
        let by_rule = report.by_rule(rules);
        Self {
            masked: report.masked_total(),
            records: report.records(),
            scanned: report.scanned(),
            exempt: not_scanned.exempt,
            too_long: not_scanned.too_long,
            classes: counts.filter(|(_, count)| *count > 0).collect(),
            rules: by_rule
                .map(|count| (count.rule.into_owned(), count.masked))
                .collect(),
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.masked += other.masked;
        self.records += other.records;
        self.scanned += other.scanned;
        self.exempt += other.exempt;
        self.too_long += other.too_long;
        add_each(&mut self.classes, other.classes);
        self.classes.sort_by_key(|(class, _)| {
            let mut order = Class::ALL.iter();
            order.position(|known| known == class)
        });
        add_each(&mut self.rules, other.rules);
    }

    pub(super) fn to_json(&self) -> Value {
        let classes: Map<String, Value> = self
            .classes
            .iter()
            .map(|(class, count)| (class.name().to_owned(), Value::from(*count)))
            .collect();
        let rules: Vec<Value> = self
            .rules
            .iter()
            .map(|(rule, count)| json!({"rule": rule, "masked": count}))
            .collect();
        json!({
            "records": self.records,
            "masked": self.masked,
            "classes": classes,
            "rules": rules,
            "bytes": {
                "scanned": self.scanned,
                "not_scanned": {"exempt": self.exempt, "too_long": self.too_long},
            },
        })
    }

    pub(super) fn row(&self, name: &str) -> String {
        let not_scanned = self.exempt + self.too_long;
        format!(
            "{:>10} {:>11} {:>13} {not_scanned:>13}  {name}\n",
            self.masked, self.records, self.scanned
        )
    }

    /// Lines below the row.
    pub(super) fn details(&self) -> String {
        let mut lines = String::new();
        let mut line = |counts: [String; 2], what: &str| {
            let [masked, not_scanned] = counts;
            let _ = writeln!(
                lines,
                "{masked:>10} {:>11} {:>13} {not_scanned:>13}    {what}",
                "", ""
            );
        };
        for (class, count) in &self.classes {
            line(
                [count.to_string(), String::new()],
                &format!("class {}", class.name()),
            );
        }
        for (rule, count) in &self.rules {
            line([count.to_string(), String::new()], &format!("rule  {rule}"));
        }
        for (reason, bytes) in [("exempt", self.exempt), ("in long strings", self.too_long)] {
            if bytes > 0 {
                line([String::new(), bytes.to_string()], reason);
            }
        }
        lines
    }
}

fn add_each<Name: PartialEq>(totals: &mut Vec<(Name, u64)>, more: Vec<(Name, u64)>) {
    for (name, count) in more {
        match totals.iter_mut().find(|(known, _)| *known == name) {
            Some((_, total)) => *total += count,
            None => totals.push((name, count)),
        }
    }
}
