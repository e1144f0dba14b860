//! What the repository's own files say about where the app is.

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};

use super::DecidedBy;
use super::code::reader::Reader;
use crate::packages::project::toml_at;
use crate::repository::procfile::{self, Program};
use crate::variables::interface::Interface;

/// No file that names an app is longer, in bytes.
const LONGEST: usize = 512 * 1024;

/// A place where somebody has named the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saying {
    pub(super) by: DecidedBy,
    /// As it is written.
    pub(super) app: String,
    /// The folder that it is imported from, relative to the repository.
    pub(super) folder: Utf8PathBuf,
    /// Whether a call of it is meant, by an option beside it.
    pub(super) is_factory: bool,
    /// How it is called, where that is said.
    pub(super) interface: Option<Interface>,
}

impl Saying {
    pub(super) fn new(by: DecidedBy, app: &str) -> Self {
        Self {
            by,
            app: app.to_owned(),
            folder: Utf8PathBuf::new(),
            is_factory: false,
            interface: None,
        }
    }
}

/// What a command says: the app itself, the file of a program, or a Django project in a folder.
pub(super) enum Said {
    App(Saying),
    Script { by: DecidedBy, file: Utf8PathBuf, root: Utf8PathBuf },
    Django(Utf8PathBuf),
}

/// `[tool.fastapi] entrypoint` of pyproject.toml.
pub(super) fn by_pyproject(repo: &Utf8Path) -> Result<Option<Saying>, FileError> {
    let Some(text) = text_of(repo, "pyproject.toml")? else { return Ok(None) };
    // Whether it is TOML is told where it is read for what it asks for.
    let named = toml_at(&text, &["tool", "fastapi", "entrypoint"]);
    Ok(named.and_then(|(line, app)| {
        let by = DecidedBy::File { path: "pyproject.toml".into(), line };
        Some(Saying { interface: Some(Interface::Asgi), ..Saying::new(by, &app.ok()?) })
    }))
}

/// `FLASK_APP` of `.flaskenv`.
pub(super) fn by_flaskenv(repo: &Utf8Path) -> Result<Option<Saying>, FileError> {
    let Some(text) = text_of(repo, ".flaskenv")? else { return Ok(None) };
    let named = variables(&text).filter(|(_, name, _)| *name == "FLASK_APP");
    // As dotenv: the last one counts.
    Ok(named
        .last()
        .filter(|(.., app)| !app.is_empty())
        .map(|(line, _, app)| by_flask(DecidedBy::File { path: ".flaskenv".into(), line }, &app)))
}

/// What Flask would take for its app: a file with or without `.py`, and any name in it.
fn by_flask(by: DecidedBy, app: &str) -> Saying {
    let (target, name) = app.split_once(':').map_or((app, None), |(t, n)| (t, Some(n)));
    let target = target.trim().trim_start_matches("./").trim_end_matches('/');
    let module = target.strip_suffix(".py").unwrap_or(target);
    let (folder, module) = module.rsplit_once('/').unwrap_or(("", module));
    let app = name.map_or_else(|| module.to_owned(), |name| format!("{module}:{name}"));
    Saying { folder: folder.into(), interface: Some(Interface::Wsgi), ..Saying::new(by, &app) }
}

/// The lines of a file of variables: where they are, their names, their values.
fn variables(text: &str) -> impl Iterator<Item = (usize, &str, String)> {
    text.lines().enumerate().filter_map(|(at, line)| {
        let line = line.trim();
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        Some((at + 1, name.trim(), value_of(value)))
    })
}

/// The value of a line in a file of variables, without its quotes or a comment behind it.
fn value_of(text: &str) -> String {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some((value, _)) = text.strip_prefix(quote).and_then(|t| t.split_once(quote)) {
            return value.to_owned();
        }
    }
    text.split(" #").next().unwrap_or_default().trim().to_owned()
}

/// The `web:` line of the Procfile.
pub(super) fn by_procfile(reader: &Reader<'_>) -> Result<Option<Said>, FileError> {
    let repo = reader.repo();
    let Some(web) = procfile::web(repo)? else { return Ok(None) };
    let by = DecidedBy::File { path: procfile::FILE.into(), line: web.line };
    let folder = inside(repo, web.directory.clone().unwrap_or_default());
    let file = |option| {
        let file = web.option(option).and_then(|option| option.value.as_deref())?;
        Some(inside(repo, folder.join(file))).filter(|file| reader.has(file))
    };
    let Some(app) = web.app.clone().filter(|app| !app.contains('$')) else {
        return match web.program {
            Program::Gunicorn => {
                Ok(file("config").and_then(|c| by_gunicorn_conf(reader, &c)).map(Said::App))
            }
            Program::Uwsgi => match file("ini") {
                Some(ini) => Ok(by_uwsgi(repo, &ini)?.map(Said::App)),
                None => Ok(None),
            },
            _ => Ok(None),
        };
    };
    Ok(match web.program {
        Program::Other(_) => None,
        Program::Manage => {
            let beside = Utf8Path::new(&app).parent().unwrap_or(Utf8Path::new("")).to_owned();
            Some(Said::Django(inside(repo, folder.join(beside))))
        }
        Program::Script => {
            let file = match app.ends_with(".py") {
                true => Utf8PathBuf::from(&app),
                false => Utf8PathBuf::from(format!("{}.py", app.replace('.', "/"))),
            };
            let package = Utf8Path::new(&app.replace('.', "/")).join("__init__.py");
            let file = if repo.join(&folder).join(&package).is_file() { package } else { file };
            let root = match app.ends_with(".py") {
                true => inside(repo, folder.join(file.parent().unwrap_or(Utf8Path::new("")))),
                false => folder.clone(),
            };
            let file = inside(repo, folder.join(file));
            Some(Said::Script { by, file, root })
        }
        Program::Flask => {
            let saying = by_flask(by, &app);
            Some(Said::App(Saying { folder: folder.join(&saying.folder), ..saying }))
        }
        _ => {
            let is_factory = web.is_factory && !app.contains('(');
            Some(Said::App(Saying { folder, is_factory, ..Saying::new(by, &app) }))
        }
    })
}

/// The app in a file of settings for uWSGI.
fn by_uwsgi(repo: &Utf8Path, path: &Utf8Path) -> Result<Option<Saying>, FileError> {
    let text = text_of(repo, path.as_str())?.unwrap_or_default();
    let settings: Vec<_> =
        variables(&text).filter(|(.., value)| !value.contains(['$', '%', '@'])).collect();
    let last = |names: &[&str]| settings.iter().rfind(|(_, name, _)| names.contains(name));
    let Some((line, _, app)) = last(&["module", "wsgi", "wsgi-file", "file"]) else {
        return Ok(None);
    };
    let named = last(&["callable"]).filter(|_| !app.contains(':'));
    let app = named.map_or_else(|| app.clone(), |(.., callable)| format!("{app}:{callable}"));
    let folder = last(&["chdir", "pythonpath"]).map(|(.., folder)| folder.clone());
    let folder = inside(repo, folder.unwrap_or_default().into());
    let by = DecidedBy::File { path: path.to_owned(), line: *line };
    Ok(Some(Saying { folder, interface: Some(Interface::Wsgi), ..Saying::new(by, &app) }))
}

/// What source-to-image images for Python go by: variables in `.s2i/environment`.
pub(super) fn by_s2i(repo: &Utf8Path) -> Result<Option<Said>, FileError> {
    let path = Utf8Path::new(".s2i/environment");
    let Some(text) = text_of(repo, path.as_str())? else { return Ok(None) };
    let set: Vec<_> = variables(&text).filter(|(.., value)| !value.is_empty()).collect();
    let last = |name: &str| {
        let (line, _, value) = set.iter().rfind(|(_, n, _)| *n == name)?;
        Some((DecidedBy::File { path: path.to_owned(), line: *line }, value.clone()))
    };
    let home = last("APP_HOME");
    let folder = inside(repo, home.as_ref().map(|(_, home)| home.into()).unwrap_or_default());
    if let Some((by, app)) = last("APP_MODULE") {
        return Ok(Some(Said::App(Saying { folder, ..Saying::new(by, &app) })));
    }
    if let Some((by, file)) = last("APP_FILE").filter(|(_, file)| file.ends_with(".py")) {
        let file = inside(repo, folder.join(file));
        let root = file.parent().map(ToOwned::to_owned).unwrap_or_default();
        return Ok(Some(Said::Script { by, file, root }));
    }
    Ok(home.map(|(by, _)| match repo.join(&folder).join("wsgi.py").is_file() {
        true => Said::App(Saying { folder, ..Saying::new(by, "wsgi") }),
        false => Said::Django(folder),
    }))
}

/// `wsgi_app` in gunicorn's file of settings, where it is a literal.
pub(super) fn by_gunicorn_conf(reader: &Reader<'_>, path: &Utf8Path) -> Option<Saying> {
    let facts = reader.has(path).then(|| reader.facts(path))?;
    let (line, app) = facts.text("wsgi_app")?;
    let text = |name| facts.text(name).map(|(_, text)| text.to_owned());
    let folder = text("chdir").or_else(|| text("pythonpath")).unwrap_or_default();
    let by = DecidedBy::File { path: path.to_owned(), line };
    let folder = inside(reader.repo(), folder.into());
    Some(Saying { folder, ..Saying::new(by, app) })
}

/// A folder relative to the repository, without `.`; the top for one that is elsewhere, such as
/// `/app`, where others put the repository.
fn inside(repo: &Utf8Path, folder: Utf8PathBuf) -> Utf8PathBuf {
    let folder = folder.strip_prefix(repo).map(ToOwned::to_owned).unwrap_or(folder);
    let folder = match folder.strip_prefix("/app") {
        Ok(rest) if folder.is_absolute() => rest.to_owned(),
        _ => folder,
    };
    if folder.is_absolute() || folder.components().any(|part| part.as_str() == "..") {
        return Utf8PathBuf::new();
    }
    folder.components().filter(|part| part.as_str() != ".").collect()
}

fn text_of(repo: &Utf8Path, name: &str) -> Result<Option<String>, FileError> {
    let path = repo.join(name);
    if !path.is_file() {
        return Ok(None);
    }
    let content = files::read_if_exists(&path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&content[..content.len().min(LONGEST)]);
    Ok(Some(text.trim_start_matches('\u{feff}').to_owned()))
}
