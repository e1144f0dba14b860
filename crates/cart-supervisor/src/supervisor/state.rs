//! The supervisor's state: what it knows, in memory and noted on disk.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use crate::backoff::Kept;
use crate::logs::supervisor_log::Log;
use crate::protocol::messages::{Failure, Request};
use crate::protocol::record::{self, Record, Recorded, RecordedProcess, Role};
use crate::protocol::service::ServiceSpec;
use crate::services::instance::{Instance, Output};
use crate::services::memory::MemoryWatch;
use crate::services::supervised::Service;
use crate::sockets::connection::Connection;
use crate::sockets::events::{self, Signals};
use crate::succession::{Lifeline, Succession};
use crate::supervisor::operation::Operation;
use crate::supervisor::readiness::Readiness;

/// Everything that one supervisor knows.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) run: Utf8PathBuf,
    pub(crate) logs: Utf8PathBuf,
    pub(crate) log: Log,
    pub(crate) services: Vec<Service>,
    pub(crate) generation: u64,
    /// The one change under way.
    pub(crate) operation: Option<Operation>,
    /// Set when the last service is gone and nothing more is to come.
    pub(crate) finished: bool,
    pub(crate) control: UnixListener,
    /// On the cartridge's directory: there is one supervisor.
    pub(crate) lock: OwnedFd,
    pub(crate) succession: Succession,
    pub(crate) readiness: Readiness,
    /// Who stands by to succeed this supervisor while no writer of its own does.
    pub(crate) guard: Kept,
    /// Processes that are not our children, by what tells of their end.
    pub(crate) adopted: HashMap<ProcessId, OwnedFd>,
    /// This process, looked up once: later there may be no descriptor left to look with.
    pub(super) me: Option<ProcessId>,
    /// Ends of children, SIGTERM or SIGINT as the wish for an end, and SIGHUP as the one for the files that
    /// it is reached by.
    pub(super) signals: Signals,
    /// Connections whose request has not been read wholly.
    pub(crate) connections: Vec<Connection>,
    /// Requests that must wait until the operation is over.
    pub(crate) waiting: VecDeque<(Request, Connection)>,
    /// Set when no descriptor was left for a new connection: until then nobody is accepted.
    pub(super) accept_at: Option<Instant>,
}

impl Supervisor {
    /// A supervisor that was started as `program`, is spoken to over `control`, keeps its files in
    /// `run`, and knows of nothing yet.
    pub(crate) fn empty(
        program: &Utf8Path,
        run: &Utf8Path,
        control: UnixListener,
        lock: OwnedFd,
        log: Log,
    ) -> io::Result<Self> {
        control.set_nonblocking(true)?;
        Ok(Self {
            run: run.to_owned(),
            logs: log.directory().to_owned(),
            lock,
            succession: Succession {
                lifeline: Lifeline::new()?,
                program: program.to_owned(),
                run: run.to_owned(),
                logs: log.directory().to_owned(),
            },
            readiness: Readiness::default(),
            guard: Kept::default(),
            adopted: HashMap::new(),
            log,
            services: Vec::new(),
            generation: 0,
            operation: None,
            finished: false,
            control,
            me: ProcessId::of(std::process::id()),
            signals: events::signals(&[SIGCHLD, SIGHUP, SIGTERM, SIGINT])?,
            connections: Vec::new(),
            waiting: VecDeque::new(),
            accept_at: None,
        })
    }

    /// The service called `name`, made if need be.
    pub(crate) fn service(&mut self, name: &str) -> &mut Service {
        let at = self.services.iter().position(|s| s.name == name).unwrap_or_else(|| {
            let service = Service {
                name: name.to_owned(),
                current: None,
                draining: Vec::new(),
                collector: None,
                own_logs: None,
                memory: MemoryWatch::default(),
                is_background: false,
            };
            self.services.push(service);
            self.services.len() - 1
        });
        &mut self.services[at]
    }

    /// The service that `spec` says, made if need be.
    pub(crate) fn service_of(&mut self, spec: &ServiceSpec) -> &mut Service {
        let service = self.service(&spec.name);
        service.is_background = spec.is_background();
        service
    }

    /// What a process of the service prints to.
    pub(crate) fn output(&mut self, spec: &ServiceSpec) -> Result<Output, Failure> {
        let run = self.run.clone();
        self.service(&spec.name).output(spec, &run)
    }

    /// Notes on disk what runs. That it cannot be noted (disk full) is said in the log, and
    /// stops nothing. Whether everything serves is a part of it.
    pub(crate) fn note(&mut self) {
        let of = |instance: &Instance, role| {
            Some(RecordedProcess { process: instance.process?.id, role, of: instance.recorded() })
        };
        let mut processes = Vec::new();
        for service in &self.services {
            processes.extend(service.current.iter().filter_map(|it| of(it, Role::Serves)));
            processes.extend(service.draining.iter().map(|draining| RecordedProcess {
                process: draining.process.id,
                role: if draining.lingers() { Role::Lingers } else { Role::Ends },
                of: Recorded::new(draining.generation, draining.spec.clone()),
            }));
        }
        processes.extend(self.candidates().filter_map(|it| of(it, Role::Ends)));
        let supervisor = self.me;
        let boot = record::boot();
        let collectors = self.services.iter().filter_map(|s| s.collector.as_ref());
        let writers = collectors.map(|collector| &collector.writer).chain([&self.guard]);
        let writers = writers.filter_map(Kept::id).collect();
        let starts = self.services.iter().filter_map(|service| service.current.as_ref());
        let starts = starts.filter(|instance| instance.start_at.is_some());
        let starts = starts.map(Instance::recorded).collect();
        let generation = self.generation;
        let end_nears = self.readiness.end_nears;
        let record = Record { supervisor, boot, generation, processes, starts, writers, end_nears };
        if let Err(error) = record.write(&self.run) {
            self.log.line(error);
        }
        self.tell_readiness();
    }

    /// Tells whether all services with sockets serve, of which there must be some. A replaced generation is as
    /// good as its successor, and serves until that has proved itself, so a restart changes nothing here.
    pub(crate) fn tell_readiness(&mut self) {
        let mut services = self.services.iter().filter_map(Service::serves).peekable();
        let serves = services.peek().is_some() && services.all(|serves| serves);
        let gave_up = self.services.iter().any(Service::gave_up);
        if let Err(error) = self.readiness.tell(serves && !self.finished, gave_up, &self.run) {
            self.log.line(format_args!("whether everything serves is not told: {error}"));
        }
    }
}
