//! The name that somebody may have meant.

/// More than a third of a name wrong, and it is another one.
const PART: usize = 3;

/// The known name that is nearest to the text, if one is near.
pub(crate) fn nearest<'n>(text: &str, known: &[&'n str]) -> Option<&'n str> {
    let near = known.iter().map(|name| (distance(text, name), *name));
    let near = near.filter(|(distance, name)| {
        distance * PART <= name.len() || (text.len() >= PART && name.starts_with(text))
    });
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many characters must be put in, taken out or replaced (Levenshtein).
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (done, letter) in one.chars().enumerate() {
        let mut corner = done;
        let mut left = done + 1;
        let mut next = vec![left];
        for (other, above) in two.iter().zip(row.iter().skip(1)) {
            let replaced = corner + usize::from(*other != letter);
            left = replaced.min(left + 1).min(above + 1);
            corner = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_least_changes() {
        for (one, two, changes) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("pii", "pi", 1),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(distance(one, two), changes, "{one} {two}");
        }
    }

    #[test]
    fn only_near_names_are_meant() {
        let known = ["pii", "fhir-r4", "credentials"];
        for (text, meant) in [
            ("fhir", Some("fhir-r4")),
            ("fhir-r5", Some("fhir-r4")),
            ("credential", Some("credentials")),
            ("pi", Some("pii")),
            ("secrets", None),
        ] {
            assert_eq!(nearest(text, &known), meant, "{text}");
        }
    }
}
