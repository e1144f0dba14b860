//! What is taken out of a snapshot, laid out in a directory beside the place where it is to be: read to
//! its very end, and refused as a whole when anything about it is wrong. Nothing is ever written
//! through a link.

mod laid;
mod room;

use std::fs::File;
use std::io::{self, Read, Write};

use camino::Utf8Path;
use flate2::read::MultiGzDecoder;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use tar::{Entry, EntryType};

use crate::layout::error::GearError;
use crate::scripts::progress::Interrupts;
use crate::snapshot::names::{self, Selection};
use crate::snapshot::transforms::Names;
use laid::Laid;
use room::{Metered, Room};

/// How many bytes of an archive may tell of one entry what it is: names, links, attributes and where a
/// sparse file has holes. All of it is held in memory.
pub(super) const LONGEST_HEAD: usize = 2 * 1024 * 1024;
/// So many remarks are made of what is left out.
const MOST_REMARKS: usize = 100;

/// Lays out what is selected of the archive `from` in the empty directory `staging`, with the
/// names that it has in a gear's home. Answers remarks about what was left out. It takes at most three
/// quarters of what is free on the disk, of bytes and of files: what runs needs some, too.
///
/// # Errors
/// [`GearError`]; what is in `staging` is of no use then.
pub(super) fn unpack(
    from: impl Read,
    staging: &Utf8Path,
    selection: &Selection<'_>,
    interrupts: &Interrupts,
) -> Result<Vec<String>, GearError> {
    let room = Room::share_of(staging)?;
    unpack_within(room, from, staging, selection, interrupts)
}

fn unpack_within(
    room: Room,
    from: impl Read,
    staging: &Utf8Path,
    selection: &Selection<'_>,
    interrupts: &Interrupts,
) -> Result<Vec<String>, GearError> {
    let (metered, allowance) = Metered::new(MultiGzDecoder::new(from));
    let mut archive = tar::Archive::new(metered);
    let mut unpacking = Unpacking {
        laid: Laid::in_directory(staging)?,
        room,
        selection,
        interrupts,
        top: None,
        last: None,
        remarks: Vec::new(),
        more_remarks: 0,
    };
    let mut entries = archive.entries().map_err(unreadable)?;
    loop {
        if interrupts.take() {
            return Err(interrupted());
        }
        allowance.set(Some(LONGEST_HEAD as u64));
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| unpacking.unreadable(error))?;
        allowance.set(None);
        unpacking.take(&mut entry)?;
        // What is not taken is read all the same, because the library would do it with the next head.
        copy(&mut entry, &mut io::sink(), interrupts, unreadable)?;
    }
    allowance.set(None);
    // The checksum comes after what an archive says is its end.
    copy(&mut archive.into_inner(), &mut io::sink(), interrupts, unreadable)?;
    unpacking.laid.finish()?;
    if !staging.join("app-root/data").is_dir() {
        return Err(no_snapshot("it has no */app-root/data"));
    }
    Ok(unpacking.into_remarks())
}

struct Unpacking<'a> {
    laid: Laid,
    room: Room,
    selection: &'a Selection<'a>,
    interrupts: &'a Interrupts,
    /// The one top directory.
    top: Option<Vec<u8>>,
    /// The name of the last entry.
    last: Option<String>,
    remarks: Vec<String>,
    more_remarks: usize,
}

impl Unpacking<'_> {
    fn take(&mut self, entry: &mut Entry<'_, impl Read>) -> Result<(), GearError> {
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(());
        }
        let name = entry.path_bytes().into_owned();
        self.last = Some(shown(&name));
        let components = names::components(&name)?;
        if matches!(kind, EntryType::Block | EntryType::Char) {
            return Err(GearError::failed(format!("it holds a device, {}", shown(&name))));
        }
        let Some((top, _)) = components.split_first() else {
            return Ok(());
        };
        match &self.top {
            Some(known) if known != top => {
                let wrong = format!("{} and {} lie side by side", shown(known), shown(top));
                return Err(no_snapshot(&wrong));
            }
            Some(_) => {}
            None => self.top = Some(top.to_vec()),
        }
        let Some(location) = self.selection.place(&components, Names::Entry)? else {
            return Ok(());
        };
        if location.must_be_directory && kind != EntryType::Directory {
            return Err(no_snapshot(&format!("{} is no directory", shown(&name))));
        }
        let Some((own, above)) = location.components.split_last() else {
            return Ok(());
        };
        self.go(above, &name)?;
        match kind {
            EntryType::Directory => self.take_directory(entry, own, &name),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.take_file(entry, own, &name)
            }
            EntryType::Symlink => self.take_symlink(entry, own, &name),
            EntryType::Link => self.take_hard_link(entry, &location.components, &name),
            EntryType::Fifo => {
                self.remark(format!("left out, because it is a pipe: {}", shown(&name)));
                Ok(())
            }
            _ => Err(of_no_kind(&name)),
        }
    }

    /// Goes to a directory, which is made with those above it.
    fn go(&mut self, directory: &[Vec<u8>], name: &[u8]) -> Result<(), GearError> {
        let room = &mut self.room;
        if self.laid.go(directory, |_| room.take_directory(name))? {
            return Ok(());
        }
        Err(GearError::failed(format!("{} would be written through a link", shown(name))))
    }

    fn take_directory(
        &mut self,
        entry: &Entry<'_, impl Read>,
        own: &[u8],
        name: &[u8],
    ) -> Result<(), GearError> {
        let (mode, time) = (mode(entry)?, time(entry)?);
        let room = &mut self.room;
        if !self.laid.enter(own, || room.take_directory(name))? {
            return Err(twice(name));
        }
        self.laid.will_have(mode, time);
        Ok(())
    }

    fn take_file(
        &mut self,
        entry: &mut Entry<'_, impl Read>,
        own: &[u8],
        name: &[u8],
    ) -> Result<(), GearError> {
        let (mode, time) = (mode(entry)?, time(entry)?);
        self.room.take_file(name, entry.size())?;
        self.make_way(own, name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file: File =
            rustix::fs::openat(self.laid.directory(), own, flags, Mode::RUSR | Mode::WUSR)
                .map_err(|e| self.laid.failed(own, e.into()))?
                .into();
        let written = |e| GearError::from(self.laid.failed(own, e));
        copy(entry, &mut file, self.interrupts, written)?;
        rustix::fs::fchmod(&file, mode)
            .and_then(|()| rustix::fs::futimens(&file, &laid::both(time)))
            .map_err(|e| written(e.into()))
    }

    /// A link may point anywhere, as a Python environment's to `/usr/bin/python3` does; nothing is
    /// ever written through it.
    fn take_symlink(
        &mut self,
        entry: &Entry<'_, impl Read>,
        own: &[u8],
        name: &[u8],
    ) -> Result<(), GearError> {
        let link = entry.link_name_bytes().ok_or_else(|| of_no_kind(name))?;
        let content = self.selection.symbolic_link(&link);
        self.room.take_file(name, content.len() as u64)?;
        self.make_way(own, name)?;
        rustix::fs::symlinkat(content.as_slice(), self.laid.directory(), own)
            .map_err(|e| self.laid.failed(own, e.into()).into())
    }

    fn take_hard_link(
        &mut self,
        entry: &Entry<'_, impl Read>,
        target: &[Vec<u8>],
        name: &[u8],
    ) -> Result<(), GearError> {
        let leads_out = || {
            GearError::failed(format!(
                "{} is a hard link to something outside of what is taken",
                shown(name)
            ))
        };
        let link = entry.link_name_bytes().ok_or_else(leads_out)?;
        let components = names::components(&link).map_err(|_| leads_out())?;
        if components.first().copied() != self.top.as_deref() {
            return Err(leads_out());
        }
        let original = self.selection.place(&components, Names::HardLink)?.ok_or_else(leads_out)?;
        if original.components == target {
            return Ok(());
        }
        let (Some((its, beside)), Some((own, above))) =
            (original.components.split_last(), target.split_last())
        else {
            return Err(leads_out());
        };
        if !self.laid.go(beside, |_| Err(leads_out()))? {
            return Err(leads_out());
        }
        let from = self.laid.directory().try_clone_to_owned();
        let from = from.map_err(|e| self.laid.failed(its, e))?;
        let kind = rustix::fs::statat(&from, its.as_slice(), AtFlags::SYMLINK_NOFOLLOW)
            .map(|stat| FileType::from_raw_mode(stat.st_mode));
        if !matches!(kind, Ok(FileType::RegularFile | FileType::Symlink)) {
            return Err(leads_out());
        }
        self.go(above, name)?;
        self.room.take_name(name)?;
        self.make_way(own, name)?;
        let to = self.laid.directory();
        rustix::fs::linkat(from, its.as_slice(), to, own.as_slice(), AtFlags::empty())
            .map_err(|e| self.laid.failed(own, e.into()).into())
    }

    /// The last of several entries of one name counts, as for `tar`.
    fn make_way(&self, own: &[u8], name: &[u8]) -> Result<(), GearError> {
        match rustix::fs::unlinkat(self.laid.directory(), own, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR) => Err(twice(name)),
            Err(error) => Err(self.laid.failed(own, error.into()).into()),
        }
    }

    fn unreadable(&self, error: io::Error) -> GearError {
        if !error.get_ref().is_some_and(|inner| inner.is::<room::Spent>()) {
            return unreadable(error);
        }
        let place = match &self.last {
            Some(last) => format!("behind {last}"),
            None => "at its beginning".to_owned(),
        };
        GearError::failed(format!(
            "the entry {place} has more than {} KiB of names and attributes, which no gear has",
            LONGEST_HEAD / 1024
        ))
    }

    /// An archive may hold any number of what is left out.
    fn remark(&mut self, remark: String) {
        if self.remarks.len() < MOST_REMARKS {
            self.remarks.push(remark);
        } else {
            self.more_remarks += 1;
        }
    }

    fn into_remarks(mut self) -> Vec<String> {
        if self.more_remarks > 0 {
            self.remarks.push(format!("left out in the same way: {} more", self.more_remarks));
        }
        self.remarks
    }
}

/// Tells a broken archive from a full disk, which is what `failed` is about.
fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    interrupts: &Interrupts,
    failed: impl Fn(io::Error) -> GearError,
) -> Result<(), GearError> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if interrupts.take() {
            return Err(interrupted());
        }
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count]).map_err(&failed)?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(unreadable(e)),
        }
    }
}

/// Without the bits that lend somebody's rights.
fn mode(entry: &Entry<'_, impl Read>) -> Result<Mode, GearError> {
    let mode = entry.header().mode().map_err(unreadable)?;
    Ok(Mode::from_raw_mode(mode & 0o777))
}

/// Seconds since 1970.
fn time(entry: &Entry<'_, impl Read>) -> Result<i64, GearError> {
    let seconds = entry.header().mtime().map_err(unreadable)?;
    // Times that no file can have.
    Ok(i64::try_from(seconds).unwrap_or(i64::MAX).min(i64::from(i32::MAX) * 100))
}

/// A name for people: an archive may hold endless ones.
fn shown(name: &[u8]) -> String {
    const ENOUGH: usize = 512;
    match name.get(..ENOUGH) {
        Some(head) if name.len() > ENOUGH => format!("{}[...]", String::from_utf8_lossy(head)),
        _ => String::from_utf8_lossy(name).into_owned(),
    }
}

/// It is damaged or something else.
fn unreadable(error: io::Error) -> GearError {
    GearError::failed(format!("it is no .tar.gz that can be read to its end: {error}"))
}

/// It is an archive, but not of a gear.
pub(super) fn no_snapshot(wrong: &str) -> GearError {
    GearError::failed(format!("it is no snapshot of a gear: {wrong}"))
}

fn of_no_kind(name: &[u8]) -> GearError {
    GearError::failed(format!("{} is neither file, directory nor link", shown(name)))
}

fn twice(name: &[u8]) -> GearError {
    let name = shown(name);
    GearError::failed(format!("{name} is in it twice, as a directory and as something else"))
}

fn interrupted() -> GearError {
    GearError::interrupted("interrupted while the archive was being read")
}

#[cfg(test)]
mod tests;
