//! Originals that change while they are served: their variants go at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::tree;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::encoding::Encoding;
use super::index::{Index, Known};
use super::scan::site_path;
use super::tree::{INDEX, Tree};
use super::{PrecompressError, Source, content};

/// By all of these a path may lead to another content, or to one that is not for everybody any more. What is
/// written through a mapping (`mmap`) tells nobody.
const CHANGES: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);
/// So many links on the way to a file are watched.
const MOST_LINKS: usize = 8;
/// Changes are read so often at most: somebody may write a log among the files.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of changes that are read at once.
const BUFFER: usize = 16 * 1024;

/// Removes the variants of whatever changes, for as long as this process lives; those of what has changed already
/// first. It may begin before there is a tree, and go on while [`make`](super::make) makes another one: what it
/// removes is made again by the next.
///
/// # Errors
/// It cannot watch, or cannot remove something. Then there is no tree any more, unless it says so.
pub fn watch(sources: &[Source], tree: &Utf8Path) -> PrecompressError {
    loop {
        let watched = Watch::begin(sources, tree).and_then(Watch::work);
        if let Err(error) = watched {
            return match tree::remove(tree) {
                Ok(()) => error,
                Err(worse) => worse.into(),
            };
        }
    }
}

/// The files of one index.
struct Watch<'a> {
    tree: Tree<'a>,
    root: &'a Utf8Path,
    changes: OwnedFd,
    /// Watches of directories, and where these are on the site: a link may be a second place.
    directories: BTreeMap<i32, BTreeSet<String>>,
    /// What links lead to: a name in a watched directory, and which paths on the site it is.
    targets: BTreeMap<(i32, String), BTreeSet<String>>,
    /// The watch of the directory that the tree is in.
    above: i32,
    /// That of the tree, if there is one.
    itself: Option<i32>,
    /// Paths on the site that have variants.
    known: BTreeSet<String>,
}

impl<'a> Watch<'a> {
    fn begin(sources: &[Source], root: &'a Utf8Path) -> Result<Self, PrecompressError> {
        let failed = |errno| FileError::new("watch", root, Errno::into(errno));
        let changes = inotify::init(CreateFlags::CLOEXEC).map_err(failed)?;
        let add = |directory: &Utf8Path, flags| match inotify::add_watch(
            &changes,
            directory.as_std_path(),
            flags | WatchFlags::ONLYDIR,
        ) {
            Ok(number) => Ok(Some(number)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(FileError::new("watch", directory, errno.into())),
        };
        let above = root.parent().unwrap_or(root);
        let Some(above) = add(above, WatchFlags::CREATE | WatchFlags::MOVED_TO)? else {
            return Err(failed(Errno::NOENT).into());
        };
        let itself = add(root, WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF)?;
        let tree = Tree::new(root);
        let index = tree.read_index().unwrap_or_default();
        let originals = originals(sources, &index)?;
        let mut seen = BTreeSet::new();
        let mut directories: BTreeMap<i32, BTreeSet<String>> = BTreeMap::new();
        for (path, (file, _)) in &originals {
            let (site, directory) = (above_of(path), file.parent().unwrap_or(file));
            if seen.insert((site, directory))
                && let Some(number) = add(directory, CHANGES)?
            {
                directories.entry(number).or_default().insert(site.to_owned());
            }
        }
        let mut targets: BTreeMap<(i32, String), BTreeSet<String>> = BTreeMap::new();
        for (path, (file, _)) in &originals {
            for target in links(file) {
                if let (Some(directory), Some(name)) = (target.parent(), target.file_name())
                    && let Some(number) = add(directory, CHANGES)?
                {
                    let key = (number, name.to_owned());
                    targets.entry(key).or_default().insert((*path).to_owned());
                }
            }
        }
        let known = index.originals.keys().cloned().collect();
        let mut watch = Self { tree, root, changes, directories, targets, above, itself, known };
        // From here on each change is seen. What was there before?
        for path in index.originals.keys() {
            if !originals.get(path.as_str()).is_some_and(|(file, known)| is_as_known(file, known)) {
                watch.remove(path)?;
            }
        }
        Ok(watch)
    }

    /// Until the tree is another one.
    fn work(mut self) -> Result<(), PrecompressError> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let changes = self.changes.try_clone();
        let changes = changes.map_err(|e| FileError::new("watch", self.root, e))?;
        let mut reader = Reader::new(changes, &mut buffer);
        loop {
            // Not as often as somebody writes a log there.
            if reader.is_buffer_empty() {
                pause();
            }
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(FileError::new("watch", self.root, errno.into()).into()),
            };
            // Names of others than UTF-8 have no variants.
            let name = event.file_name().map(|name| name.to_str().unwrap_or_default());
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                self.remove("")?;
            } else if event.wd() == self.above {
                if name == self.root.file_name() {
                    return Ok(());
                }
            } else if Some(event.wd()) == self.itself {
                if name.is_none_or(|name| name == INDEX) {
                    return Ok(());
                }
            } else {
                self.changed(event.wd(), name)?;
            }
        }
    }

    /// Removes the variants of what has this name in a watched directory; of all in it without a name.
    fn changed(&mut self, directory: i32, name: Option<&str>) -> Result<(), FileError> {
        for site in self.directories.get(&directory).cloned().unwrap_or_default() {
            self.remove(&join(&site, name.unwrap_or_default()))?;
        }
        let targets = self.targets.range((directory, String::new())..);
        let of_it = targets.take_while(|((number, _), _)| *number == directory);
        let of_it = of_it.filter(|((_, target), _)| name.is_none_or(|name| name == target));
        let paths: Vec<String> = of_it.flat_map(|(_, paths)| paths).cloned().collect();
        paths.iter().try_for_each(|path| self.remove(path))
    }

    /// Removes the variants of a path on the site and of all below.
    fn remove(&mut self, path: &str) -> Result<(), FileError> {
        let begin_so = self.known.range(path.to_owned()..).take_while(|it| it.starts_with(path));
        let is_of = |it: &&String| {
            path.is_empty() || matches!(it.as_bytes().get(path.len()), None | Some(b'/'))
        };
        for gone in begin_so.filter(is_of).cloned().collect::<Vec<_>>() {
            for encoding in Encoding::ALL {
                tree::remove(&self.tree.variant(encoding, &gone))?;
            }
            self.known.remove(&gone);
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing is waited for: it works seldom on purpose")]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// Where each original is, and what is known of it, by its path on the site.
fn originals<'i>(
    sources: &[Source],
    index: &'i Index,
) -> Result<BTreeMap<&'i str, (Utf8PathBuf, &'i Known)>, PrecompressError> {
    let mut originals = BTreeMap::new();
    for source in sources {
        let at = site_path(&source.at)?;
        for (path, known) in &index.originals {
            let rest = path.strip_prefix(at.as_str()).map(|rest| rest.trim_start_matches('/'));
            if let Some(rest) = rest.filter(|_| known.source == source.directory) {
                originals.insert(path.as_str(), (source.directory.join(rest), known));
            }
        }
    }
    Ok(originals)
}

/// What the links lead to, one after the other, if `file` is one.
fn links(file: &Utf8Path) -> Vec<Utf8PathBuf> {
    let next = |link: &Utf8PathBuf| Some(link.parent()?.join(link.read_link_utf8().ok()?));
    std::iter::successors(next(&file.to_owned()), next).take(MOST_LINKS).collect()
}

fn is_as_known(file: &Utf8Path, known: &Known) -> bool {
    fs::metadata(file).is_ok_and(|now| {
        now.size() == known.size
            && content::mtime(&now) == known.mtime
            && content::ctime(&now) == known.ctime
    })
}

/// The directory of a path on the site.
fn above_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

fn join(directory: &str, name: &str) -> String {
    match (directory, name) {
        ("", name) => name.to_owned(),
        (directory, "") => directory.to_owned(),
        _ => format!("{directory}/{name}"),
    }
}
