//! Everything that a start needs, found, made and tested before anything that runs is touched.

use camino::Utf8PathBuf;
use cart_core::Cartridge;
use cart_core::cartridge::Context;
use cart_nginx::{FolderPath, Nginx, Site, Stage, WebsocketServer};
use cart_python::virtualenv::outside;
use cart_python::{Places, Prepared, PythonApp, dependencies};

use crate::advanced_python::AdvancedPython;
use crate::error::Error;
use crate::services::{APPSERVER, WEBSOCKETSERVER};
use crate::{messages, official, services, session, static_files};

/// The software version when nobody says one: the newest Python 3 that is there.
const ANY_VERSION: &str = "3";

/// An app that can be started, and the nginx in front of it.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) app: PythonApp,
    pub(crate) prepared: Prepared,
    pub(crate) site: Site,
    pub(crate) nginx: Nginx,
    /// The gear's home.
    pub(crate) home: Utf8PathBuf,
}

impl Ready {
    /// Prepares everything; the stage is the tested configuration, not yet in place. What takes
    /// no time comes first: a mistyped variable is told at once.
    pub(crate) fn prepare(ctx: &mut Context<'_>) -> Result<(Self, Stage), Error> {
        let app = app(ctx)?;
        let mut site = site(ctx)?;
        let nginx = nginx(ctx)?;
        let mut stage = nginx.prepare(&site)?;
        let prepared = prepare(ctx, &app, false)?;
        let tested = (site.folders, site.upstream, site.websocketserver);
        site.folders = static_files::folders(ctx);
        site.upstream = Some(services::upstream(ctx.dir, APPSERVER, &prepared.app));
        site.websocketserver = websocketserver(ctx, &app, &prepared);
        if tested != (site.folders.clone(), site.upstream.clone(), site.websocketserver.clone()) {
            // Its place is the next one's.
            drop(stage);
            stage = nginx.prepare(&site)?;
        }
        let home = ctx.gear.home.clone();
        Ok((Self { app, prepared, site, nginx, home }, stage))
    }
}

/// What of the site the second server gets, and where it listens.
fn websocketserver(
    ctx: &Context<'_>,
    app: &PythonApp,
    prepared: &Prepared,
) -> Option<WebsocketServer> {
    let (settings, server) = (app.settings.websocket.as_ref()?, prepared.websocket.as_ref()?);
    let at = FolderPath::parse(&format!("{}/", settings.path))
        .expect("a path that was checked at the door is one of letters, digits and -_.~");
    let upstream = services::upstream(ctx.dir, WEBSOCKETSERVER, server);
    Some(WebsocketServer { at, upstream })
}

/// The app of this gear, its settings checked.
pub(crate) fn app(ctx: &Context<'_>) -> Result<PythonApp, Error> {
    Ok(PythonApp::new(&official::completed(ctx), ctx.gear, ctx.dir, version(ctx)?)?)
}

/// What nginx is to serve.
pub(crate) fn site(ctx: &Context<'_>) -> Result<Site, Error> {
    let mut site = Site::from_gear(ctx.gear, ctx.dir, ctx.env, AdvancedPython::SHORT_NAME)?;
    site.folders = static_files::folders(ctx);
    Ok(site)
}

/// An nginx that will do; not one that a package has put among the app's programs.
pub(crate) fn nginx(ctx: &Context<'_>) -> Result<Nginx, Error> {
    let places = Places::on_gear(ctx.gear, ctx.dir);
    Ok(Nginx::find(ctx.dir, &outside(&places.environment, &official::completed(ctx)))?)
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
    let variable = format!("OPENSHIFT_{}_IDENT", AdvancedPython::SHORT_NAME);
    Ok(ctx.env.text(&variable)?.and_then(|ident| ident.split(':').nth(2)).unwrap_or(ANY_VERSION))
}
