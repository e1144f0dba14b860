//! Modules and the files that they stand in.

use camino::{Utf8Path, Utf8PathBuf};

use super::facts::{Facts, Value};
use super::reader::Reader;
use crate::variables::entry_point::EntryPoint;
use crate::variables::worker_class::is_name;

/// The file and the name in it that `of` leads to, as `file` would import it: `shop.web.app`, or
/// `..web.app` with the dots of a relative import. Modules are imported from `root`, then from the
/// repository's top.
pub(crate) fn target(
    reader: &Reader<'_>,
    file: &Utf8Path,
    root: &Utf8Path,
    of: &str,
) -> Option<(Utf8PathBuf, String)> {
    let dots = of.len() - of.trim_start_matches('.').len();
    let parts: Vec<_> = of[dots..].split('.').collect();
    if dots > 0 {
        let mut package = file.parent()?;
        for _ in 1..dots {
            package = package.parent()?;
        }
        return walk(reader, package, &parts);
    }
    let tops = [Some(root), (!root.as_str().is_empty()).then_some(Utf8Path::new(""))];
    tops.into_iter().flatten().find_map(|top| walk(reader, top, &parts))
}

/// Goes down from a package; a name that it binds goes before a module in it.
fn walk(reader: &Reader<'_>, package: &Utf8Path, parts: &[&str]) -> Option<(Utf8PathBuf, String)> {
    let mut folder = package.to_owned();
    // The top itself is no package whose names could be meant.
    let init = Some(folder.join("__init__.py")).filter(|_| !folder.as_str().is_empty());
    let mut current = init.filter(|file| reader.has(file));
    for (at, part) in parts.iter().enumerate() {
        let is_last = at + 1 == parts.len();
        if let Some(file) = &current
            && reader.facts(file).binds(part)
        {
            return is_last.then(|| (file.clone(), (*part).to_owned()));
        }
        let module = folder.join(format!("{part}.py"));
        let inner = folder.join(part);
        if is_last || !is_name(part) {
            let stars = |file: &Utf8PathBuf| !reader.facts(file).stars.is_empty();
            let there = reader.has(&module) || reader.has(&inner.join("__init__.py"));
            return current
                .filter(|file| !there && stars(file))
                .map(|file| (file, (*part).to_owned()));
        }
        if reader.has(&inner.join("__init__.py")) {
            current = Some(inner.join("__init__.py"));
        } else if reader.has(&module) {
            current = Some(module);
        } else if reader.repo().join(&inner).is_dir() {
            current = None;
        } else {
            return None;
        }
        folder = inner;
    }
    None
}

/// The file of a module, imported from `root`.
pub(crate) fn file_of(reader: &Reader<'_>, root: &Utf8Path, module: &str) -> Option<Utf8PathBuf> {
    let path = root.join(module.replace('.', "/"));
    let files = [path.with_added_extension("py"), path.join("__init__.py")];
    files.into_iter().find(|file| reader.has(file))
}

/// The file of a module, by the name with which `file` imports it.
pub(crate) fn imported_by(
    reader: &Reader<'_>,
    file: &Utf8Path,
    root: &Utf8Path,
    module: &str,
) -> Option<Utf8PathBuf> {
    let dots = module.len() - module.trim_start_matches('.').len();
    let mut folder = if dots == 0 { root } else { file.parent()? };
    for _ in 1..dots {
        folder = folder.parent()?;
    }
    let beside = file_of(reader, folder, &module[dots..]);
    beside.or_else(|| file_of(reader, Utf8Path::new(""), module))
}

/// Whether `name` of a file is a module of the repository, by an import.
pub(crate) fn leads_to_module(
    reader: &Reader<'_>,
    file: &Utf8Path,
    root: &Utf8Path,
    facts: &Facts,
    name: &str,
) -> bool {
    match facts.last(name).map(|binding| &binding.value) {
        Some(Value::Name { of }) => imported_by(reader, file, root, of).is_some(),
        _ => false,
    }
}

/// How the launchers get a file's callable, when its modules are imported from `root`.
pub(crate) fn entry_point(
    reader: &Reader<'_>,
    file: &Utf8Path,
    root: &Utf8Path,
    callable: &str,
) -> EntryPoint {
    // Relative imports lead out of a module that has no package.
    let is_inside = file.parent() == Some(root) && reader.facts(file).relative;
    let root = if is_inside { Utf8Path::new("") } else { root };
    let Some(dotted) = dotted(file.strip_prefix(root).unwrap_or(file)) else {
        return EntryPoint::of_file(file, callable);
    };
    if is_shadowed(reader, file, root, &dotted) {
        return EntryPoint::of_file(file, callable);
    }
    let from = (!root.as_str().is_empty()).then_some(root);
    let Some(folder) = file.parent().filter(|folder| *folder != root) else {
        return EntryPoint::of_module(from, &dotted, callable);
    };
    // A folder without __init__.py is no package to an author who imports what stands beside the
    // file by its bare name, as a program run there would.
    let facts = reader.facts(file);
    let beside = |module: &String| {
        let first = module.split('.').next().unwrap_or_default();
        let in_folder = |folder: &Utf8Path| {
            let package = folder.join(first);
            reader.has(&folder.join(format!("{first}.py"))) || reader.repo().join(package).is_dir()
        };
        in_folder(folder) && !in_folder(root)
    };
    let is_alone = !facts.relative && facts.modules.iter().any(beside);
    match file.file_stem().filter(|stem| is_alone && *stem != "__init__") {
        Some(stem) => EntryPoint::of_module(Some(folder), stem, callable),
        None => EntryPoint::of_module(from, &dotted, callable),
    }
}

/// Whether an import by this name finds something else: a package beside the file, or a module that
/// is there before any app.
fn is_shadowed(reader: &Reader<'_>, file: &Utf8Path, root: &Utf8Path, dotted: &str) -> bool {
    let package = root.join(dotted.replace('.', "/")).join("__init__.py");
    let first = dotted.split('.').next().unwrap_or_default();
    (package != file && reader.has(&package)) || EARLIER.contains(&first)
}

/// Modules of Python's own that a launcher has imported before the app, and after which people name
/// files and folders.
const EARLIER: &[&str] = &[
    "abc",
    "ast",
    "base64",
    "calendar",
    "codecs",
    "collections",
    "copy",
    "email",
    "enum",
    "errno",
    "functools",
    "hashlib",
    "html",
    "http",
    "inspect",
    "io",
    "json",
    "keyword",
    "locale",
    "logging",
    "operator",
    "os",
    "platform",
    "queue",
    "random",
    "re",
    "select",
    "selectors",
    "shutil",
    "signal",
    "site",
    "socket",
    "stat",
    "string",
    "struct",
    "sys",
    "tempfile",
    "threading",
    "time",
    "token",
    "traceback",
    "types",
    "typing",
    "urllib",
    "uuid",
    "warnings",
];

/// The module that a file is; `None` where it cannot be imported by a name.
fn dotted(file: &Utf8Path) -> Option<String> {
    let path = file.as_str().strip_suffix(".py")?;
    let path = path.strip_suffix("/__init__").unwrap_or(path);
    path.split('/').all(is_name).then(|| path.replace('/', "."))
}
