//! Making run what should run, and stopping it: the supervisor is asked, step by step.

use std::time::Duration;

use cart_core::cartridge::Context;
use cart_core::files;
use cart_nginx::{Change as ConfigChange, Nginx, Site, Stage};
use cart_supervisor::{Change, Client, ClientError, ServiceState, ServiceStatus};

use crate::error::{Before, Error};
use crate::messages;
use crate::ready::Ready;
use crate::services::{self, APPSERVER, NGINX};

/// How long nginx may take to show new workers after a reload.
const RELOAD_LIMIT: Duration = Duration::from_secs(20);
/// How long a stop may take before what is left is killed, whatever the drain times say: inside the
/// 234 seconds of a node's operation (node-contract.md, Running scripts), which it may have to share.
const STOP_LIMIT: Duration = Duration::from_secs(180);

/// Whether a service that runs as wanted is replaced all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renew {
    /// Only if a setting, the command or the environment differs.
    IfChanged,
    /// Always: its code may have changed.
    Always,
}

/// What a start or restart came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Up {
    /// It ran already as wanted.
    Already,
    /// Nothing ran before.
    Started,
    /// What ran before was replaced, or nginx took over a new configuration.
    Replaced,
}

/// Makes app and nginx run as `ready` says. The app comes first: nginx is told of nothing that
/// has not proved itself. If nothing ran before and something fails, nothing is left running.
pub(crate) fn bring_up(
    ctx: &mut Context<'_>,
    ready: &Ready,
    stage: Stage,
    renew: Renew,
) -> Result<Up, Error> {
    let client = services::supervisor(ctx).find_or_start()?;
    if let Some(why) = client.not_renewed() {
        ctx.message(&messages::not_renewed(why));
    }
    let services = client.status()?;
    let runs = |s: &ServiceStatus| matches!(s.state, ServiceState::Running(_));
    let before = match services.iter().find(|service| service.name == APPSERVER) {
        Some(appserver) if runs(appserver) => Before::Serves,
        Some(_) => Before::Fails,
        None => Before::Nothing,
    };
    let outcome = ensure_both(ctx, ready, stage, renew, before, &client);
    if outcome.is_err() && before == Before::Nothing {
        client.end(&[NGINX], STOP_LIMIT)?;
    }
    outcome
}

/// Stops everything, nginx first, so that requests under way still find the app; answers whether
/// anything ran.
pub(crate) fn take_down(ctx: &Context<'_>) -> Result<bool, Error> {
    let Some(client) = services::supervisor(ctx).find_or_take_over()? else {
        return Ok(false);
    };
    let ran = !client.status()?.is_empty();
    client.end(&[NGINX, APPSERVER], STOP_LIMIT)?;
    Ok(ran)
}

fn ensure_both(
    ctx: &Context<'_>,
    ready: &Ready,
    stage: Stage,
    renew: Renew,
    before: Before,
    client: &Client,
) -> Result<Up, Error> {
    let spec = services::appserver(ctx, ready);
    let (server, log) = (spec.label.clone(), spec.log.clone());
    let app = client.ensure(spec, renew == Renew::Always).map_err(|e| {
        unless_failed(e, |failure| Error::AppServer { server, failure, log, before })
    })?;
    let (nginx, config) =
        put_in_front(ctx, &ready.nginx, &ready.site, stage, Renew::IfChanged, client)?;
    Ok(match (app, nginx, config) {
        (Change::Unchanged, Change::Unchanged, ConfigChange::None) => Up::Already,
        (Change::Started, Change::Started, _) => Up::Started,
        _ => Up::Replaced,
    })
}

/// Makes nginx run, on the configuration of `stage`.
pub(crate) fn put_in_front(
    ctx: &Context<'_>,
    nginx: &Nginx,
    site: &Site,
    stage: Stage,
    renew: Renew,
    client: &Client,
) -> Result<(Change, ConfigChange), Error> {
    // Noted until nginx has obeyed: a reload that failed, or was killed, is not forgotten.
    let pending = ctx.dir.run().join("nginx.pending");
    let was_pending = pending.exists();
    files::write_atomic(&pending, b"", 0o600)?;
    let config = stage.promote()?;
    let change = client
        .ensure(services::nginx(ctx, nginx, site), renew == Renew::Always)
        .map_err(|e| unless_failed(e, |failure| Error::NginxService { failure }))?;
    if change == Change::Unchanged && (config == ConfigChange::Some || was_pending) {
        reload_nginx(nginx, client)?;
    }
    files::remove_if_exists(&pending)?;
    Ok((change, config))
}

fn reload_nginx(nginx: &Nginx, client: &Client) -> Result<(), Error> {
    let services = client.status()?;
    let master = services.iter().find(|service| service.name == NGINX);
    if let Some(ServiceState::Running(master)) = master.map(|service| &service.state) {
        nginx.reload(*master, RELOAD_LIMIT)?;
    }
    Ok(())
}

fn unless_failed(
    error: ClientError,
    failed: impl FnOnce(cart_supervisor::Failure) -> Error,
) -> Error {
    match error {
        ClientError::Failed(failure) => failed(failure),
        other => other.into(),
    }
}
