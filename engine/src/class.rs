//! Identifier classes and sets of them.
//!
//! The classes follow the eighteen identifiers of HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i),
//! with payment cards, narrative text and credentials beside them.

use std::fmt;

/// What kind of identifier a value is. Rules and detectors assign it, operators act on it, grants
/// lift it.
///
/// ```
/// use velum_engine::Class;
/// assert_eq!(Class::HealthPlan.name(), "health-plan");
/// assert_eq!(Class::from_name("health-plan"), Some(Class::HealthPlan));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Names of persons.
    Name,
    /// Geography below a state.
    Address,
    /// Dates that relate to a person.
    Date,
    /// Ages.
    Age,
    /// Telephone numbers.
    Phone,
    /// Fax numbers.
    Fax,
    /// Electronic mail addresses.
    Email,
    /// Social security numbers.
    Ssn,
    /// Medical record numbers.
    Mrn,
    /// Health plan beneficiary numbers.
    HealthPlan,
    /// Account numbers.
    Account,
    /// Certificate and licence numbers.
    License,
    /// Vehicle identifiers and plates.
    Vehicle,
    /// Device identifiers and serial numbers.
    Device,
    /// Web addresses.
    Url,
    /// Network addresses.
    Ip,
    /// Biometric identifiers.
    Biometric,
    /// Photographs of a person.
    Photo,
    /// Any other unique identifier.
    Identifier,
    /// Payment card numbers.
    Card,
    /// Free text about a person.
    Narrative,
    /// Secrets that open something; never lifted.
    Credential,
    /// Anything else that a rule selects.
    Other,
}

impl Class {
    /// Every class, in declaration order.
    pub const ALL: &[Self] = &[
        Self::Name,
        Self::Address,
        Self::Date,
        Self::Age,
        Self::Phone,
        Self::Fax,
        Self::Email,
        Self::Ssn,
        Self::Mrn,
        Self::HealthPlan,
        Self::Account,
        Self::License,
        Self::Vehicle,
        Self::Device,
        Self::Url,
        Self::Ip,
        Self::Biometric,
        Self::Photo,
        Self::Identifier,
        Self::Card,
        Self::Narrative,
        Self::Credential,
        Self::Other,
    ];

    /// How many classes there are.
    pub(crate) const COUNT: usize = Self::ALL.len();

    /// The name used in configuration, headers, placeholders and reports (kebab-case).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Address => "address",
            Self::Date => "date",
            Self::Age => "age",
            Self::Phone => "phone",
            Self::Fax => "fax",
            Self::Email => "email",
            Self::Ssn => "ssn",
            Self::Mrn => "mrn",
            Self::HealthPlan => "health-plan",
            Self::Account => "account",
            Self::License => "license",
            Self::Vehicle => "vehicle",
            Self::Device => "device",
            Self::Url => "url",
            Self::Ip => "ip",
            Self::Biometric => "biometric",
            Self::Photo => "photo",
            Self::Identifier => "identifier",
            Self::Card => "card",
            Self::Narrative => "narrative",
            Self::Credential => "credential",
            Self::Other => "other",
        }
    }

    /// The letter of the identifier in 45 CFR 164.514(b)(2)(i) that it stands for; `None`: it is none
    /// of the eighteen by itself.
    ///
    /// ```
    /// use velum_engine::Class;
    /// assert_eq!(Class::Mrn.safe_harbor(), Some('H'));
    /// assert_eq!(Class::Narrative.safe_harbor(), None);
    /// ```
    pub const fn safe_harbor(self) -> Option<char> {
        Some(match self {
            Self::Name => 'A',
            Self::Address => 'B',
            Self::Date | Self::Age => 'C',
            Self::Phone => 'D',
            Self::Fax => 'E',
            Self::Email => 'F',
            Self::Ssn => 'G',
            Self::Mrn => 'H',
            Self::HealthPlan => 'I',
            Self::Account | Self::Card => 'J',
            Self::License => 'K',
            Self::Vehicle => 'L',
            Self::Device => 'M',
            Self::Url => 'N',
            Self::Ip => 'O',
            Self::Biometric => 'P',
            Self::Photo => 'Q',
            Self::Identifier => 'R',
            Self::Narrative | Self::Credential | Self::Other => return None,
        })
    }

    /// What it is, in a few words.
    ///
    /// ```
    /// use velum_engine::Class;
    /// assert_eq!(Class::Fax.about(), "fax numbers");
    /// ```
    pub const fn about(self) -> &'static str {
        match self {
            Self::Name => "names of persons, and of relatives, employers and providers",
            Self::Address => "geography below a state: streets, cities, ZIP codes",
            Self::Date => "dates that relate to a person, but for the year",
            Self::Age => "ages; those over 89 are identifiers",
            Self::Phone => "telephone numbers",
            Self::Fax => "fax numbers",
            Self::Email => "email addresses",
            Self::Ssn => "social security numbers, and taxpayer numbers of their form",
            Self::Mrn => "medical record numbers",
            Self::HealthPlan => "health plan beneficiary numbers",
            Self::Account => "account numbers, bank accounts and routing numbers",
            Self::License => "certificate and licence numbers, those of providers among them",
            Self::Vehicle => "vehicle identifiers and plates",
            Self::Device => "device identifiers and serial numbers",
            Self::Url => "web addresses, and what identifies in them",
            Self::Ip => "network addresses: IP and hardware addresses",
            Self::Biometric => "biometric identifiers",
            Self::Photo => "photographs of a person",
            Self::Identifier => "any other unique identifier",
            Self::Card => "payment card numbers",
            Self::Narrative => "free text about a person",
            Self::Credential => "secrets that open something; never lifted",
            Self::Other => "anything else that a rule selects",
        }
    }

    /// The class of that exact name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.name() == name)
    }

    /// Whether a grant may ever show values of this class. Credentials never.
    pub const fn may_be_lifted(self) -> bool {
        !matches!(self, Self::Credential)
    }

    /// This class as one bit.
    pub(crate) const fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A set of classes.
///
/// ```
/// use velum_engine::{Class, ClassSet};
/// let set: ClassSet = [Class::Date, Class::Name].into_iter().collect();
/// assert_eq!(set.to_string(), "name,date");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ClassSet(u64);

impl ClassSet {
    /// The set without any class.
    pub const EMPTY: Self = Self(0);

    /// The set of that class alone.
    pub(crate) const fn of(class: Class) -> Self {
        Self(class.bit())
    }

    /// Adds a class.
    pub const fn insert(&mut self, class: Class) {
        self.0 |= class.bit();
    }

    /// Takes a class away.
    pub(crate) const fn remove(&mut self, class: Class) {
        self.0 &= !class.bit();
    }

    /// Whether the class is in the set.
    pub const fn contains(self, class: Class) -> bool {
        self.0 & class.bit() != 0
    }

    /// Whether no class is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The classes that are in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The classes that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether every class of this set is in the other.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The classes in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL
            .iter()
            .copied()
            .filter(move |class| self.contains(*class))
    }

    /// The set whose bits are those of `bits` that stand for a class.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << Class::COUNT) - 1))
    }

    /// The class, where the set holds exactly one.
    pub(crate) fn only(self) -> Option<Class> {
        if self.0.is_power_of_two() {
            self.iter().next()
        } else {
            None
        }
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        let mut set = Self::EMPTY;
        for class in classes {
            set.insert(class);
        }
        set
    }
}

impl Extend<Class> for ClassSet {
    fn extend<I: IntoIterator<Item = Class>>(&mut self, classes: I) {
        for class in classes {
            self.insert(class);
        }
    }
}

impl fmt::Display for ClassSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, class) in self.iter().enumerate() {
            if position > 0 {
                formatter.write_str(",")?;
            }
            formatter.write_str(class.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClassSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for (position, class) in Class::ALL.iter().enumerate() {
            assert_eq!(*class as usize, position);
            assert_eq!(Class::from_name(class.name()), Some(*class));
        }
        assert_eq!(Class::from_name("SSN"), None);
    }

    #[test]
    fn every_identifier_of_the_rule_has_a_class() {
        let mut letters: Vec<_> = Class::ALL
            .iter()
            .filter_map(|class| class.safe_harbor())
            .collect();
        letters.sort_unstable();
        letters.dedup();
        assert!(letters.into_iter().eq('A'..='R'));
    }

    #[test]
    fn sets_behave_as_sets() {
        let all: ClassSet = Class::ALL.iter().copied().collect();
        let one: ClassSet = [Class::Mrn].into_iter().collect();
        assert!(one.is_subset(all) && !all.is_subset(one));
        assert_eq!(all.intersection(one), one);
        assert_eq!(one.union(ClassSet::EMPTY), one);
        assert_eq!(one.only(), Some(Class::Mrn));
        assert_eq!(all.only(), None);
        assert_eq!(ClassSet::EMPTY.only(), None);
        assert_eq!(ClassSet::from_bits(u64::MAX), all);
        assert_eq!(ClassSet::EMPTY.to_string(), "");
    }

    #[test]
    fn only_credentials_are_never_lifted() {
        let refused: Vec<_> = Class::ALL
            .iter()
            .filter(|class| !class.may_be_lifted())
            .collect();
        assert_eq!(refused, [&Class::Credential]);
    }
}
