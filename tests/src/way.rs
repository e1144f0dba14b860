//! The ways in which an app is served. A new server is in by being in the list of servers.

use camino::Utf8Path;
use cart_core::{GearEnv, files};
use cart_python::interface::Interface;
use cart_python::server::{self, Ability, WsgiServer};
use cart_python::settings::PythonSettings;
use cart_test::TestGear;

use crate::cartridge::{SERVER, fixture};

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

impl Way {
    /// Puts what an app needs beside its own files to be served in this way: the requirements, added
    /// to its own, and for a server of ASGI apps a module that makes one of it.
    ///
    /// # Panics
    /// When that cannot be written.
    pub fn bring_to(&self, app: &Utf8Path) {
        let write = |file: &str, text: &[u8]| files::write_atomic(&app.join(file), text, 0o644);
        let own = files::read_if_exists(&app.join("requirements.txt")).unwrap().unwrap_or_default();
        let mut lines = String::from_utf8(own).unwrap();
        self.requirements.iter().for_each(|line| lines += &format!("\n{line}"));
        write("requirements.txt", lines.as_bytes()).unwrap();
        let bridge = files::read(&fixture("bridge").join("asgi.py")).unwrap();
        if self.interface() == Interface::Asgi && !app.join("asgi.py").exists() {
            write("asgi.py", &bridge).unwrap();
        }
    }

    /// Serves the app on this gear so from now on.
    ///
    /// # Panics
    /// When that fails.
    pub fn switch(&self, gear: &TestGear) {
        gear.write("requirements.txt", "");
        self.bring_to(&gear.repo());
        gear.set(SERVER, self.server);
        for (name, _) in WAYS.iter().flat_map(|way| way.variables) {
            gear.set(name, "");
        }
        self.variables.iter().for_each(|(name, value)| gear.set(name, value));
        gear.control("restart").done();
    }

    /// How the app is called.
    #[must_use]
    pub fn interface(&self) -> Interface {
        if self.variables.contains(&ASGI) { Interface::Asgi } else { Interface::Wsgi }
    }

    /// What the cartridge knows of the server.
    ///
    /// # Panics
    /// When it does not know the server.
    #[must_use]
    pub fn backend(&self) -> &'static dyn WsgiServer {
        server::by_name(self.server).unwrap()
    }

    /// Why its server cannot do this, if it cannot: the server's own reason.
    #[must_use]
    pub fn cannot(&self, ability: Ability) -> Option<String> {
        let (server, class) = (self.backend(), self.settings().worker_class());
        server.cannot(ability, &class).map(str::to_owned)
    }

    /// What is set for it.
    ///
    /// # Panics
    /// When that may not be set.
    #[must_use]
    pub fn settings(&self) -> PythonSettings {
        let env = self
            .variables
            .iter()
            .fold(GearEnv::new().with(SERVER, self.server), |env, (name, value)| {
                env.with(*name, *value)
            });
        PythonSettings::from_env(&env).unwrap()
    }

    /// Whether this is its server as by default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.name == self.server
    }
}

const WORKER_CLASS: &str = "OPENSHIFT_PYTHON_WORKER_CLASS";
const ASGI: (&str, &str) = ("OPENSHIFT_PYTHON_WSGI_APPLICATION", "asgi:application");
/// gunicorn 20.1 needs `pkg_resources`.
const OLD: &[&str] = &["gunicorn==20.1.0", "setuptools<81", "packaging"];
const HTTPTOOLS: &[&str] = &["uvicorn[standard]", "a2wsgi"];
const OLD_UVICORN: &[&str] = &["uvicorn==0.16.0", "a2wsgi"];
const MIDDLE: &[&str] = &["gunicorn==23.0.0", "packaging"];

/// All of them: each server as it is by default, then what else may be wished of gunicorn.
pub const WAYS: &[Way] = &[
    way("wsgiref", "wsgiref", &[], &[]),
    way("gevent", "gevent", &[], &[]),
    way("gunicorn", "gunicorn", &[], &[]),
    way("uvicorn", "uvicorn", &[ASGI], &["a2wsgi"]),
    way("hypercorn", "hypercorn", &[ASGI], &["a2wsgi"]),
    way("granian", "granian", &[ASGI], &["a2wsgi"]),
    way("uvicorn-httptools", "uvicorn", &[ASGI], HTTPTOOLS),
    way("uvicorn-0.16", "uvicorn", &[ASGI], OLD_UVICORN),
    way("waitress", "waitress", &[], &[]),
    way("cheroot", "cheroot", &[], &[]),
    way("uwsgi", "uwsgi", &[], &[]),
    way("tornado", "tornado", &[], &[]),
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
        &[(WORKER_CLASS, "gunicorn.workers.gasgi.ASGIWorker"), ASGI],
        &[],
    ),
    way(
        "gunicorn-uvicorn",
        "gunicorn",
        &[(WORKER_CLASS, "uvicorn_worker.UvicornWorker"), ASGI],
        &["uvicorn", "uvicorn-worker", "httptools", "websockets"],
    ),
    way(
        "gunicorn-uvicorn-h11",
        "gunicorn",
        &[(WORKER_CLASS, "uvicorn_worker.UvicornH11Worker"), ASGI],
        &["uvicorn", "uvicorn-worker", "wsproto"],
    ),
];

/// Each server as by default.
pub fn defaults() -> impl Iterator<Item = &'static Way> {
    WAYS.iter().filter(|way| way.is_default())
}

/// Their names.
#[must_use]
pub fn names() -> Vec<&'static str> {
    WAYS.iter().map(|way| way.name).collect()
}

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
