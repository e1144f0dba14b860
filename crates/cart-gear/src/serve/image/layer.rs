//! A layer of an image: files below names in it, as a compressed archive that is the same whenever the files
//! are.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use walkdir::{DirEntry, WalkDir};

use super::facts::{PROGRAMS, USER};

/// The time of what has none of its own, in seconds since 1970: 1980, which even a `.zip` can express.
const BEGINNING: u64 = 315_532_800;
/// Times of files are in the so many seconds after that: seventeen years, all of them gone by.
const SPAN: u32 = 1 << 29;

/// A part of a layer: a file or a directory, and its absolute name in the image.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where it is now.
    pub from: Utf8PathBuf,
    /// Its name in the image.
    pub to: Utf8PathBuf,
    /// What is left out, as paths below it.
    pub without: Vec<Utf8PathBuf>,
}

impl Part {
    /// All of what is at `from`, as `to`.
    #[must_use]
    pub fn whole(from: &Utf8Path, to: impl Into<Utf8PathBuf>) -> Self {
        Self { from: from.to_owned(), to: to.into(), without: Vec::new() }
    }
}

/// A layer that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Layer {
    /// `sha256:` and the digest of the compressed archive.
    pub(super) digest: String,
    /// The same of the archive itself.
    pub(super) diff_id: String,
    /// Bytes of the compressed archive.
    pub(super) size: u64,
}

/// Writes the parts, in their order, into the file `path`.
///
/// # Errors
/// [`FileError`] naming the part that could not be read, or the file.
pub(super) fn write(parts: &[Part], path: &Utf8Path) -> Result<Layer, FileError> {
    let failed = |source| FileError::new("write", path, source);
    let file = File::create(path).map_err(failed)?;
    let compressed = GzEncoder::new(Counted::new(file), Compression::default());
    let mut archive = Builder::new(Counted::new(compressed));
    let mut made: Vec<Utf8PathBuf> = Vec::new();
    for part in parts {
        let above: Vec<&Utf8Path> = part.to.ancestors().skip(1).collect();
        for directory in above.into_iter().rev().filter(|d| d.parent().is_some()) {
            if !made.iter().any(|known| known == directory) {
                let mut header = header(EntryType::Directory, 0o755, BEGINNING, (0, 0));
                append(&mut archive, &mut header, directory.as_std_path(), io::empty())
                    .map_err(failed)?;
                made.push(directory.to_owned());
            }
        }
        add(&mut archive, part).map_err(|source| FileError::new("pack", &part.from, source))?;
    }
    let Counted { sum, inner, .. } = archive.into_inner().map_err(failed)?;
    let compressed = inner.finish().map_err(failed)?;
    compressed.inner.sync_all().map_err(failed)?;
    Ok(Layer { digest: named(compressed.sum), diff_id: named(sum), size: compressed.bytes })
}

/// Modes are those that count, whatever the umask was where the files were made.
fn add<W: Write>(archive: &mut Builder<W>, part: &Part) -> io::Result<()> {
    is_tree(&part.from)?;
    // What runs all apps is nobody's to change.
    let is_program = part.to.starts_with(PROGRAMS);
    let (owner, writable) = if is_program { ((0, 0), 0o755) } else { (USER, 0o775) };
    let walk = WalkDir::new(&part.from).follow_root_links(false).sort_by_file_name().into_iter();
    let is_wanted = |entry: &DirEntry| {
        let below = entry.path().strip_prefix(&part.from);
        entry.depth() == 0
            || below.is_ok_and(|below| !part.without.iter().any(|path| path == below))
    };
    for entry in walk.filter_entry(is_wanted) {
        let entry = entry.map_err(io::Error::from)?;
        let below = entry.path().strip_prefix(&part.from).map_err(io::Error::other)?;
        let name = match below.as_os_str().is_empty() {
            true => part.to.as_std_path().to_owned(),
            false => part.to.as_std_path().join(below),
        };
        let metadata = entry.path().symlink_metadata()?;
        if metadata.is_symlink() {
            let mut header = header(EntryType::Symlink, 0o777, BEGINNING, owner);
            archive.append_link(&mut header, inside(&name), entry.path().read_link()?)?;
        } else if metadata.is_dir() {
            let mut header = header(EntryType::Directory, writable, BEGINNING, owner);
            append(archive, &mut header, &name, io::empty())?;
        } else if metadata.is_file() {
            let runs = metadata.permissions().mode() & 0o100 != 0;
            let mode = if runs { writable } else { writable & 0o666 };
            let time = time_of(&mut File::open(entry.path())?)?;
            let mut header = header(EntryType::Regular, mode, time, owner);
            header.set_size(metadata.len());
            append(archive, &mut header, &name, File::open(entry.path())?.take(metadata.len()))?;
        }
    }
    Ok(())
}

/// Whether it is a directory, and else a file: a link would lead out of what was built.
///
/// # Errors
/// What the system said, or that it is neither.
pub(super) fn is_tree(path: &Utf8Path) -> io::Result<bool> {
    let kind = path.symlink_metadata()?.file_type();
    match kind.is_dir() || kind.is_file() {
        true => Ok(kind.is_dir()),
        false => Err(io::Error::other("it is neither a directory nor a plain file")),
    }
}

/// A time that is another one when the content is another: web servers, and those who have a file from one, tell
/// by time and size whether it is still the same. A time that all files share would let them keep old ones.
fn time_of(file: &mut File) -> io::Result<u64> {
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => sum.update(&buffer[..read]),
        }
    }
    let digest = sum.finalize();
    let number = digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    Ok(BEGINNING + u64::from(number % SPAN))
}

fn header(kind: EntryType, mode: u32, time: u64, (user, group): (u64, u64)) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(user);
    header.set_gid(group);
    header.set_mtime(time);
    header.set_size(0);
    header
}

fn append<W: Write>(
    archive: &mut Builder<W>,
    header: &mut Header,
    name: &Path,
    content: impl Read,
) -> io::Result<()> {
    archive.append_data(header, inside(name), content)
}

/// Names in an archive begin at its root.
fn inside(name: &Path) -> &Path {
    name.strip_prefix("/").unwrap_or(name)
}

/// `sha256:` and the digest.
pub(super) fn named(sum: Sha256) -> String {
    let digest: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digest}")
}

/// Counts and digests what goes through.
struct Counted<W> {
    inner: W,
    sum: Sha256,
    bytes: u64,
}

impl<W> Counted<W> {
    fn new(inner: W) -> Self {
        Self { inner, sum: Sha256::new(), bytes: 0 }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.sum.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::files;

    fn tree(dir: &Utf8Path) -> Utf8PathBuf {
        let app = dir.join("app");
        std::fs::create_dir_all(app.join("static")).unwrap();
        files::write_atomic(&app.join("static/a.css"), b"a{}", 0o644).unwrap();
        files::write_atomic(&app.join("run"), b"#!/bin/sh\n", 0o750).unwrap();
        std::os::unix::fs::symlink("run", app.join("link")).unwrap();
        app
    }

    fn entries(path: &Utf8Path) -> Vec<(String, u32, u64)> {
        let file = flate2::read::GzDecoder::new(File::open(path).unwrap());
        let mut archive = tar::Archive::new(file);
        let entries = archive.entries().unwrap().map(Result::unwrap);
        let told = entries.map(|entry| {
            let (header, path) = (entry.header(), entry.path().unwrap().display().to_string());
            (path, header.mode().unwrap(), header.mtime().unwrap())
        });
        told.collect()
    }

    #[test]
    fn the_same_files_are_the_same_layer_whenever_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let part = [Part::whole(&tree(dir), "/opt/app/repo")];
        let first = write(&part, &dir.join("1")).unwrap();
        let file = File::open(dir.join("app/static/a.css")).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(write(&part, &dir.join("2")).unwrap(), first);
        assert_eq!(first.size, dir.join("1").metadata().unwrap().len());
        let names: Vec<_> = entries(&dir.join("1")).into_iter().map(|it| (it.0, it.1)).collect();
        assert_eq!(
            names,
            [
                ("opt", 0o755),
                ("opt/app", 0o755),
                ("opt/app/repo", 0o775),
                ("opt/app/repo/link", 0o777),
                ("opt/app/repo/run", 0o775),
                ("opt/app/repo/static", 0o775),
                ("opt/app/repo/static/a.css", 0o664),
            ]
            .map(|(name, mode)| (name.to_owned(), mode))
        );
    }

    #[test]
    fn a_umask_changes_nothing_and_programs_are_roots() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let app = tree(dir);
        let app_part = [Part::whole(&app, "/opt/app/repo")];
        let first = write(&app_part, &dir.join("1")).unwrap();
        for (name, mode) in [("static", 0o2700), ("static/a.css", 0o600), ("run", 0o4755)] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(app.join(name), mode).unwrap();
        }
        assert_eq!(write(&app_part, &dir.join("2")).unwrap(), first);
        let program = [Part::whole(&app, format!("{PROGRAMS}/cartridge"))];
        write(&program, &dir.join("3")).unwrap();
        let modes: Vec<_> = entries(&dir.join("3")).into_iter().map(|it| it.1).collect();
        assert_eq!(modes, [0o755, 0o755, 0o755, 0o777, 0o755, 0o755, 0o644]);
        let file = flate2::read::GzDecoder::new(File::open(dir.join("3")).unwrap());
        for entry in tar::Archive::new(file).entries().unwrap() {
            let header = entry.unwrap().header().clone();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        }
    }

    #[test]
    fn a_part_that_is_a_link_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        std::os::unix::fs::symlink(tree(dir), dir.join("elsewhere")).unwrap();
        let part = [Part::whole(&dir.join("elsewhere"), "/opt/app/repo")];
        let error = write(&part, &dir.join("1")).unwrap_err();
        assert!(error.to_string().contains("neither a directory nor"), "{error}");
        assert!(is_tree(&dir.join("app")).unwrap() && !is_tree(&dir.join("app/run")).unwrap());
    }

    #[test]
    fn what_is_left_out_is_not_there_nor_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let app = tree(dir);
        let names = |without: &[&str]| -> Vec<String> {
            let without = without.iter().map(Utf8PathBuf::from).collect();
            let part = Part { without, ..Part::whole(&app, "/repo") };
            write(&[part], &dir.join("1")).unwrap();
            entries(&dir.join("1")).into_iter().map(|it| it.0).collect()
        };
        assert_eq!(names(&["static/a.css"]), ["repo", "repo/link", "repo/run", "repo/static"]);
        assert_eq!(names(&["static", "sta", "../app", ""]), ["repo", "repo/link", "repo/run"]);
    }

    #[test]
    fn another_content_of_the_same_length_has_another_time() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let part = [Part::whole(&tree(dir), "/repo")];
        let time = |name: &str| entries(&dir.join(name)).pop().unwrap().2;
        let first = write(&part, &dir.join("1")).unwrap();
        files::write_atomic(&dir.join("app/static/a.css"), b"b{}", 0o644).unwrap();
        assert_ne!(write(&part, &dir.join("2")).unwrap(), first);
        assert_ne!(time("1"), time("2"));
        assert!(time("2") > BEGINNING);
    }
}
