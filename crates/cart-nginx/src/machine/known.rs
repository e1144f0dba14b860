//! What was found out about an nginx, kept in `run/`, and that it has tested a configuration, kept beside
//! that: a start where nothing has changed runs no program for either. It may be lost.

use std::io::Read;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CartridgeDir, files};

use crate::machine::build::DIRECTIVES;
use crate::text::layout::Rendered;

/// The file beside a configuration that holds which nginx has tested what.
pub(crate) const TESTED: &str = "nginx.tested";

/// By what it is told whether an nginx is the one that was asked: its file, and what is looked for in it.
#[derive(Debug)]
pub(crate) struct Mark(String);

impl Mark {
    /// The mark of the nginx at `path`; `None` for a script, which may lead to another nginx each time.
    pub(crate) fn of(path: &Utf8Path) -> Option<Self> {
        let mut magic = [0; 4];
        let mut program = std::fs::File::open(path).ok()?;
        program.read_exact(&mut magic).ok().filter(|()| magic == *b"\x7fELF")?;
        let file = program.metadata().ok()?;
        Some(Self(format!(
            "{path}\n{} {} {} {}.{:09} {}.{:09}\n{}\n",
            file.dev(),
            file.ino(),
            file.size(),
            file.mtime(),
            file.mtime_nsec(),
            // Images give all of their files one time.
            file.ctime(),
            file.ctime_nsec(),
            DIRECTIVES.join(" ")
        )))
    }

    /// Which of the directives this nginx knows, separated by spaces, and what it said of itself.
    pub(crate) fn said(&self, dir: &CartridgeDir) -> Option<(String, String)> {
        let kept = std::fs::read_to_string(said_file(dir)).ok()?;
        let (directives, said) = kept.strip_prefix(&self.0)?.split_once('\n')?;
        Some((directives.to_owned(), said.to_owned()))
    }

    /// Keeps that.
    pub(crate) fn keep_said(&self, dir: &CartridgeDir, directives: &[&str], said: &str) {
        let text = format!("{}{}\n{said}", self.0, directives.join(" "));
        // It is asked again where there is no room for it, or no directory yet.
        let _ = files::write_unsynced(&said_file(dir), text.as_bytes(), 0o600);
    }

    /// Whether this nginx has tested the configuration in the directory `place`, and found it right.
    pub(crate) fn has_tested(&self, place: &Utf8Path, rendered: &Rendered) -> bool {
        std::fs::read(place.join(TESTED)).is_ok_and(|tested| tested == self.with(rendered))
    }

    /// Keeps that it has.
    pub(crate) fn keep_tested(&self, place: &Utf8Path, rendered: &Rendered) {
        let _ = files::write_unsynced(&place.join(TESTED), &self.with(rendered), 0o600);
    }

    fn with(&self, rendered: &Rendered) -> Vec<u8> {
        [self.0.as_bytes(), &rendered.main, &rendered.appserver, &rendered.server].join(&0)
    }
}

fn said_file(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.run().join("nginx.said")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn what_was_said_counts_until_the_program_is_another() {
        let keep = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(keep.path()).unwrap();
        let dir = CartridgeDir::new(path.to_owned());
        dir.create_all().unwrap();
        let program = path.join("nginx");
        files::write_unsynced(&program, b"\x7fELF one", 0o755).unwrap();
        let rendered = |server: &[u8]| Rendered {
            main: b"main".to_vec(),
            appserver: Vec::new(),
            server: server.to_vec(),
        };
        let mark = Mark::of(&program).unwrap();
        let directive = DIRECTIVES[0];
        assert!(mark.said(&dir).is_none() && !mark.has_tested(path, &rendered(b"1")));
        mark.keep_said(&dir, &[directive], "nginx version: nginx/1.22.1\nmore");
        mark.keep_tested(path, &rendered(b"1"));
        let (directives, said) = Mark::of(&program).unwrap().said(&dir).unwrap();
        assert_eq!(directives, directive);
        assert_eq!(said, "nginx version: nginx/1.22.1\nmore");
        assert!(mark.has_tested(path, &rendered(b"1")) && !mark.has_tested(path, &rendered(b"2")));
        let file = std::fs::File::options().write(true).open(&program).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        let other = Mark::of(&program).unwrap();
        assert!(other.said(&dir).is_none() && !other.has_tested(path, &rendered(b"1")));
        files::write_unsynced(&program, b"#!/bin/sh\n", 0o755).unwrap();
        assert!(Mark::of(&program).is_none(), "a script may call any nginx");
    }
}
