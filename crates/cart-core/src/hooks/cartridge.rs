//! What the author of a cartridge writes: one trait, whose methods have defaults where a node
//! needs nothing.

use std::io::Write;

use crate::disk::fault;
use crate::given::cartridge_dir::CartridgeDir;
use crate::given::env::GearEnv;
use crate::given::gear::Gear;
use crate::hooks::message::{self, Audience};

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
        // Somebody who stopped listening must not stop the operation, here and below.
        let _ = message::say(self.out, Audience::Result, text);
    }

    /// Shows a line of something long, an installation say. A node passes it on to whoever pushed,
    /// and to nobody else. It is indented: at the start of a line, some words would command the node
    /// (`ENV_VAR_ADD: `), and these are a package's.
    pub fn progress(&mut self, line: &str) {
        let line = fault::harmless(line);
        let _ = writeln!(self.out, "  {line}").and_then(|()| self.out.flush());
    }

    /// Tells one figure, as `name=value` on a line of its own. A node drops lines longer than 2000
    /// bytes (node-contract.md, Logs, watchman, metrics), and so does this.
    pub fn metric(&mut self, name: &str, value: impl std::fmt::Display) {
        const LONGEST: usize = 2000;
        let line = format!("{name}={value}\n").replace(['\r', '\0'], " ");
        if line.len() <= LONGEST && line.find('\n') == Some(line.len() - 1) {
            // Nobody listens any more; there is nothing to undo.
            let _ = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
        }
    }

    /// Says something else worth knowing: what is being done, what was noticed.
    pub fn message(&mut self, text: &str) {
        let _ = message::say(self.out, Audience::Message, text);
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

/// From what to what a cartridge on a gear is upgraded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The software version, which stays.
    pub software: String,
    /// The `Cartridge-Version` that was on the gear.
    pub from: String,
    /// The `Cartridge-Version` whose files are there now.
    pub to: String,
}

impl Upgrade {
    /// The upgrade of a cartridge for `software`.
    #[must_use]
    pub fn new(software: &str, from: &str, to: &str) -> Self {
        Self { software: software.to_owned(), from: from.to_owned(), to: to.to_owned() }
    }
}

/// A cartridge. The methods are a node's calls (node-contract.md, Lifecycle and control); every
/// one may be called twice, or again after it was killed half-way.
pub trait Cartridge {
    /// `Cartridge-Short-Name` of the manifest: the directory is `OPENSHIFT_<SHORT_NAME>_DIR`.
    const SHORT_NAME: &'static str;

    /// What the cartridge's program answers to `--version`, after its name:
    /// `env!("CARGO_PKG_VERSION")`, most likely.
    const VERSION: &'static str = "of no known version";

    /// The names in `hooks/` by which this cartridge takes part in connections: one for each of the
    /// manifest's `Publishes` and `Subscribes` that is to be acted upon.
    const CONNECTION_HOOKS: &'static [&'static str] = &[];

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

    /// Makes of an older version's directory one of this version, whose files lie there already
    /// (node-contract.md, Lifecycle, Upgrade). When the old version is among the manifest's
    /// `Compatible-Versions`, the services run on, `setup` is not called and no template is
    /// rendered: only files may be changed. Else everything was stopped, and `setup` follows. It
    /// may be called again after it failed; of the environment nothing but the gear's own variables
    /// is to be relied on.
    ///
    /// # Errors
    /// The gear stays down then, until the upgrade is tried again.
    fn upgrade(&self, ctx: &mut Context<'_>, upgrade: &Upgrade) -> Result<(), Self::Error> {
        let _ = (ctx, upgrade);
        Ok(())
    }

    /// Tells figures with [`Context::metric`]. A node asks for them when the manifest has an element
    /// `Metrics`, waits a second, and passes on standard output line by line (node-contract.md,
    /// Logs, watchman, metrics). The environment has the gear's directories and nothing else.
    ///
    /// # Errors
    /// When they cannot be told.
    fn metrics(&self, ctx: &mut Context<'_>) -> Result<(), Self::Error> {
        let _ = ctx;
        Ok(())
    }

    /// A call of `hooks/NAME`, one of [`CONNECTION_HOOKS`](Self::CONNECTION_HOOKS). The arguments
    /// are the gear's name, the namespace, and then the gear's uuid for what is published,
    /// `'uuid'='value' ...` for what is subscribed to (node-contract.md, Connections, scaling).
    /// Variables of other cartridges (`ENV:*`) are in the gear's environment already.
    ///
    /// # Errors
    /// A node goes on regardless.
    fn connection(
        &self,
        ctx: &mut Context<'_>,
        name: &str,
        arguments: &[String],
    ) -> Result<(), Self::Error> {
        let _ = (ctx, name, arguments);
        Ok(())
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

    /// Whether an action of control, or a connection's hook, changes nothing, so that it may run
    /// beside another hook.
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
        crate::hooks::exit_code::FAILED
    }
}
