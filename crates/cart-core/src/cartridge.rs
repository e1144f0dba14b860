//! What the author of a cartridge writes: one trait, whose methods have defaults where a node
//! needs nothing.

use std::io::Write;

use crate::cartridge_dir::CartridgeDir;
use crate::env::GearEnv;
use crate::fault;
use crate::gear::Gear;
use crate::message::{self, Audience};

/// What a hook is given: the environment, the gear, the cartridge's directory, and a way to speak
/// to the person who asked.
pub struct Context<'a> {
    /// The environment of this hook.
    pub env: &'a GearEnv,
    /// The gear that the environment describes.
    pub gear: &'a Gear,
    /// The cartridge's directory on it.
    pub dir: &'a CartridgeDir,
    out: &'a mut dyn Write,
}

impl<'a> Context<'a> {
    /// A context that speaks on `out`.
    pub fn new(
        env: &'a GearEnv,
        gear: &'a Gear,
        dir: &'a CartridgeDir,
        out: &'a mut dyn Write,
    ) -> Self {
        Self { env, gear, dir, out }
    }

    /// Says what came of the operation.
    pub fn result(&mut self, text: &str) {
        self.say(Audience::Result, text);
    }

    /// Shows a line of something long, an installation say. A node passes it on to whoever pushed,
    /// and to nobody else. It is indented: at the start of a line, some words would command the node
    /// (`ENV_VAR_ADD: `), and these are a package's.
    pub fn progress(&mut self, line: &str) {
        let line = fault::harmless(line);
        let _ = writeln!(self.out, "  {line}").and_then(|()| self.out.flush());
    }

    /// Says something else worth knowing: what is being done, what was noticed.
    pub fn message(&mut self, text: &str) {
        self.say(Audience::Message, text);
    }

    /// Somebody who stopped listening must not stop the operation.
    fn say(&mut self, audience: Audience, text: &str) {
        let _ = message::say(self.out, audience, text);
    }
}

/// Whether the cartridge's services run and answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Running, and a request was answered.
    Running(String),
    /// Nothing runs.
    Stopped(String),
    /// Something runs, but a request was not answered as it should be.
    NotAnswering(String),
}

/// A cartridge. The methods are a node's calls (node-contract.md, Lifecycle and control); every
/// one may be called twice, or again after it was killed half-way.
pub trait Cartridge {
    /// `Cartridge-Short-Name` of the manifest: the directory is `OPENSHIFT_<SHORT_NAME>_DIR`.
    const SHORT_NAME: &'static str;

    /// What the cartridge's program answers to `--version`, after its name:
    /// `env!("CARGO_PKG_VERSION")`, most likely.
    const VERSION: &'static str = "of no known version";

    /// What can go wrong.
    type Error: std::error::Error;

    /// Prepares the directory for software version `version`, before templates are rendered. The
    /// directories that hooks write to are there already.
    ///
    /// # Errors
    /// Whatever keeps the cartridge from being set up.
    fn setup(&self, ctx: &mut Context<'_>, version: &str) -> Result<(), Self::Error> {
        let _ = (ctx, version);
        Ok(())
    }

    /// Leaves a startable application: creation calls neither build nor deploy.
    ///
    /// # Errors
    /// Whatever keeps the application from being startable.
    fn install(&self, ctx: &mut Context<'_>, version: &str) -> Result<(), Self::Error> {
        let _ = (ctx, version);
        Ok(())
    }

    /// Called after the first start.
    ///
    /// # Errors
    /// Whatever the creator of the application must know.
    fn post_install(&self, ctx: &mut Context<'_>, version: &str) -> Result<(), Self::Error> {
        let _ = (ctx, version);
        Ok(())
    }

    /// Called before the directory is removed, on destruction of the gear without a stop before.
    ///
    /// # Errors
    /// Reported; the directory is removed regardless.
    fn teardown(&self, ctx: &mut Context<'_>) -> Result<(), Self::Error> {
        self.stop(ctx)
    }

    /// Starts what does not run.
    ///
    /// # Errors
    /// Nothing was started, then.
    fn start(&self, ctx: &mut Context<'_>) -> Result<(), Self::Error>;

    /// Stops what runs.
    ///
    /// # Errors
    /// Something still runs, then.
    fn stop(&self, ctx: &mut Context<'_>) -> Result<(), Self::Error>;

    /// Replaces what runs; starts what does not.
    ///
    /// # Errors
    /// What ran still runs, if the cartridge can keep that promise.
    fn restart(&self, ctx: &mut Context<'_>) -> Result<(), Self::Error> {
        self.stop(ctx)?;
        self.start(ctx)
    }

    /// Takes over changed configuration and code; starts nothing that does not run.
    ///
    /// # Errors
    /// What ran still runs as before.
    fn reload(&self, ctx: &mut Context<'_>) -> Result<(), Self::Error> {
        let _ = ctx;
        Ok(())
    }

    /// Asks, changes nothing.
    ///
    /// # Errors
    /// When it cannot be told.
    fn status(&self, ctx: &mut Context<'_>) -> Result<Status, Self::Error>;

    /// Any other action of control: `build`, `deploy`, `tidy`, and those of the manifest's
    /// `Additional-Control-Actions`. One that is not known is done already (exit code 0).
    ///
    /// # Errors
    /// Whatever keeps the action from being done.
    fn action(
        &self,
        ctx: &mut Context<'_>,
        action: &str,
        argument: Option<&str>,
    ) -> Result<(), Self::Error> {
        let _ = (ctx, action, argument);
        Ok(())
    }

    /// Whether an action changes nothing, so that it may run beside another hook.
    fn only_reads(&self, action: &str) -> bool {
        action == "status"
    }

    /// What a person is told of an error: what happened, where, what to do next.
    fn explain(&self, error: &Self::Error) -> String {
        error.to_string()
    }

    /// The exit code of an error: not 0, below 100, and its meaning documented.
    fn exit_code(&self, error: &Self::Error) -> u8 {
        let _ = error;
        crate::entry::FAILED
    }
}
