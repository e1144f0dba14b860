//! The tree on the disk. Everything that changes it is here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::tree::{self, Step, Walk};

use super::encoding::Encoding;
use super::index::{Index, Known};
use super::sources::content;

pub(super) const INDEX: &str = "index.json";
/// Where variants are written, and wait that are to be used again.
const TEMPORARY: &str = "tmp";

pub(super) struct Tree<'a> {
    root: &'a Utf8Path,
}

impl<'a> Tree<'a> {
    pub(super) fn new(root: &'a Utf8Path) -> Self {
        Self { root }
    }

    /// Where a variant is.
    pub(super) fn variant(&self, encoding: Encoding, path: &str) -> Utf8PathBuf {
        self.root.join(encoding.name()).join(path)
    }

    /// What is in the tree, and whether the index on the disk says just that. Nothing stands in it
    /// afterwards that is not in the index.
    pub(super) fn open(&self) -> Result<(Index, bool), FileError> {
        // One that cannot be read will be removed, or that fails with a better reason.
        let Some(mut index) = self.read_index() else {
            tree::remove(self.root)?;
            return Ok((Index::default(), true));
        };
        let finished = index.finished;
        if !finished {
            self.mend(&mut index)?;
        }
        Ok((index, finished))
    }

    /// What is in the tree, as far as can be told without changing it.
    pub(super) fn read_index(&self) -> Option<Index> {
        let text = files::read_if_exists(&self.root.join(INDEX)).ok().flatten();
        text.and_then(|text| Index::parse(&text))
    }

    /// Whether all variants of a file are there.
    pub(super) fn has_all(&self, path: &str, known: &Known) -> bool {
        known.variants.keys().all(|encoding| self.variant(*encoding, path).is_file())
    }

    /// Writes down that from now on only the `index` can be believed.
    pub(super) fn begin(&self, index: &Index) -> Result<(), FileError> {
        files::create_dir(self.root, 0o755)?;
        let mut unfinished = index.clone();
        unfinished.finished = false;
        self.write_index(&unfinished)?;
        files::create_dir(&self.root.join(TEMPORARY), 0o755)
    }

    /// Removes the variants of all these.
    pub(super) fn remove_all(&self, gone: &BTreeMap<String, Known>) -> Result<(), FileError> {
        for (path, known) in gone {
            for encoding in known.variants.keys() {
                let variant = self.variant(*encoding, path);
                files::remove_if_exists(&variant)?;
                self.remove_empty_above(&variant);
            }
        }
        Ok(())
    }

    /// Puts a variant aside, under a `name` by which it is kept until the end; answers where it is then.
    pub(super) fn put_aside(
        &self,
        encoding: Encoding,
        path: &str,
        name: &str,
    ) -> Result<Utf8PathBuf, FileError> {
        let variant = self.variant(encoding, path);
        let aside = self.root.join(TEMPORARY).join(format!("{name}.{}", encoding.name()));
        match fs::rename(&variant, &aside) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(FileError::new("move", &variant, e));
            }
            _ => self.remove_empty_above(&variant),
        }
        Ok(aside)
    }

    /// Gives the variants of these paths the times of their originals. A file that lacks one loses all.
    pub(super) fn date(
        &self,
        index: &mut Index,
        paths: &BTreeSet<String>,
    ) -> Result<(), FileError> {
        let mut lacking = BTreeMap::new();
        for path in paths {
            let Some(known) = index.originals.get(path) else {
                continue;
            };
            for encoding in known.variants.keys() {
                match set_time(&self.variant(*encoding, path), known.state.mtime) {
                    Err(e) if e.source.kind() == io::ErrorKind::NotFound => {
                        lacking.insert(path.clone(), known.clone());
                    }
                    other => other?,
                }
            }
        }
        index.originals.retain(|path, _| !lacking.contains_key(path));
        self.remove_all(&lacking)
    }

    /// Puts a variant in its place, at once. Several threads may do so for different paths.
    pub(super) fn place(
        &self,
        encoding: Encoding,
        path: &str,
        content: &[u8],
        mtime: i64,
    ) -> Result<(), FileError> {
        let variant = self.variant(encoding, path);
        self.make_above(&variant)?;
        let name = content::sha256(format!("{}/{path}", encoding.name()).as_bytes());
        let temporary = self.root.join(TEMPORARY).join(name);
        // The disk is waited for once, at the end.
        let written = files::write_unsynced(&temporary, content, 0o644);
        written.map_err(|error| FileError { path: variant.clone(), ..error })?;
        set_time(&temporary, mtime)?;
        fs::rename(&temporary, &variant).map_err(|e| FileError::new("write", &variant, e))
    }

    /// Writes down that the tree is what `index` says; without anything compressed there is no tree.
    pub(super) fn finish(&self, mut index: Index) -> Result<Index, FileError> {
        if !index.has_compressed() {
            tree::remove(self.root)?;
            return Ok(index);
        }
        tree::remove(&self.root.join(TEMPORARY))?;
        let root = File::open(self.root).map_err(|e| FileError::new("read", self.root, e))?;
        rustix::fs::syncfs(&root).map_err(|e| FileError::new("write", self.root, e.into()))?;
        index.finished = true;
        self.write_index(&index)?;
        Ok(index)
    }

    fn write_index(&self, index: &Index) -> Result<(), FileError> {
        files::write_atomic(&self.root.join(INDEX), &index.to_text(), 0o644)
    }

    /// Makes the tree what the index says, and the index what is there: work on it was cut short.
    fn mend(&self, index: &mut Index) -> Result<(), FileError> {
        for path in files::list(self.root)? {
            let name = path.file_name().unwrap_or_default();
            if name != INDEX && Encoding::ALL.iter().all(|encoding| encoding.name() != name) {
                tree::remove(&path)?;
            }
        }
        let mut seen = BTreeSet::new();
        for encoding in Encoding::ALL {
            let directory = self.root.join(encoding.name());
            match fs::symlink_metadata(&directory) {
                Ok(metadata) if metadata.is_dir() => {
                    self.mend_variants(encoding, index, &mut seen)?;
                }
                _ => tree::remove(&directory)?,
            }
        }
        let lacks = |path: &String, known: &Known| {
            !known.variants.keys().all(|encoding| seen.contains(&(*encoding, path.clone())))
        };
        let originals = std::mem::take(&mut index.originals).into_iter();
        let (lacking, whole) = originals.partition(|(path, known)| lacks(path, known));
        index.originals = whole;
        self.remove_all(&lacking)
    }

    fn mend_variants(
        &self,
        encoding: Encoding,
        index: &Index,
        seen: &mut BTreeSet<(Encoding, String)>,
    ) -> Result<(), FileError> {
        let directory = self.root.join(encoding.name());
        let mut walk = Walk::new(&directory)?;
        while let Some(step) = walk.next() {
            let entry = match step? {
                Step::Entry(entry) if entry.is_dir() => continue,
                Step::Entry(entry) => entry,
                Step::Left(entry) => {
                    // One that is not empty stays.
                    let flags = rustix::fs::AtFlags::REMOVEDIR;
                    let _ = rustix::fs::unlinkat(entry.directory(), entry.name(), flags);
                    continue;
                }
            };
            let known = entry.below().to_str().and_then(|path| {
                let known = index.originals.get(path)?;
                Some((path, known, *known.variants.get(&encoding)?))
            });
            let metadata = entry.is_file().then(|| entry.open().and_then(|file| file.metadata()));
            match (known, metadata) {
                (Some((path, known, size)), Some(Ok(metadata))) if metadata.len() == size => {
                    if content::mtime(&metadata) != known.state.mtime {
                        set_time(&self.variant(encoding, path), known.state.mtime)?;
                    }
                    seen.insert((encoding, path.to_owned()));
                }
                _ => tree::remove_at(entry.directory(), entry.name())
                    .map_err(|e| entry.failed("remove", e))?,
            }
        }
        // It stays if anything is in it.
        let _ = fs::remove_dir(&directory);
        Ok(())
    }

    /// The directories that a variant is in, whatever the umask.
    fn make_above(&self, variant: &Utf8Path) -> Result<(), FileError> {
        let missing: Vec<&Utf8Path> =
            self.above(variant).take_while(|directory| !directory.is_dir()).collect();
        missing.iter().rev().try_for_each(|directory| files::create_dir(directory, 0o755))
    }

    fn remove_empty_above(&self, variant: &Utf8Path) {
        for directory in self.above(variant) {
            if fs::remove_dir(directory).is_err() {
                return;
            }
        }
    }

    /// The directories between the root and a variant, the innermost first.
    fn above<'v>(&self, variant: &'v Utf8Path) -> impl Iterator<Item = &'v Utf8Path> {
        variant.ancestors().skip(1).take_while(|directory| *directory != self.root)
    }
}

fn set_time(path: &Utf8Path, mtime: i64) -> Result<(), FileError> {
    let set = File::open(path).and_then(|file| file.set_modified(content::time(mtime)));
    set.map_err(|e| FileError::new("set the time of", path, e))
}

/// Reads something that should be of this size.
pub(super) fn read_of_size(path: &Utf8Path, size: u64) -> Option<Vec<u8>> {
    let metadata = fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || metadata.size() != size {
        return None;
    }
    fs::read(path).ok().filter(|content| content.len() as u64 == size)
}
