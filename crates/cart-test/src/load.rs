//! A load that counts: every request has a number, and the answer must carry it back.
//!
//! What counts as lost: a request of which a byte was sent, or for which no connection could be
//! made, and that did not get its own answer. Nothing is asked again, not even a GET. One thing is
//! no loss: a kept connection that the server has closed *before* the next request was written
//! (its end was there to be read) is replaced by a new one, as every HTTP client does. nginx closes
//! idle connections so when it reloads.

mod caller;
mod socket;
mod tally;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use caller::{Caller, Request};
pub use socket::{OpenSocket, SocketReport};
use tally::Counter;
pub use tally::{Loss, Tally};

/// Connections of clients that do not wait for a slow answer.
const CALLERS: u32 = 16;
/// Clients of a load: so many requests at most are in a server's hands.
pub const CLIENTS: u64 = CALLERS as u64 + 2;
/// How long a client at full speed pauses after a loss: a refused connection costs it no time, and
/// would be the only thing it does.
const AFTER_LOSS: Duration = Duration::from_millis(10);

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// So many requests per second, at even intervals.
    PerSecond(u32),
    /// As many as 16 clients get answers to.
    Full,
}

/// A load on one address, until [`finish`](Self::finish). Half of its clients keep their
/// connections; each asks by GET and POST in turn. A client more asks for what is slow.
///
/// The app has to answer `GET /sequence/N` with `GET N` and `POST /sequence` with `POST ` and the
/// body; both also with the query `slow`, and after a while then.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Begins to ask.
    #[must_use]
    pub fn start(address: SocketAddr, rate: Rate) -> Self {
        let shared = Arc::new(Shared {
            address,
            number: AtomicU64::new(1),
            stopped: Mutex::new(false),
            stops: Condvar::new(),
            counter: Mutex::new(Counter::new()),
        });
        let interval = match rate {
            Rate::PerSecond(count) => Duration::from_secs(1) * CALLERS / count.max(1),
            Rate::Full => Duration::ZERO,
        };
        let begin = Instant::now();
        let mut clients = Vec::new();
        for index in 0..CALLERS {
            let first = begin + interval * index / CALLERS;
            let plan = Plan { first, interval, keep_alive: index % 2 == 0, slow: false };
            clients.push(spawn(&shared, plan));
        }
        for keep_alive in [true, false] {
            let plan = Plan { first: begin, interval: Duration::ZERO, keep_alive, slow: true };
            clients.push(spawn(&shared, plan));
        }
        Self { shared, clients }
    }

    /// How many requests got their answers until now.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.shared.counter().tally.answered
    }

    /// Asks no more, waits for the answers that are due, and says what came of all.
    ///
    /// # Panics
    /// When a client did, which is a mistake in this module.
    #[must_use]
    pub fn finish(self) -> Tally {
        self.shared.stop();
        for client in self.clients {
            client.join().unwrap_or_else(|_| panic!("a client of the load panicked"));
        }
        self.shared.counter().tally.clone()
    }
}

/// What the clients of one load share.
#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    number: AtomicU64,
    stopped: Mutex<bool>,
    stops: Condvar,
    counter: Mutex<Counter>,
}

impl Shared {
    fn counter(&self) -> MutexGuard<'_, Counter> {
        self.counter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.counter().stop();
        self.stops.notify_all();
    }

    /// Waits until `at`; `false` when the load stops before.
    fn wait_until(&self, at: Instant) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let left = at.saturating_duration_since(Instant::now());
        let (stopped, _) = self
            .stops
            .wait_timeout_while(stopped, left, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        !*stopped
    }
}

/// What one client does.
#[derive(Clone, Copy, Debug)]
struct Plan {
    first: Instant,
    interval: Duration,
    keep_alive: bool,
    slow: bool,
}

fn spawn(shared: &Arc<Shared>, plan: Plan) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || call(&shared, plan))
}

fn call(shared: &Shared, plan: Plan) {
    let mut caller = Caller::new(shared.address, plan.keep_alive);
    let mut next = plan.first;
    let mut post = false;
    while shared.wait_until(next) {
        let number = shared.number.fetch_add(1, Ordering::Relaxed);
        let begin = Instant::now();
        let outcome = caller.ask(Request { number, post, slow: plan.slow });
        let end = Instant::now();
        next += plan.interval;
        if outcome.is_err() && plan.interval.is_zero() {
            next = end + AFTER_LOSS;
        }
        shared.counter().note(&outcome, begin, end, caller.take_reconnects(), plan.slow);
        post = !post;
    }
}

#[cfg(test)]
mod tests;
