//! What people set about the Python side: every variable, its meaning and its check at the door.

use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::{GearEnv, LogLimits, Setting, SettingError, log_limits};

use crate::background::Counts;
use crate::entry_point::EntryPoint;
use crate::installer::Choice;
use crate::interface::Interface;
use crate::mirror::MirrorUrl;
use crate::probe::{ProbePath, Statuses};
use crate::server::{self, WsgiServer};
use crate::websocket::{self, WebsocketSettings};
use crate::worker_class::WorkerClass;

/// Which server runs the app.
pub const SERVER: Setting = Setting {
    name: "OPENSHIFT_PYTHON_SERVER",
    meaning: "the Python server",
    default: "the one of the Procfile's `web:` line, else uvicorn for an ASGI app, wsgiref for WSGI",
    allowed: "wsgiref, gevent, gunicorn, uvicorn, hypercorn, granian, waitress, cheroot, tornado, uwsgi or custom",
};

/// How many processes.
pub const WORKERS: Setting = Setting {
    name: "OPENSHIFT_PYTHON_WORKERS",
    meaning: "worker processes, for servers that have them",
    default: "1; for gunicorn CPUs this gear may use x 2 + 1, bounded by its memory",
    allowed: "1 to 1000",
};

/// The same as others know it.
pub const WEB_CONCURRENCY: Setting = Setting {
    name: "WEB_CONCURRENCY",
    meaning: "the same as OPENSHIFT_PYTHON_WORKERS, where neither that nor the Procfile says a number; \
              the app finds in it how many it has",
    default: "not set",
    allowed: WORKERS.allowed,
};

/// How a gunicorn worker serves several requests.
pub const WORKER_CLASS: Setting = Setting {
    name: "OPENSHIFT_PYTHON_WORKER_CLASS",
    meaning: "how each worker of gunicorn serves its requests",
    default: "gevent",
    allowed: "gevent, gthread, sync; asgi for ASGI apps; or the dotted path of a class such as \
              `package.module.Class`",
};

/// How many threads.
pub const THREADS: Setting = Setting {
    name: "OPENSHIFT_PYTHON_THREADS",
    meaning: "requests served at the same time by each worker, for servers that have threads",
    default: "32; 4 for gthread workers of gunicorn",
    allowed: "1 to 1000",
};

/// What else runs, and in how many processes.
pub const PROCESSES: Setting = Setting {
    name: "OPENSHIFT_PYTHON_PROCESSES",
    meaning: "how many processes of each further line of the Procfile run, such as `worker:`",
    default: "1 of each",
    allowed: "a name and a number for each, such as `worker=2,clock=0`; 32 processes together at most",
};

/// Whether a client stays with one worker.
pub const STICKY: Setting = Setting {
    name: "OPENSHIFT_PYTHON_STICKY",
    meaning: "whether all requests of a client, told by its address, go to the same worker, as Socket.IO \
              needs it",
    default: "yes where the package engineio is installed",
    allowed: "yes or no",
};

/// Where the app's callable is.
pub const WSGI_APPLICATION: Setting = Setting {
    name: "OPENSHIFT_PYTHON_WSGI_APPLICATION",
    meaning: "the app, WSGI or ASGI: `module:callable`, or a file of the repository",
    default: "found in the repository",
    allowed: "`module:callable`, `module:create_app()` with literal arguments, or a file of the \
              repository such as `wsgi/main.py` or `wsgi/main.py:callable`; `src/:module:callable` \
              imports from the folder src",
};

/// The same under a name that fits ASGI apps, too.
pub const APPLICATION: Setting = Setting {
    name: "OPENSHIFT_PYTHON_APPLICATION",
    meaning: "the same as OPENSHIFT_PYTHON_WSGI_APPLICATION, for which it is another name",
    default: WSGI_APPLICATION.default,
    allowed: WSGI_APPLICATION.allowed,
};

/// How the app is called.
pub const INTERFACE: Setting = Setting {
    name: "OPENSHIFT_PYTHON_INTERFACE",
    meaning: "how the app is called",
    default: "what the app shows itself to be",
    allowed: "wsgi or asgi",
};

/// Which requirements file.
pub const REQUIREMENTS_PATH: Setting = Setting {
    name: "OPENSHIFT_PYTHON_REQUIREMENTS_PATH",
    meaning: "the file that lists the packages: requirements, a lock, a Pipfile or a pyproject.toml",
    default: "see Packages",
    allowed: "the path of a file, from the repository's top",
};

/// Which package index.
pub const PYPI_MIRROR_URL: Setting = Setting {
    name: "OPENSHIFT_PYPI_MIRROR_URL",
    meaning: "package index to use when it answers",
    default: "none",
    allowed: "a URL such as `https://mirror.example.com/simple`",
};

/// Whether Django's `collectstatic` is run.
pub const COLLECTSTATIC: Setting = Setting {
    name: "OPENSHIFT_PYTHON_COLLECTSTATIC",
    meaning: "whether a build collects the static files of a Django project with a STATIC_ROOT; \
              nginx then serves them at STATIC_URL",
    default: "yes, unless DISABLE_COLLECTSTATIC=1",
    allowed: "yes or no",
};

/// No Python with an app in it has less.
const LEAST_MEMORY: u64 = 16 << 20;

/// Heroku's way to say no.
const DISABLE_COLLECTSTATIC: &str = "DISABLE_COLLECTSTATIC";

/// Who installs.
pub const INSTALLER: Setting = Setting {
    name: "OPENSHIFT_PYTHON_INSTALLER",
    meaning: "what installs packages",
    default: "uv where it is found, else pip",
    allowed: "uv or pip",
};

/// How long a start may take.
pub const START_TIMEOUT: Setting = Setting {
    name: "OPENSHIFT_PYTHON_START_TIMEOUT",
    meaning: "seconds until a started server must have answered its first request",
    default: "60",
    allowed: "1 to 3600",
};

/// How long a stop may take.
pub const DRAIN_TIMEOUT: Setting = Setting {
    name: "OPENSHIFT_PYTHON_DRAIN_TIMEOUT",
    meaning: "seconds that running requests get to finish when their server is replaced or stopped",
    default: "30",
    allowed: "1 to 3600",
};

/// How much memory a worker may have.
pub const MAX_MEMORY: Setting = Setting {
    name: "OPENSHIFT_PYTHON_MAX_MEMORY",
    meaning: "resident memory that a process of the server may have: when one has more, the whole server \
              is replaced by a new one, as by a restart",
    default: "no limit",
    allowed: "a whole number of bytes with k, m or g behind it (300m), 16m or more",
};

/// What a new server is asked.
pub const PROBE_PATH: Setting = Setting {
    name: "OPENSHIFT_PYTHON_PROBE_PATH",
    meaning: "what a new server is asked before it replaces the old one",
    default: "/",
    allowed: "a path that starts with `/`, without spaces, such as `/health`",
};

/// Which answers count as life.
pub const PROBE_STATUS: Setting = Setting {
    name: "OPENSHIFT_PYTHON_PROBE_STATUS",
    meaning: "HTTP statuses with which a new server proves itself",
    default: "100-499",
    allowed: "statuses and ranges from 100 to 599, such as `200-399,401`",
};

/// How large the app's log may grow.
pub const LOG_SIZE: Setting = Setting {
    name: "OPENSHIFT_PYTHON_LOG_SIZE",
    meaning: "size after which the app's log is moved on (appserver.log.1, .2, ...) and begun anew",
    default: log_limits::DEFAULT_SIZE,
    allowed: log_limits::SIZES,
};

/// How many files of the app's log are kept.
pub const LOG_FILES: Setting = Setting {
    name: "OPENSHIFT_PYTHON_LOG_FILES",
    meaning: "how many files of the app's log are kept, the newest included",
    default: log_limits::DEFAULT_FILES,
    allowed: log_limits::FILES,
};

/// All of them, in the order of the README's table.
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
}

pub(crate) fn server_of(
    setting: Setting,
    env: &GearEnv,
) -> Result<Option<&'static dyn WsgiServer>, SettingError> {
    let Some(name) = setting.read(env, |name| Some(name.to_owned()))? else {
        return Ok(None);
    };
    server::by_name(&name).map(Some).ok_or_else(|| {
        let mut error = setting.wrong(&name);
        if let Some(meant) = server::closest(&name) {
            error.allowed.push_str("; did you mean `");
            error.allowed.push_str(meant);
            error.allowed.push_str("`?");
        }
        error
    })
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
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

pub(crate) fn count(setting: Setting, env: &GearEnv) -> Result<Option<u32>, SettingError> {
    setting.read(env, |text| text.trim().parse().ok().filter(|n| (1..=1000).contains(n)))
}

fn seconds(setting: Setting, env: &GearEnv, default: u64) -> Result<Duration, SettingError> {
    setting.number(env, 1..=3600, default).map(Duration::from_secs)
}

fn one_line(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
