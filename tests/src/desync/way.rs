//! The ways in which an app is served. A new server is in by being in the list of servers.

/// A server, as an app may wish it.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// How it is called.
    pub name: &'static str,
    /// Its name in `OPENSHIFT_PYTHON_SERVER`.
    pub server: &'static str,
    /// Other variables.
    pub variables: &'static [(&'static str, &'static str)],
    /// The lines of the app's requirements.txt.
    pub requirements: &'static [&'static str],
}

const WORKER_CLASS: &str = "OPENSHIFT_PYTHON_WORKER_CLASS";
const APPLICATION: &str = "OPENSHIFT_PYTHON_WSGI_APPLICATION";
/// gunicorn 20.1 needs `pkg_resources`.
const OLD: &[&str] = &["gunicorn==20.1.0", "setuptools<81", "packaging"];
const MIDDLE: &[&str] = &["gunicorn==23.0.0", "packaging"];

/// All of them: each server as it is by default, then what else may be wished of gunicorn.
pub const WAYS: &[Way] = &[
    way("wsgiref", "wsgiref", &[], &[]),
    way("gevent", "gevent", &[], &[]),
    way("gunicorn", "gunicorn", &[], &[]),
    way("gunicorn-gthread", "gunicorn", &[(WORKER_CLASS, "gthread")], &[]),
    way("gunicorn-sync", "gunicorn", &[(WORKER_CLASS, "sync")], &[]),
    way("gunicorn-23", "gunicorn", &[], MIDDLE),
    way("gunicorn-23-gthread", "gunicorn", &[(WORKER_CLASS, "gthread")], MIDDLE),
    way("gunicorn-23-sync", "gunicorn", &[(WORKER_CLASS, "sync")], MIDDLE),
    way("gunicorn-20", "gunicorn", &[], OLD),
    way("gunicorn-20-gthread", "gunicorn", &[(WORKER_CLASS, "gthread")], OLD),
    way("gunicorn-20-sync", "gunicorn", &[(WORKER_CLASS, "sync")], OLD),
    way(
        "gunicorn-pywsgi",
        "gunicorn",
        &[(WORKER_CLASS, "gunicorn.workers.ggevent.GeventPyWSGIWorker")],
        &[],
    ),
    way(
        "gunicorn-asgi",
        "gunicorn",
        &[(WORKER_CLASS, "gunicorn.workers.gasgi.ASGIWorker"), (APPLICATION, "asgi:application")],
        &[],
    ),
    way(
        "gunicorn-uvicorn",
        "gunicorn",
        &[(WORKER_CLASS, "uvicorn_worker.UvicornWorker"), (APPLICATION, "asgi:application")],
        &["uvicorn", "uvicorn-worker", "httptools", "websockets"],
    ),
    way(
        "gunicorn-uvicorn-h11",
        "gunicorn",
        &[(WORKER_CLASS, "uvicorn_worker.UvicornH11Worker"), (APPLICATION, "asgi:application")],
        &["uvicorn", "uvicorn-worker", "wsproto"],
    ),
];

/// The way of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Way> {
    WAYS.iter().find(|way| way.name == name)
}

const fn way(
    name: &'static str,
    server: &'static str,
    variables: &'static [(&'static str, &'static str)],
    requirements: &'static [&'static str],
) -> Way {
    Way { name, server, variables, requirements }
}
