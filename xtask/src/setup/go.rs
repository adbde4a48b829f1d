//! Go with its implementation of signed notes and transparency logs, for tests that show our logs to
//! it: the system's, else Debian's packages, unpacked for this checkout and not installed. `VELUM_GO`
//! names another `go`, `VELUM_GOPATH` another folder with `src/golang.org/x/mod`.

use std::path::{Path, PathBuf};

use super::debian;
use crate::{Result, workspace};

const PACKAGES: [&str; 2] = ["golang-go", "golang-golang-x-mod-dev"];
/// Of the folder below `.velum`.
const NAME: &str = "go";

/// Where it is.
pub(crate) struct Go {
    /// The program `go`.
    pub(crate) program: PathBuf,
    /// What `GOPATH` has to be.
    pub(crate) libraries: PathBuf,
}

/// The program and the libraries, if both are there.
pub(crate) fn find() -> Option<Go> {
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    let roots = [PathBuf::from("/"), installation()];
    Some(Go {
        program: named("VELUM_GO").or_else(|| roots.iter().find_map(|root| program_under(root)))?,
        libraries: named("VELUM_GOPATH")
            .or_else(|| roots.iter().find_map(|root| libraries_under(root)))?,
    })
}

/// Returns where it is; unpacks what is not there.
pub(crate) fn find_or_install() -> Result<Go> {
    if let Some(go) = find() {
        return Ok(go);
    }
    let unpacked = debian::unpack(&PACKAGES, NAME);
    find().ok_or_else(|| {
        let reason = unpacked.err().unwrap_or_default();
        format!(
            "no Go with golang.org/x/mod ({reason}): on Debian as root `apt-get install {}`, or set \
             VELUM_GO to the program and VELUM_GOPATH to the folder of its libraries",
            PACKAGES.join(" ")
        )
    })
}

fn installation() -> PathBuf {
    workspace::cache().join(NAME)
}

/// Not `/usr/bin/go`: a link into the system's own folders.
fn program_under(root: &Path) -> Option<PathBuf> {
    let program = root.join("usr/lib/go/bin/go");
    program.is_file().then_some(program)
}

fn libraries_under(root: &Path) -> Option<PathBuf> {
    let libraries = root.join("usr/share/gocode");
    let needed = libraries.join("src/golang.org/x/mod/sumdb/tlog/tlog.go");
    needed.is_file().then_some(libraries)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{libraries_under, program_under};

    #[test]
    fn half_of_it_is_not_found() {
        let name = format!("velum-go-{}", std::process::id());
        let root = std::env::temp_dir().join(name);
        assert!(program_under(&root).is_none() && libraries_under(&root).is_none());
        fs::create_dir_all(root.join("usr/lib/go/bin")).unwrap();
        fs::write(root.join("usr/lib/go/bin/go"), "").unwrap();
        fs::create_dir_all(root.join("usr/share/gocode/src/golang.org/x")).unwrap();
        assert!(program_under(&root).is_some() && libraries_under(&root).is_none());
        fs::remove_dir_all(root).unwrap();
    }
}
