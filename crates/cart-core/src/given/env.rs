//! The environment of a hook as a value: read once at the door, passed down from there.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use camino::Utf8PathBuf;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Variables that belong to the session which ran a hook, not to the gear. An app that kept them
/// would behave differently after a `git push` than after a start by the node: `GIT_DIR`, above
/// all, would make every `git` of the app work on the wrong repository.
///
/// Exact names, since what only looks similar may be a person's own: `GIT_TOKEN`, `SSH_KEY`.
const SESSION_VARIABLES: &[&str] = &[
    "_",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_DIR",
    "GIT_EXEC_PATH",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_WORK_TREE",
    "LOGNAME",
    "LS_COLORS",
    "MAIL",
    "OLDPWD",
    "PWD",
    "SHELL",
    "SHLVL",
    "SSH_AUTH_SOCK",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_ORIGINAL_COMMAND",
    "SSH_TTY",
    "TERM",
    "USER",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_ID",
];

/// An ordered set of environment variables. The order is kept because `ENV.each` in a template
/// shows it (erb.md). A name stands in it once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct GearEnv {
    variables: Vec<(OsString, OsString)>,
}

impl GearEnv {
    /// The environment of this process. To be called once, in `main`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn from_process() -> Self {
        std::env::vars_os().collect()
    }

    /// An environment with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value as it stands, empty or not.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_os_str())
    }

    /// The value as text; `None` when the variable is unset or empty, which for every variable
    /// that people set means the same.
    ///
    /// # Errors
    /// [`EnvError::NotText`] when the value is not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<&str>, EnvError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => match value.to_str() {
                Some(text) => Ok(Some(text)),
                None => Err(EnvError::NotText { variable: name.to_owned() }),
            },
        }
    }

    /// The value as text of a variable without which nothing works.
    ///
    /// # Errors
    /// [`EnvError::Missing`] when unset or empty, [`EnvError::NotText`] when not UTF-8.
    pub fn required(&self, name: &str) -> Result<&str, EnvError> {
        self.text(name)?.ok_or_else(|| EnvError::Missing { variable: name.to_owned() })
    }

    /// The value as an absolute path, without the trailing slash that OpenShift's directories
    /// carry (node-contract.md, Environment).
    ///
    /// # Errors
    /// As [`required`](Self::required), and [`EnvError::NotAbsolute`].
    pub fn directory(&self, name: &str) -> Result<Utf8PathBuf, EnvError> {
        let text = self.required(name)?;
        if !text.starts_with('/') {
            return Err(EnvError::NotAbsolute {
                variable: name.to_owned(),
                value: text.to_owned(),
            });
        }
        let trimmed = text.trim_end_matches('/');
        Ok(Utf8PathBuf::from(if trimmed.is_empty() { "/" } else { trimmed }))
    }

    /// Sets a variable; one that was there keeps its place.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        let (name, value) = (name.into(), value.into());
        match self.variables.iter_mut().find(|(n, _)| *n == name) {
            Some(slot) => slot.1 = value,
            None => self.variables.push((name, value)),
        }
    }

    /// The same environment with one more variable, for building one in a line.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.set(name, value);
        self
    }

    /// Removes a variable if it is there.
    pub fn remove(&mut self, name: &str) {
        self.variables.retain(|(n, _)| n != name);
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(n, v)| (n.as_os_str(), v.as_os_str()))
    }

    /// What a long-running service of the gear gets: this environment without what belongs to
    /// the session that ran the hook, and with one spelling of `HOME`, which has a slash at its end
    /// in some sessions and none in others (node-contract.md, Environment).
    #[must_use]
    pub fn for_service(&self) -> Self {
        let of_the_session = |name: &OsStr| SESSION_VARIABLES.iter().any(|v| name == *v);
        let mut env: Self = self
            .iter()
            .filter(|(name, _)| !of_the_session(name))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        if let Ok(home) = self.directory("HOME") {
            env.set("HOME", home.as_str());
        }
        env
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for GearEnv {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut env = Self::new();
        for (name, value) in pairs {
            env.set(name, value);
        }
        env
    }
}

/// Shows the names only: values hold passwords, and what can be printed ends up in a log.
impl fmt::Debug for GearEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.variables.iter().map(|(n, _)| n)).finish()
    }
}

/// Stored as `[[name, value], ...]`; what is not UTF-8 is stored as its bytes.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&OsString> for Stored {
    fn from(value: &OsString) -> Self {
        value.to_str().map_or_else(
            || Self::Bytes(value.as_bytes().to_vec()),
            |text| Self::Text(text.to_owned()),
        )
    }
}

impl From<Stored> for OsString {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Text(text) => text.into(),
            Stored::Bytes(bytes) => Self::from_vec(bytes),
        }
    }
}

impl Serialize for GearEnv {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(self.variables.iter().map(|(n, v)| (Stored::from(n), Stored::from(v))))
    }
}

impl<'de> Deserialize<'de> for GearEnv {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(Stored, Stored)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().map(|(n, v)| (OsString::from(n), OsString::from(v))).collect())
    }
}

/// What can be wrong with a variable that the node or `gear` sets.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvError {
    /// Unset or empty.
    #[error(
        "the variable {variable} is not set: a cartridge's scripts run in the environment of a gear"
    )]
    Missing {
        /// Its name.
        variable: String,
    },
    /// Not UTF-8.
    #[error("the variable {variable} is not valid UTF-8")]
    NotText {
        /// Its name.
        variable: String,
    },
    /// A directory that does not start with `/`.
    #[error("the variable {variable} is {value:?}, but must be an absolute path")]
    NotAbsolute {
        /// Its name.
        variable: String,
        /// What it holds.
        value: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_a_name_stands_once() {
        let env: GearEnv = [("B", "1"), ("A", "2"), ("B", "3")].into_iter().collect();
        let pairs: Vec<_> = env.iter().collect();
        assert_eq!(pairs, [(OsStr::new("B"), OsStr::new("3")), (OsStr::new("A"), OsStr::new("2"))]);
    }

    #[test]
    fn empty_counts_as_unset() {
        let env = GearEnv::new().with("X", "");
        assert_eq!(env.text("X"), Ok(None));
        assert_eq!(env.required("X"), Err(EnvError::Missing { variable: "X".into() }));
    }

    #[test]
    fn directories_lose_their_trailing_slash() {
        let env = GearEnv::new().with("D", "/var/lib//").with("ROOT", "/").with("REL", "x/");
        assert_eq!(env.directory("D").unwrap(), "/var/lib");
        assert_eq!(env.directory("ROOT").unwrap(), "/");
        assert!(matches!(env.directory("REL"), Err(EnvError::NotAbsolute { .. })));
    }

    #[test]
    fn debug_shows_no_value() {
        let env = GearEnv::new().with("PASSWORD", "hunter2");
        assert_eq!(format!("{env:?}"), r#"["PASSWORD"]"#);
    }

    #[test]
    fn json_keeps_bytes_that_are_not_text() {
        let env = GearEnv::new().with("A", "ä").with("B", OsString::from_vec(vec![0xff, b'x']));
        let json = serde_json::to_string(&env).unwrap();
        assert_eq!(json, r#"[["A","ä"],["B",[255,120]]]"#);
        assert_eq!(serde_json::from_str::<GearEnv>(&json).unwrap(), env);
    }

    #[test]
    fn a_service_does_not_see_the_session_that_started_it() {
        let env: GearEnv =
            [("GIT_DIR", "."), ("SSH_CLIENT", "x"), ("HOME", "/h/"), ("GIT_TOKEN", "kept")]
                .into_iter()
                .collect();
        assert_eq!(env.for_service(), GearEnv::new().with("HOME", "/h").with("GIT_TOKEN", "kept"));
    }
}
