//! A tar file with one entry, and gzip that compresses nothing: both so small that writing them is less
//! than a dependency, and the same bytes wherever they are written.

/// A tar file (POSIX.1-1988 ustar) with this one file of this mode, owner 0, time 0.
pub(super) fn tar(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(field) = header.get_mut(at..at + bytes.len()) {
            field.copy_from_slice(bytes);
        }
    };
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}\0").as_bytes());
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    // The sum is taken over spaces in its own place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    if let Some(field) = header.get_mut(148..156) {
        field.copy_from_slice(sum.as_bytes());
    }
    let mut archive = header.to_vec();
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

/// The bytes as one gzip member (RFC 1952) of stored blocks (RFC 1951, 3.2.4).
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    const LARGEST: usize = 0xffff;
    // No name, no time, no operating system.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = bytes.chunks(LARGEST).peekable();
    if bytes.is_empty() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc32(bytes).to_le_bytes());
    // RFC 1952: the length modulo 2^32.
    let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0);
    out.extend(length.to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = sum & 1;
            sum = (sum >> 1) ^ (0xedb8_8320 * carry);
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::{crc32, gzip, tar};

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    /// Other people's programs read what is written here, whatever its length.
    #[test]
    fn tar_and_gzip_of_the_system_read_it() {
        for size in [0, 1, 511, 512, 65_535, 65_536, 200_000] {
            let content: Vec<u8> = (0..size)
                .map(|at| u8::try_from(at % 251).unwrap())
                .collect();
            let archive = gzip(&tar("plugin.wasm", 0o644, &content));
            assert_eq!(run("tar", &["-tzf", "-"], &archive), b"plugin.wasm\n");
            assert_eq!(run("tar", &["-xzOf", "-"], &archive), content, "{size}");
            let listed = run("tar", &["--utc", "--numeric-owner", "-tvzf", "-"], &archive);
            let listed = String::from_utf8(listed).unwrap();
            assert!(listed.starts_with("-rw-r--r-- 0/0"), "{listed}");
            assert!(listed.contains(" 1970-01-01 00:00 "), "{listed}");
        }
        assert_eq!(run("gzip", &["-dc"], &gzip(b"")), b"");
    }

    fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        let _reader_may_stop_early = writer.join().unwrap();
        assert!(output.status.success(), "{program}");
        output.stdout
    }
}
