//! The files and folders of a repository in which apps usually are.

use camino::{Utf8Path, Utf8PathBuf};

use crate::repository::discovery::code::reader::Reader;

/// Files at the top, in the order in which they are looked at.
pub(crate) const FILES: &[&str] = &[
    "app.py",
    "application.py",
    "wsgi.py",
    "asgi.py",
    "main.py",
    "server.py",
    "api.py",
    "web.py",
    "index.py",
    "run.py",
    "start.py",
    "hello.py",
];

/// Those whose name says that they are the app. Where one is there and has none, because an edit broke
/// it say, no other file at the top is the app instead.
const MEANT: &[&str] = &["app.py", "application.py", "wsgi.py", "asgi.py"];

/// Files of a package.
const IN_PACKAGES: &[&str] = &[
    "__init__.py",
    "app.py",
    "application.py",
    "wsgi.py",
    "asgi.py",
    "main.py",
    "server.py",
    "api.py",
    "web.py",
    "index.py",
];

/// Programs and settings beside an app, which may import it for purposes of their own.
const NO_APPS: &[&str] = &[
    "manage.py",
    "setup.py",
    "conftest.py",
    "gunicorn.conf.py",
    "gunicorn_config.py",
    "noxfile.py",
    "fabfile.py",
    "tasks.py",
    "celery_worker.py",
    "settings.py",
    "config.py",
    "locustfile.py",
];

/// Folders that have no app of their own.
const NO_PACKAGES: &[&str] = &[
    "tests",
    "test",
    "docs",
    "doc",
    "examples",
    "example",
    "samples",
    "migrations",
    "alembic",
    "scripts",
    "static",
    "templates",
    "public",
    "node_modules",
    "venv",
    "env",
    "virtenv",
    "build",
    "dist",
    "frontend",
    "client",
    "wsgi",
    "site-packages",
];

/// No more folders and files of one kind are looked at.
const MOST: usize = 60;

/// A file, and the folder that modules are imported from.
pub(crate) type Files = Vec<(Utf8PathBuf, Utf8PathBuf)>;

/// The files of a repository, the likeliest first.
pub(crate) struct Usual {
    /// At the top, by their names.
    pub(crate) top: Files,
    /// In packages and in `src`.
    pub(crate) inner: Files,
    /// All others at the top.
    pub(crate) others: Files,
}

impl Usual {
    /// Those that are there, and read at once.
    pub(crate) fn of(reader: &Reader<'_>) -> Self {
        let here = Utf8Path::new("");
        let mut inner = Files::new();
        for folder in folders(reader.repo(), here).iter().filter(|folder| *folder != "src") {
            inner.extend(files(reader, folder, here, IN_PACKAGES));
        }
        let src = Utf8Path::new("src");
        if reader.repo().join(src).is_dir() {
            inner.extend(files(reader, src, src, FILES));
            for folder in folders(reader.repo(), src) {
                inner.extend(files(reader, &folder, src, IN_PACKAGES));
            }
        }
        let top = files(reader, here, here, FILES);
        let mut others: Vec<_> = list(&reader.repo().join(here))
            .into_iter()
            .filter(|name| name.ends_with(".py") && !name.starts_with("test"))
            .filter(|name| !FILES.contains(&name.as_str()) && !NO_APPS.contains(&name.as_str()))
            .map(|name| (Utf8PathBuf::from(name), here.to_owned()))
            .collect();
        let is_meant = top.iter().any(|(file, _)| MEANT.contains(&file.as_str()));
        others.truncate(if is_meant { 0 } else { MOST });
        let all = [&top, &inner, &others].into_iter().flatten();
        reader.prepare(&all.map(|(file, _)| file.clone()).collect::<Vec<_>>());
        Self { top, inner, others }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &(Utf8PathBuf, Utf8PathBuf)> {
        self.top.iter().chain(&self.inner).chain(&self.others)
    }
}

/// Folders that may be packages of the app.
pub(crate) fn folders(repo: &Utf8Path, inside: &Utf8Path) -> Vec<Utf8PathBuf> {
    let sound = |name: &String| {
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let inner = repo.join(inside).join(name);
        // The official cartridge's folder, unless it is a package.
        let is_wsgi = name == "wsgi" && inner.join("__init__.py").is_file();
        name.chars().all(plain)
            && (is_wsgi || !NO_PACKAGES.contains(&name.as_str()))
            && inner.is_dir()
            && !inner.join("pyvenv.cfg").exists()
    };
    let names = list(&repo.join(inside)).into_iter().filter(sound);
    names.take(MOST).map(|name| inside.join(name)).collect()
}

/// Those of `names` that a folder has.
fn files(reader: &Reader<'_>, folder: &Utf8Path, root: &Utf8Path, names: &[&str]) -> Files {
    let there = names.iter().map(|name| folder.join(name)).filter(|file| reader.has(file));
    there.map(|file| (file, root.to_owned())).collect()
}

/// The names in a folder, sorted.
pub(crate) fn list(folder: &Utf8Path) -> Vec<String> {
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten().take(10_000);
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_owned()).collect();
    names.sort();
    names
}
