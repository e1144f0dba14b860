//! Where the output of the app goes, and who writes it.

use camino::Utf8PathBuf;
use cart_core::cartridge::Context;
use cart_core::{CommandSpec, LogLimits, programs};
use cart_supervisor::Logging;

use crate::names::APPSERVER;
use crate::running::supervisor::supervisor;

/// By what name a node's logshifter knows the app, so that its limits are
/// `LOGSHIFTER_ADVANCED_PYTHON_MAX_FILESIZE` and `_MAX_FILES`: with the hyphen of the cartridge's
/// name, nobody could set them.
const LOGSHIFTER_TAG: &str = "advanced_python";

/// Where the output of the app, as which `service` runs, goes, and who writes it: the node's
/// logshifter where there is one, else we. A node's is given its own limits by its own variables
/// (node-contract.md, Logs).
pub(crate) fn collected_log(
    ctx: &Context<'_>,
    service: &str,
    limits: LogLimits,
) -> (Utf8PathBuf, Logging) {
    let (log, writer) = logshifter(ctx, service).unwrap_or_else(|| {
        let log = ctx.dir.logs().join(format!("{service}.log"));
        let writer = supervisor(ctx.dir).log_writer(&log, limits);
        (log, writer)
    });
    (log, Logging::Collected { writer })
}

fn logshifter(ctx: &Context<'_>, service: &str) -> Option<(Utf8PathBuf, CommandSpec)> {
    let program = programs::find("logshifter", ctx.env, &["/usr/bin"]).ok()?;
    let logs = logshifter_logs(ctx);
    logs.is_dir().then(|| {
        let env = ctx.env.for_service();
        let tag = logshifter_tag(service);
        let writer = CommandSpec::new(program, &env).args(["-tag", &tag]);
        (logs.join(format!("{tag}.log")), writer.dir(ctx.dir.path()))
    })
}

/// Where logshifter would write.
pub(crate) fn logshifter_logs(ctx: &Context<'_>) -> Utf8PathBuf {
    let logs = ctx.env.directory("OPENSHIFT_LOG_DIR");
    logs.unwrap_or_else(|_| ctx.gear.home.join("app-root/logs"))
}

fn logshifter_tag(service: &str) -> String {
    match service {
        APPSERVER => LOGSHIFTER_TAG.to_owned(),
        other => format!("{LOGSHIFTER_TAG}_{}", other.replace('.', "_")),
    }
}

/// Whether a file in [`logshifter_logs`] is one of ours, by its name.
pub(crate) fn is_logshifter_log(name: &str) -> bool {
    let rest = name.strip_prefix(LOGSHIFTER_TAG).and_then(|rest| rest.strip_suffix(".log"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}
