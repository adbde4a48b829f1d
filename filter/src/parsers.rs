//! What reads bytes that a stranger chose, one function each, for the fuzz targets. Only with the feature
//! `parsers`, which the module is built without.

use std::sync::Arc;

use serde_json::Value;
use velum_engine::{Options, Ruleset};

use crate::fake::Fake;
use crate::request::multipart;
use crate::respond::{Coding, Inflater};
use crate::watch::Counts;
use crate::{pairs, protobuf};

/// The name and the value of a header.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A body of `multipart/form-data` under a content type, masked; `passes`: parts that are no text go on as
/// they are. `None`: it is refused.
pub fn mask_multipart(
    rules: &Arc<Ruleset>,
    options: &Options,
    content_type: &str,
    passes: bool,
    body: &[u8],
) -> Option<Vec<u8>> {
    let boundary = multipart::boundary(content_type)?;
    let mut found = Counts::default();
    multipart::masked(
        &Fake::default(),
        rules,
        options,
        boundary,
        passes,
        body,
        &mut found,
    )
}

/// How much stands behind the empty lines of what claims to be a multipart body.
pub fn scan_multipart(body: &[u8]) -> usize {
    multipart::contents(body).map(<[u8]>::len).sum()
}

/// Decodes a body of gzip, or else of zlib, that comes in chunks; hands on what leaves, and says whether
/// it is whole.
///
/// # Errors
/// Why it is refused.
pub fn inflate<'a>(
    is_gzip: bool,
    expansion: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    mut take: impl FnMut(&[u8]),
) -> Result<bool, String> {
    let coding = if is_gzip {
        Coding::Gzip
    } else {
        Coding::Deflate
    };
    let mut inflater = Inflater::new(coding, expansion);
    for chunk in chunks {
        inflater.feed(chunk, &mut |piece| {
            take(piece);
            Ok(())
        })?;
    }
    Ok(inflater.is_whole())
}

/// Reads a serialized `google.protobuf.Struct`.
pub fn read_struct(bytes: &[u8]) -> Option<Value> {
    protobuf::decode_struct(bytes)
}

/// Reads a header map as the host writes it.
pub fn read_pairs(bytes: &[u8]) -> Option<Vec<Pair>> {
    let read = pairs::decode(bytes)?;
    let owned = read.into_iter().map(|(n, v)| (n.to_vec(), v.into_owned()));
    Some(owned.collect())
}

/// Writes a header map as the host reads it.
pub fn write_pairs(pairs: &Vec<Pair>) -> Vec<u8> {
    pairs::encode(pairs)
}
