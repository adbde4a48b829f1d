//! Rules that are being compiled.

use std::collections::BTreeSet;

use super::automaton::Builder;
use super::place::Mark;
use super::selector::{Filter, FilterStep, PathStep, Pattern, Segment};
use super::{
    CompiledRule, Filtered, Filters, Ids, KeyTable, Rule, RuleError, Ruleset, RulesetBuilder,
    Selector, Slot, Telling,
};
use crate::detectors::Detectors;
use crate::path::Shelf;
use crate::profiles::{Reader, Sibling};
use crate::{Class, Operator};

#[derive(Default)]
pub(super) struct Compiling {
    pub(super) paths: Builder,
    pub(super) keys: KeyTable,
    pub(super) filters: Filters,
    /// Elements and what is asked about them, as far as they are in `paths`.
    pub(super) asked: BTreeSet<(String, Slot)>,
    pub(super) rules: Vec<CompiledRule>,
    pub(super) siblings: Vec<Sibling>,
    pub(super) readers: Vec<Reader>,
    /// How many signs their tables have.
    pub(super) signs: usize,
    pub(super) detectors: Detectors,
}

impl Compiling {
    pub(super) fn exempt(&mut self, path: &str) -> Result<(), String> {
        let pattern = Pattern::parse(path)?;
        if pattern.filter().is_some() {
            // What is served would say what is exempt.
            return Err("an exemption has no filter: put one with != into a rule".into());
        }
        if pattern.selects_everything() {
            return Err("this would exempt everything".into());
        }
        self.paths.add(pattern, Mark::Exempt);
        Ok(())
    }

    pub(super) fn rule(&mut self, rule: &Rule) -> Result<(), String> {
        rule.operator.check()?;
        let id = self.add(&rule.name, rule.class, rule.operator.clone(), true)?;
        match &rule.select {
            Selector::Keys(keys) if keys.is_empty() => Err("it names no key".into()),
            Selector::Keys(keys) => keys.iter().try_for_each(|key| self.keys.add(key, id, true)),
            Selector::Path(path) => {
                let pattern = Pattern::parse(path)?;
                if rule.operator == Operator::Remove {
                    pattern.check_removable()?;
                }
                match pattern.filter() {
                    Some((at, filter)) => self.filtered(&pattern, at, filter, id)?,
                    None => self.paths.add(pattern, Mark::Rule(id)),
                }
                Ok(())
            }
        }
    }

    /// Adds a path with a filter: what it selects, the elements it looks at, and what it asks there.
    pub(super) fn filtered(
        &mut self,
        pattern: &Pattern,
        at: usize,
        filter: &Filter,
        rule: u16,
    ) -> Result<(), String> {
        let mut whole = pattern.clone();
        for segment in whole.segments.iter_mut().skip(at).take(1) {
            segment.step = PathStep::Any;
        }
        let element = Pattern {
            segments: whole.segments.iter().take(at + 1).cloned().collect(),
            through_arrays: false,
        };
        let below = whole.segments.iter().skip(at + 1);
        if below.clone().skip(1).any(|segment| segment.descends) {
            // Which of several elements around a value it belongs to would not be known.
            return Err("behind a filter, only the first step can be a .. step".into());
        }
        let is_exact = below.clone().all(|segment| !segment.descends);
        let levels = u8::try_from(below.count()).map_err(|_| "the path is too long")?;
        let (number, slots) = self.filters.add(filter)?;
        for (slot, test) in slots.into_iter().zip(&filter.tests) {
            self.asked(&element, slot, &test.path)?;
        }
        if !is_exact {
            self.paths.add(element, Mark::Element(number));
        }
        let filtered = Filtered {
            rule,
            filter: number,
            levels,
            is_exact,
        };
        self.paths.add(whole, Mark::Filtered(filtered));
        Ok(())
    }

    /// Adds what is asked about an element, once.
    pub(super) fn asked(
        &mut self,
        element: &Pattern,
        slot: Slot,
        path: &[FilterStep],
    ) -> Result<(), String> {
        if !self.asked.insert((element.to_string(), slot)) {
            return Ok(());
        }
        self.paths.add(element.clone(), Mark::Slot(slot));
        let mut pattern = element.clone();
        for (done, step) in path.iter().enumerate() {
            pattern.segments.push(Segment {
                descends: false,
                step: step.clone().into(),
            });
            let telling = Telling {
                slot,
                levels: u8::try_from(done + 1).map_err(|_| "the path of a filter is too long")?,
                is_label: done + 1 == path.len(),
                is_named: matches!(step, FilterStep::Name(_)),
            };
            if telling.is_label || telling.is_named {
                self.paths.add(pattern.clone(), Mark::Telling(telling));
            }
        }
        Ok(())
    }

    pub(super) fn add(
        &mut self,
        name: &str,
        class: Class,
        operator: Operator,
        explicit: bool,
    ) -> Result<u16, String> {
        let id = u16::try_from(self.rules.len()).map_err(|_| "there are too many rules")?;
        self.rules.push(CompiledRule {
            name: name.into(),
            class,
            operator,
            explicit,
            forced: false,
            scalars: false,
            json: false,
            ids: false,
            learn: true,
        });
        Ok(id)
    }

    pub(super) fn finish(self, builder: &RulesetBuilder) -> Result<Ruleset, RuleError> {
        let automaton = self.paths.build().map_err(RuleError::whole)?;
        for (index, rule) in builder.rules.iter().enumerate() {
            if automaton.has_indices() && removes_elements(rule) {
                let message = "elements of an array would move up, and the index in another path \
                               would mean another one: use null";
                return Err(RuleError::rule(index, &rule.name, message));
            }
        }
        for (index, rule) in builder.rules.iter().enumerate() {
            let fires = match rule.select {
                Selector::Keys(_) => true,
                Selector::Path(_) => automaton.uses_rule(index),
            };
            if !fires {
                let message = "it can never fire: what it selects is exempt or selected earlier";
                return Err(RuleError::rule(index, &rule.name, message));
            }
        }
        for (index, path) in builder.exempt.iter().enumerate() {
            if builder
                .exempt
                .iter()
                .take(index)
                .any(|earlier| earlier == path)
            {
                return Err(RuleError::exempt(index, "this path is exempt twice"));
            }
        }
        let looks_inside = !self.rules.is_empty() || !self.detectors.are_none();
        let removes = self
            .rules
            .iter()
            .any(|rule| rule.operator == Operator::Remove);
        let shifts = self
            .rules
            .iter()
            .any(|rule| matches!(rule.operator, Operator::DateShift { .. }));
        Ok(Ruleset {
            automaton,
            keys: self.keys,
            filters: self.filters,
            rules: self.rules,
            siblings: self.siblings,
            readers: self.readers,
            detectors: self.detectors,
            inside: None,
            looks_inside,
            removes,
            shifts,
            has_ids: builder.ids != Ids::Keep,
            shelf: Shelf::default(),
        })
    }
}

/// Whether a rule can take elements away.
fn removes_elements(rule: &Rule) -> bool {
    let path = match &rule.select {
        Selector::Path(path) if rule.operator == Operator::Remove => path,
        _ => return false,
    };
    let steps = Pattern::parse(path).map(|pattern| pattern.segments);
    steps.is_ok_and(|steps| matches!(steps.last(), Some(last) if last.step == PathStep::Any))
}
