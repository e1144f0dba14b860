//! What is an app's in a snapshot, for a place that knows no gears: its code, its data, its user's variables.
//!
//! The code is that of the current deployment; a node leaves what runs (`runtime/repo`) out. Where nothing was
//! ever deployed, it is the last commit of the repository. `.env` travels in a snapshot of `gear` and of a node
//! (node-contract.md, Snapshot, restore), but for files that whoever packed it could not read.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::manifest::Manifest;
use cart_core::{GearEnv, tree};

use crate::deploy::deployments::metadata::Metadata;
use crate::deploy::git::{Git, Repository};
use crate::environment::{sources, user_variables};
use crate::layout::error::GearError;
use crate::layout::new_directory::NewDirectory;
use crate::scripts::progress::{Caller, Interrupts, Progress};
use crate::snapshot::names::Selection;
use crate::snapshot::restored_deployment::{self, Current};
use crate::snapshot::transforms::Transforms;
use crate::snapshot::unpack::{self, no_snapshot};

/// The code, in the directory that is made.
const CODE: &str = "app";
/// The data.
const DATA: &str = "data";
/// The variables.
const VARIABLES: &str = "variables.env";
/// Where the snapshot is laid out meanwhile, there too.
const STAGING: &str = ".snapshot";
/// So many bytes of a value or of a manifest are read: a node allows far fewer.
const LONGEST_FILE: u64 = 256 * 1024;

/// What was found in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// Whose code it is, in words.
    pub code: String,
    /// Names of the variables, sorted.
    pub variables: Vec<String>,
    /// Names of the cartridges that were on the gear, sorted. Nothing of theirs was taken.
    pub cartridges: Vec<String>,
}

/// Takes an app out of `archive`, a snapshot of `gear`'s or of a node's making, into the directory `to`, which
/// must not be there, or be empty: its code into `app`, its data into `data`, the variables of its user into
/// `variables.env`. As a restore does, it leaves symbolic links as they are and writes through none. git, which
/// may be needed, is found on the `PATH` of `env`.
///
/// # Errors
/// [`GearError`] when the archive is damaged, leads out of itself or is none of a gear; nothing is written then.
pub fn extract(
    archive: &mut dyn Read,
    to: &Utf8Path,
    env: &GearEnv,
    interrupts: &Interrupts,
    progress: &mut dyn Progress,
) -> Result<Extracted, GearError> {
    let new = NewDirectory::beside(to)?;
    progress.step("reading the snapshot", Caller::Control);
    let extracted = into(new.place(), archive, env, interrupts, progress).map_err(|error| {
        error.saying(format!("the snapshot is not extracted, and nothing was written: {error}"))
    })?;
    // It holds secrets.
    new.put(0o700)?;
    Ok(extracted)
}

fn into(
    place: &Utf8Path,
    archive: &mut dyn Read,
    env: &GearEnv,
    interrupts: &Interrupts,
    progress: &mut dyn Progress,
) -> Result<Extracted, GearError> {
    let staging = place.join(STAGING);
    files::create_dir(&staging, 0o700)?;
    let transforms = Transforms::default();
    let selection = Selection { git: true, about: true, gear: CODE, transforms: &transforms };
    let remarks = unpack::unpack(archive, &staging, &selection, interrupts)?;
    remarks.iter().for_each(|remark| progress.notice(remark));
    let code = take_code(&staging, &place.join(CODE), env)?;
    take(&staging.join("app-root/data"), &place.join(DATA))?;
    let variables = take_variables(&staging, &place.join(VARIABLES), progress)?;
    let cartridges = cartridges(&staging)?;
    tree::remove(&staging)?;
    Ok(Extracted { code, variables, cartridges })
}

/// Moves a directory, which may be one that nobody may write into.
fn take(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    let metadata = from.metadata().map_err(|error| FileError::new("look at", from, error))?;
    let mode = metadata.permissions().mode() & 0o777 | 0o700;
    std::fs::set_permissions(from, PermissionsExt::from_mode(mode))
        .map_err(|error| FileError::new("change", from, error))?;
    files::rename(from, to)
}

fn take_code(staging: &Utf8Path, to: &Utf8Path, env: &GearEnv) -> Result<String, GearError> {
    let deployments = staging.join("app-deployments");
    if restored_deployment::check(&deployments)? == Current::There {
        let link = deployments.join("current");
        let name = link.read_link_utf8().map_err(|error| FileError::new("read", &link, error))?;
        let directory = deployments.join(&name);
        let commit = Metadata::read(&directory)?.git_sha1.map(|sha| short(&sha));
        take(&directory.join("repo"), to)?;
        let commit = commit.map_or_else(String::new, |commit| format!(", commit {commit}"));
        return Ok(format!("the deployment of {name}{commit}"));
    }
    let path = staging.join(format!("git/{CODE}.git"));
    let none = || no_snapshot("it has no code: neither a deployment nor a commit");
    if !path.is_dir() {
        return Err(none());
    }
    believe_nothing_of(&path)?;
    let repository = Repository::at(path, Git::find(env)?);
    let commit = repository.commit("HEAD")?.ok_or_else(none)?;
    files::create_dir(to, 0o755)?;
    repository.extract(&commit, to)?;
    Ok(format!(
        "commit {} of its git repository, for nothing was ever deployed",
        short(&commit.sha)
    ))
}

fn short(sha: &str) -> String {
    sha.chars().take(7).collect()
}

/// Takes from a repository what has git run programs or look elsewhere.
fn believe_nothing_of(repository: &Utf8Path) -> Result<(), FileError> {
    for name in ["config", "config.worktree", "commondir", "info", "objects/info/alternates"] {
        tree::remove(&repository.join(name))?;
    }
    let plain = b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
    files::write_unsynced(&repository.join("config"), plain, 0o600)
}

/// Writes what a line can hold of the user's variables.
fn take_variables(
    staging: &Utf8Path,
    to: &Utf8Path,
    progress: &mut dyn Progress,
) -> Result<Vec<String>, GearError> {
    let directory = staging.join(".env/user_vars");
    let there = if directory.is_dir() { files::list(&directory)? } else { Vec::new() };
    for path in there.iter().filter(|path| !is_plain(path)) {
        tree::remove(path)?;
    }
    let (mut names, mut text) = (Vec::new(), String::new());
    for (name, value) in sources::variables(&directory)? {
        let name = name.to_string_lossy().into_owned();
        match value.to_str() {
            _ if user_variables::check_name(&name).is_err() => {}
            Some(value) if !value.contains(['\n', '\r']) => {
                text.push_str(&format!("{name}={value}\n"));
                names.push(name);
            }
            _ => progress.notice(&format!(
                "left out: the value of {name} is not one line of text. `tar -xzOf SNAPSHOT --wildcards \
                 '*/.env/user_vars/{name}'` prints it"
            )),
        }
    }
    files::write_unsynced(to, text.as_bytes(), 0o600)?;
    Ok(names)
}

/// Whether it is a file, and no link to one, that may be a variable or a manifest.
fn is_plain(path: &Utf8Path) -> bool {
    path.symlink_metadata().is_ok_and(|it| it.is_file() && it.len() <= LONGEST_FILE)
}

/// The names of the cartridges, as far as their manifests can be read.
fn cartridges(staging: &Utf8Path) -> Result<Vec<String>, FileError> {
    let manifests: Vec<Utf8PathBuf> =
        files::list(staging)?.iter().map(|path| path.join("metadata/manifest.yml")).collect();
    let plain = manifests.iter().filter(|path| is_plain(path));
    let mut names: Vec<String> =
        plain.filter_map(|path| Some(Manifest::read(path).ok()?.name)).collect();
    names.sort();
    Ok(names)
}
