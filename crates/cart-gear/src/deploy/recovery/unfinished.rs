//! A deployment that goes on, written down so that what a kill leaves of it can be put right: what
//! served before is put back, and everything else of it goes.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::process::{self, ProcessId};
use cart_core::tree;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::deploy::deployments;
use crate::deploy::deployments::{CODE, Deployment, PARTS, beside, fingerprint, replaced_code};
use crate::deploy::recovery::exchanged::{self, Part, STAGING};
use crate::deploy::recovery::pending::{Pending, decided_file};
use crate::gear::on_disk::GearOnDisk;
use crate::layout::error::GearError;
use crate::layout::paths::Layout;
use crate::layout::state::{Marks, State};
use crate::scripts::processes::Processes;
use crate::scripts::progress::{Progress, noticed};

/// How long a script that outlived `gear` may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// What there was before a deployment began, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    /// The gear's state before.
    pub(crate) state: State,
    /// Whether its user had stopped it.
    stop_lock: bool,
    /// The name of the deployment.
    pub(crate) deployment: String,
    /// How often that one had been in place before.
    #[serde(default)]
    pub(crate) activations: Option<usize>,
    /// What has become of what served before.
    pub(crate) touched: Touched,
    /// The dependencies in place before, where they may change.
    #[serde(default)]
    dependencies: Option<String>,
    /// The [number](replaced_code::number) of the code in place before.
    #[serde(default)]
    code: Option<u64>,
    /// What a restore exchanges.
    #[serde(default)]
    exchanged: Vec<Part>,
    /// What it waits for to stay.
    #[serde(default)]
    pub(crate) pending: Option<Pending>,
}

/// What has become of what served before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Touched {
    /// It serves.
    Not,
    /// It may have been stopped.
    Tried,
    /// New code is being put in its place.
    Turning,
    /// New code may serve in its place.
    Done,
}

impl Unfinished {
    /// The gear as it is before anything is done.
    pub(crate) fn of(layout: &Layout) -> Self {
        let stop_lock = layout.stop_lock().exists();
        let state = match (State::of(layout), stop_lock) {
            // What a kill left of somebody else's work: such a gear is to run, as at a boot.
            (State::Building | State::Deploying, false) => State::Started,
            (State::Building | State::Deploying, true) => State::Stopped,
            (state, _) => state,
        };
        Self {
            state,
            stop_lock,
            deployment: String::new(),
            activations: None,
            touched: Touched::Not,
            dependencies: fingerprint::of_dependencies(layout),
            code: replaced_code::number(layout),
            exchanged: Vec::new(),
            pending: None,
        }
    }

    /// Exchanges parts of the gear with what is laid out for a restore.
    pub(crate) fn exchange(
        &mut self,
        parts: Vec<Utf8PathBuf>,
        layout: &Layout,
    ) -> Result<(), FileError> {
        self.exchanged = exchanged::parts(layout.home(), parts);
        self.write(layout)?;
        exchanged::exchange(layout.home(), &self.exchanged)
    }

    /// Whether some parts are what they were before, and others could not be put back.
    pub(crate) fn is_half_exchanged(&self, layout: &Layout) -> bool {
        !exchanged::is_back(layout.home(), &self.exchanged)
    }

    /// Notes that all files stay as they are now, whatever comes.
    pub(crate) fn keep_what_is(&mut self, layout: &Layout) -> Result<(), FileError> {
        self.exchanged.clear();
        self.dependencies = fingerprint::of_dependencies(layout);
        self.code = replaced_code::number(layout);
        self.write(layout)
    }

    /// Notes how far it has come.
    pub(crate) fn now(&mut self, touched: Touched, layout: &Layout) -> Result<(), FileError> {
        self.touched = touched;
        self.write(layout)
    }

    fn write(&self, layout: &Layout) -> Result<(), FileError> {
        let path = file(layout);
        let json =
            serde_json::to_vec(self).map_err(|e| FileError::new("write", &path, e.into()))?;
        files::write_atomic(&path, &json, 0o600)
    }

    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>, FileError> {
        let path = file(layout);
        let parse = |bytes: Vec<u8>| {
            serde_json::from_slice(&bytes)
                .map_err(|e| FileError::new("understand", &path, e.into()))
        };
        files::read_if_exists(&path)?.map(parse).transpose()
    }
}

/// Whether something is noted that the next command puts right, or that goes on.
pub(crate) fn is_noted(layout: &Layout) -> bool {
    file(layout).exists()
}

impl GearOnDisk {
    /// Puts right what the kill of a `gear` left that was deploying. Answers whether there was
    /// something. Whoever works on a gear does this first.
    ///
    /// # Errors
    /// [`GearError`] when files cannot be put back. That the app cannot be started again is a notice:
    /// whoever mends the cause needs commands that work.
    pub fn recover(&mut self, progress: &mut dyn Progress) -> Result<bool, GearError> {
        let Some(unfinished) = Unfinished::read(&self.layout)? else {
            self.tidy_code(progress);
            return Ok(false);
        };
        end_script(&script_file(&self.layout), &self.runner.processes)?;
        self.runner.note = Some(script_file(&self.layout));
        let current = deployments::current_name(&self.layout);
        let name = &unfinished.deployment;
        let refused = match &unfinished.pending {
            Some(pending) if unfinished.touched == Touched::Done => {
                (!self.is_accepted(pending)?).then_some(pending)
            }
            _ => None,
        };
        let is_pending = unfinished.pending.is_some();
        let stays = refused.is_none() && (is_pending || current.as_ref() == Some(name));
        if unfinished.touched == Touched::Done && stays {
            self.say_done(&unfinished, progress);
            return Ok(true);
        }
        progress.notice(&match refused {
            Some(pending) => format!(
                "git did not make {} what it was to be, {}; what was in place before is put back",
                pending.branch,
                pending.short()
            ),
            None => "A command was cut off; what was in place before is put back".to_owned(),
        });
        if !unfinished.exchanged.is_empty()
            && let Err(error) = self.control_alone("stop", progress)
        {
            progress.notice(&error.summary());
        }
        let lost = exchanged::exchange_back(self.layout.home(), &unfinished.exchanged)?;
        if !lost.is_empty() {
            let lost: Vec<&str> = lost.iter().map(|part| part.as_str()).collect();
            let kept = exchanged::keep_aside(self.layout.home())?;
            progress.notice(&format!(
                "It is not known whether {} is what it was before the restore, or the snapshot's. The other lies in {kept}: look at both, and remove it",
                lost.join(", ")
            ));
        }
        noticed(self.forget_activation(&unfinished), progress);
        noticed(deployments::remove_unfinished(&self.layout), progress);
        self.put_back(&unfinished)?;
        self.run_again(&unfinished, progress)?;
        noticed(tree::remove(&self.layout.home().join(STAGING)), progress);
        self.end_of(progress);
        Ok(true)
    }

    /// Notes that a deployment begins.
    pub(crate) fn begin(
        &mut self,
        unfinished: &mut Unfinished,
        deployment: &Deployment,
    ) -> Result<(), FileError> {
        deployment.name().clone_into(&mut unfinished.deployment);
        unfinished.activations = Some(deployment.activations());
        unfinished.write(&self.layout)?;
        self.runner.note = Some(script_file(&self.layout));
        Ok(())
    }

    /// Notes that the gear is stopped for a while for something that is no deployment. After a kill
    /// it is brought back to what it was.
    pub(crate) fn begin_pause(&mut self, unfinished: &mut Unfinished) -> Result<(), FileError> {
        unfinished.now(Touched::Tried, &self.layout)?;
        self.runner.note = Some(script_file(&self.layout));
        Ok(())
    }

    /// As [`begin_pause`](Self::begin_pause), for what makes room on a full disk or saves what is on it:
    /// it goes on without the note then.
    pub(crate) fn begin_pause_if_room(
        &mut self,
        unfinished: &mut Unfinished,
        progress: &mut dyn Progress,
    ) -> Result<(), FileError> {
        match self.begin_pause(unfinished) {
            Err(error) if files::is_full(&error) => {
                progress.notice(
                    "The disk is full, so what goes on cannot be noted: if it is cut off, start the app yourself",
                );
                Ok(())
            }
            other => other,
        }
    }

    /// Notes that it has ended, well or badly.
    pub(crate) fn end_of(&mut self, progress: &mut dyn Progress) {
        self.runner.note = None;
        noticed(files::remove_if_exists(&script_file(&self.layout)), progress);
        noticed(files::remove_if_exists(&file(&self.layout)), progress);
        noticed(files::remove_if_exists(&decided_file(&self.layout)), progress);
        self.tidy_code(progress);
    }

    /// What is left of it costs room, nothing else.
    fn tidy_code(&self, progress: &mut dyn Progress) {
        if let Err(error) = replaced_code::tidy(&self.layout) {
            progress.notice(&format!("Code that was replaced is left behind: {error}"));
        }
    }

    /// After a failure: removes what was built, if anything was, and puts back what served before.
    /// What goes wrong here is a notice, because why the deployment failed is what counts; the next
    /// command on the gear tries again.
    pub(crate) fn take_back(
        &mut self,
        unfinished: &Unfinished,
        failed: Option<Deployment>,
        progress: &mut dyn Progress,
    ) {
        let forgotten = match failed {
            Some(failed) => failed.discard(&self.layout),
            None => self.forget_activation(unfinished),
        };
        noticed(forgotten, progress);
        if let Err(error) = self.put_back(unfinished) {
            progress.notice(&format!(
                "What served before could not be put back, the next command on the gear tries again: {error}"
            ));
            return;
        }
        match self.run_again(unfinished, progress) {
            Ok(()) => self.end_of(progress),
            Err(error) => progress
                .notice(&format!("{error}: the next command on the gear starts the app again")),
        }
    }

    /// An activation is noted before it comes about.
    fn forget_activation(&self, unfinished: &Unfinished) -> Result<(), FileError> {
        let Some(before) = unfinished.activations else {
            return Ok(());
        };
        let deployment = deployments::named(&self.layout, &unfinished.deployment)?;
        deployment.map_or(Ok(()), |mut it| it.keep_activations(before))
    }

    /// Puts code, dependencies, state and stop lock back.
    fn put_back(&self, unfinished: &Unfinished) -> Result<(), FileError> {
        // What is the very same stays: it may be newer than the deployment's copy, when a restart has
        // installed another server, and what serves uses it.
        let now = fingerprint::of_dependencies(&self.layout);
        let same = now.is_some() && now == unfinished.dependencies;
        let code = match unfinished.code {
            Some(code) => replaced_code::put_back(&self.layout, code)?,
            None => false,
        };
        let is_there = |part: &&str| if *part == CODE { code } else { same };
        let missing: Vec<&str> = PARTS.into_iter().filter(|part| !is_there(part)).collect();
        // What was laid out and has no place takes room.
        for part in PARTS {
            tree::discard(&beside(&self.layout, part))?;
        }
        // Without a current deployment what is in place is all that there is.
        if !missing.is_empty()
            && let Some(current) = deployments::current(&self.layout)?
        {
            current.put(&missing, &self.layout)?;
        }
        Marks { state: unfinished.state, stop_lock: unfinished.stop_lock }.set(&self.layout)
    }

    /// Has the app run, or not run, as it did before. That it fails is a notice, unless somebody asks
    /// for an end.
    fn run_again(
        &self,
        unfinished: &Unfinished,
        progress: &mut dyn Progress,
    ) -> Result<(), GearError> {
        let (action, done, remedy) = match (unfinished.touched, unfinished.state) {
            (Touched::Not, _) => return Ok(()),
            (Touched::Tried, State::Started) => ("start", "started", "restart"),
            (Touched::Turning | Touched::Done, State::Started) => {
                ("restart", "restarted", "restart")
            }
            _ => ("stop", "stopped", "stop"),
        };
        match self.control_alone(action, progress) {
            Err(error) if error.is_interrupt() => return Err(error),
            Err(error) => progress.notice(&format!(
                "The gear's files are as they were before, but the app could not be {done}: {}. Mend the cause, then: gear {remedy} {}",
                error.summary(),
                self.name
            )),
            Ok(_) => {}
        }
        Ok(())
    }

    /// Whether nothing but the current deployment is kept, as on a node by default.
    pub(crate) fn keeps_one(&self) -> bool {
        deployments::to_keep(&self.layout).is_ok_and(|count| count == 1)
    }
}

fn file(layout: &Layout) -> Utf8PathBuf {
    layout.home().join(".gear-deploying.json")
}

fn script_file(layout: &Layout) -> Utf8PathBuf {
    layout.home().join(".gear-script.json")
}

/// Ends the script that a killed `gear` was running, with what it started in its process group, be
/// its shell there or not.
fn end_script(note: &Utf8Path, processes: &Processes) -> Result<(), FileError> {
    let note = files::read_if_exists(note)?.unwrap_or_default();
    let Ok(leader) = serde_json::from_slice::<ProcessId>(&note) else {
        return Ok(());
    };
    let is_certain = leader.is_alive();
    let left = || {
        if leader.is_alive() {
            return vec![leader];
        }
        let mut group = process::group_without(leader.pid);
        if !is_certain && !group.is_empty() {
            // Since a reboot, say, the number may be that of another group.
            let ours = processes.alive();
            group.retain(|member| ours.contains(member));
        }
        group
    };
    for signal in [Signal::TERM, Signal::KILL] {
        for process in left() {
            if process == leader {
                process.signal_group(signal);
            } else {
                process.signal(signal);
            }
        }
        if cart_core::wait::until(PATIENCE, || left().is_empty().then_some(())).is_some() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
