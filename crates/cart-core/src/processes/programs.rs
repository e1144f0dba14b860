//! Finding executables on the PATH that the gear has, not on the one this process happens to have.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use camino::{Utf8Path, Utf8PathBuf};

use crate::given::env::GearEnv;

/// The first executable called `name` on the PATH of `env`, or in one of `more` directories.
///
/// # Errors
/// [`ProgramError`] naming the program and where it was looked for.
pub fn find(name: &str, env: &GearEnv, more: &[&str]) -> Result<Utf8PathBuf, ProgramError> {
    all(name, env, more).into_iter().next().ok_or_else(|| ProgramError {
        program: name.to_owned(),
        looked_in: String::from_utf8_lossy(search_path(env, more).as_encoded_bytes()).into_owned(),
    })
}

/// All executables called `name`, in the order of the PATH.
#[must_use]
pub fn all(name: &str, env: &GearEnv, more: &[&str]) -> Vec<Utf8PathBuf> {
    which::which_in_all(name, Some(search_path(env, more)), "/")
        .into_iter()
        .flatten()
        .filter_map(|path| Utf8PathBuf::from_path_buf(path).ok())
        .collect()
}

/// Whether a script's first line ends in a carriage return, as on Windows. The system takes that for
/// the end of the interpreter's name, finds none of that name, and says that the script is not there.
#[must_use]
pub fn has_carriage_return(script: &Utf8Path) -> bool {
    const ENOUGH: u64 = 4096;
    let mut line = Vec::new();
    let read = File::open(script)
        .and_then(|file| BufReader::new(file.take(ENOUGH)).read_until(b'\n', &mut line));
    // A program that is no script has a NUL in its first bytes.
    read.is_ok() && line.ends_with(b"\r\n") && !line.contains(&0)
}

fn search_path(env: &GearEnv, more: &[&str]) -> OsString {
    let mut path = env.get("PATH").unwrap_or_default().to_owned();
    for directory in more {
        if !path.is_empty() {
            path.push(":");
        }
        path.push(directory);
    }
    path
}

/// A program that is not installed where the gear could see it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the program `{program}` was not found in {looked_in}")]
pub struct ProgramError {
    /// Its name.
    pub program: String,
    /// The directories, colon-separated.
    pub looked_in: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gears_path_counts_and_an_error_names_it() {
        let env = GearEnv::new().with("PATH", "/nonexistent:/bin:/usr/bin");
        assert!(find("sh", &env, &[]).unwrap().as_str().ends_with("bin/sh"));
        let error = find("no-such-program", &env, &["/opt/x"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the program `no-such-program` was not found in /nonexistent:/bin:/usr/bin:/opt/x"
        );
    }

    #[test]
    fn a_carriage_return_is_seen_in_the_first_line_of_scripts_only() {
        let dir = tempfile::tempdir().unwrap();
        let script = Utf8Path::from_path(dir.path()).unwrap().join("script");
        let has = |content: &[u8]| {
            crate::disk::files::write_atomic(&script, content, 0o755).unwrap();
            has_carriage_return(&script)
        };
        assert!(has(b"#!/bin/sh -e\r\nexit 0\r\n") && has(b"echo\r\n"));
        assert!(!has(b"#!/bin/sh\nexit 0\r\n") && !has(b"\x7fELF\0\r\n") && !has(b""));
        assert!(!has_carriage_return("/nonexistent".into()));
    }

    #[test]
    fn without_a_path_only_the_given_directories_count() {
        assert!(find("sh", &GearEnv::new(), &[]).is_err());
        assert!(find("sh", &GearEnv::new(), &["/bin"]).is_ok());
    }
}
