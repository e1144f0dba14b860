//! The way from `main` to a [`Cartridge`]: which hook was called, with what, and how it ended.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8Path;

use crate::disk::fault;
use crate::given::cartridge_dir::CartridgeDir;
use crate::given::env::GearEnv;
use crate::given::gear::Gear;
use crate::hooks::cartridge::{Cartridge, Context, Status, Upgrade};
use crate::hooks::exit_code::{
    BUSY, CONFIGURATION, DONE, FAILED, NOT_ANSWERING, NOT_RUNNING, USAGE,
};
use crate::hooks::message::{self, Audience};
use crate::processes::inherited;
use crate::processes::lock::{HookLock, LockError};

/// How long a hook waits for another one: well inside the 234 seconds that a node gives to a
/// whole operation (node-contract.md, Running scripts).
const LOCK_LIMIT: Duration = Duration::from_secs(120);

/// One call of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `setup --version X`
    Setup(String),
    /// `install --version X`
    Install(String),
    /// `post_install --version X`
    PostInstall(String),
    /// `control ACTION [ARGUMENT]`
    Control(String, Option<String>),
    /// `teardown`
    Teardown,
    /// `upgrade SOFTWARE OLD NEW`
    Upgrade(Upgrade),
    /// `metrics`
    Metrics,
    /// `hooks/NAME ARGUMENT...`, by which a node tells of a connection
    Connection(String, Vec<String>),
}

/// The place of the programs that a node calls for connections, below the cartridge.
const CONNECTIONS: &str = "hooks";

impl Entry {
    /// The names that a hook can be called by.
    pub const NAMES: &[&str] =
        &["setup", "install", "post_install", "control", "teardown", "upgrade", "metrics"];

    /// Reads a call: `words` are the name the program was called by (a path is fine) and its
    /// arguments. In a directory `hooks` every name is that of a connection's hook.
    ///
    /// # Errors
    /// [`UsageError`] saying what is wrong with the call.
    pub fn parse(words: &[String]) -> Result<Self, UsageError> {
        let (called, args) = words.split_first().ok_or(UsageError::Unnamed)?;
        let path = Utf8Path::new(called);
        let name = path.file_name().unwrap_or(called);
        if path.parent().and_then(Utf8Path::file_name) == Some(CONNECTIONS) {
            return Ok(Self::Connection(name.to_owned(), args.to_vec()));
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let version = || match args.as_slice() {
            ["--version", version] if !version.is_empty() => Ok((*version).to_owned()),
            _ => Err(UsageError::NoVersion { hook: name.to_owned() }),
        };
        match name {
            "setup" => version().map(Self::Setup),
            "install" => version().map(Self::Install),
            "post_install" => version().map(Self::PostInstall),
            "teardown" => Ok(Self::Teardown),
            "upgrade" => match args.as_slice() {
                [software, from, to] => Ok(Self::Upgrade(Upgrade::new(software, from, to))),
                _ => Err(UsageError::NoVersions),
            },
            "metrics" => Ok(Self::Metrics),
            "control" => match args.as_slice() {
                [action] => Ok(Self::Control((*action).to_owned(), None)),
                [action, argument] => {
                    Ok(Self::Control((*action).to_owned(), Some((*argument).to_owned())))
                }
                _ => Err(UsageError::NoAction),
            },
            _ => Err(UsageError::NoHook { name: name.to_owned() }),
        }
    }
}

/// The whole `main` of a cartridge without a supervisor: reads the call and the environment of this
/// process and runs the hook.
pub fn main<C: Cartridge>(cartridge: &C) -> ExitCode {
    // First of all, before anything is opened: no daemon may keep the node's pipes.
    let inherited = inherited::adopt();
    let words: Vec<String> = std::env::args().collect();
    let (out, err) = (&mut std::io::stdout(), &mut std::io::stderr());
    if let Err(error) = inherited {
        let why = fault::words(&error);
        let text = format!("cannot read /proc/self/fd, which must be mounted: {why}");
        // There is nobody else to tell.
        let _ = message::say(err, Audience::Error, &text);
        return ExitCode::from(FAILED);
    }
    ExitCode::from(run(cartridge, &words, &GearEnv::from_process(), out, err))
}

/// Runs one call of a hook and answers its exit code. Results are said on `out`, errors on `err`,
/// in the node's words.
pub fn run<C: Cartridge>(
    cartridge: &C,
    words: &[String],
    env: &GearEnv,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    called(cartridge, words, env, out).unwrap_or_else(|(text, code)| {
        // Nobody listens any more; the exit code still tells.
        let _ = message::say(err, Audience::Error, &text);
        code
    })
}

/// The exit code; of what went wrong, with the words for it.
fn called<C: Cartridge>(
    cartridge: &C,
    words: &[String],
    env: &GearEnv,
    out: &mut dyn Write,
) -> Result<u8, (String, u8)> {
    if let Some(name) = asked_for_version(words) {
        // Nobody listens any more; there is nothing to undo.
        let _ = writeln!(out, "{name} {}", C::VERSION);
        return Ok(DONE);
    }
    let entry = Entry::parse(words).map_err(|error| (error.to_string(), USAGE))?;
    if let Entry::Connection(name, _) = &entry
        && !C::CONNECTION_HOOKS.contains(&name.as_str())
    {
        let known = C::CONNECTION_HOOKS.join(", ");
        return Err((UsageError::NoConnection { name: name.clone(), known }.to_string(), USAGE));
    }
    let found = (entry == Entry::Metrics).then(|| find_gear::<C>(words, env));
    let env = found.as_ref().unwrap_or(env);
    let place = Gear::from_env(env)
        .and_then(|gear| Ok((gear, CartridgeDir::from_env(env, C::SHORT_NAME)?)));
    let (gear, dir) = place.map_err(|error| (error.to_string(), CONFIGURATION))?;
    refuse_foreign_root(&dir).map_err(|text| (text, CONFIGURATION))?;
    let _lock = lock(cartridge, &entry, words, &dir).map_err(|error| {
        let code = if matches!(error, LockError::Held { .. }) { BUSY } else { FAILED };
        (error.to_string(), code)
    })?;
    dispatch(cartridge, &entry, &mut Context::new(env, &gear, &dir, out))
        .map_err(|error| (cartridge.explain(&error), cartridge.exit_code(&error)))
}

/// The environment with the two directories that it lacks: a node runs `bin/metrics` by its path,
/// without any variable of the gear's (node-contract.md, Logs, watchman, metrics).
fn find_gear<C: Cartridge>(words: &[String], env: &GearEnv) -> GearEnv {
    let mut env = env.clone();
    let called = words.first().and_then(|called| camino::absolute_utf8(called).ok());
    let directory = called.as_deref().and_then(|called| called.parent()?.parent());
    let Some((directory, home)) = directory.and_then(|d| Some((d, d.parent()?))) else {
        return env;
    };
    for (name, path) in [
        ("OPENSHIFT_HOMEDIR".to_owned(), home),
        (format!("OPENSHIFT_{}_DIR", C::SHORT_NAME), directory),
    ] {
        if env.get(&name).is_none() {
            env.set(name, path.as_str());
        }
    }
    env
}

/// As root on somebody else's gear, the app would run as root, and what it made root would follow.
fn refuse_foreign_root(dir: &CartridgeDir) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(dir.path()).map_or(0, |metadata| metadata.uid());
    if owner == 0 || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(format!(
        "{} belongs to the user {owner}, and this is root: run the hook as that user \
         (setpriv --reuid {owner} --regid {owner} --clear-groups ...)",
        dir.path()
    ))
}

/// The program's own name, when it was called by that and asked for its version; a hook's
/// `--version` is the software's.
fn asked_for_version(words: &[String]) -> Option<&str> {
    let [called, word] = words else { return None };
    let name = Utf8Path::new(called).file_name()?;
    (word == "--version" && !Entry::NAMES.contains(&name)).then_some(name)
}

fn lock<C: Cartridge>(
    cartridge: &C,
    entry: &Entry,
    words: &[String],
    dir: &CartridgeDir,
) -> Result<Option<HookLock>, LockError> {
    let only_reads = match entry {
        Entry::Control(name, _) | Entry::Connection(name, _) => cartridge.only_reads(name),
        Entry::Metrics => true,
        _ => false,
    };
    if only_reads {
        return Ok(None);
    }
    let holder = match entry {
        Entry::Control(action, _) => format!("control {action}"),
        Entry::Connection(name, _) => format!("{CONNECTIONS}/{name}"),
        _ => Utf8Path::new(&words[0]).file_name().unwrap_or_default().to_owned(),
    };
    dir.create_all()?;
    HookLock::acquire(&dir.run().join("hook.lock"), &holder, LOCK_LIMIT).map(Some)
}

fn dispatch<C: Cartridge>(
    cartridge: &C,
    entry: &Entry,
    ctx: &mut Context<'_>,
) -> Result<u8, C::Error> {
    match entry {
        Entry::Setup(version) => cartridge.setup(ctx, version)?,
        Entry::Install(version) => cartridge.install(ctx, version)?,
        Entry::PostInstall(version) => cartridge.post_install(ctx, version)?,
        Entry::Teardown => cartridge.teardown(ctx)?,
        Entry::Upgrade(upgrade) => cartridge.upgrade(ctx, upgrade)?,
        Entry::Metrics => cartridge.metrics(ctx)?,
        Entry::Connection(name, arguments) => cartridge.connection(ctx, name, arguments)?,
        Entry::Control(action, argument) => match action.as_str() {
            "start" => cartridge.start(ctx)?,
            "stop" => cartridge.stop(ctx)?,
            "restart" => cartridge.restart(ctx)?,
            "reload" | "force-reload" => cartridge.reload(ctx)?,
            "status" => return cartridge.status(ctx).map(|status| report(&status, ctx)),
            other => cartridge.action(ctx, other, argument.as_deref())?,
        },
    }
    Ok(DONE)
}

fn report(status: &Status, ctx: &mut Context<'_>) -> u8 {
    let (text, code) = match status {
        Status::Running(text) => (text, DONE),
        Status::Stopped(text) => (text, NOT_RUNNING),
        Status::NotAnswering(text) => (text, NOT_ANSWERING),
    };
    ctx.result(text);
    code
}

/// A call that no node would make.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UsageError {
    /// Not even a program name.
    #[error("the program was called without a name")]
    Unnamed,
    /// Called by a name that is no hook's.
    #[error(
        "{name:?} is no hook: call this program by one of the names {}, or as hooks/NAME", Entry::NAMES.join(", ")
    )]
    NoHook {
        /// The name.
        name: String,
    },
    /// No version.
    #[error("{hook} needs the software version: {hook} --version X")]
    NoVersion {
        /// The hook.
        hook: String,
    },
    /// Not the three versions of an upgrade.
    #[error("upgrade needs three versions: upgrade SOFTWARE OLD_CARTRIDGE NEW_CARTRIDGE")]
    NoVersions,
    /// A hook of a connection that this cartridge has no part in.
    #[error(
        "the cartridge has no connection hook {name:?}{}",
        if .known.is_empty() { String::new() } else { format!("; it has {known}") }
    )]
    NoConnection {
        /// Its name.
        name: String,
        /// Those that there are, separated by commas.
        known: String,
    },
    /// No action.
    #[error("control needs an action: control start|stop|restart|reload|status|... [ARGUMENT]")]
    NoAction,
}

#[cfg(test)]
mod tests;
