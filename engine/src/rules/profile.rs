//! What a profile adds to the rules.

use super::Ids;
use super::compiling::Compiling;
use super::place::Mark;
use super::selector::Pattern;
use crate::profiles::{Definition, Rule, Sibling};

impl Compiling {
    pub(super) fn profile(
        &mut self,
        definition: &Definition,
        with: &[&str],
        ids: Ids,
    ) -> Result<(), String> {
        for rule in &definition.rules {
            let by_key = rule.ids && !rule.keys.is_empty();
            if acts(rule, with, ids) && !by_key {
                self.rule_of(definition, rule)?;
            }
        }
        for path in &definition.keep {
            self.paths.add(Pattern::of_profile(path), Mark::Keep);
        }
        for path in &definition.known {
            self.paths.add(Pattern::of_profile(path), Mark::Known);
        }
        for path in &definition.codes {
            self.paths.add(Pattern::of_profile(path), Mark::Codes);
        }
        for sibling in &definition.siblings {
            self.sibling(sibling)?;
        }
        self.detectors.mentions |= definition.mentions;
        Ok(())
    }

    /// Adds the rules about ids that go by key. They come after all others: what another profile takes
    /// for a credential is no mere id.
    pub(super) fn keys_of_ids(
        &mut self,
        definition: &Definition,
        with: &[&str],
        ids: Ids,
    ) -> Result<(), String> {
        let rules = definition.rules.iter();
        let mut by_key = rules.filter(|rule| rule.ids && !rule.keys.is_empty());
        by_key.try_for_each(|rule| {
            if acts(rule, with, ids) {
                self.rule_of(definition, rule)?;
            }
            Ok(())
        })
    }

    fn rule_of(&mut self, definition: &Definition, rule: &Rule) -> Result<(), String> {
        let name = format!("{} {}", definition.name, rule.name);
        let id = self.add(&name, rule.class, rule.operator.clone(), false)?;
        if let Some(compiled) = self.rules.last_mut() {
            compiled.forced = rule.forced;
            compiled.scalars = rule.scalars;
            compiled.json = rule.json;
            compiled.learn = rule.learn;
            compiled.ids = rule.ids;
        }
        // A key that an earlier rule or profile has taken stays with it.
        let mut keys = rule.keys.iter();
        keys.try_for_each(|key| self.keys.add(key, id, false))?;
        let mark = if rule.ids {
            Mark::Ids(id)
        } else {
            Mark::Profile(id)
        };
        for path in &rule.paths {
            self.paths.add(Pattern::of_profile(path), mark);
        }
        Ok(())
    }

    fn sibling(&mut self, sibling: &Sibling) -> Result<(), String> {
        let id = u8::try_from(self.siblings.len()).map_err(|_| "there are too many siblings")?;
        let sibling = &sibling
            .shifted(self.signs)
            .ok_or("the tables of siblings have too many signs")?;
        self.signs += sibling.signs;
        let first = self.readers.len();
        let readers = sibling.sources.iter().map(|source| source.reader.clone());
        self.readers.extend(readers);
        let anywhere = [String::new()];
        let objects = if sibling.objects.is_empty() {
            &anywhere[..]
        } else {
            &sibling.objects
        };
        for object in objects {
            let within = |path: &str| {
                let dot = if object.is_empty() { "" } else { "." };
                Pattern::of_profile(&format!("{object}{dot}{path}"))
            };
            let candidate = within(&sibling.candidate);
            self.paths.add(
                candidate,
                Mark::Candidate {
                    sibling: id,
                    anywhere: object.is_empty(),
                },
            );
            for (number, source) in sibling.sources.iter().enumerate() {
                let levels = source.path.matches('.').count();
                let levels = u8::try_from(levels).map_err(|_| "the source is too deep")?;
                let reader = u16::try_from(first + number).map_err(|_| "too many sources")?;
                let mark = Mark::Evidence {
                    levels,
                    reader,
                    anywhere: object.is_empty(),
                };
                self.paths.add(within(&source.path), mark);
            }
        }
        self.siblings.push(sibling.clone());
        Ok(())
    }
}

/// Whether a rule acts beside these profiles.
fn acts(rule: &Rule, with: &[&str], ids: Ids) -> bool {
    let mut not_with = rule.not_with.iter();
    let is_out = not_with.any(|other| with.contains(&other.as_str()));
    !is_out && (!rule.ids || ids == Ids::Pseudonym)
}
