//! One push, one deploy: a line of steps from code to an app that serves (node-contract.md, Build). What
//! there was before is written down first, so that a step that fails, or a kill, is taken back.

use crate::deploy::build::{Code, Turn};
use crate::deploy::deployments::{Deployment, Markers};
use crate::deploy::git::Commit;
use crate::deploy::recovery::pending::Pending;
use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::state::State;
use crate::scripts::progress::{OnlyErrors, Progress};

/// What becomes of a started gear while its app is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It is stopped before and started afterwards, literally as on a node, unless the deploy is
    /// hot. If it keeps one deployment only, a failed build leaves it stopped, and a failed start
    /// leaves it started, with whatever the cartridge serves then. If it cannot be stopped, it is
    /// started again, as if nothing had been asked for.
    StopFirst,
    /// It serves on, and is restarted afterwards, so that a cartridge which replaces what runs
    /// loses no request. If the build or the deploy fails, what served before is put back.
    Beside,
}

/// What is being deployed, and what there was before.
struct Deploying<'a> {
    code: Code<'a>,
    markers: Markers,
    order: Order,
    turn: Turn,
    unfinished: Unfinished,
}

impl GearOnDisk {
    /// Builds, deploys and starts the code in the gear's repository, literally as on a node.
    ///
    /// # Errors
    /// [`GearError`]; a gear that was stopped for the build stays so, as on a node.
    pub fn build_and_deploy(&mut self, progress: &mut dyn Progress) -> Result<(), GearError> {
        self.deploy_code(Code::InPlace(None), Order::StopFirst, progress).map(drop)
    }

    /// Deploys and starts the code in the gear's repository without building it, as a node does
    /// with the app of a new gear whose cartridge asks for no build (node-contract.md, Lifecycle,
    /// post_configure). `commit` is what the code is, if it came from one.
    ///
    /// # Errors
    /// [`GearError`].
    pub fn deploy_unbuilt(
        &mut self,
        commit: Option<&Commit>,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        self.user_hook("prepare", progress)?;
        let code = Code::InPlace(commit);
        let mut deployment = code.begin(self, Markers::of(&self.layout.repo()))?;
        deployment.record(&self.layout)?;
        self.make_current(&mut deployment, progress)?;
        self.start(progress)?;
        Ok(())
    }

    /// Builds `code`, deploys it and has it served; answers the deployment that is current now.
    ///
    /// # Errors
    /// [`GearError`]; what then is the state of the gear, `order` says.
    pub fn deploy_code(
        &mut self,
        code: Code<'_>,
        order: Order,
        progress: &mut dyn Progress,
    ) -> Result<Deployment, GearError> {
        self.deploy_pending(code, order, None, progress)
    }

    /// As [`deploy_code`](Self::deploy_code). With `pending`, the deployment serves then and is not
    /// yet the current one: the next [`recover`](Self::recover) makes it that, or takes it back,
    /// depending on where the branch is.
    pub(crate) fn deploy_pending(
        &mut self,
        code: Code<'_>,
        order: Order,
        pending: Option<Pending>,
        progress: &mut dyn Progress,
    ) -> Result<Deployment, GearError> {
        self.recover(progress)?;
        let mut deploying = self.prepare(code, order, pending, progress)?;
        let mut deployment = self.stop_and_begin(&mut deploying, progress)?;
        let Deploying { code, markers, turn, unfinished, .. } = &mut deploying;
        let served = self
            .build_phases(*code, *markers, &mut deployment, progress)
            .and_then(|()| self.deploy_phases(*turn, &mut deployment, unfinished, progress));
        if let Err(error) = served {
            self.undo(deploying, deployment, progress)?;
            return Err(error);
        }
        if deploying.unfinished.pending.is_none() {
            self.end_of(progress);
        }
        Ok(deployment)
    }

    /// What is asked for, and what there is; nothing is changed.
    fn prepare<'a>(
        &self,
        code: Code<'a>,
        order: Order,
        pending: Option<Pending>,
        progress: &mut dyn Progress,
    ) -> Result<Deploying<'a>, GearError> {
        let markers = code.markers(self)?;
        code.tell_submodules(progress)?;
        let mut unfinished = Unfinished::of(&self.layout);
        unfinished.pending = pending;
        // The first start cannot be skipped, whatever the app says.
        let hot = markers.hot_deploy && unfinished.state == State::Started;
        let turn = match (hot, order, unfinished.state) {
            (true, ..) => Turn::Hot,
            (false, Order::Beside, State::Started) => Turn::Restart,
            _ => Turn::Start,
        };
        Ok(Deploying { code, markers, order, turn, unfinished })
    }

    /// Stops the gear, where that comes first, and begins the deployment.
    fn stop_and_begin(
        &mut self,
        deploying: &mut Deploying<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Deployment, GearError> {
        let begun = self.stop_first(deploying, progress).and_then(|()| {
            let deployment = deploying.code.begin(self, deploying.markers)?;
            match self.begin(&mut deploying.unfinished, &deployment) {
                Ok(()) => Ok(deployment),
                Err(error) => {
                    deployment.discard(&self.layout)?;
                    Err(error.into())
                }
            }
        });
        if begun.is_err() {
            self.take_back(&deploying.unfinished, None, progress);
        }
        begun
    }

    fn stop_first(
        &mut self,
        deploying: &mut Deploying<'_>,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        if deploying.order != Order::StopFirst || deploying.turn == Turn::Hot {
            return Ok(());
        }
        self.begin_pause(&mut deploying.unfinished)?;
        if deploying.unfinished.state == State::Started {
            self.stop(progress)?;
        } else {
            // That nothing ran is no news.
            self.stop(&mut OnlyErrors(progress))?;
        }
        Ok(())
    }

    /// After a failure: what served before is put back, unless the node would leave it as it is.
    fn undo(
        &mut self,
        deploying: Deploying<'_>,
        deployment: Deployment,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        let Deploying { order, turn, unfinished, .. } = deploying;
        if order != Order::StopFirst || !self.keeps_one() {
            self.take_back(&unfinished, Some(deployment), progress);
            return Ok(());
        }
        deployment.discard(&self.layout)?;
        self.end_of(progress);
        // Where the start was tried, the gear is to run: a cartridge may serve what worked last
        // although its `start` failed, or its `deploy`, and such a gear is to be found by what
        // stops and boots.
        let runs = match State::of(&self.layout) {
            State::Started => true,
            State::Deploying => !self.processes().alive().is_empty(),
            _ => false,
        };
        let state = if turn == Turn::Hot || runs { State::Started } else { State::Stopped };
        Ok(state.write(&self.layout)?)
    }
}
