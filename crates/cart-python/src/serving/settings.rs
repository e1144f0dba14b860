//! What people set about the Python side: every variable, its meaning and its check at the door.

mod values;
pub mod websocket;

use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::{GearEnv, LogLimits, Setting, SettingError};

use crate::environment::installer::Choice;
use crate::repository::background::Counts;
use crate::serving::server::WsgiServer;
use crate::variables::entry_point::EntryPoint;
use crate::variables::interface::Interface;
use crate::variables::mirror::MirrorUrl;
use crate::variables::probe::{ProbePath, Statuses};
use crate::variables::worker_class::WorkerClass;
use values::{count, one_line, seconds, server_of, yes_or_no};
use websocket::WebsocketSettings;

pub use crate::variables::names::*;

/// No Python with an app in it has less.
const LEAST_MEMORY: u64 = 16 << 20;

/// Heroku's way to say no.
const DISABLE_COLLECTSTATIC: &str = "DISABLE_COLLECTSTATIC";

/// All of them, in the order of the table in `docs/variables.md`.
pub const SETTINGS: &[Setting] = &[
    SERVER,
    WORKERS,
    WEB_CONCURRENCY,
    WORKER_CLASS,
    THREADS,
    STICKY,
    PROCESSES,
    websocket::SERVER,
    websocket::APPLICATION,
    websocket::PATH,
    websocket::WORKERS,
    WSGI_APPLICATION,
    APPLICATION,
    INTERFACE,
    REQUIREMENTS_PATH,
    PYPI_MIRROR_URL,
    COLLECTSTATIC,
    INSTALLER,
    START_TIMEOUT,
    DRAIN_TIMEOUT,
    MAX_MEMORY,
    PROBE_PATH,
    PROBE_STATUS,
    LOG_SIZE,
    LOG_FILES,
];

impl Default for PythonSettings {
    /// Nothing is set.
    fn default() -> Self {
        // What is not there cannot be wrong.
        Self::from_env(&GearEnv::new()).expect("the defaults are allowed")
    }
}

/// What was set, checked. What depends on the gear (how many workers) is still open.
#[derive(Clone, Debug)]
pub struct PythonSettings {
    /// The server, if somebody chose one.
    pub server: Option<&'static dyn WsgiServer>,
    /// By which variable that is chosen.
    pub server_by: Setting,
    /// Worker processes, if somebody said how many.
    pub workers: Option<u32>,
    /// By which variable that is said.
    pub workers_by: Setting,
    /// The same, where only this was set.
    pub web_concurrency: Option<u32>,
    /// gunicorn's kind of worker, if somebody chose one.
    pub worker_class: Option<WorkerClass>,
    /// Threads, if somebody said how many.
    pub threads: Option<u32>,
    /// Whether a client stays with one worker, if somebody said so.
    pub sticky: Option<bool>,
    /// The second server, if somebody wants one.
    pub websocket: Option<WebsocketSettings>,
    /// How many processes of the Procfile's further lines there are to be.
    pub processes: Counts,
    /// The app's callable, if somebody named it, and the variable that names it.
    pub application: Option<(&'static str, EntryPoint)>,
    /// How it is called, if somebody said so.
    pub interface: Option<Interface>,
    /// The requirements file, if somebody named it: relative to the repository, or absolute.
    pub requirements_path: Option<Utf8PathBuf>,
    /// The package index to prefer.
    pub mirror: Option<MirrorUrl>,
    /// Whether static files are collected.
    pub collects_static: bool,
    /// What installs.
    pub installer: Choice,
    /// How long a start may take.
    pub start_timeout: Duration,
    /// How long running requests may take when their server is to go.
    pub drain_timeout: Duration,
    /// Bytes of resident memory that one of its processes may have, if somebody said so.
    pub max_memory: Option<u64>,
    /// What a new server is asked.
    pub probe_path: ProbePath,
    /// Which of its answers count as life.
    pub probe_statuses: Statuses,
    /// How much of the app's log is kept.
    pub log_limits: LogLimits,
}

impl PythonSettings {
    /// Reads and checks all variables of [`SETTINGS`].
    ///
    /// # Errors
    /// The first one whose value is not allowed: the error names it, its value and what is
    /// allowed; for a mistyped server also the one that was probably meant.
    pub fn from_env(env: &GearEnv) -> Result<Self, SettingError> {
        Ok(Self {
            server: server_of(SERVER, env)?,
            server_by: SERVER,
            workers: count(WORKERS, env)?,
            workers_by: WORKERS,
            web_concurrency: count(WEB_CONCURRENCY, env)?,
            worker_class: WORKER_CLASS.read(env, WorkerClass::parse)?,
            threads: count(THREADS, env)?,
            sticky: STICKY.read(env, yes_or_no)?,
            websocket: WebsocketSettings::from_env(env)?,
            processes: PROCESSES.read(env, Counts::parse)?.unwrap_or_default(),
            application: application(env)?,
            interface: INTERFACE.read(env, Interface::parse)?,
            requirements_path: REQUIREMENTS_PATH.read(env, one_line)?.map(Into::into),
            mirror: PYPI_MIRROR_URL.read(env, MirrorUrl::parse)?,
            collects_static: COLLECTSTATIC.read(env, yes_or_no)?.unwrap_or_else(|| !disabled(env)),
            installer: INSTALLER.read(env, Choice::parse)?.unwrap_or_default(),
            start_timeout: seconds(START_TIMEOUT, env, 60)?,
            drain_timeout: seconds(DRAIN_TIMEOUT, env, 30)?,
            max_memory: Some(MAX_MEMORY.size(env, LEAST_MEMORY..=u64::MAX, 0)?).filter(|b| *b > 0),
            probe_path: PROBE_PATH.read(env, ProbePath::parse)?.unwrap_or_default(),
            probe_statuses: PROBE_STATUS.read(env, Statuses::parse)?.unwrap_or_default(),
            log_limits: LogLimits::read(env, &LOG_SIZE, &LOG_FILES)?,
        })
    }

    /// gunicorn's kind of worker.
    #[must_use]
    pub fn worker_class(&self) -> WorkerClass {
        self.worker_class.clone().unwrap_or_default()
    }

    /// What holds for the second server, where these settings hold for the first one.
    pub(crate) fn of_second(&self, second: &WebsocketSettings) -> Self {
        let own = second.application.clone();
        Self {
            server: second.server,
            server_by: websocket::SERVER,
            workers: second.workers,
            workers_by: websocket::WORKERS,
            web_concurrency: None,
            interface: self.interface.filter(|_| own.is_none()),
            application: own.or_else(|| self.application.clone()),
            websocket: None,
            ..self.clone()
        }
    }
}

fn disabled(env: &GearEnv) -> bool {
    env.get(DISABLE_COLLECTSTATIC).is_some_and(|value| !value.is_empty() && value != "0")
}

/// Under either name; both may be set when they say the same.
fn application(env: &GearEnv) -> Result<Option<(&'static str, EntryPoint)>, SettingError> {
    let read = |setting: Setting| {
        let read = setting.read(env, EntryPoint::parse)?;
        Ok(read.map(|entry_point| (setting.name, entry_point)))
    };
    let (usual, other) = (read(WSGI_APPLICATION)?, read(APPLICATION)?);
    match (&usual, &other) {
        (Some((_, usual)), Some((_, other))) if usual != other => {
            let mut error = APPLICATION.wrong(&other.to_string());
            error.allowed =
                format!("what {} says, {usual}: set one of them only", WSGI_APPLICATION.name);
            Err(error)
        }
        _ => Ok(usual.or(other)),
    }
}

#[cfg(test)]
mod tests;
