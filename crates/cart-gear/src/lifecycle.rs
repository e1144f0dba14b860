//! The life of a gear, in the node's order (node-contract.md, Lifecycle, control and Build).

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};

use crate::deployment::{Deployment, Markers};
use crate::environ;
use crate::gear::GearOnDisk;
use crate::installed::Installed;
use crate::managed;
use crate::output::HookOutput;
use crate::progress::Progress;
use crate::scripts::{HookError, is_executable};
use crate::state::State;
use crate::templates;
use crate::tree;

/// How long the scripts that end a gear may take.
const LAST_SCRIPTS: Duration = Duration::from_secs(60);
/// How long what is left may take after SIGTERM. It had its chance when it was stopped.
const LAST_PROCESSES: Duration = Duration::from_secs(5);

impl GearOnDisk {
    /// Puts the cartridge on the gear: copy, variables, `setup`, templates, `install`.
    ///
    /// # Errors
    /// [`ConfigureError`]; the gear is good for nothing but [`destroy`](Self::destroy) then.
    pub fn configure(
        &mut self,
        version: &str,
        progress: &mut dyn Progress,
    ) -> Result<(), ConfigureError> {
        let manifest = &self.source.manifest;
        if !manifest.all_versions().contains(&version) {
            return Err(ConfigureError::Version {
                cartridge: manifest.name.clone(),
                version: version.to_owned(),
                known: manifest.all_versions().join(", "),
            });
        }
        let cartridge = Installed::copy(&self.layout, &self.source, version)?;
        let before = self.layout.visible()?;
        self.primary = Some(cartridge.clone());
        self.write_cartridge_variables(&cartridge)?;
        managed::make_locked_files(&self.layout, &cartridge.directory, &cartridge.managed)?;
        managed::link_dependencies(&self.layout, &cartridge.directory, &cartridge.managed)?;
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
        tree::copy(app, &repo, |below| below.ends_with(".git") || below.ends_with("__pycache__"))
    }

    /// Builds, deploys and starts the code in the gear's repository.
    ///
    /// # Errors
    /// [`BuildError`]; a gear that was stopped for the build stays so, as on a node.
    pub fn build_and_deploy(&mut self, progress: &mut dyn Progress) -> Result<(), BuildError> {
        self.build(None, progress)
    }

    /// As [`build_and_deploy`](Self::build_and_deploy) with the code in `app`, as if it had been
    /// pushed.
    ///
    /// # Errors
    /// As [`build_and_deploy`](Self::build_and_deploy).
    pub fn push(&mut self, app: &Utf8Path, progress: &mut dyn Progress) -> Result<(), BuildError> {
        self.build(Some(app), progress)
    }

    /// Starts the gear as its user would.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn start(&mut self, progress: &mut dyn Progress) -> Result<HookOutput, BuildError> {
        State::Started.write(&self.layout)?;
        files::remove_if_exists(&self.layout.stop_lock())?;
        Ok(self.control("start", progress)?)
    }

    /// Stops the gear as its user would: it is not to be started by anybody else.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn stop(&mut self, progress: &mut dyn Progress) -> Result<HookOutput, BuildError> {
        files::write_atomic(&self.layout.stop_lock(), b"", 0o640)?;
        State::Stopped.write(&self.layout)?;
        Ok(self.control("stop", progress)?)
    }

    /// Runs `bin/post_install`, which comes after the first start.
    ///
    /// # Errors
    /// [`HookError`].
    pub fn post_install(&self, progress: &mut dyn Progress) -> Result<HookOutput, HookError> {
        let version = self.primary.as_ref().map_or("", |c| c.version.as_str());
        self.setup_script("post_install", &["--version", version], progress)
    }

    /// Stops the app, takes the cartridge off, ends whatever still runs for the gear and removes
    /// its directory. What fails on the way is a notice; the way is gone to its end.
    ///
    /// # Errors
    /// [`DestroyError`] when something is left behind.
    pub fn destroy(mut self, progress: &mut dyn Progress) -> Result<(), DestroyError> {
        self.runner.limit = LAST_SCRIPTS;
        if self.primary.is_some() {
            if self.state() != State::New {
                noticed(self.stop(progress), progress);
            }
            noticed(self.deconfigure(progress), progress);
        }
        let left = self.runner.processes.end_all(LAST_PROCESSES);
        // A process may have written while its directory was being removed.
        let home = self.layout.home();
        tree::remove(home).or_else(|_| tree::remove(home))?;
        if left.is_empty() {
            return Ok(());
        }
        let pids: Vec<String> = left.iter().map(|p| p.pid.to_string()).collect();
        Err(DestroyError::Survived { pids: pids.join(", ") })
    }

    /// `teardown` finds the endpoint variables gone, as on a node.
    fn deconfigure(&mut self, progress: &mut dyn Progress) -> Result<(), BuildError> {
        for (variable, _) in self.endpoint_variables() {
            files::remove_if_exists(&self.layout.env().join(variable))?;
        }
        let teardown = self.primary.as_ref().map(|c| c.script("teardown"));
        if teardown.is_some_and(|path| is_executable(&path)) {
            self.setup_script("teardown", &[], progress)?;
        }
        Ok(())
    }

    fn build(
        &mut self,
        app: Option<&Utf8Path>,
        progress: &mut dyn Progress,
    ) -> Result<(), BuildError> {
        let markers = Markers::of(app.unwrap_or(&self.layout.repo()));
        // The first start cannot be skipped, whatever the app says.
        let hot = markers.hot_deploy && self.state() == State::Started;
        if !hot {
            self.stop(progress)?;
        }
        let mut deployment = Deployment::begin(&self.layout, markers)?;
        let built = self.build_phases(app, markers, &mut deployment, progress);
        let deployed = built.and_then(|()| self.deploy_phases(hot, &mut deployment, progress));
        if deployed.is_err() {
            let state = if hot { State::Started } else { State::Stopped };
            state.write(&self.layout)?;
            deployment.discard()?;
        }
        deployed
    }

    fn build_phases(
        &mut self,
        app: Option<&Utf8Path>,
        markers: Markers,
        deployment: &mut Deployment,
        progress: &mut dyn Progress,
    ) -> Result<(), BuildError> {
        self.control_alone("pre-repo-archive", progress)?;
        if let Some(app) = app {
            self.populate(app)?;
        }
        State::Building.write(&self.layout)?;
        if markers.force_clean_build {
            self.forget_dependencies()?;
        }
        self.control_alone("update-configuration", progress)?;
        self.control_alone("pre-build", progress)?;
        self.user_hook("pre_build", progress)?;
        self.control_alone("build", progress)?;
        self.user_hook("build", progress)?;
        self.user_hook("prepare", progress)?;
        Ok(deployment.record(&self.layout)?)
    }

    fn deploy_phases(
        &mut self,
        hot: bool,
        deployment: &mut Deployment,
        progress: &mut dyn Progress,
    ) -> Result<(), BuildError> {
        // A node copies the deployment back to where it was built; here it is what lies there.
        self.control_alone("update-configuration", progress)?;
        State::Deploying.write(&self.layout)?;
        self.control_alone("deploy", progress)?;
        self.user_hook("deploy", progress)?;
        if hot {
            State::Started.write(&self.layout)?;
        } else {
            self.start(progress)?;
        }
        self.control_alone("post-deploy", progress)?;
        self.user_hook("post_deploy", progress)?;
        Ok(deployment.activate(&self.layout)?)
    }

    fn forget_dependencies(&self) -> Result<(), FileError> {
        tree::empty(&self.layout.dependencies())?;
        tree::empty(&self.layout.build_dependencies())?;
        match &self.primary {
            Some(c) => managed::link_dependencies(&self.layout, &c.directory, &c.managed),
            None => Ok(()),
        }
    }

    fn write_cartridge_variables(&self, cartridge: &Installed) -> Result<(), FileError> {
        let directory = format!("{}/", cartridge.directory);
        let mut variables = self.endpoint_variables();
        variables.push(("OPENSHIFT_PRIMARY_CARTRIDGE_DIR".to_owned(), directory));
        variables.iter().try_for_each(|(name, value)| {
            files::write_atomic(&self.layout.env().join(name), value.as_bytes(), 0o640)
        })
    }

    fn endpoint_variables(&self) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        for bound in &self.endpoints.bound {
            let (ip, port) = (bound.address.ip(), bound.address.port());
            variables.push((bound.ip_variable.clone(), ip.to_string()));
            variables.push((bound.port_variable.clone(), port.to_string()));
        }
        variables
    }

    /// A template that cannot be rendered fails nothing on a node; here its author is told.
    fn render(
        &self,
        cartridge: &Installed,
        entries: &[String],
        progress: &mut dyn Progress,
    ) -> Result<(), FileError> {
        let templates = entries
            .iter()
            .flat_map(|entry| managed::expand(&self.layout, &cartridge.directory, entry))
            .collect::<Vec<Utf8PathBuf>>();
        if templates.is_empty() {
            return Ok(());
        }
        for template in templates {
            let env = self.environment()?;
            if let Err(error) = templates::render(&template, &env, self.layout.home()) {
                progress.notice(&format!("A template was not rendered: {error}"));
            }
        }
        Ok(())
    }

    fn check_home(&self, before: &[String]) -> Result<(), ConfigureError> {
        let mut names = self.layout.visible()?;
        names.retain(|name| !before.contains(name));
        if names.is_empty() {
            return Ok(());
        }
        Err(ConfigureError::Visible { names: names.join(", ") })
    }

    fn check_variable_names(&self, cartridge: &Installed) -> Result<(), ConfigureError> {
        for (name, _) in environ::variables(&cartridge.directory.join("env"))? {
            let of_the_node = self.layout.env().join(name.to_string_lossy().as_ref()).is_file();
            if of_the_node && name != "PATH" && name != "LD_LIBRARY_PATH" {
                return Err(ConfigureError::VariableName {
                    name: name.to_string_lossy().into_owned(),
                });
            }
        }
        Ok(())
    }
}

fn noticed<T>(result: Result<T, BuildError>, progress: &mut dyn Progress) {
    if let Err(error) = result {
        progress.notice(&error.to_string());
    }
}

/// A cartridge that could not be put on a gear.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// The cartridge does not offer the version.
    #[error("{cartridge} has no version {version:?}: it offers {known} (--cartridge-version)")]
    Version {
        /// The cartridge's name.
        cartridge: String,
        /// What was asked for.
        version: String,
        /// What there is.
        known: String,
    },
    /// A script failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A file could not be had.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something appeared in the gear's home.
    #[error("the cartridge made {names} in the gear's home, where a node allows only hidden names")]
    Visible {
        /// The names.
        names: String,
    },
    /// A variable of the cartridge's has the name of one of the node's.
    #[error(
        "the cartridge's env/{name} has the name of a variable of the node's, which refuses it"
    )]
    VariableName {
        /// The name.
        name: String,
    },
}

/// A build, a start or a stop that failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A script failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A file could not be had.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A gear of which something is left.
#[derive(Debug, thiserror::Error)]
pub enum DestroyError {
    /// Processes.
    #[error("these processes of the gear could not be ended: {pids}")]
    Survived {
        /// Their pids.
        pids: String,
    },
    /// Files.
    #[error(transparent)]
    File(#[from] FileError),
}
