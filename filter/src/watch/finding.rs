//! The debug log: what was found where, and never a value.

use velum_engine::Masker;

use crate::host::{Host, Level};

/// Tells what a masker has found since it was last asked.
pub(super) fn show(host: &impl Host, masker: &mut Masker) {
    for finding in masker.findings() {
        let place = finding
            .pointer
            .as_deref()
            .unwrap_or("outside of the JSON text");
        let what = if finding.lifted { "lifted" } else { "masked" };
        let (class, rule, text) = (finding.class.name(), finding.rule, finding.text);
        let line = format!("velum: text {text}, {place}: {class} {what} by {rule}");
        host.log(Level::Debug, &line);
    }
}
