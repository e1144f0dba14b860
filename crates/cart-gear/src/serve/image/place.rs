//! What is kept of one app from build to build, below the cache of whoever builds.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{lock, tree};
use walkdir::WalkDir;

use super::buildah::glance;
use super::facts::{ImageOptions, USER};
use super::layer;
use crate::deploy::git::no_code;
use crate::layout::error::GearError;
use crate::serve::prepared::make::real;

/// How a file ends that tells the directory of an app, beside what is kept of it: builds write into other places.
const APP: &str = "app";
/// The file in it that whoever builds has locked.
const LOCK: &str = "lock";

/// What is kept of one app from build to build.
pub(super) struct Place {
    /// A copy of the app, which nobody changes while it is built.
    pub(super) source: Utf8PathBuf,
    /// What was prepared.
    pub(super) prepared: Utf8PathBuf,
    /// What installers have downloaded, of all apps.
    pub(super) downloads: Utf8PathBuf,
    /// All of it, with the image.
    pub(super) directory: Utf8PathBuf,
    /// In which base the app was prepared, by which cartridge.
    made_by: Utf8PathBuf,
    pub(super) environment: Utf8PathBuf,
    pub(super) variables: Utf8PathBuf,
    cartridge: String,
    /// Two builds of one app would write into one place.
    _lock: File,
}

/// The app's directory, if what is copied of it is not copied into itself.
pub(super) fn apart(options: &ImageOptions) -> Result<Utf8PathBuf, GearError> {
    let app = real(&options.app)?;
    let cache = real(&options.cache)?;
    match cache.starts_with(&app) {
        false => Ok(app),
        true => Err(GearError::wrong(format!(
            "what is kept for the next build, in {cache}, would be inside the app's directory {app}: set XDG_CACHE_HOME to a directory elsewhere"
        ))),
    }
}

/// A directory that only this user can look into: what is below it may hold secrets of an app.
fn private(directory: &Utf8Path) -> Result<(), FileError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .and_then(|()| std::fs::set_permissions(directory, Permissions::from_mode(0o700)))
        .map_err(|error| FileError::new("make", directory, error))
}

/// Removes what was kept of apps whose directories are gone: who builds in a new directory each time, as builds
/// of many services do, would fill the disk.
fn forget_gone(cache: &Utf8Path) -> Result<(), FileError> {
    let told = files::list(cache)?.into_iter().filter(|path| path.extension() == Some(APP));
    for path in told {
        let place = path.with_extension("");
        let app = std::fs::read_to_string(&path);
        if !app.is_ok_and(|app| matches!(Utf8Path::new(&app).try_exists(), Ok(false))) {
            continue;
        }
        // It cannot be locked when it is not there any more.
        let lock = lock::try_lock(&place.join(LOCK));
        if !matches!(lock, Ok(None)) {
            tree::remove(&place)?;
            files::remove_if_exists(&path)?;
        }
    }
    Ok(())
}

impl Place {
    pub(super) fn of(options: &ImageOptions, app: &Utf8Path) -> Result<Self, GearError> {
        let mut sum = sha2::Sha256::default();
        sha2::Digest::update(&mut sum, app.as_str());
        let place = options.cache.join(format!("{}-{}", options.name, &layer::named(sum)[7..19]));
        let downloads = options.cache.join("downloads");
        for directory in [&options.cache, &place, &downloads] {
            private(directory)?;
        }
        let Some(held) = lock::try_lock(&place.join(LOCK))? else {
            return Err(GearError::failed(format!(
                "another `gear image` builds the app in {app} now: wait for its end"
            )));
        };
        files::write_atomic(&place.with_extension(APP), app.as_str().as_bytes(), 0o600)?;
        forget_gone(&options.cache)?;
        let cartridge = glance(&options.cartridge)?;
        let source = place.join("source");
        tree::remove(&source)?;
        tree::copy(app, &source, no_code)?;
        give(&source)?;
        // What is in it was written by builds; another one may write now.
        give_one(downloads.as_std_path())
            .map_err(|error| FileError::new("give away", &downloads, error))?;
        Ok(Self {
            source,
            prepared: place.join("prepared"),
            downloads,
            made_by: place.join("made-by"),
            environment: place.join("environment"),
            variables: place.join("variables"),
            directory: place,
            cartridge,
            _lock: held,
        })
    }

    /// What another base or another cartridge has prepared goes: the same shall come of the same.
    pub(super) fn settle(&self, base: &str) -> Result<(), GearError> {
        let now = format!("{base} {}", self.cartridge);
        if files::read_if_exists(&self.made_by)?.is_none_or(|before| before != now.as_bytes()) {
            tree::remove(&self.prepared)?;
            files::write_atomic(&self.made_by, now.as_bytes(), 0o644)?;
        }
        files::create_dir(&self.prepared, 0o770)?;
        Ok(give(&self.prepared)?)
    }
}

/// As root, what a build works with belongs to whoever builds in the base; else all of it is this user's, who is
/// called root there.
pub(super) fn give(directory: &Utf8Path) -> Result<(), FileError> {
    let failed = |error| FileError::new("give away", directory, error);
    for entry in WalkDir::new(directory) {
        give_one(entry.map_err(|error| failed(error.into()))?.path()).map_err(failed)?;
    }
    Ok(())
}

fn give_one(path: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    lchown(path, Some(USER.0 as u32), Some(USER.1 as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::GearEnv;

    #[test]
    fn what_is_kept_is_this_users_and_one_build_has_it_outside_the_app() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        for made in ["app", "cartridge"] {
            std::fs::create_dir(dir.join(made)).unwrap();
        }
        let mut options = ImageOptions {
            app: dir.join("app"),
            name: "shop".to_owned(),
            base: "debian".parse().unwrap(),
            tag: "shop".to_owned(),
            output: "containers-storage".parse().unwrap(),
            cartridge: dir.join("cartridge"),
            version: None,
            variables: Vec::new(),
            program: dir.join("gear"),
            cache: dir.join("app/.cache/gear"),
            installs: GearEnv::new(),
            caller: GearEnv::new(),
        };
        let error = apart(&options).unwrap_err();
        assert_eq!(error.kind(), crate::layout::error::Kind::Wrong);
        assert!(error.to_string().contains("XDG_CACHE_HOME") && !dir.join("app/.cache").exists());
        options.cache = dir.join("cache");
        let app = apart(&options).unwrap();
        let place = Place::of(&options, &app).unwrap();
        for private in [&options.cache, &place.directory, &place.downloads] {
            assert_eq!(private.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
        }
        let Err(error) = Place::of(&options, &app) else { panic!("two builds at once") };
        assert!(error.to_string().contains("another `gear image`"), "{error}");
    }

    #[test]
    fn of_an_app_that_is_gone_nothing_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let place = |name: &str, app: &Utf8Path| {
            let place = dir.join(name);
            std::fs::create_dir(&place).unwrap();
            files::write_atomic(&place.with_extension(APP), app.as_str().as_bytes(), 0o600)
                .unwrap();
            place
        };
        let gone = place("gone", &dir.join("none"));
        let others = [place("there", dir), place("under-way", &dir.join("none")), dir.join("x")];
        std::fs::create_dir(&others[2]).unwrap();
        let _held = lock::try_lock(&others[1].join(LOCK)).unwrap().unwrap();
        let removed = place("removed", &dir.join("none"));
        std::fs::remove_dir(&removed).unwrap();
        forget_gone(dir).unwrap();
        for path in [gone, removed] {
            assert!(!path.exists() && !path.with_extension(APP).exists(), "{path}");
        }
        assert!(others.iter().all(|it| it.is_dir()));
    }
}
