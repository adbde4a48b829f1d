//! Values of every detector, and what looks alike.

mod check;
mod contact;
mod labelled;
mod money;
mod network;
mod people;
mod places;
mod secrets;
mod things;
mod times;

use crate::kind::Kind;

/// Every detector.
pub(crate) const ALL: &[&[Kind]] = &[
    contact::KINDS,
    people::KINDS,
    money::KINDS,
    things::KINDS,
    network::KINDS,
    times::KINDS,
    places::KINDS,
    labelled::KINDS,
    secrets::KINDS,
];
