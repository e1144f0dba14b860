//! Which server runs the app: the one that a variable names, else the one of the Procfile, else the
//! one that its interface needs; and what the Procfile tells it.

use super::backends::gunicorn::CONFIGURATION as GUNICORN_CONFIGURATION;
use super::{SERVERS, WsgiServer, by_name, default};
use crate::repository::procfile::{Program, ServerOption, WebCommand};
use crate::serving::settings::PythonSettings;
use crate::variables::interface::Interface;
use crate::variables::names::{INTERFACE, SERVER, WORKER_CLASS};
use crate::variables::worker_class::WorkerClass;

/// A server, and why it is that one.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The server.
    pub server: &'static dyn WsgiServer,
    /// What chose it.
    pub decided_by: DecidedBy,
    /// How it calls the app, as far as that is known or follows from a choice.
    pub interface: Option<Interface>,
    /// What was set, with what the Procfile says where nothing was.
    pub settings: PythonSettings,
    /// Seconds after which gunicorn ends a worker that is silent, if the Procfile says so.
    pub timeout: Option<u32>,
    /// What the Procfile says of the server.
    pub procfile: Option<FromProcfile>,
}

/// What chose a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// `OPENSHIFT_PYTHON_SERVER`.
    Variable,
    /// The line `web:` of the Procfile.
    Procfile,
    /// The app's interface: nobody chose.
    Interface,
    /// Nothing: nobody chose, and the app's code does not tell its interface.
    Nothing,
}

/// What became of a Procfile's line `web:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromProcfile {
    /// The line, from 1.
    pub line: usize,
    /// What it runs.
    pub program: String,
    /// Whether that is the server which was chosen.
    pub is_followed: bool,
    /// Its options that hold here, too, as they are written.
    pub taken: Vec<String>,
    /// Those that do not.
    pub unused: Vec<String>,
}

/// A server that cannot run the app.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{server} runs {} apps only, and the app is {app} ({because}).\nSet {}{}",
    app.other(), able(variable, *app), unless_misjudged(variable, *app)
)]
pub struct CannotRun {
    /// The server, with the class of its workers where that decides.
    pub server: String,
    /// What chose it, as people find it.
    pub because: String,
    /// The variable by which another is chosen.
    pub variable: &'static str,
    /// The app's interface.
    pub app: Interface,
}

impl Chosen {
    /// Whether somebody chose the server, or said what the app is: then it is not for us to try
    /// another one.
    #[must_use]
    pub fn is_wish(&self) -> bool {
        matches!(self.decided_by, DecidedBy::Variable | DecidedBy::Procfile)
            || self.settings.interface.is_some()
    }
}

/// Chooses. `interface` is what the app's code tells; a variable goes before it. Where the app has a
/// configuration of gunicorn (`gunicorn.conf.py`) of its own, that may name the class of workers,
/// which tells what they run; gunicorn's workers then refuse an app that they cannot run themselves.
///
/// # Errors
/// [`CannotRun`] when the chosen server cannot run the app, with those that can.
pub fn choose(
    settings: &PythonSettings,
    web: Option<&WebCommand>,
    interface: Option<Interface>,
    configures_gunicorn: bool,
) -> Result<Chosen, CannotRun> {
    let interface = settings.interface.or(interface);
    let theirs = web.and_then(|web| web.program.server()).and_then(by_name);
    let (server, decided_by) = match (settings.server, theirs, interface) {
        (Some(server), ..) => (server, DecidedBy::Variable),
        (None, Some(server), _) => (server, DecidedBy::Procfile),
        (None, None, Some(interface)) => (default(interface), DecidedBy::Interface),
        (None, None, None) => match web.and_then(WebCommand::interface) {
            Some(interface) => (default(interface), DecidedBy::Interface),
            None => (default(Interface::Wsgi), DecidedBy::Nothing),
        },
    };
    let is_theirs = theirs.is_some_and(|theirs| theirs.name() == server.name());
    let mut chosen = Chosen {
        server,
        decided_by,
        interface,
        settings: settings.clone(),
        timeout: None,
        procfile: None,
    };
    if let Some(web) = web.filter(|web| web.program.server().is_some()) {
        let follows = is_theirs || decided_by != DecidedBy::Variable;
        chosen.procfile = Some(chosen.take_over(web, is_theirs, follows));
    }
    let able = server.interfaces(&chosen.settings.worker_class());
    let is_open = configures_gunicorn && chosen.settings.worker_class.is_none();
    let may_run = |app| is_open && !server.worker_classes(app).is_empty();
    match interface {
        Some(app) if !able.contains(&app) && !may_run(app) => Err(chosen.cannot_run(app)),
        Some(_) => Ok(chosen),
        // Who chose a server has said how the app is called, unless the app itself says otherwise.
        None => {
            chosen.interface =
                (decided_by != DecidedBy::Nothing).then(|| able.first().copied()).flatten();
            Ok(chosen)
        }
    }
}

/// Of the second server's app nobody can say what it is.
fn unless_misjudged(variable: &str, app: Interface) -> String {
    if variable != SERVER.name {
        return String::new();
    }
    let other = app.other();
    let set = other.to_string().to_lowercase();
    format!(". If the app is {other} after all, set {}={set}", INTERFACE.name)
}

/// The servers that can run such an app, as variables and what they are set to; `variable` is the one
/// that chooses a server.
#[must_use]
pub fn able(variable: &str, interface: Interface) -> String {
    let able = SERVERS.iter().copied().filter(|server| server.can_call(interface));
    let (with_classes, without): (Vec<_>, Vec<_>) =
        able.partition(|server| !server.worker_classes(interface).is_empty());
    let mut names: Vec<String> = without.iter().map(|server| server.name().to_owned()).collect();
    // The class is that of the first server's workers, too.
    let with_classes = with_classes.iter().filter(|_| variable == SERVER.name);
    names.extend(with_classes.map(|server| {
        let classes = server.worker_classes(interface).join("|");
        format!("{} with {}={classes}", server.name(), WORKER_CLASS.name)
    }));
    format!("{variable}={}", one_of(&names))
}

/// `a`, `a or b`, `a, b or c`.
fn one_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

impl Chosen {
    fn take_over(&mut self, web: &WebCommand, is_theirs: bool, follows: bool) -> FromProcfile {
        let mut from = FromProcfile {
            line: web.line,
            program: web.program.to_string(),
            is_followed: is_theirs && follows,
            taken: Vec::new(),
            unused: Vec::new(),
        };
        if !follows {
            return from;
        }
        // An option without a name is the app's prefix.
        for option in web.options.iter().filter(|option| !option.name.is_empty()) {
            let taken = match self.take(&web.program, option) {
                Taken::Over => &mut from.taken,
                Taken::Not => &mut from.unused,
                Taken::Elsewhere => continue,
            };
            taken.push(option.written.clone());
        }
        // gunicorn's own rule: whoever wants threads wants the workers that have them.
        let threads = web.option("threads").and_then(number).is_some_and(|threads| threads > 1);
        if from.is_followed && threads && web.option("worker-class").is_none() {
            let gthread = || WorkerClass::parse("gthread");
            self.settings.worker_class = self.settings.worker_class.take().or_else(gthread);
        }
        from
    }

    /// What is done with an option. A variable goes before it, and is said to be taken all the same:
    /// it is known here.
    fn take(&mut self, program: &Program, option: &ServerOption) -> Taken {
        let settings = &mut self.settings;
        let is_gunicorn = *program == Program::Gunicorn && self.server.name() == "gunicorn";
        match (option.name.as_str(), number(option)) {
            ("workers" | "processes", Some(workers)) if self.server.has_workers() => {
                settings.workers.get_or_insert(workers);
                Taken::Over
            }
            // What has an event loop has no use for them.
            ("threads", Some(threads))
                if self.server.interfaces(&WorkerClass::default()).contains(&Interface::Wsgi) =>
            {
                settings.threads.get_or_insert(threads);
                Taken::Over
            }
            // 0 is for no limit.
            ("timeout", _) if is_gunicorn => match option.value.as_deref().map(str::parse) {
                Some(Ok(seconds)) => {
                    self.timeout = Some(seconds);
                    Taken::Over
                }
                _ => Taken::Not,
            },
            ("worker-class", _) if is_gunicorn => {
                let class = option.value.as_deref().map(short_class).and_then(WorkerClass::parse);
                let is_known = class.is_some();
                settings.worker_class = settings.worker_class.take().or(class);
                if is_known { Taken::Over } else { Taken::Not }
            }
            // Where the app is, and how it is called: for who looks for it.
            (
                "app" | "app-dir" | "callable" | "call" | "chdir" | "entrypoint" | "factory"
                | "interface" | "module" | "mount" | "pythonpath" | "wsgi" | "wsgi-file",
                _,
            ) => Taken::Elsewhere,
            ("config", _) if option.value.as_deref().is_some_and(is_usual_config) => {
                Taken::Elsewhere
            }
            _ => Taken::Not,
        }
    }

    fn cannot_run(&self, app: Interface) -> CannotRun {
        let mut server = self.server.name().to_owned();
        if !self.server.worker_classes(app).is_empty() {
            let class = self.settings.worker_class();
            server = format!("{server} with workers of class {}", class.as_str());
        }
        let because = match (&self.procfile, self.decided_by) {
            (Some(procfile), DecidedBy::Procfile) => format!("Procfile, line {}", procfile.line),
            _ => format!("{}={}", self.settings.server_by.name, self.server.name()),
        };
        CannotRun { server, because, variable: self.settings.server_by.name, app }
    }
}

/// What becomes of an option.
enum Taken {
    Over,
    Not,
    /// It is not about the server.
    Elsewhere,
}

/// A number that the variables allow, too.
fn number(option: &ServerOption) -> Option<u32> {
    option.value.as_deref()?.parse().ok().filter(|number| (1..=1000).contains(number))
}

/// gunicorn's own kinds have a dotted path, too.
fn short_class(class: &str) -> &str {
    match class {
        "gunicorn.workers.sync.SyncWorker" => "sync",
        "gunicorn.workers.gthread.ThreadWorker" => "gthread",
        other => other,
    }
}

/// The file that is read anyway.
fn is_usual_config(file: &str) -> bool {
    file.strip_prefix("./").unwrap_or(file) == GUNICORN_CONFIGURATION
}

#[cfg(test)]
mod tests;
