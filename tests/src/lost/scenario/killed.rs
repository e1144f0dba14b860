//! What dies, or is killed from outside.

use cart_core::process::{self, ProcessId};
use cart_core::wait;
use cart_test::try_get;
use rustix::process::Signal;

use super::{done, refused};
use crate::lost::{LIMIT, Stage};
use crate::processes::{child_of, leader, server, supervisor, those_of};

/// An app that takes its time to be imported, so that its server can be met while it proves itself.
const SLOW_IMPORT: &str = "import time\ntime.sleep(2)\n";

pub(super) fn kill_server(stage: &Stage) -> Result<(), String> {
    server(&stage.gear).signal(Signal::KILL);
    serves_again(stage)
}

pub(super) fn kill_worker(stage: &Stage) -> Result<(), String> {
    child_of(server(&stage.gear), "bin/python").signal(Signal::KILL);
    serves_again(stage)
}

pub(super) fn kill_nginx(stage: &Stage) -> Result<(), String> {
    leader(&stage.gear, "nginx: master").signal(Signal::KILL);
    serves_again(stage)
}

pub(super) fn kill_nginx_worker(stage: &Stage) -> Result<(), String> {
    child_of(leader(&stage.gear, "nginx: master"), "nginx: worker").signal(Signal::KILL);
    serves_again(stage)
}

/// Everything goes on, and the next hook takes over and replaces the server.
pub(super) fn kill_supervisor(stage: &Stage) -> Result<(), String> {
    let process = supervisor(&stage.gear);
    process.signal(Signal::KILL);
    if !process.wait_gone(LIMIT) {
        return Err("it does not end".to_owned());
    }
    done(&stage.gear.control("restart"))
}

pub(super) fn serves_again(stage: &Stage) -> Result<(), String> {
    let again = wait::until(LIMIT, || done(&stage.gear.control("status")).ok());
    again.ok_or_else(|| stage.gear.control("status").text)
}

/// As the system does it when memory is short: the new server dies while it proves itself.
pub(super) fn kill_candidate(stage: &Stage) -> Result<(), String> {
    let kill = |candidate: ProcessId, _: ProcessId| candidate.signal(Signal::KILL);
    amid_deploy(stage, kill)
}

/// As the system does it, too: the hook dies while the new server proves itself.
pub(super) fn kill_hook(stage: &Stage) -> Result<(), String> {
    amid_deploy(stage, |_, hook| hook.signal(Signal::KILL))?;
    done(&stage.gear.deploy_hot())
}

/// Everything is told to end from outside; what a person does then is to start it.
pub(super) fn term_everything(stage: &Stage) -> Result<(), String> {
    let all = stage.gear.gear().processes().alive();
    all.iter().for_each(|process| process.signal(Signal::TERM));
    if let Some(process) = all.iter().find(|process| !process.wait_gone(LIMIT)) {
        return Err(format!("pid {} does not end", process.pid));
    }
    done(&stage.gear.control("start"))
}

/// Whichever comes last has its way, and neither fails.
pub(super) fn stop_while_restarting(stage: &Stage) -> Result<(), String> {
    std::thread::scope(|scope| {
        let restart = scope.spawn(|| done(&stage.gear.control("restart")));
        let stop = done(&stage.gear.control("stop"));
        restart.join().unwrap().and(stop)
    })?;
    let running = done(&stage.gear.control("status")).is_ok();
    if running != try_get(stage.gear.address(), "/").is_ok() {
        return Err("status does not tell what runs".to_owned());
    }
    done(&stage.gear.control("start"))
}

/// Deploys an app that is slow to import, and does something to the new server or to the hook in the
/// middle of it.
fn amid_deploy(stage: &Stage, kill: impl FnOnce(ProcessId, ProcessId)) -> Result<(), String> {
    let path = stage.gear.repo().join("app.py");
    let code = std::fs::read_to_string(path).unwrap();
    stage.gear.write("app.py", &format!("{SLOW_IMPORT}{code}"));
    let before = those_of(supervisor(&stage.gear), "bin/python");
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| refused(&stage.gear.deploy_hot()));
        let both = wait::until(LIMIT, || {
            let new = those_of(supervisor(&stage.gear), "bin/python");
            let candidate = new.into_iter().find(|process| !before.contains(process))?;
            Some((candidate, hook(stage)?))
        });
        let Some((candidate, hook)) = both else {
            return Err("the deploy starts no server".to_owned());
        };
        kill(candidate, hook);
        deploy.join().unwrap()
    })
}

/// The process of `control deploy`.
fn hook(stage: &Stage) -> Option<ProcessId> {
    let is_hook = |process: &ProcessId| {
        process::command_line(process.pid).is_some_and(|line| line.ends_with("control deploy"))
    };
    stage.gear.gear().processes().alive().into_iter().find(is_hook)
}
