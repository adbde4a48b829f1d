//! Where the principal comes from.

use super::names;
use crate::cursor::Cursor;
use crate::error::ConfigError;
use crate::policy::{CertificateField, IdentitySource, Peers, TokenRoles};

const JWT: &str = "jwt";
const PEER_CERTIFICATE: &str = "peer_certificate";
const FILTER_STATE: &str = "filter_state";
const HEADER: &str = "header";
const FROM: &str = "from";

pub(super) fn read(at: &Cursor<'_>) -> Result<IdentitySource, ConfigError> {
    const SOURCES: &str =
        "give exactly one of: jwt, peer_certificate, filter_state, header (with from)";
    let fields = at.object(&[JWT, PEER_CERTIFICATE, FILTER_STATE, HEADER, FROM], &[])?;
    let mut sources = [JWT, PEER_CERTIFICATE, FILTER_STATE, HEADER]
        .into_iter()
        .filter_map(|name| Some((name, fields.optional(name)?)));
    let (Some((name, source)), None) = (sources.next(), sources.next()) else {
        return Err(at.fault(SOURCES));
    };
    if let Some(from) = fields.optional(FROM)
        && name != HEADER
    {
        return Err(from.fault("belongs to `header`: leave it out"));
    }
    match name {
        JWT => jwt(&source),
        PEER_CERTIFICATE => {
            let field = source.word(&[
                ("uri_san", CertificateField::UriSan),
                ("dns_san", CertificateField::DnsSan),
                ("subject", CertificateField::Subject),
            ])?;
            Ok(IdentitySource::PeerCertificate { field })
        }
        FILTER_STATE => {
            let key = source.string()?.to_owned();
            Ok(IdentitySource::FilterState { key })
        }
        _ => {
            let name = names::header(source.string()?, &source)?;
            let from = peers(&fields.required(FROM)?)?;
            Ok(IdentitySource::Header { name, from })
        }
    }
}

fn jwt(at: &Cursor<'_>) -> Result<IdentitySource, ConfigError> {
    let fields = at.object(&["metadata", "roles"], &[])?;
    let metadata = fields.required("metadata")?;
    let path: Vec<String> = metadata
        .items()?
        .iter()
        .map(|at| at.string().map(str::to_owned))
        .collect::<Result<_, _>>()?;
    if path.len() < 2 {
        return Err(metadata.fault("must name the metadata's namespace and the claims' key"));
    }
    let roles = fields.optional("roles").map(|at| {
        at.word(&[
            ("rfc8693", TokenRoles::Rfc8693),
            ("reversed", TokenRoles::Reversed),
        ])
    });
    Ok(IdentitySource::Jwt {
        metadata: path,
        roles: roles.transpose()?.unwrap_or(TokenRoles::Rfc8693),
    })
}

fn peers(at: &Cursor<'_>) -> Result<Peers, ConfigError> {
    if at.node().text() == Some("any-peer") {
        return Ok(Peers::Any);
    }
    names::texts(at).map(Peers::Listed).map_err(|error| {
        if at.node().text().is_some() {
            at.fault("must be a list of the peers' certificate URIs, or any-peer")
        } else {
            error
        }
    })
}
