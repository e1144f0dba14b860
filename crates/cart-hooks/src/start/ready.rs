//! Everything that a start needs, found, made and tested before anything that runs is touched.

use camino::Utf8PathBuf;
use cart_core::GearEnv;
use cart_core::cartridge::Context;
use cart_nginx::{ConfigError, Nginx, SHUTDOWN_TIMEOUT, Site, Stage};
use cart_python::virtualenv::outside;
use cart_python::{Places, Prepared, PythonApp, PythonSettings, ReadyServer, dependencies};

use crate::error::Error;
use crate::gear::official;
use crate::gear::session;
use crate::gear::static_files;
use crate::messages;
use crate::names::{APPSERVER, SHORT_NAME, WEBSOCKETSERVER};
use crate::running::upstreams;

/// The software version when nobody says one: the newest Python 3 that is there.
const ANY_VERSION: &str = "3";

/// Seconds that nginx waits longer than the servers have for their requests: a stop lets them go on for ten seconds
/// beside nginx and linger for five, and what is over their time is killed after two.
const UNTIL_CUT: u64 = 20;

/// To what an own nginx configuration passes nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CutOff {
    /// The second server.
    pub(crate) second: bool,
    /// All workers but one, where each has a socket.
    pub(crate) workers: bool,
}

/// An app that can be started, and the nginx in front of it.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) app: PythonApp,
    pub(crate) prepared: Prepared,
    pub(crate) site: Site,
    pub(crate) nginx: Nginx,
    /// The gear's home.
    pub(crate) home: Utf8PathBuf,
    pub(crate) cut_off: CutOff,
}

impl Ready {
    /// Makes everything ready for `app`; the stage is the tested configuration, not yet in place. What takes
    /// no time comes first: a mistyped variable is told at once.
    pub(super) fn make(ctx: &mut Context<'_>, app: PythonApp) -> Result<(Self, Stage), Error> {
        let mut site = site_of(ctx, &app.settings)?;
        let nginx = nginx(ctx)?;
        let mut stage = nginx.prepare(&site)?;
        let prepared = prepare(ctx, &app, false)?;
        let tested = (site.folders.clone(), site.upstream.take(), site.websocketserver.clone());
        site.serve(static_files::folders(ctx));
        let upstream =
            |name, server: &ReadyServer| upstreams::upstream(ctx.dir, name, server.sockets());
        site.upstream = Some(upstream(APPSERVER, &prepared.app));
        if let (Some(known), Some(second)) = (&mut site.websocketserver, &prepared.websocket) {
            known.upstream = upstream(WEBSOCKETSERVER, second);
        }
        if tested != (site.folders.clone(), site.upstream.clone(), site.websocketserver.clone()) {
            // Its place is the next one's.
            drop(stage);
            stage = nginx.prepare(&site)?;
        }
        static_files::prune(ctx, &site)?;
        let home = ctx.gear.home.clone();
        let is_second_cut_off = is_second_cut_off(&nginx, &site, &stage)?;
        let are_workers_cut_off = prepared.app.sockets() > 1 && stage.names_app_socket();
        let cut_off = CutOff { second: is_second_cut_off, workers: are_workers_cut_off };
        Ok((Self { app, prepared, site, nginx, home, cut_off }, stage))
    }
}

/// Whether there is a second server, and the app's own nginx configuration passes nothing to it.
pub(crate) fn is_second_cut_off(nginx: &Nginx, site: &Site, stage: &Stage) -> Result<bool, Error> {
    let reached = || nginx.reaches_second_server(stage).map_err(ConfigError::from);
    Ok(site.websocketserver.is_some() && !reached()?)
}

/// The app of this gear, its settings checked.
pub(crate) fn app(ctx: &Context<'_>) -> Result<PythonApp, Error> {
    Ok(PythonApp::new(&official::completed(ctx), ctx.gear, ctx.dir, version(ctx)?)?)
}

/// What nginx is to serve, as far as files and variables tell it: each server on one socket.
pub(crate) fn site(ctx: &Context<'_>) -> Result<Site, Error> {
    site_of(ctx, &PythonSettings::from_env(&official::completed(ctx))?)
}

/// As [`site`], with settings that were read already.
pub(crate) fn site_of(ctx: &Context<'_>, settings: &PythonSettings) -> Result<Site, Error> {
    let mut site = Site::from_gear(ctx.gear, ctx.dir, ctx.env, SHORT_NAME)?;
    site.serve(static_files::folders(ctx));
    if matches!(ctx.env.text(SHUTDOWN_TIMEOUT.name), Ok(None)) {
        let patient = settings.drain_timeout.as_secs() + UNTIL_CUT;
        site.settings.shutdown_timeout = site.settings.shutdown_timeout.max(patient);
    }
    site.websocketserver = settings.websocket.as_ref().and_then(|second| {
        upstreams::websocketserver(&second.path, upstreams::upstream(ctx.dir, WEBSOCKETSERVER, 1))
    });
    Ok(site)
}

/// An nginx that will do; not one that a package has put among the app's programs.
pub(crate) fn nginx(ctx: &Context<'_>) -> Result<Nginx, Error> {
    Ok(Nginx::find(ctx.dir, &nginxs_env(ctx))?)
}

/// As [`nginx`], for who asks because something is wrong.
pub(crate) fn nginx_anew(ctx: &Context<'_>) -> Result<Nginx, Error> {
    Ok(Nginx::find_anew(ctx.dir, &nginxs_env(ctx))?)
}

fn nginxs_env(ctx: &Context<'_>) -> GearEnv {
    let places = Places::on_gear(ctx.gear, ctx.dir);
    outside(&places.environment, &official::completed(ctx))
}

/// After a restore: the environment came with a deployment, from a gear with another home maybe.
/// It is made to work here as far as files go, for a session before the next start; what else it
/// may need, the start sees to, and says what is wrong with a setting.
pub(crate) fn settle(ctx: &Context<'_>) -> Result<(), Error> {
    let places = Places::on_gear(ctx.gear, ctx.dir);
    Ok(dependencies::settle(&places.environment, &places.repo)?)
}

/// Installs what the app asks for; from nothing, if the deployment being built says so.
pub(crate) fn build(ctx: &mut Context<'_>) -> Result<Prepared, Error> {
    let app = app(ctx)?;
    let deployment = ctx.gear.newest_deployment().unwrap_or_default();
    let prepared = prepare(ctx, &app, deployment.force_clean_build == Some(true))?;
    if !prepared.changed {
        static_files::collect(ctx, &app)?;
    }
    Ok(prepared)
}

fn prepare(ctx: &mut Context<'_>, app: &PythonApp, from_nothing: bool) -> Result<Prepared, Error> {
    let decided = app.decide()?;
    decided.news().iter().for_each(|line| ctx.message(line));
    let prepared = app.prepare(decided, from_nothing, &mut |line| ctx.progress(line))?;
    if prepared.changed {
        ctx.message(&messages::environment_changed(&prepared));
        // A new environment holds none, and its Django may bring others.
        static_files::collect(ctx, app)?;
    }
    session::write_variables(ctx, Some(&prepared.python))?;
    official::link_environment(ctx);
    Ok(prepared)
}

/// The third part of `vendor:Name:version:cartridge-version` (node-contract.md, Environment).
fn version<'a>(ctx: &Context<'a>) -> Result<&'a str, Error> {
    let variable = format!("OPENSHIFT_{}_IDENT", SHORT_NAME);
    Ok(ctx.env.text(&variable)?.and_then(|ident| ident.split(':').nth(2)).unwrap_or(ANY_VERSION))
}
