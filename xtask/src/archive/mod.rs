//! The cartridge as one file: a .tar.gz and a .zip, each with one top directory (a node flattens
//! it; node-contract.md, Delivery), and the same bytes whenever the content is the same; and as a package of
//! Debian's.

pub(crate) mod buildpack;
pub(crate) mod debian;
pub(crate) mod download;
pub(crate) mod s2i;

use std::io::{self, Cursor, Write};
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::GearEnv;
use cart_core::files::{self, FileError};
use flate2::Compression;
use flate2::write::GzEncoder;
use time::{OffsetDateTime, PrimitiveDateTime};
use walkdir::WalkDir;
use zip::write::{SimpleFileOptions, ZipWriter};

/// 2025-01-01 00:00 UTC, the date of every entry unless SOURCE_DATE_EPOCH says another.
const DEFAULT_TIME: u64 = 1_735_689_600;

/// Both archives, as they were written.
#[derive(Debug)]
pub(crate) struct Archives {
    /// `NAME-VERSION.tar.gz`
    pub(crate) tar: Utf8PathBuf,
    /// `NAME-VERSION.zip`
    pub(crate) zip: Utf8PathBuf,
}

/// Packs a directory as `NAME-VERSION.tar.gz` and `.zip` beside it. Its name is the top directory.
pub(crate) fn pack(
    directory: &Utf8Path,
    version: &str,
    time: Time,
) -> Result<Archives, ArchiveError> {
    let entries = entries(directory)?;
    let write = |extension: &str, content: io::Result<Vec<u8>>| {
        let path = Utf8PathBuf::from(format!("{directory}-{version}.{extension}"));
        let content =
            content.map_err(|source| ArchiveError::Pack { path: path.clone(), source })?;
        files::write_atomic(&path, &content, 0o644)?;
        Ok::<_, ArchiveError>(path)
    };
    Ok(Archives {
        tar: write("tar.gz", tar_gz(&entries, time))?,
        zip: write("zip", zip(&entries, time))?,
    })
}

/// The date of every entry, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(u64);

impl Time {
    /// What SOURCE_DATE_EPOCH says (reproducible-builds.org), or a fixed date.
    pub(crate) fn from_env(env: &GearEnv) -> Result<Self, ArchiveError> {
        let Some(value) = env.get("SOURCE_DATE_EPOCH") else { return Ok(Self(DEFAULT_TIME)) };
        let value = value.to_string_lossy();
        value
            .parse()
            .ok()
            .map(Self)
            .filter(|time| time.for_zip().is_ok())
            .ok_or_else(|| ArchiveError::Time { value: value.into_owned() })
    }

    fn for_zip(self) -> io::Result<zip::DateTime> {
        let seconds = i64::try_from(self.0).map_err(io::Error::other)?;
        let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(io::Error::other)?;
        PrimitiveDateTime::new(time.date(), time.time()).try_into().map_err(io::Error::other)
    }
}

/// One file, link or directory, and what of it goes into an archive.
#[derive(Debug)]
struct Entry {
    /// With the top directory in front.
    name: String,
    mode: u32,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Directory,
    Link(String),
    File(Vec<u8>),
}

/// Everything in a directory, sorted by name; a directory comes before what is in it.
fn entries(directory: &Utf8Path) -> Result<Vec<Entry>, ArchiveError> {
    let top = directory.parent().unwrap_or(directory);
    let mut entries = Vec::new();
    for found in WalkDir::new(directory).sort_by_file_name() {
        let found = found.map_err(|error| FileError::new("read", directory, error.into()))?;
        let path = <&Utf8Path>::try_from(found.path())
            .map_err(|error| FileError::new("pack", directory, error.into_io_error()))?;
        let failed = |e| FileError::new("pack", path, e);
        let metadata = path.symlink_metadata().map_err(failed)?;
        let content = if metadata.is_symlink() {
            Content::Link(path.read_link_utf8().map_err(failed)?.into_string())
        } else if metadata.is_dir() {
            Content::Directory
        } else {
            Content::File(files::read(path)?)
        };
        entries.push(Entry {
            name: path.strip_prefix(top).unwrap_or(path).to_string(),
            mode: metadata.permissions().mode() & 0o777,
            content,
        });
    }
    Ok(entries)
}

fn tar_gz(entries: &[Entry], time: Time) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(entry.mode);
        header.set_mtime(time.0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        match &entry.content {
            Content::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                archive.append_data(&mut header, format!("{}/", entry.name), io::empty())?;
            }
            Content::Link(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                archive.append_link(&mut header, &entry.name, target)?;
            }
            Content::File(bytes) => {
                header.set_size(bytes.len() as u64);
                archive.append_data(&mut header, &entry.name, bytes.as_slice())?;
            }
        }
    }
    archive.into_inner()?.finish()
}

/// Modes and links stand in the attributes that Info-ZIP's `unzip` reads, a node's among them.
fn zip(entries: &[Entry], time: Time) -> io::Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let time = time.for_zip()?;
    for entry in entries {
        let options =
            SimpleFileOptions::default().last_modified_time(time).unix_permissions(entry.mode);
        match &entry.content {
            Content::Directory => archive.add_directory(entry.name.as_str(), options)?,
            Content::Link(target) => archive.add_symlink(&entry.name, target, options)?,
            Content::File(bytes) => {
                archive.start_file(&entry.name, options)?;
                archive.write_all(bytes)?;
            }
        }
    }
    Ok(archive.finish()?.into_inner())
}

/// Archives that were not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} cannot be packed: {source}")]
    Pack { path: Utf8PathBuf, source: io::Error },
    #[error(
        "SOURCE_DATE_EPOCH={value} is no date that a .zip can have: set it to seconds since 1970, of 1980 to 2107, or unset it"
    )]
    Time { value: String },
}

#[cfg(test)]
mod tests;
