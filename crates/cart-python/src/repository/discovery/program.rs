//! A program of the repository that serves the app by itself.

use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;
use cart_core::programs;

use super::{DecidedBy, Found};
use crate::variables::entry_point::EntryPoint;
use crate::variables::names::SERVER;

/// A program that cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// It is not there.
    #[error(
        "there is no {0}, which is to serve because of {variable}\nAdd it: an executable that serves \
         HTTP on the listening socket that it gets as descriptor 3. Or choose another server",
        variable = SERVER.name
    )]
    Missing(String),
    /// It is there, but nobody may run it.
    #[error("{0} is not executable\nMake it so and commit that: git update-index --chmod=+x {0}")]
    NotExecutable(String),
    /// Its first line ends as on Windows, so the system would look for a program that is not there.
    #[error(
        "the first line of {0} ends with a carriage return, as on Windows: the system would look for \
         a program of that name\nSave it with line ends of Unix, and keep git from changing them: \
         {0} text eol=lf in .gitattributes"
    )]
    CarriageReturn(String),
}

/// The program as the app.
///
/// # Errors
/// [`ProgramError`] for one that could not be started.
pub(super) fn found(repo: &Utf8Path, program: &str) -> Result<Found, ProgramError> {
    let path = repo.join(program);
    let Some(metadata) = path.metadata().ok().filter(std::fs::Metadata::is_file) else {
        return Err(ProgramError::Missing(program.to_owned()));
    };
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(ProgramError::NotExecutable(program.to_owned()));
    }
    if programs::has_carriage_return(&path) {
        return Err(ProgramError::CarriageReturn(program.to_owned()));
    }
    Ok(Found {
        entry_point: EntryPoint::of_file(Utf8Path::new(program), "application"),
        interface: None,
        decided_by: DecidedBy::Variable(SERVER.name),
        because: format!("the app serves itself, by {program}: {} says so", SERVER.name),
        is_named: false,
        is_new: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_could_not_be_started_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Utf8Path::from_path(dir.path()).unwrap();
        let refused = || found(repo, "server").unwrap_err().to_string();
        insta::assert_snapshot!(refused());
        let write = |text: &str, mode| {
            cart_core::files::write_atomic(&repo.join("server"), text.as_bytes(), mode).unwrap();
        };
        write("#!/bin/sh\n", 0o644);
        insta::assert_snapshot!(refused());
        write("#!/bin/sh\r\nexec true\r\n", 0o755);
        insta::assert_snapshot!(refused());
        write("#!/bin/sh\n", 0o755);
        insta::assert_snapshot!(found(repo, "server").unwrap().because);
    }
}
