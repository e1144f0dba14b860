//! Originals that change while they are served: their variants go at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
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
use super::index::Index;
use super::sources::content::State;
use super::sources::scan::{join, site_path};
use super::tree::{INDEX, Tree};
use super::{PrecompressError, Source};

/// By all of these a path may lead to another content, or to one that is not for everybody any more. Of what is
/// written through a mapping (`mmap`), or on another machine, the kernel says nothing.
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
    /// Watches of directories, and where these are on the site: a link may be a second place. A file that has
    /// several names is watched itself.
    places: BTreeMap<i32, BTreeSet<String>>,
    /// Names in watched directories by which a path on the site may become another one: what links lead to, and
    /// directories above a source.
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
        let changes = inotify::init(CreateFlags::CLOEXEC).map_err(|errno| failed(root, errno))?;
        let above = root.parent().unwrap_or(root);
        let comes = WatchFlags::CREATE | WatchFlags::MOVED_TO;
        let above = add(&changes, above, comes)?.ok_or_else(|| failed(above, Errno::NOENT))?;
        let itself = add(&changes, root, WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF)?;
        let tree = Tree::new(root);
        let mut index = tree.read_index().unwrap_or_default();
        index.originals.retain(|_, known| !known.variants.is_empty());
        let known = index.originals.keys().cloned().collect();
        let (places, targets) = (BTreeMap::new(), BTreeMap::new());
        let mut watch = Self { tree, root, changes, places, targets, above, itself, known };
        let sources = sources.iter().map(|source| Ok((site_path(&source.at)?, source)));
        let sources = sources.collect::<Result<Vec<_>, PrecompressError>>()?;
        let files = watch.look_at(&sources, &index)?;
        // From here on each change is seen. What was there before?
        for (path, files) in files {
            if !files.iter().any(|file| is_as_known(file, &index.originals[path].state)) {
                watch.remove(path)?;
            }
        }
        Ok(watch)
    }

    /// Begins to watch; answers where each original may be.
    fn look_at<'i>(
        &mut self,
        sources: &[(String, &Source)],
        index: &'i Index,
    ) -> Result<Vec<(&'i str, Vec<Utf8PathBuf>)>, PrecompressError> {
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for (path, known) in &index.originals {
            let mut places = Vec::new();
            for (nth, (at, source)) in sources.iter().enumerate() {
                let rest = below(path, at);
                places.extend(rest.map(|rest| (nth, source.directory.join(rest), *source)));
            }
            let is_its = |source: &Source| source.directory == known.state.source;
            let last = places.iter().rposition(|(_, _, source)| is_its(source));
            places.truncate(last.map_or(0, |last| last + 1));
            for (nth, file, source) in &places {
                let (mut site, mut directory) = (path.as_str(), file.as_path());
                // An earlier source may get a file of this path, or a directory above it.
                while directory != source.directory
                    && let Some(up) = directory.parent()
                {
                    (site, directory) = (above_of(site), up);
                    if !seen.insert((*nth, site)) {
                        break;
                    }
                    self.watch(directory, site, CHANGES)?;
                    self.watch_targets(directory, site)?;
                }
            }
            let files = places.iter().filter(|(_, _, source)| is_its(source));
            let files: Vec<Utf8PathBuf> = files.map(|(_, file, _)| file.clone()).collect();
            for file in &files {
                self.watch_targets(file, path)?;
                // By another name it may be written, too. That it gets one, as from the last good generation,
                // is no change.
                if fs::metadata(file).is_ok_and(|now| now.is_file() && now.nlink() > 1) {
                    self.watch(file, path, WatchFlags::MODIFY)?;
                }
            }
            all.push((path.as_str(), files));
        }
        for (at, source) in sources {
            self.watch_above(source, at)?;
        }
        Ok(all)
    }

    /// Watches a directory, or a file with several names, that is at this place.
    fn watch(
        &mut self,
        file: &Utf8Path,
        site: &str,
        flags: WatchFlags,
    ) -> Result<(), PrecompressError> {
        if let Some(number) = add(&self.changes, file, flags)? {
            self.places.entry(number).or_default().insert(site.to_owned());
        }
        Ok(())
    }

    /// Watches what `link` leads to, if it is one.
    fn watch_targets(&mut self, link: &Utf8Path, site: &str) -> Result<(), PrecompressError> {
        let next = |link: &Utf8PathBuf| Some(link.parent()?.join(link.read_link_utf8().ok()?));
        let targets = std::iter::successors(next(&link.to_owned()), next);
        targets.take(MOST_LINKS).try_for_each(|target| self.watch_name(&target, site))
    }

    /// Watches the directories from the source up to the one within which nothing leads out.
    fn watch_above(&mut self, source: &Source, site: &str) -> Result<(), PrecompressError> {
        let within = source.within.as_deref().unwrap_or(&source.directory);
        let directories = source.directory.ancestors().take_while(|directory| *directory != within);
        directories.collect::<Vec<_>>().iter().try_for_each(|it| self.watch_name(it, site))
    }

    /// Watches for another one by the name of this one.
    fn watch_name(&mut self, file: &Utf8Path, site: &str) -> Result<(), PrecompressError> {
        if let (Some(directory), Some(name)) = (file.parent(), file.file_name())
            && let Some(number) = add(&self.changes, directory, CHANGES)?
        {
            let key = (number, name.to_owned());
            self.targets.entry(key).or_default().insert(site.to_owned());
        }
        Ok(())
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
                Err(errno) => return Err(failed(self.root, errno)),
            };
            // Names of others than UTF-8 have no variants.
            let name = event.file_name().map(|name| name.to_str().unwrap_or_default());
            let is_another = if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                true
            } else if event.wd() == self.above {
                name == self.root.file_name()
            } else if Some(event.wd()) == self.itself {
                name.is_none_or(|name| name == INDEX)
            } else {
                self.changed(event.wd(), name)?;
                false
            };
            if is_another {
                return Ok(());
            }
        }
    }

    /// Removes the variants of what has this name in a watched directory; without a name, of all in it.
    fn changed(&mut self, directory: i32, name: Option<&str>) -> Result<(), FileError> {
        for site in self.places.get(&directory).cloned().unwrap_or_default() {
            match name {
                Some(name) if !name.is_empty() => self.remove(&join(&site, name))?,
                _ => self.remove(&site)?,
            }
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
                match tree::remove(&self.tree.variant(encoding, &gone)) {
                    // Where it was, there is a file by now.
                    Err(error) if error.source.kind() == io::ErrorKind::NotADirectory => {}
                    other => other?,
                }
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

/// Watches a file or directory; none where there is nothing.
fn add(
    changes: &OwnedFd,
    path: &Utf8Path,
    flags: WatchFlags,
) -> Result<Option<i32>, PrecompressError> {
    match inotify::add_watch(changes, path.as_std_path(), flags) {
        Ok(number) => Ok(Some(number)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(errno) => Err(failed(path, errno)),
    }
}

fn failed(path: &Utf8Path, errno: Errno) -> PrecompressError {
    match errno {
        Errno::MFILE => PrecompressError::Watch { limit: "fs.inotify.max_user_instances" },
        Errno::NOSPC => PrecompressError::Watch { limit: "fs.inotify.max_user_watches" },
        other => FileError::new("watch", path, other.into()).into(),
    }
}

/// The rest of a path on the site that is below `at`.
fn below<'p>(path: &'p str, at: &str) -> Option<&'p str> {
    if at.is_empty() { Some(path) } else { path.strip_prefix(at)?.strip_prefix('/') }
}

fn is_as_known(file: &Utf8Path, known: &State) -> bool {
    fs::metadata(file).is_ok_and(|now| {
        // Another name more or less is no change of the content.
        let several = now.nlink() > 1;
        let now = State::of(&known.source, &now);
        let ctime = if several { known.ctime } else { now.ctime };
        State { ctime, ..now } == *known
    })
}

/// The directory of a path on the site.
fn above_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}
