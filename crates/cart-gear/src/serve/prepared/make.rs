//! Preparing an app: all of it or nothing.

use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::tree;
use walkdir::WalkDir;

use crate::deploy::deployments::fingerprint;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::output::Said;
use crate::layout::state::State;
use crate::scripts::progress::{Progress, Silent};
use crate::serve::bring_up::App;
use crate::serve::foreground::ServeOptions;
use crate::serve::prepared::gear::{alone, on};
use crate::serve::prepared::record::{DEPENDENCIES, FILE, FORMAT, PARTS, Package, Prepared, SBOM};

/// The name of the gear's home, in the directory for temporary files.
const HOME: &str = "prepared-gear";
/// What a cartridge does for files that will be read-only, and the same whenever they are made of the same; only
/// for those of the code, when it is told `repo`, because the others have not changed.
const PACK: &str = "pack";
/// What a cartridge is asked for what was installed: one result, a list of [`Package`]s as JSON.
const PACKAGES: &str = "packages";

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
    if !to.is_dir() {
        // One that is there may be somebody else's, who lets the group write.
        files::create_dir(to, 0o770)?;
    }
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
