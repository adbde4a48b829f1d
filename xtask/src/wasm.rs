//! `wasm`: builds the filter, and the empty filter that benchmarks compare it with.

mod names;
pub(crate) mod shrinking;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use sha2::{Digest, Sha256};

use crate::setup::binaryen::{self, Binaryen};
pub(crate) use crate::setup::wasm_target::TARGET;
use crate::setup::wasm_target::{self, WasmTarget};
use crate::{Result, process, say, workspace};

/// Options of `wasm`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Builds a second time, from a copy of the tree in another folder, and compares the bytes
    #[arg(long)]
    reproducible: bool,
}

/// A package and the name of the module it becomes.
const MODULES: &[(&str, &str)] = &[
    ("velum-empty-filter", "empty.wasm"),
    ("velum-serde-filter", "serde.wasm"),
    ("velum-filter", "velum.wasm"),
];

/// The module may never hold more memory than this, whatever it is sent.
const MEMORY_BYTES: u32 = 64 << 20;
/// Recursion is bounded everywhere; the linker puts the stack first, so that running over it traps.
const STACK_BYTES: u32 = 512 << 10;

/// Builds both modules; with `--reproducible` twice.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let target = wasm_target::find_or_install()?;
    let built = build(workspace::root(), &target)?;
    if arguments.reproducible {
        compare_with_second_build(&built, &target)?;
    }
    Ok(())
}

/// Builds both modules into `target/wasm`, for the commands that need them.
pub(crate) fn build_modules() -> Result {
    build(workspace::root(), &wasm_target::find_or_install()?).map(drop)
}

/// Codegen settings and linker limits of every module. Linker arguments are left out for clippy.
pub(crate) fn compiler_flags() -> Vec<String> {
    vec!["-Ctarget-feature=+simd128,+bulk-memory".to_owned()]
}

fn build(tree: &Path, target: &WasmTarget) -> Result<Vec<PathBuf>> {
    let binaryen = binaryen::find_or_install()?;
    MODULES
        .iter()
        .map(|(package, module)| build_module(tree, target, &binaryen, package, module))
        .collect()
}

fn build_module(
    tree: &Path,
    target: &WasmTarget,
    binaryen: &Binaryen,
    package: &str,
    module: &str,
) -> Result<PathBuf> {
    say::step(&format!(
        "building {module} (the first time takes a minute or two)"
    ));
    let made = compile(tree, target, package, &[])?;
    let placed = tree.join("target/wasm").join(module);
    let failed = |error| format!("{} to {}: {error}", made.display(), placed.display());
    fs::create_dir_all(tree.join("target/wasm")).map_err(failed)?;
    let module = shrinking::shrunk(&made, binaryen, shrinking::WITH_NAMES)?;
    let module = names::shorten(&module)
        .map_err(|error| format!("{}: is no module: {error}", made.display()))?;
    fs::write(&placed, module).map_err(failed)?;
    say::result(&format!(
        "{}: {} bytes, sha256 {}",
        placed
            .strip_prefix(workspace::root())
            .unwrap_or(&placed)
            .display(),
        fs::metadata(&placed).map_err(failed)?.len(),
        sha256(&placed)?
    ));
    Ok(placed)
}

/// Compiles a package to a module, with `link_arguments` behind those of the filter, and says where it is.
pub(crate) fn compile(
    tree: &Path,
    target: &WasmTarget,
    package: &str,
    link_arguments: &[&str],
) -> Result<PathBuf> {
    let folder = tree.join("target/wasm-filter");
    let mut flags = compiler_flags();
    flags.push(format!("-Clink-arg=--max-memory={MEMORY_BYTES}"));
    flags.push(format!("-Clink-arg=-zstack-size={STACK_BYTES}"));
    flags.extend(neutral_paths(tree, target));
    // A library that is an rlib too would be built without link-time optimisation: `rustc` with one
    // crate type, not `build`.
    let mut command = target.cargo("rustc", &flags);
    command
        .current_dir(tree)
        .args([
            "--profile",
            "wasm",
            "--lib",
            "--crate-type",
            "cdylib",
            "--package",
            package,
        ])
        .arg("--target-dir")
        .arg(&folder)
        .arg("--");
    let of_linker = |argument: &&str| format!("-Clink-arg={argument}");
    command.args(link_arguments.iter().map(of_linker));
    process::run(&mut command)?;
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(folder.join(TARGET).join("wasm").join(name))
}

/// Flags that keep this machine's folders out of the module, so that equal sources make equal bytes
/// wherever they are built. Of several that match, the compiler takes the last.
fn neutral_paths(tree: &Path, target: &WasmTarget) -> Vec<String> {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| {
            let home = std::env::var_os("HOME")?;
            Some(PathBuf::from(home).join(".cargo"))
        });
    let mut prefixes = target.path_prefixes();
    prefixes.extend(cargo_home.map(|home| (home, "/cargo")));
    prefixes.push((tree.to_owned(), "/velum"));
    prefixes
        .iter()
        .map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()))
        .collect()
}

fn compare_with_second_build(first: &[PathBuf], target: &WasmTarget) -> Result {
    let copy = std::env::temp_dir().join(format!("velum-second-build-{}", std::process::id()));
    say::step(&format!("second build, from a copy in {}", copy.display()));
    let outcome = copy_tree(&copy)
        .and_then(|()| build(&copy, target))
        .and_then(|second| {
            first
                .iter()
                .zip(&second)
                .try_for_each(|(first, second)| compare(first, second))
        });
    let removed = fs::remove_dir_all(&copy).map_err(|error| format!("{}: {error}", copy.display()));
    outcome.and(removed)
}

fn compare(first: &Path, second: &Path) -> Result {
    let (one, other) = (sha256(first)?, sha256(second)?);
    let name = first.file_name().unwrap_or_default().to_string_lossy();
    if one != other {
        return Err(format!(
            "{name}: two builds differ, or the sources changed meanwhile: {one}, {other}"
        ));
    }
    say::result(&format!(
        "{name}: two builds have equal bytes, sha256 {one}"
    ));
    Ok(())
}

/// Copies what git tracks or would track.
fn copy_tree(to: &Path) -> Result {
    for file in workspace::files()? {
        let target = to.join(&file);
        let failed = |error| format!("{}: {error}", target.display());
        fs::create_dir_all(target.parent().unwrap_or(to)).map_err(failed)?;
        fs::copy(workspace::root().join(&file), &target).map_err(failed)?;
    }
    Ok(())
}

fn sha256(file: &Path) -> Result<String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(sha256_of(&bytes))
}

/// The SHA-256 of these bytes, in hexadecimal.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// clippy for the filter, with the target's own conditional code.
pub(crate) fn clippy() -> Result {
    let target = wasm_target::find_or_install()?;
    let mut command: Command = target.cargo("clippy", &compiler_flags());
    for (package, _) in MODULES {
        command.args(["--package", package]);
    }
    command
        .args(["--lib", "--target-dir"])
        .arg(workspace::root().join("target/wasm-filter"))
        .args(["--", "-D", "warnings"]);
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::neutral_paths;
    use crate::setup::wasm_target::WasmTarget;

    #[test]
    fn the_checkout_wins_over_every_wider_prefix() {
        let target = WasmTarget::Toolchain {
            sysroot: PathBuf::from("/toolchain"),
        };
        let flags = neutral_paths(Path::new("/home/someone/velum"), &target);
        assert_eq!(
            flags.last().map(String::as_str),
            Some("--remap-path-prefix=/home/someone/velum=/velum")
        );
        assert!(flags.contains(&"--remap-path-prefix=/toolchain=/rust".to_owned()));
    }
}
