//! Names: of the cartridge, of its services, of what runs.

use cart_supervisor::ServiceStatus;

/// As variables of a gear name the cartridge.
pub(crate) const SHORT_NAME: &str = "ADVANCED_PYTHON";

/// The Python server.
pub(crate) const APPSERVER: &str = "appserver";
/// The second one, if somebody wants one.
pub(crate) const WEBSOCKETSERVER: &str = "websocketserver";
/// nginx.
pub(crate) const NGINX: &str = "nginx";
/// What tells figures to Prometheus, if a path for it is set.
pub(crate) const METRICS: &str = "metrics";
/// What looks after the files that were compressed.
pub(crate) const FILES: &str = "static-files";
/// What runs the lines of a Procfile.
pub(crate) const SHELL: &str = "/bin/sh";

/// What the label of a server ends with that was started as the last good generation, so that
/// whoever asks the supervisor sees it.
pub(crate) const LAST_GOOD: &str = " (last good)";

/// Whether it is one of the processes that the app's Procfile has beside the server.
pub(crate) fn is_of_procfile(service: &ServiceStatus) -> bool {
    service.listen.is_empty() && service.name != FILES
}

/// The name of a server without the sign of a last good generation, and whether it had one.
pub(crate) fn unlabelled(label: &str) -> (&str, bool) {
    match label.strip_suffix(LAST_GOOD) {
        Some(server) => (server, true),
        None => (label, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_tells_a_last_good_generation() {
        assert_eq!(unlabelled("gunicorn (last good)"), ("gunicorn", true));
        assert_eq!(unlabelled("gunicorn"), ("gunicorn", false));
    }
}
