//! The variables by which people set something about the Python side: name, meaning, default and what is
//! allowed.
//!
//! Whoever tells of one needs no more than this; [`settings`](crate::serving::settings) reads and checks them.

use cart_core::{Setting, log_limits};

/// Which server runs the app.
pub const SERVER: Setting = Setting {
    name: "OPENSHIFT_PYTHON_SERVER",
    meaning: "the Python server",
    default: "the one of the Procfile's `web:` line, else uvicorn for an ASGI app, wsgiref for WSGI",
    allowed: "wsgiref, gevent, gunicorn, uvicorn, hypercorn, granian, waitress, cheroot, tornado, uwsgi or custom",
    since: "0.1.0",
};

/// How many processes.
pub const WORKERS: Setting = Setting {
    name: "OPENSHIFT_PYTHON_WORKERS",
    meaning: "worker processes, for servers that have them",
    default: "1; for gunicorn CPUs this gear may use x 2 + 1, bounded by its memory",
    allowed: "1 to 1000",
    since: "0.1.0",
};

/// The same as others know it.
pub const WEB_CONCURRENCY: Setting = Setting {
    name: "WEB_CONCURRENCY",
    meaning: "the same as OPENSHIFT_PYTHON_WORKERS, where neither that nor the Procfile says a number; \
              the app finds in it how many it has",
    default: "not set",
    allowed: WORKERS.allowed,
    since: "0.1.0",
};

/// How a gunicorn worker serves several requests.
pub const WORKER_CLASS: Setting = Setting {
    name: "OPENSHIFT_PYTHON_WORKER_CLASS",
    meaning: "how each worker of gunicorn serves its requests",
    default: "gevent",
    allowed: "gevent, gthread, sync; asgi for ASGI apps; or the dotted path of a class such as \
              `package.module.Class`",
    since: "0.1.0",
};

/// How many threads.
pub const THREADS: Setting = Setting {
    name: "OPENSHIFT_PYTHON_THREADS",
    meaning: "requests served at the same time by each worker, for servers that have threads",
    default: "32; 4 for gthread workers of gunicorn",
    allowed: "1 to 1000",
    since: "0.1.0",
};

/// What else runs, and in how many processes.
pub const PROCESSES: Setting = Setting {
    name: "OPENSHIFT_PYTHON_PROCESSES",
    meaning: "how many processes of each further line of the Procfile run, such as `worker:`",
    default: "1 of each",
    allowed: "a name and a number for each, such as `worker=2,clock=0`; 32 processes together at most",
    since: "0.1.0",
};

/// Whether a client stays with one worker.
pub const STICKY: Setting = Setting {
    name: "OPENSHIFT_PYTHON_STICKY",
    meaning: "whether all requests of a client, told by its address, go to the same worker, as Socket.IO \
              needs it",
    default: "yes where the package engineio is installed",
    allowed: "yes or no",
    since: "0.1.0",
};

/// Where the app's callable is.
pub const WSGI_APPLICATION: Setting = Setting {
    name: "OPENSHIFT_PYTHON_WSGI_APPLICATION",
    meaning: "the app, WSGI or ASGI: `module:callable`, or a file of the repository",
    default: "found in the repository",
    allowed: "`module:callable`, `module:create_app()` with literal arguments, or a file of the \
              repository such as `wsgi/main.py` or `wsgi/main.py:callable`; `src/:module:callable` \
              imports from the folder src",
    since: "0.1.0",
};

/// The same under a name that fits ASGI apps, too.
pub const APPLICATION: Setting = Setting {
    name: "OPENSHIFT_PYTHON_APPLICATION",
    meaning: "the same as OPENSHIFT_PYTHON_WSGI_APPLICATION, for which it is another name",
    default: WSGI_APPLICATION.default,
    allowed: WSGI_APPLICATION.allowed,
    since: "0.1.0",
};

/// How the app is called.
pub const INTERFACE: Setting = Setting {
    name: "OPENSHIFT_PYTHON_INTERFACE",
    meaning: "how the app is called",
    default: "what the app shows itself to be",
    allowed: "wsgi or asgi",
    since: "0.1.0",
};

/// Which requirements file.
pub const REQUIREMENTS_PATH: Setting = Setting {
    name: "OPENSHIFT_PYTHON_REQUIREMENTS_PATH",
    meaning: "the file that lists the packages: requirements, a lock, a Pipfile or a pyproject.toml",
    default: "see Packages",
    allowed: "the path of a file, from the repository's top",
    since: "0.1.0",
};

/// Which package index.
pub const PYPI_MIRROR_URL: Setting = Setting {
    name: "OPENSHIFT_PYPI_MIRROR_URL",
    meaning: "package index to use when it answers",
    default: "none",
    allowed: "a URL such as `https://mirror.example.com/simple`",
    since: "0.1.0",
};

/// Whether Django's `collectstatic` is run.
pub const COLLECTSTATIC: Setting = Setting {
    name: "OPENSHIFT_PYTHON_COLLECTSTATIC",
    meaning: "whether a build collects the static files of a Django project with a STATIC_ROOT; \
              nginx then serves them at STATIC_URL",
    default: "yes, unless DISABLE_COLLECTSTATIC=1",
    allowed: "yes or no",
    since: "0.1.0",
};

/// Who installs.
pub const INSTALLER: Setting = Setting {
    name: "OPENSHIFT_PYTHON_INSTALLER",
    meaning: "what installs packages",
    default: "uv where it is found, else pip",
    allowed: "uv or pip",
    since: "0.1.0",
};

/// How long a start may take.
pub const START_TIMEOUT: Setting = Setting {
    name: "OPENSHIFT_PYTHON_START_TIMEOUT",
    meaning: "seconds until a started server must have answered its first request",
    default: "60",
    allowed: "1 to 3600",
    since: "0.1.0",
};

/// How long a stop may take.
pub const DRAIN_TIMEOUT: Setting = Setting {
    name: "OPENSHIFT_PYTHON_DRAIN_TIMEOUT",
    meaning: "seconds that running requests get to finish when their server is replaced or stopped",
    default: "30",
    allowed: "1 to 3600",
    since: "0.1.0",
};

/// How much memory a worker may have.
pub const MAX_MEMORY: Setting = Setting {
    name: "OPENSHIFT_PYTHON_MAX_MEMORY",
    meaning: "resident memory that a process of the server may have: when one has more, the whole server \
              is replaced by a new one, as by a restart",
    default: "no limit",
    allowed: "a whole number of bytes with k, m or g behind it (300m), 16m or more",
    since: "0.1.0",
};

/// What a new server is asked.
pub const PROBE_PATH: Setting = Setting {
    name: "OPENSHIFT_PYTHON_PROBE_PATH",
    meaning: "what a new server is asked before it replaces the old one",
    default: "/",
    allowed: "a path that starts with `/`, without spaces, such as `/health`",
    since: "0.1.0",
};

/// Which answers count as life.
pub const PROBE_STATUS: Setting = Setting {
    name: "OPENSHIFT_PYTHON_PROBE_STATUS",
    meaning: "HTTP statuses with which a new server proves itself",
    default: "100-499",
    allowed: "statuses and ranges from 100 to 599, such as `200-399,401`",
    since: "0.1.0",
};

/// How large the app's log may grow.
pub const LOG_SIZE: Setting = Setting {
    name: "OPENSHIFT_PYTHON_LOG_SIZE",
    meaning: "size after which the app's log is moved on (appserver.log.1, .2, ...) and begun anew",
    default: log_limits::DEFAULT_SIZE,
    allowed: log_limits::SIZES,
    since: "0.1.0",
};

/// How many files of the app's log are kept.
pub const LOG_FILES: Setting = Setting {
    name: "OPENSHIFT_PYTHON_LOG_FILES",
    meaning: "how many files of the app's log are kept, the newest included",
    default: log_limits::DEFAULT_FILES,
    allowed: log_limits::FILES,
    since: "0.1.0",
};
