//! Real files, and real variants of them.

mod failures;
mod killed;
mod links;
mod reuse;
mod rules;
mod watched;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;

use super::sources::content;
use super::*;

/// A gear with static files in `public/` and, at `/static/`, in `static/`.
struct Place {
    _keep: tempfile::TempDir,
    dir: Utf8PathBuf,
}

impl Place {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let dir = Utf8PathBuf::from_path_buf(keep.path().canonicalize().unwrap()).unwrap();
        fs::create_dir(dir.join("public")).unwrap();
        Self { _keep: keep, dir }
    }

    fn path(&self, path: &str) -> Utf8PathBuf {
        self.dir.join(path)
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        files::write_unsynced(&path, content.as_ref(), 0o644).unwrap();
        self
    }

    /// Gives a file a time, in seconds since 1970.
    fn touch(&self, path: &str, seconds: u64) -> &Self {
        let file = fs::File::open(self.path(path)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        self
    }

    fn sources(&self) -> [Source; 2] {
        [Source::new("/", self.path("public")), Source::new("/static/", self.path("static"))]
    }

    fn tree(&self) -> Utf8PathBuf {
        self.path("tree")
    }

    fn make(&self) -> Made {
        self.make_within(&Limits::default())
    }

    fn make_within(&self, limits: &Limits) -> Made {
        make(&self.sources(), &self.tree(), limits).unwrap()
    }

    fn prune(&self) -> Pruned {
        prune(&self.sources(), &self.tree()).unwrap()
    }

    /// What each compressed variant of a path decompresses to.
    fn decoded(&self, path: &str) -> BTreeMap<&'static str, Vec<u8>> {
        let of = |encoding: &'static str| {
            let variant = fs::read(self.tree().join(encoding).join(path)).ok()?;
            Some((encoding, decode(encoding, &variant)))
        };
        ["gzip", "br", "zstd"].into_iter().filter_map(of).collect()
    }

    /// Paths in the tree.
    fn listed(&self) -> Vec<String> {
        self.state().into_keys().collect()
    }

    /// What can be seen of each file and directory in the tree, without reading it.
    fn state(&self) -> BTreeMap<String, (u64, i64, i64, u64)> {
        let mut state = BTreeMap::new();
        let mut waiting = vec![self.tree()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten() {
                let path = Utf8PathBuf::from_path_buf(entry.unwrap().path()).unwrap();
                // Whoever watches may just have removed it.
                let Ok(m) = fs::symlink_metadata(&path) else { continue };
                let seen = (m.ino(), content::mtime(&m), content::ctime(&m), m.len());
                state.insert(path.strip_prefix(self.tree()).unwrap().to_string(), seen);
                if m.is_dir() {
                    waiting.push(path);
                }
            }
        }
        state
    }

    /// That every variant in the tree is one of what is served at its path now, with its time.
    fn assert_true(&self) {
        for path in self.listed() {
            let Some((encoding, site)) = path.split_once('/') else {
                continue;
            };
            let variant = self.tree().join(&path);
            if variant.is_dir() {
                continue;
            }
            let public = self.path("public").join(site);
            let original = match site.strip_prefix("static/") {
                Some(below) if !public.exists() => self.path("static").join(below),
                _ => public,
            };
            let decoded = decode(encoding, &fs::read(&variant).unwrap());
            assert!(decoded == fs::read(&original).unwrap(), "{path}");
            let time = |path: &Utf8Path| content::mtime(&fs::metadata(path).unwrap());
            assert_eq!(time(&variant), time(&original), "{path}");
        }
    }
}

fn decode(encoding: &str, variant: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    match encoding {
        "gzip" => flate2::read::GzDecoder::new(variant).read_to_end(&mut content).unwrap(),
        "identity" => return variant.to_vec(),
        "br" => brotli::Decompressor::new(variant, 4096).read_to_end(&mut content).unwrap(),
        _ => {
            let mut decoder = zstd::Decoder::new(variant).unwrap();
            // 8 MB: browsers refuse a larger window.
            decoder.window_log_max(23).unwrap();
            decoder.read_to_end(&mut content).unwrap()
        }
    };
    content
}

/// So many bytes that look like a script; another one for each `seed`.
fn script(size: usize, seed: u64) -> Vec<u8> {
    const WORDS: [&str; 8] =
        ["function ", "return ", "var value", "(", ");\n", " = ", "document.", "if (node) "];
    let mut random = Random(seed + 1);
    let mut text = Vec::new();
    while text.len() < size {
        let number = random.next();
        text.extend(WORDS[(number % 8) as usize].bytes());
        text.extend(format!("{:x}", number >> 52).bytes());
    }
    text.truncate(size);
    text
}

/// So many bytes that nothing makes smaller.
fn noise(size: usize) -> Vec<u8> {
    let mut random = Random(7);
    (0..size).map(|_| (random.next() >> 32) as u8).collect()
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

#[test]
fn each_variant_is_its_original_compressed_with_its_name_time_and_a_mode_for_everybody() {
    let place = Place::new();
    place.file("public/app.js", script(20_000, 1)).touch("public/app.js", 1_600_000_000);
    place.file("public/css/deep/site.CSS", script(5000, 2));
    place.file("static/vendor.mjs", script(6000, 3));
    let made = place.make();
    for (path, content) in [
        ("app.js", script(20_000, 1)),
        ("css/deep/site.CSS", script(5000, 2)),
        ("static/vendor.mjs", script(6000, 3)),
    ] {
        let decoded = place.decoded(path);
        assert_eq!(decoded.keys().collect::<Vec<_>>(), [&"br", &"gzip", &"zstd"], "{path}");
        assert!(decoded.values().all(|decoded| *decoded == content), "{path}");
    }
    place.assert_true();
    for path in place.listed() {
        let mode = fs::metadata(place.tree().join(&path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if place.tree().join(&path).is_dir() { 0o755 } else { 0o644 }, "{path}");
    }
    assert_eq!((made.originals, made.variants, made.compressed, made.removed), (3, 9, 3, 0));
    assert_eq!(made.bytes_before, 31_000);
    assert!(made.bytes_after < 31_000 / 2, "{}", made.bytes_after);
    assert!(place.tree().join("gzip").is_dir());
}

#[test]
fn the_same_content_is_compressed_to_the_same_bytes() {
    let bytes = || {
        let place = Place::new();
        place.file("public/a.js", script(9000, 1)).make();
        ["gzip", "br", "zstd"]
            .map(|encoding| fs::read(place.tree().join(encoding).join("a.js")).unwrap())
    };
    let first = bytes();
    // Neither time nor name in gzip's header (RFC 1952, 2.3).
    assert_eq!(first[0][3..8], [0; 5]);
    assert_eq!(first, bytes());
}

#[test]
fn large_files_are_compressed_for_every_browsers_window() {
    let place = Place::new();
    let part = script(100_000, 1);
    let (large, huge) = (part.repeat(11), part.repeat(90));
    assert!(large.len() > encoding::LARGE && huge.len() > 8 << 20);
    place.file("public/large.js", &large).file("public/huge.js", &huge).make();
    for (path, content) in [("large.js", large), ("huge.js", huge)] {
        let decoded = place.decoded(path);
        assert_eq!(decoded.len(), 3);
        assert!(decoded.values().all(|decoded| *decoded == content), "{path}");
    }
}
