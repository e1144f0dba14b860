//! What the doctor says of what is right.

use cart_nginx::Nginx;
use cart_python::PythonApp;
use cart_python::procfile::Process;
use cart_python::server::choice::Chosen;
use cart_python::settings::SERVER;

use super::{second_chosen, server_chosen, workers as workers_of};

/// Of the variables that people set, without those that are wrong.
pub(crate) fn variables(set: &[&str]) -> String {
    match set {
        [] => "No variable is set: the defaults hold".to_owned(),
        set => format!("Set and allowed: {}", set.join(", ")),
    }
}

/// Of what is to be installed.
pub(crate) fn packages(by: Option<&str>) -> String {
    match by {
        Some(by) => format!("What {by} asks for is installed"),
        None => "The app asks for no packages".to_owned(),
    }
}

/// Of the Python server.
pub(crate) fn would_serve(app: &PythonApp, chosen: &Chosen) -> String {
    let served = match app.below() {
        Some(path) => second_chosen(path, chosen),
        None => server_chosen(chosen),
    };
    match app.workers(chosen).as_ref().and_then(workers_of) {
        Some(workers) => format!("{served}; {workers}"),
        None => served,
    }
}

/// Of a file of settings for a server that does not serve.
pub(crate) fn not_read_without_gunicorn() -> String {
    let name = SERVER.name;
    format!(
        "gunicorn.conf.py is not read, because gunicorn does not serve: {name}=gunicorn lets it"
    )
}

/// Of a line `web:` that runs something unknown.
pub(crate) fn not_understood(line: usize, program: &str) -> String {
    format!(
        "Line {line} of the Procfile runs {program}, which is not known here: what it would start \
         is not taken over"
    )
}

/// Of a line `release:`.
pub(crate) fn would_release(line: &Process) -> String {
    format!("`{}` runs once for each deployment that was built, before it serves", line.command)
}

/// Of nginx and its configuration.
pub(crate) fn nginx_would_do(nginx: &Nginx, has_own: bool) -> String {
    let (version, path) = (&nginx.binary().build.version, &nginx.binary().path);
    let whose = if has_own { "the app's own configuration" } else { "its configuration" };
    format!("nginx {version} ({path}) has tested {whose}")
}
