//! The supervisor as a process: detached from whoever started it, spoken to over a socket.

use std::io::{self, Write};
use std::os::unix::net::UnixListener;
use std::process::ExitCode;

use camino::Utf8Path;
use cart_core::files::{self, FileError};
use cart_core::{Cartridge, entry, inherited};

use crate::log::Log;
use crate::supervisor::Supervisor;

/// The descriptor by which a hook hands the control socket to the supervisor it starts.
pub(crate) const CONTROL_DESCRIPTOR: i32 = 3;

/// The word by which a cartridge's program is told to be the supervisor.
pub(crate) const SUPERVISE: &str = "supervise";

/// The whole `main` of a cartridge with supervised services: as `PROGRAM supervise RUN LOGS`, which
/// is how hooks start it, it is the supervisor; by any other name it is the hook.
pub fn main<C: Cartridge>(cartridge: &C) -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let [_, word, run, logs] = words.as_slice() else { return entry::main(cartridge) };
    if word != SUPERVISE {
        return entry::main(cartridge);
    }
    let adopted = inherited::adopt().map_err(DaemonError::from);
    match adopted.and_then(|()| supervise(run.as_str().into(), logs.as_str().into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the supervisor's log; there is nobody else to tell.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(entry::FAILED)
        }
    }
}

/// Runs the supervisor of the cartridge whose `run/` and `logs/` are given, until it is asked to
/// end. To be called by the program that a [`Client`](crate::Client) starts, after
/// [`inherited::adopt`].
///
/// # Errors
/// [`DaemonError`] when it cannot start to work, or can no longer wait for events.
pub fn supervise(run: &Utf8Path, logs: &Utf8Path) -> Result<(), DaemonError> {
    let control = inherited::take(CONTROL_DESCRIPTOR)?;
    // A session of its own: no terminal, no signals meant for whoever started us.
    rustix::process::setsid().map_err(io::Error::from)?;
    // What a node runs has this one, a login another: the app should see no difference.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // What our services leave behind comes to us, not to the system's first process.
    let _ = rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1));
    let log = Log(files::open_log(&logs.join("supervisor.log"))?);
    let mut supervisor = Supervisor::new(run, UnixListener::from(control), log)?;
    supervisor.work()?;
    Ok(())
}

/// A supervisor that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Started by something that handed over no control socket.
    #[error("the supervisor is started by the cartridge's own hooks, which hand it a socket: {0}")]
    NoControl(#[from] inherited::InheritedFdError),
    /// Its log cannot be opened.
    #[error(transparent)]
    Log(#[from] FileError),
    /// The system refused a descriptor or a wait.
    #[error("the supervisor cannot go on: {0}")]
    System(#[from] io::Error),
}
