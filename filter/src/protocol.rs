//! Protocols of whose answers nothing can be masked: refused before the upstream sees the request.

use velum_policy::UnreadableMedia;

use crate::host::{Header, header};
use crate::media;
use crate::plugin::Plugin;
use crate::problem::Problem;

/// Refuses tunnels (`CONNECT`, `Upgrade`), whose bytes are no messages, and gRPC, where what cannot be
/// read does not pass: its clients understand 403 as "permission denied", and do not retry.
pub(crate) fn check(plugin: &Plugin, headers: &[Header<'_>]) -> Result<(), Problem> {
    let has = |name| header(headers, name).is_some();
    if header(headers, ":method") == Some(b"CONNECT") || has("upgrade") || has(":protocol") {
        return Err(Problem::UpgradeRefused);
    }
    if plugin.policy.otherwise() == UnreadableMedia::Refuse && media::is_grpc(headers) {
        return Err(Problem::GrpcRefused);
    }
    Ok(())
}
