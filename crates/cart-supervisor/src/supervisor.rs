//! The supervisor's state and its loop: wait, read signals and requests, keep services up.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use cart_core::process::ProcessId;
use rustix::event::PollFlags;

use crate::connection::{Connection, Received};
use crate::events::{self, Signals};
use crate::instance::{Draining, Instance};
use crate::log::Log;
use crate::operation::Operation;
use crate::protocol::{Request, Response, ServiceState, ServiceStatus};
use crate::record::{Record, RecordedProcess};

/// One service: the generation that serves, and older ones that finish their work.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) current: Option<Instance>,
    pub(crate) draining: Vec<Draining>,
}

/// Everything that one supervisor knows.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) run: Utf8PathBuf,
    pub(crate) log: Log,
    pub(crate) services: Vec<Service>,
    pub(crate) generation: u64,
    /// The one change under way.
    pub(crate) operation: Option<Operation>,
    /// Set when the last service is gone and nothing more is to come.
    pub(crate) finished: bool,
    control: UnixListener,
    signals: Signals,
    /// Connections whose request has not been read wholly, or must wait for the operation.
    connections: Vec<Connection>,
}

impl Supervisor {
    /// A supervisor that is spoken to over `control` and keeps its files in `run`. It takes over
    /// what the record of a former one names and still runs.
    pub(crate) fn new(run: &Utf8Path, control: UnixListener, log: Log) -> io::Result<Self> {
        control.set_nonblocking(true)?;
        let record = Record::read(run);
        let mut supervisor = Self {
            run: run.to_owned(),
            log,
            services: Vec::new(),
            generation: record.generation,
            operation: None,
            finished: false,
            control,
            signals: Signals::new()?,
            connections: Vec::new(),
        };
        for recorded in record.processes.into_iter().filter(|p| p.process.is_alive()) {
            supervisor.adopt(recorded);
        }
        Ok(supervisor)
    }

    /// Works until everything was stopped on request.
    pub(crate) fn work(&mut self) -> io::Result<()> {
        while !self.finished {
            events::wait(self.interests(), self.deadline())?;
            if self.signals.take_child() {
                self.reap();
            }
            if self.signals.take_end() {
                self.log.line("asked to end by a signal");
                self.end(Vec::new(), None);
            }
            self.accept();
            self.receive();
            self.look_after_services();
            self.advance_operation();
        }
        Ok(())
    }

    /// The service called `name`, made if need be.
    pub(crate) fn service(&mut self, name: &str) -> &mut Service {
        let at = self.services.iter().position(|s| s.name == name).unwrap_or_else(|| {
            let service = Service { name: name.to_owned(), current: None, draining: Vec::new() };
            self.services.push(service);
            self.services.len() - 1
        });
        &mut self.services[at]
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
                    spec: instance.spec.clone(),
                })
            }));
            processes.extend(service.draining.iter().map(|draining| RecordedProcess {
                process: draining.process.id,
                generation: draining.generation,
                spec: draining.spec.clone(),
            }));
        }
        let supervisor = ProcessId::of(std::process::id());
        let record = Record { supervisor, generation: self.generation, processes };
        if let Err(error) = record.write(&self.run) {
            self.log.line(error);
        }
    }

    /// Takes over a process of a former supervisor: the newest generation of a service serves,
    /// older ones are on their way out.
    fn adopt(&mut self, recorded: RecordedProcess) {
        self.log.line(format_args!(
            "{}: pid {} of generation {} still runs and is taken over",
            recorded.spec.name, recorded.process.pid, recorded.generation
        ));
        let RecordedProcess { process, generation, spec } = recorded;
        let service = self.service(&spec.name);
        let found = Instance::adopted(spec, generation, Some(process));
        let older = match &service.current {
            Some(current) if current.generation > generation => Some(found),
            _ => service.current.replace(found),
        };
        service.draining.extend(older.and_then(|instance| Draining::new(instance, true)));
    }

    fn interests(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut interests = vec![(self.control.as_fd(), PollFlags::IN)];
        interests.extend(self.signals.interests());
        match &self.operation {
            // Requests wait until the change is done; looking at them would only wake us.
            Some(operation) => interests.extend(operation.interest()),
            None => interests.extend(self.connections.iter().map(|c| (c.as_fd(), PollFlags::IN))),
        }
        interests
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.control.accept() {
            self.connections.extend(Connection::new(stream));
        }
    }

    /// Reads requests; one change at a time, so the others stay where they are until it is done.
    fn receive(&mut self) {
        let mut index = 0;
        while self.operation.is_none() && index < self.connections.len() {
            match self.connections[index].receive() {
                Received::Nothing => index += 1,
                Received::Closed => drop(self.connections.swap_remove(index)),
                Received::Garbage(why) => {
                    self.connections.swap_remove(index).answer(&Response::NotUnderstood(why));
                }
                Received::Request(request) => {
                    let connection = self.connections.swap_remove(index);
                    self.begin(request, connection);
                }
            }
        }
    }

    fn begin(&mut self, request: Request, connection: Connection) {
        match request {
            Request::Ensure { spec, renew } => self.ensure(*spec, renew, connection),
            Request::Stop { services } => self.stop(services, connection),
            Request::End { first } => self.end(first, Some(connection)),
            Request::Status => connection.answer(&Response::Status(self.status())),
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
                state: match (instance.process, instance.start_at) {
                    (Some(process), _) => ServiceState::Running(process.id),
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
        self.services.iter().filter_map(Service::deadline).chain(operation).min()
    }
}
