//! Any program that takes its listening socket as systemd hands one over, behind nginx: a whole
//! cartridge. The program is the executable `server` at the top of the app's repository.

use std::process::ExitCode;
use std::time::Duration;

use cart_core::CommandSpec;
use cart_core::cartridge::{Cartridge, Context, Status};
use cart_core::files::FileError;
use cart_nginx::{BinaryError, Change, ConfigError, Connections, Nginx, ServiceError, Site};
use cart_nginx::{SiteError, Upstream, layout};
use cart_supervisor::{
    ClientError, Listen, Logging, Probe, ServiceSpec, ServiceState, Stop, StopSignal,
    SupervisorProcess, Verdict,
};

fn main() -> ExitCode {
    cart_supervisor::main(&AnyProgram)
}

const LIMIT: Duration = Duration::from_secs(60);
const APP: &str = "app";
const NGINX: &str = "nginx";
/// Tells the program, whose pid this shell's becomes, that the socket is for it.
const BECOME: &str = "export LISTEN_PID=$$; exec \"$0\"";

struct AnyProgram;

impl Cartridge for AnyProgram {
    const SHORT_NAME: &'static str = "ANY_PROGRAM";
    type Error = Error;

    fn start(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        bring_up(ctx, false)
    }

    /// The new program answers before the old one goes; if it does not, the old one stays.
    fn restart(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        bring_up(ctx, true)
    }

    fn stop(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        if let Some(client) = supervisor(ctx).find_or_take_over()? {
            client.end(&[NGINX, APP], LIMIT)?;
        }
        ctx.result("The program is stopped");
        Ok(())
    }

    fn status(&self, ctx: &mut Context<'_>) -> Result<Status, Error> {
        if supervisor(ctx).find()?.is_none() {
            return Ok(Status::Stopped("The program is stopped".to_owned()));
        }
        let site = site(ctx)?;
        Ok(match cart_supervisor::ask(site.listen, &probe(&site), LIMIT) {
            Ok(Some(Verdict::Proved)) => Status::Running("The program is running".to_owned()),
            other => Status::NotAnswering(format!("The program does not answer: {other:?}")),
        })
    }
}

/// First what could be wrong, then the program, then nginx, which is told of nothing that has not
/// answered.
fn bring_up(ctx: &mut Context<'_>, renew: bool) -> Result<(), Error> {
    let site = site(ctx)?;
    let nginx = Nginx::find(ctx.dir, ctx.env)?;
    let stage = nginx.prepare(&site)?;
    let client = supervisor(ctx).find_or_start()?;
    client.ensure(app(ctx, &site), renew)?;
    let change = stage.promote()?;
    nginx.provide_pid_file();
    client.ensure(front(ctx, &nginx, &site), false)?;
    let master = client.status()?.into_iter().find(|service| service.name == NGINX);
    if change == Change::Some
        && let Some(ServiceState::Running(master)) = master.map(|service| service.state)
    {
        nginx.reload(master, LIMIT)?;
    }
    ctx.result(&format!("The program serves at {}", site.listen));
    Ok(())
}

fn site(ctx: &Context<'_>) -> Result<Site, Error> {
    let mut site = Site::from_gear(ctx.gear, ctx.dir, ctx.env, AnyProgram::SHORT_NAME)?;
    let sockets = vec![ctx.dir.run().join("app.sock")];
    site.upstream = Some(Upstream { sockets, connections: Connections::Pooled });
    Ok(site)
}

fn supervisor(ctx: &Context<'_>) -> SupervisorProcess {
    SupervisorProcess::new(ctx.dir, &ctx.dir.usr().join("bin/any-program"))
}

fn app(ctx: &Context<'_>, site: &Site) -> ServiceSpec {
    let command = CommandSpec::new("/bin/sh", &ctx.env.for_service())
        .args(["-c", BECOME, ctx.gear.repo.join("server").as_str()])
        .env("LISTEN_FDS", "1")
        .dir(&ctx.gear.repo);
    let sockets = site.upstream.iter().flat_map(|upstream| upstream.sockets.clone());
    let listen = sockets.map(Listen::Unix).collect();
    let log = ctx.dir.logs().join("app.log");
    let writer = supervisor(ctx).log_writer(&log, site.settings.log_limits);
    ServiceSpec {
        probe: probe(site),
        logging: Logging::Collected { writer },
        ..ServiceSpec::listening(APP, command, listen, log)
    }
}

/// Any answer but an error of its own.
fn probe(site: &Site) -> Probe {
    Probe::Http { path: "/".to_owned(), host: site.listen.to_string(), statuses: vec![100..=499] }
}

fn front(ctx: &Context<'_>, nginx: &Nginx, site: &Site) -> ServiceSpec {
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
