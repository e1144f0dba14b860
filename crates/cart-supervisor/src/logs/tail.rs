//! The last lines of a log since a moment, even if it was moved on meanwhile.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;

use crate::logs::rotating::numbered;

/// How many predecessors of a log are looked at: as many lines as a message has are in fewer.
const MOST_FILES: u32 = 4;

/// A place in a log: what stands before it was written before the mark was made.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    /// The file, kept open so that no other one gets its inode; `None` when there was none.
    file: Option<File>,
    offset: u64,
}

impl Mark {
    /// The end of a log, `pending` bytes of which are not in the file yet.
    pub(crate) fn end_of(path: &Utf8Path, pending: u64) -> Self {
        let file = File::open(path).ok();
        let length = file.as_ref().and_then(|f| f.metadata().ok()).map_or(0, |m| m.len());
        Self { file, offset: length + pending }
    }

    /// The last `count` lines that a log got after this mark.
    pub(crate) fn last_lines(&self, path: &Utf8Path, count: usize) -> Vec<String> {
        let marked = self.file.as_ref().and_then(|f| f.metadata().ok()).map(|m| m.ino());
        let mut lines = Vec::new();
        for number in 0..MOST_FILES {
            let file = numbered(path, number);
            // Missing for a moment while it is moved on.
            let Ok(metadata) = std::fs::metadata(&file) else { continue };
            let is_marked = marked == Some(metadata.ino());
            let from = if is_marked { self.offset } else { 0 };
            let mut older = files::last_lines(&file, from, count - lines.len());
            older.append(&mut lines);
            lines = older;
            if is_marked || lines.len() >= count {
                return lines;
            }
        }
        // Moved on by somebody who gives other names.
        if let Some(file) = &self.file {
            let file = Utf8PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
            let mut older = files::last_lines(&file, self.offset, count - lines.len());
            older.append(&mut lines);
            lines = older;
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::logs::rotating::{RotatingFile, shift};
    use cart_core::LogLimits;

    #[test]
    fn lines_since_a_mark_are_found_whatever_name_their_file_got() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("x.log");
        let say = |text: &str| files::open_log(&path).unwrap().write_all(text.as_bytes()).unwrap();
        say("before\n");
        let mark = Mark::end_of(&path, 0);
        say("one\n");
        std::fs::rename(&path, format!("{path}-20261126000000")).unwrap();
        say("two\n");
        assert_eq!(mark.last_lines(&path, 9), ["one", "two"]);
    }

    #[test]
    fn lines_since_a_mark_are_found_behind_a_rotation() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("x.log");
        let mut log = RotatingFile::new(&path, LogLimits { size: 1000, files: 9 });
        let mut say = |text: &str| log.append(&mut text.as_bytes()).unwrap();
        assert!(Mark::end_of(&path, 0).last_lines(&path, 9).is_empty());
        say("before\n");
        let mark = Mark::end_of(&path, 7);
        say("in way\none\n");
        assert_eq!(mark.last_lines(&path, 9), ["one"]);
        shift(&path, 9).unwrap();
        say("two\nthree\n");
        assert_eq!(mark.last_lines(&path, 9), ["one", "two", "three"]);
        assert_eq!(mark.last_lines(&path, 2), ["two", "three"]);
        shift(&path, 9).unwrap();
        say("four\n");
        assert_eq!(mark.last_lines(&path, 9), ["one", "two", "three", "four"]);
    }
}
