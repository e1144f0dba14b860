//! A Django project: `manage.py` says which settings it has, and these where the app is.

use camino::{Utf8Path, Utf8PathBuf};

use super::DecidedBy;
use super::code::modules;
use super::code::reader::Reader;
use super::code::sight::Sight;
use crate::variables::entry_point::EntryPoint;

/// How many modules of settings import each other.
const DEEPEST: u32 = 5;

/// Where a project's app is.
pub(super) struct Project {
    pub(super) by: DecidedBy,
    pub(super) file: Utf8PathBuf,
    pub(super) entry_point: EntryPoint,
    /// What says so, for people.
    pub(super) why: String,
}

/// The project whose `manage.py` is in `folder`, if its app is there, too.
pub(super) fn project(sight: &Sight<'_>, folder: &Utf8Path) -> Option<Project> {
    let reader = sight.reader;
    let manage = folder.join("manage.py");
    let facts = reader.has(&manage).then(|| reader.facts(&manage))?;
    let said = facts.settings.first()?;
    let settings = modules::file_of(reader, folder, &said.text);
    let setting = |name| literal(reader, settings.as_deref()?, folder, name, 0);
    let beside = |kind: &str| beside(reader, folder, &said.text, kind);
    let wsgi = setting("WSGI_APPLICATION").or_else(|| beside("wsgi"));
    let asked = setting("ASGI_APPLICATION");
    let asgi = asked.clone().or_else(|| beside("asgi"));
    let needs_asgi = asked.is_some()
        || asgi.as_ref().is_some_and(|(file, name)| {
            let app = sight.of(file, folder, name);
            app.is_some_and(|app| app.framework == Some("Channels"))
        });
    let (chosen, why) = match (wsgi, asgi, sight.beside) {
        (Some(wsgi), Some(_), Some(variable)) => {
            (wsgi, format!(", and {variable} names what is served beside it"))
        }
        (Some(_), Some(asgi), None) if needs_asgi && asked.is_some() => {
            (asgi, ", and these name an ASGI_APPLICATION".to_owned())
        }
        (Some(_), Some(asgi), None) if needs_asgi => {
            let why = format!("; {} is there for channels", asgi.0);
            (asgi, why)
        }
        (Some(wsgi), Some((asgi, _)), None) => {
            (wsgi, format!("; {asgi} is there, too, but nothing asks for ASGI"))
        }
        (Some(only), None, _) | (None, Some(only), _) => (only, String::new()),
        (None, None, _) => return None,
    };
    let (file, name) = chosen;
    Some(Project {
        by: DecidedBy::File { path: manage.clone(), line: said.line },
        entry_point: modules::entry_point(reader, &file, folder, &name),
        file,
        why: format!("{manage}:{} says that the settings are {}{why}", said.line, said.text),
    })
}

/// A project whose app is missing, for people.
pub(super) fn without_app(sight: &Sight<'_>) -> Option<String> {
    let manage = Utf8Path::new("manage.py");
    let facts = sight.reader.has(manage).then(|| sight.reader.facts(manage))?;
    let said = facts.settings.first()?;
    Some(format!(
        "{manage}:{} says that the settings are {}, but there is neither wsgi.py nor asgi.py beside \
         them: `django-admin startproject` makes both",
        said.line, said.text
    ))
}

/// `X.wsgi.application` of a setting: the file and the name in it, if it is in the repository.
fn literal(
    reader: &Reader<'_>,
    settings: &Utf8Path,
    root: &Utf8Path,
    name: &str,
    depth: u32,
) -> Option<(Utf8PathBuf, String)> {
    let facts = reader.facts(settings);
    if let Some((_, text)) = facts.text(name) {
        let (module, callable) = text.rsplit_once('.')?;
        return Some((modules::file_of(reader, root, module)?, callable.to_owned()));
    }
    let mut stars = facts.stars.iter().filter(|_| depth < DEEPEST);
    stars.find_map(|module| {
        let file = modules::imported_by(reader, settings, root, module)?;
        literal(reader, &file, root, name, depth + 1)
    })
}

/// `X/wsgi.py` beside or above the settings `X.settings` or `X.settings.production`.
fn beside(
    reader: &Reader<'_>,
    folder: &Utf8Path,
    settings: &str,
    kind: &str,
) -> Option<(Utf8PathBuf, String)> {
    let path = folder.join(settings.replace('.', "/"));
    let parents = path.ancestors().skip(1).take_while(|parent| parent.starts_with(folder));
    let files = parents.map(|parent| parent.join(format!("{kind}.py")));
    let file = files.into_iter().find(|file| reader.has(file))?;
    Some((file, "application".to_owned()))
}
