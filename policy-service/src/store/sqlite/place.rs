//! Where the file may be: WAL mode needs memory that all its users share, so not on another machine.

use std::path::Path;

use super::super::StoreError;

/// Network file systems by the number that `statfs(2)` gives. One behind FUSE does not tell.
#[cfg(target_os = "linux")]
const REMOTE: [(u64, &str); 12] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB 2"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0x564c, "NCP"),
    (0x0bd0_0bd0, "Lustre"),
    (0x7461_636f, "OCFS2"),
    (0x0116_1970, "GFS2"),
];

/// Refuses a folder that other machines may have too.
pub(super) fn check(data: &Path) -> Result<(), StoreError> {
    match remote(data) {
        None => Ok(()),
        Some(name) => Err(StoreError::Data(format!(
            "data folder {}: it is on {name}, where SQLite can corrupt its file; use a local disk, \
             or [store] engine = \"postgres\"",
            data.display()
        ))),
    }
}

#[cfg(target_os = "linux")]
fn remote(data: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(data).ok()?.f_type;
    // The number is 32 bits wide, and signed or not as the machine has it.
    name_of(u64::try_from(kind & 0xffff_ffff).ok()?)
}

#[cfg(target_os = "linux")]
fn name_of(kind: u64) -> Option<&'static str> {
    let mut remote = REMOTE.iter();
    remote
        .find(|(known, _)| *known == kind)
        .map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn remote(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_on_another_machine_is_refused() {
        assert_eq!(name_of(0x6969), Some("NFS"));
        assert_eq!(name_of(0xef53), None, "ext4");
        let folder = tempfile::tempdir().unwrap();
        check(folder.path()).unwrap();
    }
}
