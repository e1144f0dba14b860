//! Static files behind nginx: a whole cartridge.

use std::process::ExitCode;
use std::time::Duration;

use cart_core::cartridge::{Cartridge, Context, Status};
use cart_core::files::FileError;
use cart_nginx::{BinaryError, Change, ConfigError, Nginx, ServiceError, Site, SiteError, layout};
use cart_supervisor::{
    Change as Outcome, ClientError, Listen, Logging, ServiceSpec, ServiceState, Stop, StopSignal,
    SupervisorProcess,
};

fn main() -> ExitCode {
    cart_supervisor::main(&StaticSite)
}

const LIMIT: Duration = Duration::from_secs(60);
const NGINX: &str = "nginx";

struct StaticSite;

impl Cartridge for StaticSite {
    const SHORT_NAME: &'static str = "STATIC_SITE";
    type Error = Error;

    /// Starts what does not run; what runs takes over a changed configuration. The supervisor and
    /// `promote` know what is to be done.
    fn start(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        let mut site = Site::from_gear(ctx.gear, ctx.dir, ctx.env, Self::SHORT_NAME)?;
        site.upstream = None;
        let nginx = Nginx::find(ctx.dir, ctx.env)?;
        let change = nginx.prepare(&site)?.promote()?;
        nginx.provide_pid_file();
        let client = supervisor(ctx).find_or_start()?;
        let outcome = client.ensure(service(ctx, &nginx, &site), false)?;
        if outcome == Outcome::Unchanged
            && change == Change::Some
            && let Some(ServiceState::Running(master)) =
                client.status()?.into_iter().map(|service| service.state).next()
        {
            nginx.reload(master, LIMIT)?;
        }
        ctx.result(&format!("The site is served at {}", site.listen));
        Ok(())
    }

    fn restart(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        self.start(ctx)
    }

    fn reload(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        if supervisor(ctx).find_or_take_over()?.is_some() { self.start(ctx) } else { Ok(()) }
    }

    fn stop(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        if let Some(client) = supervisor(ctx).find_or_take_over()? {
            client.end(&[], LIMIT)?;
        }
        ctx.result("The site is stopped");
        Ok(())
    }

    fn status(&self, ctx: &mut Context<'_>) -> Result<Status, Error> {
        let Some(client) = supervisor(ctx).find()? else {
            return Ok(Status::Stopped("The site is stopped".to_owned()));
        };
        Ok(match client.status()?.first().map(|service| &service.state) {
            Some(ServiceState::Running(_)) => Status::Running("The site is running".to_owned()),
            state => Status::NotAnswering(format!("The site does not run: {state:?}")),
        })
    }
}

fn supervisor(ctx: &Context<'_>) -> SupervisorProcess {
    SupervisorProcess::new(ctx.dir, &ctx.dir.usr().join("bin/static-site"))
}

fn service(ctx: &Context<'_>, nginx: &Nginx, site: &Site) -> ServiceSpec {
    let (access, error) = (layout::access_log(ctx.dir), layout::error_log(ctx.dir));
    let (files, limits) = (vec![access, error.clone()], site.settings.log_limits);
    let drain = site.settings.shutdown_timeout;
    ServiceSpec {
        logging: Logging::Own { files, limits },
        stop: Stop { signal: StopSignal::Quit, linger: 0, drain },
        ..ServiceSpec::listening(NGINX, nginx.command(), vec![Listen::Tcp(site.listen)], error)
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Binary(#[from] BinaryError),
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Supervisor(#[from] ClientError),
    #[error(transparent)]
    File(#[from] FileError),
}
