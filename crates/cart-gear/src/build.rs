//! Building, deploying and starting an app, in the node's order (node-contract.md, Build).

use camino::Utf8Path;
use cart_core::files::FileError;

use crate::deployment::{Deployment, Markers};
use crate::gear::GearOnDisk;
use crate::managed;
use crate::progress::Progress;
use crate::scripts::HookError;
use crate::state::State;
use crate::tree;

impl GearOnDisk {
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

    /// Deploys and starts the code in the gear's repository without building it, as a node does
    /// with the app of a new gear whose cartridge asks for no build (node-contract.md, Lifecycle,
    /// post_configure).
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn deploy_unbuilt(&mut self, progress: &mut dyn Progress) -> Result<(), BuildError> {
        self.user_hook("prepare", progress)?;
        let mut deployment = Deployment::begin(&self.layout, Markers::of(&self.layout.repo()))?;
        deployment.record(&self.layout)?;
        deployment.activate(&self.layout)?;
        self.start(progress)?;
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
