//! What may be shown of the authority that a request names: a caller writes it, so it may hold anything.

use crate::condition::Atom;
use crate::condition::authority::{AuthorityPattern, HostPattern};
use crate::policy::Policy;

/// What stands for an authority that is not known.
const UNKNOWN: &str = "{…}";

/// Authorities that are known, because a policy or an operator names them.
///
/// ```
/// use velum_policy::Authorities;
/// let known = Authorities::read("fhir.example").unwrap();
/// assert_eq!(known.shown("FHIR.example:443"), "fhir.example");
/// assert_eq!(known.shown("john-smith.example"), "{…}");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Authorities(Vec<AuthorityPattern>);

impl Authorities {
    /// One that an operator names: `host` or `host:port` in small letters, or `*.host` for whatever ends so. `None`
    /// for what is no such name.
    pub fn read(name: &str) -> Option<Self> {
        let pattern = match name.strip_prefix('*') {
            Some(suffix) if suffix.starts_with('.') => {
                let mut pattern = AuthorityPattern::read(suffix.get(1..)?)?;
                if let HostPattern::Exact(host) = &pattern.host {
                    pattern.host = HostPattern::Suffix(format!(".{host}"));
                }
                pattern
            }
            _ => AuthorityPattern::read(name)?,
        };
        Some(Self(vec![pattern]))
    }

    /// Those that the conditions of a policy name.
    pub fn of(policy: &Policy) -> Self {
        let mut named = Vec::new();
        let conditions = policy.actions.iter().filter_map(|it| it.when.as_ref());
        for when in conditions {
            when.visit(&mut |atom| {
                if let Atom::Authority(pattern) = atom {
                    named.push(pattern.clone());
                }
            });
        }
        Self(named)
    }

    /// Both.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// What is shown of an authority: what of it is known, and `{…}` for the rest.
    pub fn shown(&self, authority: &str) -> String {
        let known = || self.0.iter();
        let exact = known().filter(|it| matches!(it.host, HostPattern::Exact(_)));
        let mut named = exact.chain(known());
        let shown = named.find_map(|pattern| pattern.shown(authority));
        shown.unwrap_or_else(|| UNKNOWN.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_shown_and_nothing_else() {
        let names = ["fhir.example", "lab.example:8443", "*.partner.example"];
        let known = names.map(|name| Authorities::read(name).unwrap());
        let known = known
            .into_iter()
            .fold(Authorities::default(), Authorities::and);
        for (authority, shown) in [
            ("fhir.example", "fhir.example"),
            ("FHIR.Example:8080", "fhir.example"),
            ("lab.example:8443", "lab.example:8443"),
            ("lab.example", "{…}"),
            ("smith.partner.example", "{…}.partner.example"),
            ("partner.example", "{…}"),
            ("thistlewood.example", "{…}"),
            ("fhir.example.thistlewood", "{…}"),
            // An upstream may read it in another way.
            ("lab.example:8443.", "{…}"),
            ("user@fhir.example", "{…}"),
            ("", "{…}"),
        ] {
            assert_eq!(known.shown(authority), shown, "{authority}");
        }
        assert_eq!(Authorities::default().shown("fhir.example"), "{…}");
    }

    #[test]
    fn an_exact_name_is_shown_before_an_end() {
        let known = Authorities::read("*.example").unwrap();
        let known = known.and(Authorities::read("a.example").unwrap());
        assert_eq!(known.shown("a.example"), "a.example");
        assert_eq!(known.shown("b.example"), "{…}.example");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in [
            "",
            "FHIR.example",
            "a b",
            "*",
            "*example",
            "*.",
            "https://a",
            "a:b",
        ] {
            assert!(Authorities::read(name).is_none(), "{name:?}");
        }
    }
}
