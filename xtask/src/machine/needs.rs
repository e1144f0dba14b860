//! What the tasks need of the machine, and how it is told whether it is there.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::{CommandSpec, GearEnv, programs, run};

/// Something that must be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The web server in front.
    Nginx,
    /// A Python that can make virtual environments.
    PythonVenv,
    /// Such a one that other users find, too: some tests run as one.
    SystemPythonVenv,
    /// Ruby's `erb`, which our templates are compared with.
    Erb,
    /// Some tests push.
    Git,
    /// Some tests ask as a person would.
    Curl,
    /// Builds nginx.
    Make,
    /// A node unpacks .zip archives with it.
    Unzip,
    /// Judges the unit of `gear boot`; nothing of it needs to run.
    SystemdAnalyze,
    /// Makes a Debian package.
    DpkgDeb,
    /// Makes a Debian that has nothing, for the package to be tried on.
    Debootstrap,
    /// Makes images.
    Buildah,
    /// Runs containers, as a cluster's machine does.
    Podman,
    /// The first process of a pod that podman plays.
    Catatonit,
    /// Starts them for it; crun refuses some machines.
    Runc,
    /// Makes the load of the bench.
    Wrk,
    /// A peer of the bench: what `OpenShift`'s own Python cartridge serves with.
    ApacheWsgi,
}

/// Where system programs are; they are not on everybody's PATH.
const SYSTEM: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin"];
/// Where Apache's modules are.
const MODULES: [&str; 3] =
    ["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules"];

impl Need {
    /// What serving an app takes.
    pub(crate) const TO_SERVE: &[Self] = &[Self::Nginx, Self::PythonVenv];
    /// What the tests take.
    pub(crate) const TO_TEST: &[Self] = &[
        Self::Nginx,
        Self::PythonVenv,
        Self::SystemPythonVenv,
        Self::Erb,
        Self::Git,
        Self::Curl,
        Self::Unzip,
        Self::SystemdAnalyze,
        Self::DpkgDeb,
        Self::Debootstrap,
    ];
    /// What the tests of containers take, too.
    pub(crate) const TO_RUN_CONTAINERS: &[Self] =
        &[Self::Podman, Self::Buildah, Self::Runc, Self::Catatonit, Self::Debootstrap];
    /// What an image takes beside a build.
    pub(crate) const TO_MAKE_IMAGES: &[Self] = &[Self::Buildah, Self::Runc];
    /// What a Debian package takes beside a release.
    pub(crate) const TO_PACK_FOR_DEBIAN: &[Self] = &[Self::DpkgDeb];
    /// What the bench takes beside a release.
    pub(crate) const TO_BENCH: &[Self] = &[Self::Wrk, Self::Git, Self::ApacheWsgi];
    /// What a release takes: zig comes from PyPI.
    pub(crate) const TO_RELEASE: &[Self] = &[Self::PythonVenv];
    /// What nginx takes beside a compiler.
    pub(crate) const TO_BUILD_NGINX: &[Self] = &[Self::Make];

    /// Whether the machine has it.
    pub(crate) fn is_met(self, env: &GearEnv) -> bool {
        let found = |name| programs::find(name, env, &SYSTEM).is_ok();
        match self {
            Self::PythonVenv => python(env).is_some(),
            Self::SystemPythonVenv => python(&GearEnv::new()).is_some(),
            Self::ApacheWsgi => MODULES.iter().any(|dir| {
                Utf8Path::new(dir).join("mod_wsgi.so").exists()
                    && (found("apache2") || found("httpd"))
            }),
            Self::Erb => found("erb"),
            // The others are called as their programs are.
            _ => found(self.name()),
        }
    }

    /// As a person would call it.
    pub(crate) fn name(self) -> &'static str {
        self.facts().0
    }

    /// The packages of Debian and Ubuntu that bring it.
    pub(crate) fn debian(self) -> &'static [&'static str] {
        self.facts().1
    }

    /// The packages of Fedora, CentOS Stream and their relatives that bring it.
    pub(crate) fn fedora(self) -> &'static [&'static str] {
        self.facts().2
    }

    /// Its name, and the packages that bring it: Debian's, Fedora's.
    fn facts(self) -> (&'static str, &'static [&'static str], &'static [&'static str]) {
        const PYTHON: &[&str] = &["python3", "python3-venv"];
        match self {
            Self::Nginx => ("nginx", &["nginx"], &["nginx"]),
            Self::PythonVenv => ("a Python 3 with venv and ensurepip", PYTHON, &["python3"]),
            Self::SystemPythonVenv => ("one in /usr/bin", PYTHON, &["python3"]),
            Self::Erb => ("Ruby's erb", &["ruby"], &["ruby", "rubygem-erb"]),
            Self::Git => ("git", &["git"], &["git"]),
            Self::Curl => ("curl", &["curl"], &["curl"]),
            Self::Make => ("make", &["make"], &["make"]),
            Self::Unzip => ("unzip", &["unzip"], &["unzip"]),
            Self::SystemdAnalyze => ("systemd-analyze", &["systemd"], &["systemd"]),
            Self::DpkgDeb => ("dpkg-deb", &["dpkg"], &["dpkg"]),
            Self::Debootstrap => ("debootstrap", &["debootstrap"], &["debootstrap"]),
            Self::Buildah => ("buildah", &["buildah"], &["buildah"]),
            Self::Podman => ("podman", &["podman"], &["podman"]),
            Self::Catatonit => ("catatonit", &["catatonit"], &["catatonit"]),
            Self::Runc => ("runc", &["runc"], &["runc"]),
            Self::Wrk => ("wrk", &["wrk"], &["wrk"]),
            Self::ApacheWsgi => (
                "Apache with mod_wsgi",
                &["apache2", "libapache2-mod-wsgi-py3"],
                &["httpd", "python3-mod_wsgi"],
            ),
        }
    }
}

/// A Python that can make virtual environments.
pub(crate) fn python(env: &GearEnv) -> Option<Utf8PathBuf> {
    programs::all("python3", env, &SYSTEM)
        .into_iter()
        .find(|python| makes_environments(&CommandSpec::new(python, env)))
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
