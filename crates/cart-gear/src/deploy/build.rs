//! The steps from code to an app that serves, in the node's order (node-contract.md, Build).

use cart_core::files::{self, FileError};
use cart_core::tree;

use crate::deploy::deployments;
use crate::deploy::deployments::{Deployment, MARKERS, Markers, replaced_code};
use crate::deploy::git::{Commit, Repository};
use crate::deploy::recovery::unfinished::{Touched, Unfinished};
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::managed;
use crate::layout::state::State;
use crate::scripts::progress::Progress;

/// The mode of what is built in.
const DIRECTORY: u32 = 0o750;

/// The code that is to be built.
#[derive(Clone, Copy, Debug)]
pub enum Code<'a> {
    /// What lies where it runs already; the commit that it is, if it came from one.
    InPlace(Option<&'a Commit>),
    /// A commit.
    Commit(&'a Repository, &'a Commit),
}

/// How new code comes to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Start,
    Restart,
    /// `control deploy` has done it.
    Hot,
}

impl GearOnDisk {
    /// Puts the code where it runs, and has it built there; keeps what comes of it.
    pub(super) fn build_phases(
        &mut self,
        code: Code<'_>,
        markers: Markers,
        deployment: &mut Deployment,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        self.control_alone("pre-repo-archive", progress)?;
        self.place(code, progress)?;
        State::Building.write(&self.layout)?;
        if markers.force_clean_build {
            self.forget_dependencies()?;
        }
        self.build_in_place(progress)?;
        Ok(deployment.record(&self.layout)?)
    }

    /// Has the code that lies where it runs built there, by the cartridge and by the app's own hooks.
    pub(crate) fn build_in_place(&self, progress: &mut dyn Progress) -> Result<(), GearError> {
        self.control_alone("update-configuration", progress)?;
        self.control_alone("pre-build", progress)?;
        self.user_hook("pre_build", progress)?;
        self.control_alone("build", progress)?;
        self.user_hook("build", progress)?;
        self.user_hook("prepare", progress)
    }

    /// What a deployment that lies in `app-root/runtime` needs to be the one that serves.
    pub(crate) fn deploy_phases(
        &mut self,
        turn: Turn,
        deployment: &mut Deployment,
        unfinished: &mut Unfinished,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        // A node copies the deployment back to where it was built; here it is what lies there.
        self.control_alone("update-configuration", progress)?;
        State::Deploying.write(&self.layout)?;
        unfinished.now(Touched::Tried, &self.layout)?;
        self.control_alone("deploy", progress)?;
        if turn == Turn::Hot {
            unfinished.now(Touched::Done, &self.layout)?;
        }
        self.user_hook("deploy", progress)?;
        if turn == Turn::Hot {
            State::Started.write(&self.layout)?;
        } else {
            self.turn(turn, unfinished, progress)?;
        }
        unfinished.now(Touched::Done, &self.layout)?;
        self.control_alone("post-deploy", progress)?;
        self.user_hook("post_deploy", progress)?;
        if unfinished.pending.is_some() {
            return Ok(());
        }
        Ok(self.make_current(deployment, progress)?)
    }

    /// Starts or restarts the app on new code. Cut off there, it may have been as quick as that.
    fn turn(
        &mut self,
        turn: Turn,
        unfinished: &mut Unfinished,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        unfinished.now(Touched::Turning, &self.layout)?;
        let turned = match turn {
            Turn::Restart => self.restart(progress),
            Turn::Hot | Turn::Start => self.start(progress),
        };
        // The script itself says that the new code does not serve.
        if let Err(GearError::Failed { .. }) = &turned {
            unfinished.touched = Touched::Tried;
        }
        turned.map(drop)
    }

    /// Makes the deployment the current one; of the others as many are kept as the gear wants.
    pub(super) fn make_current(
        &self,
        deployment: &mut Deployment,
        progress: &mut dyn Progress,
    ) -> Result<(), FileError> {
        deployment.activate(&self.layout)?;
        self.prune(progress);
        Ok(())
    }

    /// Removes deployments beyond as many as the gear keeps. One that cannot be removed costs room,
    /// nothing else.
    pub(crate) fn prune(&self, progress: &mut dyn Progress) {
        if let Err(error) = deployments::prune(&self.layout) {
            progress.notice(&format!("Older deployments were not removed: {error}"));
        }
    }

    /// Puts the code where it runs, in place of what is there, in one step: a server may be reading
    /// it. What was there stays beside it.
    fn place(&self, code: Code<'_>, progress: &mut dyn Progress) -> Result<(), GearError> {
        let Code::Commit(repository, commit) = code else {
            return Ok(());
        };
        let new = replaced_code::new(&self.layout);
        tree::discard(&new)?;
        files::create_dir(&new, DIRECTORY)?;
        repository.extract(commit, &new)?;
        tell_pointers(&repository.lfs_pointers(commit, &new)?, progress);
        Ok(replaced_code::replace(&self.layout)?)
    }

    fn forget_dependencies(&self) -> Result<(), GearError> {
        for part in [self.layout.dependencies(), self.layout.build_dependencies()] {
            let new =
                self.layout.runtime().join(format!(".{}.new", part.file_name().unwrap_or("")));
            tree::discard(&new)?;
            files::create_dir(&new, DIRECTORY)?;
            tree::exchange(&new, &part)?;
            tree::discard(&new)?;
        }
        if let Some(c) = &self.primary {
            managed::link_dependencies(&self.layout, &c.directory, &c.managed)?;
        }
        Ok(())
    }
}

/// What a push of files that Git LFS keeps leaves behind is found out when the app reads them.
fn tell_pointers(pointers: &[String], progress: &mut dyn Progress) {
    const NAMED: usize = 10;
    if pointers.is_empty() {
        return;
    }
    let more = match pointers.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    progress.notice(&format!(
        "What Git LFS keeps elsewhere is not fetched, these files hold nothing but pointers to it: {}{more} (commit their content instead, as `git lfs migrate export` does, or fetch it in .openshift/action_hooks/pre_build)",
        pointers[..pointers.len().min(NAMED)].join(", ")
    ));
}

impl Code<'_> {
    pub(super) fn markers(&self, gear: &GearOnDisk) -> Result<Markers, GearError> {
        Ok(match self {
            Self::InPlace(_) => Markers::of(&gear.layout.repo()),
            Self::Commit(repository, commit) => Markers::named(&repository.names(commit, MARKERS)?),
        })
    }

    pub(super) fn tell_submodules(&self, progress: &mut dyn Progress) -> Result<(), GearError> {
        let Self::Commit(repository, commit) = self else {
            return Ok(());
        };
        let submodules = repository.submodules(commit)?;
        if !submodules.is_empty() {
            progress.notice(&format!(
                "Submodules are not fetched, their directories are empty: {} (commit their files instead, or fetch them in .openshift/action_hooks/pre_build)",
                submodules.join(", ")
            ));
        }
        Ok(())
    }

    /// Begins the deployment of this code.
    pub(super) fn begin(
        &self,
        gear: &GearOnDisk,
        markers: Markers,
    ) -> Result<Deployment, FileError> {
        let commit = match self {
            Self::InPlace(commit) => *commit,
            Self::Commit(_, commit) => Some(*commit),
        };
        let branch = gear.deployment_branch();
        let name = commit.map_or(branch.as_str(), |commit| commit.name.as_str());
        Deployment::begin(&gear.layout, markers, name, commit.map(|commit| commit.sha.as_str()))
    }
}
