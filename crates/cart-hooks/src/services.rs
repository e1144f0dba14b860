//! The services of this cartridge, as the supervisor is told of them: the Python server, nginx, and
//! what the Procfile has beside them.

use camino::Utf8PathBuf;
use cart_core::cartridge::Context;
use cart_core::{CommandSpec, GearEnv, LogLimits, Setting, programs};
use cart_nginx::settings::{MAX_RESPONSE_HEAD_SIZE, READ_TIMEOUT};
use cart_nginx::{Nginx, Site, layout};
use cart_python::procfile::Process;
use cart_python::settings::{LOG_FILES, LOG_SIZE, PROCESSES};
use cart_python::stacks;
use cart_supervisor::{Listen, Logging, Probe, ServiceSpec, Stop, StopSignal, SupervisorProcess};

use crate::official;
use crate::ready::Ready;

/// The Python server.
pub(crate) const APPSERVER: &str = "appserver";
/// nginx.
pub(crate) const NGINX: &str = "nginx";

/// Seconds that a replaced server serves on: nginx lets no pooled connection to it live longer
/// than two, and one may have been opened just before the swap.
const LINGER: u64 = 5;
/// Seconds that a server gets beyond the time for its requests: it ends then by itself, and says what
/// held it up.
const APPSERVER_GRACE: u64 = 2;
/// Seconds until an nginx that was just tested must react.
const NGINX_START_LIMIT: u64 = 30;
/// Seconds that nginx gets beyond the time it gives to its clients.
const NGINX_GRACE: u64 = 5;

/// What runs the lines of a Procfile.
pub(crate) const SHELL: &str = "/bin/sh";

/// Of no concern to the app: another limit, or one process more, is no reason for another server.
const OF_NO_CONCERN: [Setting; 3] = [LOG_SIZE, LOG_FILES, PROCESSES];

/// By what name a node's logshifter knows the app, so that its limits are
/// `LOGSHIFTER_ADVANCED_PYTHON_MAX_FILESIZE` and `_MAX_FILES`: with the hyphen of the cartridge's
/// name, nobody could set them.
const LOGSHIFTER_TAG: &str = "advanced_python";

/// All services as they are wanted, and the nginx that is told of a new configuration.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) appserver: ServiceSpec,
    pub(crate) nginx: ServiceSpec,
    pub(crate) background: Vec<ServiceSpec>,
    pub(crate) master: Nginx,
}

impl Wanted {
    /// What `ready` says.
    pub(crate) fn of(ctx: &Context<'_>, ready: &Ready) -> Self {
        Self {
            appserver: appserver(ctx, ready),
            nginx: nginx(ctx, &ready.nginx, &ready.site),
            background: background(ctx, ready),
            master: ready.nginx.clone(),
        }
    }
}

/// The supervisor of this cartridge on this gear.
pub(crate) fn supervisor(ctx: &Context<'_>) -> SupervisorProcess {
    SupervisorProcess::new(ctx.dir, &ctx.dir.usr().join("bin/advanced-python"))
}

/// The Python server on `run/appserver.sock`.
fn appserver(ctx: &Context<'_>, ready: &Ready) -> ServiceSpec {
    let settings = &ready.app.settings;
    let nginx_version = ready.nginx.binary().build.version.to_string();
    let limits = &ready.site.settings;
    let mut command = ready
        .prepared
        .command()
        .env("OPENSHIFT_NGINX_VERSION", nginx_version)
        .env(READ_TIMEOUT.name, limits.read_timeout.to_string())
        .env(MAX_RESPONSE_HEAD_SIZE.name, limits.max_response_head_size.to_string());
    complete(ctx, ready, &mut command.env);
    let (log, logging) = collected_log(ctx, APPSERVER, settings.log_limits);
    ServiceSpec {
        name: APPSERVER.to_owned(),
        label: ready.prepared.server.name().to_owned(),
        command,
        listen: vec![Listen::Unix(ctx.dir.run().join("appserver.sock"))],
        log,
        logging,
        probe: probe(ready),
        start_limit: settings.start_timeout.as_secs(),
        stop: Stop {
            signal: StopSignal::Term,
            linger: LINGER,
            drain: ready.prepared.drain().as_secs() + APPSERVER_GRACE,
        },
        asked_where: stacks::SIGNALS.to_vec(),
    }
}

/// The processes that the Procfile has beside the server, in the place and the environment of its
/// `release:` line.
fn background(ctx: &Context<'_>, ready: &Ready) -> Vec<ServiceSpec> {
    let settings = &ready.app.settings;
    let drain = settings.drain_timeout.as_secs() + APPSERVER_GRACE;
    let spec = |(name, line): (String, &Process)| {
        let mut command = ready.app.command(SHELL).args(["-c", &line.command_to_become()]);
        complete(ctx, ready, &mut command.env);
        let (log, logging) = collected_log(ctx, &name, settings.log_limits);
        // By the line's name: what it says of keys and the like is in no log.
        let spec = ServiceSpec::background(name, line.name.clone(), command, drain);
        ServiceSpec { log, logging, ..spec }
    };
    ready.prepared.background.processes().map(spec).collect()
}

/// What the app's own processes find in their environment, and what not.
fn complete(ctx: &Context<'_>, ready: &Ready, env: &mut GearEnv) {
    for (name, value) in official::variables(ctx, Some(&ready.prepared.python)) {
        env.set(name, value);
    }
    OF_NO_CONCERN.iter().for_each(|setting| env.remove(setting.name));
}

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
        let writer = supervisor(ctx).log_writer(&log, limits);
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

/// nginx on the gear's address.
pub(crate) fn nginx(ctx: &Context<'_>, nginx: &Nginx, site: &Site) -> ServiceSpec {
    ServiceSpec {
        name: NGINX.to_owned(),
        label: nginx_label(nginx),
        command: nginx.command(),
        listen: vec![Listen::Tcp(site.listen)],
        log: layout::error_log(ctx.dir),
        logging: Logging::Own {
            files: vec![layout::access_log(ctx.dir), layout::error_log(ctx.dir)],
            limits: site.settings.log_limits,
        },
        probe: Probe::Reaction,
        start_limit: NGINX_START_LIMIT,
        stop: Stop {
            signal: StopSignal::Quit,
            linger: 0,
            drain: site.settings.shutdown_timeout + NGINX_GRACE,
        },
        asked_where: Vec::new(),
    }
}

/// nginx's name, for people.
pub(crate) fn nginx_label(nginx: &Nginx) -> String {
    format!("nginx {}", nginx.binary().build.version)
}

/// What the app is asked for proof.
pub(crate) fn probe(ready: &Ready) -> Probe {
    let settings = &ready.app.settings;
    Probe::Http {
        path: settings.probe_path.as_str().to_owned(),
        host: ready.site.host.clone().unwrap_or_else(|| ready.site.listen.to_string()),
        statuses: settings.probe_statuses.ranges().to_vec(),
    }
}
