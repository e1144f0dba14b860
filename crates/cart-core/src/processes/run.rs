//! The one module that turns a [`CommandSpec`] into a process.

mod capture;
mod too_large;
mod watched;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use rustix::io::Errno;

use crate::disk::fault;
use crate::processes::command::CommandSpec;
use crate::processes::wait;

pub use watched::{watched, watched_within};

/// What a short command printed, and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub status: ExitStatus,
}

impl Output {
    /// Standard output as text, without the white space at its end.
    #[must_use]
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// Standard error as text, without the white space at its end.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim_end().to_owned()
    }
}

/// Runs a short command to its end, with nothing on its standard input, and answers what it
/// printed, however it ended.
///
/// # Errors
/// [`RunError::NotStarted`], or [`RunError::TimedOut`] after `limit`; it is killed then.
pub fn output(command: &CommandSpec, limit: Duration) -> Result<Output, RunError> {
    let failed = |source| RunError::not_started(command, source);
    let child = start(&mut with_pipes(command)).map_err(failed)?;
    capture::to_the_end(child, limit).map_err(failed)?.ok_or_else(|| RunError::TimedOut {
        command: command.to_string(),
        seconds: limit.as_secs(),
    })
}

/// Runs a short command to its end and demands exit code 0.
///
/// # Errors
/// As [`output`](fn@output), and [`RunError::Failed`] with the last lines that it printed.
pub fn checked(command: &CommandSpec, limit: Duration) -> Result<Output, RunError> {
    let output = output(command, limit)?;
    if output.status.success() {
        return Ok(output);
    }
    let printed = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
    let text = String::from_utf8_lossy(printed);
    Err(RunError::failed(command, output.status, text.lines().map(str::to_owned).collect()))
}

/// Runs a command in the foreground, reading and writing where this process does, and demands exit
/// code 0. For programs that a person watches, such as a build.
///
/// # Errors
/// [`RunError::NotStarted`], or [`RunError::Failed`] without lines: they were seen.
pub fn foreground(command: &CommandSpec) -> Result<(), RunError> {
    let ended = duct::cmd(command.program.as_std_path(), &command.args)
        .full_env(command.env.iter())
        .dir(&command.dir)
        .unchecked()
        .run();
    let status = ended.map_err(|source| RunError::not_started(command, source))?.status;
    if status.success() { Ok(()) } else { Err(RunError::failed(command, status, Vec::new())) }
}

/// Starts a command in a process group of its own, with nothing on its standard input and pipes
/// for its output, for a caller who reads both streams apart while it runs (`gear`, which plays
/// the node).
///
/// # Errors
/// [`RunError::NotStarted`].
pub fn piped(command: &CommandSpec) -> Result<Child, RunError> {
    let started = start(with_pipes(command).process_group(0));
    started.map_err(|source| RunError::not_started(command, source))
}

fn with_pipes(command: &CommandSpec) -> Command {
    let mut process = prepared(command);
    process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    process
}

/// A process that gets exactly what the command says, and the streams of this one.
#[expect(clippy::disallowed_methods, reason = "this is the module that runs commands")]
fn prepared(command: &CommandSpec) -> Command {
    let mut process = Command::new(&command.program);
    process.args(&command.args).env_clear().envs(command.env.iter()).current_dir(&command.dir);
    process
}

/// Starts a long-running child in a process group of its own. `held` become its descriptors 3, 4,
/// ... in their order; its output goes to `log`; it inherits no other descriptor.
///
/// # Errors
/// [`RunError::NotStarted`].
pub fn service(command: &CommandSpec, held: Vec<OwnedFd>, log: &File) -> Result<Child, RunError> {
    long_running(command, held, Stdio::null(), log, |process| process.process_group(0))
}

/// As [`service`], for a child that works on its standard input: the writer of a log, which reads
/// what a service prints.
///
/// # Errors
/// [`RunError::NotStarted`].
pub fn reader(
    command: &CommandSpec,
    input: OwnedFd,
    held: Vec<OwnedFd>,
    log: &File,
) -> Result<Child, RunError> {
    long_running(command, held, input.into(), log, |process| process.process_group(0))
}

/// As [`service`], for a child that founds a session of its own: the leader of a process group may
/// not.
///
/// # Errors
/// [`RunError::NotStarted`].
pub fn daemon(command: &CommandSpec, held: Vec<OwnedFd>, log: &File) -> Result<Child, RunError> {
    long_running(command, held, Stdio::null(), log, |process| process)
}

fn long_running(
    command: &CommandSpec,
    held: Vec<OwnedFd>,
    input: Stdio,
    log: &File,
    place: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<Child, RunError> {
    let failed = |source| RunError::not_started(command, source);
    let mut process = prepared(command);
    place(&mut process)
        .stdin(input)
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log.try_clone().map_err(failed)?);
    let mappings = (3..).zip(held).map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd });
    process
        .fd_mappings(mappings.collect())
        .map_err(|collision| failed(io::Error::other(collision)))?;
    // Whoever looks after services has more to do than to wait for one, and tries again.
    process.spawn().map_err(failed)
}

/// Starts a short command. A program that this process has written just now may be busy for an instant: what another
/// thread starts at the same time has the descriptor with which it was written, until it is a program of its own
/// (execve(2), ETXTBSY).
fn start(process: &mut Command) -> io::Result<Child> {
    const BUSY: Duration = Duration::from_secs(2);
    let not_busy = || match process.spawn() {
        Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => None,
        started => Some(started),
    };
    wait::until(BUSY, not_busy).unwrap_or_else(|| process.spawn())
}

/// Replaces this process by the command: same pid, same descriptors 0 to 2.
///
/// # Errors
/// [`RunError::NotStarted`]; on success it does not come back.
pub fn replace_self(command: &CommandSpec) -> RunError {
    RunError::not_started(command, prepared(command).exec())
}

/// How a status reads in a message: `exit code 3`, `signal 9`.
#[must_use]
pub fn status_text(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

/// A command that did not start, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not be started.
    #[error("could not start `{command}`: {why}")]
    NotStarted {
        /// The command as one would type it.
        command: String,
        /// What that means, and what to do.
        why: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ended with another code than 0.
    #[error("`{command}` ended with {status}{}", shown(.last_lines))]
    Failed {
        /// The command as one would type it.
        command: String,
        /// `exit code N` or `signal N`.
        status: String,
        /// Its last lines, at most [`RunError::LINES`].
        last_lines: Vec<String>,
    },
    /// It took too long and was killed.
    #[error("`{command}` did not end within {seconds} seconds and was killed")]
    TimedOut {
        /// The command as one would type it.
        command: String,
        /// The limit.
        seconds: u64,
    },
}

impl RunError {
    /// How many of a failed command's last lines an error keeps.
    pub const LINES: usize = 20;

    fn not_started(command: &CommandSpec, source: io::Error) -> Self {
        let why = match source.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::TOOBIG) => too_large::words(command),
            _ => fault::words_of_start(&source).into_owned(),
        };
        Self::NotStarted { command: command.to_string(), why, source }
    }

    fn failed(command: &CommandSpec, status: ExitStatus, mut lines: Vec<String>) -> Self {
        lines.drain(..lines.len().saturating_sub(Self::LINES));
        Self::Failed {
            command: command.to_string(),
            status: status_text(status),
            last_lines: lines,
        }
    }
}

fn shown(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!(":\n{}", lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::env::GearEnv;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> CommandSpec {
        CommandSpec::new("/bin/sh", &GearEnv::new()).args(["-c", script])
    }

    #[test]
    fn a_child_gets_exactly_the_environment_it_was_given() {
        let env = GearEnv::new().with("ONLY", "this");
        let printed = checked(&CommandSpec::new("/usr/bin/env", &env), LIMIT).unwrap();
        assert_eq!(printed.stdout_text(), "ONLY=this");
    }

    #[test]
    fn a_missing_program_and_a_failing_one_are_different_errors() {
        let missing = CommandSpec::new("/nonexistent/program", &GearEnv::new());
        assert!(matches!(checked(&missing, LIMIT), Err(RunError::NotStarted { .. })));
        let error = checked(&shell("echo why >&2; exit 3"), LIMIT).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`/bin/sh -c 'echo why >&2; exit 3'` ended with exit code 3:\nwhy"
        );
    }

    #[test]
    fn a_program_that_is_still_written_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = camino::Utf8Path::from_path(dir.path()).unwrap().join("program");
        crate::disk::files::write_atomic(&path, b"#!/bin/sh\necho done\n", 0o755).unwrap();
        let command = CommandSpec::new(path.as_path(), &GearEnv::new());
        let written = File::options().append(true).open(&path).unwrap();
        let error = output(&command, LIMIT).unwrap_err().to_string();
        assert!(error.contains("busy"), "{error}");
        std::thread::scope(|scope| {
            let started = scope.spawn(|| output(&command, LIMIT));
            drop(written);
            assert_eq!(started.join().unwrap().unwrap().stdout_text(), "done");
        });
    }

    #[test]
    fn a_command_past_its_limit_is_killed() {
        let error = checked(&shell("exec sleep 60"), Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, RunError::TimedOut { .. }), "{error}");
    }

    #[test]
    fn a_command_in_the_foreground_must_end_well() {
        foreground(&shell("true")).unwrap();
        let error = foreground(&shell("exit 5")).unwrap_err();
        assert_eq!(error.to_string(), "`/bin/sh -c 'exit 5'` ended with exit code 5");
    }

    #[test]
    fn a_piped_command_keeps_its_streams_apart_and_leads_its_group() {
        let child = piped(&shell("echo $$; cut -d ' ' -f 5 /proc/$$/stat; echo e >&2")).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (pid, group) = text.trim().split_once('\n').unwrap();
        assert_eq!(pid, group);
        assert_eq!(output.stderr, b"e\n");
    }

    #[test]
    fn a_reader_reads_what_it_is_given_and_leads_its_group() {
        let dir = tempfile::tempdir().unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let (input, output) = io::pipe().unwrap();
        let mut child = reader(&shell("cat; echo $$"), input.into(), Vec::new(), &log).unwrap();
        io::Write::write_all(&mut { output }, b"what was said\n").unwrap();
        assert!(child.wait().unwrap().success());
        let text = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert_eq!(text, format!("what was said\n{}\n", child.id()));
    }

    #[test]
    fn a_service_gets_held_descriptors_from_3_on_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let held = File::open("/dev/zero").unwrap();
        let _kept = File::open("/dev/full").unwrap();
        let list = CommandSpec::new("/bin/ls", &GearEnv::new()).args(["-l", "/proc/self/fd"]);
        let mut child = service(&list, vec![held.into()], &log).unwrap();
        assert!(child.wait().unwrap().success());
        let text = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(text.contains("3 -> /dev/zero"), "{text}");
        assert!(text.contains("0 -> /dev/null"), "{text}");
        assert!(!text.contains("/dev/full"), "{text}");
    }
}
