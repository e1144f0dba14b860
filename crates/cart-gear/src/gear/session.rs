//! A person's command on a gear, as in an ssh session on a node (node-contract.md, Environment).

use cart_core::files::FileError;
use cart_core::{CommandSpec, GearEnv};

use crate::gear::on_disk::GearOnDisk;

/// What ssh hands on of the environment of the one who calls.
const HANDED_ON: [&str; 3] = ["TERM", "LANG", "COLORTERM"];

impl GearOnDisk {
    /// `command` in the gear's environment and home, with the umask of a session. A shell looks the
    /// program up, so that one that is not there ends with 127 as people know it. `caller` is the
    /// environment of the one who asks, of which the terminal and the language are handed on.
    ///
    /// # Errors
    /// [`FileError`] naming a variable's file that cannot be read.
    pub fn session(&self, command: &[String], caller: &GearEnv) -> Result<CommandSpec, FileError> {
        let mut env = self.sources().for_session()?;
        for (name, value) in caller.iter() {
            let handed_on =
                name.to_str().is_some_and(|n| HANDED_ON.contains(&n) || n.starts_with("LC_"));
            if handed_on {
                env.set(name, value);
            }
        }
        let script = "umask 077; exec \"$@\"";
        Ok(CommandSpec::new("/bin/sh", &env)
            .args(["-c", script, "gear"])
            .args(command)
            .dir(self.layout().home()))
    }
}
