//! A new generation on trial: it must answer, and only then takes its predecessor's place.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use cart_core::CommandSpec;
use rustix::event::PollFlags;

use crate::connection::Connection;
use crate::draining::Draining;
use crate::failing::{self, Failing};
use crate::instance::Instance;
use crate::operation::{Operation, answer, leftovers};
use crate::probe::{Probing, Verdict};
use crate::protocol::{Change, Failure, Response};
use crate::service::{Listen, Probe, ServiceSpec};
use crate::supervisor::Supervisor;

/// Seconds that a generation which never proved itself gets to end.
const NOTHING_TO_FINISH: u64 = 5;

/// How long a service must stay alive that shares a port with its predecessor.
const SETTLING: Duration = Duration::from_secs(1);

/// A new generation on trial.
#[derive(Debug)]
pub(crate) struct Proof {
    candidate: Instance,
    step: Step,
    asked_by: Option<Connection>,
}

#[derive(Debug)]
enum Step {
    /// It has been asked something.
    Asked { probing: Probing, deadline: Instant },
    /// On a port that its predecessor serves, too, an answer proves little: then it must also stay
    /// alive until this moment.
    Settling(Instant),
    /// It has failed; its last lines may still be on their way to the log, and the news of its end
    /// to us.
    Failed(Failing),
}

impl Proof {
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match &self.step {
            Step::Asked { probing, .. } => Some(probing.interest()),
            Step::Settling(_) | Step::Failed(_) => None,
        }
    }

    pub(crate) fn due(&self) -> Instant {
        match &self.step {
            Step::Asked { deadline, .. } => *deadline,
            Step::Settling(at) => *at,
            Step::Failed(_) => Instant::now() + failing::LOOK,
        }
    }

    /// The name of its service.
    pub(crate) fn service(&self) -> &str {
        &self.candidate.spec.name
    }

    fn fail(&mut self, failure: Failure) {
        self.step = Step::Failed(Failing::new(failure, &self.candidate));
    }
}

impl Supervisor {
    /// Starts a new generation and asks it for proof. One that nobody asked for is what would be started
    /// again after a crash: what lies in its place now may be half there.
    pub(crate) fn prove(&mut self, spec: ServiceSpec, asked_by: Option<Connection>) {
        self.generation += 1;
        let former = self.service(&spec.name).current.as_ref();
        let again_with = former.filter(|_| asked_by.is_none()).and_then(|f| f.again_with.clone());
        match self.launch(spec, again_with) {
            Ok((candidate, probing)) => {
                let limit = Duration::from_secs(candidate.spec.start_limit);
                let step = Step::Asked { probing, deadline: Instant::now() + limit };
                self.operation =
                    Some(Operation::Prove(Box::new(Proof { candidate, step, asked_by })));
                self.note();
            }
            Err(failure) => {
                self.log.line(format_args!("generation {} failed: {failure}", self.generation));
                answer(asked_by, &Response::Failed(failure));
            }
        }
    }

    pub(crate) fn advance_proof(&mut self, mut proof: Box<Proof>) {
        let now = Instant::now();
        match &mut proof.step {
            Step::Settling(at) if now >= *at => return self.promote(*proof),
            Step::Settling(_) => {}
            Step::Asked { probing, deadline } => match probing.advance() {
                Some(Verdict::Proved) if self.shares_a_port(&proof.candidate) => {
                    proof.step = Step::Settling(now + SETTLING);
                }
                Some(Verdict::Proved) => return self.promote(*proof),
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

    /// The candidate has not proved itself: it goes, and what served before goes on serving.
    pub(crate) fn give_up_proof(&mut self, proof: Proof, failure: Failure) {
        let Proof { mut candidate, asked_by, .. } = proof;
        // Nobody has asked it anything but us: it has nothing to finish.
        candidate.spec.stop.drain = candidate.spec.stop.drain.min(NOTHING_TO_FINISH);
        let name = candidate.spec.name.clone();
        self.log
            .line(format_args!("{name}: generation {} failed: {failure}", candidate.generation));
        candidate.unlink();
        self.service(&name).draining.extend(Draining::new(candidate, false));
        self.note();
        answer(asked_by, &Response::Failed(failure));
    }

    /// The generation that is proving itself, for the record.
    pub(crate) fn candidate(&self) -> Option<&Instance> {
        match &self.operation {
            Some(Operation::Prove(proof)) => Some(&proof.candidate),
            _ => None,
        }
    }

    /// Whether the process that ended was the one proving itself.
    pub(crate) fn candidate_ended(&mut self, pid: u32, how: &str) -> bool {
        let Some(Operation::Prove(proof)) = &mut self.operation else {
            return false;
        };
        if proof.candidate.process.take_if(|p| p.id.pid == pid).is_none() {
            return false;
        }
        let known = match &proof.step {
            Step::Failed(failing) => !matches!(failing.failure, Failure::NoHttp { .. }),
            _ => false,
        };
        if !known {
            proof.fail(Failure::Ended { status: how.to_owned(), last_lines: Vec::new() });
        }
        let spec = proof.candidate.spec.clone();
        let left = leftovers(&spec, proof.candidate.generation, pid);
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

    fn launch(
        &mut self,
        spec: ServiceSpec,
        again_with: Option<CommandSpec>,
    ) -> Result<(Instance, Probing), Failure> {
        let generation = self.generation;
        let output = self.output(&spec)?;
        let predecessor = self.service(&spec.name).current.as_ref();
        let mut candidate = Instance::open(spec, generation, predecessor)?;
        candidate.again_with = again_with;
        let started = candidate.start(output).and_then(|()| candidate.probe());
        match started {
            Ok(probing) => Ok((candidate, probing)),
            Err(failure) => {
                candidate.unlink();
                let name = candidate.spec.name.clone();
                self.service(&name).draining.extend(Draining::new(candidate, false));
                Err(failure)
            }
        }
    }

    /// The candidate has proved itself: it takes the place of its predecessor, which drains.
    fn promote(&mut self, mut proof: Proof) {
        if let Err(failure) = proof.candidate.publish() {
            return self.give_up_proof(proof, failure);
        }
        let Proof { candidate, asked_by, .. } = proof;
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
        self.note();
        answer(asked_by, &Response::Ensured(change));
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
