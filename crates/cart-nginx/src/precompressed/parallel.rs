//! Work on several cores.

use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

/// A gear's memory is small, and each thread takes up to 50 MB for it.
const THREADS: usize = 4;

/// Does all `jobs` and answers their results, in no order. Jobs that `alone` answers true for are done by
/// one thread, one after the other and first, the others by as many threads as there are cores.
pub(super) fn each<J: Send, R: Send>(
    jobs: Vec<J>,
    alone: impl Fn(&J) -> bool,
    work: impl Fn(J) -> R + Sync,
) -> Vec<R> {
    let (large, small): (Vec<J>, Vec<J>) = jobs.into_iter().partition(alone);
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let helpers = (cores.min(THREADS) - 1).min(small.len());
    let small = Mutex::new(small.into_iter());
    let results = Mutex::new(Vec::new());
    let do_small = || {
        // A lock of its own line: it must be free while the work is done.
        while let Some(job) = { lock(&small).next() } {
            let result = work(job);
            lock(&results).push(result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..helpers {
            // Where no thread is left, this one does it all.
            let _ = thread::Builder::new().spawn_scoped(scope, do_small);
        }
        for job in large {
            let result = work(job);
            lock(&results).push(result);
        }
        do_small();
    });
    results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What it guards is whole after every step; that another thread panicked is told by the scope.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once() {
        for count in [0, 1, 100] {
            let jobs: Vec<u32> = (0..count).collect();
            let mut done = each(jobs.clone(), |job| job % 3 == 0, |job| job);
            done.sort_unstable();
            assert_eq!(done, jobs);
        }
    }
}
