//! What runs now, and whether it answers.

use std::net::SocketAddr;

use cart_core::cartridge::Context;
use cart_core::process::ProcessId;
use cart_nginx::{Connections, Site, Upstream};
use cart_supervisor::{Listen, Probe, ServiceState, ServiceStatus, SupervisorProcess};

use crate::error::Error;
use crate::messages;
use crate::names::{APPSERVER, WEBSOCKETSERVER, unlabelled};
use crate::running::supervisor::supervisor;
use crate::running::upstreams;

/// What the supervisor says of the services.
#[derive(Debug)]
pub(crate) struct State {
    services: Vec<ServiceStatus>,
    /// Whether something runs that nobody looks after.
    unsupervised: bool,
}

impl State {
    /// Asks the supervisor, and starts none: for hooks that only read.
    pub(crate) fn ask(ctx: &Context<'_>) -> Result<Self, Error> {
        Self::of(&supervisor(ctx.dir))
    }

    /// As [`ask`](Self::ask), where the supervisor is known.
    pub(crate) fn of(supervisor: &SupervisorProcess) -> Result<Self, Error> {
        match supervisor.reach()?.map(|client| client.status()) {
            Some(Ok(services)) => Ok(Self { services, unsupervised: false }),
            // One that goes while it is asked was ending everything.
            Some(Err(error)) if !error.is_gone() => Err(error.into()),
            _ => Ok(Self::without(supervisor)),
        }
    }

    /// As [`of`](Self::of), but a supervisor that does not listen is not waited for.
    pub(crate) fn at_once(supervisor: &SupervisorProcess) -> Result<Self, Error> {
        Ok(match supervisor.find()? {
            Some(client) => Self { services: client.status()?, unsupervised: false },
            None => Self::without(supervisor),
        })
    }

    /// As it is where no supervisor answers.
    fn without(supervisor: &SupervisorProcess) -> Self {
        Self { services: Vec::new(), unsupervised: supervisor.left_something_running() }
    }

    /// Whether anything runs, or is to be started again after a crash.
    pub(crate) fn runs(&self) -> bool {
        !self.services.is_empty() || self.unsupervised
    }

    /// Whether a Python server runs.
    pub(crate) fn serves(&self) -> bool {
        let runs = |s: &ServiceStatus| matches!(s.state, ServiceState::Running(_));
        self.unsupervised || self.service(APPSERVER).is_some_and(runs)
    }

    /// `site` with the servers that run, whatever is set by now.
    pub(crate) fn in_front(&self, site: Site) -> Site {
        let upstream = |service: &ServiceStatus| {
            let sockets = service.listen.iter().filter_map(|listen| match listen {
                Listen::Unix(path) => Some(path.clone()),
                Listen::Tcp(_) => None,
            });
            Upstream { sockets: sockets.collect(), connections: Connections::Pooled }
        };
        let second = self.service(WEBSOCKETSERVER).and_then(|service| {
            upstreams::websocketserver(path(&service.probe), upstream(service))
        });
        Site {
            upstream: self.service(APPSERVER).map(upstream).or(site.upstream),
            websocketserver: second,
            ..site
        }
    }

    /// The name of the Python server that runs.
    pub(crate) fn server(&self) -> Option<&str> {
        self.service(APPSERVER).map(|service| unlabelled(&service.label).0)
    }

    /// All services.
    pub(crate) fn services(&self) -> &[ServiceStatus] {
        &self.services
    }

    /// Whether something runs that nobody looks after.
    pub(crate) fn is_unsupervised(&self) -> bool {
        self.unsupervised
    }

    /// Whether everything that serves runs, as far as the supervisor knows.
    pub(crate) fn is_up(&self) -> bool {
        let serves = |service: &ServiceStatus| !service.listen.is_empty();
        self.processes().any(|(service, _)| serves(service))
            && self.processes().all(|(service, process)| process.is_some() || !serves(service))
    }

    /// Each service with its process, if it runs.
    pub(crate) fn processes(&self) -> impl Iterator<Item = (&ServiceStatus, Option<ProcessId>)> {
        self.services.iter().map(|service| match service.state {
            ServiceState::Running(process) => (service, Some(process)),
            ServiceState::Waiting
            | ServiceState::BackingOff { .. }
            | ServiceState::GaveUp { .. } => (service, None),
        })
    }

    /// The process of a service.
    ///
    /// # Errors
    /// [`Error::NotRunning`] with what is the matter instead.
    pub(crate) fn process(
        &self,
        name: &str,
        ctx: &Context<'_>,
    ) -> Result<(&ServiceStatus, ProcessId), Error> {
        let not_running = |reason: &str| Err(Error::NotRunning { reason: reason.to_owned() });
        if self.unsupervised {
            return not_running(messages::UNSUPERVISED);
        }
        if !self.runs() {
            return not_running(messages::NOT_RUNNING);
        }
        let service = self.running(name, ctx).map_err(|reason| Error::NotRunning { reason })?;
        match service.state {
            ServiceState::Running(process) => Ok((service, process)),
            _ => not_running(&messages::missing_service(name)),
        }
    }

    /// A service, whether it runs or not.
    pub(crate) fn service(&self, name: &str) -> Option<&ServiceStatus> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The service, if it runs; else what is the matter with it.
    pub(crate) fn running(&self, name: &str, ctx: &Context<'_>) -> Result<&ServiceStatus, String> {
        let service = self.service(name).ok_or_else(|| messages::missing_service(name))?;
        match &service.state {
            ServiceState::Running(_) => Ok(service),
            ServiceState::Waiting => Err(messages::waiting(name)),
            ServiceState::BackingOff { reason } => Err(messages::backing_off(name, reason)),
            ServiceState::GaveUp { reason } => {
                Err(messages::gave_up(name, reason, log(service, ctx)))
            }
        }
    }
}

/// The port that a service has.
pub(crate) fn port(service: &ServiceStatus) -> Option<SocketAddr> {
    service.listen.iter().find_map(|listen| match listen {
        Listen::Tcp(address) => Some(*address),
        Listen::Unix(_) => None,
    })
}

/// Where a service logs, as people find it: in the cartridge's directory, or elsewhere.
pub(crate) fn log<'a>(service: &'a ServiceStatus, ctx: &Context<'_>) -> &'a str {
    service.log.strip_prefix(ctx.dir.path()).unwrap_or(&service.log).as_str()
}

/// What a server is asked for.
pub(crate) fn path(probe: &Probe) -> &str {
    match probe {
        Probe::Http { path, .. } => path,
        Probe::Reaction => "/",
    }
}
