//! What dies, or is killed from outside.

use cart_core::process::{self, ProcessId};
use cart_core::wait;
use cart_test::try_get;
use rustix::process::Signal;

use super::{done, refused};
use crate::lost::{LIMIT, Stage};
use crate::processes::{child_of, heirs, leader, server, successor, supervisor, those_of};

/// An app that takes its time to be imported, so that its server can be met while it proves itself.
const SLOW_IMPORT: &str = "import time\ntime.sleep(2)\n";

pub(super) fn kill_server(stage: &Stage) -> Result<(), String> {
    server(&stage.gear).signal(Signal::KILL);
    serves_again(stage)
}

/// Most servers have one process, where nobody says more.
pub(super) fn kill_worker(stage: &Stage) -> Result<(), String> {
    stage.gear.set("OPENSHIFT_PYTHON_WORKERS", "2");
    done(&stage.gear.control("restart"))?;
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

/// Everything goes on, and its successor takes over and replaces the server when it is asked to.
pub(super) fn kill_supervisor(stage: &Stage) -> Result<(), String> {
    succeeded(stage)?;
    done(&stage.gear.control("restart"))
}

/// The successor looks after what it has not started.
pub(super) fn supervisor_then_app(stage: &Stage) -> Result<(), String> {
    succeeded(stage)?;
    server(&stage.gear).signal(Signal::KILL);
    serves_unaided(stage)
}

pub(super) fn supervisor_then_nginx(stage: &Stage) -> Result<(), String> {
    succeeded(stage)?;
    leader(&stage.gear, "nginx: master").signal(Signal::KILL);
    serves_unaided(stage)
}

/// The next writer writes on where it ended.
pub(super) fn writer(stage: &Stage) -> Result<(), String> {
    kill(&heirs(&stage.gear))?;
    has_heir(stage)
}

/// Each of our own in turn is the only one that lives.
pub(super) fn all_but_one(stage: &Stage) -> Result<(), String> {
    all_but(stage, &[supervisor(&stage.gear)])?;
    stage.settle();
    has_heir(stage)?;
    let former = supervisor(&stage.gear);
    all_but(stage, &heirs(&stage.gear))?;
    successor(&stage.gear, former);
    Ok(())
}

/// Whoever lives is found by what it is; the app's socket is lost until the start.
pub(super) fn lost_run(stage: &Stage) -> Result<(), String> {
    std::fs::remove_dir_all(stage.gear.cartridge().join("run")).map_err(|e| e.to_string())?;
    done(&stage.gear.control("start"))?;
    done(&stage.gear.control("status"))
}

/// Kills the supervisor; somebody else succeeds it.
fn succeeded(stage: &Stage) -> Result<(), String> {
    has_heir(stage)?;
    let former = supervisor(&stage.gear);
    kill(&[former])?;
    successor(&stage.gear, former);
    Ok(())
}

/// Waits for somebody who would succeed the supervisor: one that was killed before is back only after
/// its back-off.
fn has_heir(stage: &Stage) -> Result<(), String> {
    let there = wait::until(LIMIT, || (!heirs(&stage.gear).is_empty()).then_some(()));
    there.ok_or_else(|| "nobody writes the log".to_owned())
}

fn all_but(stage: &Stage, survivors: &[ProcessId]) -> Result<(), String> {
    let mut others = stage.gear.gear().processes().alive();
    others.retain(|process| !survivors.contains(process));
    kill(&others)?;
    serves_unaided(stage)
}

fn kill(processes: &[ProcessId]) -> Result<(), String> {
    processes.iter().for_each(|process| process.signal(Signal::KILL));
    let alive = processes.iter().find(|process| !process.wait_gone(LIMIT));
    alive.map_or(Ok(()), |process| Err(format!("pid {} does not end", process.pid)))
}

/// Waits for an answer, without a hook that might help.
fn serves_unaided(stage: &Stage) -> Result<(), String> {
    let again = || try_get(stage.gear.address(), "/").ok().filter(|answer| answer.status == 200);
    wait::until(LIMIT, again).map(drop).ok_or_else(|| stage.gear.log("supervisor.log"))
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
