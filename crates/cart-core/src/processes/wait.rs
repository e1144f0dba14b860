//! Waiting for conditions: by a descriptor that announces them, or else by looking again and again.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Asks `condition` until it answers `Some` or `limit` is over, at growing intervals of 1 to 50
/// milliseconds. It is asked at least once.
pub fn until<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(answer) = condition() {
            return Some(answer);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the pause between two looks at a condition"
        )]
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Waits until `descriptor` is readable, or has come to its end; not longer than `limit`, and maybe less: a
/// signal ends the wait, too. Whoever calls looks at what was waited for.
pub fn readable(descriptor: impl AsFd, limit: Duration) {
    // One that cannot be told is longer than anybody waits.
    let timeout = Timespec::try_from(limit).ok();
    // What cannot be waited for is looked at.
    let _ = poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], timeout.as_ref());
}
