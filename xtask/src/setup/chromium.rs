//! Chromium and its driver, for tests in a real browser: the system's, else Debian's packages, unpacked
//! for this checkout and not installed. `VELUM_CHROMIUM` and `VELUM_CHROMEDRIVER` name others.

use std::path::{Path, PathBuf};

use super::debian;
use crate::{Result, workspace};

/// Of the folder below `.velum`.
const NAME: &str = "chromium";
/// The browser, below the root of its installation.
const BROWSER: &str = "usr/lib/chromium/chromium";
/// What drives it.
const DRIVER: &str = "usr/bin/chromedriver";
/// The driver is of the browser's own version; a page needs a font to be looked at.
const PACKAGES: &[&str] = &["chromium", "chromium-driver", "fonts-dejavu-core"];

/// A browser and what drives it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chromium {
    /// The browser's own binary, not the script that Debian puts before it.
    pub(crate) browser: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Where they are, if anywhere.
pub(crate) fn find() -> Option<Chromium> {
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    if let (Some(browser), Some(driver)) = (named("VELUM_CHROMIUM"), named("VELUM_CHROMEDRIVER")) {
        return Some(Chromium { browser, driver });
    }
    let roots = [PathBuf::from("/"), installation()];
    roots.iter().find_map(|root| under(root))
}

/// Returns them; unpacks them where they are missing.
pub(crate) fn find_or_install() -> Result<Chromium> {
    if let Some(chromium) = find() {
        return Ok(chromium);
    }
    debian::unpack(PACKAGES, NAME)?;
    under(&installation()).ok_or_else(|| {
        "no Chromium: on Debian as root `apt-get install chromium chromium-driver`, or set \
         VELUM_CHROMIUM and VELUM_CHROMEDRIVER to the two programs"
            .to_owned()
    })
}

fn installation() -> PathBuf {
    workspace::cache().join(NAME)
}

fn under(root: &Path) -> Option<Chromium> {
    let chromium = Chromium {
        browser: root.join(BROWSER),
        driver: root.join(DRIVER),
    };
    (chromium.browser.is_file() && chromium.driver.is_file()).then_some(chromium)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{BROWSER, Chromium, DRIVER, under};

    #[test]
    fn a_browser_without_its_driver_is_none() {
        let root = std::env::temp_dir().join(format!("velum-chromium-{}", std::process::id()));
        let file = |path: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let browser = file(BROWSER);
        assert_eq!(under(&root), None);
        let driver = file(DRIVER);
        assert_eq!(under(&root), Some(Chromium { browser, driver }));
        fs::remove_dir_all(&root).unwrap();
    }
}
