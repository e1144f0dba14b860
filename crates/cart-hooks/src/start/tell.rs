//! What a start says to people: what was chosen, and what it came to.

use cart_core::LogFormat;
use cart_core::cartridge::Context;
use cart_nginx::feature::Feature;
use cart_python::ReadyServer;

use crate::messages;
use crate::start::outcome::Up;
use crate::start::ready::Ready;

/// Says which servers were chosen, and why, before they are started.
pub(super) fn chosen(ctx: &mut Context<'_>, ready: &Ready) {
    ctx.message(&messages::server_chosen(&ready.prepared.app.served.chosen));
    if let (Some(second), Some(set)) = (&ready.prepared.websocket, &ready.app.settings.websocket) {
        ctx.message(&messages::second_chosen(&set.path, &second.served.chosen));
    }
}

/// Says what serves.
pub(super) fn served(ctx: &mut Context<'_>, ready: &Ready, up: Up) {
    ctx.result(&self::up(up, ready));
    served_by(ready).iter().for_each(|line| ctx.result(line));
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
    let nginx = ready.nginx.binary();
    if ready.site.settings.log_format == LogFormat::Json && !nginx.has(Feature::JsonLog) {
        ctx.message(&messages::access_log_stays_text(&nginx.build.version));
    }
}

/// After a start or restart.
fn up(up: Up, ready: &Ready) -> String {
    let verb = match up {
        Up::Already => "is running already",
        Up::Started => "started",
        Up::Replaced => "restarted",
    };
    format!(
        "Application {verb}: {} with Python {} behind nginx {} at {}",
        ready.prepared.app.server().name(),
        ready.prepared.python,
        ready.nginx.binary().build.version,
        ready.site.listen,
    )
}

/// How many workers each server has, and whether clients stay with one; nothing where nobody would ask.
fn served_by(ready: &Ready) -> Vec<String> {
    let mut lines = of_workers(&ready.prepared.app);
    if let (Some(second), Some(set)) = (&ready.prepared.websocket, &ready.app.settings.websocket) {
        let below = |line| format!("Below {}: {line}", set.path);
        lines.extend(of_workers(second).into_iter().map(below));
    }
    lines
}

fn of_workers(server: &ReadyServer) -> Vec<String> {
    let count = server.workers.as_ref().and_then(messages::workers);
    let sticky = server.sticky.as_ref();
    let sticky = sticky.map(|why| format!("each client stays with one worker, because {why}"));
    count.into_iter().chain(sticky).collect()
}
