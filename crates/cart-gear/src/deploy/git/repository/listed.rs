//! What a commit lists and a push does not bring along.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use camino::Utf8Path;

use super::{Commit, Repository};
use crate::deploy::git::program;
use crate::layout::error::GearError;

impl Repository {
    /// The paths of a commit's submodules, of which a push carries nothing but the name.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn submodules(&self, commit: &Commit) -> Result<Vec<String>, GearError> {
        let listed = self.listed(commit)?;
        let submodules = listed.iter().filter(|entry| entry.mode == "160000");
        Ok(submodules.map(|entry| entry.path.to_string_lossy().into_owned()).collect())
    }

    /// The paths of the files of a commit, which were put into `code`, that are pointers of Git LFS:
    /// their content is not in the repository.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn lfs_pointers(&self, commit: &Commit, code: &Utf8Path) -> Result<Vec<String>, GearError> {
        let is_pointer = |entry: &&Entry| {
            let is_small = entry.size.is_some_and(|size| LFS_POINTER.contains(&size));
            is_small
                && entry.mode.starts_with("100")
                && begins_as_pointer(&code.as_std_path().join(&entry.path))
        };
        let listed = self.listed(commit)?;
        let pointers = listed.iter().filter(is_pointer);
        Ok(pointers.map(|entry| entry.path.to_string_lossy().into_owned()).collect())
    }

    fn listed(&self, commit: &Commit) -> Result<Vec<Entry>, GearError> {
        let listed = program::bytes(&self.on(&["ls-tree", "-r", "-l", "-z", &commit.sha]))?;
        Ok(listed.split(|byte| *byte == 0).filter_map(Entry::parse).collect())
    }
}

/// An entry of `git ls-tree -r -l -z`.
struct Entry {
    mode: String,
    /// In bytes; only files have one.
    size: Option<u64>,
    path: PathBuf,
}

impl Entry {
    fn parse(line: &[u8]) -> Option<Self> {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let about = std::str::from_utf8(&line[..tab]).ok()?;
        let mut words = about.split_ascii_whitespace();
        Some(Self {
            mode: words.next()?.to_owned(),
            size: words.last()?.parse().ok(),
            path: OsStr::from_bytes(&line[tab + 1..]).into(),
        })
    }
}

/// The sizes that pointers of Git LFS have: it takes none of 1024 bytes or more for one.
const LFS_POINTER: Range<u64> = 100..1024;

fn begins_as_pointer(file: &Path) -> bool {
    let first = b"version https://git-lfs.github.com/spec/";
    let mut begin = vec![0; first.len()];
    // What .gitattributes leaves out is not there.
    File::open(file).and_then(|mut file| file.read_exact(&mut begin)).is_ok() && begin == first
}
