//! What Binaryen takes out of a module that the compiler leaves in: a tenth of it, none of its speed.

use std::fs;
use std::path::Path;

use super::sha256_of;
use crate::setup::binaryen::Binaryen;
use crate::{Result, process, say};

/// Smaller, by no more than costs nothing in speed; with names, which a trap's backtrace shows. Which
/// features of WebAssembly it may use, the module says itself.
pub(crate) const WITH_NAMES: &[&str] = &["-Os", "--debuginfo"];
/// The same without names, for what is loaded over a network.
pub(crate) const BARE: &[&str] = &["-Os", "--strip-debug", "--strip-producers"];

/// The module, optimised. It is kept beside what it was made from, as long as that stays the same.
pub(crate) fn shrunk(made: &Path, binaryen: &Binaryen, arguments: &[&str]) -> Result<Vec<u8>> {
    let read = |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let key = key(&read(made)?, &binaryen.describe(), arguments);
    let (small, stamp) = (
        made.with_extension("small"),
        made.with_extension("small-of"),
    );
    if fs::read_to_string(&stamp).is_ok_and(|of| of == key) && small.is_file() {
        return read(&small);
    }
    say::step("making it smaller with Binaryen");
    let _ = fs::remove_file(&stamp);
    let mut command = binaryen.command();
    command
        .args(arguments)
        .arg(made)
        .arg("--output")
        .arg(&small);
    process::run(&mut command)?;
    fs::write(&stamp, key).map_err(|error| format!("{}: {error}", stamp.display()))?;
    read(&small)
}

/// What the result depends on.
fn key(module: &[u8], binaryen: &str, arguments: &[&str]) -> String {
    format!("{} {} {binaryen}", sha256_of(module), arguments.join(" "))
}
