//! A log that is appended to and, when it is full, moved on: `x.log` becomes `x.log.1`, that
//! becomes `x.log.2`, and what is beyond the count goes.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::LogLimits;
use cart_core::files::{self, FileError};

/// A file that is bounded by [`LogLimits`]. It is moved on at the end of a line; a line that is
/// longer than the size is split.
#[derive(Debug)]
pub(crate) struct RotatingFile {
    path: Utf8PathBuf,
    limits: LogLimits,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    device: u64,
    inode: u64,
    size: u64,
    /// Whether what was written last was no end of a line.
    in_line: bool,
}

impl RotatingFile {
    /// A log at `path`, which is opened when something is to be written.
    pub(crate) fn new(path: &Utf8Path, limits: LogLimits) -> Self {
        Self { path: path.to_owned(), limits, open: None }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Writes all of `data` and advances it over what was written, so that after an error (disk
    /// full) the rest can be tried again.
    pub(crate) fn append(&mut self, data: &mut &[u8]) -> io::Result<()> {
        let mut may_move_on = true;
        while !data.is_empty() {
            let size = self.limits.size;
            let open = self.opened()?;
            let fitting = if may_move_on { open.fitting(data, size) } else { data.len() };
            if fitting == 0 {
                // Where nothing can be renamed, a log too long is better than lost lines.
                may_move_on = self.move_on().is_ok();
                continue;
            }
            let written = match open.file.write(&data[..fitting]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                other => other?,
            };
            open.size += written as u64;
            open.in_line = data[written - 1] != b'\n';
            *data = &data[written..];
        }
        Ok(())
    }

    /// Whether the next byte goes behind an unfinished line.
    pub(crate) fn in_line(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.in_line)
    }

    /// The file that has the path now: somebody may have renamed, emptied or removed the one that
    /// was written to last.
    fn opened(&mut self) -> io::Result<&mut Open> {
        let present = std::fs::metadata(&self.path).ok();
        let same = |open: &Open, now: &std::fs::Metadata| {
            (open.device, open.inode) == (now.dev(), now.ino())
        };
        self.open = match (self.open.take(), present) {
            (Some(mut open), Some(now)) if same(&open, &now) => {
                open.in_line &= now.size() >= open.size;
                open.size = now.size();
                Some(open)
            }
            _ => Some(Open::at(&self.path)?),
        };
        self.open.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn move_on(&mut self) -> Result<(), FileError> {
        shift(&self.path, self.limits.files)?;
        self.open = None;
        Ok(())
    }
}

impl Open {
    fn at(path: &Utf8Path) -> io::Result<Self> {
        let file = File::options().read(true).append(true).create(true).mode(0o640).open(path)?;
        let metadata = file.metadata()?;
        let size = metadata.size();
        let mut last = [b'\n'];
        if size > 0 {
            file.read_exact_at(&mut last, size - 1)?;
        }
        let in_line = last != [b'\n'];
        Ok(Self { file, device: metadata.dev(), inode: metadata.ino(), size, in_line })
    }

    /// How much of `data` still goes into this file; 0 when the next one is to be begun.
    fn fitting(&self, data: &[u8], limit: u64) -> usize {
        let room = usize::try_from(limit.saturating_sub(self.size)).unwrap_or(usize::MAX);
        if data.len() <= room {
            return data.len();
        }
        let last_end = data[..room].iter().rposition(|b| *b == b'\n');
        let next_line = || data.iter().position(|b| *b == b'\n').map_or(data.len(), |at| at + 1);
        match last_end {
            Some(at) => at + 1,
            // The next line goes to the next file.
            None if self.size > 0 && !self.in_line => 0,
            // A line without an end.
            None if self.size > 0 && room == 0 && !data.contains(&b'\n') => 0,
            None => next_line(),
        }
    }
}

/// Moves a log and its predecessors on by one, so that `path` is free; what is beyond `files` goes.
///
/// # Errors
/// [`FileError`] when `path` itself cannot be moved.
pub(crate) fn shift(path: &Utf8Path, files: u32) -> Result<(), FileError> {
    for number in predecessors(path) {
        let old = numbered(path, number);
        // One that cannot be moved now is moved with the next rotation.
        let _ = if number + 1 >= files {
            files::remove_if_exists(&old)
        } else {
            rename(&old, &numbered(path, number + 1))
        };
    }
    if files <= 1 { files::remove_if_exists(path) } else { rename(path, &numbered(path, 1)) }
}

/// Not as safe against a power failure as [`files::rename`], which would take milliseconds.
fn rename(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    std::fs::rename(from, to).map_err(|e| FileError::new("move on", from, e))
}

/// The numbers that a log's predecessors have, the highest first.
fn predecessors(path: &Utf8Path) -> Vec<u32> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().strip_prefix(name)?.strip_prefix('.')?.parse().ok())
        .collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers
}

/// `x.log` for 0, `x.log.1` for 1.
pub(crate) fn numbered(path: &Utf8Path, number: u32) -> Utf8PathBuf {
    if number == 0 { path.to_owned() } else { format!("{path}.{number}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path.join("x.log"))
    }

    fn write(log: &mut RotatingFile, text: &str) {
        let mut data = text.as_bytes();
        log.append(&mut data).unwrap();
        assert!(data.is_empty());
    }

    fn read(path: &Utf8Path, number: u32) -> String {
        std::fs::read_to_string(numbered(path, number)).unwrap_or_else(|e| format!("{e}"))
    }

    #[test]
    fn a_full_log_is_moved_on_at_the_end_of_a_line() {
        let (_keep, path) = directory();
        let mut log = RotatingFile::new(&path, LogLimits { size: 10, files: 3 });
        write(&mut log, "one\ntwo\nthree\n");
        assert_eq!((read(&path, 1), read(&path, 0)), ("one\ntwo\n".into(), "three\n".into()));
        write(&mut log, "four\n");
        write(&mut log, "fi");
        write(&mut log, "ve and\nsix\n");
        assert_eq!(read(&path, 2), "three\n");
        assert_eq!(read(&path, 1), "four\nfive and\n");
        assert_eq!(read(&path, 0), "six\n");
        assert!(!numbered(&path, 3).exists());
    }

    #[test]
    fn a_line_longer_than_the_size_is_split_and_nothing_is_lost() {
        let (_keep, path) = directory();
        let mut log = RotatingFile::new(&path, LogLimits { size: 10, files: 100 });
        let text = format!("short\n{}\nend\n", "x".repeat(100));
        for piece in text.as_bytes().chunks(8) {
            write(&mut log, std::str::from_utf8(piece).unwrap());
        }
        let last = predecessors(&path).first().copied().unwrap();
        let files: Vec<String> = (0..=last).rev().map(|n| read(&path, n)).collect();
        assert_eq!(files.concat(), text);
        assert!(files.iter().all(|f| f.len() <= 10 + 8), "{files:?}");
        assert!(files.len() > 5);
    }

    #[test]
    fn one_file_is_begun_anew_and_a_lowered_count_removes_the_others() {
        let (_keep, path) = directory();
        let mut log = RotatingFile::new(&path, LogLimits { size: 4, files: 5 });
        ["1aa\n", "2aa\n", "3aa\n", "4aa\n", "5aa\n"].iter().for_each(|l| write(&mut log, l));
        assert_eq!(predecessors(&path), [4, 3, 2, 1]);
        let mut log = RotatingFile::new(&path, LogLimits { size: 4, files: 1 });
        write(&mut log, "6aa\n");
        assert_eq!(predecessors(&path), Vec::<u32>::new());
        assert_eq!(read(&path, 0), "6aa\n");
    }

    #[test]
    fn a_log_that_somebody_renamed_removed_or_emptied_is_found_again() {
        let (_keep, path) = directory();
        let mut log = RotatingFile::new(&path, LogLimits { size: 100, files: 2 });
        write(&mut log, "one\n");
        std::fs::rename(&path, path.with_extension("mine")).unwrap();
        write(&mut log, "two\n");
        assert_eq!(read(&path, 0), "two\n");
        std::fs::remove_file(&path).unwrap();
        write(&mut log, "three\n");
        assert_eq!(read(&path, 0), "three\n");
        File::options().write(true).truncate(true).open(&path).unwrap();
        write(&mut log, "four\n");
        assert_eq!(read(&path, 0), "four\n");
    }

    #[test]
    fn a_log_is_readable_by_its_user_and_group_only() {
        let (_keep, path) = directory();
        write(&mut RotatingFile::new(&path, LogLimits::default()), "x\n");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o137, 0);
    }

    #[test]
    fn what_cannot_be_moved_grows_on() {
        let (_keep, path) = directory();
        // A directory in the way of the rename.
        std::fs::create_dir_all(numbered(&path, 1).join("full")).unwrap();
        let mut log = RotatingFile::new(&path, LogLimits { size: 4, files: 2 });
        write(&mut log, "one\ntwo\n");
        assert_eq!(read(&path, 0), "one\ntwo\n");
    }
}
