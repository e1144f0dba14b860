//! What a restore takes out of a snapshot, laid out in a directory beside the gear's own: read to
//! its very end, and refused as a whole when anything about it is wrong. Nothing is ever written
//! through a link.

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use flate2::read::MultiGzDecoder;
use tar::{Entry, EntryType};

use crate::progress::Interrupts;
use crate::snapshot_names::{self, Location, NameError, Selection};

/// Lays out what a restore takes of the archive `from` in the empty directory `staging`, with the
/// names that it has in a gear's home. Answers remarks about what was left out.
///
/// # Errors
/// [`UnpackError`]; what is in `staging` is of no use then.
pub fn unpack(
    from: impl Read,
    staging: &Utf8Path,
    selection: &Selection<'_>,
    interrupts: &Interrupts,
) -> Result<Vec<String>, UnpackError> {
    let mut archive = tar::Archive::new(MultiGzDecoder::new(from));
    let mut unpacking = Unpacking {
        staging: staging.as_std_path().to_owned(),
        selection,
        interrupts,
        top: None,
        real: HashSet::new(),
        directories: Vec::new(),
        remarks: Vec::new(),
    };
    for entry in archive.entries().map_err(UnpackError::Unreadable)? {
        if interrupts.take() {
            return Err(UnpackError::Interrupted);
        }
        unpacking.take(entry.map_err(UnpackError::Unreadable)?)?;
    }
    // The checksum comes after what an archive says is its end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(UnpackError::Unreadable)?;
    if !staging.join("app-root/data").is_dir() {
        return Err(UnpackError::Layout { wrong: "it has no */app-root/data".to_owned() });
    }
    unpacking.finish_directories()?;
    Ok(unpacking.remarks)
}

struct Unpacking<'a> {
    staging: PathBuf,
    selection: &'a Selection<'a>,
    interrupts: &'a Interrupts,
    /// The one top directory.
    top: Option<Vec<u8>>,
    /// Directories below `staging` that are known to be there and no links.
    real: HashSet<PathBuf>,
    /// Modes and times, which are set when a directory is full.
    directories: Vec<(PathBuf, u32, SystemTime)>,
    remarks: Vec<String>,
}

impl Unpacking<'_> {
    fn take(&mut self, mut entry: Entry<'_, impl Read>) -> Result<(), UnpackError> {
        let name = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(());
        }
        let components = snapshot_names::components(&name)?;
        if matches!(kind, EntryType::Block | EntryType::Char) {
            return Err(UnpackError::Device { name: shown(&name) });
        }
        let Some((top, _)) = components.split_first() else {
            return Ok(());
        };
        match &self.top {
            Some(known) if known != top => {
                let wrong = format!("{} and {} lie side by side", shown(known), shown(top));
                return Err(UnpackError::Layout { wrong });
            }
            Some(_) => {}
            None => self.top = Some(top.to_vec()),
        }
        let Some(location) = self.selection.place(&components)? else {
            return Ok(());
        };
        let target = self.target(&location);
        if location.must_be_directory && kind != EntryType::Directory {
            return Err(UnpackError::Layout { wrong: format!("{} is no directory", shown(&name)) });
        }
        self.make_parents(&target, &name)?;
        match kind {
            EntryType::Directory => self.take_directory(&entry, target, &name),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.take_file(&mut entry, &target, &name)
            }
            EntryType::Symlink => self.take_symlink(&entry, &target, &name),
            EntryType::Link => self.take_hard_link(&entry, &target, &name),
            EntryType::Fifo => {
                self.remarks.push(format!("left out, because it is a pipe: {}", shown(&name)));
                Ok(())
            }
            _ => Err(UnpackError::Kind { name: shown(&name) }),
        }
    }

    fn target(&self, location: &Location) -> PathBuf {
        let mut path = self.staging.clone();
        path.extend(location.components.iter().map(|c| std::ffi::OsStr::from_bytes(c)));
        path
    }

    /// Makes what is missing above `target`; a link there would lead elsewhere.
    fn make_parents(&mut self, target: &Path, name: &[u8]) -> Result<(), UnpackError> {
        let Some(parent) = target.parent() else {
            return Ok(());
        };
        if parent == self.staging || self.real.contains(parent) {
            return Ok(());
        }
        self.make_parents(parent, name)?;
        match parent.symlink_metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(UnpackError::Through { name: shown(name) }),
            Err(_) => make_directory(parent)?,
        }
        self.real.insert(parent.to_owned());
        Ok(())
    }

    fn take_directory(
        &mut self,
        entry: &Entry<'_, impl Read>,
        target: PathBuf,
        name: &[u8],
    ) -> Result<(), UnpackError> {
        match target.symlink_metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(UnpackError::Twice { name: shown(name) }),
            Err(_) => make_directory(&target)?,
        }
        let (mode, time) = (mode(entry)?, time(entry)?);
        self.directories.push((target, mode, time));
        Ok(())
    }

    fn take_file(
        &mut self,
        entry: &mut Entry<'_, impl Read>,
        target: &Path,
        name: &[u8],
    ) -> Result<(), UnpackError> {
        let (mode, time) = (mode(entry)?, time(entry)?);
        make_way(target, name)?;
        let failed = |e| UnpackError::Write(file_error(target, e));
        let mut file = File::create_new(target).map_err(failed)?;
        self.copy(entry, &mut file, target)?;
        file.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
        file.set_modified(time).map_err(failed)
    }

    /// Tells a broken archive from a full disk.
    fn copy(
        &self,
        entry: &mut impl Read,
        file: &mut File,
        target: &Path,
    ) -> Result<(), UnpackError> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if self.interrupts.take() {
                return Err(UnpackError::Interrupted);
            }
            match entry.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => io::Write::write_all(file, &buffer[..count])
                    .map_err(|e| UnpackError::Write(file_error(target, e)))?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(UnpackError::Unreadable(e)),
            }
        }
    }

    /// A link may point anywhere, as a Python environment's to `/usr/bin/python3` does; nothing is
    /// ever written through it.
    fn take_symlink(
        &self,
        entry: &Entry<'_, impl Read>,
        target: &Path,
        name: &[u8],
    ) -> Result<(), UnpackError> {
        let link =
            entry.link_name_bytes().ok_or_else(|| UnpackError::Kind { name: shown(name) })?;
        let content = self.selection.symbolic_link(&link);
        make_way(target, name)?;
        symlink(std::ffi::OsStr::from_bytes(&content), target)
            .map_err(|e| UnpackError::Write(file_error(target, e)))
    }

    fn take_hard_link(
        &mut self,
        entry: &Entry<'_, impl Read>,
        target: &Path,
        name: &[u8],
    ) -> Result<(), UnpackError> {
        let leads_out = || UnpackError::HardLink { name: shown(name) };
        let link = entry.link_name_bytes().ok_or_else(leads_out)?;
        let components = snapshot_names::components(&link).map_err(|_| leads_out())?;
        if components.first().copied() != self.top.as_deref() {
            return Err(leads_out());
        }
        let location = self.selection.place_of_link(&components)?.ok_or_else(leads_out)?;
        let original = self.target(&location);
        self.make_parents(&original, name)?;
        if !original.symlink_metadata().is_ok_and(|m| m.is_file() || m.is_symlink()) {
            return Err(leads_out());
        }
        if original == target {
            return Ok(());
        }
        make_way(target, name)?;
        fs::hard_link(&original, target).map_err(|e| UnpackError::Write(file_error(target, e)))
    }

    /// The innermost first: one that may not be written to must be full by then.
    fn finish_directories(&mut self) -> Result<(), UnpackError> {
        self.directories.sort_by_key(|(path, ..)| std::cmp::Reverse(path.components().count()));
        for (path, mode, time) in &self.directories {
            let failed = |e| UnpackError::Write(file_error(path, e));
            let directory = File::open(path).map_err(failed)?;
            directory.set_permissions(Permissions::from_mode(*mode)).map_err(failed)?;
            directory.set_modified(*time).map_err(failed)?;
        }
        Ok(())
    }
}

/// The last of several entries of one name counts, as for `tar`.
fn make_way(target: &Path, name: &[u8]) -> Result<(), UnpackError> {
    match target.symlink_metadata() {
        Ok(found) if found.is_dir() => Err(UnpackError::Twice { name: shown(name) }),
        Ok(_) => fs::remove_file(target).map_err(|e| UnpackError::Write(file_error(target, e))),
        Err(_) => Ok(()),
    }
}

fn make_directory(path: &Path) -> Result<(), UnpackError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .mode(0o750)
        .create(path)
        .map_err(|e| UnpackError::Write(file_error(path, e)))
}

/// Without the bits that lend somebody's rights.
fn mode(entry: &Entry<'_, impl Read>) -> Result<u32, UnpackError> {
    Ok(entry.header().mode().map_err(UnpackError::Unreadable)? & 0o777)
}

fn time(entry: &Entry<'_, impl Read>) -> Result<SystemTime, UnpackError> {
    let seconds = entry.header().mtime().map_err(UnpackError::Unreadable)?;
    // Times that no file can have.
    let latest = u64::try_from(i64::from(i32::MAX) * 100).unwrap_or_default();
    Ok(UNIX_EPOCH + Duration::from_secs(seconds.min(latest)))
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn file_error(path: &Path, source: io::Error) -> FileError {
    FileError::new("write", &Utf8PathBuf::from(path.to_string_lossy().into_owned()), source)
}

/// A snapshot that is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is damaged or something else.
    #[error("it is no .tar.gz that can be read to its end: {0}")]
    Unreadable(#[source] io::Error),
    /// It is an archive, but not of a gear.
    #[error("it is no snapshot of a gear: {wrong}")]
    Layout {
        /// What it lacks or has.
        wrong: String,
    },
    /// A name leads out of it, or the cartridge's transformations lead it elsewhere.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A device.
    #[error("it holds a device, {name}")]
    Device {
        /// Its name.
        name: String,
    },
    /// An entry of a kind that no snapshot has.
    #[error("{name} is neither file, directory nor link")]
    Kind {
        /// Its name.
        name: String,
    },
    /// An entry whose directory is a link.
    #[error("{name} would be written through a link")]
    Through {
        /// Its name.
        name: String,
    },
    /// An entry that is a directory and something else.
    #[error("{name} is in it twice, as a directory and as something else")]
    Twice {
        /// Its name.
        name: String,
    },
    /// A hard link to something that is not restored.
    #[error("{name} is a hard link to something outside of what is restored")]
    HardLink {
        /// Its name.
        name: String,
    },
    /// There is no room for it, say.
    #[error(transparent)]
    Write(#[from] FileError),
    /// Somebody asked for an end.
    #[error("interrupted while the archive was being read")]
    Interrupted,
}
