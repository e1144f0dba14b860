//! The supervisor's loop: wait, read signals and requests, keep services up.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use cart_core::{fault, files};
use rustix::event::PollFlags;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use crate::client::socket::{self, ClientError};
use crate::logs::own::OwnLogs;
use crate::protocol::messages::{Request, Response, ServiceState, ServiceStatus};
use crate::services::supervised::Service;
use crate::sockets::connection::{Connection, Received};
use crate::sockets::events;
use crate::supervisor::operation::Operation;
use crate::supervisor::state::Supervisor;

/// Hooks ask one at a time: more connections than this are somebody's mistake.
const MOST_CONNECTIONS: usize = 16;
/// How long nobody is accepted after descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Works until everything was stopped on request.
    pub(crate) fn work(&mut self) -> io::Result<()> {
        while !self.finished {
            self.tell_readiness();
            events::wait(self.interests(), self.deadline())?;
            let told: Vec<i32> = self.signals.pending().collect();
            if told.contains(&SIGCHLD) {
                self.reap();
            }
            if told.contains(&SIGHUP) {
                self.restore();
            }
            if told.contains(&SIGTERM) || told.contains(&SIGINT) {
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
        self.tell_readiness();
        Ok(())
    }

    /// Makes anew what was removed from `run/`: the control socket and the record. Somebody who
    /// cannot reach us asks for it by SIGHUP. The sockets of services cannot be made anew; the next
    /// start replaces the services.
    fn restore(&mut self) {
        self.accept();
        let anew = files::create_dir(&self.run, 0o700).map_err(ClientError::from);
        let anew = anew.and_then(|()| socket::listen(&self.run)).and_then(|control| {
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
        self.readiness.forget();
        self.note();
    }

    fn interests(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut interests = Vec::new();
        if self.may_accept() {
            interests.push((self.control.as_fd(), PollFlags::IN));
        }
        interests.push((self.signals.get_read().as_fd(), PollFlags::IN));
        interests.extend(self.connections.iter().map(|c| (c.as_fd(), PollFlags::IN)));
        interests.extend(self.operation.as_ref().and_then(Operation::interest));
        interests.extend(self.services.iter().filter_map(Service::interest));
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
            Request::EndNears(nears) => {
                self.readiness.end_nears = nears;
                self.note();
                let serves = self.services.iter().any(|service| service.current.is_some());
                connection.answer(&Response::Noted(serves));
            }
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
        let services = services.chain(self.readiness.deadline());
        services.chain(connections).chain(operation).chain(self.accept_at).min()
    }
}
