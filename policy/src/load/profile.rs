//! Profiles: by name, or all of one, in the form of the files in `engine/profiles`.

use velum_engine::{Profile, ProfileDocument};

use crate::cursor::Cursor;
use crate::error::ConfigError;
use crate::tree::Node;

/// An item of the list of profiles.
pub(super) fn read(at: &Cursor<'_>, has_keys: bool) -> Result<ProfileDocument, ConfigError> {
    match at.node() {
        Node::String(_) => shipped(at),
        Node::Object(_) => {
            let profile = whole(at)?;
            if profile.needs_key() && !has_keys {
                return Err(at.fault("its operators need a key: list one under masking.keys"));
            }
            Ok(profile)
        }
        _ => Err(at.fault("must be the name of a profile, or all of one")),
    }
}

fn shipped(at: &Cursor<'_>) -> Result<ProfileDocument, ConfigError> {
    let profile = Profile::from_name(at.string()?).map(Profile::document);
    profile.ok_or_else(|| {
        let known: Vec<_> = Profile::ALL.iter().map(|profile| profile.name()).collect();
        let known = known.join(", ");
        at.fault(format!(
            "unknown profile; known: {known}; or write all of one here"
        ))
    })
}

/// A profile that somebody wrote.
pub(crate) fn whole(at: &Cursor<'_>) -> Result<ProfileDocument, ConfigError> {
    at.members()?;
    let json = String::from_utf8(at.node().canonical()).unwrap_or_default();
    ProfileDocument::from_json(&json).map_err(|error| {
        let pointer = format!("{}{}", at.pointer(), error.pointer());
        ConfigError::new(pointer, error.message())
    })
}
