//! The rules of an approval as their users meet them: through the public names only.

mod cast;
mod catalogue;
mod decisions;
mod golden;
mod grants;
mod model;
mod properties;
mod records;
mod replay;
mod security_keys;
mod signatures;
mod transitions;
