//! The services of this cartridge, as the supervisor is told of them: the Python server, nginx, what
//! the Procfile has beside them, and what tells figures.

use cart_core::cartridge::Context;
use cart_core::{CommandSpec, GearEnv, Setting};
use cart_nginx::{MAX_RESPONSE_HEAD_SIZE, Nginx, READ_TIMEOUT, Site, layout};
use cart_python::ReadyServer;
use cart_python::procfile::Process;
use cart_python::settings::{LOG_FILES, LOG_SIZE, PROCESSES};
use cart_python::{stacks, websocket};
use cart_supervisor::{Listen, Logging, Probe, ServiceSpec, Stop, StopSignal};

use crate::gear::official;
use crate::gear::watch_files;
use crate::names::{APPSERVER, FILES, METRICS, NGINX, SHELL, WEBSOCKETSERVER};
use crate::running::logs::collected_log;
use crate::running::serve_metrics;
use crate::running::supervisor::program;
use crate::running::upstreams::upstream;
use crate::start::ready::Ready;

/// Seconds that a replaced server serves on: nginx lets no pooled connection to it live longer
/// than two, and one may have been opened just before the swap.
const LINGER: u64 = 5;
/// Seconds that a server gets beyond the time for its requests: it ends then by itself, and says what
/// held it up.
pub(crate) const APPSERVER_GRACE: u64 = 2;
/// Seconds until an nginx that was just tested must react.
const NGINX_START_LIMIT: u64 = 30;
/// Seconds for what tells figures: to start, to end, and to answer who came just before it was replaced.
pub(crate) const METRICS_LIMIT: u64 = 10;
/// Seconds for what looks after files to end.
pub(crate) const FILES_LIMIT: u64 = 2;
/// Seconds that nginx gets beyond the time it gives to its clients.
pub(crate) const NGINX_GRACE: u64 = 5;

/// Of no concern to the app: another limit, or one process more, is no reason for another server.
const OF_NO_CONCERN: [Setting; 3] = [LOG_SIZE, LOG_FILES, PROCESSES];

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
    let listen = sockets.into_iter().map(Listen::Unix).collect();
    ServiceSpec {
        label: server.server().name().to_owned(),
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
        ..ServiceSpec::listening(name, command, listen, log)
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

/// nginx on the gear's address.
pub(crate) fn nginx(ctx: &Context<'_>, nginx: &Nginx, site: &Site) -> ServiceSpec {
    let listen = vec![Listen::Tcp(site.listen)];
    let (access, error) = (layout::access_log(ctx.dir), layout::error_log(ctx.dir));
    ServiceSpec {
        label: nginx_label(nginx),
        logging: Logging::Own {
            files: vec![access, error.clone()],
            limits: site.settings.log_limits,
        },
        start_limit: NGINX_START_LIMIT,
        stop: Stop {
            signal: StopSignal::Quit,
            linger: 0,
            drain: site.settings.shutdown_timeout + NGINX_GRACE,
        },
        ..ServiceSpec::listening(NGINX, nginx.command(), listen, error)
    }
}

/// What tells figures to Prometheus.
fn metrics(ctx: &Context<'_>) -> ServiceSpec {
    let command = CommandSpec::new(program(ctx.dir), &GearEnv::new())
        .args([serve_metrics::WORD, ctx.dir.path().as_str()])
        .dir(ctx.dir.path());
    let listen = vec![Listen::Unix(layout::metrics_socket(ctx.dir))];
    let log = ctx.dir.logs().join("supervisor.log");
    ServiceSpec {
        start_limit: METRICS_LIMIT,
        stop: Stop { signal: StopSignal::Term, linger: METRICS_LIMIT, drain: METRICS_LIMIT },
        is_aside: true,
        ..ServiceSpec::listening(METRICS, command, listen, log)
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
