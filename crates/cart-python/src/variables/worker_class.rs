//! gunicorn's kinds of worker.

use crate::variables::interface::Interface;

/// The name of a kind of worker, or the dotted path of a class that the app brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerClass(String);

/// The kinds that the cartridge prepares an environment for.
const NAMES: &[&str] = &["gevent", "gthread", "sync", "asgi"];

impl WorkerClass {
    /// One of the known names, or a dotted path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let known = NAMES.contains(&text) || (text.contains('.') && is_dotted_name(text));
        known.then(|| Self(text.to_owned()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How its workers call the app.
    #[must_use]
    pub fn interface(&self) -> Interface {
        interface_of(&self.0)
    }

    /// Whether its workers are made of greenlets.
    #[must_use]
    pub fn is_gevent(&self) -> bool {
        self.is("gevent", "ggevent")
    }

    /// Whether its workers have threads.
    #[must_use]
    pub fn is_gthread(&self) -> bool {
        self.is("gthread", "gthread")
    }

    /// Whether its workers serve one request at a time, which a WebSocket would take for good.
    #[must_use]
    pub fn is_sync(&self) -> bool {
        self.is("sync", "sync")
    }

    /// Whether it is called `name`, or is a class of that module of gunicorn's.
    fn is(&self, name: &str, module: &str) -> bool {
        let path = ["gunicorn", "workers", module];
        self.0 == name || self.0.split('.').take(path.len()).eq(path)
    }
}

impl Default for WorkerClass {
    fn default() -> Self {
        Self("gevent".to_owned())
    }
}

/// How workers of this class call the app, by what is known of public ones. One that the app
/// brings itself may be called anything, and calls its app as gunicorn's own do, by WSGI, unless
/// its name says otherwise.
pub(crate) fn interface_of(class: &str) -> Interface {
    let name = class.to_ascii_lowercase();
    let is_asgi = ["uvicorn", "hypercorn", "asgi"].iter().any(|word| name.contains(word));
    if is_asgi { Interface::Asgi } else { Interface::Wsgi }
}

/// Whether `text` is one or more Python names joined by dots.
pub(crate) fn is_dotted_name(text: &str) -> bool {
    text.split('.').all(is_name)
}

/// Whether `text` is a Python name.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_gunicorns_own_is_what_its_name_stands_for() {
        let kinds = |text: &str| {
            let class = WorkerClass::parse(text).unwrap();
            [class.is_gevent(), class.is_gthread(), class.is_sync()]
        };
        for class in ["GeventWorker", "GeventPyWSGIWorker"] {
            assert_eq!(kinds(&format!("gunicorn.workers.ggevent.{class}")), kinds("gevent"));
        }
        assert_eq!(kinds("gunicorn.workers.gthread.ThreadWorker"), kinds("gthread"));
        assert_eq!(kinds("gunicorn.workers.sync.SyncWorker"), kinds("sync"));
        for other in ["gunicorn.workers.gasgi.ASGIWorker", "mine.ggevent.Worker", "my.gevent"] {
            assert_eq!(kinds(other), [false; 3], "{other}");
        }
    }

    #[test]
    fn names_and_dotted_paths_pass_and_nothing_else() {
        for good in ["gevent", "gthread", "sync", "asgi", "a.b.C", "_x.y1"] {
            assert_eq!(WorkerClass::parse(good).unwrap().as_str(), good);
        }
        for bad in ["gevnt", "a..b", ".a", "a.", "a.1b", "a.b c", "egg:x#y", ""] {
            assert_eq!(WorkerClass::parse(bad), None, "{bad}");
        }
    }
}
