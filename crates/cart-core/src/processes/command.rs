//! A command line as data: it can be built, compared, shown and stored without running it.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::given::env::GearEnv;

/// A program, its arguments, the exact environment it gets and the directory it runs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// Absolute path of the executable.
    pub program: Utf8PathBuf,
    /// The arguments after the program's name.
    pub args: Vec<String>,
    /// All of the child's environment: nothing is inherited beside it.
    pub env: GearEnv,
    /// The child's working directory.
    pub dir: Utf8PathBuf,
}

impl CommandSpec {
    /// A command without arguments that runs in `/` with `env`.
    #[must_use]
    pub fn new(program: impl Into<Utf8PathBuf>, env: &GearEnv) -> Self {
        Self { program: program.into(), args: Vec::new(), env: env.clone(), dir: "/".into() }
    }

    /// The same command with one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The same command with more arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// The same command with a variable set.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<std::ffi::OsString>) -> Self {
        self.env.set(name, value);
        self
    }

    /// The same command in another directory.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Utf8Path>) -> Self {
        self.dir = dir.as_ref().to_owned();
        self
    }
}

/// The command as one would type it, for messages; the environment is left out, it may hold
/// secrets.
impl fmt::Display for CommandSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(self.program.as_str()))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_one_would_type_it_without_the_environment() {
        let command = CommandSpec::new("/usr/bin/env", &GearEnv::new().with("TOKEN", "s3cret"))
            .args(["-i", "it's; here", ""]);
        assert_eq!(command.to_string(), r"/usr/bin/env -i 'it'\''s; here' ''");
    }
}
