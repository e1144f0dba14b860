//! The supervisor as a process: detached from whoever started it, spoken to over a socket.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::FileError;
use cart_core::{Cartridge, LogLimits, entry, exit_code, fault, inherited, lock, wait};

use crate::logs::supervisor_log::Log;
use crate::logs::writer::write_log;
use crate::protocol::subcommands::{
    GUARD, SUCCEED, SUCCEED_TO_END, SUPERVISE, TAKE_OVER, WRITE_LOG,
};
use crate::succession::{Heir, guard};
use crate::supervisor::handover::Handover;
use crate::supervisor::state::Supervisor;
use crate::supervisor::takeover::Beginning;

/// The descriptor by which a hook hands the control socket to the supervisor it starts.
pub(crate) const CONTROL_DESCRIPTOR: i32 = 3;
/// The one by which it is handed the lock on the cartridge's directory.
pub(crate) const LOCK_DESCRIPTOR: i32 = 4;
/// How long a supervisor that became another program and lost its lock tries to have it again.
const LOCK_LIMIT: Duration = Duration::from_secs(2);

/// The whole `main` of a cartridge with supervised services: by the words with which hooks and the
/// supervisor start it (see [`run`]) it does their work; by any other name it is the hook.
pub fn main<C: Cartridge>(cartridge: &C) -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    run(&words).unwrap_or_else(|| entry::main(cartridge))
}

/// Does the work of one of the supervisor's own processes, if `words` (the program's name first)
/// ask for one:
///
/// - `PROGRAM supervise RUN LOGS` is the supervisor of a cartridge, by those two directories;
/// - `PROGRAM succeed RUN LOGS` is the one that takes the place of a killed one, and
///   `PROGRAM succeed-to-end RUN LOGS` of one that was killed while it ended everything;
/// - `PROGRAM guard RUN LOGS` starts such a one when its own was killed;
/// - `PROGRAM take-over RUN LOGS CONTROL` goes on as that supervisor, which became this program and
///   left its control socket as descriptor CONTROL; without the rest it only ends well;
/// - `PROGRAM write-log FILE SIZE FILES` writes what a service prints; see
///   [`SupervisorProcess::log_writer`](crate::SupervisorProcess::log_writer). With `RUN LOGS` it is
///   a guard, too.
///
/// To be called first in `main`.
#[must_use]
pub fn run(words: &[String]) -> Option<ExitCode> {
    let mut words = words.iter().map(String::as_str);
    let program: &Utf8Path = words.next()?.into();
    let words: Vec<&str> = words.collect();
    let outcome = match *words.as_slice() {
        [word @ (SUPERVISE | SUCCEED | SUCCEED_TO_END), run, logs] => inherited::adopt()
            .map_err(DaemonError::from)
            .and_then(|()| supervise(program, run.into(), logs.into(), Beginning::of(word))),
        [GUARD, run, logs] => inherited::adopt()
            .map_err(DaemonError::from)
            .and_then(|()| Ok(Heir::new(program, run.into(), logs.into())?))
            .and_then(|heir| Ok(guard(heir)?)),
        // Asked before a supervisor becomes this program: that it could.
        [TAKE_OVER] => Ok(()),
        [TAKE_OVER, run, logs, control] => {
            let control = control.parse().ok()?;
            inherited::adopt()
                .map_err(DaemonError::from)
                .and_then(|()| take_over(program, run.into(), logs.into(), control))
        }
        [WRITE_LOG, file, size, files, ref place @ ..] => {
            let limits = LogLimits { size: size.parse().ok()?, files: files.parse().ok()? };
            let heir = || match *place {
                [run, logs] => Heir::new(program, run.into(), logs.into()).ok(),
                _ => None,
            };
            inherited::adopt()
                .and_then(|()| write_log(file.into(), limits, heir()))
                .map_err(|source| DaemonError::Writer { path: file.into(), source })
        }
        _ => return None,
    };
    Some(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the supervisor's log; there is nobody else to tell.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(exit_code::FAILED)
        }
    })
}

/// Runs the supervisor of the cartridge whose `run/` and `logs/` are given, until it is asked to
/// end.
fn supervise(
    program: &Utf8Path,
    run: &Utf8Path,
    logs: &Utf8Path,
    beginning: Beginning,
) -> Result<(), DaemonError> {
    let control = UnixListener::from(inherited::take(CONTROL_DESCRIPTOR)?);
    let lock = inherited::take(LOCK_DESCRIPTOR)?;
    // A session of its own: no terminal, no signals meant for whoever started us.
    rustix::process::setsid().map_err(io::Error::from)?;
    set_umask();
    // What our services leave behind comes to us, not to the system's first process.
    let _ = rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1));
    let log = Log::open(&logs.join("supervisor.log"))?;
    let mut supervisor = Supervisor::empty(program, run, control, lock, log)?;
    supervisor.take_over(beginning);
    supervisor.work()?;
    Ok(())
}

/// Goes on as a supervisor that was another program until just now.
fn take_over(
    program: &Utf8Path,
    run: &Utf8Path,
    logs: &Utf8Path,
    control: i32,
) -> Result<(), DaemonError> {
    let control = UnixListener::from(inherited::take(control)?);
    set_umask();
    let log = Log::open(&logs.join("supervisor.log"))?;
    let supervisor = match Handover::read(run) {
        Ok(mut handover) => {
            let lock = match handover.lock() {
                Some(lock) => Some(lock),
                // A former version had none.
                None => lock_anew(run)?,
            };
            let Some(lock) = lock else { return Ok(()) };
            Supervisor::from_handover(program, run, control, lock, log, handover)?
        }
        Err(error) => {
            // As after a supervisor's death: what runs goes on, and is found by the record, by us or
            // by whoever is succeeding us already.
            inherited::close_rest();
            let Some(lock) = lock_anew(run)? else { return Ok(()) };
            let mut supervisor = Supervisor::empty(program, run, control, lock, log)?;
            supervisor.log.line(format_args!("what was handed over cannot be read: {error}"));
            supervisor.take_over(Beginning::Succession);
            supervisor
        }
    };
    { supervisor }.work()?;
    Ok(())
}

/// The lock on the cartridge's directory; `None` when somebody else has it.
fn lock_anew(run: &Utf8Path) -> Result<Option<OwnedFd>, DaemonError> {
    let directory = run.parent().unwrap_or(run);
    let locked = wait::until(LOCK_LIMIT, || lock::try_lock_directory(directory).transpose());
    Ok(locked.transpose()?.map(OwnedFd::from))
}

/// What a node runs has this one, a login another: the app should see no difference.
fn set_umask() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
}

/// A process of the supervisor's that cannot work.
#[derive(Debug, thiserror::Error)]
enum DaemonError {
    /// Started by something that handed over no control socket.
    #[error("the supervisor is started by the cartridge's own hooks, which hand it a socket: {0}")]
    NoControl(#[from] inherited::InheritedFdError),
    /// Its log cannot be opened.
    #[error(transparent)]
    Log(#[from] FileError),
    /// The writer of a log cannot work.
    #[error("{path} cannot be written: {source}")]
    Writer {
        /// The log.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system refused a descriptor or a wait.
    #[error("the supervisor cannot go on: {}", fault::words(.0))]
    System(#[from] io::Error),
}
