//! What a gear runs with: the same for its peers.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::{self, ProcessId};
use cart_core::{CommandSpec, GearEnv, run};

const LIST_PACKAGES: &str = "from importlib import metadata\n\
    print(*sorted(f'{d.metadata[\"Name\"]}=={d.version}' for d in metadata.distributions()), sep='\\n')";

/// How long a program may take to say what it is.
const LIMIT: Duration = Duration::from_secs(90);

/// The programs and packages of a gear.
#[derive(Clone, Debug)]
pub(crate) struct With {
    /// nginx.
    pub(crate) nginx: Utf8PathBuf,
    /// The Python of which its environment was made.
    pub(crate) python: Utf8PathBuf,
    /// What is in the environment, as requirements of exact versions.
    pub(crate) packages: String,
}

impl With {
    /// Those of a gear with the cartridge in this directory, of which these processes run.
    ///
    /// # Panics
    /// When no nginx is among them, or there is no environment.
    #[must_use]
    pub(crate) fn of(cartridge: &Utf8Path, processes: &[ProcessId]) -> Self {
        let python = cartridge.join("virtenv/bin/python");
        let list = CommandSpec::new(&python, &GearEnv::new()).args(["-I", "-c", LIST_PACKAGES]);
        let packages = run::checked(&list, LIMIT).unwrap_or_else(|e| panic!("{e}")).stdout_text();
        let mut programs = processes.iter().filter_map(|of| process::executable(of.pid));
        Self {
            nginx: programs.find(is_nginx).unwrap(),
            python: python.canonicalize_utf8().unwrap(),
            packages: packages + "\n",
        }
    }

    /// Which versions they are, for people.
    pub(crate) fn versions(&self) -> String {
        let version = |program: &Utf8Path, word: &str| {
            let command = CommandSpec::new(program, &GearEnv::new()).arg(word);
            let output = run::checked(&command, LIMIT).unwrap_or_else(|e| panic!("{e}"));
            // nginx says it on standard error.
            output.stdout_text() + &output.stderr_text().replace("nginx version: ", "")
        };
        format!("{}, {}", version(&self.nginx, "-v"), version(&self.python, "--version"))
    }
}

/// Whether a program is an nginx, by its name.
pub(crate) fn is_nginx(program: &Utf8PathBuf) -> bool {
    program.file_name() == Some("nginx")
}
