//! Secrets that open something: tokens that say what they are, keys, and passwords where something
//! says so. All are of a class that is never lifted.

mod alphabet;
mod bearer;
mod connection;
mod families;
mod jwt;
mod keyed;
mod label;
mod pem;
mod plausible;
mod prefixed;
#[cfg(test)]
pub(super) mod samples;
mod url_password;

pub(crate) use bearer::AUTHORIZATION;
pub(crate) use connection::CONNECTION;
pub(crate) use jwt::JWT;
pub(crate) use keyed::KEYED;
pub(crate) use pem::PEM;
pub(crate) use prefixed::PREFIXED;
pub(crate) use url_password::URL_PASSWORD;

#[cfg(test)]
mod tests {
    use super::samples;
    use crate::{Profile, Ruleset, mask_text};

    #[test]
    fn what_is_masked_stays_as_it_is() {
        let rules = Ruleset::builder().profile(Profile::Credentials).build();
        let rules = rules.unwrap();
        let mut draw = samples::draws();
        let mut masked = 0;
        for _ in 0..20_000 {
            let text = samples::text(&mut draw) + &samples::text(&mut draw);
            let once = mask_text(&rules, &text);
            assert!(!once.contains("[masked:other]"), "{text}");
            assert_eq!(mask_text(&rules, &once), once, "{text}");
            masked += usize::from(once != text);
        }
        assert!(masked > 10_000, "{masked}");
    }
}
