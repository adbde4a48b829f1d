//! Protocols of whose answers nothing can be masked: refused before the upstream sees the request.

use crate::host::{Header, header};
use crate::media;
use crate::problem::Problem;

/// Refuses tunnels (`CONNECT`, `Upgrade`), whose bytes are no messages, and gRPC, whose calls may never
/// end: its clients understand 403 as "permission denied", and do not retry. A policy that wants them to
/// pass says so by an action.
pub(crate) fn check(headers: &[Header<'_>]) -> Result<(), Problem> {
    let has = |name| header(headers, name).is_some();
    if header(headers, ":method") == Some(b"CONNECT") || has("upgrade") || has(":protocol") {
        return Err(Problem::UpgradeRefused);
    }
    if media::is_grpc(headers) {
        return Err(Problem::GrpcRefused);
    }
    Ok(())
}
