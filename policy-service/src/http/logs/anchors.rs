//! The anchors among what is told of logs.

use serde::Serialize;
use velum_approval::Timestamp;

use crate::http::App;

/// Where heads of the log go that are to outlive this machine.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Anchor)]
pub(super) struct View {
    /// Its name in the configuration.
    name: String,
    /// What it is: `file`, `webhook` or `witness`.
    kind: &'static str,
    /// Whether what it has is proven by its own signature. Of a file or a webhook it is this service's word, of a
    /// head that the log's key has signed.
    is_cosigned: bool,
    /// How many records of the log that grows are under the last head that it has.
    size: u64,
    /// How many more are under the last head that was signed.
    lag: u64,
    /// When it took that head.
    at: Option<Timestamp>,
    /// For how many seconds it has been without the last head; 0 where it has it.
    behind_seconds: u64,
    /// Why it last did not take a head, where it has taken none since: `unreachable`, `late`, `refused`,
    /// `bad-answer`, `bad-note`, `unwritable`, `missing`, `conflict`, `contradicts` or `store`.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_at: Option<Timestamp>,
}

/// Each of them, in the order of the configuration.
pub(super) fn views(app: &App) -> Vec<View> {
    let standings = app.parts().log.anchors.standings(app.now());
    let views = standings.into_iter().map(|(name, standing)| View {
        name: name.to_owned(),
        kind: standing.kind,
        is_cosigned: standing.kind == "witness",
        size: standing.size,
        lag: standing.lag,
        at: standing.at,
        behind_seconds: standing.behind_seconds,
        fault: standing.fault.map(|(fault, _)| fault.name()),
        fault_at: standing.fault.map(|(_, at)| at),
    });
    views.collect()
}
