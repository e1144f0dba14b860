//! What the tasks need of the machine, and how it is told whether it is there.

use std::time::Duration;

use cart_core::{CommandSpec, GearEnv, programs, run};

/// Something that must be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The web server in front.
    Nginx,
    /// A Python that can make virtual environments.
    PythonVenv,
    /// Ruby's `erb`, which our templates are compared with.
    Erb,
    /// Some tests push.
    Git,
    /// Some tests ask as a person would.
    Curl,
}

/// Where system programs are; they are not on everybody's PATH.
const SYSTEM: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin"];

impl Need {
    /// What serving an app takes.
    pub(crate) const TO_SERVE: &[Self] = &[Self::Nginx, Self::PythonVenv];
    /// What the tests take.
    pub(crate) const TO_TEST: &[Self] =
        &[Self::Nginx, Self::PythonVenv, Self::Erb, Self::Git, Self::Curl];

    /// Whether the machine has it.
    pub(crate) fn is_met(self, env: &GearEnv) -> bool {
        let found = |name| programs::find(name, env, &SYSTEM).is_ok();
        match self {
            Self::Nginx => found("nginx"),
            Self::PythonVenv => programs::all("python3", env, &SYSTEM)
                .into_iter()
                .any(|python| makes_environments(&CommandSpec::new(python, env))),
            Self::Erb => found("erb"),
            Self::Git => found("git"),
            Self::Curl => found("curl"),
        }
    }

    /// As a person would call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::PythonVenv => "a Python 3 with venv and ensurepip",
            Self::Erb => "Ruby's erb",
            Self::Git => "git",
            Self::Curl => "curl",
        }
    }

    /// The packages of Debian and Ubuntu that bring it.
    pub(crate) fn debian(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["nginx"],
            Self::PythonVenv => &["python3", "python3-venv"],
            Self::Erb => &["ruby"],
            Self::Git => &["git"],
            Self::Curl => &["curl"],
        }
    }

    /// The packages of Fedora, CentOS Stream and their relatives that bring it.
    pub(crate) fn fedora(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["nginx"],
            Self::PythonVenv => &["python3"],
            Self::Erb => &["ruby", "rubygem-erb"],
            Self::Git => &["git"],
            Self::Curl => &["curl"],
        }
    }
}

/// Debian's Python says that it has venv and lacks what venv needs, so it is asked for both, with
/// the version of the pip that it would put into an environment.
fn makes_environments(python: &CommandSpec) -> bool {
    const LIMIT: Duration = Duration::from_secs(30);
    let command = python.clone().args(["-c", "import venv, ensurepip; print(ensurepip.version())"]);
    run::checked(&command, LIMIT).is_ok_and(|output| !output.stdout.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;
    use cart_core::files;

    #[test]
    fn a_python_without_ensurepip_does_not_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("python3");
        let answers = |script: &str| {
            files::write_atomic(&path, script.as_bytes(), 0o755).unwrap();
            makes_environments(&CommandSpec::new(&path, &GearEnv::new()))
        };
        assert!(!answers("#!/bin/sh\necho 'No module named ensurepip' >&2\nexit 1\n"));
        assert!(answers("#!/bin/sh\necho 23.0.1\n"));
    }
}
