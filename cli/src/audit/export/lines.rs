//! Files with a record a line.

use std::io::{self, Write};
use std::path::Path;

use velum_ledger::tile::bundles_of_growth;

use super::progress::Progress;
use super::{Exported, write_whole};
use crate::audit::record;
use crate::failure::Failure;

/// Each record as the log has it, byte for byte.
pub(super) fn write_events(exported: &Exported<'_>, out: &Path) -> Result<(), Failure> {
    to(out, |output| {
        each(exported, |_, leaf| {
            // A record in the form of RFC 8785 has no line break in it.
            if leaf.contains(&b'\n') {
                return Err(Failure::new(
                    "a record has a line break in it, which none has: export tiles, and verify them",
                ));
            }
            output.write_all(leaf)?;
            output.write_all(b"\n")?;
            Ok(())
        })
    })
}

/// For a spreadsheet.
pub(super) fn write_csv(exported: &Exported<'_>, out: &Path) -> Result<(), Failure> {
    to(out, |output| {
        writeln!(output, "index,time,type,code,approval,actor")?;
        each(exported, |index, leaf| {
            let leaf = record::parse(leaf);
            let text = |value: &serde_json::Value| cell(value.as_str().unwrap_or_default());
            writeln!(
                output,
                "{index},{},{},{},{},{}",
                text(&leaf["time"]),
                text(&leaf["type"]),
                text(&leaf["data"]["code"]),
                cell(record::approval(&leaf).unwrap_or_default()),
                cell(record::actor(&leaf)),
            )?;
            Ok(())
        })
    })
}

fn to(
    out: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if out == Path::new("-") {
        let mut output = io::BufWriter::new(io::stdout().lock());
        write(&mut output)?;
        output.flush()?;
        return Ok(());
    }
    write_whole(out, write)
}

/// Every record, a bundle in memory at a time.
fn each(
    exported: &Exported<'_>,
    mut take: impl FnMut(u64, &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let size = exported.head.size();
    let mut progress = Progress::new(size);
    for bundle in bundles_of_growth(0, size) {
        let bytes = exported.bytes(&bundle.path())?;
        let leaves = bundle
            .parse(&bytes)
            .map_err(|fault| Failure::new(format!("the service's {}: {fault}", bundle.path())))?;
        for (index, leaf) in (bundle.entries().start..).zip(leaves) {
            take(index, leaf)?;
        }
        progress.count(u64::from(bundle.width()));
    }
    Ok(())
}

/// A cell of RFC 4180, section 2; what a spreadsheet would take for a formula begins with an apostrophe.
pub(in crate::audit) fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_breaks_out_or_becomes_a_formula() {
        for (text, written) in [
            ("grace", "grace"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("=A1,\"x\"", "\"'=A1,\"\"x\"\"\""),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
