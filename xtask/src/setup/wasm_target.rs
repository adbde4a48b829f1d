//! Finds a compiler that can build for wasm32-unknown-unknown.
//!
//! In this order: the active toolchain's own standard library for the target; Debian's system
//! compiler with the library's sources; `rustup target add`; Debian's packages. `VELUM_WASM_TARGET`
//! set to `toolchain` or `system` allows only that one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Bounded};
use crate::{Result, say, workspace};

/// The target's name.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// rustup waits for ever for a server that it cannot reach.
const RUSTUP_LIMIT: Duration = Duration::from_secs(20);
const APT_LIMIT: Duration = Duration::from_mins(10);
/// The workspace's `rust-version`.
const OLDEST_RUST: (u32, u32) = (1, 95);
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
const SYSTEM_CARGO: &str = "/usr/bin/cargo";
const SYSTEM_CLIPPY: &str = "/usr/bin/cargo-clippy";
const DEBIAN_PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];

/// A way to build for the target.
#[derive(Debug)]
pub(crate) enum WasmTarget {
    /// The active toolchain has the target's standard library.
    Toolchain {
        /// Its folder.
        sysroot: PathBuf,
    },
    /// The system's compiler builds the standard library from its sources.
    System {
        /// The library's sources.
        sources: PathBuf,
        /// A linker for wasm.
        linker: PathBuf,
    },
}

impl WasmTarget {
    /// In a few words, for the developer.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Toolchain { sysroot } => format!("{TARGET} of {}", sysroot.display()),
            Self::System { sources, .. } => {
                format!(
                    "{SYSTEM_RUSTC} with the standard library from {}",
                    sources.display()
                )
            }
        }
    }

    /// A cargo that builds for the target with exactly `rustflags` (and what the linker needs);
    /// the caller adds the subcommand's arguments.
    pub(crate) fn cargo(&self, subcommand: &str, rustflags: &[String]) -> Command {
        let mut flags = rustflags.to_vec();
        let mut command = match self {
            Self::Toolchain { .. } => {
                let mut command = process::cargo();
                command.arg(subcommand);
                command
            }
            Self::System { linker, .. } => {
                flags.push(format!("-Clinker={}", linker.display()));
                flags.push("-Clinker-flavor=wasm-ld".to_owned());
                system_cargo(subcommand)
            }
        };
        // This variable wins over all others, so that a developer's RUSTFLAGS change nothing here.
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        command.args(["--locked", "--target", TARGET]);
        command
    }

    /// Where the compiler and the standard library's sources are, and the neutral names that the
    /// built module may show instead.
    pub(crate) fn path_prefixes(&self) -> Vec<(PathBuf, &'static str)> {
        match self {
            Self::Toolchain { sysroot } => {
                vec![
                    (sysroot.join("lib/rustlib/src/rust"), "/rust"),
                    (sysroot.clone(), "/rust"),
                ]
            }
            Self::System { sources, .. } => {
                let real = fs::canonicalize(sources).unwrap_or_else(|_| sources.clone());
                vec![(sources.clone(), "/rust"), (real, "/rust")]
            }
        }
    }
}

/// Returns a way to build for the target; installs one where there is none.
pub(crate) fn find_or_install() -> Result<WasmTarget> {
    let wanted = std::env::var("VELUM_WASM_TARGET").ok();
    let ways: &[fn() -> Option<WasmTarget>] = match wanted.as_deref() {
        None => &[of_toolchain, of_system, rustup_target_add, apt_get_install],
        Some("toolchain") => &[of_toolchain, rustup_target_add],
        Some("system") => &[of_system, apt_get_install],
        Some(other) => {
            return Err(format!(
                "VELUM_WASM_TARGET is {other}, not `toolchain` or `system`"
            ));
        }
    };
    ways.iter().find_map(|way| way()).ok_or_else(|| {
        format!(
            "no compiler here builds for {TARGET}: `rustup target add {TARGET}`, or on Debian as \
             root `apt-get install {}`",
            DEBIAN_PACKAGES.join(" ")
        )
    })
}

fn of_toolchain() -> Option<WasmTarget> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let ask = |what: &[&str]| {
        process::quiet_output(
            Command::new(&rustc)
                .current_dir(workspace::root())
                .args(what),
        )
        .map(|line| PathBuf::from(line.trim_end()))
    };
    let library = ask(&["--print=target-libdir", "--target", TARGET])?;
    holds_standard_library(&library).then_some(())?;
    Some(WasmTarget::Toolchain {
        sysroot: ask(&["--print=sysroot"])?,
    })
}

fn holds_standard_library(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

fn of_system() -> Option<WasmTarget> {
    let version = process::quiet_output(Command::new(SYSTEM_RUSTC).arg("--version"))?;
    (rust_version(&version)? >= OLDEST_RUST).then_some(())?;
    let sysroot = process::quiet_output(Command::new(SYSTEM_RUSTC).arg("--print=sysroot"))?;
    let sources = Path::new(sysroot.trim_end()).join("lib/rustlib/src/rust");
    let complete = sources.join("library/std/src/lib.rs").is_file()
        && Path::new(SYSTEM_CARGO).is_file()
        && Path::new(SYSTEM_CLIPPY).is_file();
    complete.then_some(WasmTarget::System {
        sources,
        linker: wasm_linker()?,
    })
}

/// `rustc 1.96.0 (…)` → (1, 96).
fn rust_version(line: &str) -> Option<(u32, u32)> {
    let mut parts = line.split_whitespace().nth(1)?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// rustup's toolchains carry one; Debian's is in a package of its own.
fn wasm_linker() -> Option<PathBuf> {
    let sysroot = process::quiet_output(Command::new("rustc").arg("--print=sysroot"));
    let in_toolchain = sysroot.and_then(|sysroot| {
        let architectures = fs::read_dir(Path::new(sysroot.trim_end()).join("lib/rustlib")).ok()?;
        architectures
            .flatten()
            .map(|entry| entry.path().join("bin/rust-lld"))
            .find(|path| path.is_file())
    });
    let of_debian = || {
        let mut found: Vec<_> = fs::read_dir("/usr/bin")
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name == "wasm-ld" || name.starts_with("wasm-ld-")
            })
            .collect();
        found.sort();
        found.pop()
    };
    in_toolchain.or_else(of_debian)
}

fn rustup_target_add() -> Option<WasmTarget> {
    let seconds = RUSTUP_LIMIT.as_secs();
    say::step(&format!(
        "trying `rustup target add {TARGET}`, for {seconds} s at most"
    ));
    let mut rustup = Command::new("rustup");
    rustup
        .current_dir(workspace::root())
        .args(["target", "add", TARGET]);
    match process::run_bounded(&mut rustup, RUSTUP_LIMIT) {
        Ok(Bounded::Success) => of_toolchain(),
        Ok(Bounded::TimedOut) => {
            say::step("rustup did not finish in time");
            None
        }
        Ok(Bounded::Failure) | Err(_) => None,
    }
}

fn apt_get_install() -> Option<WasmTarget> {
    let root = process::quiet_output(Command::new("id").arg("-u"))?.trim_end() == "0";
    let apt = Path::new("/usr/bin/apt-get").is_file();
    if !root || !apt {
        return None;
    }
    say::step(&format!("apt-get install {}", DEBIAN_PACKAGES.join(" ")));
    // A list that one of several sources could not refresh is no reason to stop.
    let _ = process::run_bounded(apt_get().args(["update", "-qq"]), APT_LIMIT);
    let install = |packages: &[&str]| {
        let mut command = apt_get();
        command
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(packages);
        process::run_bounded(&mut command, APT_LIMIT) == Ok(Bounded::Success)
    };
    install(DEBIAN_PACKAGES).then_some(())?;
    if wasm_linker().is_none() {
        (install(&["lld-22"]) || install(&["lld"])).then_some(())?;
    }
    of_system()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// The system's own cargo: `cargo clippy` would find rustup's clippy first.
fn system_cargo(subcommand: &str) -> Command {
    let mut command = Command::new(if subcommand == "clippy" {
        SYSTEM_CLIPPY
    } else {
        SYSTEM_CARGO
    });
    command
        .current_dir(workspace::root())
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC_WRAPPER")
        .env("CARGO", SYSTEM_CARGO)
        .env("RUSTC", SYSTEM_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .args([subcommand, "-Zbuild-std=std,panic_abort"]);
    command
}

#[cfg(test)]
mod tests {
    use super::rust_version;

    #[test]
    fn versions_are_read_and_compared_as_numbers() {
        assert_eq!(
            rust_version("rustc 1.96.0 (ac68faa20 2026-05-25)"),
            Some((1, 96))
        );
        assert!(rust_version("rustc 1.100.0-nightly (x)") > Some((1, 95)));
        assert_eq!(rust_version("command not found"), None);
    }
}
