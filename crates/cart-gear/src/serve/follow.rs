//! Following logs: all files of some directories, each line as it comes.
//!
//! The files are looked at a few times a second. inotify would tell sooner, but it would have to
//! watch each directory and each file behind a rename, and a look costs a handful of `stat` calls.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files;

/// How often the files are worth a look.
pub const INTERVAL: Duration = Duration::from_millis(200);

/// A line without an end is shown in pieces of this size.
const LONGEST_LINE: usize = 64 * 1024;

/// The logs of some directories. A file is known by its inode, so one that is renamed by rotation
/// is read to its end and never read twice.
#[derive(Debug)]
pub struct Follower {
    directories: Vec<Utf8PathBuf>,
    followed: HashMap<(u64, u64), Followed>,
}

#[derive(Debug)]
struct Followed {
    name: String,
    file: File,
    position: u64,
    /// What came after the last newline.
    partial: Vec<u8>,
}

/// A line that was in a log already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastLine {
    /// The name of its file.
    pub file: String,
    /// When the file was last written to: the line is at least as old.
    pub written: SystemTime,
    /// The line, without its end.
    pub text: String,
}

/// The last lines of each log in some directories, at most `count` of each and what its last 64 KiB
/// hold. Logs that rotation put aside are left out.
#[must_use]
pub fn last(directories: &[Utf8PathBuf], count: usize) -> Vec<LastLine> {
    let mut files = files_in(directories);
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    let is_put_aside = |path: &Utf8Path| {
        let mut others = files.iter().filter(|(other, _)| other != path);
        others.any(|(other, _)| is_copy(path.as_str(), other.as_str()))
    };
    let mut lines = Vec::new();
    for (path, metadata) in files.iter().filter(|(path, _)| !is_put_aside(path)) {
        let file = path.file_name().unwrap_or_default();
        // A system that keeps no such time has just been asked.
        let written = metadata.modified().unwrap_or_else(|_| SystemTime::now());
        let last = files::last_lines(path, 0, count);
        lines.extend(last.into_iter().map(|text| LastLine {
            file: file.to_owned(),
            written,
            text,
        }));
    }
    lines
}

/// Whether rotation gave `name` to what was in `other`: `app.log.1`, `app.log-20260101`.
fn is_copy(name: &str, other: &str) -> bool {
    name.strip_prefix(other).is_some_and(|rest| rest.starts_with(['.', '-']))
}

impl Follower {
    /// Follows what is written from now on to the files of `directories`, those that appear later
    /// included.
    #[must_use]
    pub fn from_now_on(directories: Vec<Utf8PathBuf>) -> Self {
        let present = files_in(&directories);
        let mut follower = Self { directories, followed: HashMap::new() };
        for (path, metadata) in present {
            follower.add(&path, &metadata, metadata.len());
        }
        follower
    }

    /// Hands each line that came since the last look to `line`, with the name of its file.
    pub fn look(&mut self, line: &mut dyn FnMut(&str, &str)) {
        let present = files_in(&self.directories);
        for (path, metadata) in &present {
            let name = path.file_name().unwrap_or_default();
            match self.followed.get_mut(&inode(metadata)) {
                Some(followed) => name.clone_into(&mut followed.name),
                None => self.add(path, metadata, self.start_of(name, metadata)),
            }
        }
        let mut all: Vec<_> = self.followed.values_mut().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        for followed in all {
            followed.read(line);
        }
        // What was removed has been read to its end just now.
        let still_there: Vec<_> = present.iter().map(|(_, m)| inode(m)).collect();
        self.followed.retain(|inode, _| still_there.contains(inode));
    }

    /// A rotation that copies makes new files out of lines that were shown already.
    fn start_of(&self, name: &str, metadata: &Metadata) -> u64 {
        if self.followed.values().any(|followed| is_copy(name, &followed.name)) {
            metadata.len()
        } else {
            0
        }
    }

    fn add(&mut self, path: &Utf8Path, metadata: &Metadata, position: u64) {
        // One that cannot be opened now is tried again at the next look.
        let Ok(file) = File::open(path) else { return };
        let followed = Followed {
            name: path.file_name().unwrap_or_default().to_owned(),
            file,
            position,
            partial: Vec::new(),
        };
        self.followed.insert(inode(metadata), followed);
    }
}

fn files_in(directories: &[Utf8PathBuf]) -> Vec<(Utf8PathBuf, Metadata)> {
    let entries = directories.iter().filter_map(|d| d.read_dir_utf8().ok());
    entries
        .flat_map(|entries| entries.flatten())
        .filter(|entry| !entry.file_name().starts_with('.'))
        .filter_map(|entry| Some((entry.path().to_owned(), entry.path().metadata().ok()?)))
        .filter(|(_, metadata)| metadata.is_file())
        .collect()
}

impl Followed {
    fn read(&mut self, line: &mut dyn FnMut(&str, &str)) {
        let length = self.file.metadata().map_or(self.position, |m| m.len());
        if length < self.position {
            self.position = 0;
            self.partial.clear();
        }
        if length == self.position || self.file.seek(SeekFrom::Start(self.position)).is_err() {
            return;
        }
        let mut bytes = [0; 64 * 1024];
        while let Ok(count @ 1..) = self.file.read(&mut bytes) {
            self.position += count as u64;
            self.partial.extend_from_slice(&bytes[..count]);
            self.tell(line);
        }
    }

    fn tell(&mut self, line: &mut dyn FnMut(&str, &str)) {
        let mut rest = self.partial.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            line(&self.name, text(&rest[..end]).trim_end());
            rest = &rest[end + 1..];
        }
        if rest.len() > LONGEST_LINE {
            line(&self.name, &text(rest));
            rest = &[];
        }
        self.partial = rest.to_vec();
    }
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    struct Logs {
        _keep: tempfile::TempDir,
        path: Utf8PathBuf,
        follower: Follower,
    }

    impl Logs {
        fn new(before: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = Utf8Path::from_path(dir.path()).unwrap().to_owned();
            append(&path.join("app.log"), before);
            let follower = Follower::from_now_on(vec![path.clone(), path.join("missing")]);
            Self { _keep: dir, path, follower }
        }

        fn append(&self, name: &str, text: &str) {
            append(&self.path.join(name), text);
        }

        fn look(&mut self) -> Vec<String> {
            let mut lines = Vec::new();
            self.follower.look(&mut |file, line| lines.push(format!("{file}: {line}")));
            lines
        }
    }

    fn append(path: &Utf8Path, text: &str) {
        let mut file = File::options().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn only_new_whole_lines_are_told() {
        let mut logs = Logs::new("old\n");
        assert!(logs.look().is_empty());
        logs.append("app.log", "one\ntw");
        assert_eq!(logs.look(), ["app.log: one"]);
        logs.append("app.log", "o\r\n");
        assert_eq!(logs.look(), ["app.log: two"]);
    }

    #[test]
    fn a_file_that_appears_is_told_from_its_start() {
        let mut logs = Logs::new("");
        logs.append("new.log", "first\n");
        logs.append(".hidden", "no\n");
        assert_eq!(logs.look(), ["new.log: first"]);
    }

    #[test]
    fn a_renamed_file_is_read_to_its_end_and_not_again() {
        let mut logs = Logs::new("old\n");
        logs.append("app.log", "before\n");
        std::fs::rename(logs.path.join("app.log"), logs.path.join("app.log.1")).unwrap();
        logs.append("app.log", "after\n");
        assert_eq!(logs.look(), ["app.log: after", "app.log.1: before"]);
        assert!(logs.look().is_empty());
    }

    #[test]
    fn a_truncated_file_is_told_from_its_start_and_its_copy_not_at_all() {
        let mut logs = Logs::new("old, and long enough\n");
        std::fs::copy(logs.path.join("app.log"), logs.path.join("app.log.1")).unwrap();
        File::options().write(true).truncate(true).open(logs.path.join("app.log")).unwrap();
        assert!(logs.look().is_empty());
        logs.append("app.log", "new\n");
        assert_eq!(logs.look(), ["app.log: new"]);
    }

    #[test]
    fn the_last_lines_of_a_removed_file_are_told() {
        let mut logs = Logs::new("");
        logs.append("app.log", "last words\n");
        std::fs::remove_file(logs.path.join("app.log")).unwrap();
        assert_eq!(logs.look(), ["app.log: last words"]);
        assert!(logs.look().is_empty());
    }

    #[test]
    fn the_last_lines_are_those_of_the_logs_in_use() {
        let logs = Logs::new("1\n2\n3\n");
        logs.append("app.log.1", "0\n");
        logs.append("web.log", "w\n");
        let found = last(&[logs.path.join("missing"), logs.path.clone()], 2);
        let lines: Vec<String> = found.iter().map(|l| format!("{}: {}", l.file, l.text)).collect();
        assert_eq!(lines, ["app.log: 2", "app.log: 3", "web.log: w"]);
        let written = logs.path.join("web.log").metadata().unwrap().modified().unwrap();
        assert_eq!(found[2].written, written);
    }

    #[test]
    fn a_line_without_end_is_told_in_pieces() {
        let mut logs = Logs::new("");
        logs.append("app.log", &"x".repeat(LONGEST_LINE + 1));
        assert!(logs.look().concat().len() > LONGEST_LINE);
    }
}
