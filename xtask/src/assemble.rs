//! Assembling the cartridge: `cartridge/`, the program, its names and the template, with the modes
//! that a node keeps (node-contract.md, Delivery).

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::entry::Entry;
use cart_core::files::FileError;

use crate::copy::{copy, make};
use crate::made::nginx::OwnNginx;
use crate::made::uv::{OwnUv, UvError};
use crate::workspace::Workspace;

/// The cartridge's directory.
pub(crate) const NAME: &str = "advanced-python";
/// What a node calls for the connections of the manifest. A test compares it with the program.
const CONNECTIONS: [&str; 1] = ["set-env"];
/// A node wants some of these, and scripts find the others there.
const DIRECTORIES: [&str; 7] = ["metadata", "env", "conf", "template", "bin", "hooks", "usr/bin"];

/// What a cartridge brings beside its own program.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// An nginx.
    pub(crate) nginx: Option<OwnNginx>,
    /// A uv.
    pub(crate) uv: Option<OwnUv>,
}

/// Makes `target/dist/advanced-python/` anew around `program`, with what it brings, and answers its
/// path. It is made beside and then put in place, so that nobody sees a part
/// of it.
pub(crate) fn cartridge(
    workspace: &Workspace,
    program: &Utf8Path,
    brought: &Brought,
) -> Result<Utf8PathBuf, AssembleError> {
    let dist = workspace.target.join("dist");
    let pid = std::process::id();
    let (place, beside) = (dist.join(NAME), dist.join(format!(".{NAME}.{pid}.new")));
    make(&dist)?;
    remove(&beside)?;
    if let Err(error) = fill(&beside, &workspace.root, program, brought) {
        // The error that counts is the first one.
        let _ = remove(&beside);
        return Err(error);
    }
    put_in_place(&beside, &place, &dist.join(format!(".{NAME}.{pid}.old")))?;
    Ok(place)
}

fn fill(
    to: &Utf8Path,
    root: &Utf8Path,
    program: &Utf8Path,
    brought: &Brought,
) -> Result<(), AssembleError> {
    for directory in DIRECTORIES {
        make(&to.join(directory))?;
    }
    copy(&root.join("cartridge"), to)?;
    copy(&root.join("examples/apps/welcome"), &to.join("template"))?;
    for name in ["README.md", "LICENSE"] {
        copy(&root.join(name), &to.join(name))?;
    }
    copy(program, &to.join("usr/bin").join(NAME))?;
    if let Some(nginx) = &brought.nginx {
        add_nginx(&to.join("usr/nginx"), nginx)?;
    }
    if let Some(uv) = &brought.uv {
        add_uv(&to.join("usr"), uv)?;
    }
    let scripts = Entry::NAMES.iter().map(|name| to.join("bin").join(name));
    for link in scripts.chain(CONNECTIONS.iter().map(|name| to.join("hooks").join(name))) {
        let failed = |e| FileError::new("make the link", &link, e);
        symlink(format!("../usr/bin/{NAME}"), &link).map_err(failed)?;
    }
    Ok(set_modes(to)?)
}

/// The program where `cart-nginx` looks first, and the licences of what is in it.
fn add_nginx(to: &Utf8Path, nginx: &OwnNginx) -> Result<(), FileError> {
    for directory in ["sbin", "licences"] {
        make(&to.join(directory))?;
    }
    copy(&nginx.program(), &to.join("sbin/nginx"))?;
    for (file, name) in nginx.licences() {
        copy(&file, &to.join("licences").join(name))?;
    }
    Ok(())
}

/// The program where `cart-python` looks first, and its licences.
fn add_uv(usr: &Utf8Path, uv: &OwnUv) -> Result<(), AssembleError> {
    copy(&uv.program(), &usr.join("bin/uv"))?;
    let licences = usr.join("uv/licences");
    make(&licences)?;
    for file in uv.licences()? {
        copy(&file, &licences.join(file.file_name().unwrap_or("LICENSE")))?;
    }
    Ok(())
}

/// 0755 for directories and for what may be executed, 0644 for the rest, whatever the umask of
/// the checkout was.
pub(crate) fn set_modes(path: &Utf8Path) -> Result<(), FileError> {
    let failed = |e| FileError::new("set the mode of", path, e);
    let metadata = path.symlink_metadata().map_err(failed)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let open = metadata.is_dir() || metadata.permissions().mode() & 0o111 != 0;
    let mode = if open { 0o755 } else { 0o644 };
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
    if metadata.is_dir() {
        for entry in path.read_dir_utf8().map_err(failed)? {
            set_modes(entry.map_err(failed)?.path())?;
        }
    }
    Ok(())
}

fn put_in_place(new: &Utf8Path, place: &Utf8Path, old: &Utf8Path) -> Result<(), FileError> {
    remove(old)?;
    match fs::rename(place, old) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(FileError::new("move", place, e));
        }
        _ => {}
    }
    fs::rename(new, place).map_err(|e| FileError::new("make", place, e))?;
    remove(old)
}

fn remove(directory: &Utf8Path) -> Result<(), FileError> {
    match fs::remove_dir_all(directory) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("remove", directory, e))
        }
        _ => Ok(()),
    }
}

/// A cartridge that was not assembled; what was there before is there still.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssembleError {
    #[error("the cartridge was not assembled: {0}")]
    File(#[from] FileError),
    #[error("the cartridge was not assembled: {0}")]
    Uv(#[from] UvError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::files;

    fn write(path: &Utf8Path, mode: u32) {
        make(path.parent().unwrap()).unwrap();
        files::write_atomic(path, path.as_str().as_bytes(), mode).unwrap();
    }

    #[test]
    fn hooks_are_links_modes_are_set_and_leftovers_stay_behind() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let (to, app) = (root.join("to"), root.join("examples/apps/welcome"));
        for (file, mode) in [
            (root.join("cartridge/metadata/manifest.yml"), 0o600),
            (root.join("cartridge/bin/.gitkeep"), 0o644),
            (app.join("app.py"), 0o664),
            (app.join(".openshift/action_hooks/build"), 0o700),
            (app.join("__pycache__/app.pyc"), 0o644),
            (root.join("README.md"), 0o644),
            (root.join("LICENSE"), 0o644),
            (root.join("program"), 0o700),
        ] {
            write(&file, mode);
        }
        fill(&to, root, &root.join("program"), &Brought::default()).unwrap();
        let mode = |name: &str| fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("metadata/manifest.yml"), 0o644);
        assert_eq!(mode("template/app.py"), 0o644);
        assert_eq!(mode("template/.openshift/action_hooks/build"), 0o755);
        assert_eq!(mode("usr/bin/advanced-python"), 0o755);
        assert_eq!(mode("conf"), 0o755);
        for hook in Entry::NAMES {
            let link = to.join("bin").join(hook);
            assert_eq!(link.read_link_utf8().unwrap(), "../usr/bin/advanced-python");
            assert!(link.is_file(), "{link} leads nowhere");
        }
        assert!(to.join("hooks/set-env").is_file());
        assert!(!to.join("template/__pycache__").exists());
        assert!(!to.join("bin/.gitkeep").exists());
    }

    #[test]
    fn an_older_one_is_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        write(&root.join("place/only-old"), 0o644);
        write(&root.join("new/only-new"), 0o644);
        put_in_place(&root.join("new"), &root.join("place"), &root.join("old")).unwrap();
        assert!(root.join("place/only-new").exists() && !root.join("place/only-old").exists());
        assert!(!root.join("new").exists() && !root.join("old").exists());
    }
}
