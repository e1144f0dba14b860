//! A gear's home as a `.tar.gz`, with the names of a node's own snapshots: `./<uuid>/...`
//! (node-contract.md, Snapshot, restore). It is streamed; nothing of it is held in memory.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use camino::Utf8Path;
use cart_core::tree::{Entry, Step, Walk};
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::Stat;
use tar::{Builder, EntryType, Header};

use crate::layout::error::GearError;
use crate::scripts::progress::Interrupts;
use crate::snapshot::exclusions::Exclusions;
use crate::snapshot::unpack::LONGEST_HEAD;

/// Writes everything in `home` but what `exclusions` name, under the top directory `top`, to `out`.
/// Answers a remark for each file that could not be read, which is left out (or, when that happened
/// in its middle, filled up with zeros), as `tar --ignore-failed-read` does it. Sockets, pipes and
/// devices are left out.
///
/// # Errors
/// [`GearError`] when `out` takes no more, or somebody interrupts.
pub(super) fn write(
    out: impl Write,
    home: &Utf8Path,
    top: &str,
    exclusions: &Exclusions,
    interrupts: &Interrupts,
) -> Result<Vec<String>, GearError> {
    let builder = Builder::new(GzEncoder::new(out, Compression::default()));
    let mut archive = Archive { builder, linked: HashMap::new(), remarks: Vec::new(), interrupts };
    archive.add_all(home, top, exclusions)?;
    let remarks = archive.remarks;
    archive.builder.into_inner().and_then(GzEncoder::finish).map_err(unwritten)?;
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
    fn add_all(
        &mut self,
        home: &Utf8Path,
        top: &str,
        exclusions: &Exclusions,
    ) -> Result<(), GearError> {
        let prefix = format!("./{top}/").into_bytes();
        let opened = Walk::new(home).map_err(|error| error.to_string());
        let stat = rustix::fs::stat(home.as_std_path()).map_err(|error| error.to_string());
        let (mut walk, stat) = match opened.and_then(|walk| Ok((walk, stat?))) {
            Ok(found) => found,
            Err(error) => {
                self.remarks.push(format!("left out: {error}"));
                return Ok(());
            }
        };
        self.append(header(&stat, EntryType::Directory), &prefix, &[], io::empty())?;
        while let Some(step) = walk.next() {
            if self.interrupts.take() {
                return Err(interrupted());
            }
            match step {
                Err(error) => self.remarks.push(format!("left out: {error}")),
                Ok(Step::Left(_)) => {}
                Ok(Step::Entry(entry))
                    if exclusions.contain(entry.below().as_os_str().as_bytes()) =>
                {
                    walk.skip();
                }
                Ok(Step::Entry(entry)) => {
                    let name = [prefix.as_slice(), entry.below().as_os_str().as_bytes()].concat();
                    self.add(&entry, name)?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, entry: &Entry<'_>, mut name: Vec<u8>) -> Result<(), GearError> {
        let stat = match entry.stat() {
            Ok(stat) => stat,
            Err(error) => return self.pass_over(entry, &error),
        };
        if entry.is_dir() {
            name.push(b'/');
            self.append_named(entry, header(&stat, EntryType::Directory), &name, &[])
        } else if entry.is_symlink() {
            match entry.read_link() {
                Ok(target) => {
                    let header = header(&stat, EntryType::Symlink);
                    self.append_named(entry, header, &name, target.to_bytes())
                }
                Err(error) => self.pass_over(entry, &error),
            }
        } else if entry.is_file() {
            self.add_file(entry, &stat, name)
        } else {
            Ok(())
        }
    }

    fn add_file(&mut self, entry: &Entry<'_>, stat: &Stat, name: Vec<u8>) -> Result<(), GearError> {
        let identity = (stat.st_dev, stat.st_ino, part_of(entry.below()));
        if stat.st_nlink > 1
            && let Some(first) = self.linked.get(&identity).cloned()
        {
            return self.append_named(entry, header(stat, EntryType::Link), &name, &first);
        }
        let file = match entry.open() {
            Ok(file) if fits(&name, &[]) => file,
            Ok(_) => return self.pass_over(entry, &"its path is too long for a restore"),
            Err(error) => return self.pass_over(entry, &error),
        };
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let mut header = header(stat, EntryType::Regular);
        header.set_size(size);
        let mut whole = true;
        let content = Exactly { file, left: size, whole: &mut whole, interrupts: self.interrupts };
        self.append(header, &name, &[], content)?;
        if !whole {
            let path = entry.shown();
            self.remarks.push(format!("{path} became shorter or could not be read to its end"));
        }
        if stat.st_nlink > 1 {
            self.linked.insert(identity, name);
        }
        Ok(())
    }

    fn pass_over(&mut self, entry: &Entry<'_>, reason: &dyn Display) -> Result<(), GearError> {
        self.remarks.push(format!("left out: {}: {reason}", entry.shown()));
        Ok(())
    }

    /// What is nothing but a name, of a length that a restore takes.
    fn append_named(
        &mut self,
        entry: &Entry<'_>,
        header: Header,
        name: &[u8],
        link: &[u8],
    ) -> Result<(), GearError> {
        if !fits(name, link) {
            return self.pass_over(entry, &"its path is too long for a restore");
        }
        self.append(header, name, link, io::empty())
    }

    /// Names are written as they are: the library's own way would drop the `./` that a node's
    /// restore asks for.
    fn append(
        &mut self,
        mut header: Header,
        name: &[u8],
        link: &[u8],
        content: impl Read,
    ) -> Result<(), GearError> {
        self.append_long(EntryType::GNULongName, name)?;
        self.append_long(EntryType::GNULongLink, link)?;
        fill(&mut header.as_old_mut().name, name);
        fill(&mut header.as_old_mut().linkname, link);
        header.set_cksum();
        self.builder.append(&header, content).map_err(|error| {
            match error.get_ref().is_some_and(|inner| inner.is::<Stopped>()) {
                true => interrupted(),
                false => unwritten(error),
            }
        })
    }

    /// A name that has no room in a header stands in an entry before it.
    fn append_long(&mut self, kind: EntryType, name: &[u8]) -> Result<(), GearError> {
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
        self.builder.append(&header, content.as_slice()).map_err(unwritten)
    }
}

/// How many bytes of a name a header has room for.
const ROOM: usize = 100;

/// Whether a restore takes what has these names.
fn fits(name: &[u8], link: &[u8]) -> bool {
    // Each has a header, and is filled up to whole blocks.
    const AROUND: usize = 8 * 1024;
    name.len() + link.len() + AROUND <= LONGEST_HEAD
}

fn fill(field: &mut [u8; ROOM], name: &[u8]) {
    let length = name.len().min(ROOM);
    field[..length].copy_from_slice(&name[..length]);
}

fn header(stat: &Stat, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(stat.st_mode & 0o7777);
    header.set_uid(stat.st_uid.into());
    header.set_gid(stat.st_gid.into());
    // Before 1970 is no time that a header has.
    header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or_default());
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

fn unwritten(error: io::Error) -> GearError {
    GearError::failed(format!("the archive cannot be written: {error}"))
}

fn interrupted() -> GearError {
    GearError::interrupted("interrupted while the archive was being written")
}

#[cfg(test)]
mod tests;
