//! The life of a gear, in the node's order (node-contract.md, Lifecycle, control and Build).

use std::time::Duration;

use camino::Utf8Path;
use cart_core::files::{self, FileError};
use cart_core::tree;

use crate::deploy::git::no_code;
use crate::environment::sources;
use crate::gear::erb_templates;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::installed::Installed;
use crate::layout::managed;
use crate::layout::output::HookOutput;
use crate::layout::state::State;
use crate::scripts::progress::{Progress, noticed};
use crate::scripts::run::is_executable;

/// How long the scripts that end a gear may take.
const LAST_SCRIPTS: Duration = Duration::from_secs(60);
/// How long what is left may take after SIGTERM. It had its chance when it was stopped.
pub(crate) const LAST_PROCESSES: Duration = Duration::from_secs(5);

impl GearOnDisk {
    /// Puts the cartridge's files on the gear and writes the variables that name it. None of its
    /// scripts runs.
    ///
    /// # Errors
    /// [`GearError`]; the gear is good for nothing but being destroyed then.
    pub(crate) fn copy_cartridge(&mut self, version: &str) -> Result<Installed, GearError> {
        let source = self.source.take();
        let source =
            source.ok_or_else(|| GearError::failed("the gear has its cartridge already"))?;
        let manifest = &source.manifest;
        if !manifest.all_versions().contains(&version) {
            let known = manifest.all_versions().join(", ");
            return Err(GearError::failed(format!(
                "{} has no version {version:?}: it offers {known} (--cartridge-version)",
                manifest.name
            )));
        }
        let cartridge = Installed::copy(&self.layout, &source, version, self.usr)?;
        self.primary = Some(cartridge.clone());
        self.write_cartridge_variables(&cartridge)?;
        managed::make_locked_files(&self.layout, &cartridge.directory, &cartridge.managed)?;
        managed::link_dependencies(&self.layout, &cartridge.directory, &cartridge.managed)?;
        Ok(cartridge)
    }

    /// Puts the cartridge on the gear: copy, variables, `setup`, templates, `install`.
    ///
    /// # Errors
    /// [`GearError`]; the gear is good for nothing but being destroyed then.
    pub fn configure(
        &mut self,
        version: &str,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        let cartridge = self.copy_cartridge(version)?;
        let before = self.layout.visible()?;
        if cartridge.script("setup").symlink_metadata().is_ok() {
            self.render(&cartridge, &["env/*.erb".to_owned()], progress)?;
        }
        self.setup_script("setup", &["--version", version], progress)?;
        self.render(&cartridge, &cartridge.managed.processed_templates, progress)?;
        self.setup_script("install", &["--version", version], progress)?;
        self.check_home(&before)?;
        self.check_variable_names(&cartridge)
    }

    /// Puts the code of an app into the gear's repository, in place of what is there. Version
    /// control and compiled Python are left out.
    ///
    /// # Errors
    /// [`FileError`] naming what could not be copied.
    pub fn populate(&mut self, app: &Utf8Path) -> Result<(), FileError> {
        let repo = self.layout.repo();
        tree::empty(&repo)?;
        tree::copy(app, &repo, no_code)
    }

    /// Runs `bin/post_install`, which comes after the first start.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn post_install(&self, progress: &mut dyn Progress) -> Result<HookOutput, GearError> {
        let version = self.primary.as_ref().map_or("", |c| c.version.as_str());
        self.setup_script("post_install", &["--version", version], progress)
    }

    /// Stops the app, takes the cartridge off and ends whatever still runs for the gear. What fails
    /// on the way is a notice; the way is gone to its end.
    pub(crate) fn end(&mut self, progress: &mut dyn Progress) -> Result<(), GearError> {
        self.runner.limit = LAST_SCRIPTS;
        if self.primary.is_some() {
            if self.state() != State::New {
                noticed(self.stop(progress), progress);
            }
            noticed(self.deconfigure(progress), progress);
        }
        GearError::unless_gone(&self.runner.processes.end_all(LAST_PROCESSES), "the gear")
    }

    /// Removes the gear's home, when nothing runs any more.
    pub(crate) fn remove_home(&self) -> Result<(), GearError> {
        // A process that could not be ended may have written while the directory was being removed.
        let home = self.layout.home();
        Ok(tree::remove(home).or_else(|_| tree::remove(home))?)
    }

    /// `teardown` finds the endpoint variables gone, as on a node.
    fn deconfigure(&mut self, progress: &mut dyn Progress) -> Result<(), GearError> {
        for (variable, _) in self.endpoints.variables() {
            files::remove_if_exists(&self.layout.env().join(variable))?;
        }
        let teardown = self.primary.as_ref().map(|c| c.script("teardown"));
        if teardown.is_some_and(|path| is_executable(&path)) {
            self.setup_script("teardown", &[], progress)?;
        }
        Ok(())
    }

    fn write_cartridge_variables(&self, cartridge: &Installed) -> Result<(), FileError> {
        let directory = format!("{}/", cartridge.directory);
        let mut variables =
            self.endpoints.variables().chain([("OPENSHIFT_PRIMARY_CARTRIDGE_DIR", directory)]);
        variables.try_for_each(|(name, value)| {
            files::write_unsynced(&self.layout.env().join(name), value.as_bytes(), 0o640)
        })
    }

    /// A template that cannot be rendered fails nothing on a node; here its author is told.
    pub(crate) fn render(
        &self,
        cartridge: &Installed,
        entries: &[String],
        progress: &mut dyn Progress,
    ) -> Result<(), FileError> {
        let expand = |entry: &String| managed::expand(&self.layout, &cartridge.directory, entry);
        for template in entries.iter().flat_map(expand) {
            let env = self.environment()?;
            if let Err(error) = erb_templates::render(&template, &env, self.layout.home()) {
                progress.notice(&format!("A template was not rendered: {error}"));
            }
        }
        Ok(())
    }

    fn check_home(&self, before: &[String]) -> Result<(), GearError> {
        let mut names = self.layout.visible()?;
        names.retain(|name| !before.contains(name));
        if names.is_empty() {
            return Ok(());
        }
        let names = names.join(", ");
        Err(GearError::failed(format!(
            "the cartridge made {names} in the gear's home, where a node allows only hidden names"
        )))
    }

    fn check_variable_names(&self, cartridge: &Installed) -> Result<(), GearError> {
        for (name, _) in sources::variables(&cartridge.directory.join("env"))? {
            let of_the_node = self.layout.env().join(name.to_string_lossy().as_ref()).is_file();
            if of_the_node && name != "PATH" && name != "LD_LIBRARY_PATH" {
                return Err(GearError::failed(format!(
                    "the cartridge's env/{} has the name of a variable of the node's, which refuses it",
                    name.to_string_lossy()
                )));
            }
        }
        Ok(())
    }
}
