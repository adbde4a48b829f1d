//! The policy service.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::names;
use crate::cursor::Cursor;
use crate::error::ConfigError;
use crate::policy::PolicyService;

pub(super) fn read(at: &Cursor<'_>) -> Result<PolicyService, ConfigError> {
    let fields = at.object(&["cluster", "authority", "token", "public_keys"], &[])?;
    let cluster = fields.required("cluster")?.string()?.to_owned();
    let authority = fields.required("authority")?;
    let host = authority.string()?;
    if !host
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"/?#@\\".contains(&byte))
    {
        return Err(authority.fault("must be a host name, with or without a port"));
    }
    let token = fields.required("token")?.object(&["environment"], &[])?;
    Ok(PolicyService {
        cluster,
        authority: host.to_owned(),
        token_environment: names::environment(&token.required("environment")?)?,
        public_keys: fields.required("public_keys")?.distinct(public_key)?,
    })
}

fn public_key(at: &Cursor<'_>) -> Result<[u8; 32], ConfigError> {
    at.string()?
        .strip_prefix("ed25519:")
        .and_then(|text| STANDARD.decode(text).ok())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| at.fault("must be ed25519: and the 32 bytes of the key in base64"))
}
