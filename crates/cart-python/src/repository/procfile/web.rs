//! What the line `web:` of a Procfile runs: the server, the app, and what the server is told.
//!
//! It is read, never run, and need not be understood in full: a shell's variables stay as they
//! stand there, and what cannot be read is answered as such.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Process, Program};
use crate::variables::interface::Interface;

/// How deep `sh -c 'sh -c ...'` is read.
const DEEPEST: u32 = 3;

/// Programs that start another one; those with a second word are that only with it.
const WRAPPERS: &[(&str, Option<&str>)] = &[
    ("exec", None),
    ("env", None),
    ("time", None),
    ("newrelic-admin", Some("run-program")),
    ("opentelemetry-instrument", None),
    ("ddtrace-run", None),
    ("honcho", Some("run")),
    ("poetry", Some("run")),
    ("pipenv", Some("run")),
    ("pdm", Some("run")),
    ("hatch", Some("run")),
    ("rye", Some("run")),
    ("uv", Some("run")),
    ("dotenv", Some("run")),
    ("bin/start-nginx", None),
    ("bin/start-pgbouncer", None),
    ("bin/start-stunnel", None),
];

/// A command for the web, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebCommand {
    /// Its line in the Procfile, from 1.
    pub line: usize,
    /// What it runs.
    pub program: Program,
    /// The app as it is written there, without `asgi:` or `wsgi:` in front: `module:attribute`,
    /// `module`, `module:factory()`, a file.
    pub app: Option<String>,
    /// Whether the app is what a call of that answers (`--factory`, `module:factory()`).
    pub is_factory: bool,
    /// The folder that it is imported from, if it is another than the repository's top: by `cd`
    /// or an option of the server's. As it is written, so it may be absolute or not be there.
    pub directory: Option<Utf8PathBuf>,
    /// All options of the program, in their order.
    pub options: Vec<ServerOption>,
    /// Variables that it is started with, such as `FLASK_APP`.
    pub variables: Vec<(String, String)>,
    /// Other commands on the line, such as `python manage.py migrate`.
    pub beside: Vec<String>,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOption {
    /// Its long name without dashes, also where the short one is written: `workers`.
    pub name: String,
    /// Its value, if it has one.
    pub value: Option<String>,
    /// As it is written: `-w 4`.
    pub written: String,
}

impl WebCommand {
    /// Reads a process of a Procfile.
    #[must_use]
    pub fn parse(process: &Process) -> Self {
        let mut command = Self {
            line: process.line,
            program: Program::Other(String::new()),
            app: None,
            is_factory: false,
            directory: None,
            options: Vec::new(),
            variables: Vec::new(),
            beside: Vec::new(),
        };
        command.read(&process.command, DEEPEST);
        // The first folder; what is in the environment anyway may stand behind it.
        let path = command.variable("PYTHONPATH").unwrap_or_default();
        let first = path.split(':').find(|part| !part.is_empty() && !part.contains('$'));
        if let Some(first) = first.filter(|_| command.directory.is_none()) {
            command.enter(first);
        }
        command
    }

    /// The value of an option, by its long name; the last one counts.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&ServerOption> {
        self.options.iter().rev().find(|option| option.name == name)
    }

    /// How the program calls the app, where that is sure.
    #[must_use]
    pub fn interface(&self) -> Option<Interface> {
        let value = |name| self.option(name).and_then(|option| option.value.as_deref());
        match self.program {
            Program::Uvicorn if value("interface") == Some("wsgi") => Some(Interface::Wsgi),
            Program::Uvicorn | Program::FastApi | Program::Daphne => Some(Interface::Asgi),
            Program::Waitress | Program::Uwsgi | Program::Flask => Some(Interface::Wsgi),
            Program::Granian => match value("interface") {
                Some("wsgi") => Some(Interface::Wsgi),
                Some("asgi" | "asginl") => Some(Interface::Asgi),
                _ => None,
            },
            Program::Hypercorn => value("").and_then(Interface::parse),
            Program::Gunicorn => {
                let class = value("worker-class").unwrap_or("sync");
                Some(crate::variables::worker_class::interface_of(class))
            }
            Program::Manage | Program::Script | Program::Other(_) => None,
        }
    }

    fn read(&mut self, text: &str, depth: u32) {
        let Some(words) = shlex::split(text) else {
            // A quote without its end: no shell would run it either.
            self.program = Program::Other(text.to_owned());
            return;
        };
        let mut commands = simple_commands(words);
        let is_server = |command: &Vec<String>| self.clone().read_one(command, depth);
        let position = commands.iter().rposition(is_server).unwrap_or(commands.len() - 1);
        for command in commands.drain(..position).collect::<Vec<_>>() {
            self.read_before(command);
        }
        let mut rest = commands.into_iter();
        if let Some(command) = rest.next() {
            self.read_one(&command, depth);
        }
        self.beside.extend(rest.map(|command| command.join(" ")));
    }

    /// What stands before the server's command and is no server.
    fn read_before(&mut self, command: Vec<String>) {
        match command.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["cd", directory] => self.enter(directory),
            ["export", ref assignments @ ..] => {
                self.variables.extend(assignments.iter().filter_map(|text| assignment(text)));
            }
            _ => self.beside.push(command.join(" ")),
        }
    }

    /// One simple command; answers whether it runs a program that is known.
    fn read_one(&mut self, words: &[String], depth: u32) -> bool {
        let words = self.unwrapped(words);
        let Some((first, rest)) = words.split_first() else {
            return false;
        };
        let name = Utf8Path::new(first).file_name().unwrap_or(first);
        if matches!(name, "sh" | "bash") && depth > 0 {
            let script = rest.iter().position(|word| matches!(word.as_str(), "-c" | "-lc"));
            if let Some(script) = script.and_then(|position| rest.get(position + 1)) {
                self.read(script, depth - 1);
                return self.program.is_known();
            }
        }
        if is_python(name) {
            self.read_python(rest);
        } else {
            self.program = Program::named(name);
            self.read_arguments(rest);
        }
        self.program.is_known()
    }

    /// Without variables and programs that only start another one.
    fn unwrapped<'w>(&mut self, mut words: &'w [String]) -> &'w [String] {
        loop {
            while let Some(variable) = words.first().and_then(|word| assignment(word)) {
                self.variables.push(variable);
                words = &words[1..];
            }
            let Some(first) = words.first() else {
                return words;
            };
            let second = words.get(1).map(String::as_str);
            let is_wrapper = WRAPPERS.iter().any(|(name, with)| {
                let is_it = first == name || first.ends_with(&format!("/{name}"));
                is_it && (with.is_none() || *with == second)
            });
            if !is_wrapper {
                return words;
            }
            let own = if matches!(second, Some("run" | "run-program")) { 2 } else { 1 };
            words = &words[own.min(words.len())..];
            // Their options, each a word: `uv run --no-sync`, `env -u X` is not for us.
            while words.first().is_some_and(|word| word.starts_with('-')) {
                words = &words[1..];
            }
        }
    }

    /// `python -m gunicorn ...`, `python manage.py ...`, `python app.py`.
    fn read_python(&mut self, words: &[String]) {
        self.program = Program::Script;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let rest = || words.as_slice();
            match word.as_str() {
                "-m" => {
                    let Some(module) = words.next() else { return };
                    let program = Program::named(module);
                    if program.is_known() {
                        self.program = program;
                        self.read_arguments(words.as_slice());
                    } else {
                        self.app = Some(module.clone());
                    }
                    return;
                }
                // Options with a value of their own.
                "-X" | "-W" => drop(words.next()),
                option if option.starts_with('-') => {}
                file if file == "manage.py" || file.ends_with("/manage.py") => {
                    let run = rest().first().map(String::as_str);
                    // Any other command of it (`migrate`) serves nothing.
                    self.program = match run {
                        Some("runserver") => Program::Manage,
                        _ => Program::Other(file.to_owned()),
                    };
                    self.app = Some(file.to_owned());
                    return;
                }
                file => {
                    self.app = Some(file.to_owned());
                    return;
                }
            }
        }
    }

    fn read_arguments(&mut self, words: &[String]) {
        let grammar = self.program.grammar();
        let mut words = words.iter().peekable();
        let mut arguments = Vec::new();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix('-').filter(|name| !name.is_empty()) else {
                arguments.push(word.clone());
                continue;
            };
            let (name, attached) = match name.strip_prefix('-') {
                Some(long) => match long.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (long.to_owned(), None),
                },
                None => short(name, grammar.shorts),
            };
            let is_flag = name.starts_with("no-") || grammar.flags.contains(&name.as_str());
            let separate = match words.peek() {
                Some(next) if attached.is_none() && !is_flag && is_value(next) => words.next(),
                _ => None,
            };
            let written = separate.map_or_else(|| word.clone(), |value| format!("{word} {value}"));
            let value = attached.or_else(|| separate.cloned());
            self.options.push(ServerOption { name, value, written });
        }
        self.read_directory(grammar.directory);
        self.read_app(arguments, grammar.app);
    }

    fn read_directory(&mut self, options: &[&str]) {
        let named = |option: &&ServerOption| options.contains(&option.name.as_str());
        let value = self.options.iter().rev().find(named).and_then(|option| option.value.clone());
        // gunicorn takes several, with commas.
        if let Some(directory) = value.as_deref().and_then(|list| list.split(',').next()) {
            self.enter(directory);
        }
    }

    fn read_app(&mut self, arguments: Vec<String>, options: &[&str]) {
        let named = |option: &&ServerOption| options.contains(&option.name.as_str());
        let by_option = self.options.iter().find(named).and_then(|option| option.value.clone());
        let mut arguments = arguments.into_iter();
        let app = match self.program {
            Program::Other(_) => None,
            // `run` and `dev` are commands.
            Program::FastApi => by_option.or_else(|| arguments.nth(1)),
            Program::Flask => by_option.or_else(|| self.variable("FLASK_APP")),
            Program::Uwsgi => {
                self.options.extend(arguments.find(|word| word.ends_with(".ini")).map(|ini| {
                    ServerOption { name: "ini".into(), value: Some(ini.clone()), written: ini }
                }));
                by_option.map(|app| match self.option("callable") {
                    Some(ServerOption { value: Some(callable), .. }) => format!("{app}:{callable}"),
                    // `--mount /path=app`.
                    _ => app.split_once('=').map_or(app.clone(), |(_, app)| app.to_owned()),
                })
            }
            _ => by_option.or_else(|| arguments.next()),
        };
        self.app = app.map(|app| self.without_interface(app));
        let called = self.app.as_ref().is_some_and(|app| app.trim_end().ends_with(')'));
        self.is_factory = called || self.option("factory").or(self.option("call")).is_some();
    }

    /// hypercorn takes `wsgi:module:callable`. What it says is kept as an option without a name.
    fn without_interface(&mut self, app: String) -> String {
        let prefix = app.split_once(':').filter(|(prefix, rest)| {
            self.program == Program::Hypercorn
                && rest.contains(':')
                && Interface::parse(prefix).is_some()
        });
        let Some((prefix, rest)) = prefix else {
            return app;
        };
        let value = Some(prefix.to_owned());
        let written = format!("{prefix}:");
        self.options.push(ServerOption { name: String::new(), value, written });
        rest.to_owned()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }

    fn enter(&mut self, directory: &str) {
        let now = self.directory.take().unwrap_or_default().join(directory);
        let now: Utf8PathBuf = now.components().filter(|part| part.as_str() != ".").collect();
        self.directory = (!now.as_str().is_empty()).then_some(now);
    }
}

/// The commands between `&&`, `;` and the like, without what they write to.
fn simple_commands(words: Vec<String>) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "&&" | "||" | ";" | "&" | "|" => commands.push(Vec::new()),
            ">" | ">>" | "2>" | "2>>" | "<" => drop(words.next()),
            _ if word.starts_with('>') || word.starts_with("2>") => {}
            _ => {
                let bare = word.strip_suffix(';');
                if let Some(last) = commands.last_mut() {
                    last.push(bare.unwrap_or(&word).to_owned());
                }
                if bare.is_some() {
                    commands.push(Vec::new());
                }
            }
        }
    }
    commands.retain(|command| !command.is_empty());
    if commands.is_empty() {
        commands.push(Vec::new());
    }
    commands
}

/// `NAME=value`.
pub(super) fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let sound = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = name.chars().all(sound) && !name.starts_with(|c: char| c.is_ascii_digit());
    (is_name && !name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
}

/// `python`, `python3`, `python3.12`.
fn is_python(name: &str) -> bool {
    let version = name.strip_prefix("python");
    version.is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// `-w 4`, `-w4` and `-w=4`.
fn short(text: &str, known: &[(&str, &str)]) -> (String, Option<String>) {
    let split = text.char_indices().nth(1).map_or(text.len(), |(index, _)| index);
    let (letter, rest) = text.split_at(split);
    let name = known.iter().find(|(short, _)| *short == letter).map_or(letter, |(_, long)| long);
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    (name.to_owned(), (!rest.is_empty()).then(|| rest.to_owned()))
}

/// Whether a word can be an option's value: `-` is, for a log.
fn is_value(word: &str) -> bool {
    !word.starts_with('-') || word == "-" || word.parse::<i64>().is_ok()
}

#[cfg(test)]
mod tests;
