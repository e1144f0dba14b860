//! A Cloud Native Buildpack of `gear` and the cartridge, as a directory (Buildpack API 0.10).

use camino::Utf8Path;
use cart_core::files::{self, FileError};
use cart_core::tree;

use crate::assemble;
use crate::copy::{copy, make};
use crate::workspace::Workspace;

/// What describes a buildpack.
const FILE: &str = "buildpack.toml";

/// Writes it into `directory`, which is replaced if it holds one of ours.
///
/// # Errors
/// [`FileError`]; a directory that holds another buildpack is as it was.
pub(crate) fn write(
    workspace: &Workspace,
    gear: &Utf8Path,
    cartridge: &Utf8Path,
    directory: &Utf8Path,
) -> Result<(), FileError> {
    let ours = workspace.root.join("xtask/buildpack");
    replace(&ours.join(FILE), directory)?;
    make(directory)?;
    copy(&ours, directory)?;
    copy(gear, &directory.join("gear"))?;
    copy(cartridge, &directory.join(assemble::NAME))?;
    assemble::set_modes(directory)
}

/// Removes what was written before: what has the id of `ours`.
fn replace(ours: &Utf8Path, directory: &Utf8Path) -> Result<(), FileError> {
    let path = directory.join(FILE);
    let Some(there) = files::read_if_exists(&path)? else {
        return Ok(());
    };
    if id(&there) != id(&files::read(ours)?) {
        let other = std::io::Error::other("it is another buildpack's: name a directory elsewhere");
        return Err(FileError::new("replace", &path, other));
    }
    tree::remove(directory)
}

/// The line with the first id, which is the buildpack's.
fn id(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    text.lines().find(|line| line.starts_with("id =")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_buildpack_of_ours_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let (ours, there, old) = (dir.join("ours"), dir.join("there"), dir.join("there.old"));
        let write = |path: &Utf8Path, text: &str| {
            files::write_atomic(path, text.as_bytes(), 0o644).unwrap();
        };
        write(&ours, "api = \"0.10\"\n[buildpack]\nid = \"a\"\nversion = \"1\"\n");
        replace(&ours, &there).unwrap();
        std::fs::create_dir(&there).unwrap();
        std::fs::create_dir(&old).unwrap();
        for other in ["[buildpack]\nid = \"b\"\n", ""] {
            write(&there.join(FILE), other);
            assert!(replace(&ours, &there).unwrap_err().to_string().contains("another buildpack"));
            assert!(there.join(FILE).is_file());
        }
        write(&there.join(FILE), "[buildpack]\nid = \"a\"\nversion = \"0\"\n");
        replace(&ours, &there).unwrap();
        assert!(!there.exists() && old.is_dir());
    }
}
