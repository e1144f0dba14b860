//! The changes under which a load is watched.

mod killed;
mod planned;
mod upgrade;

use cart_test::Outcome;

use super::Stage;

/// What clients may notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Every request is answered, and a WebSocket stays open.
    NothingLost,
    /// Every GET is answered, and of POSTs all that were not in the killed server's hands; within a
    /// second and the server's own start, others are answered.
    NoGetLost,
    /// What was in hand is lost; within the same time everything is answered again.
    ServesAgain,
    /// Everything ends as somebody wanted, and a start brings it back.
    Ends,
}

/// One change.
#[derive(Debug)]
pub struct Scenario {
    /// How it is called.
    pub name: &'static str,
    /// What clients may notice of it.
    pub promise: Promise,
    /// On which servers alone it can be played, if not on all.
    servers: &'static [&'static str],
    pub(super) change: fn(&Stage) -> Result<(), String>,
}

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    planned("restart", |stage| done(&stage.gear.control("restart"))),
    planned("two-restarts", planned::two_restarts),
    planned("switch-to-wsgiref", |stage| planned::switch(stage, "wsgiref"))
        .on(&["gevent", "gunicorn"]),
    planned("switch-to-gevent", |stage| planned::switch(stage, "gevent"))
        .on(&["wsgiref", "gunicorn"]),
    planned("switch-to-gunicorn", |stage| planned::switch(stage, "gunicorn"))
        .on(&["wsgiref", "gevent"]),
    planned("switch-through-all", planned::switch_through_all).on(&["wsgiref", "uvicorn"]),
    planned("variable", planned::variable),
    planned("reload-nginx", planned::reload_nginx),
    planned("reload-broken", planned::reload_broken),
    planned("hot-deploy", planned::hot_deploy),
    planned("upgrade", upgrade::upgrade),
    planned("git-push", planned::git_push),
    planned("git-push-broken", planned::git_push_broken),
    planned("fail-import", planned::fail_import),
    planned("fail-500", planned::fail_500),
    planned("fail-hang", planned::fail_hang),
    killed("kill-server", Promise::NoGetLost, killed::kill_server),
    killed("kill-worker", Promise::NoGetLost, killed::kill_worker),
    killed("kill-nginx", Promise::ServesAgain, killed::kill_nginx),
    killed("kill-nginx-worker", Promise::ServesAgain, killed::kill_nginx_worker),
    killed("kill-candidate", Promise::NothingLost, killed::kill_candidate),
    killed("kill-hook", Promise::NothingLost, killed::kill_hook),
    killed("stop-while-restart", Promise::Ends, killed::stop_while_restarting),
    killed("term-everything", Promise::Ends, killed::term_everything),
    killed("kill-supervisor", Promise::NothingLost, killed::kill_supervisor),
    killed("supervisor-then-app", Promise::ServesAgain, killed::supervisor_then_app),
    killed("supervisor-then-nginx", Promise::ServesAgain, killed::supervisor_then_nginx),
    killed("writer", Promise::NothingLost, killed::writer),
    killed("all-but-one", Promise::ServesAgain, killed::all_but_one),
    killed("lost-run", Promise::ServesAgain, killed::lost_run),
];

/// The scenario of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

impl Scenario {
    /// Whether it can be played on this server.
    #[must_use]
    pub fn is_for(&self, server: &str) -> bool {
        self.servers.is_empty() || self.servers.contains(&server)
    }

    const fn on(mut self, servers: &'static [&'static str]) -> Self {
        self.servers = servers;
        self
    }
}

const fn planned(name: &'static str, change: fn(&Stage) -> Result<(), String>) -> Scenario {
    Scenario { name, promise: Promise::NothingLost, servers: &[], change }
}

const fn killed(
    name: &'static str,
    promise: Promise,
    change: fn(&Stage) -> Result<(), String>,
) -> Scenario {
    Scenario { name, promise, servers: &[], change }
}

fn done(outcome: &Outcome) -> Result<(), String> {
    if outcome.code == 0 { Ok(()) } else { Err(outcome.text.clone()) }
}

fn refused(outcome: &Outcome) -> Result<(), String> {
    if outcome.code == 0 { Err(format!("it was done: {}", outcome.text)) } else { Ok(()) }
}
