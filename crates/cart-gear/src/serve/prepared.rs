//! An app that was built before, in a directory that may be read-only when it is served: the repository
//! and the dependencies of a deployment, which lie in an image, and a gear around them, which is made
//! anew in one directory that can be written to.
//!
//! What was built names the gear's home, in first lines of scripts for instance. So the home has the same
//! path when it is built and when it is served, and nothing has to be changed then.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{lock, tree};
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::deploy::build::Turn;
use crate::deploy::deployments::{Deployment, Markers, fingerprint};
use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::gear::options::GearOptions;
use crate::home::lifecycle::LAST_PROCESSES;
use crate::home::throwaway::Throwaway;
use crate::layout::error::GearError;
use crate::layout::output::Said;
use crate::layout::paths::Layout;
use crate::layout::state::State;
use crate::scripts::processes::Processes;
use crate::scripts::progress::{Progress, Silent};
use crate::serve::bring_up::App;
use crate::serve::foreground::ServeOptions;

/// What tells of it, in its directory. Written last: without it nothing was prepared.
pub(crate) const FILE: &str = "prepared.json";
/// What was installed, for those who look for known faults.
pub(crate) const SBOM: &str = "sbom.cdx.json";
/// Raised when what an older `gear` prepared cannot be served any more.
const FORMAT: u32 = 1;
/// The name of the gear's home, in the directory for temporary files.
const HOME: &str = "prepared-gear";
/// What it holds of a deployment: that which only a build needs stays on the gear that is thrown away.
const PARTS: [&str; 2] = ["repo", DEPENDENCIES];
const DEPENDENCIES: &str = "dependencies";
/// The file of a gear's environment that tells it from others.
const UUID: &str = "OPENSHIFT_GEAR_UUID";
/// What a cartridge does for files that will be read-only, and the same whenever they are made of the same; only
/// for those of the code, when it is told `repo`, because the others have not changed.
const PACK: &str = "pack";
/// What a cartridge is asked for what was installed: one result, a list of [`Package`]s as JSON.
const PACKAGES: &str = "packages";

/// How an app was prepared, as its directory tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    format: u32,
    /// The app's name.
    pub name: String,
    /// Its directory, without symbolic links in the path: what was built names that, too.
    pub directory: Utf8PathBuf,
    /// The home of the gear that it was built on.
    pub home: Utf8PathBuf,
    /// The version of the cartridge's software.
    pub version: String,
    /// What was set for the app then.
    pub variables: Vec<(String, String)>,
    /// What was installed for it, as the cartridge tells it.
    #[serde(default)]
    pub packages: Vec<Package>,
}

/// Something that was installed, by the names of package URLs (purl).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Whose it is: `pypi`, `generic`, and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Prepared {
    /// What lies in `directory`.
    ///
    /// # Errors
    /// [`GearError`] when nothing was prepared there, or by a newer `gear`.
    pub fn read(directory: &Utf8Path) -> Result<Self, GearError> {
        let Some(bytes) = files::read_if_exists(&directory.join(FILE))? else {
            return Err(GearError::wrong(format!(
                "{directory} holds no app that was prepared (there is no {FILE}): make one with `gear prepare APP_DIR {directory}`"
            )));
        };
        let read: Option<Self> = serde_json::from_slice(&bytes).ok();
        read.filter(|read| read.format == FORMAT).ok_or_else(|| {
            GearError::failed(format!(
                "{directory}/{FILE} is not as this gear writes it: prepare the app anew with the gear that serves it"
            ))
        })
    }
}

/// Builds the app into the directory `to`: one that is not there, that is empty, or that holds what was
/// prepared before. Of that, what is still right is not built again; what is not, is made anew from nothing, so
/// that the same comes of the same app.
///
/// # Errors
/// [`GearError`]; a directory that was not there is not there, then, and what was prepared before in one is no
/// more to be served.
pub fn prepare(
    options: ServeOptions,
    to: &Utf8Path,
    progress: &mut dyn Progress,
) -> Result<(), GearError> {
    options.app.check()?;
    let is_new = is_new(to)?;
    let home = options.parent.join(HOME);
    let _alone = alone(&home)?;
    files::create_dir(to, 0o770)?;
    let to = to.canonicalize_utf8().map_err(|error| FileError::new("read", to, error))?;
    let is_there = Prepared::read(&to).is_ok();
    if !is_there {
        // Left by something that did not come to its end.
        tree::remove(&to.join(DEPENDENCIES))?;
    }
    files::remove_if_exists(&to.join(FILE))?;
    let prepared = build(options, &home, &to, is_there, progress);
    if prepared.is_err() && is_new {
        tree::remove(&to)?;
    }
    prepared
}

fn build(
    options: ServeOptions,
    home: &Utf8Path,
    to: &Utf8Path,
    is_there: bool,
    progress: &mut dyn Progress,
) -> Result<(), GearError> {
    let ServeOptions { app, gear: how, .. } = options;
    let mut gear = on(how.clone(), home, to)?;
    let before = if is_there { fingerprint::of_dependencies(gear.layout()) } else { None };
    let mut built = build_on(&mut gear, &app, progress);
    let mut is_same = before.is_some() && before == fingerprint::of_dependencies(gear.layout());
    if built.is_ok() && before.is_some() && !is_same {
        // What is added to something, or taken from it, may be something else than what is made at once.
        progress.notice("Something else is installed than before, so all of it is, from nothing");
        gear.destroy(&mut Silent)?;
        tree::remove(&to.join(DEPENDENCIES))?;
        gear = on(how, home, to)?;
        built = build_on(&mut gear, &app, progress);
        is_same = false;
    }
    let packed = built.and_then(|version| {
        let what = is_same.then_some("repo");
        gear.control_without_hooks(PACK, what, progress)?;
        Ok((version, packages(&gear)?))
    });
    let name = gear.name().to_owned();
    let ended = gear.destroy(&mut Silent);
    let (version, packages) = packed?;
    ended?;
    let (directory, home) = (to.to_owned(), home.to_owned());
    let variables = app.variables;
    let prepared = Prepared { format: FORMAT, name, directory, home, version, variables, packages };
    let text = serde_json::to_vec_pretty(&prepared)
        .map_err(|error| FileError::new("write", &to.join(FILE), error.into()))?;
    files::write_atomic(&to.join(FILE), &text, 0o644)?;
    Ok(for_the_group(to)?)
}

/// What was installed on a gear, as far as its cartridge tells it.
fn packages(gear: &GearOnDisk) -> Result<Vec<Package>, GearError> {
    let told = gear.control_without_hooks(PACKAGES, None, &mut Silent)?;
    let Some(line) = told.lines.iter().find(|line| line.said == Said::Result) else {
        return Ok(Vec::new());
    };
    serde_json::from_str(&line.text).map_err(|error| {
        GearError::failed(format!(
            "`control {PACKAGES}` answers no list of packages with type, name and version: {error}"
        ))
    })
}

/// Answers the version of the cartridge's software.
fn build_on(
    gear: &mut GearOnDisk,
    app: &App,
    progress: &mut dyn Progress,
) -> Result<String, GearError> {
    for (name, value) in &app.variables {
        gear.set_user_variable(name, value)?;
    }
    let version = app.version.clone().or_else(|| gear.default_version()).unwrap_or_default();
    gear.configure(&version, progress)?;
    gear.control_alone("pre-repo-archive", progress)?;
    if let Some(directory) = &app.directory {
        gear.populate(directory)?;
    }
    State::Building.write(gear.layout())?;
    gear.build_in_place(progress)?;
    Ok(version)
}

/// A gear around what was prepared, on which the app can be started; held for as long as the second value.
///
/// # Errors
/// [`GearError`]; nothing is left behind.
pub(crate) fn open(directory: &Utf8Path, how: GearOptions) -> Result<(Throwaway, File), GearError> {
    let prepared = Prepared::read(directory)?;
    let directory =
        directory.canonicalize_utf8().map_err(|error| FileError::new("read", directory, error))?;
    if directory != prepared.directory {
        return Err(GearError::wrong(format!(
            "what is in {directory} was prepared as {}, and what was built names that: put it there, or prepare it here",
            prepared.directory
        )));
    }
    let alone = alone(&prepared.home)?;
    Ok((on(how, &prepared.home, &directory)?, alone))
}

/// Deploys and starts what lies on the gear, built.
pub(crate) fn start(gear: &mut GearOnDisk, progress: &mut dyn Progress) -> Result<(), GearError> {
    let markers = Markers::of(&gear.layout().repo());
    let mut deployment = Deployment::begin(gear.layout(), markers, "prepared", None)?;
    let mut unfinished = Unfinished::of(gear.layout());
    gear.deploy_phases(Turn::Start, &mut deployment, &mut unfinished, progress)?;
    gear.end_of(progress);
    Ok(())
}

/// A new gear whose code and dependencies are those in `directory`.
fn on(how: GearOptions, home: &Utf8Path, directory: &Utf8Path) -> Result<Throwaway, GearError> {
    let gear = Throwaway::create_at(how, home)?;
    for part in PARTS {
        let (link, target) = (gear.layout().runtime().join(part), directory.join(part));
        if !target.is_dir() {
            files::create_dir(&target, 0o770)?;
        }
        tree::remove(&link)?;
        symlink(&target, &link).map_err(|e| FileError::new("make the link", &link, e))?;
    }
    Ok(gear)
}

/// Makes sure that nobody else serves or builds in this home, and that it is not there: what a kill left of
/// one goes.
fn alone(home: &Utf8Path) -> Result<File, GearError> {
    let path = Utf8PathBuf::from(format!("{home}.lock"));
    let Some(held) = lock::try_lock(&path)? else {
        return Err(GearError::failed(format!(
            "another `gear` prepares or serves an app in {home} now; one at a time does that with a directory for temporary files"
        )));
    };
    if home.symlink_metadata().is_err() {
        return Ok(held);
    }
    let Some(uuid) = files::read_if_exists(&Layout::new(home.to_owned(), "").env().join(UUID))?
    else {
        return Err(GearError::failed(format!(
            "{home} is in the way, and it is no gear: move it elsewhere"
        )));
    };
    let processes = Processes::new(home.to_owned(), &String::from_utf8_lossy(&uuid));
    GearError::unless_gone(&processes.end_all(LAST_PROCESSES), "the gear that was left")?;
    tree::remove(home)?;
    Ok(held)
}

/// Whether nothing is in `to` that would be lost.
fn is_new(to: &Utf8Path) -> Result<bool, GearError> {
    if to.symlink_metadata().is_err() {
        return Ok(true);
    }
    let entries = files::list(to)?;
    if entries.is_empty() {
        return Ok(false);
    }
    let known = |path: &Utf8PathBuf| {
        path.file_name().is_some_and(|name| name == FILE || name == SBOM || PARTS.contains(&name))
    };
    match entries.iter().find(|path| !known(path)) {
        None => Ok(false),
        Some(other) => Err(GearError::wrong(format!(
            "{to} holds something else than a prepared app ({other}): name a directory that is not there, or empty"
        ))),
    }
}

/// A container may run as any user, who is in the group of root then: what the owner may, the group may.
fn for_the_group(directory: &Utf8Path) -> Result<(), FileError> {
    for entry in WalkDir::new(directory) {
        let entry = entry.map_err(|e| FileError::new("look at", directory, e.into()))?;
        if entry.file_type().is_symlink() {
            continue;
        }
        let path = entry.path();
        let changed = entry.metadata().map_err(std::io::Error::from).and_then(|metadata| {
            let mode = metadata.permissions().mode() & 0o7777;
            let shared = mode | (mode & 0o700) >> 3;
            match shared == mode {
                true => Ok(()),
                false => std::fs::set_permissions(path, PermissionsExt::from_mode(shared)),
            }
        });
        changed.map_err(|e| FileError::new("open to the group", directory, e))?;
    }
    Ok(())
}

#[cfg(test)]
impl Prepared {
    /// One of an app called shop.
    pub(crate) fn of_test(packages: Vec<Package>) -> Self {
        Self {
            format: FORMAT,
            name: "shop".to_owned(),
            directory: "/opt/app".into(),
            home: "/tmp/prepared-gear".into(),
            version: "3".to_owned(),
            variables: Vec::new(),
            packages,
        }
    }
}
