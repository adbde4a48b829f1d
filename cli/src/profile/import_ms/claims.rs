//! What earlier rules have said: in the anonymizer, the first rule that selects an element decides.

use std::collections::BTreeMap;

type Place = Vec<String>;

/// Places that rules have spoken about, and whether they are kept.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<Place, bool>);

impl Claims {
    pub(super) fn add(&mut self, place: &[String], is_kept: bool) {
        self.0.entry(place.to_vec()).or_insert(is_kept);
    }

    /// Whether an earlier rule has spoken about the place, or keeps what is around it.
    pub(super) fn decide(&self, place: &[String]) -> bool {
        ends(place).any(|end| {
            let around = (1..end.len()).filter_map(|length| end.get(..length));
            self.0.contains_key(end)
                || around
                    .into_iter()
                    .any(|part| self.0.get(part) == Some(&true))
        })
    }

    /// Whether an earlier rule has spoken about something below the place.
    pub(super) fn speak_below(&self, place: &[String]) -> bool {
        ends(place).any(|end| {
            let mut behind = self
                .0
                .range(end.to_vec()..)
                .skip_while(|(one, _)| *one == end);
            behind.next().is_some_and(|(one, _)| one.starts_with(end))
        })
    }

    /// A place that is kept and that a rule for this place would take, too.
    pub(super) fn kept_within(&self, place: &[String]) -> Option<&Place> {
        let mut kept = self.0.iter().filter(|(_, is_kept)| **is_kept);
        kept.find(|(kept, _)| kept.len() > place.len() && kept.ends_with(place))
            .map(|(kept, _)| kept)
    }
}

/// The place and all that it ends with: places are looked for from anywhere down.
fn ends(place: &[String]) -> impl Iterator<Item = &[String]> {
    (0..place.len()).filter_map(|from| place.get(from..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn the_first_rule_decides() {
        let mut claims = Claims::default();
        claims.add(&place("address.city"), true);
        claims.add(&place("name"), true);
        claims.add(&place("photo"), false);
        for (text, decided) in [
            ("address.city", true),
            ("contact.address.city", true),
            ("city", false),
            ("address", false),
            ("name.family", true),
            ("contact.name.family", true),
            ("photo.data", false),
            ("photo", true),
        ] {
            assert_eq!(claims.decide(&place(text)), decided, "{text}");
        }
        for (text, below) in [
            ("address", true),
            ("contact.address", true),
            ("name", false),
            ("addres", false),
        ] {
            assert_eq!(claims.speak_below(&place(text)), below, "{text}");
        }
        assert_eq!(
            claims.kept_within(&place("city")),
            Some(&place("address.city"))
        );
        assert_eq!(claims.kept_within(&place("data")), None);
    }
}
