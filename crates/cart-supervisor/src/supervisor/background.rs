//! Background services: which of them are to run is said all at once, and each is begun when what ran
//! before has ended.

use std::time::Instant;

use crate::protocol::messages::Response;
use crate::protocol::record::Recorded;
use crate::protocol::service::ServiceSpec;
use crate::services::instance::Instance;
use crate::services::supervised::Service;
use crate::sockets::connection::Connection;
use crate::supervisor::state::Supervisor;

impl Supervisor {
    /// Has the background services `specs` run, and no others. Nothing is waited for: what is to end
    /// is told to, what is to begin does so as soon as it can ([`Service::restart_if_due`]).
    pub(crate) fn background(
        &mut self,
        specs: Vec<ServiceSpec>,
        renew: bool,
        asked_by: Connection,
    ) {
        let is_wanted = |service: &&mut Service| specs.iter().any(|s| s.name == service.name);
        let background = self.services.iter_mut().filter(|service| service.is_background);
        background.filter(|service| !is_wanted(service)).for_each(Service::retire);
        for spec in specs.into_iter().filter(ServiceSpec::is_background) {
            self.begin_background(spec, renew);
        }
        self.note();
        asked_by.answer(&Response::Agreed);
    }

    fn begin_background(&mut self, spec: ServiceSpec, renew: bool) {
        let generation = self.generation + 1;
        let service = self.service_of(&spec);
        if let Some(current) = &mut service.current
            && current.spec.serves_as(&spec)
            && !renew
        {
            // Whoever asks for one that waits for its next try has mended the cause, perhaps.
            current.start_at = current.start_at.map(|_| Instant::now());
            service.log_as(&spec);
            return;
        }
        service.retire();
        service.log_as(&spec);
        service.current = Some(Instance::to_start(Recorded::new(generation, spec)));
        self.generation = generation;
    }
}
