//! The words by which a cartridge's program is told to be one of the supervisor's own processes. What
//! follows them on the command line is said at [`run`](crate::run).

/// Be the supervisor.
pub(crate) const SUPERVISE: &str = "supervise";
/// The same for one that succeeds a killed one: what it kept running is to run.
pub(crate) const SUCCEED: &str = "succeed";
/// The same for one that was killed while it ended everything: that is to be done.
pub(crate) const SUCCEED_TO_END: &str = "succeed-to-end";
/// Go on as the supervisor that this process was until just now, as another program.
pub(crate) const TAKE_OVER: &str = "take-over";
/// See to it that there is a supervisor.
pub(crate) const GUARD: &str = "guard";
/// Write a log.
pub(crate) const WRITE_LOG: &str = "write-log";
