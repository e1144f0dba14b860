//! The app that a cartridge brings along for those who bring none (node-contract.md, Lifecycle,
//! configure).

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::run::{self};
use cart_core::{CommandSpec, GearEnv};

use cart_core::tree;

use crate::layout::error::GearError;

/// Where a cartridge's template may lie, first found: a directory, or a bare git repository.
const PLACES: [&str; 4] = ["template", "template.git", "usr/template", "usr/template.git"];
/// Getting the files out of a repository on the same disk is done in no time.
const LIMIT: Duration = Duration::from_secs(60);

/// Where the template of the cartridge in `directory` is, if it has one.
#[must_use]
pub(crate) fn of(directory: &Utf8Path) -> Option<Utf8PathBuf> {
    PLACES.iter().map(|place| directory.join(place)).find(|path| path.is_dir())
}

/// Puts the files of a template into `repo`, which is empty; `env` is for git.
///
/// # Errors
/// [`GearError`].
pub(crate) fn copy(template: &Utf8Path, repo: &Utf8Path, env: &GearEnv) -> Result<(), GearError> {
    if template.extension() != Some("git") {
        return Ok(tree::copy(template, repo, |below| below.ends_with(".git"))?);
    }
    // The shell finds git by the gear's PATH.
    let script = "git clone --quiet \"$1\" \"$2\" && rm -rf \"$2/.git\"";
    let args = ["-c", script, "sh", template.as_str(), repo.as_str()];
    let cloned = run::checked(&CommandSpec::new("/bin/sh", env).args(args), LIMIT);
    cloned.map(drop).map_err(|error| {
        GearError::failed(format!(
            "the cartridge's template is a git repository, and its files cannot be had: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::files;

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    fn git_env() -> GearEnv {
        let path = GearEnv::from_process().get("PATH").unwrap().to_owned();
        GearEnv::new().with("PATH", path).with("HOME", "/nonexistent")
    }

    #[test]
    fn the_first_place_counts_and_none_is_no_template() {
        let (_keep, dir) = directory();
        assert_eq!(of(&dir), None);
        for place in ["usr/template", "template"] {
            std::fs::create_dir_all(dir.join(place)).unwrap();
            assert_eq!(of(&dir), Some(dir.join(place)));
        }
    }

    #[test]
    fn the_files_of_a_repository_are_taken_without_it() {
        let (_keep, dir) = directory();
        let (work, cartridge) = (dir.join("work"), dir.join("cartridge"));
        std::fs::create_dir_all(&work).unwrap();
        std::fs::create_dir_all(&cartridge).unwrap();
        files::write_atomic(&work.join("app.py"), b"1", 0o644).unwrap();
        let script = "git init -q . && git add . && git -c user.name=a -c user.email=a@b \
            commit -q -m first && git clone -q --bare . \"$1\"";
        let bare = cartridge.join("template.git");
        let args = ["-c", script, "sh", bare.as_str()];
        let make = CommandSpec::new("/bin/sh", &git_env()).args(args).dir(&work);
        run::checked(&make, LIMIT).unwrap();
        let repo = dir.join("repo");
        std::fs::create_dir(&repo).unwrap();
        copy(&of(&cartridge).unwrap(), &repo, &git_env()).unwrap();
        assert!(repo.join("app.py").is_file() && !repo.join(".git").exists());

        files::write_atomic(&bare.join("HEAD"), b"nonsense", 0o644).unwrap();
        let again = dir.join("again");
        let error = copy(&of(&cartridge).unwrap(), &again, &git_env()).unwrap_err();
        assert!(error.to_string().contains("template is a git repository"), "{error}");
    }
}
