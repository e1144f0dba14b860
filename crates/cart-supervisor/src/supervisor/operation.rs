//! The one change under way: new generations that prove themselves or wait for their turn, or services
//! being stopped.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::event::PollFlags;

use crate::protocol::messages::Failure;
use crate::protocol::service::ServiceSpec;
use crate::services::failing::{self, Failing};
use crate::services::instance::Instance;
use crate::sockets::connection::Connection;
use crate::sockets::probe::Probing;

/// A change that takes time, and who waits for it.
#[derive(Debug)]
pub(crate) enum Operation {
    /// New generations prove themselves.
    Prove(Box<Proof>),
    /// Services are stopped one after the other.
    Stop(Stopping),
    /// New generations wait until fewer old ones are left.
    Wait(Box<Turn>),
}

/// New generations that are not begun yet.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) specs: VecDeque<ServiceSpec>,
    /// Nobody, where the supervisor found it necessary by itself.
    pub(crate) asked_by: Option<Connection>,
    pub(crate) until: Instant,
}

/// Services on their way out.
#[derive(Debug)]
pub(crate) struct Stopping {
    pub(crate) left: VecDeque<String>,
    /// The one behind which others are, and until when they wait for it; `None` when nobody named one, or they
    /// wait no more.
    pub(crate) first: Option<(String, Instant)>,
    /// When what is left is killed, however long it may still drain.
    pub(crate) kill_at: Option<Instant>,
    pub(crate) asked_by: Option<Connection>,
}

impl Operation {
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Prove(proof) => proof.interest(),
            Self::Stop(_) | Self::Wait(_) => None,
        }
    }

    /// Whether a generation of the service called `name` is proving itself.
    pub(crate) fn proves(&self, name: &str) -> bool {
        matches!(self, Self::Prove(proof) if proof.is_of(name))
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Prove(proof) => Some(proof.due()),
            Self::Stop(stopping) => {
                let first_until = stopping.first.as_ref().map(|(_, until)| *until);
                [first_until, stopping.kill_at].into_iter().flatten().min()
            }
            Self::Wait(turn) => Some(turn.until),
        }
    }
}

/// New generations on trial.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The one whose turn it is.
    pub(crate) candidate: Instance,
    pub(crate) step: Step,
    /// Those that have proved themselves.
    pub(crate) proved: Vec<Instance>,
    /// Those whose turn comes.
    pub(crate) next: VecDeque<ServiceSpec>,
    /// The service that was named first.
    pub(crate) first: String,
    pub(crate) asked_by: Option<Connection>,
}

/// How far the one whose turn it is has come.
#[derive(Debug)]
pub(crate) enum Step {
    /// It has been asked something, on one of its sockets.
    Asked { probing: Probing, socket: usize, deadline: Instant },
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

    /// Whether a generation of the service called `name` is among them.
    pub(crate) fn is_of(&self, name: &str) -> bool {
        self.candidates().any(|candidate| candidate.spec.name == name)
    }

    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Instance> {
        self.proved.iter().chain([&self.candidate])
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.step = Step::Failed(Failing::new(failure, &self.candidate));
    }
}
