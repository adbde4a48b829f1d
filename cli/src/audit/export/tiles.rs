//! A folder as C2SP tlog-tiles has it.
//!
//! The checkpoint comes last: a folder that has one has all that it is over. Until then a file says of
//! which log the folder is, so that an export that was cut off goes on. An older checkpoint is kept in
//! `checkpoints`, by its size: `velum audit verify --since` takes it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::tile::{Resource, bundles_of_growth, tiles_of_growth};

use super::progress::Progress;
use super::{Exported, put};
use crate::audit::folder::{self, Folder, path_of};
use crate::failure::Failure;
use crate::show;

/// Stands in a folder while it is not whole, with the log's name.
const UNFINISHED: &str = "unfinished";

/// Writes what is missing in the folder.
pub(super) fn write(exported: &Exported<'_>, out: &Path) -> Result<(), Failure> {
    let kept = may_write(exported, out)?;
    let unfinished = out.join(UNFINISHED);
    put(
        &unfinished,
        format!("{}\n", exported.head.origin()).as_bytes(),
    )?;
    let size = exported.head.size();
    let tiles = tiles_of_growth(0, size).map(Resource::Tile);
    let bundles = bundles_of_growth(0, size).map(Resource::Bundle);
    let there = Folder::new(out);
    let mut progress = Progress::new(size);
    let (mut fetched, mut found) = (0_u64, 0_u64);
    for resource in bundles.chain(tiles) {
        if is_there(&there, resource) {
            found += 1;
        } else {
            let bytes = exported.bytes(&path_of(resource))?;
            check_length(resource, &bytes).map_err(|fault| {
                Failure::new(format!("the service's {}: {fault}", path_of(resource)))
            })?;
            put(&out.join(path_of(resource)), &bytes)?;
            fetched += 1;
        }
        if let Resource::Bundle(bundle) = resource {
            progress.count(u64::from(bundle.width()));
        }
    }
    drop(progress);
    if let Some((bytes, head)) = kept
        && head != exported.head
    {
        put(&out.join(format!("checkpoints/{}", head.size())), &bytes)?;
    }
    write_keys(exported, out)?;
    put(&out.join("checkpoint"), &exported.note)?;
    fs::remove_file(&unfinished).map_err(|error| Failure::unwritable(&unfinished, &error))?;
    say(exported, out, fetched, found)
}

/// The head that stands in the folder, if it is one of this log that may grow to this head.
fn may_write(
    exported: &Exported<'_>,
    out: &Path,
) -> Result<Option<(Vec<u8>, Checkpoint)>, Failure> {
    let refused = |fault: &str| {
        let folder = show::path(out);
        Err(Failure::new(format!(
            "{folder}: {fault}: give another folder"
        )))
    };
    let origin = exported.head.origin();
    if out.join("checkpoint").exists() {
        let bytes = Folder::new(out).checkpoint()?;
        let Ok((_, head)) = folder::unverified(&bytes) else {
            return refused("its checkpoint is none");
        };
        if head.origin() != origin {
            return refused("it has the checkpoint of another log");
        }
        if head.size() > exported.head.size() {
            return refused("it has more records than the service, which may have lost some");
        }
        if head.size() == exported.head.size() && head.root() != exported.head.root() {
            return refused("its log has as many records as the service's, and another root");
        }
        return Ok(Some((bytes, head)));
    }
    match fs::read_to_string(out.join(UNFINISHED)) {
        Ok(name) if name.trim_end() == origin => return Ok(None),
        Ok(_) => return refused("the export that was begun in it is of another log"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::unreadable(out, &error)),
    }
    let is_empty = match fs::read_dir(out) {
        Ok(mut files) => files.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(Failure::unreadable(out, &error)),
    };
    if is_empty {
        Ok(None)
    } else {
        refused("it is not empty, and is no export")
    }
}

/// Whether the file is there in its length. What is in it is for the verifier to say.
fn is_there(folder: &Folder, resource: Resource) -> bool {
    let Ok(Some(bytes)) = folder.read(resource) else {
        return false;
    };
    check_length(resource, &bytes).is_ok()
}

fn check_length(resource: Resource, bytes: &[u8]) -> Result<(), String> {
    match resource {
        Resource::Tile(tile) => tile
            .parse(bytes)
            .map(drop)
            .map_err(|fault| fault.to_string()),
        Resource::Bundle(bundle) => bundle
            .parse(bytes)
            .map(drop)
            .map_err(|fault| fault.to_string()),
    }
}

fn write_keys(exported: &Exported<'_>, out: &Path) -> Result<(), Failure> {
    if exported.log.keys.is_empty() {
        return Ok(());
    }
    let mut text = "# The keys as the service told them. They prove nothing until you have compared one with a key\n\
                    # that you got some other way.\n"
        .to_owned();
    for key in &exported.log.keys {
        let records = match key.until {
            Some(until) => format!("from {} to {until}", key.from),
            None => format!("from {} on", key.from),
        };
        let line = format!("# Of records {records}:\n{}\n", show::plain(&key.text));
        text.push_str(&line);
        if let Some(note) = &key.signed_over {
            let (_, head) = folder::unverified(note.as_bytes()).map_err(|fault| {
                Failure::new(format!("the service's older checkpoint: {fault}"))
            })?;
            // One that is not under this export's head would be missed in it.
            if head.size() <= exported.head.size() {
                let file = out.join(format!("checkpoints/{}", head.size()));
                put(&file, note.as_bytes())?;
            }
        }
    }
    put(&out.join("keys"), text.as_bytes())
}

fn say(exported: &Exported<'_>, out: &Path, fetched: u64, found: u64) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let (folder, head) = (show::path(out), &exported.head);
    writeln!(
        output,
        "{folder}: {}, {} records; {fetched} file(s) fetched, {found} were there",
        show::plain(head.origin()),
        head.size()
    )?;
    let unsigned = exported.log.unsigned;
    if unsigned > 0 {
        writeln!(
            output,
            "Its last {unsigned} record(s) are under no signed head and are not in it: the log was closed because \
             records or its key were lost."
        )?;
    }
    let key = match exported.log.keys.as_slice() {
        [] => "The service tells no key for this log: verify with the one that you kept.",
        [_] => {
            "`keys` has the key that the service told: compare it with the key that you got some \
             other way before you verify with it."
        }
        _ => {
            "`keys` has the keys that the service told: compare one with a key that you got some other way, \
             and verify with that."
        }
    };
    writeln!(output, "{key}")?;
    output.flush()?;
    Ok(())
}
