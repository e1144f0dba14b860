//! `control status`: whether a request to nginx is answered as it should be.

use std::time::Duration;

use cart_core::cartridge::{Context, Status};
use cart_nginx::Site;
use cart_python::Places;
use cart_python::stamp::Stamp;
use cart_supervisor::{Probe, Verdict};

use crate::messages;
use crate::names::{APPSERVER, NGINX, SHORT_NAME, WEBSOCKETSERVER, is_of_procfile, unlabelled};
use crate::running::figures::{Figures, line};
use crate::running::state::{State, log, path, port};
use crate::start::good::Good;

/// How long `status` waits for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Whether a request to nginx is answered as it should be.
pub(crate) fn status(state: &State, ctx: &Context<'_>) -> Status {
    if !state.runs() {
        return Status::Stopped(messages::NOT_RUNNING.to_owned());
    }
    if state.is_unsupervised() {
        return Status::NotAnswering(unsupervised(ctx));
    }
    let second = state.service(WEBSOCKETSERVER).map(|_| state.running(WEBSOCKETSERVER, ctx));
    let second = second.transpose();
    let (app, second, nginx) =
        match (state.running(APPSERVER, ctx), second, state.running(NGINX, ctx)) {
            (Ok(app), Ok(second), Ok(nginx)) => (app, second, nginx),
            (app, second, nginx) => {
                let trouble = [app.err(), second.err(), nginx.err()].into_iter().flatten();
                return Status::NotAnswering(trouble.collect::<Vec<_>>().join("\n"));
            }
        };
    let Some(address) = port(nginx) else {
        return Status::NotAnswering(messages::missing_service(NGINX));
    };
    for server in [Some(app), second].into_iter().flatten() {
        let answer = cart_supervisor::ask(address, &server.probe, ANSWER_LIMIT);
        if !matches!(answer, Ok(Some(Verdict::Proved))) {
            let (log, path) = (log(server, ctx), path(&server.probe));
            return Status::NotAnswering(messages::not_answering(address, path, &answer, log));
        }
    }
    let mut text = running_text(ctx, &app.label, &nginx.label);
    let second = second.map(|second| messages::below(path(&second.probe), &second.label));
    text.extend(second.into_iter().chain(background(state, ctx)).map(|line| format!("\n{line}")));
    let figures = line::line(&Figures::gather(state, ctx.dir));
    Status::Running(format!("{text}\n{figures}"))
}

/// How what runs beside the server fares, a line for each.
fn background(state: &State, ctx: &Context<'_>) -> impl Iterator<Item = String> {
    let background = state.services().iter().filter(|it| is_of_procfile(it));
    background.map(|service| messages::background_state(service, log(service, ctx)))
}

/// What is asked of whom nobody looks after: any answer will do.
fn unsupervised(ctx: &Context<'_>) -> String {
    let Ok(address) = Site::address(ctx.env, SHORT_NAME) else {
        return messages::UNSUPERVISED.to_owned();
    };
    let (path, host) = ("/".to_owned(), address.to_string());
    let probe = Probe::Http { path, host, statuses: vec![100..=599] };
    let answer = cart_supervisor::ask(address, &probe, ANSWER_LIMIT);
    messages::unsupervised(address, &answer)
}

fn running_text(ctx: &Context<'_>, app: &str, nginx: &str) -> String {
    let (server, is_last_good) = unlabelled(app);
    let good = is_last_good.then(|| Good::read(ctx.dir)).flatten();
    let python = match &good {
        Some(good) => Some(good.python.clone()),
        None => {
            let place = Places::on_gear(ctx.gear, ctx.dir).environment;
            Stamp::read(&place).map(|stamp| stamp.python.version)
        }
    };
    let mut text = messages::running(server, python.as_ref(), nginx);
    if is_last_good {
        text.push('\n');
        text.push_str(&messages::is_last_good(good.map(|good| good.date()).as_deref()));
    }
    text
}
