//! A supervisor that becomes another program: what it knows, written down for that program, and the
//! descriptors that it leaves open. The process stays the same, so its children stay its children.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::files::{self, FileError};
use cart_core::{CommandSpec, inherited, run};
use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};
use signal_hook::consts::SIGPIPE;

use crate::backoff::Kept;
use crate::logs::supervisor_log::Log;
use crate::protocol::handed_over::{self, number};
use crate::protocol::messages::{Request, Response};
use crate::protocol::subcommands::TAKE_OVER;
use crate::services::supervised::Service;
use crate::sockets::connection::Connection;
use crate::succession::Lifeline;
use crate::supervisor::state::Supervisor;

/// How long a program may take to say that it could go on; nothing else is done meanwhile.
const TEST_LIMIT: Duration = Duration::from_secs(5);

/// `run/supervisor.handover`: as the record, it holds the environment of services. What a newer
/// version adds here needs a default, what an older one wrote must still be read. Descriptors are
/// numbers in the next program ([`handed_over`]); if one is not there, none of it is taken, and the
/// services go on as after a supervisor's death.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Handover<S = Vec<Service>, L = Lifeline, G = Kept> {
    generation: u64,
    services: S,
    /// The connection that is told of it.
    asked_by: i32,
    /// Requests that wait for their turn.
    waiting: Vec<(Request, i32)>,
    /// Connections of whose request only a part has arrived.
    begun: Vec<(Vec<u8>, i32)>,
    /// The lock on the cartridge's directory.
    lock: Option<i32>,
    lifeline: Option<L>,
    guard: Option<G>,
    #[serde(default)]
    end_nears: bool,
}

impl Handover {
    fn path(run: &Utf8Path) -> Utf8PathBuf {
        run.join("supervisor.handover")
    }

    /// What the former program wrote; it is read once.
    pub(crate) fn read(run: &Utf8Path) -> Result<Self, FileError> {
        let path = Self::path(run);
        let bytes = files::read(&path)?;
        files::remove_if_exists(&path)?;
        serde_json::from_slice(&bytes).map_err(|e| FileError::new("understand", &path, e.into()))
    }

    /// The lock on the cartridge's directory, if one was handed over. To be taken once.
    pub(crate) fn lock(&mut self) -> Option<OwnedFd> {
        inherited::take(self.lock.take()?).ok()
    }
}

impl Supervisor {
    /// Becomes another program. That comes back only if it was not possible; everything is as
    /// before then.
    pub(crate) fn become_program(&mut self, program: &CommandSpec, asked_by: Connection) {
        let path = <Handover>::path(&self.run);
        let written = self.write_handover(&path, program, &asked_by);
        let error = match written {
            Ok(command) => {
                self.log.line(format_args!("this supervisor becomes `{command}`"));
                let error = run::replace_self(&command).to_string();
                // What the attempt has reset: a hook that hangs up must not end the supervisor.
                let _ = signal_hook::flag::register(SIGPIPE, std::sync::Arc::default());
                error
            }
            Err(error) => error,
        };
        handed_over::take_back();
        let _ = files::remove_if_exists(&path);
        self.log.line(format_args!("this supervisor goes on as it is: {error}"));
        asked_by.answer(&Response::NotBecome(error));
    }

    fn write_handover(
        &self,
        path: &Utf8Path,
        program: &CommandSpec,
        asked_by: &Connection,
    ) -> Result<CommandSpec, String> {
        access(program.program.as_std_path(), Access::EXEC_OK)
            .map_err(|e| format!("{} cannot be executed: {e}", program.program))?;
        // There is no way back from a program that starts and does not know its part.
        run::checked(&program.clone().arg(TAKE_OVER), TEST_LIMIT).map_err(|e| e.to_string())?;
        let json = self
            .handover(asked_by)
            .map_err(|e| format!("what it knows cannot be handed over: {e}"))?;
        let control = number(&self.control).map_err(|e| e.to_string())?;
        files::write_unsynced(path, &json, 0o600).map_err(|e| e.to_string())?;
        let words = [TAKE_OVER, self.run.as_str(), self.logs.as_str()];
        Ok(program.clone().args(words).arg(control.to_string()))
    }

    fn handover(&self, asked_by: &Connection) -> io::Result<Vec<u8>> {
        let waiting = self
            .waiting
            .iter()
            .map(|(request, connection)| Ok((request.clone(), number(connection.as_fd())?)));
        let begun = self
            .connections
            .iter()
            .map(|connection| Ok((connection.received().to_vec(), number(connection.as_fd())?)));
        Ok(serde_json::to_vec(&Handover {
            generation: self.generation,
            services: &self.services,
            asked_by: number(asked_by.as_fd())?,
            waiting: waiting.collect::<io::Result<_>>()?,
            begun: begun.collect::<io::Result<_>>()?,
            lock: Some(number(&self.lock)?),
            lifeline: Some(&self.succession.lifeline),
            guard: Some(&self.guard),
            end_nears: self.readiness.end_nears,
        })?)
    }

    /// The supervisor that was another program until just now.
    pub(crate) fn from_handover(
        program: &Utf8Path,
        run: &Utf8Path,
        control: UnixListener,
        lock: OwnedFd,
        log: Log,
        handover: Handover,
    ) -> io::Result<Self> {
        let mut supervisor = Self::empty(program, run, control, lock, log)?;
        supervisor.generation = handover.generation;
        supervisor.readiness.end_nears = handover.end_nears;
        handover.lifeline.into_iter().for_each(|it| supervisor.succession.lifeline = it);
        // So that the next one is of this program.
        supervisor.guard = handover.guard.unwrap_or_default();
        supervisor.guard.renew();
        supervisor.services = handover.services;
        supervisor.services.iter_mut().for_each(Service::go_on);
        for (request, number) in handover.waiting {
            let connection = connection(number, Vec::new());
            supervisor.waiting.extend(connection.map(|connection| (request, connection)));
        }
        let begun = handover.begun.into_iter();
        let begun = begun.filter_map(|(received, number)| connection(number, received));
        supervisor.connections.extend(begun);
        let version = env!("CARGO_PKG_VERSION");
        supervisor.log.line(format_args!("this supervisor is version {version} now"));
        // Whoever ended meanwhile was reported to nobody.
        supervisor.reap();
        supervisor.note();
        if let Some(connection) = connection(handover.asked_by, Vec::new()) {
            connection.answer(&Response::Became);
        }
        Ok(supervisor)
    }
}

fn connection(number: i32, received: Vec<u8>) -> Option<Connection> {
    let stream = UnixStream::from(inherited::take(number).ok()?);
    Connection::begun(stream, received).ok()
}
