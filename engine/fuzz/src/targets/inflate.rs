//! A compressed body: no cut changes what comes out, another decoder reads the same, and it becomes no
//! longer than it may.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use velum_filter::parsers::inflate;

/// What a body may become whatever its length, and what may be written before that is noticed.
const ALWAYS: usize = 64 * 1024;
const WINDOW: usize = 32 * 1024;
/// Beyond, the other decoder need not go on.
const LONGEST: u64 = 8 * 1024 * 1024;

/// What leaves, and how it ends.
type Outcome = (Vec<u8>, Result<bool, String>);

/// The first byte says which coding, and whether what follows is compressed or to be compressed; the next
/// two how much it may become and how it is cut.
///
/// # Panics
/// Where cuts change what comes out, or another decoder reads something else.
pub(crate) fn target(data: &[u8]) {
    let Some(([kind, expansion, cut], rest)) = data.split_first_chunk::<3>() else {
        return;
    };
    let is_gzip = kind & 1 == 0;
    let body = match kind >> 1 & 3 {
        0 | 1 => rest.to_vec(),
        // Two members, where there may be.
        2 if is_gzip => [compressed(true, rest), compressed(true, rest)].concat(),
        _ => compressed(is_gzip, &rest.repeat(usize::from(*cut) + 1)),
    };
    let expansion = usize::from(*expansion) * 4 + 2;
    let read = |size: usize| decoded(is_gzip, expansion, &body, size);
    let whole = read(body.len());
    for size in [1, usize::from(*cut) + 2] {
        same(&whole, &read(size));
    }
    agree(&whole, is_gzip, &body);
}

fn decoded(is_gzip: bool, expansion: usize, body: &[u8], size: usize) -> Outcome {
    let mut out = Vec::new();
    let mut longest = 0;
    let result = inflate(is_gzip, expansion, body.chunks(size.max(1)), |piece| {
        longest = longest.max(piece.len());
        out.extend_from_slice(piece);
    });
    assert!(longest <= WINDOW, "a piece of {longest}");
    let most = ALWAYS.max(body.len() * expansion);
    assert!(out.len() <= most, "{} bytes of {}", out.len(), body.len());
    (out, result)
}

/// By which piece a body becomes too long hangs on the cuts; nothing else does.
fn same(one: &Outcome, other: &Outcome) {
    let ends = one.0.len().min(other.0.len());
    assert_eq!(one.0.get(..ends), other.0.get(..ends), "what leaves");
    let is_long = |outcome: &Outcome| {
        let why = outcome.1.as_ref().err();
        why.is_some_and(|why| why.contains("limits.expansion"))
    };
    if is_long(one) || is_long(other) {
        return;
    }
    assert_eq!(one.1.is_ok(), other.1.is_ok(), "{:?} {:?}", one.1, other.1);
    if one.1.is_ok() {
        assert_eq!(one, other);
    }
}

/// What is whole to us is the same to another; what that reads to its end is refused for its length only.
fn agree(ours: &Outcome, is_gzip: bool, body: &[u8]) {
    let mut theirs = Vec::new();
    let (read, rest) = if is_gzip {
        let decoder = MultiGzDecoder::new(body);
        (decoder.take(LONGEST).read_to_end(&mut theirs), 0)
    } else {
        let mut decoder = ZlibDecoder::new(body);
        let read = decoder.by_ref().take(LONGEST).read_to_end(&mut theirs);
        let used = usize::try_from(decoder.total_in()).unwrap_or(usize::MAX);
        (read, body.len().saturating_sub(used))
    };
    if ours.1 == Ok(true) && ours.0.len() as u64 <= LONGEST {
        assert!(read.is_ok(), "the other says {read:?}");
        assert!(theirs == ours.0, "the other reads something else");
    }
    // Behind a zlib stream nothing may follow; the other does not look. Of a gzip head's flags, it
    // takes those that are reserved.
    let is_reserved = is_gzip && body.get(3).is_some_and(|flags| flags & 0xe0 != 0);
    if read.is_ok() && rest == 0 && !body.is_empty() && !is_reserved && body.len() > 3 {
        match &ours.1 {
            Ok(whole) => assert!(*whole, "it is whole to the other"),
            Err(why) => assert!(why.contains("limits.expansion"), "{why}"),
        }
    }
}

fn compressed(is_gzip: bool, text: &[u8]) -> Vec<u8> {
    let fast = Compression::fast();
    let done = if is_gzip {
        let mut encoder = GzEncoder::new(Vec::new(), fast);
        encoder.write_all(text).and_then(|()| encoder.finish())
    } else {
        let mut encoder = ZlibEncoder::new(Vec::new(), fast);
        encoder.write_all(text).and_then(|()| encoder.finish())
    };
    done.unwrap_or_default()
}
