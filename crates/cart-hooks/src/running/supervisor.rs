//! The supervisor of this cartridge, which is the cartridge's program, too.

use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::CartridgeDir;
use cart_supervisor::SupervisorProcess;

/// How long a stop may take before what is left is killed, whatever the drain times say: inside the
/// 234 seconds of a node's operation (node-contract.md, Running scripts), which it may have to share.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(180);
/// How long what no supervisor knows of may take to end.
pub(crate) const STRAYS_LIMIT: Duration = Duration::from_secs(30);

/// The supervisor of the cartridge in `dir`.
pub(crate) fn supervisor(dir: &CartridgeDir) -> SupervisorProcess {
    SupervisorProcess::new(dir, &program(dir))
}

pub(crate) fn program(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.usr().join("bin/advanced-python")
}
