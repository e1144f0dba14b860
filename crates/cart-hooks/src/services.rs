//! The services of this cartridge, as the supervisor is told of them: the Python server, nginx, what
//! the Procfile has beside them, and what tells figures.

use camino::Utf8PathBuf;
use cart_core::cartridge::Context;
use cart_core::{CartridgeDir, CommandSpec, GearEnv, LogLimits, Setting, programs};
use cart_nginx::settings::{MAX_RESPONSE_HEAD_SIZE, READ_TIMEOUT};
use cart_nginx::{Connections, FolderPath, Nginx, Site, Upstream, WebsocketServer, layout};
use cart_python::ReadyServer;
use cart_python::procfile::Process;
use cart_python::settings::{LOG_FILES, LOG_SIZE, PROCESSES};
use cart_python::{stacks, websocket};
use cart_supervisor::{
    Listen, Logging, Probe, ServiceSpec, ServiceStatus, Stop, StopSignal, SupervisorProcess,
};

use crate::official;
use crate::ready::Ready;
use crate::{serve_metrics, watch_files};

/// The Python server.
pub(crate) const APPSERVER: &str = "appserver";
/// The second one, if somebody wants one.
pub(crate) const WEBSOCKETSERVER: &str = "websocketserver";
/// nginx.
pub(crate) const NGINX: &str = "nginx";
/// What tells figures to Prometheus, if a path for it is set.
pub(crate) const METRICS: &str = "metrics";

/// What looks after the files that were compressed.
pub(crate) const FILES: &str = "static-files";

/// Seconds that a replaced server serves on: nginx lets no pooled connection to it live longer
/// than two, and one may have been opened just before the swap.
const LINGER: u64 = 5;
/// Seconds that a server gets beyond the time for its requests: it ends then by itself, and says what
/// held it up.
const APPSERVER_GRACE: u64 = 2;
/// Seconds until an nginx that was just tested must react.
const NGINX_START_LIMIT: u64 = 30;
/// Seconds for what tells figures: to start, to end, and to answer who came just before it was replaced.
const METRICS_LIMIT: u64 = 10;
/// Seconds for what looks after files to end.
const FILES_LIMIT: u64 = 2;
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
    pub(crate) websocketserver: Option<ServiceSpec>,
    pub(crate) nginx: ServiceSpec,
    pub(crate) metrics: Option<ServiceSpec>,
    pub(crate) background: Vec<ServiceSpec>,
    pub(crate) files: Option<ServiceSpec>,
    pub(crate) master: Nginx,
}

impl Wanted {
    /// What `ready` says.
    pub(crate) fn of(ctx: &Context<'_>, ready: &Ready) -> Self {
        Self {
            appserver: server(ctx, ready, APPSERVER, &ready.prepared.app),
            websocketserver: ready.prepared.websocket.as_ref().map(|second| ServiceSpec {
                // What it is asked below its path is the app's business: any answer is one.
                probe: websocket_probe(ready),
                ..server(ctx, ready, WEBSOCKETSERVER, second)
            }),
            nginx: nginx(ctx, &ready.nginx, &ready.site),
            metrics: ready.site.settings.metrics_path.as_ref().map(|_| metrics(ctx)),
            background: background(ctx, ready),
            files: files(ctx, ready),
            master: ready.nginx.clone(),
        }
    }

    /// The servers that run the app.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &ServiceSpec> {
        std::iter::once(&self.appserver).chain(&self.websocketserver)
    }
}

/// Whether it is one of the processes that the app's Procfile has beside the server.
pub(crate) fn is_of_procfile(service: &ServiceStatus) -> bool {
    service.listen.is_empty() && service.name != FILES
}

/// Where nginx finds a server: on one socket, or on one for each worker.
pub(crate) fn upstream(dir: &CartridgeDir, service: &str, sockets: u32) -> Upstream {
    let socket = |nth| match nth {
        1 => dir.run().join(format!("{service}.sock")),
        nth => dir.run().join(format!("{service}-{nth}.sock")),
    };
    Upstream { sockets: (1..=sockets).map(socket).collect(), connections: Connections::Pooled }
}

/// The second server as nginx knows it, which gets what is at and below `path`, a path such as
/// [`websocket::PATH`] allows.
pub(crate) fn websocketserver(path: &str, upstream: Upstream) -> Option<WebsocketServer> {
    let at = FolderPath::parse(&format!("{path}/"))?;
    Some(WebsocketServer { at, upstream })
}

/// The supervisor of this cartridge on this gear.
pub(crate) fn supervisor(ctx: &Context<'_>) -> SupervisorProcess {
    supervisor_in(ctx.dir)
}

/// The supervisor of the cartridge in `dir`.
pub(crate) fn supervisor_in(dir: &CartridgeDir) -> SupervisorProcess {
    SupervisorProcess::new(dir, &program(dir))
}

fn program(dir: &CartridgeDir) -> Utf8PathBuf {
    dir.usr().join("bin/advanced-python")
}

/// A Python server on its sockets in `run/`.
fn server(ctx: &Context<'_>, ready: &Ready, name: &str, server: &ReadyServer) -> ServiceSpec {
    let settings = &ready.app.settings;
    let nginx_version = ready.nginx.binary().build.version.to_string();
    let limits = &ready.site.settings;
    let mut command = server
        .command()
        .env("OPENSHIFT_NGINX_VERSION", nginx_version)
        .env(READ_TIMEOUT.name, limits.read_timeout.to_string())
        .env(MAX_RESPONSE_HEAD_SIZE.name, limits.max_response_head_size.to_string());
    if let (Some(second), Some(set)) = (&ready.prepared.websocket, &settings.websocket) {
        // What it came to, so that the app can say it.
        command = command
            .env(websocket::SERVER.name, second.server().name())
            .env(websocket::PATH.name, &set.path);
    }
    complete(ctx, ready, &mut command.env);
    let (log, logging) = collected_log(ctx, name, settings.log_limits);
    let sockets = upstream(ctx.dir, name, server.sockets()).sockets;
    ServiceSpec {
        name: name.to_owned(),
        label: server.server().name().to_owned(),
        command,
        listen: sockets.into_iter().map(Listen::Unix).collect(),
        log,
        logging,
        probe: probe(ready),
        start_limit: settings.start_timeout.as_secs(),
        stop: Stop {
            signal: StopSignal::Term,
            linger: LINGER,
            drain: server.drain().as_secs() + APPSERVER_GRACE,
        },
        asked_where: stacks::SIGNALS.to_vec(),
        max_memory: settings.max_memory,
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
        max_memory: None,
    }
}

/// What tells figures to Prometheus.
fn metrics(ctx: &Context<'_>) -> ServiceSpec {
    ServiceSpec {
        name: METRICS.to_owned(),
        label: METRICS.to_owned(),
        command: CommandSpec::new(program(ctx.dir), &GearEnv::new())
            .args([serve_metrics::WORD, ctx.dir.path().as_str()])
            .dir(ctx.dir.path()),
        listen: vec![Listen::Unix(layout::metrics_socket(ctx.dir))],
        log: ctx.dir.logs().join("supervisor.log"),
        logging: Logging::default(),
        probe: Probe::Reaction,
        start_limit: METRICS_LIMIT,
        stop: Stop { signal: StopSignal::Term, linger: METRICS_LIMIT, drain: METRICS_LIMIT },
        asked_where: Vec::new(),
        max_memory: None,
    }
}

/// What looks after the files that were compressed, where there are some.
fn files(ctx: &Context<'_>, ready: &Ready) -> Option<ServiceSpec> {
    let site = &ready.site;
    let arguments = site.precompressed.exists().then(|| {
        let sources = site.sources(&ready.app.places.environment);
        watch_files::arguments(&site.precompressed, &sources)
    })?;
    let command = CommandSpec::new(program(ctx.dir), &GearEnv::new());
    let command = command.args(arguments).dir(ctx.dir.path());
    let log = ctx.dir.logs().join("supervisor.log");
    let spec = ServiceSpec::background(FILES.to_owned(), FILES.to_owned(), command, FILES_LIMIT);
    Some(ServiceSpec { log, ..spec })
}

/// nginx's name, for people.
pub(crate) fn nginx_label(nginx: &Nginx) -> String {
    format!("nginx {}", nginx.binary().build.version)
}

/// What the second server is asked for proof: whatever it answers below its path.
pub(crate) fn websocket_probe(ready: &Ready) -> Probe {
    let second = ready.app.settings.websocket.as_ref();
    let path = second.map_or_else(|| "/".to_owned(), |second| second.path.clone());
    match probe(ready) {
        // Two are nginx's, for a server that it does not reach.
        Probe::Http { host, .. } => {
            Probe::Http { path, host, statuses: vec![100..=501, 503..=503, 505..=599] }
        }
        other => other,
    }
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
