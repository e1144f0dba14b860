//! Where a package comes from, and how that is said to an installer.

use camino::{Utf8Path, Utf8PathBuf};

use super::marker::Marker;

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// A version of a package index.
    Version(String),
    /// Any version in this range, as nothing is locked for the environments that want it.
    Range(String),
    /// An archive or a repository on the web.
    Url(String),
    /// A folder or an archive of the app.
    Local {
        /// From the folder of the file that names it.
        path: Utf8PathBuf,
        /// Whether it is linked and not copied.
        editable: bool,
    },
}

impl Origin {
    /// What a URL leads to: one with `file:` is local.
    pub(crate) fn of_url(url: &str) -> Self {
        match url.strip_prefix("file://") {
            // As pdm writes the folder of the project.
            Some(path) => {
                let path = path.trim_start_matches("/${PROJECT_ROOT}/");
                Self::Local { path: path.into(), editable: false }
            }
            None => Self::Url(url.to_owned()),
        }
    }

    /// The requirement for it, without hashes. `folder` is where its path starts from.
    pub(crate) fn line(
        &self,
        name: &str,
        extras: &[String],
        marker: &Marker,
        folder: &Utf8Path,
    ) -> String {
        let extras = match extras {
            [] => String::new(),
            some => format!("[{}]", some.join(",")),
        };
        let condition = match marker.is_always() {
            true => String::new(),
            false => format!(" ; {marker}"),
        };
        match self {
            Self::Version(version) => format!("{name}{extras}=={version}{condition}"),
            Self::Range(range) => format!("{name}{extras}{range}{condition}"),
            Self::Url(url) => format!("{name}{extras} @ {url}{condition}"),
            // An installer reads no condition behind a linked folder.
            Self::Local { path, editable: true } if marker.is_always() => match &*extras {
                "" => format!("-e {}", file_url(&place(folder, path))),
                extras => format!("-e {}{extras}", place(folder, path)),
            },
            Self::Local { path, .. } => {
                format!("{name}{extras} @ {}{condition}", file_url(&place(folder, path)))
            }
        }
    }
}

/// The URL of a repository at a commit, branch or tag, as installers read it.
#[must_use]
pub(super) fn vcs_url(
    kind: &str,
    url: &str,
    at: Option<&str>,
    subdirectory: Option<&str>,
) -> String {
    // `git@host:path`, as it is written for ssh, is no URL.
    let url = match url.split_once(':') {
        Some((host, path)) if !url.contains("://") => format!("ssh://{host}/{path}"),
        _ => url.to_owned(),
    };
    let prefix = format!("{kind}+");
    let mut text = if url.starts_with(&prefix) { url } else { prefix + &url };
    if let Some(at) = at {
        text.push('@');
        text.push_str(at);
    }
    with_subdirectory(text, subdirectory)
}

/// A URL of which only a folder inside counts.
#[must_use]
pub(super) fn with_subdirectory(url: String, subdirectory: Option<&str>) -> String {
    match subdirectory {
        Some(folder) => format!("{url}#subdirectory={folder}"),
        None => url,
    }
}

/// Where a path from `folder` leads, without `./`.
pub(super) fn place(folder: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
    folder.join(path).components().collect()
}

/// A list as it is for the app in `repo` wherever that lies.
pub(crate) fn anywhere(list: &str, repo: &Utf8Path) -> String {
    list.replace(&file_url(repo), "file://").replace(repo.as_str(), "")
}

fn file_url(path: &Utf8Path) -> String {
    use std::fmt::Write;
    let mut url = "file://".to_owned();
    for byte in path.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~+".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_and_folders_as_installers_read_them() {
        let url = vcs_url("git", "git@example.com:me/x.git", Some("abc"), None);
        assert_eq!(url, "git+ssh://git@example.com/me/x.git@abc");
        let marker = Marker::parse("os_name == 'nt'", &[]).unwrap();
        let local = Origin::Local { path: "a b".into(), editable: true };
        let line = |marker: &Marker| local.line("x", &[], marker, Utf8Path::new("/r"));
        assert_eq!(line(&Marker::always()), "-e file:///r/a%20b");
        assert_eq!(line(&marker), "x @ file:///r/a%20b ; os_name == 'nt'");
    }
}
