//! What a profile adds to the rules.

use super::Compiling;
use super::place::Mark;
use super::selector::Pattern;
use crate::profiles::{Definition, Sibling};

impl Compiling {
    pub(super) fn profile(&mut self, definition: &Definition, with: &[&str]) -> Result<(), String> {
        for rule in &definition.rules {
            if rule
                .not_with
                .iter()
                .any(|other| with.contains(&other.as_str()))
            {
                continue;
            }
            let name = format!("{} {}", definition.name, rule.name);
            let id = self.add(&name, rule.class, rule.operator.clone(), false)?;
            if let Some(compiled) = self.rules.last_mut() {
                compiled.forced = rule.forced;
                compiled.scalars = rule.scalars;
                compiled.learn = rule.learn;
            }
            // A key that an earlier rule or profile has taken stays with it.
            let mut keys = rule.keys.iter();
            keys.try_for_each(|key| self.keys.add(key, id, false))?;
            for path in &rule.paths {
                self.paths.add(Pattern::of_profile(path), Mark::Profile(id));
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
