//! The programs that web apps are started with elsewhere, and how each takes its arguments.

use std::fmt;

/// What a command for the web runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// `gunicorn`.
    Gunicorn,
    /// `uvicorn`.
    Uvicorn,
    /// `hypercorn`.
    Hypercorn,
    /// `granian`.
    Granian,
    /// `waitress-serve`.
    Waitress,
    /// `daphne`.
    Daphne,
    /// `uwsgi`.
    Uwsgi,
    /// `fastapi run`, which is uvicorn.
    FastApi,
    /// `flask run`, which is for development.
    Flask,
    /// `python manage.py runserver`, which is for development.
    Manage,
    /// A file or module of the app's own: `python app.py`, `python -m app`.
    Script,
    /// Something else, by its name.
    Other(String),
}

/// How a program takes its arguments; names of options are without dashes, long where there is
/// a long form.
pub(super) struct Grammar {
    /// Short options and what they are in full.
    pub(super) shorts: &'static [(&'static str, &'static str)],
    /// Options without a value; `no-...` is one, too.
    pub(super) flags: &'static [&'static str],
    /// Options that name the app; where there are none, it is an argument.
    pub(super) app: &'static [&'static str],
    /// Options that name the folder from which it is imported.
    pub(super) directory: &'static [&'static str],
}

impl Program {
    /// The program with this file name.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "gunicorn" | "gunicorn3" => Self::Gunicorn,
            "uvicorn" => Self::Uvicorn,
            "hypercorn" => Self::Hypercorn,
            "granian" => Self::Granian,
            "waitress-serve" | "waitress" => Self::Waitress,
            "daphne" => Self::Daphne,
            "uwsgi" | "pyuwsgi" => Self::Uwsgi,
            "fastapi" => Self::FastApi,
            "flask" => Self::Flask,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The Python server that it is, as people write it in `OPENSHIFT_PYTHON_SERVER`, whether we
    /// have it or not; `None` for what is none, or for development only.
    #[must_use]
    pub fn server(&self) -> Option<&'static str> {
        match self {
            Self::Gunicorn => Some("gunicorn"),
            Self::Uvicorn | Self::FastApi => Some("uvicorn"),
            Self::Hypercorn => Some("hypercorn"),
            Self::Granian => Some("granian"),
            Self::Waitress => Some("waitress"),
            Self::Daphne => Some("daphne"),
            Self::Uwsgi => Some("uwsgi"),
            Self::Flask | Self::Manage | Self::Script | Self::Other(_) => None,
        }
    }

    /// Whether its arguments are understood.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    pub(super) fn grammar(&self) -> Grammar {
        match self {
            Self::Gunicorn => Grammar {
                shorts: &[
                    ("w", "workers"),
                    ("k", "worker-class"),
                    ("t", "timeout"),
                    ("b", "bind"),
                    ("c", "config"),
                    ("e", "env"),
                    ("n", "name"),
                    ("p", "pid"),
                    ("u", "user"),
                    ("g", "group"),
                    ("m", "umask"),
                    ("D", "daemon"),
                    ("R", "enable-stdio-inheritance"),
                ],
                flags: &[
                    "capture-output",
                    "casefold-http-method",
                    "check-config",
                    "daemon",
                    "do-handshake-on-connect",
                    "enable-backlog-metric",
                    "enable-stdio-inheritance",
                    "initgroups",
                    "log-syslog",
                    "permit-obsolete-folding",
                    "permit-unconventional-http-method",
                    "permit-unconventional-http-version",
                    "preload",
                    "preload-app",
                    "print-config",
                    "reload",
                    "reuse-port",
                    "spew",
                    "strip-header-spaces",
                    "suppress-ragged-eofs",
                ],
                app: &[],
                directory: &["chdir", "pythonpath"],
            },
            Self::Uvicorn => Grammar {
                shorts: &[],
                flags: &[
                    "access-log",
                    "date-header",
                    "factory",
                    "proxy-headers",
                    "reload",
                    "reset-contextvars",
                    "server-header",
                    "use-colors",
                ],
                app: &[],
                directory: &["app-dir"],
            },
            Self::Hypercorn => Grammar {
                shorts: &[
                    ("w", "workers"),
                    ("k", "worker-class"),
                    ("b", "bind"),
                    ("c", "config"),
                    ("g", "group"),
                    ("m", "umask"),
                    ("p", "pid"),
                    ("u", "user"),
                ],
                flags: &["debug", "reload"],
                app: &[],
                directory: &[],
            },
            Self::Granian => Grammar {
                shorts: &[],
                flags: &[
                    "access-log",
                    "factory",
                    "log",
                    "metrics",
                    "reload",
                    "respawn-failed-workers",
                    "websockets",
                    "ws",
                ],
                app: &[],
                directory: &["working-dir"],
            },
            Self::Waitress => Grammar {
                shorts: &[],
                flags: &[
                    "asyncore-use-poll",
                    "call",
                    "clear-untrusted-proxy-headers",
                    "expose-tracebacks",
                    "ipv4",
                    "ipv6",
                    "log-untrusted-proxy-headers",
                ],
                app: &["app"],
                directory: &[],
            },
            Self::Daphne => Grammar {
                shorts: &[
                    ("b", "bind"),
                    ("p", "port"),
                    ("e", "endpoint"),
                    ("u", "unix-socket"),
                    ("t", "http-timeout"),
                    ("v", "verbosity"),
                ],
                flags: &["no-server-name", "proxy-headers", "nostatic"],
                app: &[],
                directory: &[],
            },
            Self::Uwsgi => Grammar {
                shorts: &[
                    ("w", "module"),
                    ("p", "processes"),
                    ("s", "socket"),
                    ("H", "virtualenv"),
                    ("M", "master"),
                    ("T", "enable-threads"),
                    ("L", "disable-logging"),
                ],
                flags: &[
                    "die-on-term",
                    "disable-logging",
                    "enable-threads",
                    "lazy-apps",
                    "master",
                    "need-app",
                    "single-interpreter",
                    "strict",
                    "thunder-lock",
                    "vacuum",
                ],
                app: &["module", "wsgi", "wsgi-file", "file", "mount"],
                directory: &["chdir", "pythonpath"],
            },
            Self::FastApi => Grammar {
                shorts: &[("e", "entrypoint")],
                flags: &["proxy-headers", "reload"],
                app: &["entrypoint"],
                directory: &[],
            },
            Self::Flask => Grammar {
                shorts: &[("A", "app"), ("h", "host"), ("p", "port"), ("e", "env-file")],
                flags: &["debug", "debugger", "reload", "with-threads", "without-threads"],
                app: &["app"],
                directory: &[],
            },
            Self::Manage | Self::Script | Self::Other(_) => {
                Grammar { shorts: &[], flags: &[], app: &[], directory: &[] }
            }
        }
    }
}

/// As people type it.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waitress => "waitress-serve",
            Self::FastApi => "fastapi run",
            Self::Flask => "flask run",
            Self::Manage => "manage.py",
            Self::Script => "python",
            Self::Other(name) => name,
            // Exactly those that are servers of their own name.
            known => known.server().unwrap_or_default(),
        })
    }
}
