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
