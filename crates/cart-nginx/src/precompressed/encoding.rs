//! What a content is worth in each encoding.

use std::io::{self, Write};

use brotli::enc::BrotliEncoderParams;
use serde::{Deserialize, Serialize};

/// A content coding of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Encoding {
    #[serde(rename = "gzip")]
    Gzip,
    #[serde(rename = "br")]
    Brotli,
    #[serde(rename = "zstd")]
    Zstd,
    /// As it is.
    #[serde(rename = "identity")]
    Identity,
}

impl Encoding {
    pub(super) const ALL: [Self; 4] = [Self::Gzip, Self::Brotli, Self::Zstd, Self::Identity];

    /// In the order in which nginx looks for what a client takes: the smallest first, as a rule.
    pub(crate) const PREFERRED: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Its name in HTTP, and that of the directory of its variants in the tree.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Identity => "identity",
        }
    }

    /// Whether it makes something smaller.
    pub(super) fn compresses(self) -> bool {
        self != Self::Identity
    }
}

/// What is larger leaves faster by `sendfile` from where it is.
const LARGEST_AS_IT_IS: usize = 32 << 10;
/// From here on, contents take much time and memory: on one core of 2026 with 4.5 MB of minified
/// JavaScript, Brotli 11 takes 8.5 s, 10 takes 5 s and gives 1.5 % more, 9 takes 0.9 s and gives 10 % more.
pub(super) const LARGE: usize = 1 << 20;
/// From here on, nothing slower than 5 MB/s will do.
const HUGE: usize = 8 << 20;

/// Nobody needs more: a browser takes no window above 8 MB (RFC 9659), which is that of level 19.
fn zstd_level(size: usize) -> i32 {
    if size < HUGE { 19 } else { 12 }
}

fn brotli_quality(size: usize) -> i32 {
    match size {
        0..LARGE => 11,
        LARGE..HUGE => 10,
        _ => 9,
    }
}

/// The variants of a content that are worth it, by size never two the same. Of those that are compressed none,
/// as of what is smaller than `smallest`, or gzip at least.
///
/// # Errors
/// What an encoder said, which is never for want of a disk.
pub(super) fn variants(content: Vec<u8>, smallest: u64) -> io::Result<Vec<(Encoding, Vec<u8>)>> {
    let worth_a_try = content.len() as u64 >= smallest;
    let mut variants = if worth_a_try { compressed(&content)? } else { Vec::new() };
    // Where one is missing, who asks for that shall get another, and not the copy.
    let is_whole = variants.is_empty() || variants.len() == 3;
    if is_whole && content.len() <= LARGEST_AS_IT_IS {
        variants.push((Encoding::Identity, content));
    }
    Ok(variants)
}

fn compressed(content: &[u8]) -> io::Result<Vec<(Encoding, Vec<u8>)>> {
    let gzip = gzip(content)?;
    if !worth(gzip.len(), content.len()) {
        return Ok(Vec::new());
    }
    let zstd = zstd::bulk::compress(content, zstd_level(content.len()))?;
    let all =
        [(Encoding::Gzip, gzip), (Encoding::Brotli, brotli(content)?), (Encoding::Zstd, zstd)];
    let kept = kept(content.len(), all.each_ref().map(|(_, variant)| variant.len()));
    Ok(all.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(variant, _)| variant).collect())
}

/// Which variants of an `original` are kept, by the sizes of gzip's, which is worth it, and the others'.
fn kept(original: usize, [gzip, brotli, zstd]: [usize; 3]) -> [bool; 3] {
    let keeps_brotli = brotli < gzip;
    let differs = zstd != gzip && !(keeps_brotli && zstd == brotli);
    [true, keeps_brotli, worth(zstd, original) && differs]
}

/// Whether it has at most 95 % of the size.
fn worth(variant: usize, original: usize) -> bool {
    variant.saturating_mul(100) <= original.saturating_mul(95)
}

/// Without time and name in its header.
fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

fn brotli(mut content: &[u8]) -> io::Result<Vec<u8>> {
    let size = content.len();
    let parameters = BrotliEncoderParams {
        quality: brotli_quality(size),
        // The whole content, up to the largest window that every browser takes (RFC 7932). What is beyond
        // the content would only take memory, eight bytes for each.
        lgwin: (size + 16).next_power_of_two().ilog2().clamp(16, 24) as i32,
        size_hint: size,
        ..BrotliEncoderParams::default()
    };
    let mut variant = Vec::new();
    brotli::BrotliCompress(&mut content, &mut variant, &parameters)?;
    Ok(variant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_gain_or_has_the_size_of_another_is_not_kept() {
        for (sizes, expected) in [
            ([500, 400, 450], [true, true, true]),
            ([500, 400, 600], [true, true, true]),
            ([500, 499, 950], [true, true, true]),
            ([500, 500, 951], [true, false, false]),
            ([500, 501, 501], [true, false, true]),
            ([500, 400, 500], [true, true, false]),
            ([500, 400, 400], [true, true, false]),
        ] {
            assert_eq!(kept(1000, sizes), expected, "{sizes:?}");
        }
        assert!(worth(950, 1000) && !worth(951, 1000));
    }
}
