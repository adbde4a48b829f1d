//! Where the principal comes from.

use super::names;
use crate::cursor::Cursor;
use crate::error::ConfigError;
use crate::policy::{CertificateField, IdentitySource, Peers};

pub(super) fn read(at: &Cursor<'_>) -> Result<IdentitySource, ConfigError> {
    const SOURCES: &str = "give exactly one of: jwt, peer_certificate, header (with from)";
    let fields = at.object(&["jwt", "peer_certificate", "header", "from"], &[])?;
    let from = fields.optional("from");
    match (
        fields.optional("jwt"),
        fields.optional("peer_certificate"),
        fields.optional("header"),
    ) {
        (Some(jwt), None, None) if from.is_none() => {
            let metadata = jwt.object(&["metadata"], &[])?.required("metadata")?;
            let path: Vec<String> = metadata
                .items()?
                .iter()
                .map(|at| at.string().map(str::to_owned))
                .collect::<Result<_, _>>()?;
            if path.len() < 2 {
                return Err(
                    metadata.fault("must name the metadata's namespace and the claims' key")
                );
            }
            Ok(IdentitySource::Jwt { metadata: path })
        }
        (None, Some(certificate), None) if from.is_none() => {
            let field = certificate.word(&[
                ("uri_san", CertificateField::UriSan),
                ("dns_san", CertificateField::DnsSan),
                ("subject", CertificateField::Subject),
            ])?;
            Ok(IdentitySource::PeerCertificate { field })
        }
        (None, None, Some(header)) => {
            let name = names::header(header.string()?, &header)?;
            let from = peers(&fields.required("from")?)?;
            Ok(IdentitySource::Header { name, from })
        }
        (None, None, None) => Err(at.fault(SOURCES)),
        _ => match from {
            Some(from) if fields.optional("header").is_none() => {
                Err(from.fault("belongs to `header`: leave it out"))
            }
            _ => Err(at.fault(SOURCES)),
        },
    }
}

fn peers(at: &Cursor<'_>) -> Result<Peers, ConfigError> {
    if at.node().text() == Some("any-peer") {
        return Ok(Peers::Any);
    }
    at.distinct(|at| at.string().map(str::to_owned))
        .map(Peers::Listed)
        .map_err(|error| {
            if at.node().text().is_some() {
                at.fault("must be a list of the peers' certificate URIs, or any-peer")
            } else {
                error
            }
        })
}
