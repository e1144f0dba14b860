//! What `buildah` does for us: bases, a build in one, and handing an image on.

use std::os::unix::fs::{MetadataExt, symlink};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::{CommandSpec, GearEnv, lock, programs, run, tree, wait};
use sha2::{Digest, Sha256};

use super::facts::{Base, Output};
use super::layer::named;
use crate::layout::error::GearError;

/// Fetching and unpacking a base takes minutes over a slow line.
const LIMIT: Duration = Duration::from_secs(1800);

/// The program, and what it sees.
pub(super) struct Buildah {
    program: Utf8PathBuf,
    env: GearEnv,
}

/// A base that is here.
pub(super) struct Fetched {
    /// As `buildah` knows it.
    pub(super) id: String,
    /// A layout that holds it.
    pub(super) layout: Utf8PathBuf,
}

/// A directory that a build sees.
pub(super) struct Volume<'a> {
    pub(super) from: &'a Utf8Path,
    pub(super) to: &'a str,
    pub(super) is_read_only: bool,
}

impl Buildah {
    /// # Errors
    /// [`GearError`] when it is not there.
    pub(super) fn find(env: &GearEnv) -> Result<Self, GearError> {
        let program = programs::find("buildah", env, &[]).map_err(|error| {
            GearError::failed(format!(
                "{error}. It fetches bases and runs builds in them: install the package buildah (Debian's, Fedora's), and runc or crun with it"
            ))
        })?;
        Ok(Self { program, env: env.clone() })
    }

    fn command(&self, words: &[&str]) -> CommandSpec {
        CommandSpec::new(&self.program, &self.env).args(words.iter().copied())
    }

    fn answer(&self, words: &[&str]) -> Result<String, GearError> {
        Ok(run::checked(&self.command(words), LIMIT)?.stdout_text())
    }

    /// Fetches a base, or makes it of a directory, unless it is here; its layout is in `cache`. Several apps may be
    /// built at once on one base: one of them does it.
    ///
    /// # Errors
    /// [`GearError`] with what `buildah` says.
    pub(super) fn fetch(&self, base: &Base, cache: &Utf8Path) -> Result<Fetched, GearError> {
        let path = cache.join("bases.lock");
        let held = wait::until(LIMIT, || lock::try_lock(&path).transpose());
        let _lock = held.ok_or_else(|| {
            let minutes = LIMIT.as_secs() / 60;
            GearError::failed(format!(
                "another `gear image` has fetched a base for {minutes} minutes: see what it does, or end it ({path} is locked)"
            ))
        })??;
        let id = self.base(base)?;
        let layout = cache.join(format!("base-{id}"));
        self.lay_out(&id, &layout)?;
        Ok(Fetched { id, layout })
    }

    /// The id of the image that `base` is, fetched or made if need be.
    ///
    /// # Errors
    /// [`GearError`] with what `buildah` says.
    pub(super) fn base(&self, base: &Base) -> Result<String, GearError> {
        let reference = match base {
            Base::Reference(reference) => {
                if let Some(id) = self.id(reference) {
                    return Ok(id);
                }
                return self.answer(&["pull", "--quiet", reference]);
            }
            Base::Directory(directory) => directory,
        };
        let name = format!("localhost/gear-base:{}", &glance(reference)?[7..]);
        if let Some(id) = self.id(&name) {
            return Ok(id);
        }
        let container = self.answer(&["from", "scratch"])?;
        let made = self
            .answer(&["add", "--quiet", &container, reference.as_str(), "/"])
            .and_then(|_| self.answer(&["commit", "--quiet", &container, &name]));
        self.forget(&container);
        made
    }

    /// The id of an image that is here already.
    fn id(&self, reference: &str) -> Option<String> {
        let words = ["images", "--quiet", "--no-trunc", reference];
        let id = self.answer(&words).ok()?.lines().next()?.to_owned();
        Some(id.trim_start_matches("sha256:").to_owned())
    }

    /// Writes the image `id` as a layout into `directory`, unless it is there.
    ///
    /// # Errors
    /// [`GearError`].
    fn lay_out(&self, id: &str, directory: &Utf8Path) -> Result<(), GearError> {
        if directory.is_dir() {
            return Ok(());
        }
        let beside = Utf8PathBuf::from(format!("{directory}.new"));
        tree::remove(&beside)?;
        self.answer(&["push", "--quiet", "--format", "oci", id, &format!("oci:{beside}:base")])?;
        Ok(cart_core::files::rename(&beside, directory)?)
    }

    /// What a command prints in a container of the image `id`. Nothing of the container stays.
    ///
    /// # Errors
    /// [`GearError`] when it fails.
    pub(super) fn answer_in(&self, id: &str, command: &[&str]) -> Result<String, GearError> {
        let container = self.answer(&["from", "--pull-never", id])?;
        let words = [&["run", "--isolation", "chroot", "--", &*container], command].concat();
        let answer = self.answer(&words);
        self.forget(&container);
        answer
    }

    /// Runs a command in a container of the image `id` as `user`, whose output is seen by whoever sees ours. Nothing
    /// of the container stays.
    ///
    /// # Errors
    /// [`GearError`] when it fails.
    pub(super) fn run_in(
        &self,
        id: &str,
        user: &str,
        volumes: &[Volume<'_>],
        command: &[&str],
    ) -> Result<(), GearError> {
        let container = self.answer(&["from", "--pull-never", id])?;
        let volumes = volumes.iter().map(|Volume { from, to, is_read_only }| {
            format!("--volume={from}:{to}{}", if *is_read_only { ":ro" } else { "" })
        });
        let running = self
            .command(&["run", "--isolation", "chroot", "--user", user])
            .args(volumes)
            .args(["--", &container])
            .args(command.iter().copied());
        let ran = run::foreground(&running);
        self.forget(&container);
        ran.map_err(|error| match error {
            run::RunError::Failed { .. } => {
                GearError::failed("the app could not be prepared in the base; the reason is above")
            }
            other => other.into(),
        })
    }

    /// The id of the image of a layout, which is among the others afterwards, with a name of its path. Not every path
    /// can be a name, so it is read by another one.
    fn pull(&self, layout: &Utf8Path) -> Result<String, GearError> {
        let passing = passing_name();
        // Left by one that was killed, who had our number.
        let is_ours = |left: std::fs::Metadata| {
            left.is_symlink() && left.uid() == rustix::process::geteuid().as_raw()
        };
        if passing.symlink_metadata().is_ok_and(is_ours) {
            cart_core::files::remove_if_exists(&passing)?;
        }
        symlink(layout, &passing).map_err(|e| FileError::new("make the link", &passing, e))?;
        let pulled = self.answer(&["pull", "--quiet", &format!("oci:{passing}")]);
        cart_core::files::remove_if_exists(&passing)?;
        pulled
    }

    /// What stays costs room, nothing else.
    fn forget(&self, container: &str) {
        let _ = self.answer(&["rm", container]);
    }

    /// Puts the image of a layout where it is wanted, as `tag`.
    ///
    /// # Errors
    /// [`GearError`].
    pub(super) fn hand_on(
        &self,
        layout: &Utf8Path,
        tag: &str,
        output: &Output,
    ) -> Result<(), GearError> {
        if matches!(output, Output::Layout(_)) {
            return Ok(());
        }
        let id = self.pull(layout)?;
        if let Output::DockerArchive(file) = output {
            let beside = Utf8PathBuf::from(format!("{file}.new"));
            // It would be added to.
            cart_core::files::remove_if_exists(&beside)?;
            self.answer(&["push", "--quiet", &id, &format!("docker-archive:{beside}:{tag}")])?;
            cart_core::files::rename(&beside, file)?;
        } else {
            self.answer(&["tag", &id, tag])?;
        }
        // That of its path.
        let _ = self.answer(&["rmi", &format!("localhost{}:latest", passing_name())]);
        Ok(())
    }
}

/// Where a layout is while it is read.
fn passing_name() -> Utf8PathBuf {
    format!("/tmp/gear-image-{}", std::process::id()).into()
}

/// Tells by a look at each file below whether a directory is still what it was: `sha256:` and a digest.
///
/// # Errors
/// [`FileError`] naming what could not be looked at.
pub(super) fn glance(directory: &Utf8Path) -> Result<String, FileError> {
    let mut sum = Sha256::new();
    tree::glance(
        directory,
        |of| format!("\0{:?}", (of.st_size, of.st_mtime, of.st_mtime_nsec, of.st_mode, of.st_ino)),
        |bytes| sum.update(bytes),
    )?;
    Ok(named(sum))
}
