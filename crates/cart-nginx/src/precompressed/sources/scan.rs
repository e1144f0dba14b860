//! The originals: files as nginx finds them.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, FileType, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::content::{Found, State};
use super::extensions::compressible;
use crate::precompressed::left_out::{LeftOut, Reason};
use crate::precompressed::{Limits, PrecompressError, Source};

/// A longer path may have no room below the tree (`PATH_MAX` is 4096), and nobody writes one.
const PATH_BYTES: usize = 2000;

/// What was found in the sources.
#[derive(Debug, Default)]
pub(in crate::precompressed) struct Scan {
    /// Originals by their path on the site, without the slash at the beginning.
    pub(in crate::precompressed) originals: BTreeMap<String, Found>,
    pub(in crate::precompressed) left_out: LeftOut,
}

impl Scan {
    /// Looks through all sources. Each file whose type is compressed is asked for once (`stat`).
    pub(in crate::precompressed) fn of(
        sources: &[Source],
        limits: &Limits,
    ) -> Result<Self, PrecompressError> {
        let mut search = Search {
            limits,
            looked_at: 0,
            files: BTreeMap::new(),
            unknown: Vec::new(),
            left_out: LeftOut::default(),
        };
        for source in sources {
            let site = site_path(&source.at)?;
            let looker = Looker::new(source);
            if !search.go_through(&looker, site) {
                // The first source that has a path wins: what comes now would not know that it lost.
                break;
            }
        }
        let files = search.files.into_iter();
        let originals = files.filter_map(|(path, found)| Some((path, found?))).collect();
        Ok(Self { originals, left_out: search.left_out })
    }
}

/// `at` without slashes at both ends.
pub(in crate::precompressed) fn site_path(at: &str) -> Result<String, PrecompressError> {
    let path = at.trim_matches('/');
    let good = |name: &str| !name.is_empty() && name != "." && name != "..";
    if path.is_empty() || path.split('/').all(good) {
        Ok(path.to_owned())
    } else {
        Err(PrecompressError::At { at: at.to_owned() })
    }
}

struct Search<'a> {
    limits: &'a Limits,
    looked_at: usize,
    /// `None`: a file that has the path, but is no original.
    files: BTreeMap<String, Option<Found>>,
    /// Directories on the site, of earlier sources, that have files which were not seen.
    unknown: Vec<String>,
    left_out: LeftOut,
}

/// A directory that waits to be looked through.
struct Directory {
    path: Utf8PathBuf,
    site: String,
    /// What identifies those that it is in.
    above: Vec<(u64, u64)>,
}

impl Search<'_> {
    /// Answers whether it has come to the end: there may be too many files.
    fn go_through(&mut self, looker: &Looker<'_>, site: String) -> bool {
        let mut unknown = Vec::new();
        let root = Directory { path: looker.source.directory.clone(), site, above: Vec::new() };
        let mut waiting = vec![root];
        while let Some(directory) = waiting.pop() {
            match self.look_through(&directory, looker, &mut unknown) {
                // Last in, first out: in the order of the names.
                Ok(found) => waiting.extend(found.into_iter().rev()),
                Err(None) => {}
                Err(Some(reason)) => {
                    self.left_out.note(reason, &directory.site);
                    if reason == Reason::TooMany {
                        return false;
                    }
                    unknown.push(directory.site);
                }
            }
        }
        self.unknown.append(&mut unknown);
        true
    }

    /// The directories in a directory. If it is not looked through, answers why: nginx may find files in it
    /// all the same; without a reason, it is none.
    fn look_through(
        &mut self,
        directory: &Directory,
        looker: &Looker<'_>,
        unknown: &mut Vec<String>,
    ) -> Result<Vec<Directory>, Option<Reason>> {
        let top = directory.above.is_empty();
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory if top => None,
            _ => Some(Reason::Unreadable),
        };
        let metadata = fs::metadata(&directory.path).map_err(failed)?;
        let identity = (metadata.dev(), metadata.ino());
        if directory.above.contains(&identity) {
            return Err(Some(Reason::Loop));
        }
        if directory.above.len() > self.limits.depth || directory.site.len() > PATH_BYTES {
            return Err(Some(Reason::TooDeep));
        }
        let entries = self.list(&directory.path, failed)?;
        let mut directories = Vec::new();
        for (name, entry) in entries {
            let Some(name) = name else {
                self.left_out.note(Reason::Name, &directory.site);
                continue;
            };
            let site = join(&directory.site, &name);
            let path = directory.path.join(&name);
            let (kind, reason) = match looker.kind(&entry, &path) {
                Ok(found) => found,
                Err(reason) => {
                    self.left_out.note(reason, &site);
                    continue;
                }
            };
            if kind.is_dir() && reason.is_some() {
                self.note(reason, &site);
                unknown.push(site);
            } else if kind.is_dir() {
                let above = directory.above.iter().copied().chain([identity]).collect();
                directories.push(Directory { path, site, above });
            } else if kind.is_file() && compressible(&name) {
                self.consider(looker.source, path, site, reason);
            }
        }
        Ok(directories)
    }

    /// What is in a directory, but for hidden things, in the order of the names.
    fn list(
        &mut self,
        directory: &Utf8Path,
        failed: impl Fn(io::Error) -> Option<Reason>,
    ) -> Result<Vec<(Option<String>, DirEntry)>, Option<Reason>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory).map_err(&failed)? {
            let entry = entry.map_err(&failed)?;
            self.looked_at += 1;
            if self.looked_at > self.limits.entries {
                return Err(Some(Reason::TooMany));
            }
            let name = entry.file_name().into_string().ok();
            let hidden = |name: &String| name.starts_with('.') && name != ".well-known";
            if !name.as_ref().is_some_and(hidden) {
                entries.push((name, entry));
            }
        }
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(entries)
    }

    fn consider(&mut self, source: &Source, path: Utf8PathBuf, site: String, no: Option<Reason>) {
        if self.files.contains_key(&site) || self.belongs_to_another(&site) {
            return;
        }
        let found = match fs::metadata(&path) {
            _ if no.is_some() => Err(no),
            Err(_) => Err(Some(Reason::Unreadable)),
            Ok(metadata) => self.original(source, path, &metadata).map_err(Some),
        };
        let found = found.map_err(|reason| self.note(reason, &site));
        self.files.insert(site, found.ok());
    }

    fn original(
        &self,
        source: &Source,
        file: Utf8PathBuf,
        metadata: &Metadata,
    ) -> Result<Found, Reason> {
        if metadata.len() > self.limits.largest {
            return Err(Reason::TooLarge);
        }
        Ok(Found { file, state: State::of(&source.directory, metadata) })
    }

    /// Whether an earlier source may have the path, or has something there with which no file of this
    /// path can be in the tree.
    fn belongs_to_another(&mut self, site: &str) -> bool {
        let below = |directory: &String| {
            directory.is_empty()
                || site.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        if self.unknown.iter().any(below) {
            return true;
        }
        let inside = format!("{site}/");
        let next = self.files.range(inside.clone()..).next();
        let is_directory = next.is_some_and(|(path, _)| path.starts_with(&inside));
        let mut above = Utf8Path::new(site).ancestors().skip(1);
        let clash = is_directory || above.any(|path| self.files.contains_key(path.as_str()));
        if clash {
            self.left_out.note(Reason::Clash, site);
        }
        clash
    }

    fn note(&mut self, reason: Option<Reason>, site: &str) {
        if let Some(reason) = reason {
            self.left_out.note(reason, site);
        }
    }
}

/// The path on the site of a name in a directory.
pub(in crate::precompressed) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// Follows links as nginx does (`disable_symlinks if_not_owner`).
struct Looker<'a> {
    source: &'a Source,
    within: Option<std::path::PathBuf>,
}

impl<'a> Looker<'a> {
    fn new(source: &'a Source) -> Self {
        // Of one that is not there, nothing is inside.
        let real = |within: &Utf8PathBuf| fs::canonicalize(within).unwrap_or(within.into());
        Self { source, within: source.within.as_ref().map(real) }
    }

    /// What nginx takes it for, and why it gets no variants all the same; an error when nginx does not
    /// have it, either.
    fn kind(
        &self,
        entry: &DirEntry,
        path: &Utf8Path,
    ) -> Result<(FileType, Option<Reason>), Reason> {
        let kind = entry.file_type().map_err(|_| Reason::Unreadable)?;
        if !kind.is_symlink() {
            return Ok((kind, None));
        }
        let target = fs::metadata(path).map_err(|_| Reason::Link)?;
        let link = entry.metadata().map_err(|_| Reason::Link)?;
        if link.uid() != target.uid() {
            return Err(Reason::Link);
        }
        let inside = |within: &std::path::PathBuf| {
            fs::canonicalize(path).is_ok_and(|real| real.starts_with(within))
        };
        let outside = !self.within.as_ref().is_none_or(inside);
        Ok((target.file_type(), outside.then_some(Reason::Outside)))
    }
}
