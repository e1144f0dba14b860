//! Compressed variants of static files, made at build, so that nginx need not compress while somebody
//! waits, and can answer in formats that it knows nothing of.
//!
//! They stand in a tree of their own, not beside the author's files:
//!
//! ```text
//! <tree>/gzip/<path on the site>       gzip
//! <tree>/br/<path on the site>         Brotli; only where it is smaller than gzip
//! <tree>/zstd/<path on the site>       Zstandard
//! <tree>/identity/<path on the site>   as it is, of at most 32 KiB
//! <tree>/index.json                    what is known of each original
//! ```
//!
//! A variant has the very name of its original, so nginx finds the same type by it, and its time, so
//! `Last-Modified` is the same. No two variants of a file have the same size: nginx makes an `ETag` of
//! time and size. A file has all variants that are worth it or none: without a gzip of at most 95 % of its
//! size no other is compressed either. The same content always gives the same bytes.
//!
//! A small file is there as it is, too, because nginx sends what is in the tree with less work: it need not
//! look who owns each link on the way, may remember what is not there, and sends head and content in one piece.
//!
//! # What a kill leaves behind
//!
//! A variant must never be served for an original that it is not made of. So:
//!
//! 1. Before anything is changed in the tree, the index is written anew, *unfinished*, with only what stays.
//! 2. Variants of what changed or is gone are removed, those of what stays get its time.
//! 3. New variants are written under `tmp/`, get mode and time, and are renamed into place.
//! 4. All of it is on the disk before the index is written, *finished*.
//!
//! Whoever finds an unfinished index does not believe the tree: what stands there without being in the
//! index, or with another size, is removed first, and a file that lacks a variant loses all of them. Whoever
//! finds no index that he can read removes the tree. So whatever was killed wherever, after a [`make`] or
//! [`prune`] that succeeded nothing stands in the tree but what is made of the originals of now. After one that
//! failed nothing is certain, and the tree must go (`cart_core::tree::remove`).
//!
//! That nobody else writes into the tree is a condition. What changes while the tree is served, and belongs to
//! the app's release, [`watch`] sees; what belongs elsewhere, as uploads do, [`Source::within`] leaves out.

mod changes;
mod encoding;
mod index;
mod left_out;
mod parallel;
mod sources;
mod tree;
mod watch;
mod work;

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use serde::{Deserialize, Serialize};

use changes::Changes;
use sources::scan::Scan;
use tree::Tree;
use work::Work;

pub(crate) use encoding::Encoding;
pub use left_out::{Left, LeftOut, Reason};
pub(crate) use sources::extensions::EXTENSIONS;
pub use watch::watch;

/// A directory of static files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Where its files are on the site: `/`, `/static/`.
    pub at: String,
    /// The directory; one that is missing has no files.
    pub directory: Utf8PathBuf,
    /// Files that a link leads to out of this directory get no variants, because they may change while
    /// they are served and nobody would see it; `None`: wherever it leads.
    pub within: Option<Utf8PathBuf>,
}

impl Source {
    /// The files of `directory`, wherever links lead, at `at`.
    pub fn new(at: impl Into<String>, directory: impl Into<Utf8PathBuf>) -> Self {
        Self { at: at.into(), directory: directory.into(), within: None }
    }
}

/// What bounds the work. The default is for everybody: [`prune`] goes by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many files and directories are looked at.
    pub entries: usize,
    /// Directories on the way to a file on the site.
    pub depth: usize,
    /// Smaller files are not compressed, in bytes: they fit into the packet with the headers.
    pub smallest: u64,
    /// Larger files are not compressed, in bytes.
    pub largest: u64,
    /// After this time no file is begun any more; the next build goes on.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 50_000,
            depth: 64,
            smallest: 1024,
            largest: 64 << 20,
            time: Duration::from_secs(120),
        }
    }
}

/// What [`make`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Files that have compressed variants now.
    pub originals: usize,
    /// How many these are.
    pub variants: usize,
    /// Sizes of the originals that have them, together, in bytes.
    pub bytes_before: u64,
    /// Sizes of the smallest variant of each, together, in bytes.
    pub bytes_after: u64,
    /// Contents that were compressed now; what was known of an earlier build was not.
    pub compressed: usize,
    /// Files whose variants were removed.
    pub removed: usize,
    /// Files that are not compressed, and why; others have a type that never is.
    pub left_out: LeftOut,
    /// How long it took.
    pub took: Duration,
}

/// What [`prune`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Files that have compressed variants.
    pub originals: usize,
    /// Files whose variants were removed.
    pub removed: usize,
    /// Files of unchanged content whose variants have their new time now.
    pub dated: usize,
}

/// Makes `tree` what it should be for the files of `sources`, in the order in which nginx asks them: the
/// first that has a path wins. What is known from before is not compressed again; when nothing changed,
/// nothing is written. One at a time for a tree. The directory that `tree` is to stand in must be there.
///
/// # Errors
/// [`PrecompressError`]: the tree cannot be trusted then and must be removed.
pub fn make(
    sources: &[Source],
    tree: &Utf8Path,
    limits: &Limits,
) -> Result<Made, PrecompressError> {
    let started = Instant::now();
    let mut scan = Scan::of(sources, limits)?;
    let tree = Tree::new(tree);
    let (index, whole) = tree.open()?;
    let changes = Changes::of(index, &mut scan, Some(&tree));
    let removed = changes.gone.len();
    let (compressed, index) = if whole && !changes.any() {
        (0, changes.index)
    } else {
        let work = Work::begin(&tree, changes, limits.smallest, started + limits.time)?;
        let (index, compressed) = work.finish(&mut scan.left_out)?;
        (compressed, tree.finish(index)?)
    };
    index.note_worthless(limits, &mut scan.left_out);
    Ok(Made {
        compressed,
        removed,
        left_out: scan.left_out,
        took: started.elapsed(),
        ..index.total()
    })
}

/// Removes variants whose original changed or is gone, and gives those whose original only got another
/// time that time; compresses nothing. For a start without a build, before nginx sees the tree.
///
/// # Errors
/// [`PrecompressError`]: the tree cannot be trusted then and must be removed.
pub fn prune(sources: &[Source], tree: &Utf8Path) -> Result<Pruned, PrecompressError> {
    let tree = Tree::new(tree);
    let (index, whole) = tree.open()?;
    if whole && index.originals.is_empty() {
        return Ok(Pruned::default());
    }
    let mut scan = Scan::of(sources, &Limits::default())?;
    let changes = Changes::of(index, &mut scan, None);
    let (removed, dated) = (changes.gone.len(), changes.dated.len());
    let index = if !whole || changes.any() {
        tree.begin(&changes.index)?;
        tree.remove_all(&changes.gone)?;
        let mut index = changes.index;
        tree.date(&mut index, &changes.dated)?;
        tree.finish(index)?
    } else {
        changes.index
    };
    Ok(Pruned { originals: index.total().originals, removed, dated })
}

/// Why there are no variants.
#[derive(Debug, thiserror::Error)]
pub enum PrecompressError {
    /// A source is nowhere on the site.
    #[error(
        "static files cannot be compressed at build: {at:?} is no path on the site that files could be at. \
         It must be / or names between slashes, none of them . or .."
    )]
    At {
        /// What it is said to be at.
        at: String,
    },
    /// The machine's limit on what is watched is reached.
    #[error(
        "changes of static files cannot be seen: this user has reached {limit}. Raise it (`sysctl`) and deploy again\nThey are served uncompressed, or compressed anew for each visitor, until then"
    )]
    Watch {
        /// Which limit.
        limit: &'static str,
    },
    /// The tree could not be written.
    #[error(
        "static files cannot be compressed at build: {0}\nThey are served uncompressed, or compressed anew for each visitor, until a build can"
    )]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests;
