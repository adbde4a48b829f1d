//! `gzip` (RFC 1952) and `deflate` (zlib, RFC 1950), decoded piece by piece. The window of 32 KiB is
//! all that is kept; how long a body may become is bounded.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_COMPUTE_ADLER32, TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER,
};
use miniz_oxide::inflate::core::{DecompressorOxide, TINFL_LZ_DICT_SIZE, decompress};

/// What a body may become however short it came: the ratio of a short text says nothing.
const ALWAYS: u64 = 64 * 1024;

/// Takes a piece of what was decoded; a fault ends it.
type Take<'a> = dyn FnMut(&[u8]) -> Result<(), String> + 'a;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// As RFC 9110 has it: in the zlib format. Some servers send it without; that is refused.
    Deflate,
}

/// Where a decoder is in its format.
enum Phase {
    /// So many bytes of the fixed head of a gzip member have come.
    Head(u8),
    /// The length of the extra field: its first byte.
    ExtraLength(Option<u8>),
    /// So many bytes of the extra field are to come.
    Extra(u16),
    /// File name and comment, each up to its NUL.
    Name,
    Comment,
    /// The check of the head: its first byte.
    HeadCheck(Option<u8>),
    Data,
    /// The check and the length behind a gzip member: so many bytes, and what they say.
    Foot(u8, u64),
    /// A zlib stream is complete.
    Ended,
}

/// A decoder of one body.
pub(crate) struct Inflater {
    coding: Coding,
    phase: Phase,
    flags: u8,
    state: Box<DecompressorOxide>,
    window: Vec<u8>,
    at: usize,
    crc: u32,
    /// Bytes of the member so far.
    length: u32,
    expansion: u64,
    read: u64,
    written: u64,
}

impl Inflater {
    /// A decoder whose output may be so many times as long as its input.
    pub(crate) fn new(coding: Coding, expansion: usize) -> Self {
        Self {
            coding,
            phase: match coding {
                Coding::Gzip => Phase::Head(0),
                Coding::Deflate => Phase::Data,
            },
            flags: 0,
            state: Box::default(),
            window: vec![0; TINFL_LZ_DICT_SIZE],
            at: 0,
            crc: 0,
            length: 0,
            expansion: expansion as u64,
            read: 0,
            written: 0,
        }
    }

    /// Whether what has come is whole. Members of gzip may follow one another.
    pub(crate) fn is_whole(&self) -> bool {
        match self.phase {
            Phase::Head(0) => self.read > 0,
            Phase::Ended => true,
            _ => false,
        }
    }

    /// Decodes the next bytes; calls back with pieces of at most 32 KiB.
    pub(crate) fn feed(&mut self, input: &[u8], take: &mut Take<'_>) -> Result<(), String> {
        let mut rest = input;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = if matches!(self.phase, Phase::Data) {
                self.data(rest, take)?
            } else {
                self.read += 1;
                self.around(byte)?;
                behind
            };
        }
        Ok(())
    }

    fn data<'i>(&mut self, input: &'i [u8], take: &mut Take<'_>) -> Result<&'i [u8], String> {
        let flags = match self.coding {
            Coding::Gzip => TINFL_FLAG_HAS_MORE_INPUT,
            Coding::Deflate => {
                TINFL_FLAG_HAS_MORE_INPUT
                    | TINFL_FLAG_PARSE_ZLIB_HEADER
                    | TINFL_FLAG_COMPUTE_ADLER32
            }
        };
        let (status, used, made) =
            decompress(&mut self.state, input, &mut self.window, self.at, flags);
        self.read += used as u64;
        let piece = self.window.get(self.at..self.at + made).unwrap_or_default();
        self.written += made as u64;
        if self.written > ALWAYS.max(self.read.saturating_mul(self.expansion)) {
            return Err("it becomes longer than limits.expansion allows".to_owned());
        }
        if self.coding == Coding::Gzip {
            self.crc = crc32(self.crc, piece);
            self.length = self.length.wrapping_add(u32::try_from(made).unwrap_or(0));
        }
        take(piece)?;
        self.at = (self.at + made) % TINFL_LZ_DICT_SIZE;
        match (status, self.coding) {
            (TINFLStatus::Done, Coding::Gzip) => self.phase = Phase::Foot(0, 0),
            (TINFLStatus::Done, Coding::Deflate) => self.phase = Phase::Ended,
            (TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput, _) => {}
            _ => return Err("its compression is broken".to_owned()),
        }
        // Without output and without progress it would never end.
        if used == 0 && made == 0 && matches!(self.phase, Phase::Data) {
            return Err("its compression is broken".to_owned());
        }
        Ok(input.get(used..).unwrap_or_default())
    }

    /// Takes a byte of what stands around compressed data.
    fn around(&mut self, byte: u8) -> Result<(), String> {
        const BROKEN: &str = "its compression has no valid head or foot";
        let broken = || Err(BROKEN.to_owned());
        if !matches!(self.phase, Phase::Foot(..) | Phase::HeadCheck(_)) {
            self.crc = crc32(self.crc, &[byte]);
        }
        self.phase = match self.phase {
            Phase::Head(at @ 0..=2) if [0x1f, 0x8b, 8].get(usize::from(at)) != Some(&byte) => {
                return broken();
            }
            Phase::Head(3) if byte & 0xe0 != 0 => return broken(),
            Phase::Head(9) => self.behind_head(3),
            Phase::Head(at) => {
                if at == 3 {
                    self.flags = byte;
                }
                Phase::Head(at + 1)
            }
            Phase::ExtraLength(None) => Phase::ExtraLength(Some(byte)),
            Phase::ExtraLength(Some(low)) => match u16::from_le_bytes([low, byte]) {
                0 => self.behind_head(2),
                length => Phase::Extra(length),
            },
            Phase::Extra(1) => self.behind_head(2),
            Phase::Extra(left) => Phase::Extra(left - 1),
            Phase::Name if byte == 0 => self.behind_head(1),
            Phase::Name => Phase::Name,
            Phase::Comment if byte == 0 => self.behind_head(0),
            Phase::Comment => Phase::Comment,
            Phase::HeadCheck(None) => Phase::HeadCheck(Some(byte)),
            Phase::HeadCheck(Some(low)) => {
                if self.crc & 0xffff != u32::from(u16::from_le_bytes([low, byte])) {
                    return broken();
                }
                self.begin_data()
            }
            Phase::Foot(at, so_far) => {
                let so_far = so_far | u64::from(byte) << (8 * u32::from(at));
                match at {
                    7 if so_far != u64::from(self.crc) | u64::from(self.length) << 32 => {
                        return broken();
                    }
                    7 => {
                        self.crc = 0;
                        Phase::Head(0)
                    }
                    _ => Phase::Foot(at + 1, so_far),
                }
            }
            // Nothing may follow.
            Phase::Data | Phase::Ended => return broken(),
        };
        Ok(())
    }

    /// What follows in a head of which the last so many optional parts, and the check, are left.
    fn behind_head(&mut self, left: u8) -> Phase {
        const CHECK: u8 = 2;
        const EXTRA: u8 = 4;
        const NAME: u8 = 8;
        const COMMENT: u8 = 16;
        let has = |flag| self.flags & flag != 0;
        if left > 2 && has(EXTRA) {
            Phase::ExtraLength(None)
        } else if left > 1 && has(NAME) {
            Phase::Name
        } else if left > 0 && has(COMMENT) {
            Phase::Comment
        } else if has(CHECK) {
            Phase::HeadCheck(None)
        } else {
            self.begin_data()
        }
    }

    fn begin_data(&mut self) -> Phase {
        self.state.init();
        // As much as was written, and no more: members may be of twenty bytes each.
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        let written = self.window.iter_mut().take(length);
        written.for_each(|byte| *byte = 0);
        self.at = 0;
        self.crc = 0;
        self.length = 0;
        Phase::Data
    }
}

/// CRC-32 as RFC 1952 (section 8) has it, of bytes that follow those of which it is known.
fn crc32(before: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let crc = bytes.iter().fold(!before, |crc, byte| {
        let at = (crc ^ u32::from(*byte)) & 0xff;
        (crc >> 8) ^ TABLE.get(at as usize).copied().unwrap_or_default()
    });
    !crc
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, which would tell"
)]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < table.len() {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use flate2::{Compression, GzBuilder};

    use super::*;

    fn text() -> Vec<u8> {
        let lines =
            (0..4000).map(|n| format!("{{\"n\":{n},\"note\":\"Orla Thistlewood {}\"}}\n", n * n));
        lines.collect::<String>().into_bytes()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// What comes out, whatever the fault, and whether the body was whole.
    fn decoded(coding: Coding, body: &[u8], cut: usize) -> (Vec<u8>, Result<bool, String>) {
        let mut inflater = Inflater::new(coding, 100);
        let mut out = Vec::new();
        for chunk in body.chunks(cut) {
            let fed = inflater.feed(chunk, &mut |piece| {
                assert!(piece.len() <= TINFL_LZ_DICT_SIZE);
                out.extend_from_slice(piece);
                Ok(())
            });
            if let Err(fault) = fed {
                return (out, Err(fault));
            }
        }
        (out, Ok(inflater.is_whole()))
    }

    #[test]
    fn what_was_compressed_comes_out_however_it_is_cut() {
        let text = text();
        for (coding, body) in [(Coding::Gzip, gzip(&text)), (Coding::Deflate, zlib(&text))] {
            for cut in [1, 2, 3, 7, 1000, body.len()] {
                let (out, whole) = decoded(coding, &body, cut);
                assert!(out == text && whole == Ok(true), "{coding:?} by {cut}");
            }
        }
    }

    #[test]
    fn a_head_may_have_all_its_parts_and_members_follow_one_another() {
        let mut encoder = GzBuilder::new()
            .extra(vec![1, 2, 0, 3])
            .filename("a.json")
            .comment("none")
            .write(Vec::new(), Compression::fast());
        encoder.write_all(b"[1,").unwrap();
        let mut body = encoder.finish().unwrap();
        // With a check of the head, which the encoder does not write.
        let head = 10 + 2 + 4 + "a.json\0".len() + "none\0".len();
        body[3] |= 2;
        let check = crc32(0, &body[..head]).to_le_bytes();
        body.splice(head..head, [check[0], check[1]]);
        let checked = body.clone();
        body.extend(gzip(b"2"));
        body.extend(gzip(b"]"));
        for cut in [1, 5, body.len()] {
            assert_eq!(
                decoded(Coding::Gzip, &body, cut),
                (b"[1,2]".to_vec(), Ok(true))
            );
        }
        let mut wrong = checked;
        wrong[head] ^= 1;
        assert!(decoded(Coding::Gzip, &wrong, 3).1.is_err());
    }

    #[test]
    fn a_member_finds_nothing_of_the_one_before_it() {
        // `a`, and three bytes from two back, of which the first is before the beginning.
        let code = [75, 4, 66, 0];
        let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        let check = crc32(0, b"a\0a\0").to_le_bytes();
        let reaching = [&head[..], &code, &check, &4_u32.to_le_bytes()].concat();
        let body = [gzip(&b"x".repeat(40_000)), reaching].concat();
        let (out, whole) = decoded(Coding::Gzip, &body, 1000);
        assert_eq!((&out[40_000..], whole), (&b"a\0a\0"[..], Ok(true)));
        let many = [gzip(b"").repeat(50_000), gzip(b"{}")].concat();
        let expected = (b"{}".to_vec(), Ok(true));
        assert_eq!(decoded(Coding::Gzip, &many, many.len()), expected);
    }

    #[test]
    fn a_body_that_is_cut_off_is_not_whole() {
        for (coding, body) in [(Coding::Gzip, gzip(b"{}")), (Coding::Deflate, zlib(b"{}"))] {
            for end in 0..body.len() {
                assert_eq!(
                    decoded(coding, &body[..end], 4).1,
                    Ok(false),
                    "{coding:?} {end}"
                );
            }
        }
    }

    #[test]
    fn what_follows_and_what_is_wrong_is_refused() {
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&text()).unwrap();
        let raw = raw.finish().unwrap();
        let with = |mut body: Vec<u8>, at: usize, byte: u8| {
            let at = if at > 100 {
                body.len() - (1000 - at)
            } else {
                at
            };
            body[at] ^= byte;
            body
        };
        for (coding, name, body) in [
            (
                Coding::Gzip,
                "rubbish behind",
                [gzip(b"{}"), b"x".to_vec()].concat(),
            ),
            (
                Coding::Gzip,
                "zeros behind",
                [gzip(b"{}"), vec![0; 8]].concat(),
            ),
            (Coding::Gzip, "no gzip", b"{\"a\":1}".to_vec()),
            (Coding::Gzip, "reserved flag", with(gzip(b"{}"), 3, 0x80)),
            (Coding::Gzip, "another method", with(gzip(b"{}"), 2, 1)),
            (Coding::Gzip, "wrong check", with(gzip(b"{}"), 992, 1)),
            (Coding::Gzip, "wrong length", with(gzip(b"{}"), 999, 1)),
            (Coding::Gzip, "broken data", with(gzip(b"{}"), 10, 0xff)),
            (
                Coding::Deflate,
                "rubbish behind",
                [zlib(b"{}"), b"x".to_vec()].concat(),
            ),
            (Coding::Deflate, "wrong check", with(zlib(b"{}"), 999, 1)),
            (Coding::Deflate, "gzip", gzip(b"{}")),
            (Coding::Deflate, "without the zlib format", raw),
        ] {
            for cut in [1, body.len()] {
                assert!(decoded(coding, &body, cut).1.is_err(), "{name} by {cut}");
            }
        }
    }

    #[test]
    fn a_bomb_goes_off_at_the_limit() {
        let bomb = gzip(&vec![b' '; 50_000_000]);
        let (out, fault) = decoded(Coding::Gzip, &bomb, 1024);
        assert!(fault.unwrap_err().contains("limits.expansion"));
        assert!(out.len() <= 64 * 1024 + 100 * 1024, "{}", out.len());
        let short = gzip(&vec![b' '; 60_000]);
        assert_eq!(decoded(Coding::Gzip, &short, 9).0.len(), 60_000);
    }

    #[test]
    fn a_fault_behind_the_decoder_stops_it() {
        let mut inflater = Inflater::new(Coding::Gzip, 100);
        let fed = inflater.feed(&gzip(&text()), &mut |_| Err("no".to_owned()));
        assert_eq!(fed, Err("no".to_owned()));
    }
}
