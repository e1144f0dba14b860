//! Installing what the machine lacks, or saying how.

use std::time::Duration;

use cart_core::programs;
use cart_core::run::{self, RunError};
use cart_core::{CommandSpec, GearEnv};

use crate::machine::needs::Need;
use crate::say::say;
use crate::workspace::Workspace;

/// A package manager that we know how to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    /// Debian, Ubuntu.
    Apt,
    /// Fedora, CentOS Stream, RHEL and relatives.
    Dnf,
}

/// Makes sure that the machine has what is needed.
///
/// It installs as root, or through a `sudo` that asks for no password; otherwise the error is the
/// command to run.
pub(crate) fn prepare(workspace: &Workspace, needs: &[Need]) -> Result<(), PrepareError> {
    let env = &workspace.env;
    let missing = unmet(needs, env);
    if missing.is_empty() {
        return Ok(());
    }
    let names = named(&missing);
    let Some(manager) = Manager::of(env) else {
        return Err(PrepareError::NoManager { names });
    };
    let packages = manager.packages(&missing);
    let Some(root) = as_root(env) else {
        return Err(PrepareError::NotAllowed { names, command: manager.command(&packages) });
    };
    say(&format!("installing {} for {names}", packages.join(" ")));
    let script = manager.script(&packages);
    run::foreground(&root.args(["sh".to_owned(), "-c".to_owned(), script]))?;
    let still = unmet(needs, env);
    if still.is_empty() {
        return Ok(());
    }
    Err(PrepareError::StillMissing { names: named(&still) })
}

/// `cargo fmt` and `cargo clippy` are not part of a minimal Rust.
pub(crate) fn rust_components(workspace: &Workspace) -> Result<(), PrepareError> {
    const LIMIT: Duration = Duration::from_secs(60);
    let there = |program: &str| {
        let asked = CommandSpec::new(workspace.cargo(&["version"]).program, &workspace.env)
            .args([program, "--version"]);
        run::checked(&asked, LIMIT).is_ok()
    };
    let missing: Vec<&str> = [("fmt", "rustfmt"), ("clippy", "clippy")]
        .iter()
        .filter(|(program, _)| !there(program))
        .map(|(_, component)| *component)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    let rustup = programs::find("rustup", &workspace.env, &[])
        .map_err(|_| PrepareError::NoRustup { names: names.clone() })?;
    say(&format!("installing {names} through rustup"));
    let command = CommandSpec::new(rustup, &workspace.env)
        .args(["component", "add"])
        .args(missing)
        .dir(&workspace.root);
    Ok(run::foreground(&command)?)
}

fn unmet(needs: &[Need], env: &GearEnv) -> Vec<Need> {
    needs.iter().copied().filter(|need| !need.is_met(env)).collect()
}

fn named(needs: &[Need]) -> String {
    let names: Vec<&str> = needs.iter().map(|need| need.name()).collect();
    names.join(", ")
}

/// Whether we are root.
pub(crate) fn is_root(env: &GearEnv) -> bool {
    const LIMIT: Duration = Duration::from_secs(10);
    let Ok(id) = programs::find("id", env, &["/usr/bin", "/bin"]) else { return false };
    run::checked(&CommandSpec::new(id, env).arg("-u"), LIMIT)
        .is_ok_and(|output| output.stdout_text() == "0")
}

/// A command that runs what is appended to it as root, if that is possible without asking anybody.
pub(crate) fn as_root(env: &GearEnv) -> Option<CommandSpec> {
    const LIMIT: Duration = Duration::from_secs(10);
    let program = |name: &str| programs::find(name, env, &["/usr/bin", "/bin"]).ok();
    if is_root(env) {
        return Some(CommandSpec::new(program("env")?, env));
    }
    let sudo = CommandSpec::new(program("sudo")?, env).arg("-n");
    run::checked(&sudo.clone().arg("true"), LIMIT).ok()?;
    // sudo drops the environment; without the proxy there may be no way to the packages.
    let proxies = env
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
        .filter(|(name, _)| name.to_lowercase().ends_with("_proxy"))
        .map(|(name, value)| format!("{name}={value}"));
    Some(sudo.arg("env").args(proxies))
}

impl Manager {
    fn of(env: &GearEnv) -> Option<Self> {
        let found = |name| programs::find(name, env, &["/usr/bin"]).is_ok();
        if found("apt-get") {
            Some(Self::Apt)
        } else if found("dnf") {
            Some(Self::Dnf)
        } else {
            None
        }
    }

    fn packages(self, needs: &[Need]) -> Vec<&'static str> {
        let of = |need: &Need| match self {
            Self::Apt => need.debian(),
            Self::Dnf => need.fedora(),
        };
        needs.iter().flat_map(of).copied().collect()
    }

    /// What a person would type.
    fn command(self, packages: &[&str]) -> String {
        let packages = packages.join(" ");
        match self {
            Self::Apt => format!(
                "sudo apt-get update && sudo apt-get install --no-install-recommends {packages}"
            ),
            Self::Dnf => format!("sudo dnf install {packages}"),
        }
    }

    /// What a shell is given as root.
    fn script(self, packages: &[&str]) -> String {
        let packages = packages.join(" ");
        match self {
            Self::Apt => format!("{WITHOUT_SERVICES}\n{}", apt(&packages)),
            Self::Dnf => {
                format!("exec dnf install -y --setopt=install_weak_deps=False {packages} >&2")
            }
        }
    }
}

/// Debian's nginx and Apache start themselves when they are installed, on port 80 and again at each
/// boot. Whether a package may start its service is asked of the program policy-rc.d, which is the
/// operator's to write: one that is there has its say, a dangling link included. Where there is none,
/// ours says no for as long as this shell lives; noclobber makes sure that nobody's file is
/// overwritten. The package also enables the service for the next boot; that is undone, unless it was
/// there before.
const WITHOUT_SERVICES: &str = r#"policy=/usr/sbin/policy-rc.d
new=
for service in nginx apache2; do
    [ -e /lib/systemd/system/$service.service ] || new="$new $service"
done
finish() {
    [ -z "${ours:-}" ] || rm -f "$policy"
    [ -d /run/systemd/system ] || return 0
    for service in $new; do
        [ ! -e /lib/systemd/system/$service.service ] ||
            systemctl disable --quiet $service.service || true
    done
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ ! -e "$policy" ] && [ ! -L "$policy" ] &&
    (umask 022; set -C; printf '#!/bin/sh\nexit 101\n' >"$policy") 2>/dev/null; then
    ours=yes
    chmod 755 "$policy"
fi"#;

/// Old lists of packages may still do where a mirror cannot be reached.
fn apt(packages: &str) -> String {
    format!(
        "exec >&2\n\
         export DEBIAN_FRONTEND=noninteractive\n\
         apt-get -q update || echo 'apt-get update failed; going on with the lists that are there' >&2\n\
         apt-get -q install -y --no-install-recommends {packages}"
    )
}

/// Something that the machine lacks still.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error(
        "this machine lacks {names}, and we may not install anything. Run this, then try again:\n    {command}"
    )]
    NotAllowed { names: String, command: String },
    #[error(
        "this machine lacks {names}, and has neither apt-get nor dnf: install that, then try again"
    )]
    NoManager { names: String },
    #[error("{names} cannot be found even after installing it")]
    StillMissing { names: String },
    #[error(
        "this Rust lacks {names}, and there is no rustup to add it: install it, then try again"
    )]
    NoRustup { names: String },
    #[error(transparent)]
    Run(#[from] RunError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;
    use cart_core::files;

    #[test]
    fn each_manager_gets_its_own_packages_and_a_person_one_command() {
        let needs = [Need::Nginx, Need::PythonVenv];
        assert_eq!(
            Manager::Apt.command(&Manager::Apt.packages(&needs)),
            "sudo apt-get update && sudo apt-get install --no-install-recommends nginx python3 python3-venv"
        );
        assert_eq!(
            Manager::Dnf.command(&Manager::Dnf.packages(&needs)),
            "sudo dnf install nginx python3"
        );
    }

    /// Runs the part of the script around an installation, with the policy at another place.
    fn during(policy: &Utf8Path, install: &str) -> (String, bool) {
        let script = WITHOUT_SERVICES
            .replace("/usr/sbin/policy-rc.d", policy.as_str())
            .replace("systemctl", ": systemctl");
        let env = GearEnv::new().with("PATH", "/bin:/usr/bin");
        let command = CommandSpec::new("/bin/sh", &env)
            .args(["-c".to_owned(), format!("{script}\n{install}")]);
        let output = run::output(&command, Duration::from_secs(20)).unwrap();
        (output.stdout_text(), output.status.success())
    }

    #[test]
    fn services_are_forbidden_while_packages_install_and_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let policy = Utf8Path::from_path(dir.path()).unwrap().join("policy-rc.d");
        let ask = format!("{policy}; echo $?");
        assert_eq!(during(&policy, &ask), ("101".to_owned(), true));
        assert!(!policy.exists());
        assert!(!during(&policy, "exit 100").1, "a failure stays one");
        assert!(!policy.exists());
        assert!(!during(&policy, "kill -TERM $$").1);
        assert!(!policy.exists());
    }

    #[test]
    fn an_operators_own_policy_has_its_say_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let policy = Utf8Path::from_path(dir.path()).unwrap().join("policy-rc.d");
        files::write_atomic(&policy, b"#!/bin/sh\nexit 104\n", 0o755).unwrap();
        assert_eq!(during(&policy, &format!("{policy}; echo $?")).0, "104");
        assert_eq!(std::fs::read(&policy).unwrap(), b"#!/bin/sh\nexit 104\n");
    }
}
