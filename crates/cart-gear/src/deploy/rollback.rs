//! Rolling back: a deployment that was kept is put in place again, without a build
//! (node-contract.md, Build).

use crate::deploy::build::Turn;
use crate::deploy::deployments::{self, Deployment};
use crate::deploy::recovery::unfinished::Unfinished;
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::state::State;
use crate::scripts::progress::Progress;

impl GearOnDisk {
    /// Puts the deployment `wanted` (an id, the beginning of one, or `previous`) in place: its
    /// code, its dependencies; deploys it and has it served. A started gear is restarted, any
    /// other is started. Answers the deployment.
    ///
    /// # Errors
    /// [`GearError`]; what served before is put back then.
    pub fn activate(
        &mut self,
        wanted: &str,
        progress: &mut dyn Progress,
    ) -> Result<Deployment, GearError> {
        self.recover(progress)?;
        let mut deployment = deployments::choose(&self.layout, wanted)?;
        let mut unfinished = Unfinished::of(&self.layout);
        let turn = match unfinished.state {
            State::Started => Turn::Restart,
            _ => Turn::Start,
        };
        self.begin(&mut unfinished, &deployment)?;
        let outcome = deployment
            .put_in_place(&self.layout)
            .map_err(GearError::from)
            .and_then(|()| self.deploy_phases(turn, &mut deployment, &mut unfinished, progress));
        let Err(error) = outcome else {
            self.end_of(progress);
            return Ok(deployment);
        };
        self.take_back(&unfinished, None, progress);
        Err(error)
    }
}
