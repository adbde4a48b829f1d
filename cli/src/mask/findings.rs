//! Findings as lines: where a value would be masked, never the value.

use std::path::Path;

use serde_json::json;
use velum_engine::Finding;

use crate::show;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Fields with tabs between.
    Tabs,
    /// One object a line.
    Json,
}

pub(super) fn write(file: &Path, finding: &Finding, form: Form, out: &mut Vec<u8>) {
    let line = match form {
        Form::Json => json!({
            "file": file.to_string_lossy(),
            "text": finding.text,
            "pointer": finding.pointer,
            "class": finding.class.name(),
            "rule": finding.rule,
        })
        .to_string(),
        Form::Tabs => {
            // A name in a pointer may have any character, also one that ends a line.
            let pointer = finding.pointer.as_deref().unwrap_or("-").escape_debug();
            let (class, rule) = (finding.class.name(), &finding.rule);
            let file = show::path(file);
            format!("{file}\t{}\t{pointer}\t{class}\t{rule}", finding.text)
        }
    };
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}
