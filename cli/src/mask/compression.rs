//! gzip (RFC 1952) and Zstandard (RFC 8878), told by the first bytes.
//!
//! No JSON text begins with any of them. Members and frames that follow one another are one input.
//! What has been compressed is streamed: a decoder keeps its window, at most 128 MiB of Zstandard.

use std::io::{self, BufReader, Chain, Cursor, Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use zstd::stream::{read, write};

use super::work::CHUNK;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Of a frame that decoders skip; the low half of the first byte is free.
const SKIPPABLE: &[u8] = &[0x50, 0x2a, 0x4d, 0x18];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// What is said of bytes that are compressed so.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Tells it from the first bytes; `None` where more are needed.
    fn told_by(first: &[u8]) -> Option<Self> {
        let is_start = |magic: &[u8]| {
            first
                .iter()
                .zip(magic)
                .enumerate()
                .all(|(at, (byte, magic))| {
                    let free = if magic == &SKIPPABLE[0] && at == 0 {
                        0xf0
                    } else {
                        0xff
                    };
                    byte & free == *magic
                })
        };
        for (magic, compression) in [
            (GZIP, Self::Gzip),
            (ZSTD, Self::Zstd),
            (SKIPPABLE, Self::Zstd),
        ] {
            if is_start(magic) {
                return (first.len() >= magic.len()).then_some(compression);
            }
        }
        Some(Self::None)
    }
}

/// A reader behind the bytes that were read to tell how it is compressed.
type Rest<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// What is in a reader, decompressed.
pub(super) enum Decoder<R: Read> {
    Plain(Rest<R>),
    Gzip(Box<MultiGzDecoder<Rest<R>>>),
    Zstd(Box<read::Decoder<'static, Rest<R>>>),
}

impl<R: Read> Decoder<R> {
    /// Waits for no more than it takes to tell: an input may come slowly.
    pub(super) fn new(mut source: R) -> io::Result<(Self, Compression)> {
        let mut first = vec![0; CHUNK];
        let mut length = 0;
        let mut told = None;
        while told.is_none() {
            match source.read(&mut first[length..]) {
                Ok(0) => told = Some(Compression::None),
                Ok(more) => {
                    length += more;
                    told = Compression::told_by(&first[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        first.truncate(length);
        let compression = told.unwrap_or(Compression::None);
        let rest = BufReader::with_capacity(CHUNK, Cursor::new(first).chain(source));
        let decoder = match compression {
            Compression::None => Self::Plain(rest),
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(rest))),
            Compression::Zstd => Self::Zstd(Box::new(read::Decoder::with_buffer(rest)?)),
        };
        Ok((decoder, compression))
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
            Self::Zstd(reader) => reader.read(buffer),
        }
    }
}

/// Compresses what is written, or passes it on.
///
/// What is not finished stays without its end, so that whoever reads it can tell.
pub(super) enum Encoder<W: Write> {
    Plain(W),
    Gzip(Box<GzEncoder<Gate<W>>>),
    Zstd(Box<write::Encoder<'static, W>>),
}

impl<W: Write> Encoder<W> {
    pub(super) fn new(target: W, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain(target),
            Compression::Gzip => {
                let gate = Gate {
                    target,
                    is_open: true,
                };
                let level = flate2::Compression::default();
                Self::Gzip(Box::new(GzEncoder::new(gate, level)))
            }
            Compression::Zstd => {
                let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                let mut encoder = write::Encoder::new(target, level)?;
                encoder.include_checksum(true)?;
                Self::Zstd(Box::new(encoder))
            }
        })
    }

    /// Writes the end of what is compressed.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(target) => target.flush(),
            Self::Gzip(encoder) => encoder.try_finish(),
            Self::Zstd(encoder) => encoder.do_finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(target) => target.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    /// What is compressed is not flushed: it would be larger, and is no stream to follow.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(target) => target.flush(),
            Self::Gzip(_) | Self::Zstd(_) => Ok(()),
        }
    }
}

impl<W: Write> Drop for Encoder<W> {
    fn drop(&mut self) {
        // The encoder writes a proper end when it is dropped, whatever went wrong.
        if let Self::Gzip(encoder) = self {
            encoder.get_mut().is_open = false;
        }
    }
}

/// Lets nothing through once it is closed.
pub(super) struct Gate<W> {
    target: W,
    is_open: bool,
}

impl<W: Write> Write for Gate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_open {
            self.target.write(bytes)
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}
