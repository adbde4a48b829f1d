//! The policy service as one static program, which needs nothing of the system that it runs on.
//!
//! With musl where the toolchain has its library and the system its C compiler (SQLite and ring are C);
//! else with the C library of this system, linked in whole: its name look-ups read files and ask DNS,
//! and no other source that `nsswitch.conf` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, process, say, workspace};

/// The package, and the program.
pub(super) const PROGRAM: &str = "velum-policy-service";
const HOST: &str = std::env::consts::ARCH;

/// The program's bytes and the target that it was built for.
pub(super) struct Service {
    pub(super) program: Vec<u8>,
    pub(super) target: String,
}

/// Builds it.
pub(super) fn build() -> Result<Service> {
    let target = target()?;
    say::step(&format!(
        "building {PROGRAM} for {target}, static (the first time takes some minutes)"
    ));
    let mut flags = vec![
        "-Ctarget-feature=+crt-static".to_owned(),
        "-Cstrip=debuginfo".to_owned(),
    ];
    flags.extend(neutral_paths());
    let mut command = process::cargo();
    command
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("CARGO_INCREMENTAL", "0")
        .args(["build", "--locked", "--release", "--package", PROGRAM])
        .args(["--bin", PROGRAM, "--target", &target]);
    process::run(&mut command)?;
    let built = workspace::root()
        .join("target")
        .join(&target)
        .join("release")
        .join(PROGRAM);
    let program = fs::read(&built).map_err(|error| format!("{}: {error}", built.display()))?;
    match needs_a_loader(&program) {
        Some(false) => Ok(Service { program, target }),
        Some(true) => Err(format!("{}: is not static", built.display())),
        None => Err(format!("{}: is no 64-bit ELF program", built.display())),
    }
}

/// The target to build for, after what is there.
fn target() -> Result<String> {
    let musl = format!("{HOST}-unknown-linux-musl");
    let sysroot = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib").join(&musl);
    let has_compiler = process::quiet_output(Command::new("musl-gcc").arg("--version")).is_some();
    if library.join("lib").is_dir() && has_compiler {
        return Ok(musl);
    }
    say::result(&format!(
        "{musl}: not here (rustup target add {musl}, and musl-gcc of Debian's musl-tools): glibc, static"
    ));
    Ok(format!("{HOST}-unknown-linux-gnu"))
}

/// Keeps this machine's folders out of the program.
fn neutral_paths() -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| {
            let home = std::env::var_os("HOME")?;
            Some(PathBuf::from(home).join(".cargo"))
        });
    let home = home.map(|home| (home, "/cargo"));
    let prefixes = home
        .into_iter()
        .chain([(workspace::root().to_owned(), "/velum")]);
    prefixes
        .map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()))
        .collect()
}

/// Whether a program names a loader (`PT_INTERP`), which then loads libraries; `None` for what is no
/// 64-bit little-endian ELF file.
fn needs_a_loader(program: &[u8]) -> Option<bool> {
    const INTERPRETER: u64 = 3;
    if !program.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let number = |at: usize, length: usize| {
        let bytes = program.get(at..at.checked_add(length)?)?;
        let value = bytes.iter().rev();
        Some(value.fold(0_u64, |value, byte| value << 8 | u64::from(*byte)))
    };
    let table = usize::try_from(number(32, 8)?).ok()?;
    let (size, count) = (number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        let entry = table.checked_add(usize::try_from(index * size).ok()?)?;
        if number(entry, 4)? == INTERPRETER {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::needs_a_loader;

    #[test]
    fn a_program_that_needs_a_loader_is_known() {
        let shell = std::fs::read("/bin/sh").unwrap();
        assert_eq!(needs_a_loader(&shell), Some(true));
        assert_eq!(needs_a_loader(b"#!/bin/sh"), None);
        assert_eq!(needs_a_loader(b"\x7fELF\x02\x01"), None);
        let mut none = vec![0; 64];
        none[..6].copy_from_slice(b"\x7fELF\x02\x01");
        assert_eq!(needs_a_loader(&none), Some(false));
    }
}
