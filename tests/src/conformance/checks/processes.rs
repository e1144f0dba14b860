//! The processes of a server: shown, counted, killed, and short of memory.

use std::collections::BTreeSet;

use cart_core::process::ProcessId;
use cart_core::unix_sockets::connections;
use cart_core::wait;
use cart_test::get;
use rustix::process::Signal;

use super::super::memory::Group;
use super::super::stage::LIMIT;
use super::Stage;
use crate::figures::{becomes, told};
use crate::processes;
use crate::way::Way;

pub(super) fn threaddump(stage: &Stage) {
    let main = stage.main();
    let processes = stage.workers().len() + 1;
    let answer = stage.during("/block", || {
        let said = stage.gear.control("threaddump").done().text.clone();
        let head = format!("{}: stacks of {processes} of {processes} processes", stage.way.server);
        assert!(said.starts_with(&head), "{head:?} is not at the top of\n{said}");
        assert!(said.contains("in blocks_in_python"), "{said}");
    });
    assert_eq!(answer.body, "blocked");
    assert_eq!(stage.main(), main, "it was replaced");
}

pub(super) fn workers(stage: &Stage) {
    let all: BTreeSet<u32> = stage.workers().iter().map(|worker| worker.pid).collect();
    let seen = || -> BTreeSet<u32> {
        let asked = std::thread::scope(|scope| {
            let asked = [(); 8].map(|()| scope.spawn(|| get(stage.address(), "/pid").body));
            asked.map(|asked| asked.join().unwrap())
        });
        asked.iter().map(|pid| pid.parse().unwrap()).collect()
    };
    let mut served = BTreeSet::new();
    let all_served = || {
        served.extend(seen());
        (served == all).then_some(())
    };
    assert!(wait::until(LIMIT, all_served).is_some(), "{all:?} run, {served:?} serve");
}

/// Who answers clients of many addresses, each of which asks several times.
fn workers_of_clients(stage: &Stage) -> Vec<BTreeSet<u32>> {
    let ask = |client: u8| {
        let header = format!("X-Forwarded-For: 203.0.113.{client}");
        let answer = super::super::ask(stage.address(), "/pid", &[header]);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
        // Beside it there may be the length of a chunk.
        let numbers = body.split(|c: char| !c.is_ascii_digit());
        numbers.max_by_key(|number| number.len()).unwrap().parse().unwrap()
    };
    (0..16).map(|client| (0..3).map(|_| ask(client)).collect()).collect()
}

pub(super) fn own_worker(stage: &Stage) {
    const STICKY: &str = "OPENSHIFT_PYTHON_STICKY";
    stage.gear.set(STICKY, "yes");
    stage.gear.control("restart").done();
    let all: BTreeSet<u32> = stage.workers().iter().map(|worker| worker.pid).collect();
    let before = workers_of_clients(stage);
    assert!(before.iter().all(|workers| workers.len() == 1), "{before:?}");
    let served: BTreeSet<u32> = before.iter().flatten().copied().collect();
    assert_eq!(served, all, "{before:?}");
    kill(stage.workers()[0]);
    // Another has its place, for its clients. Who comes on a connection that died with it may have been
    // answered by anybody.
    let each_has_one = || {
        Some(workers_of_clients(stage)).filter(|all| all.iter().all(|workers| workers.len() == 1))
    };
    let after = wait::until(LIMIT, each_has_one).expect("each has one again");
    for (before, after) in before.iter().zip(&after) {
        assert!(after == before || after.is_disjoint(&all), "{before:?} {after:?}");
    }
    stage.gear.set(STICKY, "");
    stage.gear.control("restart").done();
}

pub(super) fn figures(stage: &Stage) {
    // nginx may have a connection to the generation before, of which no figures are told.
    stage.settle();
    let workers = f64::from(u32::try_from(stage.expected_workers().max(1)).unwrap());
    let before = told(&stage.gear, &["requests"])["requests"];
    let (idle, busy) = (("appserver.busy", 0.0), ("appserver.busy", 1.0));
    let (queued, workers) = (("appserver.queued", 0.0), ("appserver.workers", workers));
    becomes(&stage.gear, &[idle, queued, workers], "before a request");
    stage.during("/wait", || becomes(&stage.gear, &[busy, queued, workers], "in a request"));
    becomes(&stage.gear, &[idle, queued], "after it");
    assert!(told(&stage.gear, &["requests"])["requests"] > before);
}

/// Also after a crash, which proves nothing to the supervisor.
pub(super) fn backlog(stage: &Stage) {
    for _ in 0..2 {
        // When they are there, the server has said how many may wait as it thinks right.
        stage.workers();
        let limit = || (queue_limit(stage) == most_may_wait()).then_some(());
        assert!(wait::until(LIMIT, limit).is_some(), "only {} may wait", queue_limit(stage));
        kill_main(stage);
        stage.page("/");
    }
}

fn most_may_wait() -> u64 {
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    most.trim().parse().unwrap()
}

/// That of the newest generation: its name is of the time when it was bound.
fn queue_limit(stage: &Stage) -> u64 {
    let log = stage.gear.log("supervisor.log");
    let newest = log.lines().rev().find_map(|line| {
        let (_, generation) = line.split_once("appserver: generation ")?;
        line.contains(" serves as ").then(|| generation.split(' ').next().unwrap_or_default())
    });
    let newest = newest.unwrap_or_else(|| panic!("no generation serves: {log}"));
    let socket = stage.gear.cartridge().join(format!("run/appserver.{newest}.sock"));
    connections(&[socket]).expect("the kernel's unix_diag answers").limit
}

/// Kills the main process, which is answered, and waits until its workers are gone, too: in the moment in which they
/// are told to end, they may cut a request, and its second try, too.
fn kill_main(stage: &Stage) -> ProcessId {
    let (main, workers) = (stage.main(), stage.workers());
    kill(main);
    for orphan in workers {
        assert!(orphan.wait_gone(LIMIT), "pid {} outlives its main process", orphan.pid);
    }
    main
}

pub(super) fn killed(stage: &Stage) {
    for _ in 0..2 {
        let main = kill_main(stage);
        assert_eq!(stage.page("/"), "conformance");
        assert_ne!(stage.main(), main);
        stage.workers();
        assert_eq!(stage.page("/"), "conformance");
    }
    stage.gear.control("status").done();
}

pub(super) fn killed_worker(stage: &Stage) {
    let main = stage.main();
    let [killed, ..] = stage.workers()[..] else { panic!("no worker") };
    kill(killed);
    assert_eq!(stage.page("/"), "conformance");
    assert_eq!(stage.main(), main, "all of it was started anew");
    assert!(!stage.workers().contains(&killed));
    workers(stage);
    assert_eq!(queue_limit(stage), most_may_wait(), "the new worker made the queue shorter");
}

fn kill(process: ProcessId) {
    process.signal(Signal::KILL);
    assert!(process.wait_gone(LIMIT), "pid {} does not end", process.pid);
}

/// As an OpenShift gear has by default.
const MEGABYTES: usize = 512;

pub(super) fn no_limit(_: &Way) -> Option<String> {
    Group::new(MEGABYTES).err()
}

/// All that runs on the gear is in one group, two generations at a time while they are exchanged.
pub(super) fn little_memory(stage: &Stage) {
    let group = Group::new(MEGABYTES).unwrap();
    // Who is started from now on is a child of one of them.
    stage.gear.gear().processes().alive().into_iter().for_each(|process| group.take(process));
    let tally = stage.under_load(|| {
        stage.gear.control("restart").done();
        super::http::upload(stage);
        super::http::slow_clients(stage);
    });
    assert_eq!(group.killed(), 0, "processes were killed for want of memory");
    assert_eq!(tally.lost(), 0, "of {} requests: {}", tally.sent, tally.losses());
    assert!(processes::settled(&stage.gear, LIMIT));
}
