//! Reading what a log gets from now on, whoever writes it, and whether or not it is rotated
//! meanwhile.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};

/// No more is read at once; the rest comes with the next look.
const MOST: u64 = 4 * 1024 * 1024;

/// A place in a log, kept when the log is renamed and begun anew, and when it is emptied in place.
#[derive(Debug)]
pub struct Tail {
    path: Utf8PathBuf,
    /// The log as it is open, and how far it was read. A log that was renamed is read to its end.
    open: Option<(File, u64)>,
}

impl Tail {
    /// The present end of a log, which need not be there yet.
    #[must_use]
    pub fn at_end(path: &Utf8Path) -> Self {
        let open = File::open(path).ok().map(|file| {
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            (file, length)
        });
        Self { path: path.to_owned(), open }
    }

    /// Adds to `to` what has come since the last look; answers whether there was anything.
    pub fn read(&mut self, to: &mut Vec<u8>) -> bool {
        let before = to.len();
        self.read_open(to);
        if self.is_replaced() {
            // What was written between that look and the renaming.
            self.read_open(to);
            self.open = File::open(&self.path).ok().map(|file| (file, 0));
            self.read_open(to);
        }
        to.len() > before
    }

    fn read_open(&mut self, to: &mut Vec<u8>) {
        let Some((file, offset)) = &mut self.open else { return };
        if file.metadata().is_ok_and(|metadata| metadata.len() < *offset) {
            *offset = 0;
        }
        if file.seek(SeekFrom::Start(*offset)).is_ok() {
            let before = to.len();
            // What could be read counts, error or not.
            let _ = file.take(MOST).read_to_end(to);
            *offset += (to.len() - before) as u64;
        }
    }

    /// Whether another file has the log's name now.
    fn is_replaced(&self) -> bool {
        let Ok(now) = std::fs::metadata(&self.path) else { return false };
        let open = self.open.as_ref().and_then(|(file, _)| file.metadata().ok());
        open.is_none_or(|open| (open.dev(), open.ino()) != (now.dev(), now.ino()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::disk::files;

    fn append(path: &Utf8Path, text: &str) {
        files::open_log(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn read(tail: &mut Tail) -> String {
        let mut bytes = Vec::new();
        let any = tail.read(&mut bytes);
        assert_eq!(any, !bytes.is_empty());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn nothing_is_missed_when_the_log_is_rotated_or_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let log = Utf8Path::from_path(dir.path()).unwrap().join("log");
        append(&log, "before\n");
        let mut tail = Tail::at_end(&log);
        assert_eq!(read(&mut tail), "");
        append(&log, "one\n");
        assert_eq!(read(&mut tail), "one\n");
        append(&log, "two\n");
        files::rename(&log, &log.with_extension("1")).unwrap();
        append(&log, "three\n");
        assert_eq!(read(&mut tail), "two\nthree\n");
        File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
        append(&log, "4\n");
        assert_eq!(read(&mut tail), "4\n");
    }

    #[test]
    fn a_log_that_is_not_there_yet_is_read_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let log = Utf8Path::from_path(dir.path()).unwrap().join("log");
        let mut tail = Tail::at_end(&log);
        assert_eq!(read(&mut tail), "");
        append(&log, "first\n");
        assert_eq!(read(&mut tail), "first\n");
    }
}
