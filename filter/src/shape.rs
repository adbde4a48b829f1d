//! What the masker counted by places, in the words that the policy service is told of it.

use velum_approval::{FieldPath, Found, MaskedBy, RuleName, Shape, ShapeField};
use velum_engine::{MaskedBy as By, Outline};

/// The shape of what was masked; `rules` are the names of the policy's rules.
pub(crate) fn of(outline: &Outline, rules: &[String]) -> Shape {
    let mut others: Vec<_> = outline.others().collect();
    let fields: Vec<_> = outline
        .places()
        .filter_map(|place| {
            let Ok(path) = FieldPath::new(place.path) else {
                // It can be told by its class alone.
                match others.iter_mut().find(|(class, _)| *class == place.class) {
                    Some((_, count)) => *count += place.count,
                    None => others.push((place.class, place.count)),
                }
                return None;
            };
            // A rule without a name is named by its place, which says nothing to reviewers.
            let rule = outline.rule(place.by);
            let rule = rule.filter(|rule| rules.iter().any(|known| known == rule));
            Some(ShapeField {
                path,
                class: place.class,
                by: match place.by {
                    By::Rule(_) => MaskedBy::Rule,
                    By::Profile => MaskedBy::Profile,
                    By::Detector => MaskedBy::Detector,
                },
                rule: rule.and_then(|rule| RuleName::new(rule).ok()),
                count: place.count,
            })
        })
        .collect();
    Shape::new(fields, Found::new(others))
}
