//! A gear's home as a `.tar.gz`, with the names of a node's own snapshots: `./<uuid>/...`
//! (node-contract.md, Snapshot, restore). It is streamed; nothing of it is held in memory.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use camino::Utf8Path;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use walkdir::WalkDir;

use crate::exclusions::Exclusions;
use crate::progress::Interrupts;

/// Writes everything in `home` but what `exclusions` name, under the top directory `top`, to `out`.
/// Answers a remark for each file that could not be read, which is left out (or, when that happened
/// in its middle, filled up with zeros), as `tar --ignore-failed-read` does it. Sockets, pipes and
/// devices are left out.
///
/// # Errors
/// [`ArchiveError`] when `out` takes no more, or somebody interrupts.
pub fn write(
    out: impl Write,
    home: &Utf8Path,
    top: &str,
    exclusions: &Exclusions,
    interrupts: &Interrupts,
) -> Result<Vec<String>, ArchiveError> {
    let builder = Builder::new(GzEncoder::new(out, Compression::default()));
    let mut archive = Archive { builder, linked: HashMap::new(), remarks: Vec::new(), interrupts };
    let root = home.as_std_path();
    let mut entries = WalkDir::new(root).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                archive.remarks.push(format!("left out: {error}"));
                continue;
            }
        };
        if interrupts.take() {
            return Err(ArchiveError::Interrupted);
        }
        let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
        if entry.depth() > 0 && exclusions.contain(below.as_os_str().as_bytes()) {
            if entry.file_type().is_dir() {
                entries.skip_current_dir();
            }
            continue;
        }
        archive.add(entry.path(), below, top)?;
    }
    let remarks = archive.remarks;
    archive.builder.into_inner().and_then(GzEncoder::finish).map_err(ArchiveError::Write)?;
    Ok(remarks)
}

struct Archive<'a, W: Write> {
    builder: Builder<GzEncoder<W>>,
    /// Names of files that have more than one, by device, inode and part of the home.
    linked: HashMap<(u64, u64, Vec<u8>), Vec<u8>>,
    remarks: Vec<String>,
    interrupts: &'a Interrupts,
}

impl<W: Write> Archive<'_, W> {
    fn add(&mut self, path: &Path, below: &Path, top: &str) -> Result<(), ArchiveError> {
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) => return self.pass_over(path, &error),
        };
        let mut name = format!("./{top}/").into_bytes();
        name.extend_from_slice(below.as_os_str().as_bytes());
        let kind = metadata.file_type();
        if kind.is_dir() {
            if name.last() != Some(&b'/') {
                name.push(b'/');
            }
            self.append(header(&metadata, EntryType::Directory), &name, &[], io::empty())
        } else if kind.is_symlink() {
            match std::fs::read_link(path) {
                Ok(target) => {
                    let header = header(&metadata, EntryType::Symlink);
                    self.append(header, &name, target.as_os_str().as_bytes(), io::empty())
                }
                Err(error) => self.pass_over(path, &error),
            }
        } else if kind.is_file() {
            self.add_file(path, below, &metadata, name)
        } else {
            Ok(())
        }
    }

    fn add_file(
        &mut self,
        path: &Path,
        below: &Path,
        metadata: &Metadata,
        name: Vec<u8>,
    ) -> Result<(), ArchiveError> {
        let identity = (metadata.dev(), metadata.ino(), part_of(below));
        if metadata.nlink() > 1
            && let Some(first) = self.linked.get(&identity).cloned()
        {
            return self.append(header(metadata, EntryType::Link), &name, &first, io::empty());
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => return self.pass_over(path, &error),
        };
        let mut header = header(metadata, EntryType::Regular);
        header.set_size(metadata.len());
        let mut whole = true;
        let content =
            Exactly { file, left: metadata.len(), whole: &mut whole, interrupts: self.interrupts };
        self.append(header, &name, &[], content)?;
        if !whole {
            let path = path.display();
            self.remarks.push(format!("{path} became shorter or could not be read to its end"));
        }
        if metadata.nlink() > 1 {
            self.linked.insert(identity, name);
        }
        Ok(())
    }

    fn pass_over(&mut self, path: &Path, error: &io::Error) -> Result<(), ArchiveError> {
        self.remarks.push(format!("left out: {}: {error}", path.display()));
        Ok(())
    }

    /// Names are written as they are: the library's own way would drop the `./` that a node's
    /// restore asks for.
    fn append(
        &mut self,
        mut header: Header,
        name: &[u8],
        link: &[u8],
        content: impl Read,
    ) -> Result<(), ArchiveError> {
        self.append_long(EntryType::GNULongName, name)?;
        self.append_long(EntryType::GNULongLink, link)?;
        fill(&mut header.as_old_mut().name, name);
        fill(&mut header.as_old_mut().linkname, link);
        header.set_cksum();
        self.builder.append(&header, content).map_err(|error| {
            match error.get_ref().is_some_and(|inner| inner.is::<Stopped>()) {
                true => ArchiveError::Interrupted,
                false => ArchiveError::Write(error),
            }
        })
    }

    /// A name that has no room in a header stands in an entry before it.
    fn append_long(&mut self, kind: EntryType, name: &[u8]) -> Result<(), ArchiveError> {
        if name.len() <= ROOM {
            return Ok(());
        }
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        fill(&mut header.as_old_mut().name, b"././@LongLink");
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let content = [name, b"\0"].concat();
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.builder.append(&header, content.as_slice()).map_err(ArchiveError::Write)
    }
}

/// How many bytes of a name a header has room for.
const ROOM: usize = 100;

fn fill(field: &mut [u8; ROOM], name: &[u8]) {
    let length = name.len().min(ROOM);
    field[..length].copy_from_slice(&name[..length]);
}

fn header(metadata: &Metadata, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(metadata.uid().into());
    header.set_gid(metadata.gid().into());
    // Before 1970 is no time that a header has.
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or_default());
    header.set_size(0);
    header
}

/// What a restore takes or leaves as a whole: a link between two such parts would lead nowhere
/// there, so the file is in each of them.
fn part_of(below: &Path) -> Vec<u8> {
    let mut components = below.components().map(|c| c.as_os_str().as_bytes());
    let first = components.next().unwrap_or_default();
    match first {
        b"app-root" => [first, components.next().unwrap_or_default()].join(&b'/'),
        _ => first.to_vec(),
    }
}

/// As many bytes of a file as its header says, whatever becomes of it meanwhile.
struct Exactly<'a> {
    file: File,
    left: u64,
    whole: &'a mut bool,
    interrupts: &'a Interrupts,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupts.take() {
            return Err(io::Error::other(Stopped));
        }
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = match self.file.read(&mut buffer[..wanted]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Ok(0) | Err(_) => {
                *self.whole = false;
                buffer[..wanted].fill(0);
                wanted
            }
            Ok(count) => count,
        };
        self.left -= read as u64;
        Ok(read)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Stopped;

/// An archive that is not whole.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// What it is written to takes no more.
    #[error("the archive cannot be written: {0}")]
    Write(#[source] io::Error),
    /// Somebody asked for an end.
    #[error("interrupted while the archive was being written")]
    Interrupted,
}

#[cfg(test)]
mod tests;
