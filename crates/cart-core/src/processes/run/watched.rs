//! Commands that take long enough to be watched, line by line.

use std::io::{BufRead, BufReader, PipeReader, Read};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::RunError;
use crate::processes::command::CommandSpec;
use crate::processes::process::ProcessId;
use crate::processes::process::tree::with_descendants;

/// A longer line is handed on in pieces, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Runs a command to its end and hands each line of its output (both streams, in the order they
/// came) to `line`; demands exit code 0. It has no limit of its own because the node sets one for
/// the whole operation.
///
/// # Errors
/// [`RunError::NotStarted`], or [`RunError::Failed`] with the last lines that it printed.
pub fn watched(command: &CommandSpec, line: impl FnMut(&str)) -> Result<(), RunError> {
    let (mut child, output) = started(command)?;
    read(command, &mut child, output, line)
}

/// As [`watched`], for a command that somebody else wrote: after `limit` it is killed, with
/// whatever it started.
///
/// # Errors
/// As [`watched`], and [`RunError::TimedOut`].
pub fn watched_within(
    command: &CommandSpec,
    limit: Duration,
    line: impl FnMut(&str),
) -> Result<(), RunError> {
    let (mut child, output) = started(command)?;
    let root = ProcessId::of(child.id());
    let timed_out = AtomicBool::new(false);
    let (done, ended) = mpsc::channel::<()>();
    let outcome = thread::scope(|scope| {
        let late = &timed_out;
        let kill_after_limit = move || {
            if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                late.store(true, Ordering::Relaxed);
                let all = root.map(with_descendants).unwrap_or_default();
                all.iter().for_each(|process| process.signal(Signal::KILL));
            }
        };
        if let Err(source) = thread::Builder::new().spawn_scoped(scope, kill_after_limit) {
            // Nothing would bound it.
            let _ = child.kill().and_then(|()| child.wait());
            return Err(RunError::not_started(command, source));
        }
        let outcome = read(command, &mut child, output, line);
        drop(done);
        outcome
    });
    if timed_out.into_inner() && outcome.is_err() {
        let seconds = limit.as_secs();
        return Err(RunError::TimedOut { command: command.to_string(), seconds });
    }
    outcome
}

/// Starts it; both of its streams are the pipe that comes with it.
fn started(command: &CommandSpec) -> Result<(Child, PipeReader), RunError> {
    let start = || {
        let (output, writer) = std::io::pipe()?;
        let mut process = super::prepared(command);
        process.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        Ok((process.spawn()?, output))
    };
    start().map_err(|source| RunError::not_started(command, source))
}

fn read(
    command: &CommandSpec,
    child: &mut Child,
    output: PipeReader,
    mut line: impl FnMut(&str),
) -> Result<(), RunError> {
    let failed = |source| RunError::not_started(command, source);
    let (mut input, mut last) = (BufReader::new(output), Vec::new());
    loop {
        let mut bytes = Vec::new();
        if (&mut input).take(LONGEST).read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        line(&text);
        if last.len() == 2 * RunError::LINES {
            last.drain(..RunError::LINES);
        }
        last.push(text);
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(RunError::failed(command, status, last)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::env::GearEnv;

    fn shell(script: &str) -> CommandSpec {
        CommandSpec::new("/bin/sh", &GearEnv::new()).args(["-c", script])
    }

    #[test]
    fn a_watched_command_shows_both_streams_and_its_failure() {
        for within in [false, true] {
            let mut lines = Vec::new();
            let command = shell("echo one; echo two >&2; exit 4");
            let see = |line: &str| lines.push(line.to_owned());
            let result = match within {
                false => watched(&command, see),
                true => watched_within(&command, Duration::from_secs(60), see),
            };
            assert_eq!(lines, ["one", "two"]);
            assert!(
                matches!(result, Err(RunError::Failed { status, .. }) if status == "exit code 4")
            );
        }
        watched(&shell("echo fine"), |_| ()).unwrap();
        watched_within(&shell("echo fine"), Duration::from_secs(60), |_| ()).unwrap();
    }

    #[test]
    fn past_its_limit_it_is_killed_with_what_it_started() {
        let mut lines = Vec::new();
        let command = shell("sleep 600 & echo $!; wait");
        let result = watched_within(&command, Duration::from_secs(1), |line| {
            lines.push(line.to_owned());
        });
        assert!(matches!(result, Err(RunError::TimedOut { seconds: 1, .. })), "{result:?}");
        let sleeper: u32 = lines[0].parse().unwrap();
        assert!(
            ProcessId::of(sleeper).is_none_or(|process| process.wait_gone(Duration::from_secs(20)))
        );
    }
}
