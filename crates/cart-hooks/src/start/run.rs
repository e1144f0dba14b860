//! The supervisor is told what is to run, step by step: the app first, and nginx of nothing that has not
//! proved itself.

use cart_core::cartridge::Context;
use cart_nginx::{Change as ConfigChange, Stage};
use cart_supervisor::{Change, Client, ClientError, ServiceState, ServiceStatus};

use crate::error::{Before, Error};
use crate::messages;
use crate::names::{APPSERVER, METRICS, NGINX, WEBSOCKETSERVER};
use crate::running::supervisor::{STOP_LIMIT, STRAYS_LIMIT, supervisor};
use crate::start::front;
use crate::start::outcome::{Renew, Up};
use crate::start::wanted::Wanted;

/// What ran before, and whom to tell what shall run now.
pub(super) struct Run {
    client: Client,
    services: Vec<ServiceStatus>,
    before: Before,
}

impl Run {
    /// Nothing is changed yet, but that there is a supervisor.
    ///
    /// # Errors
    /// [`Error::Supervisor`].
    pub(super) fn begin(ctx: &mut Context<'_>) -> Result<Self, Error> {
        let client = supervisor(ctx.dir).find_or_start()?;
        if let Some(why) = client.not_renewed() {
            ctx.message(&messages::not_renewed(why));
        }
        // Whoever starts something expects no end. An older supervisor knows nothing of one, and what else is
        // the matter with it, the next question shows.
        let _ = client.end_nears(false);
        let services = client.status()?;
        let runs = |s: &ServiceStatus| matches!(s.state, ServiceState::Running(_));
        let before = match services.iter().find(|service| service.name == APPSERVER) {
            Some(appserver) if runs(appserver) => Before::Serves,
            Some(_) => Before::Fails,
            None => Before::Nothing,
        };
        Ok(Self { client, services, before })
    }

    /// Has the app run as `wanted` says, beside what serves until it has proved itself.
    ///
    /// # Errors
    /// [`Error::AppServer`]; what served still does. If nothing ran before, nothing is left running.
    pub(super) fn prove(&self, wanted: &Wanted, renew: Renew) -> Result<Change, Error> {
        self.or_nothing(self.ensure_app(wanted, renew))
    }

    /// Has nginx pass requests on to the app, of which `app` has become what it says, and all else
    /// run that is wanted.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::NginxService`], [`Error::Reload`]; as [`prove`](Self::prove).
    pub(super) fn put_in_front(
        &self,
        ctx: &mut Context<'_>,
        wanted: &Wanted,
        stage: Stage,
        renew: Renew,
        app: Change,
    ) -> Result<Up, Error> {
        let up = self.ensure_nginx(ctx, wanted, stage, app);
        if up.is_ok() && self.services.is_empty() {
            // What a killed supervisor left behind without a record has served long enough.
            let _ = supervisor(ctx.dir).end_strays(STRAYS_LIMIT);
        }
        if up.is_ok() || self.before != Before::Nothing {
            self.ensure_background(ctx, wanted, renew);
        }
        let up = self.or_nothing(up)?;
        if wanted.websocketserver.is_none() && self.knew(WEBSOCKETSERVER) {
            // nginx passes nothing on to it any more.
            self.client.retire(WEBSOCKETSERVER)?;
        }
        self.ensure_metrics(ctx, wanted, renew);
        Ok(up)
    }

    fn knew(&self, name: &str) -> bool {
        self.services.iter().any(|service| service.name == name)
    }

    /// If nothing ran before and something fails, nothing is left running.
    fn or_nothing<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        if outcome.is_err() && self.before == Before::Nothing {
            self.client.end(&[NGINX], STOP_LIMIT)?;
        }
        outcome
    }

    fn ensure_app(&self, wanted: &Wanted, renew: Renew) -> Result<Change, Error> {
        let beside = wanted.websocketserver.iter().cloned().collect();
        let change =
            self.client.ensure_together(wanted.appserver.clone(), beside, renew == Renew::Always);
        change.map_err(|error| {
            let (is_second, spec, failure) = match (error, &wanted.websocketserver) {
                (ClientError::Failed(failure), _) => (false, &wanted.appserver, failure),
                (ClientError::FailedBeside { failure, .. }, Some(second)) => {
                    (true, second, failure)
                }
                (other, _) => return other.into(),
            };
            let (server, log) = (spec.label.clone(), spec.log.clone());
            Error::AppServer { server, failure, is_second, log, before: self.before }
        })
    }

    fn ensure_nginx(
        &self,
        ctx: &Context<'_>,
        wanted: &Wanted,
        stage: Stage,
        app: Change,
    ) -> Result<Up, Error> {
        let (spec, master) = (wanted.nginx.clone(), &wanted.master);
        let (nginx, config) =
            front::put_in_front(ctx, spec, master, stage, Renew::IfChanged, &self.client)?;
        Ok(match (app, nginx, config) {
            (Change::Unchanged, Change::Unchanged, ConfigChange::None) => Up::Already,
            (Change::Started, Change::Started, _) => Up::Started,
            _ => Up::Replaced,
        })
    }

    /// Has what runs beside the server be of the same release as that, from now on. A server that serves
    /// is not to fail for it.
    fn ensure_background(&self, ctx: &mut Context<'_>, wanted: &Wanted, renew: Renew) {
        let specs = wanted.background.iter().chain(&wanted.files).cloned().collect();
        if let Err(error) = self.client.background(specs, renew == Renew::Always) {
            ctx.message(&messages::no_background(&error));
        }
    }

    /// Has figures told to Prometheus, if that is wanted, and no more if it is not. That it fails is
    /// told, and no failure: the app serves.
    fn ensure_metrics(&self, ctx: &mut Context<'_>, wanted: &Wanted, renew: Renew) {
        let done = match &wanted.metrics {
            Some(spec) => self.client.ensure(spec.clone(), renew == Renew::Always).map(drop),
            None if self.knew(METRICS) => self.client.retire(METRICS).map(drop),
            None => Ok(()),
        };
        if let Err(error) = done {
            ctx.message(&messages::no_metrics(&error));
        }
    }
}
