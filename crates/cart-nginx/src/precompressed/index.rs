//! What is known of the originals.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path};
use serde::{Deserialize, Serialize};

use super::encoding::Encoding;
use super::left_out::{LeftOut, Reason};
use super::sources::content::State;
use super::{Limits, Made};

/// Of the file's format, and of how variants are made: a tree of another one goes.
const VERSION: u32 = 2;

/// `index.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    version: u32,
    /// Whether the tree is just what stands here. If not, it may lack something, and have something else.
    pub(super) finished: bool,
    /// By the path on the site, without the slash at the beginning.
    pub(super) originals: BTreeMap<String, Known>,
}

/// What is known of an original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    #[serde(flatten)]
    pub(super) state: State,
    /// Of its content, hexadecimal.
    pub(super) sha256: String,
    /// The sizes of its variants in bytes.
    pub(super) variants: BTreeMap<Encoding, u64>,
}

impl Default for Index {
    fn default() -> Self {
        Self { version: VERSION, finished: true, originals: BTreeMap::new() }
    }
}

impl Known {
    /// The sizes of those of its variants that are compressed; none if it is not worth them.
    pub(super) fn compressed(&self) -> impl Iterator<Item = u64> {
        self.variants.iter().filter(|(encoding, _)| encoding.compresses()).map(|(_, size)| *size)
    }
}

impl Index {
    /// `None` for anything that another version or another program wrote.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let index: Self = serde_json::from_slice(text).ok()?;
        (index.version == VERSION && index.originals.keys().all(|path| plain(path)))
            .then_some(index)
    }

    pub(super) fn to_text(&self) -> Vec<u8> {
        // Maps with text for keys, numbers and text: there is nothing in it that JSON has not.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether anything is compressed: for copies alone there need be no tree.
    pub(super) fn has_compressed(&self) -> bool {
        self.originals.values().any(|known| known.compressed().next().is_some())
    }

    /// Notes what is known not to be worth it, of this build or an earlier one.
    pub(super) fn note_worthless(&self, limits: &Limits, left_out: &mut LeftOut) {
        let uncompressed = |known: &Known| known.compressed().next().is_none();
        for (path, known) in self.originals.iter().filter(|(_, known)| uncompressed(known)) {
            let too_small = known.state.size < limits.smallest;
            left_out.note(if too_small { Reason::TooSmall } else { Reason::Worthless }, path);
        }
    }

    /// The numbers of what there is.
    pub(super) fn total(&self) -> Made {
        let mut made = Made::default();
        for known in self.originals.values() {
            let Some(least) = known.compressed().min() else {
                continue;
            };
            made.originals += 1;
            made.variants += known.compressed().count();
            made.bytes_before += known.state.size;
            made.bytes_after += least;
        }
        made
    }
}

/// Whether it leads to a place below, and nowhere else.
fn plain(path: &str) -> bool {
    !path.is_empty()
        && Utf8Path::new(path).components().all(|c| matches!(c, Utf8Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_of_another_version_or_with_paths_that_lead_out_is_none() {
        let text = |version: u32, path: &str| {
            format!(
                r#"{{"version":{version},"finished":true,"originals":{{"{path}":{{"source":"/s","size":1,"mtime":1,"ctime":1,"sha256":"","variants":{{"gzip":1}}}}}}}}"#
            )
        };
        let parse = |version, path| Index::parse(text(version, path).as_bytes());
        let index = parse(VERSION, "a/b.js").unwrap();
        assert_eq!(Index::parse(&index.to_text()).unwrap(), index);
        for (version, path) in
            [(VERSION + 1, "a.js"), (VERSION, "../a.js"), (VERSION, "/etc/a.js"), (VERSION, "")]
        {
            assert_eq!(parse(version, path), None, "{version} {path}");
        }
        assert_eq!(Index::parse(b"{\"version\":"), None);
    }
}
