//! A service that was started again after a crash, until it has answered: it is asked what a new
//! generation is asked, and serves meanwhile, for nobody else is there.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use serde::{Deserialize, Serialize};

use crate::protocol::messages::Failure;
use crate::sockets::probe::{Probing, Verdict};

/// How soon one that answered wrongly is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// What is still to be heard of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Returning {
    /// Whether anything is.
    pub(crate) has_to_answer: bool,
    /// The first of its sockets that has not answered.
    #[serde(skip)]
    socket: usize,
    #[serde(skip)]
    asked: Option<Probing>,
    #[serde(skip)]
    again_at: Option<Instant>,
}

impl Returning {
    /// One of which a former supervisor has not heard.
    pub(crate) fn awaited() -> Self {
        Self { has_to_answer: true, ..Self::default() }
    }

    /// It has crashed, again perhaps. A question that nobody has touched waits in the queue for the next
    /// process, which is spared the connection of somebody who went.
    pub(crate) fn crashed(&mut self) {
        let untouched = self.asked.take_if(|asked| self.socket == 0 && asked.advance().is_none());
        *self = Self { asked: untouched, ..Self::awaited() };
    }

    /// What to wait for.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        self.asked.as_ref().map(Probing::interest)
    }

    /// When to ask again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.again_at
    }

    /// Asks the next of its `sockets` as `probe` does, or hears what it answers. That a server takes long to
    /// come up is waited for: the question is in its queue.
    pub(crate) fn advance(
        &mut self,
        now: Instant,
        sockets: usize,
        probe: impl Fn(usize) -> Result<Probing, Failure>,
    ) {
        if self.again_at.is_some_and(|at| at > now) {
            return;
        }
        self.again_at = None;
        while self.has_to_answer {
            let verdict = match &mut self.asked {
                Some(probing) => probing.advance(),
                None => match probe(self.socket) {
                    Ok(probing) => {
                        self.asked = Some(probing);
                        continue;
                    }
                    Err(_) => Some(Verdict::NoHttp),
                },
            };
            let Some(verdict) = verdict else { return };
            self.asked = None;
            if verdict != Verdict::Proved {
                self.again_at = Some(now + PAUSE);
                return;
            }
            self.socket += 1;
            self.has_to_answer = self.socket < sockets;
        }
    }
}
