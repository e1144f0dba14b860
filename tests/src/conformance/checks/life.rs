//! Starts, ends, and what is between them: nothing is lost.

use cart_core::exit_code::NOT_RUNNING;
use cart_core::wait;
use cart_test::{Tally, try_get};

use super::super::stage::LIMIT;
use super::Stage;
use crate::way;

pub(super) fn start(stage: &Stage) {
    stage.gear.control("stop").done();
    stage.gear.control("start").done();
    stage.gear.control("status").done();
    assert_eq!(stage.gear.control("server").done().text, stage.way.server);
    assert_eq!(stage.page("/"), "conformance");
}

pub(super) fn proof(stage: &Stage) {
    stage.gear.set("OPENSHIFT_PYTHON_START_TIMEOUT", "2");
    let pid = stage.main();
    for (how, said) in [("import", "broken at its import"), ("hang", "2 s")] {
        stage.gear.set("BREAKS", how);
        stage.gear.control("restart").failed_saying(&[said, "still serves"]);
        assert_eq!(stage.page("/"), "conformance", "{how}");
        assert_eq!(stage.main(), pid, "{how}");
    }
    for name in ["BREAKS", "OPENSHIFT_PYTHON_START_TIMEOUT"] {
        stage.gear.set(name, "");
    }
    stage.settle();
}

pub(super) fn term(stage: &Stage) {
    let replaced = stage.main();
    let pid = format!("pid {}", replaced.pid);
    let answer = stage.during("/wait", || {
        stage.gear.control("restart").done();
        stage.supervisor_says(&[&format!("{pid} of"), "asked to end"]);
        assert!(replaced.is_alive(), "it did not wait for a request in its hands");
    });
    assert_eq!((answer.status, answer.body.as_str()), (200, "waited"));
    stage.settle();
    ended_well(stage, &pid);
}

pub(super) fn stop(stage: &Stage) {
    let pid = format!("pid {}", stage.main().pid);
    let answer = stage.during("/wait", || {
        // The stop waits for the request, and the request for us.
        let mark = stage.mark("go-on");
        std::thread::scope(|scope| {
            let stop = scope.spawn(|| stage.gear.control("stop"));
            let refused = || try_get(stage.address(), "/").is_err().then_some(());
            let refused = wait::until(LIMIT, refused);
            cart_core::files::write_atomic(&mark, b"", 0o644).unwrap();
            stop.join().unwrap().done();
            assert!(refused.is_some(), "it was not stopped");
        });
    });
    assert_eq!((answer.status, answer.body.as_str()), (200, "waited"));
    assert_eq!(stage.gear.control("status").code, i32::from(NOT_RUNNING));
    let left = || stage.gear.gear().processes().alive();
    assert!(wait::until(LIMIT, || left().is_empty().then_some(())).is_some(), "{:?}", left());
    ended_well(stage, &pid);
    stage.gear.control("start").done();
}

/// Killed by the signal that it was sent is an end as it was asked for; anything else is a crash.
fn ended_well(stage: &Stage, pid: &str) {
    stage.supervisor_says(&[&format!("{pid} ended with")]);
    let log = stage.gear.log("supervisor.log");
    let end = log.lines().find(|line| line.contains(&format!("{pid} ended with"))).unwrap();
    assert!(end.ends_with("exit code 0") || end.ends_with("signal 15"), "{end}");
}

pub(super) fn restart(stage: &Stage) {
    loses_nothing(&stage.under_load(|| {
        stage.gear.control("restart").done();
    }));
}

pub(super) fn switch(stage: &Stage) {
    for other in way::defaults().filter(|other| other.server != stage.way.server) {
        for to in [other, stage.way] {
            let tally = stage.under_load(|| to.switch(&stage.gear));
            assert_eq!(stage.gear.control("server").done().text, to.server);
            assert_eq!(tally.lost(), 0, "to {}: {}", to.name, tally.losses());
        }
    }
}

#[track_caller]
fn loses_nothing(tally: &Tally) {
    assert_eq!(tally.lost(), 0, "of {} requests: {}", tally.sent, tally.losses());
}
