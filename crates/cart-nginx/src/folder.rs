//! Folders of files beside `public/`, each at a place of its own in the site.

use std::fmt;

use camino::Utf8PathBuf;

use crate::model::ModelError;
use crate::quoted::Quoted;

/// A folder whose files are served below a path. A file in `public/` goes before one here, and one
/// of an earlier folder before one of a later; what is in none of them is the app's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where its files are in the site, such as `/static/`.
    pub at: FolderPath,
    /// The folder. What it is, nobody looks at here: whoever names it answers for it.
    pub directory: Utf8PathBuf,
}

/// The path of a folder in a site: begins and ends with a slash, is not `/`, and consists of what
/// needs no escaping, in a URL or in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderPath(String);

impl FolderPath {
    /// Reads such a path; `None` for anything else, `..` and dot-files included, which no file is
    /// served for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('/')?.strip_suffix('/')?;
        let sound = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
        let is_name =
            |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(sound);
        inner.split('/').all(is_name).then(|| Self(text.to_owned()))
    }

    /// It as a regular expression, without the last slash.
    pub(crate) fn pattern(&self) -> String {
        self.0.trim_end_matches('/').replace('.', "[.]")
    }
}

/// As it was written.
impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One folder as it stands in the configuration.
#[derive(Clone, Debug)]
pub(crate) struct CheckedFolder {
    /// By which its variable and its location are told.
    pub(crate) number: usize,
    /// The path as a regular expression, without the last slash.
    pub(crate) pattern: String,
    pub(crate) directory: Quoted,
    /// Where a request goes for which it has no file: a number, or the app.
    pub(crate) next: Option<usize>,
}

/// A path with its first folder.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub(crate) at: String,
    pub(crate) first: usize,
}

/// `folders` in the order of their paths, those of one path chained.
pub(crate) fn checked(folders: &[Folder]) -> Result<(Vec<Mount>, Vec<CheckedFolder>), ModelError> {
    let mut folders: Vec<&Folder> = folders.iter().collect();
    folders.sort_by(|a, b| a.at.cmp(&b.at));
    let mut mounts: Vec<Mount> = Vec::new();
    let mut found: Vec<CheckedFolder> = Vec::new();
    for (number, folder) in folders.iter().enumerate() {
        let at = &folder.at.0;
        if mounts.last().is_some_and(|mount| mount.at == *at) {
            found[number - 1].next = Some(number);
        } else {
            mounts.push(Mount { at: at.clone(), first: number });
        }
        let directory = folder.directory.as_path();
        found.push(CheckedFolder {
            number,
            pattern: folder.at.pattern(),
            directory: Quoted::without_variables(directory.as_str())
                .map_err(|problem| ModelError::Folder { path: directory.to_owned(), problem })?,
            next: None,
        });
    }
    Ok((mounts, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_mean_something_else_is_none() {
        for path in ["/static/", "/a/b.c/~d_e-1/"] {
            assert!(FolderPath::parse(path).is_some(), "{path}");
        }
        for path in [
            "",
            "/",
            "//",
            "static/",
            "/static",
            "/a//b/",
            "/../",
            "/a/../b/",
            "/.git/",
            "/a b/",
            "/a;/",
            "/a$b/",
            "/ä/",
            "/a%20b/",
            "/a\n/",
            "https://cdn.example.com/x/",
            "//cdn/x/ ",
        ] {
            assert_eq!(FolderPath::parse(path), None, "{path}");
        }
    }

    #[test]
    fn folders_of_one_path_are_chained_in_their_order() {
        let folder = |at: &str, directory: &str| Folder {
            at: FolderPath::parse(at).unwrap(),
            directory: directory.into(),
        };
        let folders = [folder("/s/", "/one"), folder("/a.b/", "/two"), folder("/s/", "/three")];
        let (mounts, chained) = checked(&folders).unwrap();
        let mounts: Vec<_> = mounts.iter().map(|m| (m.at.as_str(), m.first)).collect();
        assert_eq!(mounts, [("/a.b/", 0), ("/s/", 1)]);
        let chained: Vec<_> = chained
            .iter()
            .map(|f| (f.number, f.pattern.as_str(), f.directory.to_string(), f.next))
            .collect();
        assert_eq!(
            chained,
            [
                (0, "/a[.]b", "\"/two\"".to_owned(), None),
                (1, "/s", "\"/one\"".to_owned(), Some(2)),
                (2, "/s", "\"/three\"".to_owned(), None),
            ]
        );
    }

    #[test]
    fn a_directory_that_nginx_cannot_be_given_is_named() {
        let at = FolderPath::parse("/s/").unwrap();
        let error = checked(&[Folder { at, directory: "/a$b".into() }]).unwrap_err();
        assert!(error.to_string().contains("/a$b"), "{error}");
    }
}
