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
/// What tells of a directory that it is filled, and by whom: written first, removed last.
const PREPARING: &str = ".preparing";
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
    if let Some(app) = &options.app.directory {
        apart(app, to)?;
    }
    let is_new = is_new(to)?;
    let home = options.parent.join(HOME);
    let _alone = alone(&home)?;
    if !to.is_dir() {
        // One that is there may be somebody else's, who lets the group write.
        files::create_dir(to, 0o770)?;
    }
    let to = to.canonicalize_utf8().map_err(|error| FileError::new("read", to, error))?;
    let is_there = Prepared::read(&to).is_ok();
    files::write_atomic(&to.join(PREPARING), b"", 0o644)?;
    if !is_there {
        // Left by something that did not come to its end.
        tree::remove(&to.join(DEPENDENCIES))?;
    }
    files::remove_if_exists(&to.join(FILE))?;
    let prepared = build(options, &home, &to, is_there, progress);
    match prepared {
        Ok(()) => Ok(files::remove_if_exists(&to.join(PREPARING))?),
        Err(error) => {
            if is_new {
                tree::remove(&to)?;
            }
            Err(error)
        }
    }
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
    // There may be secrets among the variables.
    files::write_atomic(&to.join(FILE), &text, 0o640)?;
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
    let version = app.set_on(gear)?;
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
    let marks = [FILE, PREPARING];
    let known = |path: &&Utf8PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name == SBOM || marks.contains(&name) || PARTS.contains(&name)
    };
    let ours = marks.iter().any(|mark| to.join(mark).is_file());
    match entries.iter().find(|path| !ours || !known(path)) {
        None => Ok(false),
        Some(other) => Err(GearError::wrong(format!(
            "{to} holds something else than a prepared app ({other}): name a directory that is not there, or empty"
        ))),
    }
}

/// Makes sure that neither is inside the other: the app would be copied into its copy for ever, or be lost.
fn apart(app: &Utf8Path, to: &Utf8Path) -> Result<(), GearError> {
    let (app, to) = (real(app)?, real(to)?);
    match app.starts_with(&to) || to.starts_with(&app) {
        false => Ok(()),
        true => Err(GearError::wrong(format!(
            "the app in {app} cannot be prepared in {to}: neither may be inside the other, so name a directory elsewhere"
        ))),
    }
}

/// The path without symbolic links, of what need not be there yet.
pub(crate) fn real(path: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    let (parent, name) = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if path.symlink_metadata().is_err() => (parent, name),
        _ => return path.canonicalize_utf8().map_err(|error| FileError::new("read", path, error)),
    };
    let parent = if parent.as_str().is_empty() { Utf8Path::new(".") } else { parent };
    Ok(real(parent)?.join(name))
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
mod tests {
    use super::*;

    #[test]
    fn a_path_is_real_before_it_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        std::fs::create_dir(dir.join("app")).unwrap();
        std::os::unix::fs::symlink("app", dir.join("link")).unwrap();
        assert_eq!(real(&dir.join("link/a/b")).unwrap(), dir.join("app/a/b"));
        let here = Utf8Path::new(".").canonicalize_utf8().unwrap();
        assert_eq!(real("not-there".into()).unwrap(), here.join("not-there"));
        for (app, to) in
            [("app", "link/build"), ("app", "link"), ("app", ""), ("app", "app/../app")]
        {
            assert!(apart(&dir.join(app), &dir.join(to)).is_err(), "{app} {to}");
        }
        apart(&dir.join("app"), &dir.join("apple")).unwrap();
    }

    #[test]
    fn only_what_prepare_has_filled_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let to = Utf8Path::from_path(dir.path()).unwrap();
        assert!(is_new(&to.join("none")).unwrap() && !is_new(to).unwrap());
        std::fs::create_dir(to.join("repo")).unwrap();
        is_new(to).unwrap_err();
        for mark in [FILE, PREPARING] {
            files::write_atomic(&to.join(mark), b"", 0o644).unwrap();
            assert!(!is_new(to).unwrap());
            files::write_atomic(&to.join("mine"), b"", 0o644).unwrap();
            is_new(to).unwrap_err();
            std::fs::remove_file(to.join("mine")).unwrap();
            std::fs::remove_file(to.join(mark)).unwrap();
        }
    }
}
