//! Making run what should run, and stopping it: the supervisor is asked, step by step.

use std::time::Duration;

use cart_core::cartridge::Context;
use cart_core::files;
use cart_nginx::{Change as ConfigChange, Nginx, Stage};
use cart_python::collected;
use cart_python::interface::Interface;
use cart_python::{PythonApp, Served};
use cart_supervisor::{
    Change, Client, ClientError, Failure, ServiceSpec, ServiceState, ServiceStatus,
};

use crate::error::{Before, Error};
use crate::ready::Ready;
use crate::services::{self, APPSERVER, METRICS, NGINX, WEBSOCKETSERVER, Wanted};
use crate::{good, last_good, measured, memory, messages};

/// How long nginx may take to show new workers after a reload.
const RELOAD_LIMIT: Duration = Duration::from_secs(20);
/// How long a stop may take before what is left is killed, whatever the drain times say: inside the
/// 234 seconds of a node's operation (node-contract.md, Running scripts), which it may have to share.
const STOP_LIMIT: Duration = Duration::from_secs(180);

/// How long what no supervisor knows of may take to end.
const STRAYS_LIMIT: Duration = Duration::from_secs(30);
/// How often a supervisor may be killed while it is told to end everything.
const MOST_SUCCESSORS: usize = 10;

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

/// Makes run what the gear says now, and says so.
pub(crate) fn prepare_and_bring_up(ctx: &mut Context<'_>, renew: Renew) -> Result<(), Error> {
    memory::before(ctx, renew);
    let (mut ready, stage) = Ready::prepare(ctx)?;
    messages::servers_chosen(&ready).iter().for_each(|line| ctx.message(line));
    let up = match bring_up(ctx, &ready, stage, renew) {
        // Nobody chose a server, and an import has shown which one it should have been.
        Err(error) if learns(ctx, &ready, &error)? => {
            let stage;
            (ready, stage) = Ready::prepare(ctx)?;
            messages::servers_chosen(&ready).iter().for_each(|line| ctx.message(line));
            bring_up(ctx, &ready, stage, renew)
        }
        other => other,
    }?;
    measured::through_nginx(ctx, &ready)?;
    if up == Up::Started {
        memory::after(ctx);
    }
    // What cannot be removed now is removed another time.
    let _ = collected::sweep(&ready.app.places.environment);
    ctx.result(&messages::up(up, &ready));
    messages::served_by(&ready).iter().for_each(|line| ctx.result(line));
    messages::background(&ready.prepared.background).iter().for_each(|line| ctx.result(line));
    if let Some(second) = ready.site.websocketserver.as_ref().filter(|_| ready.cut_off.second) {
        ctx.message(&messages::second_cut_off(second));
    }
    if ready.cut_off.workers {
        ctx.message(&messages::workers_cut_off());
    }
    ready.site.not_served().iter().for_each(|it| ctx.message(&it.to_string()));
    if ready.site.believes_neighbours_unasked() {
        ctx.message(&messages::believes_neighbours(ready.site.listen));
    }
    Ok(())
}

/// Whether the start failed because the app has another interface than was believed, and another
/// server shall therefore be tried. What it is, is kept for the next start.
fn learns(ctx: &mut Context<'_>, ready: &Ready, error: &Error) -> Result<bool, Error> {
    let Error::AppServer { failure, is_second, .. } = error else {
        return Ok(false);
    };
    let Some((app, served)) = server_of(ready, *is_second) else {
        return Ok(false);
    };
    let Some(interface) = Interface::found_by_launcher(failure.last_lines()) else {
        return Ok(false);
    };
    let learns = app.learn(&served, interface)?;
    if learns {
        ctx.message(&messages::learnt(interface));
    }
    Ok(learns)
}

/// The app as one of its servers sees it, and what that runs.
fn server_of(ready: &Ready, is_second: bool) -> Option<(PythonApp, Served)> {
    if is_second {
        return Some((ready.app.for_websockets()?, ready.prepared.websocket.clone()?.served));
    }
    Some((ready.app.clone(), ready.prepared.app.served.clone()))
}

/// Makes app and nginx run as `ready` says, and keeps what has proved itself as the last good
/// generation.
fn bring_up(ctx: &mut Context<'_>, ready: &Ready, stage: Stage, renew: Renew) -> Result<Up, Error> {
    let wanted = Wanted::of(ctx, ready);
    let mut kept = Ok(());
    // Kept before nginx is asked: a failure there, or a kill, must not leave the former code as
    // the last good one.
    let mut keep = |ctx: &Context<'_>, app: Change| {
        if app == Change::Replaced {
            kept = good::keep(ctx, ready, &wanted);
        }
    };
    let Outcome { app, up } = make_run(ctx, &wanted, stage, renew, &mut keep)?;
    let kept = match app {
        Change::Started => good::keep(ctx, ready, &wanted),
        Change::Replaced => kept.and_then(|()| good::keep_config(ctx, ready, &wanted)),
        // What runs already may be older than the code that lies in the repository now.
        Change::Unchanged => {
            last_good::release(ctx, ready, &wanted);
            good::keep_config(ctx, ready, &wanted)
        }
    };
    if let Err(error) = kept.and_then(|()| good::sweep(ctx.dir)) {
        ctx.message(&messages::not_kept(&error));
    }
    Ok(up)
}

/// What became of both services together, and of the app.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    app: Change,
    up: Up,
}

/// Makes app and nginx run as `wanted` says. The app comes first: nginx is told of nothing that
/// has not proved itself. `app_is_up` is called in between, with what became of the app. If nothing
/// ran before and something fails, nothing is left running.
pub(crate) fn make_run(
    ctx: &mut Context<'_>,
    wanted: &Wanted,
    stage: Stage,
    renew: Renew,
    app_is_up: &mut dyn FnMut(&Context<'_>, Change),
) -> Result<Outcome, Error> {
    let client = services::supervisor(ctx).find_or_start()?;
    if let Some(why) = client.not_renewed() {
        ctx.message(&messages::not_renewed(why));
    }
    let services = client.status()?;
    let runs = |s: &ServiceStatus| matches!(s.state, ServiceState::Running(_));
    let appserver = services.iter().find(|service| service.name == APPSERVER);
    let before = match appserver {
        Some(appserver) if runs(appserver) => Before::Serves,
        Some(_) => Before::Fails,
        None => Before::Nothing,
    };
    let outcome = ensure_app(wanted, renew, before, &client).and_then(|app| {
        app_is_up(ctx, app);
        let nginx = ensure_nginx(ctx, wanted, stage, app, &client);
        if nginx.is_ok() && services.is_empty() {
            // What a killed supervisor left behind without a record has served long enough.
            let _ = services::supervisor(ctx).end_strays(STRAYS_LIMIT);
        }
        if nginx.is_ok() || before != Before::Nothing {
            ensure_background(ctx, wanted, renew, &client);
        }
        nginx
    });
    if outcome.is_ok() {
        let runs = |name| services.iter().any(|service| service.name == name);
        if wanted.websocketserver.is_none() && runs(WEBSOCKETSERVER) {
            // nginx passes nothing on to it any more.
            client.retire(WEBSOCKETSERVER)?;
        }
        ensure_metrics(ctx, wanted, renew, runs(METRICS), &client);
    }
    if outcome.is_err() && before == Before::Nothing {
        client.end(&[NGINX], STOP_LIMIT)?;
    }
    outcome
}

/// Has what runs beside the server be of the same release as that, from now on. A server that serves
/// is not to fail for it.
fn ensure_background(ctx: &mut Context<'_>, wanted: &Wanted, renew: Renew, client: &Client) {
    let renew = renew == Renew::Always;
    let specs = wanted.background.iter().chain(&wanted.files).cloned().collect();
    if let Err(error) = client.background(specs, renew) {
        ctx.message(&messages::no_background(&error));
    }
}

/// Stops everything, nginx first, so that requests under way still find the app; answers whether
/// anything ran. What no supervisor knows of is ended, too.
pub(crate) fn take_down(ctx: &Context<'_>) -> Result<bool, Error> {
    let supervisor = services::supervisor(ctx);
    let mut ran = false;
    for _ in 0..MOST_SUCCESSORS {
        let Some(client) = supervisor.find_or_take_over()? else { break };
        let ended = || -> Result<bool, ClientError> {
            let ran = !client.status()?.is_empty();
            client.end(&[NGINX, APPSERVER], STOP_LIMIT).map(|()| ran)
        };
        match ended() {
            // It was ending everything, or was killed: then another one is in its place, or will be.
            Err(error) if error.is_gone() => ran = true,
            other => {
                ran |= other?;
                break;
            }
        }
    }
    ran |= supervisor.end_strays(STRAYS_LIMIT);
    // Nothing runs from there any more. What cannot be removed now is removed another time.
    let _ = good::sweep(ctx.dir);
    Ok(ran)
}

fn ensure_app(
    wanted: &Wanted,
    renew: Renew,
    before: Before,
    client: &Client,
) -> Result<Change, Error> {
    let beside = wanted.websocketserver.iter().cloned().collect();
    let change = client.ensure_together(wanted.appserver.clone(), beside, renew == Renew::Always);
    change.map_err(|error| {
        let (is_second, spec, failure) = match (error, &wanted.websocketserver) {
            (ClientError::Failed(failure), _) => (false, &wanted.appserver, failure),
            (ClientError::FailedBeside { failure, .. }, Some(second)) => (true, second, failure),
            (other, _) => return other.into(),
        };
        let (server, log) = (spec.label.clone(), spec.log.clone());
        Error::AppServer { server, failure, is_second, log, before }
    })
}

fn ensure_nginx(
    ctx: &Context<'_>,
    wanted: &Wanted,
    stage: Stage,
    app: Change,
    client: &Client,
) -> Result<Outcome, Error> {
    let (nginx, config) =
        put_in_front(ctx, wanted.nginx.clone(), &wanted.master, stage, Renew::IfChanged, client)?;
    let up = match (app, nginx, config) {
        (Change::Unchanged, Change::Unchanged, ConfigChange::None) => Up::Already,
        (Change::Started, Change::Started, _) => Up::Started,
        _ => Up::Replaced,
    };
    Ok(Outcome { app, up })
}

/// Has figures told to Prometheus, if that is wanted, and no more if it is not; `told` says whether they
/// are now. That it fails is told, and no failure: the app
/// serves.
fn ensure_metrics(
    ctx: &mut Context<'_>,
    wanted: &Wanted,
    renew: Renew,
    told: bool,
    client: &Client,
) {
    let done = match &wanted.metrics {
        Some(spec) => client.ensure(spec.clone(), renew == Renew::Always).map(drop),
        None if told => client.retire(METRICS).map(drop),
        None => Ok(()),
    };
    if let Err(error) = done {
        ctx.message(&messages::no_metrics(&error));
    }
}

/// Makes nginx run as `spec` says, on the configuration of `stage`.
pub(crate) fn put_in_front(
    ctx: &Context<'_>,
    spec: ServiceSpec,
    nginx: &Nginx,
    stage: Stage,
    renew: Renew,
    client: &Client,
) -> Result<(Change, ConfigChange), Error> {
    // Noted until nginx has obeyed: a reload that failed, or was killed, is not forgotten.
    let pending = ctx.dir.run().join("nginx.pending");
    let was_pending = pending.exists();
    if stage.changes() {
        files::write_unsynced(&pending, b"", 0o600)?;
    }
    let config = stage.promote()?;
    nginx.provide_pid_file();
    let renew = renew == Renew::Always;
    let change = match client.ensure(spec.clone(), renew) {
        // The port may be held by what a killed supervisor left behind without a record.
        Err(ClientError::Failed(Failure::AddressTaken { .. }))
            if services::supervisor(ctx).end_strays(STRAYS_LIMIT) =>
        {
            client.ensure(spec, renew)
        }
        other => other,
    }
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

fn unless_failed(error: ClientError, failed: impl FnOnce(Failure) -> Error) -> Error {
    match error {
        ClientError::Failed(failure) => failed(failure),
        other => other.into(),
    }
}
