//! The cartridge as a node sees it: one method per hook, each of a few lines.

use cart_core::cartridge::{Cartridge, Context, Status, Upgrade};
use cart_nginx::NginxSettings;
use cart_python::{PythonApp, PythonError};

use crate::actions::{
    container, doctor, packages, release, status, stop, threaddump, tidy, unready, update,
};
use crate::error::Error;
use crate::gear::{session, static_files};
use crate::messages;
use crate::names::SHORT_NAME;
use crate::running::metrics;
use crate::running::state::State;
use crate::running::supervisor::supervisor;
use crate::start::outcome::Renew;
use crate::start::{self, last_good, ready};

/// What `hooks/` holds: the manifest subscribes to other cartridges' variables.
const CONNECTION_HOOKS: &[&str] = &["set-env"];

/// The Advanced Python cartridge.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdvancedPython;

impl Cartridge for AdvancedPython {
    const SHORT_NAME: &'static str = SHORT_NAME;
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const CONNECTION_HOOKS: &'static [&'static str] = CONNECTION_HOOKS;
    type Error = Error;

    /// Finds out now what would be wrong later: settings, version, interpreter, nginx.
    fn setup(&self, ctx: &mut Context<'_>, version: &str) -> Result<(), Error> {
        let app = PythonApp::new(ctx.env, ctx.gear, ctx.dir, version)?;
        NginxSettings::from_env(ctx.env)?;
        ready::nginx(ctx)?;
        let python = app.find_interpreter()?;
        session::write_variables(ctx, Some(&python.version))
    }

    /// Makes the environment: creation of an application calls neither build nor deploy. The
    /// app's own requirements are not there yet.
    fn install(&self, ctx: &mut Context<'_>, version: &str) -> Result<(), Error> {
        let app = PythonApp::new(ctx.env, ctx.gear, ctx.dir, version)?;
        app.prepare_environment(&mut |line| ctx.progress(line))?;
        Ok(())
    }

    fn post_install(&self, ctx: &mut Context<'_>, _version: &str) -> Result<(), Error> {
        let app = ready::app(ctx)?;
        ctx.result(&messages::installed(app.server_name()?));
        Ok(())
    }

    /// What `setup` would write, for it is not called when the versions are compatible. The
    /// launchers and nginx's configuration are written by the next start, which finds the app's
    /// environment by its stamp.
    fn upgrade(&self, ctx: &mut Context<'_>, upgrade: &Upgrade) -> Result<(), Error> {
        session::write_variables(ctx, None)?;
        let supervisor = supervisor(ctx.dir);
        // One that cannot be reached runs, too.
        let runs = supervisor.find().map_or(true, |found| found.is_some())
            || supervisor.left_something_running();
        ctx.message(&messages::upgraded(upgrade, runs));
        Ok(())
    }

    fn metrics(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        metrics::metrics(ctx)
    }

    /// `set-env`: another cartridge's variables are in the gear's environment by now, and reach the
    /// app with its next start. Nothing that runs is replaced for them: a node calls this for every
    /// cartridge that is added, the app may not need it, and a person chooses when to restart.
    fn connection(&self, _: &mut Context<'_>, _: &str, _: &[String]) -> Result<(), Error> {
        Ok(())
    }

    fn start(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        start::start(ctx, Renew::IfChanged)
    }

    fn stop(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        let text =
            if stop::take_down(ctx)? { messages::STOPPED } else { messages::STOPPED_ALREADY };
        ctx.result(text);
        Ok(())
    }

    fn restart(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        start::start(ctx, Renew::Always)
    }

    /// As restart for what runs. What does not run is not started, but its configuration is
    /// tested all the same: whoever reloads wants to know whether it is right.
    fn reload(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        if State::ask(ctx)?.runs() {
            return self.restart(ctx);
        }
        let site = ready::site(ctx)?;
        ready::nginx(ctx)?.prepare(&site)?;
        ctx.result(messages::NOTHING_TO_RELOAD);
        Ok(())
    }

    /// Asks what runs, not what is set: a wrong variable does not make a running app look down.
    fn status(&self, ctx: &mut Context<'_>) -> Result<Status, Error> {
        Ok(status::status(&State::ask(ctx)?, ctx))
    }

    fn teardown(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        stop::take_down(ctx).map(drop)
    }

    fn action(
        &self,
        ctx: &mut Context<'_>,
        action: &str,
        argument: Option<&str>,
    ) -> Result<(), Error> {
        match action {
            "update-configuration" => {
                let app = ready::app(ctx)?;
                let site = ready::site_of(ctx, &app.settings)?;
                ready::nginx(ctx)?.prepare(&site)?;
                Ok(())
            }
            // From now on the repository is not what runs. A deploy makes it so again.
            "pre-repo-archive" => {
                last_good::hold(ctx);
                static_files::leave_alone(ctx);
                Ok(())
            }
            "build" => {
                last_good::hold(ctx);
                ready::build(ctx)?;
                release::note(ctx)
            }
            // What was built is going to be read-only, and to be the same whenever it is built of the same.
            "pack" => {
                let only_code = argument == Some("repo");
                Ok(ready::app(ctx)?.pack(only_code).map_err(PythonError::from)?)
            }
            "packages" => {
                let text = packages::list(&ready::app(ctx)?);
                ctx.result(&text);
                Ok(())
            }
            "deploy" => self.deploy(ctx),
            "tidy" => tidy::tidy(ctx),
            "threaddump" => threaddump::threaddump(ctx),
            "doctor" => doctor::doctor(ctx, argument),
            "container" => container::container(ctx),
            "unready" => unready::unready(ctx),
            "update" => update::update(ctx),
            "post-restore" => ready::settle(ctx),
            "server" => {
                let running = State::ask(ctx)?.server().map(str::to_owned);
                let server = match running {
                    Some(server) => server,
                    None => ready::app(ctx)?.server_name()?.to_owned(),
                };
                ctx.result(&server);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn only_reads(&self, action: &str) -> bool {
        matches!(action, "status" | "server" | "threaddump" | "packages" | "container" | "unready")
            || CONNECTION_HOOKS.contains(&action)
    }

    fn explain(&self, error: &Error) -> String {
        messages::explain(error)
    }

    fn exit_code(&self, error: &Error) -> u8 {
        error.exit_code()
    }
}

impl AdvancedPython {
    /// What people's own hooks do next is done in the environment that came with the deployment, from
    /// a gear with another home maybe.
    ///
    /// With the marker `hot_deploy` an app is deployed while it runs, and nothing is started
    /// afterwards: then the new code needs a new generation. Without it a start or a restart
    /// follows, and makes one (node-contract.md, Build).
    fn deploy(self, ctx: &mut Context<'_>) -> Result<(), Error> {
        ready::settle(ctx)?;
        // Not when it is built: what is built may never be deployed, and another release is served
        // meanwhile. What is wrong with a setting, the start says.
        static_files::leave_alone(ctx);
        if let Ok(site) = ready::site(ctx) {
            static_files::compress(ctx, &site)?;
        }
        if let Err(error) = release::run_if_due(ctx) {
            return Err(last_good::instead_of(ctx, error));
        }
        let hot = ctx.gear.newest_deployment().and_then(|d| d.hot_deploy).unwrap_or(true);
        if hot && State::ask(ctx)?.runs() { self.restart(ctx) } else { Ok(()) }
    }
}
