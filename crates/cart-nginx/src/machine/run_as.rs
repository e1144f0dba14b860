//! The user that nginx's workers run as when its master runs as root.

use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// A user and its group, by name: nginx's `user` knows no numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAs {
    /// The user.
    pub user: String,
    /// The group.
    pub group: String,
}

impl RunAs {
    /// What this process needs to write into a configuration for the gear at `home`: nothing,
    /// unless it is root. As root, nginx would let its workers run as `nobody` or `www-data`, and
    /// they could reach neither the app's socket nor its files; so they get the owner of `home`.
    ///
    /// # Errors
    /// As [`owner_of`](Self::owner_of).
    pub fn needed_for(home: &Utf8Path) -> Result<Option<Self>, RunAsError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        Self::owner_of(home).map(Some)
    }

    /// The owner of `path`, from `/etc/passwd` and `/etc/group`.
    ///
    /// # Errors
    /// [`RunAsError`] naming the number that has no name, or the file that cannot be read.
    pub fn owner_of(path: &Utf8Path) -> Result<Self, RunAsError> {
        let metadata = std::fs::metadata(path)
            .map_err(|source| FileError::new("look up the owner of", path, source))?;
        let named = |file: &'static str, kind, id| {
            let text = files::read(Utf8Path::new(file))?;
            name_of(&String::from_utf8_lossy(&text), id).ok_or_else(|| RunAsError::Unnamed {
                path: path.to_owned(),
                kind,
                id,
                file,
            })
        };
        Ok(Self {
            user: named(PASSWD, "user", metadata.uid())?,
            group: named(GROUP, "group", metadata.gid())?,
        })
    }
}

/// Both files hold `name:password:id:...`. A name that would be more than one word for nginx
/// does not count.
fn name_of(text: &str, id: u32) -> Option<String> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let of_line: u32 = fields.nth(1)?.parse().ok()?;
        let one_word = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
        (of_line == id && !name.is_empty() && name.chars().all(one_word)).then(|| name.to_owned())
    })
}

/// An owner that nginx cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum RunAsError {
    /// A number without a name.
    #[error(
        "{path} belongs to the {kind} {id}, which has no name in {file}; nginx, started by root, can let its workers run only as a {kind} that has one.\nAdd the {kind}, or do not run this as root"
    )]
    Unnamed {
        /// What was looked at.
        path: Utf8PathBuf,
        /// `user` or `group`.
        kind: &'static str,
        /// The number.
        id: u32,
        /// Where names are looked up.
        file: &'static str,
    },
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbad name:x:7:7::/:\n+::::\ngear:x:1001:1002::/g:/bin/sh\n";
        assert_eq!(name_of(passwd, 0).as_deref(), Some("root"));
        assert_eq!(name_of(passwd, 1001).as_deref(), Some("gear"));
        assert_eq!(name_of(passwd, 1002), None);
        assert_eq!(name_of(passwd, 7), None, "two words");
    }

    #[test]
    fn the_root_directory_belongs_to_root() {
        let owner = RunAs::owner_of(Utf8Path::new("/")).unwrap();
        assert_eq!((owner.user.as_str(), owner.group.as_str()), ("root", "root"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = RunAs::owner_of(Utf8Path::new("/nonexistent")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent"), "{error}");
    }
}
