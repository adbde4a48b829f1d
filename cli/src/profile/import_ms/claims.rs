//! What earlier rules have said: in the anonymizer, the first rule that selects an element decides.

use super::places::Target;

/// Elements that rules have spoken about.
#[derive(Debug, Default)]
pub(super) struct Claims(Vec<Claim>);

#[derive(Debug)]
struct Claim {
    place: Vec<String>,
    kind: Option<String>,
    is_kept: bool,
}

impl Claims {
    pub(super) fn add(&mut self, target: &Target, is_kept: bool) {
        self.0.push(Claim {
            place: target.place.clone(),
            kind: target.kind.clone(),
            is_kept,
        });
    }

    /// Whether an earlier rule has spoken about the elements, or keeps what is around them. Elements
    /// of another type that have the same name are others.
    pub(super) fn decide(&self, target: &Target) -> bool {
        self.0.iter().any(|claim| {
            let is_it = target.place.ends_with(&claim.place)
                && is_same(claim.kind.as_ref(), target.kind.as_ref());
            is_it || (claim.is_kept && claim.is_around(target))
        })
    }

    /// Whether an earlier rule has spoken about something below the elements.
    pub(super) fn speak_below(&self, target: &Target) -> bool {
        let mut claims = self.0.iter();
        claims.any(|claim| ends(&target.place).any(|end| is_below(&claim.place, end)))
    }

    /// A place that is kept and that a rule for these elements would take, too.
    pub(super) fn kept_within(&self, target: &Target) -> Option<&[String]> {
        let mut kept = self.0.iter().filter(|claim| claim.is_kept);
        kept.find(|claim| claim.place.ends_with(&target.place))
            .map(|claim| claim.place.as_slice())
    }
}

impl Claim {
    /// Whether the elements are below those of the claim.
    fn is_around(&self, target: &Target) -> bool {
        ends(&target.place).any(|end| {
            let is_next = end.len() == self.place.len() + 1;
            is_below(end, &self.place)
                && (!is_next || is_same(self.kind.as_ref(), target.owner.as_ref()))
        })
    }
}

/// Types of which one is not known may be the same.
fn is_same(one: Option<&String>, two: Option<&String>) -> bool {
    one.is_none() || two.is_none() || one == two
}

fn is_below(place: &[String], other: &[String]) -> bool {
    place.len() > other.len() && place.starts_with(other)
}

/// The place and all that it ends with: places are looked for from anywhere down.
fn ends(place: &[String]) -> impl Iterator<Item = &[String]> {
    (0..place.len()).filter_map(|from| place.get(from..))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `owner>place:kind`
    fn target(text: &str) -> Target {
        let (text, kind) = text.split_once(':').unwrap();
        let (owner, place) = text.split_once('>').unwrap_or(("", text));
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Target {
            place: place.split('.').map(str::to_owned).collect(),
            kind: given(kind),
            owner: given(owner),
        }
    }

    #[test]
    fn the_first_rule_decides() {
        let mut claims = Claims::default();
        claims.add(&target("address.city:String"), true);
        claims.add(&target("name:HumanName"), true);
        claims.add(&target("photo:Attachment"), false);
        claims.add(&target("title:String"), false);
        for (text, decided) in [
            ("address.city:String", true),
            ("contact.address.city:String", true),
            ("city:String", false),
            ("address:Address", false),
            ("HumanName>name.family:String", true),
            ("HumanName>contact.name.family:String", true),
            ("ContactDetail>name.family:String", false),
            ("name:String", false),
            ("Attachment>photo.data:Base64Binary", false),
            ("photo:Attachment", true),
            ("title:HumanName", false),
            ("title:", true),
        ] {
            assert_eq!(claims.decide(&target(text)), decided, "{text}");
        }
        for (text, below) in [
            ("address:Address", true),
            ("contact.address:Address", true),
            ("name:HumanName", false),
            ("addres:Address", false),
        ] {
            assert_eq!(claims.speak_below(&target(text)), below, "{text}");
        }
        let kept = claims.kept_within(&target("city:String"));
        assert_eq!(kept.map(<[String]>::concat).as_deref(), Some("addresscity"));
        assert_eq!(claims.kept_within(&target("data:")), None);
    }
}
