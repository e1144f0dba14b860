//! The two services of this cartridge, as the supervisor is told of them.

use cart_core::cartridge::Context;
use cart_nginx::{Nginx, layout};
use cart_supervisor::{Listen, Probe, ServiceSpec, Stop, StopSignal, SupervisorProcess};

use crate::ready::Ready;

/// The Python server.
pub(crate) const APPSERVER: &str = "appserver";
/// nginx.
pub(crate) const NGINX: &str = "nginx";

/// Seconds that a replaced server serves on: nginx lets no pooled connection to it live longer
/// than two, and one may have been opened just before the swap.
const LINGER: u64 = 5;
/// Seconds until an nginx that was just tested must react.
const NGINX_START_LIMIT: u64 = 30;
/// Seconds that nginx gets beyond the time it gives to its clients.
const NGINX_GRACE: u64 = 5;

/// Both services as they are wanted, and the nginx that is told of a new configuration.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) appserver: ServiceSpec,
    pub(crate) nginx: ServiceSpec,
    pub(crate) master: Nginx,
}

impl Wanted {
    /// What `ready` says.
    pub(crate) fn of(ctx: &Context<'_>, ready: &Ready) -> Self {
        Self {
            appserver: appserver(ctx, ready),
            nginx: nginx(ctx, ready),
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
    ServiceSpec {
        name: APPSERVER.to_owned(),
        label: ready.prepared.server.name().to_owned(),
        command: ready.prepared.command().env("OPENSHIFT_NGINX_VERSION", nginx_version),
        listen: vec![Listen::Unix(ctx.dir.run().join("appserver.sock"))],
        log: ctx.dir.logs().join("appserver.log"),
        probe: probe(ready),
        start_limit: settings.start_timeout.as_secs(),
        stop: Stop {
            signal: StopSignal::Term,
            linger: LINGER,
            drain: ready.prepared.drain().as_secs(),
        },
    }
}

/// nginx on the gear's address.
fn nginx(ctx: &Context<'_>, ready: &Ready) -> ServiceSpec {
    ServiceSpec {
        name: NGINX.to_owned(),
        label: nginx_label(&ready.nginx),
        command: ready.nginx.command(),
        listen: vec![Listen::Tcp(ready.site.listen)],
        log: layout::error_log(ctx.dir),
        probe: Probe::Reaction,
        start_limit: NGINX_START_LIMIT,
        stop: Stop {
            signal: StopSignal::Quit,
            linger: 0,
            drain: ready.site.settings.shutdown_timeout + NGINX_GRACE,
        },
    }
}

/// nginx's name, for people.
pub(crate) fn nginx_label(nginx: &Nginx) -> String {
    format!("nginx {}", nginx.binary().build.version)
}

fn probe(ready: &Ready) -> Probe {
    let settings = &ready.app.settings;
    Probe::Http {
        path: settings.probe_path.as_str().to_owned(),
        host: ready.site.host.clone().unwrap_or_else(|| ready.site.listen.to_string()),
        statuses: settings.probe_statuses.ranges().to_vec(),
    }
}
