//! New generations on trial: each must answer on all of its sockets, one after the other, and only when
//! all have done so they take their predecessors' places.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::protocol::messages::{Change, Failure, Response};
use crate::protocol::service::{Listen, Probe, ServiceSpec};
use crate::services::draining::{Draining, leftovers};
use crate::services::instance::Instance;
use crate::sockets::connection::{Connection, answer};
use crate::sockets::probe::Verdict;
use crate::supervisor::operation::{Operation, Proof, Step};
use crate::supervisor::state::Supervisor;

/// Seconds that a generation which never proved itself gets to end.
const NOTHING_TO_FINISH: u64 = 5;

/// How long a service must stay alive that shares a port with its predecessor.
const SETTLING: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Starts a new generation of each service, and asks it for proof. One that nobody asked for is what
    /// would be started again after a crash: what lies in its place now may be half there.
    pub(crate) fn prove(&mut self, mut specs: VecDeque<ServiceSpec>, asked_by: Option<Connection>) {
        let Some(spec) = specs.pop_front() else { return };
        let first = spec.name.clone();
        match self.put_on_trial(spec, asked_by.is_none()) {
            Ok((candidate, step)) => {
                let (proved, next) = (Vec::new(), specs);
                let proof = Proof { candidate, step, proved, next, first, asked_by };
                self.operation = Some(Operation::Prove(Box::new(proof)));
                self.note();
            }
            Err(failure) => answer(asked_by, &Response::Failed(failure)),
        }
    }

    fn put_on_trial(
        &mut self,
        spec: ServiceSpec,
        unasked: bool,
    ) -> Result<(Instance, Step), Failure> {
        self.generation += 1;
        let (name, generation) = (spec.name.clone(), self.generation);
        self.launch(spec, unasked).inspect_err(|failure| {
            self.log.line(format_args!("{name}: generation {generation} failed: {failure}"));
        })
    }

    fn launch(&mut self, spec: ServiceSpec, unasked: bool) -> Result<(Instance, Step), Failure> {
        let (generation, limit) = (self.generation, Duration::from_secs(spec.start_limit));
        let output = self.output(&spec)?;
        let former = self.service(&spec.name).current.as_ref();
        let again_with = former.filter(|_| unasked).and_then(|f| f.again_with.clone());
        let mut candidate = Instance::open(spec, generation, former)?;
        candidate.again_with = again_with;
        match candidate.start(output).and_then(|()| candidate.probe(0)) {
            Ok(probing) => {
                let deadline = Instant::now() + limit;
                Ok((candidate, Step::Asked { probing, socket: 0, deadline }))
            }
            Err(failure) => {
                candidate.unlink();
                let name = candidate.spec.name.clone();
                self.service(&name).draining.extend(Draining::new(candidate, false));
                Err(failure)
            }
        }
    }

    pub(crate) fn advance_proof(&mut self, mut proof: Box<Proof>) {
        let now = Instant::now();
        match &mut proof.step {
            Step::Settling(at) if now >= *at => return self.proved(*proof),
            Step::Settling(_) => {}
            Step::Asked { probing, socket, deadline } => match probing.advance() {
                Some(Verdict::Proved) if proof.candidate.held.len() > *socket + 1 => {
                    *socket += 1;
                    match proof.candidate.probe(*socket) {
                        Ok(next) => *probing = next,
                        Err(failure) => proof.fail(failure),
                    }
                }
                Some(Verdict::Proved) if self.shares_a_port(&proof.candidate) => {
                    proof.step = Step::Settling(now + SETTLING);
                }
                Some(Verdict::Proved) => return self.proved(*proof),
                Some(verdict) => {
                    let failure = failure_of(verdict, &proof.candidate.spec.probe);
                    proof.fail(failure);
                }
                None if now >= *deadline => {
                    let seconds = proof.candidate.spec.start_limit;
                    proof.fail(Failure::NoAnswer { seconds, last_lines: Vec::new() });
                }
                None => {}
            },
            Step::Failed(failing) => {
                let service = self.service(&proof.candidate.spec.name);
                if failing.is_told(&proof.candidate, service) {
                    let lines = proof.candidate.last_lines();
                    let failure = failing.failure.clone().with_lines(lines);
                    return self.give_up_proof(*proof, failure);
                }
            }
        }
        self.operation = Some(Operation::Prove(proof));
    }

    /// The candidate has not proved itself: it goes, with all that were to take their places together
    /// with it, and what served before goes on serving.
    pub(crate) fn give_up_proof(&mut self, proof: Proof, failure: Failure) {
        let Instance { spec, generation, .. } = &proof.candidate;
        self.log.line(format_args!("{}: generation {generation} failed: {failure}", spec.name));
        let service = spec.name.clone();
        self.give_up_candidates(proof, service, failure);
    }

    fn give_up_candidates(&mut self, proof: Proof, service: String, failure: Failure) {
        let Proof { candidate, proved, first, asked_by, .. } = proof;
        for mut candidate in proved.into_iter().chain([candidate]) {
            // Nobody has asked it anything but us: it has nothing to finish.
            candidate.spec.stop.drain = candidate.spec.stop.drain.min(NOTHING_TO_FINISH);
            candidate.unlink();
            let name = candidate.spec.name.clone();
            self.service(&name).draining.extend(Draining::new(candidate, false));
        }
        self.note();
        let response = if service == first {
            Response::Failed(failure)
        } else {
            Response::FailedBeside { service, failure }
        };
        answer(asked_by, &response);
    }

    /// The generations that are proving themselves, for the record.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Instance> {
        let proof = match &self.operation {
            Some(Operation::Prove(proof)) => Some(proof),
            _ => None,
        };
        proof.into_iter().flat_map(|proof| proof.candidates())
    }

    /// Whether the process that ended was one that is proving itself, or has.
    pub(crate) fn candidate_ended(&mut self, pid: u32, how: &str) -> bool {
        let Some(Operation::Prove(proof)) = &mut self.operation else {
            return false;
        };
        let is_it = |instance: &&mut Instance| instance.process.is_some_and(|p| p.id.pid == pid);
        let has_failed = matches!(proof.step, Step::Failed(_));
        // What is told is the failure of the one that has failed first.
        if let Some(proved) = proof.proved.iter_mut().find(is_it).filter(|_| !has_failed) {
            // It has not, after all.
            std::mem::swap(&mut proof.candidate, proved);
        }
        let (is_candidate, ended) = match proof.proved.iter_mut().find(is_it) {
            Some(proved) => (false, proved),
            None => (true, &mut proof.candidate),
        };
        if ended.process.take_if(|p| p.id.pid == pid).is_none() {
            return false;
        }
        let (spec, generation) = (ended.spec.clone(), ended.generation);
        let known = match &proof.step {
            Step::Failed(failing) => !matches!(failing.failure, Failure::NoHttp { .. }),
            _ => false,
        };
        if is_candidate && !known {
            proof.fail(Failure::Ended { status: how.to_owned(), last_lines: Vec::new() });
        }
        let left = leftovers(&spec, generation, pid);
        self.service(&spec.name).draining.extend(left);
        true
    }

    fn shares_a_port(&self, candidate: &Instance) -> bool {
        let name = &candidate.spec.name;
        let current =
            self.services.iter().find(|s| s.name == *name).and_then(|s| s.current.as_ref());
        current.filter(|c| c.process.is_some()).is_some_and(|current| {
            let port = |listen: &&Listen| matches!(listen, Listen::Tcp(_));
            candidate.spec.listen.iter().filter(port).any(|l| current.spec.listen.contains(l))
        })
    }

    /// The candidate has proved itself: the next one's turn has come.
    fn proved(&mut self, mut proof: Proof) {
        let Some(spec) = proof.next.pop_front() else { return self.promote(proof) };
        let name = spec.name.clone();
        match self.put_on_trial(spec, proof.asked_by.is_none()) {
            Ok((candidate, step)) => {
                proof.proved.push(std::mem::replace(&mut proof.candidate, candidate));
                proof.step = step;
                self.operation = Some(Operation::Prove(Box::new(proof)));
                self.note();
            }
            Err(failure) => self.give_up_candidates(proof, name, failure),
        }
    }

    /// All have proved themselves: they take the places of their predecessors, which drain.
    fn promote(&mut self, mut proof: Proof) {
        // All or none: of two sockets one that is gone must not be noticed after the other was renamed.
        let all_there = proof.candidates().try_for_each(Instance::can_be_published);
        let published = all_there.and_then(|()| {
            proof.proved.iter_mut().chain([&mut proof.candidate]).try_for_each(Instance::publish)
        });
        if let Err(failure) = published {
            return self.give_up_proof(proof, failure);
        }
        let Proof { candidate, proved, asked_by, .. } = proof;
        let mut changes: Vec<Change> =
            proved.into_iter().map(|instance| self.put_in_place(instance)).collect();
        changes.push(self.put_in_place(candidate));
        self.note();
        let replaced = changes.contains(&Change::Replaced);
        let change = if replaced { Change::Replaced } else { Change::Started };
        answer(asked_by, &Response::Ensured(change));
    }

    fn put_in_place(&mut self, candidate: Instance) -> Change {
        let name = candidate.spec.name.clone();
        self.log.line(format_args!(
            "{name}: generation {} ({}) serves as pid {}",
            candidate.generation,
            candidate.spec.label,
            candidate.process.map_or(0, |p| p.id.pid)
        ));
        let service = self.service(&name);
        let old = service.current.replace(candidate);
        let change = if old.is_some() { Change::Replaced } else { Change::Started };
        service.draining.extend(old.and_then(|instance| Draining::new(instance, true)));
        change
    }
}

fn failure_of(verdict: Verdict, probe: &Probe) -> Failure {
    let last_lines = Vec::new();
    match (verdict, probe) {
        (Verdict::WrongStatus(status), Probe::Http { path, .. }) => {
            Failure::WrongStatus { path: path.clone(), status, last_lines }
        }
        _ => Failure::NoHttp { last_lines },
    }
}
