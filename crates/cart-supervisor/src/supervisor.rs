//! The supervisor's state and its loop: wait, read signals and requests, keep services up.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use cart_core::{fault, files};
use rustix::event::PollFlags;

use crate::client::{self, ClientError};
use crate::connection::{Connection, Received};
use crate::events::{self, Signals};
use crate::instance::Output;
use crate::log::Log;
use crate::logs::collector::Collector;
use crate::logs::own::OwnLogs;
use crate::memory::MemoryWatch;
use crate::operation::Operation;
use crate::protocol::{Failure, Request, Response, ServiceState, ServiceStatus};
use crate::record::{self, Record, RecordedProcess, RecordedStart, Role};
use crate::service::ServiceSpec;
use crate::succession::{Guard, Lifeline, Succession};
use crate::supervised::Service;

/// Hooks ask one at a time: more connections than this are somebody's mistake.
const MOST_CONNECTIONS: usize = 16;
/// How long nobody is accepted after descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

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
    pub(crate) guard: Guard,
    /// Processes that are not our children, by what tells of their end.
    pub(crate) adopted: HashMap<ProcessId, OwnedFd>,
    /// This process, looked up once: later there may be no descriptor left to look with.
    me: Option<ProcessId>,
    signals: Signals,
    /// Connections whose request has not been read wholly.
    pub(crate) connections: Vec<Connection>,
    /// Requests that must wait until the operation is over.
    pub(crate) waiting: VecDeque<(Request, Connection)>,
    /// Set when no descriptor was left for a new connection: until then nobody is accepted.
    accept_at: Option<Instant>,
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
            guard: Guard::default(),
            adopted: HashMap::new(),
            log,
            services: Vec::new(),
            generation: 0,
            operation: None,
            finished: false,
            control,
            me: ProcessId::of(std::process::id()),
            signals: Signals::new()?,
            connections: Vec::new(),
            waiting: VecDeque::new(),
            accept_at: None,
        })
    }

    /// Works until everything was stopped on request.
    pub(crate) fn work(&mut self) -> io::Result<()> {
        while !self.finished {
            events::wait(self.interests(), self.deadline())?;
            if self.signals.take_child() {
                self.reap();
            }
            if self.signals.take_restore() {
                self.restore();
            }
            if self.signals.take_end() {
                self.log.line("asked to end by a signal");
                self.end(Vec::new(), None, None);
            }
            self.accept();
            self.receive();
            self.services.iter_mut().filter_map(|s| s.own_logs.as_mut()).for_each(OwnLogs::notice);
            self.begin_next();
            self.look_after_services();
            self.advance_operation();
            self.begin_next();
            self.look_at_memory();
            self.look_after_guard();
        }
        Ok(())
    }

    /// Makes anew what was removed from `run/`: the control socket and the record. Somebody who
    /// cannot reach us asks for it by SIGHUP. The sockets of services cannot be made anew; the next
    /// start replaces the services.
    fn restore(&mut self) {
        self.accept();
        let anew = files::create_dir(&self.run, 0o700).map_err(ClientError::from);
        let anew = anew.and_then(|()| client::listen(&self.run)).and_then(|control| {
            let failed = |source| ClientError::Socket { path: self.run.clone(), source };
            control.set_nonblocking(true).map_err(failed).map(|()| control)
        });
        match anew {
            Ok(control) => {
                self.control = control;
                self.log.line("its socket was made anew: somebody could not reach it");
            }
            Err(error) => self.log.line(format_args!("its socket cannot be made anew: {error}")),
        }
        self.note();
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
    /// stops nothing.
    pub(crate) fn note(&mut self) {
        let mut processes = Vec::new();
        for service in &self.services {
            processes.extend(service.current.iter().filter_map(|instance| {
                Some(RecordedProcess {
                    process: instance.process?.id,
                    generation: instance.generation,
                    role: Role::Serves,
                    spec: instance.spec.clone(),
                    again_with: instance.again_with.clone(),
                })
            }));
            processes.extend(service.draining.iter().map(|draining| RecordedProcess {
                process: draining.process.id,
                generation: draining.generation,
                role: if draining.lingers() { Role::Lingers } else { Role::Ends },
                spec: draining.spec.clone(),
                again_with: None,
            }));
        }
        processes.extend(self.candidates().filter_map(|candidate| {
            Some(RecordedProcess {
                process: candidate.process?.id,
                generation: candidate.generation,
                role: Role::Ends,
                spec: candidate.spec.clone(),
                again_with: None,
            })
        }));
        let supervisor = self.me;
        let boot = record::boot();
        let collectors = self.services.iter().filter_map(|s| s.collector.as_ref());
        let mut writers: Vec<ProcessId> = collectors.filter_map(Collector::writer).collect();
        writers.extend(self.guard.process());
        let starts = self.services.iter().filter_map(|service| service.current.as_ref());
        let starts = starts.filter(|instance| instance.start_at.is_some());
        let starts = starts.map(|instance| RecordedStart {
            generation: instance.generation,
            spec: instance.spec.clone(),
            again_with: instance.again_with.clone(),
        });
        let starts = starts.collect();
        let generation = self.generation;
        let record = Record { supervisor, boot, generation, processes, starts, writers };
        if let Err(error) = record.write(&self.run) {
            self.log.line(error);
        }
    }

    fn interests(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut interests = Vec::new();
        if self.may_accept() {
            interests.push((self.control.as_fd(), PollFlags::IN));
        }
        interests.extend(self.signals.interests());
        interests.extend(self.connections.iter().map(|c| (c.as_fd(), PollFlags::IN)));
        interests.extend(self.operation.as_ref().and_then(Operation::interest));
        let own_logs = self.services.iter().filter_map(|s| s.own_logs.as_ref());
        interests.extend(own_logs.filter_map(OwnLogs::interest).map(|fd| (fd, PollFlags::IN)));
        interests.extend(self.adopted.values().map(|end| (end.as_fd(), PollFlags::IN)));
        interests
    }

    fn may_accept(&self) -> bool {
        self.connections.len() < MOST_CONNECTIONS && self.accept_at.is_none()
    }

    fn accept(&mut self) {
        self.accept_at = self.accept_at.filter(|at| *at > Instant::now());
        while self.may_accept() {
            match self.control.accept() {
                Ok((stream, _)) => self.connections.extend(Connection::new(stream)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                // No descriptor is free: trying again at once would only spin.
                Err(e) => {
                    let why = fault::words(&e);
                    self.log.line(format_args!("a hook must wait, it cannot be accepted: {why}"));
                    self.accept_at = Some(Instant::now() + ACCEPT_PAUSE);
                }
            }
        }
    }

    /// Reads what has arrived. Questions are answered and an end is begun at once; other changes
    /// wait for the one under way.
    fn receive(&mut self) {
        let mut index = 0;
        while index < self.connections.len() {
            let silent = self.connections[index].is_silent();
            match self.connections[index].receive() {
                Received::Nothing if !silent => index += 1,
                Received::Nothing | Received::Closed => drop(self.connections.remove(index)),
                Received::Garbage(why) => {
                    self.connections.remove(index).answer(&Response::NotUnderstood(why));
                }
                Received::Request(request) => {
                    let connection = self.connections.remove(index);
                    self.waiting.push_back((request, connection));
                }
            }
        }
        let (at_once, later): (VecDeque<_>, VecDeque<_>) =
            self.waiting.drain(..).partition(|(request, _)| request.is_for_now());
        self.waiting = later;
        at_once.into_iter().for_each(|(request, connection)| self.begin(request, connection));
    }

    /// Begins the next change when none is under way.
    fn begin_next(&mut self) {
        while self.operation.is_none()
            && !self.finished
            && let Some((request, connection)) = self.waiting.pop_front()
        {
            self.begin(request, connection);
        }
    }

    /// Goes on with the change under way as far as that is possible now.
    fn advance_operation(&mut self) {
        match self.operation.take() {
            None => {}
            Some(Operation::Prove(proof)) => self.advance_proof(proof),
            Some(Operation::Stop(stopping)) => self.advance_stop(stopping),
            Some(Operation::Wait(turn)) => self.advance_turn(turn),
        }
    }

    fn begin(&mut self, request: Request, connection: Connection) {
        match request {
            Request::Ensure { spec, renew } => self.ensure(vec![*spec], renew, connection),
            Request::EnsureTogether { specs, renew } => self.ensure(specs, renew, connection),
            Request::Background { specs, renew } => self.background(specs, renew, connection),
            Request::End { first, within } => {
                self.end(first, Some(Duration::from_secs(within)), Some(connection));
            }
            Request::Status => connection.answer(&Response::Status(self.status())),
            Request::About => connection.answer(&self.about()),
            Request::Become { program } => self.become_program(&program, connection),
            Request::Retire { service } => {
                let served = self.retire(&service, true);
                self.note();
                connection.answer(&Response::Noted(served));
            }
            Request::StartAgainWith { service, command } => {
                let current = self.services.iter_mut().find(|s| s.name == service);
                let current = current.and_then(|s| s.current.as_mut());
                let serves = current.is_some();
                current.into_iter().for_each(|c| c.again_with = Some(command.clone()));
                self.note();
                connection.answer(&Response::Noted(serves));
            }
        }
    }

    fn about(&self) -> Response {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        match self.me {
            Some(process) => Response::About { process, version },
            None => Response::NotUnderstood("/proc does not show this process".to_owned()),
        }
    }

    fn status(&self) -> Vec<ServiceStatus> {
        let serving = self.services.iter().filter_map(|s| s.current.as_ref());
        serving
            .map(|instance| ServiceStatus {
                name: instance.spec.name.clone(),
                label: instance.spec.label.clone(),
                generation: instance.generation,
                crashes: instance.crashes,
                listen: instance.spec.listen.clone(),
                probe: instance.spec.probe.clone(),
                log: instance.spec.log.clone(),
                state: match (instance.process, instance.start_at) {
                    (Some(process), _) => ServiceState::Running(process.id),
                    (None, Some(_)) if instance.crashes == 0 => ServiceState::Waiting,
                    (None, Some(_)) => {
                        ServiceState::BackingOff { reason: instance.last_end.clone() }
                    }
                    (None, None) => ServiceState::GaveUp { reason: instance.last_end.clone() },
                },
            })
            .collect()
    }

    /// When something is due although nothing happens.
    fn deadline(&self) -> Option<Instant> {
        let operation = self.operation.as_ref().and_then(Operation::deadline);
        let connections = self.connections.iter().map(Connection::silent_at);
        let services = self.services.iter().filter_map(Service::deadline);
        let services = services.chain(self.guard.deadline()).chain(self.look_at_adopted());
        services.chain(connections).chain(operation).chain(self.accept_at).min()
    }
}
