//! Folders of files, each at a place of its own in the site.

use std::fmt;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::text::quoted::Quoted;
use crate::text::unfit::ModelError;

/// A folder whose files are served below a path. Those of the whole site, at `/`, go before others, and
/// an earlier folder of a path before a later one; what is in none of them is the app's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where its files are in the site, such as `/static/`.
    pub at: FolderPath,
    /// The folder. What it is, nobody looks at here: whoever names it answers for it.
    pub directory: Utf8PathBuf,
}

/// The path of a folder in a site: begins and ends with a slash, and consists of what needs no escaping,
/// in a URL or in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderPath(String);

impl FolderPath {
    /// Reads such a path; `None` for anything else, `..` and dot-files included, which no file is
    /// served for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "/" {
            return Some(Self::root());
        }
        let inner = text.strip_prefix('/')?.strip_suffix('/')?;
        let sound = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
        let is_name =
            |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(sound);
        inner.split('/').all(is_name).then(|| Self(text.to_owned()))
    }

    /// That of the whole site.
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Whether it is that of the whole site.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0 == "/"
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

/// More would not do: nginx goes from one named location to another ten times at most for a request, and some
/// are needed beside these.
const MOST: usize = 5;

/// The folders of a list of `path=folder`, the path with a slash at its end or without, the folder in the
/// repository or anywhere.
pub(crate) fn parse_list(text: &str) -> Option<Vec<Folder>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let folder = |word: &&str| {
        let (at, directory) = word.split_once('=')?;
        let at = FolderPath::parse(&format!("{}/", at.trim_end_matches('/')))?;
        let directory = Utf8PathBuf::from(directory);
        let names = || directory.components();
        let inside = names().all(|name| !matches!(name, Utf8Component::ParentDir));
        let named = names().any(|name| matches!(name, Utf8Component::Normal(_)));
        (inside && named).then_some(Folder { at, directory })
    };
    (1..=MOST).contains(&words.len()).then(|| words.iter().map(folder).collect()).flatten()
}

/// Whether it is a directory, and not by a link to somebody else's, as for nginx such a link in it is no file.
pub(crate) fn is_there(directory: &Utf8Path) -> bool {
    let owner = |metadata: std::fs::Metadata| metadata.is_dir().then_some(metadata.uid());
    let own = std::fs::symlink_metadata(directory).map(|metadata| metadata.uid()).ok();
    std::fs::metadata(directory).ok().and_then(owner).is_some_and(|uid| Some(uid) == own)
}

/// One folder as it stands in the configuration.
#[derive(Clone, Debug)]
pub(crate) struct CheckedFolder {
    /// By which its variable and its location are told.
    pub(crate) number: usize,
    /// The path as a regular expression, without the last slash; none for the whole site.
    pub(crate) pattern: Option<String>,
    pub(crate) directory: Quoted,
    /// The next folder of the same path, where a request goes for which it has no file.
    pub(crate) next: Option<usize>,
}

impl CheckedFolder {
    pub(crate) fn is_root(&self) -> bool {
        self.pattern.is_none()
    }
}

/// Sorts folders as nginx asks them: those of the whole site first, then by path, a longer one before those
/// that it begins with; those of one path stay in their order.
pub(crate) fn sort(folders: &mut [Folder]) {
    folders.sort_by(|a, b| {
        let length = |folder: &Folder| folder.at.0.len();
        let root = b.at.is_root().cmp(&a.at.is_root());
        root.then(length(b).cmp(&length(a))).then(a.at.cmp(&b.at))
    });
}

/// A path below the site's with its first folder.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub(crate) at: String,
    pub(crate) pattern: String,
    pub(crate) first: usize,
}

/// `folders` in the order in which nginx asks them, those of one path chained, and behind them those of a
/// shorter path that it begins with.
pub(crate) fn checked(folders: &[Folder]) -> Result<(Vec<Mount>, Vec<CheckedFolder>), ModelError> {
    let mut folders = folders.to_vec();
    sort(&mut folders);
    let mut mounts: Vec<Mount> = Vec::new();
    let mut found: Vec<CheckedFolder> = Vec::new();
    for (number, folder) in folders.iter().enumerate() {
        let pattern = (!folder.at.is_root()).then(|| folder.at.pattern());
        if number > 0 && folders[number - 1].at == folder.at {
            found[number - 1].next = Some(number);
        } else if let Some(pattern) = &pattern {
            let (at, pattern) = (folder.at.0.clone(), pattern.clone());
            mounts.push(Mount { at, pattern, first: number });
        }
        let directory = folder.directory.as_path();
        found.push(CheckedFolder {
            number,
            pattern,
            directory: Quoted::without_variables(directory.as_str())
                .map_err(|problem| ModelError::Folder { path: directory.to_owned(), problem })?,
            next: None,
        });
    }
    for mount in &mounts {
        let is_around = |other: &&Mount| other.at != mount.at && mount.at.starts_with(&other.at);
        if let Some(around) = mounts.iter().find(is_around) {
            let last = (mount.first..found.len())
                .take_while(|number| folders[*number].at.0 == mount.at)
                .last();
            last.iter().for_each(|last| found[*last].next = Some(around.first));
        }
    }
    Ok((mounts, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_mean_something_else_is_none() {
        for path in ["/", "/static/", "/a/b.c/~d_e-1/"] {
            assert!(FolderPath::parse(path).is_some(), "{path}");
        }
        for path in [
            "",
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
        let folders = [
            folder("/s/", "/one"),
            folder("/a.b/", "/two"),
            folder("/s/", "/three"),
            folder("/", "/four"),
            folder("/s/deep/", "/five"),
        ];
        let (mounts, chained) = checked(&folders).unwrap();
        let mounts: Vec<_> = mounts.iter().map(|m| (m.at.as_str(), m.first)).collect();
        assert_eq!(mounts, [("/s/deep/", 1), ("/a.b/", 2), ("/s/", 3)]);
        let chained: Vec<_> = chained
            .iter()
            .map(|f| (f.number, f.pattern.as_deref(), f.directory.to_string(), f.next))
            .collect();
        assert_eq!(
            chained,
            [
                (0, None, "\"/four\"".to_owned(), None),
                (1, Some("/s/deep"), "\"/five\"".to_owned(), Some(3)),
                (2, Some("/a[.]b"), "\"/two\"".to_owned(), None),
                (3, Some("/s"), "\"/one\"".to_owned(), Some(4)),
                (4, Some("/s"), "\"/three\"".to_owned(), None),
            ]
        );
    }

    #[test]
    fn a_directory_that_nginx_cannot_be_given_is_named() {
        let at = FolderPath::parse("/s/").unwrap();
        let error = checked(&[Folder { at, directory: "/a$b".into() }]).unwrap_err();
        assert!(error.to_string().contains("/a$b"), "{error}");
    }

    #[test]
    fn a_list_names_a_path_and_a_folder_for_each() {
        let read = |text| {
            parse_list(text).map(|folders| {
                folders.iter().map(|f| format!("{} {}", f.at, f.directory)).collect::<Vec<_>>()
            })
        };
        assert_eq!(
            read(" /media/=data/media  /=dist /a/b=/srv/b ").unwrap(),
            ["/media/ data/media", "/ dist", "/a/b/ /srv/b"]
        );
        for bad in [
            "",
            "/media",
            "/media/=",
            "/=.",
            "/=../x",
            "media=x",
            "/a/=b /c",
            "/a b/=c",
            "/a/=/",
            "/=a /=b /=c /=d /=e /=f",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_folder_is_a_directory_and_no_link_to_somebody_elses() {
        use std::os::unix::fs::{lchown, symlink};
        let keep = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(keep.path()).unwrap();
        let (repo, data) = (home.join("repo"), home.join("data"));
        for directory in [&repo, &data] {
            std::fs::create_dir(directory).unwrap();
        }
        assert!(!is_there(&repo.join("static")));
        symlink(&data, repo.join("static")).unwrap();
        assert!(is_there(&repo.join("static")));
        let strange = if rustix::process::geteuid().is_root() {
            lchown(&data, Some(65534), Some(65534)).unwrap();
            data
        } else {
            "/usr".into()
        };
        symlink(strange, repo.join("another")).unwrap();
        assert!(!is_there(&repo.join("another")));
    }
}
