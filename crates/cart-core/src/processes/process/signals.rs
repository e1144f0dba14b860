//! What a process does with a signal, as the system tells it in `/proc/PID/status`.

use rustix::process::Signal;

use super::ProcessId;

/// Whether the process has a handler for this signal. One that has none would be ended by most
/// signals.
#[must_use]
pub fn is_caught(process: ProcessId, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid));
    let caught = status.is_ok_and(|status| holds(&status, "SigCgt:", signal));
    // The pid may have been another process's when it was asked.
    caught && process.is_alive()
}

/// The threads of a process that keep this signal out. A handler that runs does so for its own
/// thread, unless it was installed otherwise.
#[must_use]
pub fn blocking_threads(process: ProcessId, signal: Signal) -> Vec<u32> {
    threads(process).filter(|(_, status)| holds(status, "SigBlk:", signal)).map(|t| t.0).collect()
}

/// Whether this signal was sent to the process, or to a thread of it, and has not arrived yet.
#[must_use]
pub fn is_pending(process: ProcessId, signal: Signal) -> bool {
    let pending = ["SigPnd:", "ShdPnd:"];
    threads(process).any(|(_, status)| pending.iter().any(|mask| holds(&status, mask, signal)))
}

fn threads(process: ProcessId) -> impl Iterator<Item = (u32, String)> {
    let entries = std::fs::read_dir(format!("/proc/{}/task", process.pid));
    entries.into_iter().flatten().flatten().filter_map(|entry| {
        let thread = entry.file_name().to_str()?.parse().ok()?;
        Some((thread, std::fs::read_to_string(entry.path().join("status")).ok()?))
    })
}

/// Whether the mask, hexadecimal digits with signal 1 as the lowest bit, has this signal.
fn holds(status: &str, mask: &str, signal: Signal) -> bool {
    let digits = status.lines().find_map(|line| line.strip_prefix(mask)).map(str::trim);
    let mask = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
    mask >> (signal.as_raw() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_counts_from_signal_one() {
        let status = "Name:\tx\nSigBlk:\t0000000000000000\nSigCgt:\t0000000000008001\n";
        assert!(holds(status, "SigCgt:", Signal::HUP));
        assert!(holds(status, "SigCgt:", Signal::STKFLT));
        assert!(!holds(status, "SigCgt:", Signal::INT));
        assert!(!holds(status, "SigBlk:", Signal::HUP));
        assert!(!holds("", "SigCgt:", Signal::HUP));
    }

    #[test]
    fn this_process_catches_what_rust_does_and_waits_for_nothing() {
        let me = ProcessId::of(std::process::id()).unwrap();
        assert!(is_caught(me, Signal::SEGV), "Rust tells a stack that overflowed by it");
        assert!(!is_caught(me, Signal::STKFLT));
        assert!(!is_pending(me, Signal::STKFLT));
        assert!(!is_caught(ProcessId { started: me.started + 1, ..me }, Signal::SEGV));
    }
}
