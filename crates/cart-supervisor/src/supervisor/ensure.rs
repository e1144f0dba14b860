//! Services that are to run as a hook says: left alone where they do, begun anew where they do not.

use std::collections::VecDeque;
use std::time::Instant;

use crate::protocol::messages::{Change, Response, TURN_LIMIT};
use crate::protocol::service::{Listen, ServiceSpec};
use crate::sockets::connection::Connection;
use crate::supervisor::operation::{Operation, Turn};
use crate::supervisor::state::Supervisor;

/// How many replaced generations of a service may still be there when the next one is begun: restarts in
/// a row must not pile up servers.
const MOST_OLD: usize = 3;

impl Supervisor {
    /// Begins to make `specs` run, which are of one release. If one of them does not run so already, or
    /// with `renew`, all are started anew, and take their places together, when each has proved itself.
    pub(crate) fn ensure(&mut self, specs: Vec<ServiceSpec>, renew: bool, asked_by: Connection) {
        if specs.iter().all(|spec| self.is_left_alone(spec, renew)) {
            specs.iter().for_each(|spec| self.service(&spec.name).log_as(spec));
            self.note();
            asked_by.answer(&Response::Ensured(Change::Unchanged));
            return;
        }
        self.renew(specs.into(), Some(asked_by));
    }

    fn is_left_alone(&mut self, spec: &ServiceSpec, renew: bool) -> bool {
        let current = self.service(&spec.name).current.as_ref();
        let current = current.filter(|c| c.process.is_some());
        let as_wanted = current.is_some_and(|c| c.spec.serves_as(spec) && c.is_reachable());
        // Taken over from a former supervisor, it holds its port alone, and nobody else can have
        // it: whatever is wanted, it is left alone.
        let port_is_its_own = current.is_some_and(|c| c.held.is_empty())
            && spec.listen.iter().any(|l| matches!(l, Listen::Tcp(_)));
        port_is_its_own || (as_wanted && !renew)
    }

    /// Begins new generations, whatever runs now.
    pub(crate) fn renew(&mut self, specs: VecDeque<ServiceSpec>, asked_by: Option<Connection>) {
        let until = Instant::now() + TURN_LIMIT;
        self.advance_turn(Box::new(Turn { specs, asked_by, until }));
    }

    /// Begins them when few enough old generations are left, or the wait has been long enough.
    pub(crate) fn advance_turn(&mut self, turn: Box<Turn>) {
        let old = turn.specs.iter().map(|spec| self.service(&spec.name).old_generations()).max();
        if old > Some(MOST_OLD) && Instant::now() < turn.until {
            self.operation = Some(Operation::Wait(turn));
        } else {
            self.prove(turn.specs, turn.asked_by);
        }
    }
}
