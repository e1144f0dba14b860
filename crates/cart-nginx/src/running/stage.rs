//! The life of a configuration: written beside the one that runs, tested, then put in its place.

use std::net::SocketAddr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{CartridgeDir, CommandSpec, GearEnv, run, tree};

use crate::config::user_config::UserConfig;
use crate::machine::binary::Binary;
use crate::machine::feature::Feature;
use crate::machine::known::TESTED;
use crate::running::complaint::Complaint;
use crate::running::test_error::TestError;
use crate::running::{includes, reach};
use crate::text::layout::{self, APPSERVER_FILE, MAIN_FILE, Rendered, SERVER_FILE};

/// How long `nginx -t` may take. It takes milliseconds, but for names that it has to look up.
const TEST_LIMIT: Duration = Duration::from_secs(30);

/// A configuration beside the one that runs, if it is not the same: nothing is written then, for a start
/// on a full disk must need no room. Nothing that runs reads what is beside; dropped without
/// [`promote`](Self::promote) it is gone.
#[derive(Debug)]
pub struct Stage {
    dir: CartridgeDir,
    /// The directory with its files.
    place: Utf8PathBuf,
    user: Option<UserConfig>,
}

/// What putting a configuration in place changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: an nginx that runs with it need not be told.
    None,
    /// Something: an nginx that runs must be reloaded.
    Some,
}

impl Stage {
    /// Writes `rendered`, in which `user` stands in the place of our server block, to
    /// `conf.next/`, unless that is what is in place. Only the gear's user may read it: templates are rendered with passwords.
    /// Makes the directories that nginx needs.
    ///
    /// # Errors
    /// [`FileError`]: what runs is as it was.
    pub fn write(
        dir: &CartridgeDir,
        rendered: &Rendered,
        user: Option<UserConfig>,
    ) -> Result<Self, FileError> {
        dir.create_all()?;
        files::create_dir(&layout::temporary_files(dir), 0o700)?;
        tree::remove(&layout::stage(dir))?;
        if Self::in_place(dir).is_ok_and(|in_place| in_place == *rendered) {
            return Ok(Self { dir: dir.clone(), place: dir.conf(), user });
        }
        let place = layout::stage(dir);
        files::create_dir(&place, 0o700)?;
        let stage = Self { dir: dir.clone(), place: place.clone(), user };
        for (name, content) in [
            (MAIN_FILE, &rendered.main),
            (APPSERVER_FILE, &rendered.appserver),
            (SERVER_FILE, &rendered.server),
        ] {
            // Not synced, here and in its place: a start renders it anew and compares.
            files::write_unsynced(&place.join(name), content, 0o600)?;
        }
        Ok(stage)
    }

    /// The configuration that is in place now.
    ///
    /// # Errors
    /// [`FileError`] naming the file that is missing or cannot be read.
    pub fn in_place(dir: &CartridgeDir) -> Result<Rendered, FileError> {
        let text = |name| files::read(&dir.conf().join(name));
        Ok(Rendered {
            main: text(MAIN_FILE)?,
            appserver: text(APPSERVER_FILE)?,
            server: text(SERVER_FILE)?,
        })
    }

    /// Lets nginx test it, after a look at what it includes.
    ///
    /// # Errors
    /// [`TestError`] with nginx's words, naming the line of the app's `nginx.conf.erb` where the
    /// fault is there.
    pub fn test(&self, binary: &Binary, env: &GearEnv) -> Result<(), TestError> {
        if let Some(user) = &self.user {
            includes::check(user, &self.dir)?;
        }
        let command = test_command(&self.dir, &self.place, binary, env, "-t");
        let output = run::output(&command, TEST_LIMIT).map_err(TestError::of_run)?;
        if output.status.success() {
            return Ok(());
        }
        let printed = output.stderr_text();
        if printed.is_empty() {
            return Err(TestError::Died { status: run::status_text(output.status) });
        }
        Err(self.explain(Complaint::parse(&printed)))
    }

    /// Whether it listens on `address`, where the gear is reached: an app's own configuration may
    /// not. To be asked of one that passed its [`test`](Self::test).
    ///
    /// # Errors
    /// [`TestError`] when nginx cannot be asked what it reads.
    pub fn listens_on(
        &self,
        address: SocketAddr,
        binary: &Binary,
        env: &GearEnv,
    ) -> Result<bool, TestError> {
        self.anywhere(&|text| reach::listens_on(text, address), binary, env)
    }

    /// Whether it passes anything to the app's second server: an app's own configuration may not. To be
    /// asked of one with a second server that passed its [`test`](Self::test).
    ///
    /// # Errors
    /// [`TestError`] when nginx cannot be asked what it reads.
    pub fn names_second_server(&self, binary: &Binary, env: &GearEnv) -> Result<bool, TestError> {
        self.anywhere(&reach::names_second_server, binary, env)
    }

    /// Whether an app's own configuration names the app's first socket itself. Where each worker has one,
    /// the others get nothing, then.
    #[must_use]
    pub fn names_app_socket(&self) -> bool {
        // As it was rendered: an upstream that only repeats where the original's server was is gone.
        let rendered = || files::read(&self.place.join(SERVER_FILE)).unwrap_or_default();
        self.user.is_some() && reach::names_app_socket(&rendered())
    }

    /// Whether an app's own configuration `says` something; ours does.
    fn anywhere(
        &self,
        says: &dyn Fn(&[u8]) -> bool,
        binary: &Binary,
        env: &GearEnv,
    ) -> Result<bool, TestError> {
        let Some(user) = &self.user else {
            return Ok(true);
        };
        if says(user.text()) {
            return Ok(true);
        }
        // It may do so in a file that it includes.
        let command = test_command(&self.dir, &self.place, binary, env, "-T");
        let output = run::output(&command, TEST_LIMIT).map_err(TestError::of_run)?;
        let shown = String::from_utf8_lossy(&output.stdout);
        // The first file is ours, and listens there for our own questions; another one of ours names
        // every server.
        let files = shown.split("\n# configuration file ").skip(1);
        let ours = self.place.join(APPSERVER_FILE);
        let mut theirs = files.filter(|file| !file.starts_with(ours.as_str()));
        Ok(theirs.any(|file| says(file.as_bytes())))
    }

    /// The directory that it is in.
    pub(crate) fn place(&self) -> &Utf8Path {
        &self.place
    }

    /// Whether it is another one than what is in place.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.place != self.dir.conf()
    }

    /// Puts it in place, each file at once, and says whether that changed anything. It goes on saying
    /// so until nginx has obeyed: a [reload](crate::Nginx::reload) that failed, or was killed, is not
    /// forgotten.
    ///
    /// # Errors
    /// [`FileError`] naming the file that could not be replaced. What runs has read its files long
    /// ago and does not mind.
    pub fn promote(self) -> Result<Change, FileError> {
        let (from, to) = (&self.place, self.dir.conf());
        let pending = layout::pending_file(&self.dir);
        let mut change = if pending.exists() { Change::Some } else { Change::None };
        if self.changes() {
            files::write_unsynced(&pending, b"", 0o600)?;
        }
        // The file that includes the others comes last.
        for name in [APPSERVER_FILE, SERVER_FILE, MAIN_FILE] {
            let new = files::read(&from.join(name))?;
            if files::read_if_exists(&to.join(name))?.is_none_or(|old| old != new) {
                let to = to.join(name);
                std::fs::rename(from.join(name), &to)
                    .map_err(|source| FileError::new("replace", &to, source))?;
                change = Change::Some;
            }
        }
        if self.changes() {
            // Without it, it is tested once more.
            let _ = std::fs::rename(from.join(TESTED), to.join(TESTED));
        }
        Ok(change)
    }

    fn explain(&self, complaint: Complaint) -> TestError {
        let remedy = complaint.remedy();
        // What nginx finds only when it opens files and sockets has no place, but a name.
        let named = self.user.as_ref().zip(complaint.subject());
        let named = named.and_then(|(user, subject)| user.line_with(subject));
        let Complaint { words, place } = complaint;
        let says = format!("nginx says: {words}");
        let Some(place) = place else {
            return match named {
                Some(at) => TestError::InUserConfig { at, words: says, remedy: remedy.into() },
                None => TestError::Nowhere { words, remedy },
            };
        };
        match &self.user {
            Some(user) if place.file == self.place.join(SERVER_FILE) => {
                let at = user.line(place.line);
                TestError::InUserConfig { at, words: says, remedy: remedy.into() }
            }
            _ if place.file.starts_with(&self.place) => TestError::InOurs {
                file: place.file.file_name().unwrap_or_default().to_owned(),
                line: place.line,
                words,
            },
            _ => TestError::InIncluded {
                file: place.file,
                line: place.line,
                words: says,
                remedy: remedy.into(),
            },
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed now is removed before the next one is written.
        let _ = tree::remove(&layout::stage(&self.dir));
    }
}

/// `nginx -t` of the configuration in `place`, or `-T`, which shows all of it. Sockets that a master
/// would inherit are none of its business: it finds their addresses taken and does not mind.
fn test_command(
    dir: &CartridgeDir,
    place: &Utf8Path,
    binary: &Binary,
    env: &GearEnv,
    how: &str,
) -> CommandSpec {
    let file = place.join(MAIN_FILE);
    let mut env = env.clone();
    env.remove("NGINX");
    let command = CommandSpec::new(binary.path.as_path(), &env).dir(dir.path()).args([
        how,
        "-q",
        "-p",
        dir.path().as_str(),
        "-c",
        file.as_str(),
    ]);
    with_error_log(command, binary)
}

/// Up to reading `error_log`, nginx would complain to the log that it was compiled with, which a
/// gear's user may not write to.
pub(crate) fn with_error_log(command: CommandSpec, binary: &Binary) -> CommandSpec {
    if binary.has(Feature::ErrorLogOption) { command.args(["-e", "stderr"]) } else { command }
}

#[cfg(test)]
mod tests;
