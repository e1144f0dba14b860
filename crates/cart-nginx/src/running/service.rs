//! nginx's master as a supervised service: how it is started, told things, and seen to obey.

use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::process::{self, ProcessId};
use cart_core::{CommandSpec, GearEnv, files, wait};
use rustix::process::Signal;

use crate::running::nginx::Nginx;
use crate::running::stage::with_error_log;
use crate::text::layout;

/// A disk with fewer bytes is as good as full: logs take them at any moment.
const FULL: u64 = 1024 * 1024;
/// How many of the error log's last lines an error keeps.
const LOG_LINES: usize = 10;

impl Nginx {
    /// The master in the foreground, on the configuration in `conf/`. Of the gear's environment it gets
    /// what it uses: nginx clears the rest itself, and a changed variable of the app is no reason for
    /// another nginx.
    ///
    /// It is to be started with its listening socket as descriptor 3, which is how nginx hands sockets
    /// to its own successor: a socket in `NGINX` whose address some `listen` names is served, and any
    /// other address is opened as usual. Who holds the socket can start a second master on it while
    /// the first still serves, or after it died. The socket must not block: nginx takes an inherited
    /// one as it is and accepts on it whenever it is told that somebody came. If another worker was
    /// faster, or the client is gone again, a worker would wait in it for the next one and do nothing
    /// else meanwhile, not even end.
    #[must_use]
    pub fn command(&self) -> CommandSpec {
        let (place, file) = (self.dir.path(), layout::main_file(&self.dir));
        let command = CommandSpec::new(self.binary.path.as_path(), &environment(&self.env))
            .env("NGINX", "3;")
            .dir(place)
            .args(["-p", place.as_str(), "-c", file.as_str()])
            .args(["-g", "daemon off;"]);
        with_error_log(command, &self.binary)
    }

    /// Lets nginx start where there is no room for its pid, without which it would not: the pid then goes
    /// nowhere. To be called before nginx is started; one that runs has its file, which stays.
    pub fn provide_pid_file(&self) {
        let file = layout::pid_file(&self.dir);
        // `nginx -t` leaves an empty one.
        if file.symlink_metadata().is_ok_and(|found| found.is_symlink() || found.len() > 0) {
            return;
        }
        // A quota is seen only by trying. What is left of a full disk may be taken before nginx comes.
        let tried = files::write_unsynced(&file, b"0\n", 0o644);
        // What cannot be done here, nginx cannot do either, and says so.
        let _ = files::remove_if_exists(&file);
        let left = rustix::fs::statvfs(self.dir.path().as_std_path());
        if left.is_ok_and(|left| left.f_bavail.saturating_mul(left.f_frsize) < FULL)
            || tried.is_err_and(|error| files::is_full(&error))
        {
            // nginx removes the link when it ends, as it would the file.
            let _ = std::os::unix::fs::symlink("/dev/null", &file);
        }
    }

    /// Tells a master to read its configuration again, and waits until new workers have taken the old
    /// ones' place.
    ///
    /// # Errors
    /// [`ServiceError::NotReloaded`] as soon as nginx writes an emergency to its error log, or when
    /// nothing has come of it within `limit`: the old workers serve on then, with the old configuration.
    /// [`ServiceError::Ended`] when the master is gone.
    pub fn reload(&self, master: ProcessId, limit: Duration) -> Result<(), ServiceError> {
        let log = layout::error_log(&self.dir);
        let from = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
        let last_lines = || files::last_lines(&log, from, LOG_LINES);
        let before = workers(master);
        master.signal(Signal::HUP);
        let refused = || last_lines().iter().any(|line| line.contains("[emerg]"));
        let outcome = wait::until(limit, || {
            // Old workers take connections for a moment beside the new ones.
            let now = workers(master);
            if !now.is_empty() && now.iter().all(|worker| !before.contains(worker)) {
                return Some(Outcome::Reloaded);
            }
            if !master.is_alive() {
                return Some(Outcome::Ended);
            }
            refused().then_some(Outcome::Refused)
        });
        let last_lines = last_lines();
        match outcome {
            Some(Outcome::Reloaded) => {
                self.has_obeyed();
                Ok(())
            }
            Some(Outcome::Ended) => Err(ServiceError::Ended { last_lines, log }),
            Some(Outcome::Refused) | None => {
                let seconds = outcome.is_none().then_some(limit.as_secs());
                Err(ServiceError::NotReloaded { seconds, last_lines, log })
            }
        }
    }
}

/// What nginx uses of an environment: the time zone of its logs, and what the system's libraries
/// look at.
fn environment(env: &GearEnv) -> GearEnv {
    const USED: &[&str] = &["PATH", "HOME", "TZ", "LANG", "LD_LIBRARY_PATH"];
    USED.iter().filter_map(|name| env.get(name).map(|value| (*name, value))).collect()
}

/// The workers of a master that take new connections: not those that only finish, and not the
/// helpers of a cache.
fn workers(master: ProcessId) -> Vec<ProcessId> {
    if !master.is_alive() {
        return Vec::new();
    }
    let serves = |pid: &u32| {
        process::command_line(*pid).is_some_and(|line| {
            line.starts_with("nginx: worker process") && !line.contains("shutting down")
        })
    };
    let children = process::children(master.pid).into_iter();
    children.filter(serves).filter_map(ProcessId::of).collect()
}

enum Outcome {
    Reloaded,
    Refused,
    Ended,
}

fn shown(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!(":\n{}", lines.join("\n")) }
}

fn why(seconds: Option<u64>) -> String {
    seconds.map_or_else(
        || "it does not accept it".to_owned(),
        |seconds| format!("no new worker appeared within {seconds} seconds"),
    )
}

/// An nginx that does not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// It has ended.
    #[error("nginx ended{}\nThe log is {log}", shown(.last_lines))]
    Ended {
        /// Where it complains.
        log: Utf8PathBuf,
        /// The last lines since it was told.
        last_lines: Vec<String>,
    },
    /// It goes on with the configuration that it had.
    #[error("nginx goes on with the configuration that it had, {}{}\nThe log is {log}", why(*.seconds), shown(.last_lines))]
    NotReloaded {
        /// The limit, when it was that.
        seconds: Option<u64>,
        /// Where it complains.
        log: Utf8PathBuf,
        /// The last lines since it was told.
        last_lines: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use cart_core::CartridgeDir;

    use super::*;
    use crate::machine::binary::Binary;

    #[test]
    fn the_master_stays_in_the_foreground_and_inherits_its_socket() {
        let build = crate::machine::build::Build::parse("nginx/1.22.1").unwrap();
        let binary = Binary { path: "/usr/sbin/nginx".into(), build };
        let env = GearEnv::new().with("TZ", "UTC").with("PASSWORD", "x").with("NGINX", "9;");
        let dir = CartridgeDir::new("/g/c".into());
        let command = Nginx { binary, dir, env, believes: true }.command();
        assert_eq!(
            command.to_string(),
            "/usr/sbin/nginx -p /g/c -c /g/c/conf/nginx.conf -g 'daemon off;' -e stderr"
        );
        assert_eq!(command.env, GearEnv::new().with("TZ", "UTC").with("NGINX", "3;"));
    }

    #[test]
    fn a_process_without_workers_has_none() {
        assert!(workers(ProcessId::of(std::process::id()).unwrap()).is_empty());
    }

    #[test]
    fn errors_say_what_the_log_says() {
        let last_lines = vec!["[emerg] no".to_owned()];
        let log = Utf8PathBuf::from("/g/c/logs/nginx-error.log");
        let all = [
            ServiceError::Ended { log: log.clone(), last_lines: Vec::new() },
            ServiceError::NotReloaded { seconds: None, log: log.clone(), last_lines },
            ServiceError::NotReloaded { seconds: Some(5), log, last_lines: Vec::new() },
        ]
        .map(|e| e.to_string());
        insta::assert_snapshot!(all.join("\n\n"));
    }
}
